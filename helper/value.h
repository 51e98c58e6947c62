/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_VALUE_H
#define MOSHGATE_VALUE_H

#include <stdbool.h>
#include <string.h>

#include <jansson.h>

/* Values of JSON objects that others wrote, by their key: "" and 0 for what is not there, or of
 * another type. */

static inline const char *value_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static inline bool value_is(json_t *object, const char *key, const char *text)
{
	return strcmp(value_text(object, key), text) == 0;
}

static inline long long value_number(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

#endif
