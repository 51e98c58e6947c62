/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PRIORITY_H
#define MOSHGATE_PRIORITY_H

#include <stdint.h>

/*
 * A mosh client waits for us between its server's bind and its own first packet, some 5 ms later,
 * and loses 3 s if we come too late. On a host where every processor is busy a process of the usual
 * kind does. So this one goes before all of those (SCHED_RR, the lowest priority). Whoever keeps us
 * busy must not get the processor for it: after PRIORITY_BUDGET_MS of it in a second we rest for as
 * long as we worked, each time, but not so long that what starts next comes too late.
 */
#define PRIORITY_BUDGET_MS 200
#define PRIORITY_REST_MS   50 /* at most at a time; to walk through 9,000 processes takes as long */

struct priority {
	uint64_t second_us;      /* when this second began */
	uint64_t used_before_us; /* processor time until then */
	uint64_t used_us;        /* at the last account */
};

/* As root: takes the priority; if that is refused, only nice remains. For another user that is the
 * service manager's to do. */
void priority_take(void);

/* At now_us, on any clock without steps, used_us of processor time have been used in all. Returns
 * for how many microseconds to rest. */
uint64_t priority_account(struct priority *priority, uint64_t now_us, uint64_t used_us);

#endif
