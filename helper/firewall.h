/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FIREWALL_H
#define MOSHGATE_FIREWALL_H

#include "config.h"
#include "grant.h"

/*
 * The guard, and the kernel's sets. The only place that knows nftables' language.
 *
 * 1. What nft is told is made of numbers, addresses written by inet_ntop(), names that config.c
 *    checked, and labels of plain characters. (check_firewall.c)
 * 2. One plan is one transaction; if the kernel refuses it, closing goes before opening, and what
 *    the kernel then has is read back, not assumed. (firewall_refused)
 */

struct firewall;

/* -errno if the kernel's nftables cannot be reached. */
int firewall_open(const struct config *config, struct firewall **firewall);
void firewall_close(struct firewall *firewall);

/* Makes the guard as config wants it, in place of any that is there, in one transaction with the
 * plan; sets and their elements stay. -EIO if the kernel refuses: see firewall_error(). */
int firewall_install(
	struct firewall *firewall, const struct config *config, const struct plan *plan);

/* Takes the whole table away. No error if it is not there. */
int firewall_remove(struct firewall *firewall);

/* Carries the plan out and says of each change in it whether the kernel has it now; grants that
 * went get their last counters. -EIO if any was refused: see firewall_error(). */
int firewall_apply(struct firewall *firewall, struct plan *plan);

/* Appends all elements of the sets of grants; -errno. */
int firewall_read(struct firewall *firewall, struct elements *elements);

/* What nft said of the last thing that it refused; one line. */
const char *firewall_error(const struct firewall *firewall);

#endif
