/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_BATCH_H
#define MOSHGATE_BATCH_H

#include "plan.h"

/*
 * A plan as one netlink transaction, without libnftables. That first asks the kernel for all
 * tables, sets and chains of everybody, for each transaction: 0.3 ms where there are none, and many
 * times that where there are thousands, while a mosh client waits.
 */

struct batch;

/* -errno if there is no such socket. */
int batch_open(struct batch **batch);
void batch_close(struct batch *batch);

/* The netlink port that its changes come from. */
uint32_t batch_port(const struct batch *batch);

/* -errno if the kernel refused, or may have refused, any of it: it does all or nothing. */
int batch_run(struct batch *batch, const char *table, const struct plan *plan);

#endif
