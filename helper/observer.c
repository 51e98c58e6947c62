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
	int watch;  /* -1: not there */
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

static void watch_program(struct observer *observer, struct program *program)
{
	program->watch = inotify_add_watch(observer->inotify, program->path, PROGRAM_EVENTS);
}

static void watch_folder(struct observer *observer, struct program *program)
{
	char folder[CONFIG_PATH_SIZE];

	strcpy(folder, program->path);
	folder[base_name(program->path) - program->path] = '\0';
	program->folder = inotify_add_watch(observer->inotify, folder, FOLDER_EVENTS | IN_MASK_ADD);
}

/* A program or a folder that is not there is no error: mosh may be installed later, and what is
 * missed here is found at logout. */
static int open_inotify(struct observer *observer, const struct config *config)
{
	observer->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (observer->inotify < 0)
		return -errno;
	for (size_t i = 0; i < CONFIG_PATHS_MAX && config->gate.servers[i][0]; i++) {
		struct program *program = &observer->programs[observer->program_count++];

		strcpy(program->path, config->gate.servers[i]);
		watch_folder(observer, program);
		watch_program(observer, program);
	}
	return 0;
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
		error = procfs_open(config->gate.servers, &opened->procfs);
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

int observer_exec_fd(const struct observer *observer)
{
	return observer->inotify;
}

/* True if the event may mean that a mosh-server is being executed. */
static bool on_inotify(struct observer *observer, const struct inotify_event *event)
{
	bool is_overflow = (event->mask & IN_Q_OVERFLOW) != 0, is_exec = is_overflow;

	for (size_t i = 0; i < observer->program_count; i++) {
		struct program *program = &observer->programs[i];

		if (event->wd == program->watch && (event->mask & IN_OPEN))
			is_exec = true;
		if (is_overflow || (event->wd == program->folder && event->len > 0 &&
					   strcmp(event->name, base_name(program->path)) == 0))
			watch_program(observer, program);
	}
	return is_exec;
}

/* One buffer full at a time: what is left is told again, after other things had their turn. */
bool observer_read_execs(struct observer *observer)
{
	char buffer[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t length = read(observer->inotify, buffer, sizeof(buffer));
	bool is_exec = false;

	for (char *at = buffer; at < buffer + length;) {
		const struct inotify_event *event = (const struct inotify_event *)at;

		is_exec |= on_inotify(observer, event);
		at += sizeof(*event) + event->len;
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

int observer_sockets(struct observer *observer, struct udp_sockets *sockets)
{
	return sockdiag_dump(observer->sockdiag, sockets);
}

int observer_processes(struct observer *observer, uint32_t uid, struct mosh_processes *processes)
{
	return procfs_mosh_processes(observer->procfs, uid, processes);
}

int observer_process(struct observer *observer, pid_t pid, struct process *process)
{
	return procfs_process(observer->procfs, pid, process);
}
