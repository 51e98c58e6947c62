/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "check_main.h"
#include "denied.h"
#include "refusal.h"

#define ALICE    1001
#define BOB      1002
#define BEGIN_MS 5000

static struct denied denied;

/* How often that many are told; *count is of the last one. */
static int told(
	int times, uint32_t uid, enum grant_denial_reason reason, uint64_t now_ms, uint64_t *count)
{
	const struct grant_denial denial = {.reason = reason, .uid = uid, .port = 60001};
	int lines = 0;

	for (int i = 0; i < times; i++)
		lines += denied_count(&denied, &denial, now_ms, count);
	return lines;
}

static struct {
	uint32_t first, last;
	size_t count;
} kept;

static void keep(const struct denied_last *last, void *context)
{
	ck_assert_ptr_null(context);
	if (kept.count++ == 0)
		kept.first = last->uid;
	kept.last = last->uid;
}

START_TEST(denied_few_lines)
{
	uint64_t count;

	ck_assert_int_eq(told(1, BOB, DENIAL_LIMIT_USER, BEGIN_MS, &count), 1);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(told(999, BOB, DENIAL_LIMIT_USER, BEGIN_MS, &count), DENIED_LINES - 1);
	ck_assert_uint_eq(count, 1000);
	ck_assert_int_eq(told(2, BOB, DENIAL_LIMIT_USER, BEGIN_MS + REFUSAL_QUIET_MS, &count), 2);
	ck_assert_uint_eq(count, 1002);
	denied_clear(&denied);
	ck_assert_ptr_null(denied.users);
}
END_TEST

/* Nobody's, and no other reason, is kept back for it. */
START_TEST(denied_apart)
{
	uint64_t count;

	told(1000, BOB, DENIAL_LIMIT_USER, BEGIN_MS, &count);
	ck_assert_int_eq(told(1, ALICE, DENIAL_LIMIT_USER, BEGIN_MS, &count), 1);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(told(1, BOB, DENIAL_NO_LOGIN, BEGIN_MS, &count), 1);
	ck_assert_uint_eq(count, 1);
	denied_clear(&denied);
}
END_TEST

/* Those without a login share their lines, whatever their uids, and the latest ones are kept. */
START_TEST(denied_strangers_in_common)
{
	uint64_t count;
	int lines = 0;

	for (uint32_t i = 0; i < 1000; i++)
		lines += told(1, 165536 + i, DENIAL_NO_LOGIN, BEGIN_MS, &count);
	ck_assert_int_eq(lines, DENIED_LINES);
	ck_assert_uint_eq(count, 1000);
	told(1, 165536 + 999 - DENIED_STRANGERS + 1, DENIAL_NO_LOGIN, BEGIN_MS, &count);
	told(1, ALICE, DENIAL_NO_LOGIN, BEGIN_MS, &count);
	memset(&kept, 0, sizeof(kept));
	denied_each(&denied, keep, NULL);
	ck_assert_uint_eq(kept.count, DENIED_STRANGERS);
	ck_assert_uint_eq(kept.first, 165536 + 999 - DENIED_STRANGERS + 3);
	ck_assert_uint_eq(kept.last, ALICE);
	ck_assert_int_eq(told(1, BOB, DENIAL_NO_LOGIN, BEGIN_MS + REFUSAL_QUIET_MS, &count), 1);
	denied_clear(&denied);
	ck_assert_ptr_null(denied.strangers);
}
END_TEST

static int told_of_logins(
	int times, uint32_t uid, enum denied_login kind, uint64_t now_ms, uint64_t *count)
{
	int lines = 0;

	for (int i = 0; i < times; i++)
		lines += denied_count_login(&denied, uid, kind, now_ms, count);
	return lines;
}

/* Of logins, too; and they are in nobody else's way, nor told of as sockets that were denied. */
START_TEST(denied_logins)
{
	uint64_t count;

	told(1000, BOB, DENIAL_NO_LOGIN, BEGIN_MS, &count);
	ck_assert_int_eq(told_of_logins(70, BOB, DENIED_LOGIN_LIMIT, BEGIN_MS, &count), 10);
	ck_assert_uint_eq(count, 70);
	ck_assert_int_eq(told_of_logins(1, BOB, DENIED_LOGIN_FAMILY, BEGIN_MS, &count), 1);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(told_of_logins(1, ALICE, DENIED_LOGIN_LIMIT, BEGIN_MS, &count), 1);
	ck_assert_int_eq(
		told_of_logins(1, BOB, DENIED_LOGIN_LIMIT, BEGIN_MS + REFUSAL_QUIET_MS, &count), 1);
	ck_assert_uint_eq(count, 71);
	memset(&kept, 0, sizeof(kept));
	denied_each(&denied, keep, NULL);
	ck_assert_uint_eq(kept.count, 1);
	denied_clear(&denied);
	ck_assert_ptr_null(denied.logins);
}
END_TEST

static void sum(const struct denied_last *last, void *context)
{
	uint64_t *count = context;

	ck_assert_uint_eq(last->uid, BOB);
	ck_assert_uint_eq(last->at_ms, BEGIN_MS + 1);
	ck_assert_uint_eq(last->port, 60001);
	*count += last->count;
}

START_TEST(denied_last_one)
{
	uint64_t count;

	told(3, BOB, DENIAL_LIMIT_USER, BEGIN_MS, &count);
	told(1, BOB, DENIAL_LIMIT_USER, BEGIN_MS + 1, &count);
	told(1, BOB, DENIAL_FAMILY, BEGIN_MS + 1, &count);
	count = 0;
	denied_each(&denied, sum, &count);
	ck_assert_uint_eq(count, 5);
	denied_clear(&denied);
}
END_TEST

CHECK_MAIN("denied", TEST(denied_few_lines), TEST(denied_apart), TEST(denied_strangers_in_common),
	TEST(denied_logins), TEST(denied_last_one))
