/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TOTALS_H
#define MOSHGATE_TOTALS_H

#include "plan.h"

/* How much has happened since the helper started. What the log leaves out, so that nobody fills it,
 * is counted here all the same. */
struct totals {
	uint64_t logins, refused_logins; /* registered; one too many */
	uint64_t opened_by_login, opened_by_roam;
	uint64_t revoked[GRANT_REASONS];
	uint64_t denied[DENIAL_REASONS];
	uint64_t transactions, refused_transactions; /* by nftables */
};

/* A change that the kernel took. */
void totals_count_change(struct totals *totals, const struct change *change);

void totals_count_denial(struct totals *totals, const struct grant_denial *denial);

/* error: of the transaction, 0 if nftables took it. */
void totals_count_transaction(struct totals *totals, int error);

#endif
