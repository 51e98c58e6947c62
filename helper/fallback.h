/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FALLBACK_H
#define MOSHGATE_FALLBACK_H

/*
 * The guard of a helper that cannot know what it has to guard, because its configuration is wrong:
 * that of the defaults, so that no host boots with the range open. It lets nobody in. (wrong.test)
 *
 * It has a table of its own, with a name that no configuration can have. So it is told from a guard
 * that has grants, and the next helper takes it away, whatever its own table is called.
 */
#define FALLBACK_TABLE "moshgate.closed"

/* Installs it, unless a table of a helper is there: that has guard and grants, perhaps by another
 * name, and a second one would cut them off. Logs what came of it. */
void fallback_install(void);

/* Takes it away if it is there, once another guard stands or none is wanted. Logs if that fails. */
void fallback_remove(void);

#endif
