/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_DAEMON_H
#define MOSHGATE_DAEMON_H

#include <sys/types.h>

/* What makes a process a service. */

/* Goes on in a child of its own session, while the caller's process waits: it exits with 0 when
 * daemon_ready() is called, or with 1 if the child ends before. *ready is for daemon_ready().
 * -errno if there is no child. */
int daemon_fork(int *ready);

/* Tells the waiting process (ready; -1: there is none) and the service manager, if $NOTIFY_SOCKET
 * names one (sd_notify(3)), that requests are answered from now on. */
void daemon_ready(int ready);

/* Makes folder, if it is not there, for uid and gid; root also gives them one of its own, if there
 * is nothing in it but what a helper left, what a new file system has, and the last names of these
 * absolute paths (NULL ends them). -ENOTDIR or -EPERM if there is something else or somebody
 * else's, -ENOTEMPTY if others' files are in it. */
int daemon_folder(const char *path, uid_t uid, gid_t gid, const char *const sockets[]);

/* Takes the lock on "moshgated.pid" in folder, held until this process ends, empties it and gives
 * it to the folder's owner, who alone may open it. Returns its descriptor; -EWOULDBLOCK: a helper
 * is running; -ENOENT: there is no folder. */
int daemon_lock(const char *folder);

/* Into what daemon_lock() returned, for the helper that stays. */
int daemon_write_pid(int lock);

/* A listening unix socket at path with exactly these permissions, in place of one that an earlier
 * process left. -errno. */
int daemon_listen(const char *path, int type, mode_t mode);

#endif
