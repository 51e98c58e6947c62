/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "event.h"

#define VALUE_SIZE 1024

void event_print(FILE *file, const char *line, time_t now)
{
	char text[16] = "";
	struct tm local;

	if (localtime_r(&now, &local))
		strftime(text, sizeof(text), "%H:%M:%S", &local);
	fprintf(file, "%s %s\n", text, line);
}

/* One character of a quoted value, with its escapes undone as far as JSON has the character. */
static const char *read_quoted(const char *at, char *value, size_t *length)
{
	if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
		at++;
	value[(*length)++] = *at;
	return at + 1;
}

/* Reads a value, quoted or not; null if it is neither. */
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

static int set_value(json_t *object, const char *key, const char *value, int is_number)
{
	json_t *json = is_number ? json_integer(strtoll(value, NULL, 10)) : json_string(value);

	return json_object_set_new(object, key, json);
}

static int read_pair(const char **line, json_t *object)
{
	char key[32], value[VALUE_SIZE];
	const char *at = *line + strspn(*line, " ");
	size_t length = strcspn(at, "= ");
	int is_number;

	if (at[length] != '=' || length >= sizeof(key))
		return -EPROTO;
	memcpy(key, at, length);
	key[length] = '\0';
	at += length + 1;
	is_number = isdigit((unsigned char)*at) && at[strspn(at, "0123456789")] <= ' ';
	*line = read_value(at, value);
	return *line ? set_value(object, key, value, is_number) : -EPROTO;
}

static int read_line(const char *line, json_t *object)
{
	char event[32];
	size_t length = strcspn(line, " ");

	if (length == 0 || length >= sizeof(event))
		return -EPROTO;
	memcpy(event, line, length);
	event[length] = '\0';
	if (set_value(object, "event", event, 0) < 0)
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
	if (object && set_value(object, "time", text, 0) == 0 && read_line(line, object) == 0 &&
		json_dumpf(object, file, JSON_COMPACT) == 0)
		fputc('\n', file);
	json_decref(object);
}
