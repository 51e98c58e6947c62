/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONFINE_H
#define MOSHGATE_CONFINE_H

#include <sys/types.h>

/*
 * What the process keeps: CAP_NET_ADMIN in the effective and permitted sets (in the inheritable
 * one at most, if a service manager put it there), nothing else anywhere, no new privileges, no
 * core dump. (confined.test)
 */

/* As root: becomes uid and gid without other groups. As anybody else: stays who it is, and has to
 * hold CAP_NET_ADMIN already. -errno, with in *what the step that failed; the process must end
 * then, some of the steps may be done. */
int confine(uid_t uid, gid_t gid, const char **what);

#endif
