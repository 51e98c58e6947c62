/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TABLE_H
#define MOSHGATE_TABLE_H

#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "terminal.h"

/* Tables for people. */

struct column {
	const char *title;
	const char *key; /* of the JSON object that is a row */
	/* Writes the value for people, at most 255 characters; null: as it is. */
	void (*format)(json_t *value, time_t now, char text[256]);
};

/* How a table gives way until it fits its terminal, a step at a time: the column of that key is
 * shortened to least, or with 0 left out. */
struct table_step {
	const char *key;
	size_t least; /* not less than its title has */
};

struct table {
	const struct column *columns;   /* ended by a null title */
	const struct table_step *steps; /* ended by a null key */
};

/* Prints an array of objects with columns aligned and a title line, no wider than the terminal (of
 * width 0: as wide as it is) if the steps are enough. Control characters, which only a hostile name
 * could hold, become "?". */
void table_print(FILE *file, const struct terminal *terminal, const struct table *table,
	json_t *rows, time_t now);

/* Writes the value of a row's key as a table has it; control characters as above. */
void table_write_cell(const struct column *column, json_t *row, time_t now, char text[256]);

/* How many columns a text takes; and cut to so many, 4 or more, with "..." at its end. */
size_t table_width(const char *text);
void table_shorten(char *text, size_t width);

/* A text of the helper's, where there is no table; control characters as above. */
void table_print_text(FILE *file, const char *text);

/* A terminal must not obey what stands in a text, be it in ASCII or (0xc2 0x80 to 0x9f) in UTF-8:
 * control characters become "?". */
void table_make_harmless(char *text);

/* An RFC 3339 time in UTC as seconds since the epoch; -1 if it is none. */
time_t table_time(json_t *value);

/* For columns with an RFC 3339 time: "2 min ago", "-" for null. */
void table_ago(json_t *value, time_t now, char text[256]);

/* For columns with a number of seconds: "23 h", "-" for null. */
void table_span(json_t *value, time_t now, char text[256]);

/* For columns with a number of bytes: "1.2 MB". */
void table_bytes(json_t *value, time_t now, char text[256]);

#endif
