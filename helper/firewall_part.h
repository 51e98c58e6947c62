/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FIREWALL_PART_H
#define MOSHGATE_FIREWALL_PART_H

#include "elements.h"
#include "firewall.h"
#include "nftables.h"

/* Shared by the two files of the firewall, and by nobody else: firewall_install.c makes the table,
 * firewall.c changes what is in it. */

/* Of a table that others cannot change while we live, and that stays when we do not. */
#define EXCLUSIVE " { flags owner,persist; }"

struct batch;

struct firewall {
	struct nftables nft;
	struct kernel_sets *sets;
	struct batch *batch;
	char table[CONFIG_NAME_SIZE];
	bool is_exclusive;                /* the table is ours alone */
	bool is_without_fib, is_fib_told; /* tried without that expression; that was logged */
	bool is_touched;                  /* by somebody else, and not told yet */
};

/* The guard as config wants it, in one transaction with the plan. -EIO, with the reason in
 * firewall->nft. */
int firewall_make(struct firewall *firewall, const struct config *config, const struct plan *plan);

#endif
