/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FIREWALL_H
#define MOSHGATE_FIREWALL_H

#include "config.h"
#include "plan.h"

/*
 * The guard and the kernel's sets, by libnftables. One plan is one transaction; if the kernel
 * refuses it, closing goes before opening, and what the kernel then has is read back, not assumed.
 * (firewall_refused)
 */

struct firewall;

/* -errno if the kernel's nftables cannot be reached. */
int firewall_open(const struct config *config, struct firewall **firewall);
void firewall_close(struct firewall *firewall);

/* Makes the guard as config wants it, in place of any that is there, in one transaction with the
 * plan, or, if the kernel does not take that, before it; elements of the sets of grants stay, the
 * set of ports is emptied before. Changes get their results as from firewall_apply(). -EIO if the
 * kernel takes no guard: see firewall_error(). (firewall_refuses_one) */
int firewall_install(struct firewall *firewall, const struct config *config, struct plan *plan);

/* Takes the whole table away. No error if it is not there. */
int firewall_remove(struct firewall *firewall);

/* Carries the plan out and says of each change in it whether the kernel has it now, and of what was
 * taken out the last counters. -EIO if the kernel refused the plan as a whole, even if it then took
 * each change alone: see firewall_error(). */
int firewall_apply(struct firewall *firewall, struct plan *plan);

/* Appends all elements of the sets of grants; -errno. */
int firewall_read(struct firewall *firewall, struct elements *elements);

/* Appends who knocked on a server's port lately and was dropped; none unless pending = yes. -errno.
 */
int firewall_read_pending(struct firewall *firewall, struct elements *elements);

/* Becomes readable when any ruleset changes. */
int firewall_notice_fd(const struct firewall *firewall);

/* True if somebody else has changed our table, or may have, since the last call: only
 * firewall_install() then knows that it is as it should be. */
bool firewall_is_touched(struct firewall *firewall);

/* Appends the ports on which servers listened when that was last told to the kernel; -errno. */
int firewall_read_ports(struct firewall *firewall, struct elements *elements);

/* Reads one; -ENOENT if the kernel does not have it (any more). */
int firewall_get(struct firewall *firewall, const struct grant_key *key, struct element *element);

/* What the guard dropped; -ENOENT if it is not there, else -errno. */
struct drops;
int firewall_read_drops(const struct firewall *firewall, struct drops *drops);

/* The whole ruleset, all tables, as nft -j lists it: text of malloc(). -EIO: see firewall_error().
 */
int firewall_list(struct firewall *firewall, char **json);

/* True if nobody else can change the table; false also where exclusive = yes could not be had. */
bool firewall_is_exclusive(const struct firewall *firewall);

/* What nft said of the last thing that it refused; one line. */
const char *firewall_error(const struct firewall *firewall);

#endif
