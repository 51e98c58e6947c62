/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_AUDIT_H
#define MOSHGATE_AUDIT_H

#include "grant.h"
#include "login.h"

/*
 * One line for each decision, after it has taken effect: "event key=value ...". A value that is not
 * plain stands in quotes with ", \ and all that is not printable ASCII escaped, so that whatever
 * name a user or a host has, it is one value of one line. The journal has the event and each value
 * as fields, too: MOSHGATE_EVENT and MOSHGATE_KEY. (check_audit.c)
 */

#define AUDIT_NOBODY UINT32_MAX

/* Who hears of each line besides the log; all zero: nobody. */
struct audit {
	/* uid: the user whom it is about, AUDIT_NOBODY for the helper's own. */
	void (*hear)(const char *line, uint32_t uid, void *context);
	void *context;
};

void audit_start(const struct audit *audit, const char *version);
void audit_stop(const struct audit *audit);
void audit_guard(const struct audit *audit, const char *action);
void audit_login(const struct audit *audit, const struct login *login);
void audit_logout(const struct audit *audit, const struct login *login, uint64_t now_ms);
void audit_grant(const struct audit *audit, const struct grant *grant);
void audit_revoke(const struct audit *audit, const struct grant *grant, uint64_t now_ms);
/* count: how many of that user and reason there were so far. */
void audit_deny(const struct audit *audit, const struct grant_denial *denial, uint64_t count);

/* A user has as many logins as he may: this one is not registered. count: as above. */
void audit_limit_logins(
	const struct audit *audit, const struct login *login, uint32_t limit, uint64_t count);

#endif
