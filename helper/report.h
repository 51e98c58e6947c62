/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_REPORT_H
#define MOSHGATE_REPORT_H

#include "grant.h"
#include "login.h"

/* What moshgatectl is told, as JSON text of malloc(). A uid other than 0 sees what is its own.
 * Times are RFC 3339 in UTC, or null; all else is in moshgatectl(1). */
char *report_grants(const struct grant_table *table, uint32_t uid);
char *report_logins(const struct login_table *table, uint32_t uid);
char *report_status(
	const struct grant_table *grants, const struct login_table *logins, uint64_t started_ms);

/* An object with that one value. */
char *report_number(const char *key, uint64_t number);
char *report_text(const char *key, const char *text);

#endif
