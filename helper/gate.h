/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_GATE_H
#define MOSHGATE_GATE_H

#include "audit.h"
#include "config.h"
#include "denied.h"
#include "firewall.h"
#include "grant.h"
#include "login.h"
#include "observer.h"
#include "past.h"
#include "plan.h"
#include "state.h"
#include "totals.h"
#include "wire.h"

/*
 * The straight line. Every event goes the same way: logins, observer, grants (plan), firewall
 * (apply), grants (commit what the kernel took), audit. What is said here is when to look; who may
 * pass is decided in server.c and grant.c.
 *
 * The callers own the event loop: after any number of gate_on_...() calls in one turn they call
 * gate_settle() once, so that one turn is one transaction; and gate_on_due() at gate_due_ms().
 */
struct gate {
	const struct config *config;
	struct login_table *logins;
	struct grant_table *grants;
	struct observer *observer;
	struct firewall *firewall;
	struct state *state;
	struct audit audit;

	bool is_starting; /* who has a grant is not known yet */
	pid_t *new_pids;  /* of logins that are new; see state.h */
	size_t new_count, new_capacity;
	bool is_searching;   /* a mosh-server was executed, its socket is looked for */
	bool has_found;      /* at least one since then */
	uint64_t exec_ms;    /* when the last one was executed */
	uint64_t stir_ms;    /* when the last one was executed or found */
	uint64_t look_ms;    /* when to look next */
	uint64_t looked_ms;  /* not before this, since the last look took long */
	uint64_t shut_ms;    /* when an element was last deleted */
	uint64_t recheck_ms; /* when to see next that it is; 0: it is */
	uint64_t compare_ms; /* when to compare next; 0: there is nothing to compare */
	uint64_t max_ms; /* when the next grant will have been open for max; UINT64_MAX: never */

	bool is_touched;             /* somebody changed our table: to be put right at heal_ms */
	uint64_t heal_ms, healed_ms; /* when to; when that was last done */
	uint64_t heal_delay_ms;      /* how long the next one waits */

	uint64_t installed_ms, restored_ms; /* the guard: when last; 0: never */
	uint64_t restored;                  /* how often */

	struct denied denied; /* how often, and what of it was told */
	struct past past;
	struct totals totals;
};

/* The gate takes over what the parts point to. */
struct gate_parts {
	const struct config *config; /* but for this, which may change before gate_reload() */
	struct observer *observer;
	struct firewall *firewall;
	struct state *state;
	struct audit audit;
};

void gate_init(struct gate *gate, const struct gate_parts *parts);
void gate_clear(struct gate *gate);

/* Reads back logins and what is open from an earlier helper, keeps what is still somebody's,
 * installs the guard. -errno, already logged. */
int gate_start(struct gate *gate);

/* Forgets those logins from before of which the process is not the same any more. To be called when
 * something holds their pids, so that none can change behind it.
 * -errno if one of them could not be looked at: it is kept. */
int gate_check_logins(struct gate *gate);

/* Registers the login, if it is not one too many. What the login itself does not wait for comes
 * after its answer, with gate_welcome(): a look at its process, its file, the audit, and what his
 * other servers are to be opened for. */
enum wire_answer gate_on_login(struct gate *gate, const struct wire_session *session, pid_t pid);
void gate_welcome(struct gate *gate, const struct wire_session *session, pid_t pid);

/* The session is about to close, or its process has died: a last look, then it is forgotten. */
enum wire_answer gate_on_logout(struct gate *gate, pid_t pid);

/* Whether the uid has a login or a grant; as long as that is not known, it may have. Others may be
 * any number of one user's (subuid(5)). */
bool gate_knows(const struct gate *gate, uint32_t uid);

void gate_on_exec(struct gate *gate);

/* A ruleset has changed. If that was our table and not we, it is put right at once, unless that
 * happens again and again: then after a delay that doubles up to a second. */
void gate_on_notice(struct gate *gate);

/* A person wants to be rid of these grants; returns their number. */
size_t gate_on_revoke(struct gate *gate, const struct grant_selector *selector);

/* Who knocked and was dropped: appends all of them. -errno, already logged. */
int gate_read_pending(struct gate *gate, struct elements *knocked);

/* The uid (0: root) wants one who knocked to reach its servers. Returns at how many that client
 * knocked, and adds to *denied those that are over a limit; -errno, already logged. */
int gate_on_allow(struct gate *gate, uint32_t uid, const struct address *client, size_t *denied);

void gate_on_ended(struct gate *gate);
void gate_on_due(struct gate *gate);

/* Puts into effect what came of all that happened since the last time. True if that was anything.
 */
bool gate_settle(struct gate *gate);

/* The boot time at which gate_on_due() is wanted; UINT64_MAX if it is not. */
uint64_t gate_due_ms(const struct gate *gate);

/* The configuration has changed, and with it perhaps the observer: the guard is made anew, the new
 * observer taken over and the old one closed. -errno, already logged; then the old one stays. */
int gate_reload(struct gate *gate, struct observer *observer);

/* Compares with the kernel now. -errno, already logged. */
int gate_refresh(struct gate *gate);

#endif
