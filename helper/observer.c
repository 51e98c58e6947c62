/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fd.h"
#include "memory.h"
#include "observer.h"
#include "procfs.h"
#include "sockdiag.h"

#define PROGRAM_EVENTS (IN_OPEN)
#define FOLDER_EVENTS  (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)

struct program {
	char path[CONFIG_PATH_SIZE];
	int watch;  /* -1: there is none */
	int error;  /* why there is none; 0: there is one */
	int folder; /* the watch of its folder, which tells of a new file by that name */
};

struct observer {
	int inotify;
	struct program programs[CONFIG_PATHS_MAX];
	size_t program_count;
	struct sockdiag *sockdiag;
	struct procfs *procfs;
};

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* A program or a folder that is not there, or out of reach, is no error: mosh may be installed
 * later, and what is missed here is found at logout. */
static int check_watch(int watch)
{
	return watch >= 0 || errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
}

static int watch_program(struct observer *observer, struct program *program)
{
	program->watch = inotify_add_watch(observer->inotify, program->path, PROGRAM_EVENTS);
	program->error = program->watch < 0 ? -errno : 0;
	return check_watch(program->watch);
}

static int watch_folder(struct observer *observer, struct program *program)
{
	char folder[CONFIG_PATH_SIZE];

	strcpy(folder, program->path);
	folder[base_name(program->path) - program->path] = '\0';
	program->folder = inotify_add_watch(observer->inotify, folder, FOLDER_EVENTS | IN_MASK_ADD);
	return check_watch(program->folder);
}

static int open_inotify(struct observer *observer, const struct config *config)
{
	int error = 0;

	observer->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (observer->inotify < 0)
		return -errno;
	for (size_t i = 0; i < CONFIG_PATHS_MAX && config->gate.servers[i][0] && error == 0; i++) {
		struct program *program = &observer->programs[observer->program_count++];

		strcpy(program->path, config->gate.servers[i]);
		error = watch_folder(observer, program);
		if (error == 0)
			error = watch_program(observer, program);
	}
	return error;
}

static int open_procfs(struct observer *observer)
{
	int error = procfs_open(&observer->procfs);

	for (size_t i = 0; error == 0 && i < observer->program_count; i++)
		procfs_add_program(observer->procfs, observer->programs[i].path);
	return error;
}

int observer_open(const struct config *config, struct observer **observer, const char **what)
{
	struct observer *opened = memory_zeroed(sizeof(*opened));
	int error;

	*what = "inotify";
	error = open_inotify(opened, config);
	if (error == 0) {
		*what = "sock_diag";
		error = sockdiag_open(
			config->gate.first_port, config->gate.last_port, &opened->sockdiag);
	}
	if (error == 0) {
		*what = "/proc";
		error = open_procfs(opened);
	}
	if (error < 0)
		observer_close(opened);
	else
		*observer = opened;
	return error;
}

void observer_close(struct observer *observer)
{
	if (!observer)
		return;
	fd_close(&observer->inotify);
	sockdiag_close(observer->sockdiag);
	procfs_close(observer->procfs);
	free(observer);
}

int observer_watch_error(const struct observer *observer, size_t program)
{
	return program < observer->program_count ? observer->programs[program].error : -ENOENT;
}

int observer_exec_fd(const struct observer *observer)
{
	return observer->inotify;
}

static bool is_named(const struct inotify_event *event, const char *name)
{
	return event->len > strlen(name) && strcmp(event->name, name) == 0;
}

/* True if the event may mean that a mosh-server is being executed. */
static bool on_inotify(struct observer *observer, const struct inotify_event *event)
{
	bool is_overflow = (event->mask & IN_Q_OVERFLOW) != 0, is_exec = is_overflow;

	for (size_t i = 0; i < observer->program_count; i++) {
		struct program *program = &observer->programs[i];

		if (event->wd == program->watch && (event->mask & IN_OPEN))
			is_exec = true;
		if (is_overflow ||
			(event->wd == program->folder && is_named(event, base_name(program->path))))
			watch_program(observer, program);
	}
	return is_exec;
}

/* As the kernel gives them: the name is filled up to a multiple of the record's own size. */
static bool is_whole(const struct inotify_event *event, size_t left)
{
	return left >= sizeof(*event) && event->len <= left - sizeof(*event) &&
	       event->len % sizeof(*event) == 0;
}

/* One buffer full at a time: what is left is told again, after other things had their turn. */
bool observer_read_execs(struct observer *observer)
{
	char buffer[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t length = read(observer->inotify, buffer, sizeof(buffer));
	size_t left = length > 0 ? (size_t)length : 0;
	bool is_exec = false;

	for (const char *at = buffer; left > 0;) {
		const struct inotify_event *event = (const struct inotify_event *)at;

		if (!is_whole(event, left))
			return true;
		is_exec |= on_inotify(observer, event);
		at += sizeof(*event) + event->len;
		left -= sizeof(*event) + event->len;
	}
	return is_exec;
}

int observer_ended_fd(const struct observer *observer)
{
	return sockdiag_ended_fd(observer->sockdiag);
}

int observer_read_ended(
	struct observer *observer, void (*ended)(uint64_t cookie, void *context), void *context)
{
	return sockdiag_read_ended(observer->sockdiag, ended, context);
}

int observer_sockets(
	struct observer *observer, const struct known_users *known, struct udp_sockets *sockets)
{
	return sockdiag_dump(observer->sockdiag, known, sockets);
}

int observer_socket(
	struct observer *observer, const struct udp_socket *socket, struct udp_sockets *sockets)
{
	return sockdiag_find(observer->sockdiag, socket, sockets);
}

int observer_processes(
	struct observer *observer, const struct tally *uids, struct mosh_processes *processes)
{
	return procfs_mosh_processes(observer->procfs, uids, processes);
}

int observer_cgroup_processes(struct observer *observer, pid_t pid, uint64_t cgroup,
	const struct tally *uids, struct mosh_processes *processes)
{
	return procfs_cgroup_processes(observer->procfs, pid, cgroup, uids, processes);
}

int observer_process(struct observer *observer, pid_t pid, struct process *process)
{
	return procfs_process(observer->procfs, pid, process);
}
