/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "check_main.h"
#include "event.h"

/* 2009-02-13 23:31:30 UTC, and at home. */
#define NOW      1234567890
#define TIME     "2009-02-13T23:31:30Z"
#define HOME     "HOME-05:45"
#define HOME_DAY "05:16:30"

#define OUTPUT_SIZE 16384
#define LONGEST     1023 /* of a value */

/* What is printed of a line. */
static const char *printed(
	void (*print)(FILE *file, const char *line, time_t now), const char *line, time_t now)
{
	static char output[OUTPUT_SIZE];
	FILE *file = fmemopen(output, sizeof(output), "w");

	memset(output, 0, sizeof(output));
	ck_assert_ptr_nonnull(file);
	print(file, line, now);
	ck_assert_int_eq(fclose(file), 0);
	return output;
}

/* Each as audit.c says it, and what of its JSON is behind time. */
static const struct {
	const char *line, *json;
} lines[] = {
	{"start version=1.2.3", "\"event\":\"start\",\"version\":\"1.2.3\""},
	{"stop", "\"event\":\"stop\""},
	{"guard action=restored", "\"event\":\"guard\",\"action\":\"restored\""},
	{"login user=alice uid=1001 addr=203.0.113.5 pid=4242 server=198.51.100.7 "
	 "auth=\"publickey ED25519 SHA256:Ab+/\"",
		"\"event\":\"login\",\"user\":\"alice\",\"uid\":1001,\"addr\":\"203.0.113.5\","
		"\"pid\":4242,\"server\":\"198.51.100.7\","
		"\"auth\":\"publickey ED25519 SHA256:Ab+/\""},
	{"login user=alice uid=0 addr=2001:db8::1 pid=1 auth=\"\"",
		"\"event\":\"login\",\"user\":\"alice\",\"uid\":0,\"addr\":\"2001:db8::1\","
		"\"pid\":1,\"auth\":\"\""},
	{"logout user=alice uid=1001 addr=203.0.113.5 pid=4242 duration=65",
		"\"event\":\"logout\",\"user\":\"alice\",\"uid\":1001,\"addr\":\"203.0.113.5\","
		"\"pid\":4242,\"duration\":65"},
	{"limit user=alice uid=1001 addr=203.0.113.5 pid=4242 name=logins-per-user value=64",
		"\"event\":\"limit\",\"user\":\"alice\",\"uid\":1001,\"addr\":\"203.0.113.5\","
		"\"pid\":4242,\"name\":\"logins-per-user\",\"value\":64"},
	{"grant user=alice uid=1001 addr=203.0.113.5 port=60001 via=roam server=198.51.100.7 "
	 "auth=password",
		"\"event\":\"grant\",\"user\":\"alice\",\"uid\":1001,\"addr\":\"203.0.113.5\","
		"\"port\":60001,\"via\":\"roam\",\"server\":\"198.51.100.7\","
		"\"auth\":\"password\""},
	{"revoke user=alice uid=1001 addr=203.0.113.5 port=60001 server=198.51.100.7 reason=exit "
	 "duration=65 packets=12 bytes=9223372036854775807",
		"\"event\":\"revoke\",\"user\":\"alice\",\"uid\":1001,\"addr\":\"203.0.113.5\","
		"\"port\":60001,\"server\":\"198.51.100.7\",\"reason\":\"exit\",\"duration\":65,"
		"\"packets\":12,\"bytes\":9223372036854775807"},
	{"revoke user=\"\" addr=203.0.113.5 port=60001 server=198.51.100.7 reason=stale",
		"\"event\":\"revoke\",\"user\":\"\",\"addr\":\"203.0.113.5\",\"port\":60001,"
		"\"server\":\"198.51.100.7\",\"reason\":\"stale\""},
	{"deny user=alice uid=1001 addr=203.0.113.5 port=60001 reason=no-login",
		"\"event\":\"deny\",\"user\":\"alice\",\"uid\":1001,\"addr\":\"203.0.113.5\","
		"\"port\":60001,\"reason\":\"no-login\""},
	{"limit uid=4294967295 port=60001 name=grants-per-user value=256",
		"\"event\":\"limit\",\"uid\":4294967295,\"port\":60001,"
		"\"name\":\"grants-per-user\",\"value\":256"},
};

START_TEST(event_plain)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "23:31:30 %s\n", lines[_i].line);
	ck_assert_str_eq(printed(event_print, lines[_i].line, NOW), expected);
}
END_TEST

/* The text for people has the hour of the place, that for programs has not. */
START_TEST(event_local_time)
{
	setenv("TZ", HOME, 1);
	tzset();
	ck_assert_str_eq(printed(event_print, "stop", NOW), HOME_DAY " stop\n");
	ck_assert_str_eq(printed(event_print_json, "stop", NOW),
		"{\"time\":\"" TIME "\",\"event\":\"stop\"}\n");
	ck_assert_str_eq(printed(event_print_json, "stop", 0),
		"{\"time\":\"1970-01-01T00:00:00Z\",\"event\":\"stop\"}\n");
}
END_TEST

START_TEST(event_json)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "{\"time\":\"" TIME "\",%s}\n", lines[_i].json);
	ck_assert_str_eq(printed(event_print_json, lines[_i].line, NOW), expected);
}
END_TEST

/* For a terminal of that width; columns are as wide as what stood in them before. */
static const struct {
	const char *line, *printed;
	size_t width;
} alignments[] = {
	{"stop", "05:16:30  stop\n", 80},
	{"start version=1.2.3", "05:16:30  start                                 version 1.2.3\n",
		0},
	{"guard action=restored", "05:16:30  guard                                 restored\n", 80},
	{"login user=alice uid=1001 addr=203.0.113.5 pid=4242 server=198.51.100.7 "
	 "auth=\"publickey ED25519 SHA256:Ab+/\"",
		"05:16:30  login   alice       203.0.113.5       at 198.51.100.7  publickey E...\n",
		79},
	{"login user=alice uid=1001 addr=203.0.113.5 pid=4242 server=198.51.100.7 auth=password",
		"05:16:30  login   alice       203.0.113.5       at 198.51.100.7  password\n", 0},
	{"revoke user=alice uid=1001 addr=203.0.113.5 port=60001 server=198.51.100.7 reason=exit "
	 "duration=65 packets=12 bytes=34567",
		"05:16:30  revoke  alice       203.0.113.5       port 60001  exit  after 65 s  "
		"packets 12"
		"  34.6 kB  at 198.51.100.7\n",
		0},
	{"limit uid=1 port=60001 name=grants-per-user value=256 count=3",
		"05:16:30  limit   uid:1                         port 60001  grants-per-user"
		"  limit 256  times 3\n",
		0},
	{"deny user=\"a\\x1b[31m\\\"\" uid=1 addr=203.0.113.5 port=60001 reason=taken",
		"05:16:30  deny    a\\x1b[31m\"  203.0.113.5       port 60001  taken\n", 0},
	{"stop", "05:16:30  stop\n", 5},
	{"no line\x1b[31m\xc2\x9bof ours", "05:16:30          no line?[31m??of ours\n", 80},
	{"wholly=\x1b[31m x", "05:16:30          wholly=?[31m x\n", 80},
};

START_TEST(event_aligned)
{
	const struct terminal terminal = {.is_terminal = true, .width = alignments[_i].width};
	struct event_columns event_columns = {10, 16};
	char output[OUTPUT_SIZE] = "";
	FILE *file = fmemopen(output, sizeof(output), "w");

	setenv("TZ", HOME, 1);
	tzset();
	event_print_aligned(file, &terminal, &event_columns, alignments[_i].line, NOW);
	fclose(file);
	ck_assert_str_eq(output, alignments[_i].printed);
}
END_TEST

/* A column that has grown stays so. */
START_TEST(event_columns_grow)
{
	const struct terminal terminal = {.is_terminal = true, .is_coloured = true};
	struct event_columns event_columns = {0};
	char output[OUTPUT_SIZE] = "";
	FILE *file = fmemopen(output, sizeof(output), "w");

	setenv("TZ", HOME, 1);
	tzset();
	event_print_aligned(
		file, &terminal, &event_columns, "grant user=bo addr=192.0.2.1 port=60001", NOW);
	event_print_aligned(file, &terminal, &event_columns,
		"revoke user=barbara addr=203.0.113.5 port=1", NOW);
	event_print_aligned(
		file, &terminal, &event_columns, "logout user=bo addr=192.0.2.1 duration=1", NOW);
	fclose(file);
	ck_assert_str_eq(output,
		HOME_DAY "  \033[32mgrant \033[0m  bo  192.0.2.1  port 60001\n" HOME_DAY
			 "  revoke  barbara  203.0.113.5  port 1\n" HOME_DAY
			 "  \033[2mlogout\033[0m  bo       192.0.2.1    after 1 s\n");
}
END_TEST

/* A value as it stands in a line, and what JSON says of it; numbers in digits. */
static const struct {
	const char *text, *value;
	bool is_number;
} values[] = {
	{"alice", "alice", false},
	{"\"\"", "", false},
	{"\"a b\"", "a b", false},
	{"\" \"", " ", false},
	{"\"a uid=0\"", "a uid=0", false},
	{"\"a=b\"", "a=b", false},
	{"a=b", "a=b", false},
	/* escapes */
	{"\"\\\"\"", "\"", false},
	{"\"a\\\" uid=\\\"0\"", "a\" uid=\"0", false},
	{"\"\\\\\"", "\\", false},
	{"\"\\\\\\\\\"", "\\\\", false},
	{"\"a\\\\\\\"b\"", "a\\\"b", false},
	{"\"\\x0a\"", "\\x0a", false},
	{"\"a\\x1b[2Jb\"", "a\\x1b[2Jb", false},
	{"\"\\xc3\\xa9\"", "\\xc3\\xa9", false},
	{"\"\\n\"", "\\n", false},
	{"a\\\"b", "a\\\"b", false},
	/* numbers */
	{"0", "0", true},
	{"60001", "60001", true},
	{"4294967295", "4294967295", true},
	{"9223372036854775807", "9223372036854775807", true},
	{"\"60001\"", "60001", false},
	{"-1", "-1", false},
	{"+1", "+1", false},
	{"1.5", "1.5", false},
	{"1e3", "1e3", false},
	{"0x10", "0x10", false},
	{"12a", "12a", false},
	{"203.0.113.5", "203.0.113.5", false},
	{"2001:db8::1", "2001:db8::1", false},
	{"true", "true", false},
	{"null", "null", false},
};

static json_t *read_json(const char *line)
{
	const char *output = printed(event_print_json, line, NOW);
	json_error_t error;
	json_t *json = json_loads(output, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(json != NULL, "%s: %s", error.text, output);
	ck_assert_ptr_eq(strchr(output, '\n'), output + strlen(output) - 1);
	return json;
}

static void assert_value(json_t *json, const char *text, bool is_number)
{
	char number[32];

	ck_assert_int_eq(json_is_integer(json), is_number);
	ck_assert_int_eq(json_is_string(json), !is_number);
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json));
	ck_assert_str_eq(is_number ? number : json_string_value(json), text);
}

/* In the middle of a line, and at its end. */
START_TEST(event_values)
{
	char line[256];
	json_t *json;

	snprintf(line, sizeof(line), "login value=%s uid=1001 count=%s", values[_i].text,
		values[_i].text);
	json = read_json(line);
	ck_assert_uint_eq(json_object_size(json), 5);
	assert_value(json_object_get(json, "time"), TIME, false);
	assert_value(json_object_get(json, "event"), "login", false);
	assert_value(json_object_get(json, "value"), values[_i].value, values[_i].is_number);
	assert_value(json_object_get(json, "uid"), "1001", true);
	assert_value(json_object_get(json, "count"), values[_i].value, values[_i].is_number);
	json_decref(json);
}
END_TEST

static const char *const texts[] = {
	"action", "addr", "auth", "name", "reason", "server", "user", "version", "via"};

/* Whoever has a name of digits is not another type of thing. */
START_TEST(event_texts)
{
	char line[256];
	json_t *json;

	snprintf(line, sizeof(line), "login %s=1001 uid=1001", texts[_i]);
	json = read_json(line);
	assert_value(json_object_get(json, texts[_i]), "1001", false);
	assert_value(json_object_get(json, "uid"), "1001", true);
	json_decref(json);
}
END_TEST

START_TEST(event_first_counts)
{
	json_t *json =
		read_json("login user=alice time=now event=stop uid=1 uid=2 user=\"\" uid=x");

	ck_assert_uint_eq(json_object_size(json), 4);
	assert_value(json_object_get(json, "time"), TIME, false);
	assert_value(json_object_get(json, "event"), "login", false);
	assert_value(json_object_get(json, "user"), "alice", false);
	assert_value(json_object_get(json, "uid"), "1", true);
	json_decref(json);
}
END_TEST

static const char *const malformed[] = {
	"",
	" ",
	" stop",
	"stop ",
	"login alice",
	"login user=alice uid",
	"login user=alice uid ",
	"login user = alice",
	"login user=\"alice",
	"login user=\"",
	"login user=\"alice\\",
	"login user=\"alice\\\"",
	"login user=\"alice\\\\\\\" uid=0",
	"login user=\"alice\" \"bob\"",
	"login user=\"\xff\"",
	"login user=\xff",
	"\xff user=alice",
	"login a_key_of_thirty_two_characters_____=1",
	"login abcdefghijabcdefghijabcdefghij12=1",
	"an-event-of-thirty-two-characters user=alice",
	"abcdefghijabcdefghijabcdefghij12",
};

START_TEST(event_malformed)
{
	ck_assert_str_eq(printed(event_print_json, malformed[_i], NOW), "");
}
END_TEST

/* The longest names that there can be. */
START_TEST(event_long_names)
{
	json_t *json =
		read_json("abcdefghijabcdefghijabcdefghij1 abcdefghijabcdefghijabcdefghij2=3");

	assert_value(json_object_get(json, "event"), "abcdefghijabcdefghijabcdefghij1", false);
	assert_value(json_object_get(json, "abcdefghijabcdefghijabcdefghij2"), "3", true);
	json_decref(json);
}
END_TEST

static const struct {
	const char *before, *unit, *after;
	size_t units; /* in the longest one */
} longs[] = {
	{"", "a", "", LONGEST},
	{"\"", "a", "\"", LONGEST},
	{"\"", "\\\"", "\"", LONGEST},
	{"\"", "\\\\", "\"", LONGEST},
	{"\"", "\\xff", "\"", LONGEST / 4},
};

static void make_long(int i, size_t units, char line[OUTPUT_SIZE])
{
	size_t length = (size_t)sprintf(line, "login user=%s", longs[i].before);

	for (size_t unit = 0; unit < units; unit++)
		length += (size_t)sprintf(line + length, "%s", longs[i].unit);
	sprintf(line + length, "%s uid=7", longs[i].after);
}

START_TEST(event_overlong)
{
	char line[OUTPUT_SIZE];
	size_t expected;
	json_t *json;

	make_long(_i, longs[_i].units, line);
	json = read_json(line);
	expected = longs[_i].units * (strncmp(longs[_i].unit, "\\x", 2) == 0 ? 4 : 1);
	ck_assert_uint_eq(json_string_length(json_object_get(json, "user")), expected);
	assert_value(json_object_get(json, "uid"), "7", true);
	json_decref(json);
	make_long(_i, longs[_i].units + 1, line);
	ck_assert_str_eq(printed(event_print_json, line, NOW), "");
	make_long(_i, 3 * LONGEST, line);
	ck_assert_str_eq(printed(event_print_json, line, NOW), "");
}
END_TEST

/* How many of its values a line has whole, by its spaces out of quotes. */
static size_t count_words(const char *line)
{
	size_t count = 1;
	bool is_quoted = false;

	for (; *line; line++) {
		is_quoted ^= *line == '"';
		count += *line == ' ' && !is_quoted;
	}
	return count;
}

/* Cut anywhere, in memory of its own size: nothing, or one object of what there is. */
START_TEST(event_cut)
{
	const char *whole = lines[_i].line;
	size_t objects = 0;

	for (size_t length = 0; length < strlen(whole); length++) {
		char *line = strndup(whole, length);

		if (printed(event_print_json, line, NOW)[0]) {
			json_t *json = read_json(line);

			ck_assert_uint_eq(json_object_size(json), 1 + count_words(line));
			json_decref(json);
			objects++;
		}
		free(line);
	}
	ck_assert_uint_ge(objects, 3);
	ck_assert_uint_lt(objects, strlen(whole));
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {LOOP(event_plain, ARRAY_LEN(lines)),
		TEST(event_local_time), LOOP(event_json, ARRAY_LEN(lines)),
		LOOP(event_values, ARRAY_LEN(values)), LOOP(event_texts, ARRAY_LEN(texts)),
		TEST(event_first_counts), LOOP(event_malformed, ARRAY_LEN(malformed)),
		TEST(event_long_names), LOOP(event_overlong, ARRAY_LEN(longs)),
		LOOP(event_cut, ARRAY_LEN(lines)), LOOP(event_aligned, ARRAY_LEN(alignments)),
		TEST(event_columns_grow)};

	setenv("TZ", "UTC0", 1);
	tzset();
	return check_status("event", tests, ARRAY_LEN(tests));
}
