/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_DENIED_H
#define MOSHGATE_DENIED_H

#include "grant.h"

/* What was denied to each user, by reason: a user makes as many sockets as he likes, but not as
 * many lines of the log. */
struct denied;

/* In a minute; see refusal.h. */
#define DENIED_LINES 10

/* Counts one more. True if it is to be told (as refusal_count()); *count is how many there were of
 * that uid and reason so far. */
bool denied_count(struct denied **denied, const struct grant_denial *denial, uint64_t now_ms,
	uint64_t *count);

/* The last one of that uid and reason, and how many there were. */
struct denied_last {
	uint32_t uid;
	enum grant_denial_reason reason;
	uint16_t port;
	struct address client; /* family 0 without a login */
	uint64_t at_ms, count;
};

void denied_each(const struct denied *denied,
	void (*visit)(const struct denied_last *last, void *context), void *context);

void denied_clear(struct denied **denied);

#endif
