/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_AUDIT_H
#define MOSHGATE_AUDIT_H

#include "grant.h"
#include "login.h"

/*
 * One line for each decision, after it has taken effect: "event key=value ...". A value that is not
 * plain stands in quotes with ", \ and all that is not printable ASCII escaped, so that whatever
 * name a user or a host has, it is one value of one line. (check_audit.c)
 */

void audit_start(const char *version);
void audit_stop(void);
void audit_guard(const char *action);
void audit_login(const struct login *login);
void audit_logout(const struct login *login, uint64_t now_ms);
void audit_grant(const struct grant *grant);
void audit_revoke(const struct grant *grant, uint64_t now_ms);
void audit_deny(const struct grant_denial *denial);

/* A user has as many logins as he may: this one is not registered. */
void audit_limit_logins(const struct login *login, uint32_t limit);

#endif
