/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_REPORT_H
#define MOSHGATE_REPORT_H

#include "denied.h"
#include "drops.h"
#include "grant.h"
#include "hostcheck.h"
#include "login.h"
#include "past.h"
#include "totals.h"

/* What moshgatectl is told, as JSON text of malloc(). A uid other than 0 sees what is its own.
 * Times are RFC 3339 in UTC, or null; all else is in moshgatectl(1). */
char *report_grants(const struct grant_table *table, uint32_t uid);
char *report_pending(struct grant_table *grants, const struct elements *knocked, uint32_t uid);
char *report_logins(const struct login_table *table, uint32_t uid);

/* What the helper is doing; of what it has done uid 0 alone is told. */
struct report_status {
	const struct grant_table *grants;
	const struct login_table *logins;
	const struct totals *totals;
	const struct drops *drops; /* null: not known */
	uint64_t started_ms;
	uint64_t guard_ms; /* when the guard was made last */
	uint64_t restored; /* how often after somebody else's change */
	uint64_t refused;  /* connections and requests on both sockets */
};

char *report_status(const struct report_status *status, uint32_t uid);

/* What may be the reason that mosh does not work. */
struct report_diagnosis {
	const struct grant_table *grants;
	const struct denied *denied;
	const struct past *past;
	const struct hostcheck *host; /* null: not for who asks */
	uint64_t started_ms;
	uint64_t guard_ms; /* when the guard was made last */
	uint64_t restored, restored_ms;
	bool is_guarded;
	bool is_blind;                       /* other users' processes are hidden from the helper */
	bool is_unwatched[CONFIG_PATHS_MAX]; /* of the configuration's programs */
};

char *report_diagnosis(const struct report_diagnosis *diagnosis, uint32_t uid);

/* An object with that one value. */
char *report_number(const char *key, uint64_t number);
char *report_text(const char *key, const char *text);

#endif
