/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_policy.h"
#include "totals.h"

static struct totals totals;

static void count(enum change_kind kind, enum label_via via, enum grant_reason reason)
{
	struct grant grant = {.label = {.via = via}, .reason = reason};
	const struct change change = {.kind = kind, .grant = &grant};

	totals_count_change(&totals, &change);
}

START_TEST(changes)
{
	totals = (struct totals){0};
	count(CHANGE_OPEN, LABEL_LOGIN, 0);
	count(CHANGE_OPEN, LABEL_ROAM, 0);
	count(CHANGE_OPEN, LABEL_ROAM, 0);
	count(CHANGE_SHUT, LABEL_ROAM, GRANT_EXIT);
	count(CHANGE_LAPSED, LABEL_LOGIN, GRANT_STALE);
	count(CHANGE_SHORTEN, LABEL_LOGIN, GRANT_IDLE);
	count(CHANGE_RESTORE, LABEL_LOGIN, GRANT_IDLE);
	ck_assert_uint_eq(totals.opened_by_login, 1);
	ck_assert_uint_eq(totals.opened_by_roam, 2);
	ck_assert_uint_eq(totals.revoked[GRANT_EXIT], 1);
	ck_assert_uint_eq(totals.revoked[GRANT_STALE], 1);
	ck_assert_uint_eq(totals.revoked[GRANT_IDLE], 0);
}
END_TEST

/* Ports are no grants, and have none. */
START_TEST(ports)
{
	const struct change shut = {.kind = CHANGE_PORT_SHUT}, open = {.kind = CHANGE_PORT_OPEN};
	const struct totals none = {0};

	totals = none;
	totals_count_change(&totals, &shut);
	totals_count_change(&totals, &open);
	ck_assert_mem_eq(&totals, &none, sizeof(none));
}
END_TEST

START_TEST(denials)
{
	totals = (struct totals){0};
	for (enum grant_denial_reason reason = 0; reason < DENIAL_REASONS; reason++)
		for (size_t i = 0; i <= reason; i++)
			totals_count_denial(&totals, &(struct grant_denial){.reason = reason});
	for (enum grant_denial_reason reason = 0; reason < DENIAL_REASONS; reason++)
		ck_assert_uint_eq(totals.denied[reason], reason + 1);
}
END_TEST

START_TEST(transactions)
{
	totals = (struct totals){0};
	totals_count_transaction(&totals, 0);
	totals_count_transaction(&totals, -EIO);
	totals_count_transaction(&totals, 0);
	ck_assert_uint_eq(totals.transactions, 3);
	ck_assert_uint_eq(totals.refused_transactions, 1);
}
END_TEST

CHECK_MAIN("totals", TEST(changes), TEST(ports), TEST(denials), TEST(transactions))
