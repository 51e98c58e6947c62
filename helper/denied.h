/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_DENIED_H
#define MOSHGATE_DENIED_H

#include "grant.h"
#include "refusal.h"

/* What was denied to each user, by reason: a user makes as many sockets and logins as he likes, but
 * not as many lines of the log. Who has no login may be one user with thousands of uids: these
 * share the lines that one has, and are forgotten, the latest DENIED_STRANGERS aside. */
struct denied_entry;

struct denied {
	struct denied_entry *users, *strangers, *logins; /* uthashes; null: empty */
	struct refusal all_strangers;
};

#define DENIED_STRANGERS 64

/* In a minute; see refusal.h. */
#define DENIED_LINES 10

/* Counts one more. True if it is to be told (as refusal_count()); *count is how many there were so
 * far of those that share its lines: of that uid and reason, or of all without a login. */
bool denied_count(
	struct denied *denied, const struct grant_denial *denial, uint64_t now_ms, uint64_t *count);

/* What a login did not get. */
enum denied_login {
	DENIED_LOGIN_LIMIT,  /* to be registered: logins-per-user */
	DENIED_LOGIN_FAMILY, /* servers of the other address family */
};

/* The same for such a login; *count is of that uid and kind. */
bool denied_count_login(struct denied *denied, uint32_t uid, enum denied_login kind,
	uint64_t now_ms, uint64_t *count);

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

void denied_clear(struct denied *denied);

#endif
