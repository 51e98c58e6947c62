/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "table.h"

#define NOW ((time_t)1800000000) /* 2027-01-15T08:00:00Z */

static const struct column columns[] = {
	{"USER", "user", NULL},
	{"PORT", "port", NULL},
	{"SINCE", "since", table_ago},
	{NULL, NULL, NULL},
};

/* Where there is no terminal. */
static void print_whole(FILE *file, json_t *rows)
{
	table_print(file, &(struct terminal){0}, &(struct table){.columns = columns}, rows, NOW);
}

static void check_printed(const char *rows, const char *expected)
{
	json_t *json = json_loads(rows, 0, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(json);
	print_whole(file, json);
	fclose(file);
	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(json);
}

static const struct {
	const char *rows, *printed;
} tables[] = {
	{"[]", "USER  PORT  SINCE\n"},
	{"[{\"user\":\"al\",\"port\":60001,\"since\":\"2027-01-15T07:58:00Z\"},"
	 "{\"user\":\"barbara\",\"port\":1,\"since\":null}]",
		"USER     PORT   SINCE\n"
		"al       60001  2 min ago\n"
		"barbara  1      -\n"},
	{"[{\"user\":\"\",\"port\":null},{}]", /* what is not there */
		"USER  PORT  SINCE\n"
		"-     -     -\n"
		"-     -     -\n"},
	{"[{\"user\":\"j\xc3\xb6rg\xe2\x82\xac\",\"port\":1},{\"user\":\"johnny\",\"port\":2}]",
		"USER    PORT  SINCE\n"
		"j\xc3\xb6rg\xe2\x82\xac   1     -\n"
		"johnny  2     -\n"},
	{"[{\"user\":\"a\\nb\\u001b[2J\\tc\\u007f\",\"port\":\"\\r\"}]", "USER        PORT  SINCE\n"
									 "a?b?[2J?c?  ?     -\n"},
};

START_TEST(prints)
{
	check_printed(tables[_i].rows, tables[_i].printed);
}
END_TEST

/* U+009B begins an escape sequence on terminals that know it. */
START_TEST(no_control_sequence_of_two_bytes)
{
	json_t *json = json_loads("[{\"user\":\"a\\u009b2J\\u0085b\"}]", 0, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	print_whole(file, json);
	fclose(file);
	ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
	ck_assert_ptr_null(strstr(text, "\xc2\x85"));
	free(text);
	json_decref(json);
}
END_TEST

static const struct {
	const char *text, *printed;
} texts[] = {
	{"", ""},
	{"/etc/moshgate.conf:3: no key = value", "/etc/moshgate.conf:3: no key = value"},
	{"a\nb\x1b[2J\tc\x7f", "a?b?[2J?c?"},
	{"a\xc2\x9b"
	 "2J\xc2\x85\xc2\x80\xc2\x9f",
		"a?2J???"},
	{"j\xc3\xb6rg \xe2\x82\xac\xc2\xa0", "j\xc3\xb6rg \xe2\x82\xac\xc2\xa0"},
	{"\xc2", "\xc2"},
};

START_TEST(text_is_harmless)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	table_print_text(file, texts[_i].text);
	fclose(file);
	ck_assert_str_eq(text, texts[_i].printed);
	free(text);
}
END_TEST

/* Longer than a cell: cut, never past its end, and no part of a character is left. */
START_TEST(long_cell)
{
	char name[600] = "", expected[256] = "", rows[700], *text = NULL;
	size_t size = 0;
	json_t *json;
	FILE *file = open_memstream(&text, &size);

	for (int i = 0; i < 250; i++)
		strcat(name, "\xc3\xa9");
	memcpy(expected, name, 254);
	snprintf(rows, sizeof(rows), "[{\"user\":\"%s\"}]", name);
	json = json_loads(rows, 0, NULL);
	ck_assert_ptr_nonnull(json);
	print_whole(file, json);
	fclose(file);
	ck_assert_ptr_nonnull(strstr(text, expected));
	ck_assert_mem_eq(strchr(text, '\n') + 1 + strlen(expected), "  ", 2);
	free(text);
	json_decref(json);
}
END_TEST

static const struct {
	const char *stamp, *text;
} agos[] = {
	{"2027-01-15T08:00:00Z", "now"},
	{"2027-01-15T07:59:59Z", "1 s ago"},
	{"2027-01-15T07:58:01Z", "119 s ago"},
	{"2027-01-15T07:58:00Z", "2 min ago"},
	{"2027-01-15T06:00:01Z", "119 min ago"},
	{"2027-01-15T06:00:00Z", "2 h ago"},
	{"2027-01-13T08:00:01Z", "47 h ago"},
	{"2027-01-13T08:00:00Z", "2 d ago"},
	{"2026-01-15T08:00:00Z", "365 d ago"},
	{"2027-01-15T08:00:01Z", "now"}, /* another clock, a little ahead */
	{"soon", "-"},
	{"", "-"},
};

START_TEST(ago)
{
	json_t *value = json_string(agos[_i].stamp);
	char text[256] = "";

	table_ago(value, NOW, text);
	ck_assert_str_eq(text, agos[_i].text);
	json_decref(value);
}
END_TEST

START_TEST(nothing)
{
	json_t *number = json_integer(5);
	char text[256] = "";

	table_ago(NULL, NOW, text);
	ck_assert_str_eq(text, "-");
	table_ago(number, NOW, text);
	ck_assert_str_eq(text, "-");
	strcpy(text, "");
	table_span(NULL, NOW, text);
	ck_assert_str_eq(text, "-");
	json_decref(number);
}
END_TEST

static const struct {
	void (*format)(json_t *value, time_t now, char text[256]);
	json_int_t number;
	const char *text;
} numbers[] = {
	{table_span, 0, "0 s"},
	{table_span, 119, "119 s"},
	{table_span, 120, "2 min"},
	{table_span, 7199, "119 min"},
	{table_span, 7200, "2 h"},
	{table_span, 86400, "24 h"},
	{table_span, 172799, "47 h"},
	{table_span, 172800, "2 d"},
	{table_bytes, 0, "0 B"},
	{table_bytes, 999, "999 B"},
	{table_bytes, 1000, "1.0 kB"},
	{table_bytes, 1234567, "1.2 MB"},
	{table_bytes, 5000000000, "5.0 GB"},
	{table_bytes, 1000000000000, "1.0 TB"},
	{table_bytes, 9000000000000000, "9000.0 TB"},
};

START_TEST(number)
{
	json_t *value = json_integer(numbers[_i].number);
	char text[256] = "";

	numbers[_i].format(value, NOW, text);
	ck_assert_str_eq(text, numbers[_i].text);
	json_decref(value);
}
END_TEST

#define ROWS                                                                                       \
	"[{\"user\":\"barbarossa\",\"port\":60001,\"since\":\"2027-01-15T07:58:00Z\"},"            \
	"{\"user\":\"j\xc3\xb6rg\",\"port\":1,\"since\":null}]"

static const struct table_step steps[] = {{"user", 6}, {"port", 0}, {"since", 0}, {NULL, 0}};

/* What is left of that many columns, to the last one that a step can spare. */
static const struct {
	size_t width;
	const char *printed;
} fits[] = {
	{0, "USER        PORT   SINCE\n"
	    "barbarossa  60001  2 min ago\n"
	    "j\xc3\xb6rg        1      -\n"},
	{28, "USER        PORT   SINCE\n"
	     "barbarossa  60001  2 min ago\n"
	     "j\xc3\xb6rg        1      -\n"},
	{27, "USER       PORT   SINCE\n"
	     "barbar...  60001  2 min ago\n"
	     "j\xc3\xb6rg       1      -\n"},
	{24, "USER    PORT   SINCE\n"
	     "bar...  60001  2 min ago\n"
	     "j\xc3\xb6rg    1      -\n"},
	{23, "USER        SINCE\n" /* it has all its room again */
	     "barbarossa  2 min ago\n"
	     "j\xc3\xb6rg        -\n"},
	{18, "USER     SINCE\n"
	     "barb...  2 min ago\n"
	     "j\xc3\xb6rg     -\n"},
	{16, "USER\n"
	     "barbarossa\n"
	     "j\xc3\xb6rg\n"},
	{1, "USER\n"
	    "bar...\n"
	    "j\xc3\xb6rg\n"},
};

/* As a terminal of that width gets it. */
static char *fitting(const struct terminal *terminal)
{
	json_t *json = json_loads(ROWS, 0, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	table_print(file, terminal, &(struct table){columns, steps}, json, NOW);
	fclose(file);
	json_decref(json);
	return text;
}

START_TEST(fits_terminal)
{
	const struct terminal terminal = {.is_terminal = true, .width = fits[_i].width};
	char *text = fitting(&terminal);

	ck_assert_str_eq(text, fits[_i].printed);
	free(text);
}
END_TEST

START_TEST(title_in_bold)
{
	const struct terminal terminal = {.is_terminal = true, .is_coloured = true, .width = 16};
	char *text = fitting(&terminal);

	ck_assert_str_eq(text, "\033[1mUSER\033[0m\nbarbarossa\nj\xc3\xb6rg\n");
	free(text);
}
END_TEST

static const struct {
	const char *text;
	size_t width;
	const char *shortened;
} longs[] = {
	{"", 4, ""},
	{"four", 4, "four"},
	{"fives", 4, "f..."},
	{"fives", 3, "..."},
	{"\xe2\x82\xac\xc3\xb6xyz", 4, "\xe2\x82\xac..."},
	{"xyz\xc3\xb6\xe2\x82\xac", 4, "x..."},
};

START_TEST(shortens)
{
	char text[32];

	strcpy(text, longs[_i].text);
	table_shorten(text, longs[_i].width);
	ck_assert_str_eq(text, longs[_i].shortened);
	ck_assert_uint_le(table_width(text), longs[_i].width);
}
END_TEST

CHECK_MAIN("table", LOOP(fits_terminal, ARRAY_LEN(fits)), TEST(title_in_bold),
	LOOP(shortens, ARRAY_LEN(longs)), LOOP(prints, ARRAY_LEN(tables)),
	TEST(no_control_sequence_of_two_bytes), LOOP(text_is_harmless, ARRAY_LEN(texts)),
	TEST(long_cell), LOOP(ago, ARRAY_LEN(agos)), TEST(nothing),
	LOOP(number, ARRAY_LEN(numbers)))
