/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PAST_H
#define MOSHGATE_PAST_H

#include "grant.h"
#include "tally.h"

/* Recently ended logins and grants, so that doctor can give the reason: of each user, address and
 * port the last one. Whoever makes many things end pushes out what was his own: a user has
 * PAST_PER_USER of them, all together PAST_MOST, and the oldest go first. */
#define PAST_PER_USER 16
#define PAST_MOST     1024

enum past_kind {
	PAST_LOGOUT,  /* a login has ended */
	PAST_REFUSED, /* a login was one too many */
	PAST_REVOKE,  /* a grant has ended */
};

struct past_event {
	enum past_kind kind;
	uint32_t uid;
	struct address client;
	struct grant_key key;        /* of a grant */
	enum grant_reason reason;    /* why it ended */
	uint64_t since_ms, ended_ms; /* 0: not known */
	char user[LABEL_USER_SIZE];  /* empty: not known */
};

struct past_entry;

struct past {
	struct past_entry *entries; /* a uthash, oldest first; null: empty */
	struct tally per_uid;
};

/* kind: one of the two that are about logins. */
void past_add_login(
	struct past *past, enum past_kind kind, const struct login *login, uint64_t now_ms);

/* Of a grant of which nothing is known but its element nothing is kept. */
void past_add_grant(struct past *past, const struct grant *grant, uint64_t now_ms);

/* From the oldest to the newest. */
void past_each(const struct past *past,
	void (*visit)(const struct past_event *event, void *context), void *context);

void past_clear(struct past *past);

#endif
