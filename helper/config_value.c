/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_value.h"

static bool parse_number(const char *text, char **end, int64_t *number)
{
	errno = 0;
	*number = strtoll(text, end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return errno == 0 && *end != text && (*text == '-' || (*text >= '0' && *text <= '9'));
}

const char *config_value_integer(const char *value, struct config_bounds bounds, void *field)
{
	char *end;
	int64_t number;

	if (!parse_number(value, &end, &number) || *end)
		return "a whole number";
	if (number < bounds.least || number > bounds.most)
		return "a whole number";
	*(uint32_t *)field = (uint32_t)number;
	return NULL;
}

const char *config_value_bool(const char *value, struct config_bounds bounds, void *field)
{
	(void)bounds;
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return "yes or no";
	*(bool *)field = strcmp(value, "yes") == 0;
	return NULL;
}

/* From the shortest. */
static const struct {
	const char *unit;
	int64_t seconds;
} units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
#define UNITS    (sizeof(units) / sizeof(units[0]))
#define DURATION "a time like 90s, 2min, 12h or 1d"

const char *config_value_duration(const char *value, struct config_bounds bounds, void *field)
{
	char *end;
	int64_t number;

	if (!parse_number(value, &end, &number) || number < 0 || number > UINT32_MAX)
		return DURATION;
	for (size_t i = 0; i < UNITS; i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		number *= units[i].seconds;
		if (number < bounds.least || number > bounds.most)
			return DURATION;
		*(uint32_t *)field = (uint32_t)number;
		return NULL;
	}
	return DURATION;
}

const char *config_value_ports(const char *value, struct config_bounds bounds, void *field)
{
	uint16_t *ports = field;
	int64_t first, last;
	char *end;

	if (!parse_number(value, &end, &first) || *end != '-' ||
		!parse_number(end + 1, &end, &last) || *end)
		return "two ports like 60000-61000";
	if (first < bounds.least || last > bounds.most || first > last)
		return "two ports, the lower one first, of 1024-65535";
	ports[0] = (uint16_t)first;
	ports[1] = (uint16_t)last;
	return NULL;
}

const char *config_value_path(const char *value, struct config_bounds bounds, void *field)
{
	(void)bounds;
	if (value[0] != '/' || strlen(value) >= CONFIG_PATH_SIZE)
		return "an absolute path of at most 107 characters";
	strcpy(field, value);
	return NULL;
}

const char *config_value_paths(const char *value, struct config_bounds bounds, void *field)
{
	char(*paths)[CONFIG_PATH_SIZE] = field;
	char parsed[CONFIG_PATHS_MAX][CONFIG_PATH_SIZE] = {0};
	size_t count = 0;

	while (*value) {
		size_t length = strcspn(value, " \t");

		if (count == (size_t)bounds.most || value[0] != '/' || length >= CONFIG_PATH_SIZE)
			return "1 to 8 absolute paths of at most 107 characters";
		memcpy(parsed[count++], value, length);
		value += length + strspn(value + length, " \t");
	}
	if (count == 0)
		return "1 to 8 absolute paths of at most 107 characters";
	memcpy(paths, parsed, sizeof(parsed));
	return NULL;
}

/* A name that needs no quoting anywhere: it becomes part of what nft is told. */
const char *config_value_name(const char *value, struct config_bounds bounds, void *field)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-";
	size_t length = strlen(value);

	(void)bounds;
	if (length == 0 || length >= CONFIG_NAME_SIZE || !strchr(first, value[0]) ||
		strspn(value, rest) != length)
		return "a name of at most 31 letters, digits, - and _";
	strcpy(field, value);
	return NULL;
}

/* The longest unit of which it is a whole number; 0 is of any. */
static size_t find_unit(int64_t seconds)
{
	size_t unit = UNITS - 1;

	while (unit > 1 && (seconds == 0 || seconds % units[unit].seconds != 0))
		unit--;
	return unit;
}

const char *config_value_wanted(config_value_fn *kind, struct config_bounds bounds,
	const char *wanted, char text[CONFIG_WANTED_SIZE])
{
	size_t least = find_unit(bounds.least), most = find_unit(bounds.most);

	if (kind == config_value_duration)
		snprintf(text, CONFIG_WANTED_SIZE, "a time of %" PRId64 "%s to %" PRId64 "%s, %s",
			bounds.least / units[least].seconds, units[least].unit,
			bounds.most / units[most].seconds, units[most].unit,
			"like 90s, 2min, 12h or 1d");
	else if (kind == config_value_integer)
		snprintf(text, CONFIG_WANTED_SIZE, "a whole number of %" PRId64 " to %" PRId64,
			bounds.least, bounds.most);
	else
		return wanted;
	return text;
}
