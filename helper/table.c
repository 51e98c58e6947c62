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

time_t table_time(json_t *value)
{
	const char *stamp = json_string_value(value);
	struct tm utc = {0};

	return stamp && strptime(stamp, "%Y-%m-%dT%H:%M:%SZ", &utc) ? timegm(&utc) : -1;
}

void table_ago(json_t *value, time_t now, char text[CELL_SIZE])
{
	char span[32];
	time_t then = table_time(value);

	if (then < 0) {
		strcpy(text, "-");
		return;
	}
	if (then >= now) { /* or of another clock, a little ahead */
		strcpy(text, "now");
		return;
	}
	write_span((long long)(now - then), span, sizeof(span));
	snprintf(text, CELL_SIZE, "%s ago", span);
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

/* How many bytes of text a terminal could obey, be it in ASCII or (0xc2 0x80 to 0x9f) in UTF-8. */
static size_t control_length(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if (iscntrl(c[0]))
		return 1;
	return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f ? 2 : 0;
}

void table_make_harmless(char *text)
{
	for (char *c = text; *c; c++)
		memset(c, '?', control_length(c));
}

/* Harmless, and a cell that was cut ends with a whole character. */
static void clean_cell(char *text)
{
	size_t length = strlen(text), end = length;

	table_make_harmless(text);
	while (end > 0 && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
		end--;
	if (length == CELL_SIZE - 1 && end > 0 && ((unsigned char)text[end - 1] & 0x80) &&
		mblen_utf8((unsigned char)text[end - 1]) != length - end + 1)
		text[end - 1] = '\0';
}

void table_print_text(FILE *file, const char *text)
{
	for (; *text; text++) {
		size_t length = control_length(text);

		fputc(length > 0 ? '?' : *text, file);
		if (length > 1)
			text++;
	}
}

void table_write_cell(const struct column *column, json_t *row, time_t now, char text[CELL_SIZE])
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
	clean_cell(text);
}

/* Of a character of UTF-8 all but its first byte. */
static bool is_rest(char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t table_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !is_rest(*text);
	return width;
}

void table_shorten(char *text, size_t width)
{
	if (table_width(text) <= width)
		return;
	for (width -= 3; width > 0; width--)
		for (text++; is_rest(*text); text++)
			;
	strcpy(text, "...");
}

/* What is printed: the columns that are left, with their widths. */
struct layout {
	const struct column *columns;
	size_t count;
	size_t full[COLUMNS_MAX];   /* what each takes */
	size_t widths[COLUMNS_MAX]; /* what it gets; 0: left out */
};

static void measure(struct layout *layout, json_t *rows, time_t now)
{
	char text[CELL_SIZE];
	size_t index;
	json_t *row;

	for (; layout->columns[layout->count].title; layout->count++) {
		const struct column *column = &layout->columns[layout->count];
		size_t *widest = &layout->full[layout->count];

		*widest = strlen(column->title);
		json_array_foreach(rows, index, row)
		{
			table_write_cell(column, row, now, text);
			if (table_width(text) > *widest)
				*widest = table_width(text);
		}
		layout->widths[layout->count] = *widest;
	}
}

/* With two spaces between columns. */
static size_t total_width(const struct layout *layout)
{
	size_t total = 0;

	for (size_t i = 0; i < layout->count; i++)
		if (layout->widths[i] > 0)
			total += layout->widths[i] + (total > 0 ? 2 : 0);
	return total;
}

static void take_step(struct layout *layout, const struct table_step *step, size_t excess)
{
	for (size_t i = 0; i < layout->count; i++) {
		size_t *width = &layout->widths[i];

		if (strcmp(layout->columns[i].key, step->key) != 0 || *width <= step->least)
			continue;
		*width = step->least > 0 && *width > step->least + excess ? *width - excess
									  : step->least;
	}
}

/* Space freed by dropping a column goes back to columns shortened before. */
static void give_back(struct layout *layout, size_t most)
{
	for (size_t i = 0; i < layout->count; i++) {
		size_t left = most - total_width(layout);
		size_t missing = layout->full[i] - layout->widths[i];

		if (layout->widths[i] > 0)
			layout->widths[i] += missing < left ? missing : left;
	}
}

static void fit(struct layout *layout, const struct table_step *steps, size_t most)
{
	for (; steps->key && total_width(layout) > most; steps++)
		take_step(layout, steps, total_width(layout) - most);
	if (total_width(layout) < most)
		give_back(layout, most);
}

/* Without spaces behind the last one. */
static void print_cells(FILE *file, const struct layout *layout, json_t *row, time_t now)
{
	char text[CELL_SIZE];
	size_t spaces = 0;

	for (size_t i = 0; i < layout->count; i++) {
		if (layout->widths[i] == 0)
			continue;
		if (row)
			table_write_cell(&layout->columns[i], row, now, text);
		else
			strcpy(text, layout->columns[i].title);
		table_shorten(text, layout->widths[i]);
		fprintf(file, "%*s%s", (int)spaces, "", text);
		spaces = layout->widths[i] - table_width(text) + 2;
	}
}

void table_print(FILE *file, const struct terminal *terminal, const struct table *table,
	json_t *rows, time_t now)
{
	struct layout layout = {.columns = table->columns};
	size_t index;
	json_t *row;

	measure(&layout, rows, now);
	if (terminal->width > 0)
		fit(&layout, table->steps, terminal->width);
	terminal_begin(file, terminal, TERMINAL_BOLD);
	print_cells(file, &layout, NULL, now);
	terminal_end(file, terminal, TERMINAL_BOLD);
	fputc('\n', file);
	json_array_foreach(rows, index, row)
	{
		print_cells(file, &layout, row, now);
		fputc('\n', file);
	}
}
