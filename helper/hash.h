/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_HASH_H
#define MOSHGATE_HASH_H

#include <stddef.h>

#include "memory.h"

/*
 * uthash, out of memory as the rest of the helper is, and so that nobody who chooses keys makes it
 * slow: whoever does not know a process's factors cannot tell which keys meet, and any two do no
 * more often than by chance. (M. Thorup, High Speed Hashing for Integers and Strings, 3.6: vectors,
 * multiply and shift)
 */
unsigned int hash_of(const void *key, size_t size);

#define HASH_FUNCTION(key, size, value) ((value) = hash_of(key, size))
#define uthash_fatal(message)           memory_exhausted()
#include <uthash.h>
#include <utlist.h>

#endif
