/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_START_H
#define MOSHGATE_START_H

#include "loop.h"

/* From a configuration to a guard that stands: opens everything, confines the process, and starts
 * the gate. -errno, already logged, and then only the lock is left; -EALREADY: another helper runs
 * with the same folder. */
int start(struct helper *helper);

#endif
