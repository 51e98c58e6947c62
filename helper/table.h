/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TABLE_H
#define MOSHGATE_TABLE_H

#include <stdio.h>
#include <time.h>

#include <jansson.h>

/* Tables for people. */

struct column {
	const char *title;
	const char *key; /* of the JSON object that is a row */
	/* Writes the value for people, at most 255 characters; null: as it is. */
	void (*format)(json_t *value, time_t now, char text[256]);
};

/* Prints an array of objects with columns aligned and a title line; columns end at a null title.
 * Control characters, which only a hostile name could hold, become "?". */
void table_print(FILE *file, const struct column *columns, json_t *rows, time_t now);

/* For columns with an RFC 3339 time: "2 min ago", "-" for null. */
void table_ago(json_t *value, time_t now, char text[256]);

/* For columns with a number of seconds: "23 h", "-" for null. */
void table_span(json_t *value, time_t now, char text[256]);

/* For columns with a number of bytes: "1.2 MB". */
void table_bytes(json_t *value, time_t now, char text[256]);

#endif
