/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "log.h"
#include "text.h"

static const struct {
	const char *value, *quoted;
} examples[] = {
	{"alice", "alice"},
	{"a.b:c_d+e/f@g,h%i-j9Z", "a.b:c_d+e/f@g,h%i-j9Z"},
	{"", "\"\""},
	{" ", "\" \""},
	{"al ice", "\"al ice\""},
	{"uid=0", "\"uid=0\""},
	{"x\" uid=0 y=\"", "\"x\\\" uid=0 y=\\\"\""},
	{"back\\slash", "\"back\\\\slash\""},
	{"\\", "\"\\\\\""},
	{"line\ngrant user=root", "\"line\\x0agrant user=root\""},
	{"\r\t\x1b[2J\x7f", "\"\\x0d\\x09\\x1b[2J\\x7f\""},
	{"\xc3\xa9", "\"\\xc3\\xa9\""},
	{"\xff", "\"\\xff\""},
	{"~", "\"~\""},
	{"'", "\"'\""},
	{"publickey ED25519 SHA256:Ab+/", "\"publickey ED25519 SHA256:Ab+/\""},
};

START_TEST(quotes)
{
	char quoted[TEXT_QUOTED_SIZE];

	memset(quoted, 'x', sizeof(quoted));
	text_quote(examples[_i].value, quoted);
	ck_assert_str_eq(quoted, examples[_i].quoted);
}
END_TEST

static unsigned int hex(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit) : NULL;

	ck_assert_ptr_nonnull(at);
	return (unsigned int)(at - digits);
}

/* What quoted stands for, by the words of text.h alone; a byte that may not be there fails. */
static void unquote(const char *quoted, char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.:_+/@,%-";
	size_t length = strlen(quoted);

	if (quoted[0] != '"') {
		ck_assert_uint_gt(length, 0);
		ck_assert_uint_eq(strspn(quoted, plain), length);
		strcpy(value, quoted);
		return;
	}
	ck_assert_uint_ge(length, 2);
	ck_assert_int_eq(quoted[length - 1], '"');
	for (const char *at = quoted + 1, *last = quoted + length - 1; at < last; at++) {
		ck_assert(*at >= 0x20 && *at < 0x7f && *at != '"');
		if (*at == '\\' && at[1] == 'x') {
			*value++ = (char)(hex(at[2]) << 4 | hex(at[3]));
			at += 3;
		} else {
			at += *at == '\\';
			ck_assert(at < last);
			*value++ = *at;
		}
	}
	*value = '\0';
}

/* Through a buffer of just that size, so that ASan sees a byte too far. */
static void check_round_trip(const char *value)
{
	char *quoted = malloc(TEXT_QUOTED_SIZE), read[TEXT_QUOTED_SIZE];

	text_quote(value, quoted);
	unquote(quoted, read);
	ck_assert_str_eq(read, value);
	free(quoted);
}

START_TEST(every_byte)
{
	for (int byte = 1; byte < 256; byte++) {
		const char alone[] = {(char)byte, '\0'};
		const char between[] = {'a', (char)byte, 'b', '\0'};
		char longest[256] = {0};

		memset(longest, byte, 255);
		check_round_trip(alone);
		check_round_trip(between);
		check_round_trip(longest);
	}
}
END_TEST

START_TEST(random_values)
{
	char value[256];

	srandom(1);
	for (int i = 0; i < 1000; i++) {
		size_t length = (size_t)random() % sizeof(value);

		for (size_t j = 0; j < length; j++)
			value[j] = (char)(random() % 255 + 1);
		value[length] = '\0';
		check_round_trip(value);
	}
}
END_TEST

START_TEST(too_long)
{
	char value[257] = {0}, quoted[TEXT_QUOTED_SIZE];

	memset(value, 'a', 256);
	text_quote(value, quoted);
	ck_assert_str_eq(quoted, "\"\"");
	value[255] = '\0';
	text_quote(value, quoted);
	ck_assert_str_eq(quoted, value);
}
END_TEST

START_TEST(via)
{
	ck_assert_str_eq(text_via(LABEL_LOGIN), "login");
	ck_assert_str_eq(text_via(LABEL_ROAM), "roam");
	ck_assert_str_eq(text_via(LABEL_ALLOW), "allow");
}
END_TEST

START_TEST(reasons_and_denials)
{
	ck_assert_str_eq(text_reason(GRANT_EXIT), "exit");
	ck_assert_str_eq(text_reason(GRANT_STALE), "stale");
	ck_assert_str_eq(text_denial(DENIAL_NO_LOGIN), "no-login");
	ck_assert_str_eq(text_denial(DENIAL_LIMIT), "grants");
}
END_TEST

/* What log_line() writes to stderr, which is what syslog gets. */
static void captured(const char *text, char *output, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t length;

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	log_open(false);
	log_debug("not said at all");
	log_info("%s", text);
	dup2(saved, STDERR_FILENO);
	length = read(ends[0], output, size - 1);
	ck_assert_int_gt(length, 0);
	output[length] = '\0';
	close(ends[0]);
	close(saved);
}

START_TEST(log_is_one_line)
{
	char output[8192], expected[64];

	snprintf(expected, sizeof(expected), "moshgated[%d]: a?grant b?[2Jc?\n", getpid());
	captured("a\ngrant b\x1b[2Jc\x7f", output, sizeof(output));
	ck_assert_str_eq(output, expected);
}
END_TEST

CHECK_MAIN("text", LOOP(quotes, ARRAY_LEN(examples)), TEST(every_byte), TEST(random_values),
	TEST(too_long), TEST(via), TEST(reasons_and_denials), TEST(log_is_one_line))
