/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SERVER_H
#define MOSHGATE_SERVER_H

#include "hash.h"
#include "login.h"
#include "observed.h"
#include "tally.h"

/*
 * Which sockets are mosh-servers', and whose. Nobody but root may look into another process, so
 * this goes by what everybody may see:
 *
 * 1. A socket is one only if its uid runs a mosh-server in the socket's cgroup that has none yet:
 *    there are never more servers than processes. (server_one_per_process)
 * 2. A socket that was there when a mosh-server was executed is not that one's: it is passed over
 *    until its user logs in anew. (server_earlier_socket)
 * 3. Of several, those that look like mosh's own (ECN mark, bound to an address) come first, and
 *    one that does not waits SERVER_DOUBT_MS for a better one. (server_better_one_first)
 *
 * A user who tricks these rules opens for his own address a socket of his own.
 *
 * 4. Nobody waits for a grant of a uid that has no login. All such uids together are looked at once
 *    in SERVER_STRANGERS_MS: one user may use thousands of them. (server_strangers_in_common)
 */
#define SERVER_DOUBT_MS     200
#define SERVER_LATE_MS      300 /* a notice of an execution may come so much later than its socket */
#define SERVER_STRANGERS_MS 200

enum server_role {
	SERVER_CANDIDATE, /* came after the last mosh-server was executed; not decided */
	SERVER_FOREIGN,   /* something else's, as far as is known */
	SERVER_OWNED,     /* a mosh-server's */
};

struct server {
	struct udp_socket socket; /* its cookie is the key */
	enum server_role role;
	bool is_gone;    /* the socket has ended */
	bool is_kept;    /* was one for an earlier helper: nobody is let in, replies neither */
	bool is_missing; /* not (yet) seen in the dump that is being taken in */
	uint64_t seen_ms;
	uint64_t due_ms;      /* a candidate is looked at again then */
	uint32_t session;     /* audit session of the login that started it */
	struct address home;  /* the client that started it, as in its grant; family 0: not known */
	char *user;           /* owned ones: its user's name */
	struct grant *grants; /* grant.c's */
	UT_hash_handle hh;
};

/* Where sockets of a user are bound; one that takes both families is there twice. */
struct server_bound {
	struct address address;
	uint16_t port;
	uint32_t interface;
	uint32_t uid;
	uint64_t cookie; /* without an interface: of one of them */
};

struct server_table {
	struct server *servers; /* a uthash */
	size_t unowned;         /* how many of them are not SERVER_OWNED */
	size_t gone;            /* how many are is_gone */
	uint64_t changes;       /* counts what became owned, and what of that ended */
	uint64_t strangers_ms;  /* when those without a login are looked at again */
	struct port_spans spans;
	size_t spanned;         /* owned ones in them */
	uint64_t spans_changes; /* they were made at that count of changes */
	uint64_t comings;       /* counts all sockets that came or ended */
	struct server_bound *bound;
	size_t bound_count;
	uint64_t bound_comings;      /* they were made at that count of comings */
	struct hidden_ports *hidden; /* where others may be; null: nowhere */

	/* Asks the kernel whether a socket of that cookie is bound there. Null: as was seen. */
	bool (*is_there)(const struct udp_socket *socket, void *context);
	void *context;
};

void server_table_init(struct server_table *table);
void server_table_clear(struct server_table *table);

struct server *server_find(const struct server_table *table, uint64_t cookie);

/* Takes in a dump: what is new becomes a candidate, what is missing is gone. */
void server_see(struct server_table *table, const struct udp_sockets *sockets, uint64_t now_ms);

/* Appends the sockets of users' servers that are missing from that dump. A dump in several parts
 * may pass over one when others before it end meanwhile, so each of them is worth a question; of
 * those by which nothing is open, but replies are shut out, SERVER_MISSING_MAX are, of those that
 * an earlier helper knew and of those whose user has no login. */
#define SERVER_MISSING_MAX 1000
void server_missing(
	struct server_table *table, const struct udp_sockets *seen, struct udp_sockets *missing);

/* Where servers are (some of them, if they stand too far apart): a dump need not tell of those, by
 * what it is asked for. Whoever asks so knows of what has ended, and that another socket may be in
 * the place of one whose end the kernel is late to tell. They last until the table changes. */
const struct port_spans *server_spans(struct server_table *table);

/* What comes to that address and the server's port is for another user's socket, or may be: the
 * server is bound to any address, and the other one to just that or to any, too; or both are bound
 * to it, which the kernel allows on two interfaces. A grant has no interface. Of those sockets that
 * no dump told of, being too many, it is taken that one is. */
bool server_is_shadowed(
	struct server_table *table, const struct server *server, const struct address *address);

/* Another user's socket, on an interface, is bound to just that address and the server's port, and
 * gets what comes there; the server was on an interface, too, and left that (by connect() to no
 * address). Nothing that is open can come to share its place so. */
bool server_is_beside(
	struct server_table *table, const struct server *server, const struct address *address);

/* One socket has ended. Unless it is owned, it is forgotten at once. */
void server_end(struct server_table *table, uint64_t cookie);

/* A mosh-server was executed: candidates seen at least age_ms ago are foreign from now on, of those
 * that look like mosh's own those seen at least SERVER_LATE_MS ago. */
void server_pass_over(struct server_table *table, uint64_t now_ms, uint64_t age_ms);

/* Sockets on those of SERVER_PORTS ports that look like mosh's were servers for an earlier helper:
 * their ports stay closed to replies as long as they are there. */
#define SERVER_PORTS (UINT16_MAX + 1)
void server_keep_ports(struct server_table *table, const bool *is_port);

/* Candidates on those ports are foreign from now on; or all. */
void server_pass_over_ports(struct server_table *table, const bool *is_port);
void server_pass_over_all(struct server_table *table);

/* Counts in uids those that have candidates to be decided now; false if there are none. */
bool server_undecided(struct server_table *table, const struct login_table *logins, uint64_t now_ms,
	struct tally *uids);

/* Tells, of the uids' candidates that are due, which are servers, from the processes that each uid
 * has (all of them, or those in the candidates' cgroups), and calls found with each and the login
 * that it belongs to (null: the uid has none). It takes as long for many uids as for one. */
struct server_claim {
	const struct login_table *logins;
	const struct tally *uids;
	const struct mosh_processes *processes;
	uint64_t now_ms;
	void (*found)(struct server *server, const struct login *login, void *context);
	void *context;
};

void server_claim(struct server_table *table, const struct server_claim *claim);

/* Appends to sessions, which has room for SERVER_SESSIONS_MAX, a login for each cgroup in which the
 * uids' candidates that are due were made. False if one of them was made in no login's own cgroup,
 * or if there are too many. */
#define SERVER_SESSIONS_MAX 8
bool server_sessions(const struct server_table *table, const struct server_claim *claim,
	const struct login *sessions[SERVER_SESSIONS_MAX], size_t *count);

/* At a login: also sockets that nobody saw come are its user's servers, as far as he has processes
 * for them, those first that rule 3 puts first. Returns how many were left over though they look
 * no different from those that were taken. */
size_t server_adopt_all(struct server_table *table, uint32_t uid, const char *user,
	const struct mosh_processes *processes, uint64_t now_ms);

/* True if the uid has sockets that are not known to be servers. */
bool server_has_unowned(const struct server_table *table, uint32_t uid);

/* Makes owned a socket whose owner is known from before. */
void server_adopt(struct server_table *table, struct server *server, const char *user);

/* The address to which that login's client sends its packets: the one that the socket is bound to,
 * or, of a wildcard, the one on which the login came in. -EAFNOSUPPORT: the socket is of the other
 * family; -EDESTADDRREQ: a wildcard, and the login does not know its own address. */
int server_address(const struct server *server, const struct login *login, struct address *address);

/* What is sent to that address and the server's port can be for its socket. */
bool server_is_at(const struct server *server, const struct address *address);

/* Forgets a server; its grants must be gone. */
void server_remove(struct server_table *table, struct server *server);

#endif
