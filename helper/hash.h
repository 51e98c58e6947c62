/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_HASH_H
#define MOSHGATE_HASH_H

#include "memory.h"

/* uthash, out of memory as the rest of the helper is. */
#define uthash_fatal(message) memory_exhausted()
#include <uthash.h>
#include <utlist.h>

#endif
