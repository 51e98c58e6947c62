/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_DROPS_H
#define MOSHGATE_DROPS_H

#include <stdint.h>

/* What the guard has dropped since it was made last, as its two dropping rules have counted. */

struct drops_count {
	uint64_t packets, bytes;
};

struct drops {
	struct drops_count servers; /* for a port on which a mosh-server listens */
	struct drops_count others;  /* for the rest of the range */
};

/* Of the guard in that table. -ENOENT: it has no such rule; else -errno. */
int drops_read(const char *table, struct drops *drops);

#endif
