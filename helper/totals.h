/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TOTALS_H
#define MOSHGATE_TOTALS_H

#include "grant.h"

/* How much has happened since the helper started. What the log leaves out, so that nobody fills it,
 * is counted here all the same. */
struct totals {
	uint64_t logins, refused_logins; /* registered; one too many */
	uint64_t opened[LABEL_VIAS];
	uint64_t revoked[GRANT_REASONS];
	uint64_t denied[DENIAL_REASONS];
	uint64_t transactions, refused_transactions; /* by nftables */
};

#endif
