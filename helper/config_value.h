/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONFIG_VALUE_H
#define MOSHGATE_CONFIG_VALUE_H

#include <stdint.h>

/* What may stand behind a key. Each writes the value into field, and returns null; or else what it
 * wants instead, for a message like "claim wants a time like 90s", and field is untouched. */

struct config_bounds {
	int64_t least, most;
};

typedef const char *config_value_fn(const char *value, struct config_bounds bounds, void *field);

#define CONFIG_WANTED_SIZE 96

/* What a value of that kind has to be, with its bounds: in text, or wanted where it has none. */
const char *config_value_wanted(config_value_fn *kind, struct config_bounds bounds,
	const char *wanted, char text[CONFIG_WANTED_SIZE]);

config_value_fn config_value_integer;  /* uint32_t */
config_value_fn config_value_bool;     /* bool: yes or no */
config_value_fn config_value_duration; /* uint32_t, seconds: "90", "90s", "2min", "12h", "1d" */
config_value_fn config_value_ports;    /* uint16_t [2], the first and the last */
config_value_fn config_value_path;     /* char [CONFIG_PATH_SIZE], absolute */
config_value_fn config_value_paths;    /* char [CONFIG_PATHS_MAX][CONFIG_PATH_SIZE] */
config_value_fn config_value_name;     /* char [CONFIG_NAME_SIZE], needs no quoting anywhere */

#endif
