/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_REFUSAL_H
#define MOSHGATE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* What was refused for one reason: each is counted, and one in a while is logged, so that whoever
 * provokes them cannot fill the log. */
struct refusal {
	uint64_t count;
	uint64_t since_ms; /* start of the current period */
	unsigned int told; /* lines logged in it */
};

#define REFUSAL_QUIET_MS 60000

/* Counts one more. True if it is to be logged: the first ones, as many as most, in each
 * REFUSAL_QUIET_MS. */
bool refusal_count(struct refusal *refusal, uint64_t now_ms, unsigned int most);

#endif
