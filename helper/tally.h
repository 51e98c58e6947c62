/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TALLY_H
#define MOSHGATE_TALLY_H

#include <stdint.h>

/* Counters, each by two numbers; one that was never counted is 0. Whoever can make things without
 * number must not make the counting of them slow: each count takes the same time. */

struct tally_entry;

struct tally {
	struct tally_entry *entries; /* a uthash; null: empty */
};

/* Adds change, which may be negative, and returns what that makes. */
int64_t tally_add(struct tally *tally, uint64_t group, uint64_t part, int64_t change);
int64_t tally_of(const struct tally *tally, uint64_t group, uint64_t part);

void tally_clear(struct tally *tally);

#endif
