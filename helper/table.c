/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "table.h"

#define COLUMNS_MAX 16
#define CELL_SIZE   256

/* How many bytes a character has that begins with this one. */
static size_t mblen_utf8(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static void write_span(long long seconds, char *text, size_t size)
{
	static const struct {
		long long least, unit;
		const char *name;
	} units[] = {{2 * 86400, 86400, "d"}, {2 * 3600, 3600, "h"}, {120, 60, "min"}, {0, 1, "s"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds < units[i].least)
			continue;
		snprintf(text, size, "%lld %s", seconds / units[i].unit, units[i].name);
		return;
	}
	snprintf(text, size, "now");
}

void table_ago(json_t *value, time_t now, char text[CELL_SIZE])
{
	char span[32];
	struct tm utc = {0};
	const char *stamp = json_string_value(value);

	if (!stamp || !strptime(stamp, "%Y-%m-%dT%H:%M:%SZ", &utc)) {
		strcpy(text, "-");
		return;
	}
	write_span((long long)(now - timegm(&utc)), span, sizeof(span));
	snprintf(text, CELL_SIZE, "%s%s", span, isdigit((unsigned char)span[0]) ? " ago" : "");
}

void table_span(json_t *value, time_t now, char text[CELL_SIZE])
{
	(void)now;
	if (json_is_integer(value))
		write_span(json_integer_value(value), text, CELL_SIZE);
	else
		strcpy(text, "-");
}

void table_bytes(json_t *value, time_t now, char text[CELL_SIZE])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double bytes = (double)json_integer_value(value);
	size_t unit = 0;

	(void)now;
	for (; bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		bytes /= 1000;
	snprintf(text, CELL_SIZE, unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* A terminal must not obey what stands in a cell, be it in ASCII or (0xc2 0x80 to 0x9f) in UTF-8;
 * and a cell that was cut ends with a whole character. */
static void make_harmless(char *text)
{
	size_t length = strlen(text), end = length;

	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (iscntrl(*c))
			*c = '?';
		else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
			c[0] = c[1] = '?';
	}
	while (end > 0 && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
		end--;
	if (length == CELL_SIZE - 1 && end > 0 && ((unsigned char)text[end - 1] & 0x80) &&
		mblen_utf8((unsigned char)text[end - 1]) != length - end + 1)
		text[end - 1] = '\0';
}

static void write_cell(const struct column *column, json_t *row, time_t now, char text[CELL_SIZE])
{
	json_t *value = json_object_get(row, column->key);

	if (column->format)
		column->format(value, now, text);
	else if (json_is_integer(value))
		snprintf(text, CELL_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(text, CELL_SIZE, "%s",
			json_is_string(value) && json_string_length(value) > 0
				? json_string_value(value)
				: "-");
	make_harmless(text);
}

static size_t cell_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80; /* not the rest of a UTF-8 character */
	return width;
}

static void print_cell(FILE *file, const char *text, size_t width, bool is_last)
{
	fputs(text, file);
	for (size_t i = cell_width(text); !is_last && i < width + 2; i++)
		fputc(' ', file);
	if (is_last)
		fputc('\n', file);
}

void table_print(FILE *file, const struct column *columns, json_t *rows, time_t now)
{
	size_t widths[COLUMNS_MAX] = {0}, count = 0, index;
	char text[CELL_SIZE];
	json_t *row;

	for (; columns[count].title; count++)
		widths[count] = strlen(columns[count].title);
	json_array_foreach(rows, index, row)
	{
		for (size_t i = 0; i < count; i++) {
			size_t width;

			write_cell(&columns[i], row, now, text);
			width = cell_width(text);
			if (width > widths[i])
				widths[i] = width;
		}
	}
	for (size_t i = 0; i < count; i++)
		print_cell(file, columns[i].title, widths[i], i + 1 == count);
	json_array_foreach(rows, index, row)
	{
		for (size_t i = 0; i < count; i++) {
			write_cell(&columns[i], row, now, text);
			print_cell(file, text, widths[i], i + 1 == count);
		}
	}
}
