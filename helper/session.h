/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SESSION_H
#define MOSHGATE_SESSION_H

#include "loop.h"

/* What is said on the session socket, on its way to the gate: the answer at once, the rest when who
 * asked has gone on. */

/* Listens, and holds the processes of logins that the gate has. priority: of the rest, in the event
 * loop. -errno if those processes cannot be looked at. */
int session_set_up(struct helper *helper, int priority);

void session_clear(struct helper *helper);

#endif
