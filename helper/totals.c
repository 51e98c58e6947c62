/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "totals.h"

/* What was shortened or restored is the same grant as before. */
void totals_count_change(struct totals *totals, const struct change *change)
{
	if (change->kind == CHANGE_SHUT || change->kind == CHANGE_LAPSED)
		totals->revoked[change->grant->reason]++;
	else if (change->kind == CHANGE_OPEN && change->grant->label.via == LABEL_ROAM)
		totals->opened_by_roam++;
	else if (change->kind == CHANGE_OPEN)
		totals->opened_by_login++;
}

void totals_count_denial(struct totals *totals, const struct grant_denial *denial)
{
	totals->denied[denial->reason]++;
}

void totals_count_transaction(struct totals *totals, int error)
{
	totals->transactions++;
	totals->refused_transactions += error < 0;
}
