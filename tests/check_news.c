/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "check_main.h"
#include "clock.h"
#include "news.h"

#define WAIT_MS 10000

static struct event_base *base;
static struct news *news;
static bool is_catching_up; /* when one has opened */
static char told[256];      /* "+user PID" and "-PID", in the order in which they came */

static void tell(char what, const char *user, pid_t pid)
{
	char item[24];

	snprintf(item, sizeof(item), "%c%.5s%d ", what, user, (int)pid);
	if (strlen(told) + strlen(item) < sizeof(told))
		strcat(told, item);
}

static void on_opened(const struct wire_session *session, pid_t pid, void *context)
{
	ck_assert_ptr_eq(context, &told);
	tell('+', session->user, pid);
	if (!is_catching_up)
		return;
	news_closed(news, 12);
	news_catch_up(news);
}

static void on_closed(pid_t pid, void *context)
{
	ck_assert_ptr_eq(context, &told);
	tell('-', "", pid);
}

static uint64_t now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static void begin(void)
{
	static const struct news_calls calls = {on_opened, on_closed};

	struct event_config *config = event_config_new();

	told[0] = '\0';
	ck_assert_int_eq(event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER), 0);
	base = event_base_new_with_config(config);
	event_config_free(config);
	ck_assert_int_eq(event_base_priority_init(base, 2), 0);
	news = news_new(base, &calls, 0, &told);
}

static void finish(void)
{
	news_free(news);
	event_base_free(base);
	libevent_global_shutdown();
}

static void open_session(const char *user, pid_t pid)
{
	struct wire_session session = {.type = WIRE_OPEN};

	strcpy(session.user, user);
	news_opened(news, &session, pid);
	memset(&session, 0, sizeof(session)); /* it is the caller's */
}

static void wait_until_told(const char *wanted)
{
	uint64_t end_ms = clock_boot_ms() + WAIT_MS;

	while (strcmp(told, wanted) != 0 && clock_boot_ms() < end_ms)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_str_eq(told, wanted);
}

/* Not at once, and in their order. */
START_TEST(news_later)
{
	begin();
	open_session("alice", 10);
	open_session("bob", 11);
	news_closed(news, 10);
	ck_assert_str_eq(told, "");
	wait_until_told("+alice10 +bob11 -10 ");
	/* nothing is left to wait for */
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	news_closed(news, 11);
	wait_until_told("+alice10 +bob11 -10 -11 ");
	finish();
}
END_TEST

/* The first one sets the time: who comes later does not put the others off. */
START_TEST(news_in_time)
{
	uint64_t start_us = now_us();

	begin();
	open_session("alice", 10);
	for (int turns = 0; told[0] == '\0' && turns < 20; turns++) {
		open_session("bob", 11);
		event_base_loop(base, EVLOOP_NONBLOCK);
		nanosleep(&(struct timespec){.tv_nsec = NEWS_OPENED_US * 1000 / 10}, NULL);
	}
	ck_assert_uint_ge(now_us() - start_us, NEWS_OPENED_US);
	ck_assert_int_eq(strncmp(told, "+alice10 ", 9), 0);
	finish();
}
END_TEST

/* The same of those that close. */
START_TEST(news_closed_in_time)
{
	begin();
	news_closed(news, 10);
	for (int turns = 0; told[0] == '\0' && turns < 20; turns++) {
		news_closed(news, 11);
		event_base_loop(base, EVLOOP_NONBLOCK);
		nanosleep(&(struct timespec){.tv_nsec = NEWS_CLOSED_US * 1000 / 5}, NULL);
	}
	ck_assert_int_eq(strncmp(told, "-10 -11 ", 8), 0);
	finish();
}
END_TEST

/* One that closes is not put off by those that open, and takes them along. */
START_TEST(news_closed_hurries)
{
	uint64_t fastest_us = UINT64_MAX;

	for (int tries = 0; tries < 100 && fastest_us >= NEWS_OPENED_US; tries++) {
		uint64_t start_us = now_us(), took_us;

		begin();
		open_session("alice", 10);
		news_closed(news, 10);
		open_session("bob", 11);
		wait_until_told("+alice10 -10 +bob11 ");
		took_us = now_us() - start_us;
		if (took_us < fastest_us)
			fastest_us = took_us;
		finish();
	}
	ck_assert_uint_ge(fastest_us, NEWS_CLOSED_US);
	ck_assert_uint_lt(fastest_us, NEWS_OPENED_US);
}
END_TEST

START_TEST(news_catching_up)
{
	begin();
	open_session("alice", 10);
	ck_assert(news_catch_up(news));
	ck_assert_str_eq(told, "+alice10 ");
	ck_assert(!news_catch_up(news));
	ck_assert_str_eq(told, "+alice10 ");
	/* once only */
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	ck_assert_str_eq(told, "+alice10 ");
	finish();
}
END_TEST

/* Who is told has more to tell, and catches up himself. */
START_TEST(news_within)
{
	begin();
	is_catching_up = true;
	open_session("alice", 10);
	news_closed(news, 11);
	ck_assert(news_catch_up(news));
	ck_assert_str_eq(told, "+alice10 -11 -12 ");
	ck_assert(!news_catch_up(news));
	news_closed(news, 13);
	is_catching_up = false;
	wait_until_told("+alice10 -11 -12 -13 ");
	finish();
}
END_TEST

START_TEST(news_freed)
{
	begin();
	open_session("alice", 10);
	finish();
	ck_assert_str_eq(told, "");
}
END_TEST

CHECK_MAIN("news", TEST(news_later), TEST(news_in_time), TEST(news_closed_in_time),
	TEST(news_closed_hurries), TEST(news_catching_up), TEST(news_within), TEST(news_freed))
