/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper answers, as a table for people: a line for each row and one of titles, in UTF-8,
 * with nothing in it that a terminal obeys. */
#include "fuzz.h"
#include "table.h"

#define NOW ((time_t)1800000000)

static const struct column columns[] = {
	{"USER", "user", NULL},
	{"PORT", "port", NULL},
	{"SINCE", "since", table_ago},
	{"EXPIRES IN", "expires_in", table_span},
	{"BYTES", "bytes", table_bytes},
	{"CREDENTIAL", "auth", NULL},
	{NULL, NULL, NULL},
};

static void check_printed(const char *text, size_t lines)
{
	json_t *json = json_string(text);

	PROMISE(json); /* it is UTF-8 */
	json_decref(json);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		lines -= *c == '\n';
		PROMISE(*c == '\n' || (*c >= 0x20 && *c != 0x7f));
		PROMISE(c[0] != 0xc2 || c[1] < 0x80 || c[1] > 0x9f);
	}
	PROMISE(lines == 0);
}

static const struct table_step steps[] = {
	{"auth", 12},
	{"bytes", 0},
	{"auth", 0},
	{"expires_in", 0},
	{"since", 0},
	{"port", 8},
	{"user", 6},
	{NULL, 0},
};

static const struct table table = {columns, steps};

/* No line is wider, unless it is as narrow as the steps allow: 6, 2 and 8 columns. */
static void check_fits(json_t *rows, size_t width)
{
	const struct terminal terminal = {.is_terminal = true, .width = width};
	char *text = NULL, *line, *rest;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	PROMISE(file);
	table_print(file, &terminal, &table, rows, NOW);
	fclose(file);
	check_printed(text, json_array_size(rows) + 1);
	for (rest = text; (line = strsep(&rest, "\n")) && rest;)
		PROMISE(table_width(line) <= (width > 16 ? width : 16));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	json_t *json = json_loadb((const char *)bytes, size, JSON_DISABLE_EOF_CHECK, NULL);
	char *text = NULL;
	size_t length;
	FILE *file;

	if (!json)
		return 0;
	file = open_memstream(&text, &length);
	PROMISE(file);
	table_print(file, &(struct terminal){0}, &table, json, NOW);
	fclose(file);
	PROMISE(strlen(text) == length);
	check_printed(text, json_array_size(json) + 1);
	free(text);
	for (size_t width = 1; width < 100; width += 9)
		check_fits(json, width);
	json_decref(json);
	return 0;
}
