/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_EVENT_H
#define MOSHGATE_EVENT_H

#include <stdio.h>
#include <time.h>

/* An audit line ("grant user=alice port=60001 ..."), as moshgatectl watch prints it. */

/* For people: the local time of day in front. */
void event_print(FILE *file, const char *line, time_t now);

/* As one JSON object: "time" (RFC 3339, UTC), "event", then its values, numbers as numbers. A line
 * that is not one is left out. */
void event_print_json(FILE *file, const char *line, time_t now);

#endif
