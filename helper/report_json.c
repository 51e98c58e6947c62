/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "clock.h"
#include "memory.h"
#include "report_json.h"
#include "text.h"

/* jansson fails for want of memory alone, and text that is not UTF-8. */
json_t *report_json_need(json_t *json)
{
	if (!json)
		memory_exhausted();
	return json;
}

json_t *report_json_text(const char *text)
{
	char quoted[TEXT_QUOTED_SIZE];
	json_t *json = json_string(text);

	if (json)
		return json;
	text_quote(text, quoted);
	return report_json_need(json_string(quoted));
}

json_t *report_json_address(const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	return report_json_need(json_string(address_format(address, text)));
}

json_t *report_json_time(uint64_t boot_ms)
{
	char text[sizeof("2038-01-19T03:14:07Z") + 8];
	time_t wall = clock_wall_time(boot_ms);
	struct tm utc;

	if (boot_ms == 0 || !gmtime_r(&wall, &utc) ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return report_json_need(json_null());
	return report_json_need(json_string(text));
}

void report_json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		memory_exhausted();
}

void report_json_set_number(json_t *object, const char *key, uint64_t value)
{
	report_json_set(object, key, report_json_need(json_integer((json_int_t)value)));
}

char *report_json_write(json_t *json)
{
	size_t size;
	char *text = NULL;
	FILE *file = open_memstream(&text, &size);

	/* json_dumps() leaves out what it has no memory for. */
	if (!file || json_dumpf(json, file, JSON_COMPACT) < 0 || fclose(file) != 0 || !text)
		memory_exhausted();
	json_decref(json);
	return text;
}

void report_json_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		memory_exhausted();
}
