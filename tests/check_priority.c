/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check_main.h"
#include "priority.h"

#define START  50000000u
#define SECOND 1000000u
#define BUDGET (PRIORITY_BUDGET_MS * 1000u)
#define MOST   (PRIORITY_REST_MS * 1000u)

static struct priority priority;

static void begin(void)
{
	priority = (struct priority){START, 7000, 7000};
}

static uint64_t at(uint64_t now_us, uint64_t used_us)
{
	return priority_account(&priority, START + now_us, 7000 + used_us);
}

/* Within its budget, beyond it, and in the second after. */
START_TEST(priority_rests)
{
	begin();
	ck_assert_uint_eq(at(500000, BUDGET - 300), 0);
	ck_assert_uint_eq(at(510000, BUDGET), 0);
	ck_assert_uint_eq(at(520000, BUDGET + 400), 400);
	ck_assert_uint_eq(at(530000, BUDGET + 400), 0);
	ck_assert_uint_eq(at(SECOND - 1, BUDGET + 1400), 1000);
	ck_assert_uint_eq(at(SECOND, BUDGET + 2400), 0);
	ck_assert_uint_eq(at(2 * SECOND - 1, 2 * BUDGET + 2400), 0);
	ck_assert_uint_eq(at(2 * SECOND - 1, 2 * BUDGET + 2401), 1);
}
END_TEST

START_TEST(priority_rests_at_most)
{
	begin();
	ck_assert_uint_eq(at(100000, BUDGET), 0);
	ck_assert_uint_eq(at(100000, BUDGET + MOST), MOST);
	ck_assert_uint_eq(at(100000, BUDGET + 2 * MOST + 1), MOST);
}
END_TEST

/* What a second did not use is not saved up for another. */
START_TEST(priority_saves_nothing)
{
	begin();
	ck_assert_uint_eq(at(60 * SECOND, 0), 0);
	ck_assert_uint_eq(at(60 * SECOND + 1, BUDGET), 0);
	ck_assert_uint_eq(at(60 * SECOND + 1, BUDGET + 9), 9);
}
END_TEST

/* As root; and where a machine gives it no real-time priority, then the nice value. */
START_TEST(priority_taken)
{
	const struct sched_param lowest = {.sched_priority = 1};
	bool may = geteuid() == 0 && sched_setscheduler(0, SCHED_RR, &lowest) == 0;

	if (may)
		ck_assert_int_eq(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}), 0);
	priority_take();
	ck_assert_int_eq(sched_getscheduler(0), may ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER);
	if (geteuid() == 0)
		ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), -10);
}
END_TEST

CHECK_MAIN("priority", TEST(priority_rests), TEST(priority_rests_at_most),
	TEST(priority_saves_nothing), TEST(priority_taken))
