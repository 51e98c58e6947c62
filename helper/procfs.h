/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PROCFS_H
#define MOSHGATE_PROCFS_H

#include "observed.h"

/* What /proc shows to everybody (proc(5)): comm, stat, sessionid and cgroup. With hidepid= other
 * users' processes are missing. */

struct procfs;
struct tally;

/* -errno if /proc cannot be opened; no cgroup2 hierarchy is no error, cgroups are not known then.
 */
int procfs_open(struct procfs **procfs);
void procfs_close(struct procfs *procfs);

/* The path of one more program that is a mosh-server. Any of that name is one without. */
void procfs_add_program(struct procfs *procfs, const char *path);

/* Appends those uids' (of which the tally's first numbers are counted) processes that run one of
 * the programs, going by name, but no zombies and none whose parent does too: mosh-server forks
 * when it detaches, and to start its shell. One walk through /proc, however many uids. -errno; the
 * items are the caller's to free. */
int procfs_mosh_processes(
	struct procfs *procfs, const struct tally *uids, struct mosh_processes *processes);

/* The same of the processes in the cgroup of that one alone, which takes as long as there are some,
 * however many the host has. -ESTALE if that is not its cgroup, other -errno if there is no seeing
 * into it: then all have to be walked through. */
int procfs_cgroup_processes(struct procfs *procfs, pid_t pid, uint64_t cgroup,
	const struct tally *uids, struct mosh_processes *processes);

/* Its cgroup and its audit session, as far as they are known, and when it started; -errno if there
 * is no such process. */
int procfs_process(struct procfs *procfs, pid_t pid, struct process *process);

#endif
