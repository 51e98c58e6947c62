/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "check_policy.h"
#include "past.h"

#define ALICE 1001
#define BOB   1002

static struct past past;

struct seen {
	struct past_event events[PAST_MOST + 1];
	size_t count, of_alice;
};
static struct seen seen;

static void see(const struct past_event *event, void *context)
{
	ck_assert_ptr_eq(context, &seen);
	ck_assert_uint_le(seen.count, PAST_MOST);
	seen.events[seen.count++] = *event;
	seen.of_alice += event->uid == ALICE;
}

static void look(void)
{
	memset(&seen, 0, sizeof(seen));
	past_each(&past, see, &seen);
}

static void end_grant(uint32_t uid, const char *client, uint16_t port, uint64_t now_ms)
{
	struct grant grant = {.label = {.uid = uid, .cookie = 7, .since_ms = 5},
		.key = {policy_address(client), policy_address("198.51.100.7"), port},
		.reason = GRANT_IDLE};

	label_set_user(&grant.label, "alice");
	past_add_grant(&past, &grant, now_ms);
}

START_TEST(past_last_of_each)
{
	const struct login login = policy_login(1, ALICE, "203.0.113.5", NULL);

	past_add_login(&past, PAST_LOGOUT, &login, 10);
	past_add_login(&past, PAST_REFUSED, &login, 11);
	end_grant(ALICE, "203.0.113.5", 60001, 12);
	end_grant(ALICE, "203.0.113.5", 60002, 13);
	end_grant(ALICE, "203.0.113.6", 60001, 14);
	past_add_login(&past, PAST_LOGOUT, &login, 15); /* in place of the first, and the newest */
	look();
	ck_assert_uint_eq(seen.count, 5);
	ck_assert_int_eq(seen.events[0].kind, PAST_REFUSED);
	ck_assert_uint_eq(seen.events[4].ended_ms, 15);
	ck_assert_str_eq(seen.events[4].user, "alice");
	ck_assert_uint_eq(seen.events[1].key.port, 60001);
	ck_assert_int_eq(seen.events[1].reason, GRANT_IDLE);
	ck_assert_uint_eq(seen.events[1].since_ms, 5);
	past_clear(&past);
	look();
	ck_assert_uint_eq(seen.count, 0);
}
END_TEST

/* Who makes many things end pushes out his own. */
START_TEST(past_few_of_a_user)
{
	end_grant(ALICE, "203.0.113.5", 60001, 1);
	for (uint16_t port = 1; port <= 1000; port++)
		end_grant(BOB, "203.0.113.9", port, port);
	look();
	ck_assert_uint_eq(seen.count, PAST_PER_USER + 1);
	ck_assert_uint_eq(seen.of_alice, 1);
	ck_assert_uint_eq(seen.events[PAST_PER_USER].key.port, 1000);
	past_clear(&past);
}
END_TEST

START_TEST(past_few_of_all)
{
	for (uint32_t uid = 1; uid <= PAST_MOST + 100; uid++)
		end_grant(uid, "203.0.113.9", 60001, uid);
	look();
	ck_assert_uint_eq(seen.count, PAST_MOST);
	ck_assert_uint_eq(seen.events[0].uid, 101);
	past_clear(&past);
}
END_TEST

START_TEST(past_nothing_of_the_unknown)
{
	const struct grant stale = {.label = {.uid = UINT32_MAX}, .reason = GRANT_STALE};
	char name[256];
	struct login login = policy_login(1, ALICE, "203.0.113.5", NULL);

	past_add_grant(&past, &stale, 1);
	look();
	ck_assert_uint_eq(seen.count, 0);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	login.user = name;
	past_add_login(&past, PAST_LOGOUT, &login, 1);
	look();
	ck_assert_str_eq(seen.events[0].user, "");
	past_clear(&past);
}
END_TEST

CHECK_MAIN("past", TEST(past_last_of_each), TEST(past_few_of_a_user), TEST(past_few_of_all),
	TEST(past_nothing_of_the_unknown))
