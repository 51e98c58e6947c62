/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_STATE_H
#define MOSHGATE_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire.h"

/*
 * The logins, each in a small file, so that the next helper knows them: what the kernel cannot
 * tell.
 *
 * 1. A file is believed if it is a plain one of our own user that nobody else may touch, whole, of
 *    this version and this boot. What is not is renamed to bad-NAME, or removed if that fails,
 *    with one warning for all, and never read again. (state_damaged)
 * 2. A file appears whole or not at all. What a helper that was killed had begun to write is
 *    removed. (state_whole)
 * 3. What it says of a process holds only for one with the same pid and the same start; that is the
 *    caller's to compare.
 * 4. It is PID.new until state_settle(), so that a helper that is killed before tells the next one
 *    what is still to be done for that login; and PID from then on, so that what a person took away
 *    later is not done again. (state_settles)
 */

struct state;

struct state_login {
	pid_t pid;
	uint64_t start;              /* of that process, in clock ticks since boot */
	uint64_t since_ms;           /* boot time */
	bool is_new;                 /* was not settled; state_save() makes each one new */
	struct wire_session session; /* as the module sent it */
};

/* Makes the folder "logins" in path if it is not there; -EPERM if somebody else has. -errno. */
int state_open(const char *path, struct state **state);
void state_close(struct state *state);

/* -errno: the login works, and the next helper will not know it. */
int state_save(struct state *state, const struct state_login *login);

/* All that the login was to get is in the kernel. Of one that is not new, or not there: nothing.
 * -errno: the file is removed, and the next helper will not know the login. */
int state_settle(struct state *state, pid_t pid);

/* Of one that is not there: nothing. */
void state_remove(struct state *state, pid_t pid);

/* Calls visit with each login. -errno if the folder, or a file that may be sound, cannot be read.
 */
int state_load(struct state *state, void (*visit)(const struct state_login *login, void *context),
	void *context);

#endif
