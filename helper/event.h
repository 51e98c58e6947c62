/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_EVENT_H
#define MOSHGATE_EVENT_H

#include <stdio.h>
#include <time.h>

#include "terminal.h"

/* An audit line ("grant user=alice port=60001 ..."), as moshgatectl watch prints it. */

/* For people: the local time of day in front. */
void event_print(FILE *file, const char *line, time_t now);

/* How far the columns of what was printed before reach. */
struct event_columns {
	size_t user, from;
};

/* For a person at a terminal: what matters, in columns that grow as they have to and stay, on one
 * line that fits. What a terminal could obey becomes "?". */
void event_print_aligned(FILE *file, const struct terminal *terminal, struct event_columns *columns,
	const char *line, time_t now);

/* As one JSON object: "time" (RFC 3339, UTC), "event", then its values, numbers as numbers. A line
 * that is not one is left out. */
void event_print_json(FILE *file, const char *line, time_t now);

#endif
