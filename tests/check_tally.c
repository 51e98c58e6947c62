/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_main.h"
#include "tally.h"

START_TEST(tally_counts)
{
	struct tally tally = {0};

	ck_assert_int_eq(tally_of(&tally, 1, 2), 0);
	ck_assert_int_eq(tally_add(&tally, 1, 2, 1), 1);
	ck_assert_int_eq(tally_add(&tally, 1, 2, 3), 4);
	ck_assert_int_eq(tally_add(&tally, 1, 2, -6), -2);
	ck_assert_int_eq(tally_of(&tally, 1, 2), -2);
	tally_clear(&tally);
	ck_assert_int_eq(tally_of(&tally, 1, 2), 0);
	tally_clear(&tally);
}
END_TEST

/* Each pair of numbers has a counter of its own. */
START_TEST(tally_pairs)
{
	static const uint64_t numbers[] = {0, 1, UINT32_MAX, UINT64_MAX};
	struct tally tally = {0};

	for (uint64_t i = 0; i < 16; i++)
		tally_add(&tally, numbers[i / 4], numbers[i % 4], (int64_t)i);
	for (uint64_t i = 0; i < 16; i++)
		ck_assert_int_eq(tally_of(&tally, numbers[i / 4], numbers[i % 4]), (int64_t)i);
	tally_clear(&tally);
}
END_TEST

CHECK_MAIN("tally", TEST(tally_counts), TEST(tally_pairs))
