/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_GRANT_H
#define MOSHGATE_GRANT_H

#include "config.h"
#include "label.h"
#include "server.h"
#include "tally.h"

/*
 * Who may reach which server, and why not: the only place of policy.
 *
 * 1. A grant is for the address that one of the server's own user's logins came from, and for that
 *    server's address and port alone. (grant_own_only)
 * 2. It is recorded as open only after the kernel took it, and as gone only after the kernel
 *    dropped it. (grant_refused_by_kernel)
 * 3. It ends with its server's socket. (grant_ends_with_socket)
 */

struct grant_key {
	struct address client;
	struct address server;
	uint16_t port;
};

enum grant_state {
	GRANT_WANTED,    /* not in the kernel yet */
	GRANT_OPEN,      /* in the kernel */
	GRANT_SHORTENED, /* in the kernel, and from now on to lapse after claim */
	GRANT_LOST,      /* open, but somebody took it out of the kernel, or changed it there */
	GRANT_GOING,     /* in the kernel, and to be taken out */
	GRANT_LAPSED,    /* the kernel took it out itself */
	GRANT_STATES
};

enum grant_reason {
	GRANT_EXIT,      /* the server's socket ended */
	GRANT_IDLE,      /* no packet for idle */
	GRANT_UNCLAIMED, /* no packet within claim */
	GRANT_MAX,       /* open for max */
	GRANT_ADMIN,     /* revoked by a person */
	GRANT_STALE,     /* found in the kernel, and nothing is known that it is for */
};
#define GRANT_REASONS (GRANT_STALE + 1)

/* What the kernel has counted on an element. */
struct grant_use {
	uint64_t packets, bytes;
	uint64_t expires_ms; /* time awake at which the kernel drops it */
};

struct grant {
	struct grant_key key;
	struct label label;    /* whose, since when, by which login */
	struct server *server; /* null: a stale one */
	enum grant_state state;
	enum grant_reason reason; /* of one that is going or lapsed */
	uint64_t retry_ms;        /* the kernel refused a change: not again before then */
	struct grant_use use;     /* packets and bytes of all its elements so far */
	struct grant_use before;  /* those of its earlier elements */
	uint64_t seen_ms;         /* the last packet that is known of; 0: none */
	bool is_counted;          /* use is known */
	bool is_missing;          /* not (yet) seen in the dump that is being taken in */

	struct grant *prev, *next; /* of the same state */
	struct grant *prev_of_server, *next_of_server;
	UT_hash_handle hh; /* by key, unless it is going or lapsed */
};

enum grant_denial_reason {
	DENIAL_NO_LOGIN,   /* the server's user is not logged in by ssh */
	DENIAL_FAMILY,     /* an IPv4 login and an IPv6 socket, or the other way round */
	DENIAL_NO_ADDRESS, /* a wildcard socket, and the login's own address is not known */
	DENIAL_TAKEN,      /* another server has that address and port */
	DENIAL_LIMIT_USER, /* grants-per-user */
	DENIAL_LIMIT,      /* grants */
};
#define DENIAL_REASONS (DENIAL_LIMIT + 1)

struct grant_denial {
	enum grant_denial_reason reason;
	uint32_t limit; /* that was reached; 0: the reason is no limit */
	uint32_t uid;
	uint16_t port;
	struct address client; /* family 0 without a login */
	char *user;
};

struct grant_denials {
	struct grant_denial *items;
	size_t count, capacity;
};

/* An element of the kernel's sets. */
struct element {
	struct grant_key key;
	struct grant_use use;
	char comment[LABEL_TEXT_SIZE]; /* empty: none */
};

struct elements {
	struct element *items;
	size_t count, capacity;
};

struct grant_table {
	const struct config *config;
	uint64_t asleep_ms; /* how much of the time since boot the host was suspended */
	struct server_table servers;
	struct grant *by_key; /* a uthash of those that are, or are to be, in the kernel */
	struct grant *lists[GRANT_STATES];
	size_t count;             /* of all that have not lapsed */
	struct tally per_uid;     /* of those of each uid's servers */
	bool is_port_open[65536]; /* as the kernel's set of servers' ports has it */
	bool is_port_wanted[65536];
	uint64_t wanted_changes;      /* the servers' when it was made */
	uint64_t shadow_comings;      /* the servers' when those in others' way were ended */
	struct grant_denials denials; /* since the last plan */
};

/* now_ms is time since boot. Expiry alone is in time awake, as the kernel's is. */
static inline uint64_t grant_awake_ms(const struct grant_table *table, uint64_t now_ms)
{
	return now_ms - table->asleep_ms;
}

struct grant_table *grant_table_new(const struct config *config);
void grant_table_free(struct grant_table *table);

/* A server was found, and that login started it: wants a grant, or denies it. */
void grant_first(struct grant_table *table, struct server *server, const struct login *login,
	uint64_t now_ms);

/* A server was found, and its user has no login: denies. */
void grant_none(struct grant_table *table, const struct server *server);

/* A person wants who knocked on the server's port to reach it. False if that is denied. */
bool grant_allow(struct grant_table *table, struct server *server, const struct grant_key *key,
	uint64_t now_ms);

/* A new login: wants grants for all of its user's servers of its address family that it has none
 * for yet, and claim for those that have less left; without roam only for those that were started
 * from its address, or from where is not known: then it is from its address from now on. With
 * supersede, what other addresses have of them is to lapse after claim. Returns how many servers it
 * opens nothing for because they are of the other address family. */
size_t grant_roam(struct grant_table *table, const struct login *login, uint64_t now_ms);

/* Calls visit with each open grant that grant_roam() looks at: of the login's user, for the login's
 * address or, with supersede, for any. */
void grant_each_of_login(struct grant_table *table, const struct login *login,
	void (*visit)(struct grant *grant, void *context), void *context);

/* The kernel says how much an open grant was used; or that it is not there: then it has run out, if
 * its time is over, and else somebody took it away and it is to come back. */
void grant_update(const struct grant_table *table, struct grant *grant, const struct grant_use *use,
	uint64_t now_ms);
void grant_miss(struct grant_table *table, struct grant *grant, uint64_t now_ms);

/* Compares with all that the kernel has: takes over counters and expiry, adopts elements whose
 * comment names a live server, marks others to be closed, and tells those that have run out from
 * those that somebody took away and that are to come back, as are those that somebody changed. */
void grant_sync(struct grant_table *table, const struct elements *elements, uint64_t now_ms);

/* Ends those of servers bound to any address, at addresses where another user's socket has come to
 * be bound. To be called after each look at the sockets, before it is decided whose they are. */
void grant_end_shadowed(struct grant_table *table);

/* Which grants a person means; what is 0 (or of family 0) means any. */
struct grant_selector {
	bool is_of_user;
	uint32_t uid;
	struct address client; /* or, with a shorter prefix, any address of its network */
	uint16_t port;
};

/* Marks those grants to be closed, and returns their number. */
size_t grant_revoke(struct grant_table *table, const struct grant_selector *wanted);

/* Marks to be closed what has been open for max; returns when the next one will have been,
 * UINT64_MAX: never. */
uint64_t grant_end_max(struct grant_table *table, uint64_t now_ms);

/* For plan.c and grant_sync.c: the one of that key that is, or is to be, in the kernel, and the one
 * that is to be taken out; null if there is none. */
struct grant *grant_find(const struct grant_table *table, const struct grant_key *key);
struct grant *grant_find_going(const struct grant_table *table, const struct grant_key *key);

/* Also for them. A new grant, of that server (null: it has none). */
struct grant *grant_add(struct grant_table *table, const struct grant_key *key,
	struct server *server, enum grant_state state);

/* It is to go: what is in the kernel has to be taken out, what never was is just forgotten. */
void grant_end(struct grant_table *table, struct grant *grant, enum grant_reason reason);

/* Into another state. */
void grant_move(struct grant_table *table, struct grant *grant, enum grant_state state);

/* Out of the table; with the last grant of a server that is gone goes that server. */
void grant_detach(struct grant_table *table, struct grant *grant);

#endif
