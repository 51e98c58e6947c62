/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_GRANT_H
#define MOSHGATE_GRANT_H

#include "config.h"
#include "label.h"
#include "server.h"

/*
 * Who may reach which server, and why not: the only place of policy.
 *
 * 1. A grant is for the address that one of the server's own user's logins came from, and for that
 *    server's address and port alone. (grant_own_only)
 * 2. It is recorded as open only after the kernel took it, and as gone only after the kernel
 *    dropped it. (grant_refused_by_kernel)
 * 3. It ends with its server's socket. (grant_ends_with_socket)
 */

/* How long what the kernel refused waits for the next try. */
#define GRANT_RETRY_MS 1000

struct grant_key {
	struct address client;
	struct address server;
	uint16_t port;
};

enum grant_state {
	GRANT_WANTED, /* not in the kernel yet */
	GRANT_OPEN,   /* in the kernel */
	GRANT_GOING,  /* in the kernel, and to be taken out */
	GRANT_LAPSED, /* the kernel took it out itself */
};

enum grant_reason {
	GRANT_EXIT,      /* the server's socket ended */
	GRANT_IDLE,      /* no packet for idle */
	GRANT_UNCLAIMED, /* no packet within claim */
	GRANT_MAX,       /* open for max */
	GRANT_ADMIN,     /* revoked by a person */
	GRANT_STALE,     /* found in the kernel, and nothing is known that it is for */
};

/* What the kernel counted on a grant. */
struct grant_use {
	uint64_t packets, bytes;
	uint64_t expires_ms; /* boot time at which the kernel drops it */
};

struct grant {
	struct grant_key key;
	struct label label;    /* whose, since when, by which login */
	struct server *server; /* null: a stale one */
	enum grant_state state;
	enum grant_reason reason; /* of one that is going or lapsed */
	uint64_t retry_ms;    /* a wanted or going one that the kernel refused: not before then */
	struct grant_use use; /* as last read; unless is_counted, nothing is known */
	bool is_counted;
	bool is_missing; /* not (yet) seen in the dump that is being taken in */

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

struct grant_denial {
	enum grant_denial_reason reason;
	uint32_t uid;
	uint16_t port;
	struct address client; /* family 0 without a login */
	char *user;
};

enum change_kind { CHANGE_SHUT, CHANGE_OPEN, CHANGE_PORT_SHUT, CHANGE_PORT_OPEN, CHANGE_LAPSED };

/* One thing to do to the kernel's sets; in the order of the kinds, so that a key that goes and
 * comes in one transaction ends up there. */
struct change {
	enum change_kind kind;
	struct grant_key key; /* a port alone for the two port kinds */
	uint32_t timeout_s;
	char comment[LABEL_TEXT_SIZE];
	struct grant *grant; /* null for the port kinds */
	int error;           /* set by who applies it; 0: the kernel did it */
};

struct plan {
	struct change *changes;
	size_t count, capacity;
	struct grant_denial *denials;
	size_t denial_count, denial_capacity;
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
	struct server_table servers;
	struct grant *by_key; /* a uthash of those that are wanted or open */
	struct grant *wanted, *open, *going, *lapsed;
	size_t count;             /* of all */
	bool is_port_open[65536]; /* as the kernel's set of servers' ports has it */
	bool is_port_wanted[65536];
	struct plan denied; /* denials since the last plan */
};

struct grant_table *grant_table_new(const struct config *config);
void grant_table_free(struct grant_table *table);

/* Wants a grant for that server and login; or denies it and keeps the reason for the next plan. */
void grant_want(struct grant_table *table, struct server *server, const struct login *login,
	enum label_via via, uint64_t now_ms);

/* Keeps, for the next plan, that a server without a login gets nothing. */
void grant_deny_unknown(struct grant_table *table, const struct server *server);

/* Compares with what the kernel has: takes over counters and expiry, adopts elements whose comment
 * names a live server, wants to be rid of others, and finds out which have lapsed. */
void grant_sync(struct grant_table *table, const struct elements *elements);

/* What the kernel's sets lack or have too much. The plan points into the table until it is
 * committed, which has to be the next thing. */
void grant_plan(struct grant_table *table, uint64_t now_ms, struct plan *plan);

/* Records what became of the plan's changes. Grants that are gone belong to the plan then, so that
 * one can still tell of them; plan_clear() frees them. */
void grant_commit(struct grant_table *table, struct plan *plan, uint64_t now_ms);

void plan_clear(struct plan *plan);

/* When to plan again, because the kernel refused something; UINT64_MAX if it did not. */
uint64_t grant_retry_ms(const struct grant_table *table);

/* The last packet from its client: boot time in ms, 0 if there was none. */
uint64_t grant_last_seen(const struct grant *grant, const struct config *config);

#endif
