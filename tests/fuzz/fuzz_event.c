/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line that moshgatectl watch gets: as JSON it is one object on one line, or nothing; for people
 * it stands behind the time as it is, and at a terminal in columns. */
#include <jansson.h>

#include "event.h"
#include "fuzz.h"
#include "table.h"

/* What is printed of it; the caller's to free. */
static char *printed(void (*print)(FILE *file, const char *line, time_t now), const char *line)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	PROMISE(file);
	print(file, line, 1234567890);
	fclose(file);
	return text;
}

static void check_json(const char *text)
{
	json_t *json;

	if (!text[0])
		return;
	json = json_loads(text, 0, NULL);
	PROMISE(json_is_string(json_object_get(json, "event")));
	PROMISE(strcmp(json_string_value(json_object_get(json, "time")), "2009-02-13T23:31:30Z") ==
		0);
	PROMISE(strchr(text, '\n') == text + strlen(text) - 1);
	json_decref(json);
}

/* On one line that fits, and nothing that a terminal obeys. */
static void check_aligned(const char *line, size_t width)
{
	const struct terminal terminal = {.is_terminal = true, .width = width};
	struct event_columns columns = {0};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	PROMISE(file);
	event_print_aligned(file, &terminal, &columns, line, 1234567890);
	fclose(file);
	PROMISE(size > 0 && strchr(text, '\n') == text + size - 1);
	text[size - 1] = '\0';
	PROMISE(width == 0 || table_width(text) <= width);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		PROMISE(*c >= 0x20 && *c != 0x7f);
		PROMISE(c[0] != 0xc2 || c[1] < 0x80 || c[1] > 0x9f);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *line = fuzz_text(bytes, size), *json = printed(event_print_json, line);
	char *plain = printed(event_print, line);

	check_json(json);
	PROMISE(strlen(plain) == strlen("00:00:00 \n") + strlen(line));
	PROMISE(strncmp(plain + strlen("00:00:00 "), line, strlen(line)) == 0);
	check_aligned(line, 0);
	check_aligned(line, 40);
	free(plain);
	free(json);
	free(line);
	return 0;
}
