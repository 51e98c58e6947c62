/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_main.h"
#include "refusal.h"

#define BEGIN_MS 5000 /* less than REFUSAL_QUIET_MS, as soon after boot */

START_TEST(refusal_first_is_told)
{
	struct refusal refusal = {0};

	ck_assert(refusal_count(&refusal, BEGIN_MS, 1));
	ck_assert_uint_eq(refusal.count, 1);
}
END_TEST

/* However many there are, one line, or two, in each while tells of them; none is left uncounted. */
START_TEST(refusal_flood)
{
	const uint64_t last_ms = 10 * REFUSAL_QUIET_MS;
	struct refusal refusal = {0};
	int told = 0;

	for (uint64_t ms = 0; ms < last_ms; ms += 10)
		told += refusal_count(&refusal, BEGIN_MS + ms, (unsigned int)_i);
	ck_assert_int_eq(told, 10 * _i);
	ck_assert_uint_eq(refusal.count, last_ms / 10);
}
END_TEST

/* What comes steadily is told steadily: one that is not told puts nothing off. */
START_TEST(refusal_after_quiet)
{
	struct refusal refusal = {0};

	ck_assert(refusal_count(&refusal, BEGIN_MS, 1));
	ck_assert(!refusal_count(&refusal, BEGIN_MS + REFUSAL_QUIET_MS - 1, 1));
	ck_assert(refusal_count(&refusal, BEGIN_MS + REFUSAL_QUIET_MS, 1));
	ck_assert_uint_eq(refusal.count, 3);
}
END_TEST

CHECK_MAIN(
	"refusal", TEST(refusal_first_is_told), LOOP(refusal_flood, 3), TEST(refusal_after_quiet))
