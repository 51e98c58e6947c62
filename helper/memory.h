/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_MEMORY_H
#define MOSHGATE_MEMORY_H

#include <stddef.h>

/*
 * Allocation that cannot fail: without memory the process says so, to syslog as well, and exits
 * with 1. (memory_exhausted_tells_syslog) That is the safe thing to do, because the kernel keeps
 * guard and grants, and the next helper reads them back; so no caller checks, and no half-done
 * change is ever carried on with.
 */
void *memory_zeroed(size_t size);
char *memory_text(const char *text);

/* Makes room for one more element of the given size in a growing array of *capacity elements. */
void *memory_grow(void *array, size_t count, size_t *capacity, size_t size);

/* Gives back to the kernel what is free, and pages of programs and libraries: after something that
 * took much of both for a moment. */
void memory_trim(void);

_Noreturn void memory_exhausted(void);

#endif
