/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FALLBACK_H
#define MOSHGATE_FALLBACK_H

struct config;

/*
 * The guard of a helper that cannot start, so that no host boots with the range open: that of the
 * defaults, and if it is the configuration that is wrong of their range. It lets nobody in.
 * (wrong.test)
 *
 * It has a table of its own, with a name that no configuration can have. So it is told from a guard
 * that has grants, and the next helper takes it away, whatever its own table is called.
 */
#define FALLBACK_TABLE "moshgate.closed"

/* Installs it, unless a table of a helper is there: that has guard and grants, perhaps by another
 * name, and a second one would cut them off. Logs what came of it. No wanted: nobody knows which
 * range, so one that is there stays. */
void fallback_install(const struct config *wanted);

/* Takes it away if it is there, once another guard stands or none is wanted. Logs if that fails. */
void fallback_remove(void);

#endif
