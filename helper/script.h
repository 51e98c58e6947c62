/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SCRIPT_H
#define MOSHGATE_SCRIPT_H

#include <stdio.h>

#include "plan.h"

/*
 * What nft is told, as text; the only place that knows its language. It is made of numbers,
 * addresses written by inet_ntop(), names that config.c checked, and labels of plain characters.
 * (check_guard.c, check_label.c)
 */

/* Commands that make the sets, unless they are there, and empty the set of ports. */
void script_sets(FILE *file, const char *table);

/* Commands that take out of the chains whatever somebody has put there, if they are there. */
void script_clear(FILE *file, const char *table);

/* Commands that make the chains, and the sets of who knocked if config wants them. has_fib: the
 * kernel has nftables' fib expression, and so can tell whether an address is the host's own. */
void script_guard(FILE *file, const struct config *config, bool has_fib);

/* How many sets and chains these are, and so all that is to be in the table. */
unsigned int script_contents(const struct config *config);

/* Commands that carry out the plan. is_new: the table was not there before these commands. */
void script_plan(FILE *file, const char *table, const struct plan *plan, bool is_new);

/* A command that puts an element as it is into sets that were made anew. */
void script_element(
	FILE *file, const struct config *config, const struct element *element, uint64_t awake_ms);

#endif
