/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_MANAGER_H
#define MOSHGATE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

/* What a service manager and its services tell each other by the environment: sd_notify(3),
 * sd_listen_fds(3), sd_watchdog_enabled(3); $JOURNAL_STREAM. Without a manager all of it is
 * nothing. */

/* "READY=1" or the like, to $NOTIFY_SOCKET if that is set. -errno. */
int manager_tell(const char *message);

/* Whether that is a socket without a path. */
bool manager_is_abstract(void);

/* The listening unix socket of that path and type that the manager has passed, non-blocking and not
 * for children; -ENOENT if it has not, else -errno. */
int manager_socket(const char *path, int type);

/* How often to say "WATCHDOG=1", in milliseconds: half of the time after which the manager starts
 * us again. 0: never. */
uint64_t manager_watchdog_ms(void);

/* Whether that descriptor, of standard output or error, is the journal's. */
bool manager_is_journal(int fd);

#endif
