/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PENDING_H
#define MOSHGATE_PENDING_H

#include "grant.h"

/*
 * Who knocked on a mosh-server's port and was dropped, for those whose UDP comes from another
 * address than their ssh. The kernel keeps them; its sets are bounded, so whoever knocks with many
 * forged addresses can keep others out of them, and gets nothing by it.
 *
 * 1. One is told who knocked at one's own servers, and nothing of others'. (pending_own_only)
 * 2. Only to whom knocked there a server can be opened, and only by its owner, or root.
 *    (pending_allow_own_only, pending_allow_who_knocked)
 */
#define PENDING_KEEP_S 300u  /* since the last packet */
#define PENDING_MAX    4096u /* of each address family */

/* Calls visit with each who knocked at a server of that uid (0: of anybody) and may not reach it.
 */
typedef void pending_visit(const struct element *element, struct server *server, void *context);
void pending_each(struct grant_table *table, const struct elements *knocked, uint32_t uid,
	pending_visit *visit, void *context);

/* The last packet of such an element, in time since boot. */
uint64_t pending_seen_ms(const struct grant_table *table, const struct element *element);

/* At how many servers somebody knocked, and of how many of these he was denied. */
struct pending_allowed {
	size_t count, denied;
};

/* Wants that client to reach the servers of that uid (0: of anybody) at which it knocked; what goes
 * over a limit is denied. */
struct pending_allowed pending_allow(struct grant_table *table, const struct elements *knocked,
	uint32_t uid, const struct address *client, uint64_t now_ms);

#endif
