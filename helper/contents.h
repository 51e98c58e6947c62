/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONTENTS_H
#define MOSHGATE_CONTENTS_H

#include <stdint.h>

/* How many chains, sets and other things are in that table of family inet, by the kernel's own
 * count. -ENOENT: there is no such table; else -errno. */
int contents_count(const char *table, uint32_t *count);

#endif
