/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FORCE_H
#define MOSHGATE_FORCE_H

#include <stdint.h>

/*
 * A call of the helper's own that is to fail. Which one, and which there are, is shared with the
 * test by a file that $FORCED names: an order, then the calls that were made.
 *
 * A call is known by who made it: the way through the helper to it, as the offsets of the return
 * addresses. So it is the same one in each run, whatever the time makes of the order of events.
 */
#define FORCE_DEPTH   12
#define FORCE_RECORDS 4096
#define FORCE_NAME    32

struct force_order {
	uint64_t call;       /* 0: none is to fail */
	uint32_t occurrence; /* from 1 */
	uint32_t way;        /* which of its ways to fail */
	uint32_t forced;     /* how often that was done */
	uint32_t used;       /* records */
	uint32_t total;      /* calls */
	uint32_t lost;       /* for which there was no record left */
	uint32_t loses;      /* not 0: some memory is lost, for a detector of leaks to find */
	uint32_t finds;      /* the program's word: it has such a detector */
};

struct force_record {
	uint64_t call;
	uint32_t count, ways;
	uint32_t offsets[FORCE_DEPTH]; /* the call itself first */
	char name[FORCE_NAME];
};

struct force_file {
	struct force_order order;
	struct force_record records[FORCE_RECORDS];
};

/* Ways to fail that are no errno alone. */
#define FORCE_SHORT 100000 /* a part is read or written */
#define FORCE_LATE  200000 /* plus errno: it is done, and then said to have failed */

/* 0, or how this call has to fail: one of ways, which a 0 ends. */
int force(const char *name, const int *ways);

/* Of a detector of leaks, if there is one in the program. */
extern void __lsan_do_leak_check(void) __attribute__((weak));

/* The helper has ended: what is called from now on is a profiler's. */
void force_end(void);

#endif
