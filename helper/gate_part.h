/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_GATE_PART_H
#define MOSHGATE_GATE_PART_H

#include "gate.h"

/* Shared by the three files of the gate, and by nobody else: gate.c has the line that all events
 * go, gate_login.c logins, gate_guard.c the guard as a whole. */

/* Returns time since boot; also records how long the host was suspended, which expiry does not
 * count. */
uint64_t gate_now_ms(struct gate *gate);

/* Tells of what became of a plan. */
void gate_tell(struct gate *gate, const struct plan *plan, uint64_t now_ms);

/* Takes in what the kernel's sets say of the grants. -errno, already logged. */
int gate_read_sets(struct gate *gate);

/* When to see whether what such a plan has closed is closed. */
void gate_plan_recheck(struct gate *gate, const struct plan *plan, uint64_t now_ms);

/* When to compare next. */
void gate_set_compare(struct gate *gate, uint64_t now_ms);

/* Reads back the logins of an earlier helper, also those that are over by now; and forgets those.
 * -errno. */
int gate_restore_logins(struct gate *gate);
void gate_forget_past_logins(struct gate *gate);

/* An earlier helper may not have come to open what these were to reach. */
void gate_roam_new_logins(struct gate *gate);

/* None is new any more: all that they were to get is in the kernel. With a selector: of those that
 * it may be about, since a person wants otherwise. */
void gate_settle_logins(struct gate *gate, const struct grant_selector *selector);

/* The guard and all grants for the first time. -errno, already logged. */
int gate_install_first(struct gate *gate);

/* Warns of programs that are out of the helper's reach. */
void gate_warn_unwatched(const struct gate *gate);

/* Reads the notices, and plans to put our table right if somebody else changed it. To be called
 * after each change of our own, too, which reads the notices that came before it. */
void gate_check_touched(struct gate *gate);

/* Our table is to be put right, at gate->heal_ms; and puts it right if it is time. */
void gate_plan_heal(struct gate *gate, uint64_t now_ms);
void gate_heal(struct gate *gate, uint64_t now_ms);

#endif
