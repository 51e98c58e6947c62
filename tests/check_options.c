/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "check_main.h"
#include "options.h"

#define PATH10  "/234567890"
#define PATH107 PATH10 PATH10 PATH10 PATH10 PATH10 PATH10 PATH10 PATH10 PATH10 PATH10 "/234567"

static const struct options before = {"before", 77, true};

static void check_equal(const struct options *options, const struct options *expected)
{
	ck_assert_str_eq(options->socket, expected->socket);
	ck_assert_int_eq(options->timeout_ms, expected->timeout_ms);
	ck_assert_int_eq(options->is_debug, expected->is_debug);
}

static int parse(const char *first, const char *second, struct options *options, const char **bad)
{
	const char *words[] = {first, second, NULL};

	return options_parse(second ? 2 : first ? 1 : 0, words, options, bad);
}

START_TEST(defaults)
{
	struct options options = before;
	const char *bad = "untouched";

	ck_assert_int_eq(parse(NULL, NULL, &options, &bad), 0);
	ck_assert_str_eq(options.socket, SESSION_SOCKET);
	ck_assert_int_eq(options.timeout_ms, 500);
	ck_assert(!options.is_debug);
	ck_assert_str_eq(bad, "untouched");
}
END_TEST

static const struct {
	const char *first, *second;
	struct options expected;
} good[] = {
	{"socket=/run/other", NULL, {"/run/other", 500, false}},
	{"socket=" PATH107, NULL, {PATH107, 500, false}},
	{"socket=/", NULL, {"/", 500, false}},
	{"timeout=1", NULL, {SESSION_SOCKET, 1, false}},
	{"timeout=10000", NULL, {SESSION_SOCKET, 10000, false}},
	{"timeout=0250", NULL, {SESSION_SOCKET, 250, false}},
	{"debug", NULL, {SESSION_SOCKET, 500, true}},
	{"debug", "debug", {SESSION_SOCKET, 500, true}},
	{"timeout=20", "socket=/x", {"/x", 20, false}},
	{"timeout=20", "timeout=30", {SESSION_SOCKET, 30, false}},
	{"socket=/a", "socket=/b", {"/b", 500, false}},
};

START_TEST(accepts)
{
	struct options options = before;
	const char *bad = NULL;

	ck_assert_int_eq(parse(good[_i].first, good[_i].second, &options, &bad), 0);
	check_equal(&options, &good[_i].expected);
}
END_TEST

static const char *const wrong[] = {
	"",
	" ",
	"socket",
	"socket=",
	"socket=relative/path",
	"socket=@abstract",
	"socket= /run/x",
	"socket=" PATH107 "8",
	"Socket=/run/x",
	"timeout",
	"timeout=",
	"timeout=0",
	"timeout=00",
	"timeout=10001",
	"timeout=-1",
	"timeout=+5",
	"timeout= 5",
	"timeout=5 ",
	"timeout=5ms",
	"timeout=5.5",
	"timeout=0x10",
	"timeout=1e3",
	"timeout=4294967297",
	"timeout=18446744073709551617",
	"timeout=99999999999999999999999999",
	"timeout=five",
	"debug=",
	"debug=yes",
	"debugging",
	"debug ",
	"DEBUG",
	"unknown",
	"unknown=1",
	"=",
	"use_first_pass",
};

static void check_refused(const char *first, const char *second, const char *culprit)
{
	struct options options = before;
	const char *bad = NULL;

	ck_assert_int_eq(parse(first, second, &options, &bad), -EINVAL);
	ck_assert_ptr_eq(bad, culprit);
	check_equal(&options, &before);
}

START_TEST(refuses)
{
	check_refused(wrong[_i], NULL, wrong[_i]);
	check_refused("timeout=20", wrong[_i], wrong[_i]);
	check_refused(wrong[_i], "debug", wrong[_i]);
}
END_TEST

CHECK_MAIN(
	"options", TEST(defaults), LOOP(accepts, ARRAY_LEN(good)), LOOP(refuses, ARRAY_LEN(wrong)))
