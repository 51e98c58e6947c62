/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "event.h"
#include "fd.h"
#include "table.h"

#define VALUE_SIZE 1024

static void print_time(FILE *file, time_t now)
{
	char text[16] = "";
	struct tm local;

	if (localtime_r(&now, &local))
		strftime(text, sizeof(text), "%H:%M:%S", &local);
	fputs(text, file);
}

void event_print(FILE *file, const char *line, time_t now)
{
	print_time(file, now);
	fprintf(file, " %s\n", line);
}

/* One character of a quoted value, with its escapes undone as far as JSON has the character. */
static const char *read_quoted(const char *at, char *value, size_t *length)
{
	if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
		at++;
	value[(*length)++] = *at;
	return at + 1;
}

/* Reads a value, quoted or not; null if it is too long or its quote is not closed. */
static const char *read_value(const char *at, char value[VALUE_SIZE])
{
	size_t length = 0;

	if (*at != '"') {
		length = strcspn(at, " ");
		if (length >= VALUE_SIZE)
			return NULL;
		memcpy(value, at, length);
		value[length] = '\0';
		return at + length;
	}
	for (at++; *at && *at != '"';) {
		if (length + 1 >= VALUE_SIZE)
			return NULL;
		at = read_quoted(at, value, &length);
	}
	value[length] = '\0';
	return *at == '"' ? at + 1 : NULL;
}

/* A name of digits is a name. */
static bool is_text(const char *key)
{
	static const char *const texts[] = {
		"action", "addr", "auth", "name", "reason", "server", "user", "version", "via"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i], key) == 0)
			return true;
	return false;
}

static bool is_number(const char *value)
{
	return isdigit((unsigned char)*value) && value[strspn(value, "0123456789")] <= ' ';
}

/* Of a key that comes twice the first one counts. */
static int set_value(json_t *object, const char *key, json_t *value)
{
	if (!json_object_get(object, key))
		return json_object_set_new(object, key, value);
	json_decref(value);
	return 0;
}

static int read_pair(const char **line, json_t *object)
{
	char key[32], value[VALUE_SIZE];
	const char *at = *line + strspn(*line, " ");
	size_t length = strcspn(at, "= ");
	bool is_integer;

	if (at[length] != '=' || length >= sizeof(key))
		return -EPROTO;
	memcpy(key, at, length);
	key[length] = '\0';
	at += length + 1;
	is_integer = !is_text(key) && is_number(at);
	*line = read_value(at, value);
	if (!*line)
		return -EPROTO;
	return set_value(object, key,
		is_integer ? json_integer(strtoll(value, NULL, 10)) : json_string(value));
}

static int read_line(const char *line, json_t *object)
{
	char event[32];
	size_t length = strcspn(line, " ");

	if (length == 0 || length >= sizeof(event))
		return -EPROTO;
	memcpy(event, line, length);
	event[length] = '\0';
	if (set_value(object, "event", json_string(event)) < 0)
		return -ENOMEM;
	for (line += length; *line;)
		if (read_pair(&line, object) < 0)
			return -EPROTO;
	return 0;
}

void event_print_json(FILE *file, const char *line, time_t now)
{
	char text[32] = "";
	json_t *object = json_object();
	struct tm utc;

	if (gmtime_r(&now, &utc))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (object && set_value(object, "time", json_string(text)) == 0 &&
		read_line(line, object) == 0 &&
		json_dumpf(object, file, terminal_json_flags(file)) == 0)
		fputc('\n', file);
	json_decref(object);
}

static enum terminal_style style_of(const char *event)
{
	static const struct {
		const char *event;
		enum terminal_style style;
	} styles[] = {
		{"login", TERMINAL_BOLD},
		{"logout", TERMINAL_FAINT},
		{"grant", TERMINAL_GREEN},
		{"deny", TERMINAL_RED},
		{"limit", TERMINAL_RED},
		{"guard", TERMINAL_YELLOW},
	};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (strcmp(styles[i].event, event) == 0)
			return styles[i].style;
	return TERMINAL_PLAIN;
}

/* What is told of an event, if it has it: the most important first, since the last may be cut. The
 * title stands before the value. */
static const struct column details[] = {
	{"", "action", NULL},
	{"version ", "version", NULL},
	{"port ", "port", NULL},
	{"", "reason", NULL},
	{"", "name", NULL},
	{"limit ", "value", NULL},
	{"times ", "count", NULL},
	{"by ", "via", NULL},
	{"after ", "duration", table_span},
	{"packets ", "packets", NULL},
	{"", "bytes", table_bytes},
	{"at ", "server", NULL},
	{"", "auth", NULL},
};

#define CELL_SIZE   256
#define WIDEST      45 /* of a user or an address: any address fits */
#define EVENT_WIDTH 6
#define HEAD_WIDTH  (sizeof("23:59:59  logout  ") - 1)

/* A column that grows with what it has to hold, and is empty for what the event has not. */
static void write_column(FILE *file, json_t *object, const char *key, size_t *width)
{
	const struct column column = {"", key, NULL};
	char text[CELL_SIZE] = "";

	if (json_object_get(object, key))
		table_write_cell(&column, object, 0, text);
	table_shorten(text, WIDEST);
	if (table_width(text) > *width)
		*width = table_width(text);
	fprintf(file, "%s%*s", text, (int)(*width - table_width(text)), "");
}

static void write_details(FILE *file, json_t *object, time_t now)
{
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
		char text[CELL_SIZE];

		if (!json_object_get(object, details[i].key))
			continue;
		table_write_cell(&details[i], object, now, text);
		fprintf(file, "  %s%s", details[i].title, text);
	}
}

/* A user without a name is known by number, as selectors have it. */
static void name_user(json_t *object)
{
	json_t *uid = json_object_get(object, "uid");

	if (json_is_integer(uid) && !json_string_length(json_object_get(object, "user")))
		json_object_set_new(object, "user",
			json_sprintf("uid:%" JSON_INTEGER_FORMAT, json_integer_value(uid)));
}

/* All behind the event's name; null: out of memory. */
static char *write_rest(json_t *object, struct event_columns *columns, time_t now)
{
	char *text = NULL;
	size_t size = 0, end;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	write_column(file, object, "user", &columns->user);
	fputs("  ", file);
	write_column(file, object, "addr", &columns->from);
	write_details(file, object, now);
	if (fclose(file) != 0) {
		free(text);
		return NULL;
	}
	for (end = size; end > 0 && text[end - 1] == ' '; end--)
		text[end - 1] = '\0';
	return text;
}

/* The event's name and all behind it; a line that is not one stands there as it is. */
static char *read_people(
	const char *line, struct event_columns *columns, time_t now, char event[CELL_SIZE])
{
	static const struct column column = {"", "event", NULL};
	json_t *object = json_object();
	char *rest;

	if (object && read_line(line, object) == 0) {
		table_write_cell(&column, object, now, event);
		name_user(object);
		rest = write_rest(object, columns, now);
	} else {
		rest = strdup(line);
	}
	json_decref(object);
	return rest;
}

void event_print_aligned(FILE *file, const struct terminal *terminal, struct event_columns *columns,
	const char *line, time_t now)
{
	char event[CELL_SIZE] = "";
	auto_free char *rest = read_people(line, columns, now, event);
	enum terminal_style style = style_of(event);

	if (!rest)
		return;
	table_make_harmless(rest);
	table_shorten(event, EVENT_WIDTH);
	if (terminal->width >= HEAD_WIDTH + 4)
		table_shorten(rest, terminal->width - HEAD_WIDTH);
	print_time(file, now);
	fputs("  ", file);
	terminal_begin(file, terminal, style);
	fprintf(file, "%-*s", rest[0] ? EVENT_WIDTH : 0, event);
	terminal_end(file, terminal, style);
	fprintf(file, "%s%s\n", rest[0] ? "  " : "", rest);
}
