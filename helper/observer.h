/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_OBSERVER_H
#define MOSHGATE_OBSERVER_H

#include "config.h"
#include "observed.h"

/* All that the helper sees of the host, and none of it needs a privilege: executions of mosh-server
 * (inotify), UDP sockets and their ends (sock_diag), processes (/proc). */

struct observer;
struct tally;

/* -errno, with in *what the thing that could not be opened. */
int observer_open(const struct config *config, struct observer **observer, const char **what);
void observer_close(struct observer *observer);

/* Why that program, by its place in server, is not watched: -ENOENT if it is not there, -EACCES if
 * the helper cannot reach it; 0 if it is. */
int observer_watch_error(const struct observer *observer, size_t program);

/* Becomes readable when somebody opens a mosh-server program, as executing does. */
int observer_exec_fd(const struct observer *observer);

/* True if one was opened since the last call, or if that cannot be told (the kernel had to drop
 * notices). A program that was replaced, or came only now, is watched from then on. */
bool observer_read_execs(struct observer *observer);

/* Becomes readable when a socket in the range has ended; read as sockdiag_read_ended(). */
int observer_ended_fd(const struct observer *observer);
int observer_read_ended(
	struct observer *observer, void (*ended)(uint64_t cookie, void *context), void *context);

/* Appends; -errno. As sockdiag_dump(), sockdiag_find(), procfs_mosh_processes() and
 * procfs_cgroup_processes(). */
int observer_sockets(
	struct observer *observer, const struct known_users *known, struct udp_sockets *sockets);
int observer_socket(
	struct observer *observer, const struct udp_socket *socket, struct udp_sockets *sockets);
int observer_processes(
	struct observer *observer, const struct tally *uids, struct mosh_processes *processes);
int observer_cgroup_processes(struct observer *observer, pid_t pid, uint64_t cgroup,
	const struct tally *uids, struct mosh_processes *processes);

/* -errno if there is no such process. */
int observer_process(struct observer *observer, pid_t pid, struct process *process);

#endif
