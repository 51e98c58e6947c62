/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quoted text: printable, on one line, one value; it says what it was made of; and in an audit line
 * it adds and changes no other value, as moshgatectl watch --json reads it. */
#include <stdbool.h>

#include <jansson.h>

#include "event.h"
#include "fuzz.h"
#include "text.h"

/* The opposite, by the description in text.h. */
static void unquote(const char *quoted, char *value)
{
	bool is_quoted = quoted[0] == '"';
	unsigned int code;

	for (const char *at = quoted + is_quoted; *at && (!is_quoted || at[1]); at++) {
		PROMISE(*at >= 0x20 && *at <= 0x7e && *at != '"' && (is_quoted || *at != ' '));
		if (*at != '\\') {
			*value++ = *at;
		} else if (*++at == 'x') {
			PROMISE(sscanf(at + 1, "%2x", &code) == 1);
			*value++ = (char)code;
			at += 2;
		} else {
			PROMISE(*at == '"' || *at == '\\');
			*value++ = *at;
		}
	}
	PROMISE(!is_quoted || quoted[strlen(quoted) - 1] == '"');
	*value = '\0';
}

static void check_line(const char *quoted)
{
	char line[TEXT_QUOTED_SIZE + 64], *printed = NULL;
	size_t size;
	FILE *file = open_memstream(&printed, &size);
	json_t *json;

	PROMISE(file);
	snprintf(line, sizeof(line), "login user=%s uid=7", quoted);
	event_print_json(file, line, 0);
	fclose(file);
	json = json_loads(printed, 0, NULL);
	PROMISE(json_object_size(json) == 4 && json_object_get(json, "user"));
	PROMISE(json_integer_value(json_object_get(json, "uid")) == 7);
	PROMISE(strcmp(json_string_value(json_object_get(json, "event")), "login") == 0);
	json_decref(json);
	free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *value = fuzz_text(bytes, size), *quoted = malloc(TEXT_QUOTED_SIZE);
	char again[TEXT_QUOTED_SIZE];

	PROMISE(quoted);
	text_quote(value, quoted);
	PROMISE(strlen(quoted) > 0);
	unquote(quoted, again);
	PROMISE(strcmp(again, strlen(value) < 256 ? value : "") == 0);
	check_line(quoted);
	free(quoted);
	free(value);
	return 0;
}
