/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PLAN_H
#define MOSHGATE_PLAN_H

#include "grant.h"

/* How long what the kernel refused waits for the next try. */
#define PLAN_RETRY_MS 1000

/* One thing to do to the kernel's sets. In a plan they stand in the order of the kinds, so that a
 * key that goes and comes in one transaction ends up there; but what lapsed comes first, so that
 * its end is told before it opens anew. */
enum change_kind {
	CHANGE_SHUT,      /* take the element out */
	CHANGE_SHORTEN,   /* put it in anew with a shorter timeout */
	CHANGE_RESTORE,   /* put it back */
	CHANGE_OPEN,      /* put it in */
	CHANGE_PORT_SHUT, /* a port on which no server listens any more */
	CHANGE_PORT_OPEN, /* a port on which one listens */
	CHANGE_LAPSED,    /* nothing to do: the kernel has */
};

struct change {
	enum change_kind kind;
	struct grant_key key; /* a port alone for the two port kinds */
	uint32_t timeout_s;   /* what the element has left */
	uint32_t renewed_s;   /* and after its next packet; 0: as much */
	char comment[LABEL_TEXT_SIZE];
	struct grant *grant; /* null for the port kinds */

	/* Set by who carries it out: */
	int error;            /* 0: the kernel did it */
	struct grant_use use; /* the last counters of an element that was taken out */
	bool is_counted;      /* use is known */
};

/* How a kind of change is made: these, one after the other. An element that is not there cannot be
 * deleted, so it is added first; one that is there cannot be changed by adding it (kernels differ
 * in what they do), so it is deleted first. */
enum plan_verb { VERB_NONE, VERB_ADD, VERB_DELETE };
#define PLAN_VERBS 3
const enum plan_verb *plan_verbs(enum change_kind kind);

/* The name of the set that a change is about. */
const char *plan_set(const struct change *change);

static inline bool plan_is_port(const struct change *change)
{
	return change->kind == CHANGE_PORT_SHUT || change->kind == CHANGE_PORT_OPEN;
}

struct plan {
	struct change *changes;
	size_t count, capacity;
	struct grant_denials denials;
};

/* What the kernel's sets lack or have too much, and what was denied since the last plan. It points
 * into the table until it is committed, which has to be the next thing. */
void plan_make(struct grant_table *table, uint64_t now_ms, struct plan *plan);

/* Records what became of the changes. Grants that are gone belong to the plan then, so that one can
 * still tell of them. */
void plan_commit(struct grant_table *table, struct plan *plan, uint64_t now_ms);
void plan_clear(struct plan *plan);

/* When to plan again, because the kernel refused something; UINT64_MAX if it did not. */
uint64_t plan_retry_ms(const struct grant_table *table);

/* The guard is made anew: the next plan fills the set of ports again, and waits for nothing. */
void plan_start_anew(struct grant_table *table);

#endif
