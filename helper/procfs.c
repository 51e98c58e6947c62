/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "memory.h"
#include "procfs.h"

#define COMM_SIZE    16 /* TASK_COMM_LEN */
#define PROGRAMS_MAX 9

struct procfs {
	DIR *proc;
	int cgroup2; /* the root of the hierarchy, -1 if there is none */
	char names[PROGRAMS_MAX][COMM_SIZE];
};

/* As the kernel names a process: the last part of the path, cut to 15 bytes. */
static void set_name(char name[COMM_SIZE], const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(name, COMM_SIZE, "%.15s", slash ? slash + 1 : path);
}

static int open_cgroup2(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	int fd = -1;

	if (!mounts)
		return -1;
	while (fd < 0 && (mount = getmntent(mounts)))
		if (strcmp(mount->mnt_type, "cgroup2") == 0)
			fd = open(mount->mnt_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	endmntent(mounts);
	return fd;
}

int procfs_open(const char (*programs)[108], struct procfs **procfs)
{
	struct procfs *opened;
	DIR *proc = opendir("/proc");

	if (!proc)
		return -errno;
	opened = memory_zeroed(sizeof(*opened));
	opened->proc = proc;
	opened->cgroup2 = open_cgroup2();
	set_name(opened->names[0], "mosh-server");
	for (size_t i = 0; i + 1 < PROGRAMS_MAX && programs[i][0]; i++)
		set_name(opened->names[i + 1], programs[i]);
	*procfs = opened;
	return 0;
}

void procfs_close(struct procfs *procfs)
{
	if (!procfs)
		return;
	closedir(procfs->proc);
	fd_close(&procfs->cgroup2);
	free(procfs);
}

/* Reads a small file of a process as text, without its last newline. */
static int read_text(struct procfs *procfs, pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	auto_fd int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	fd = openat(dirfd(procfs->proc), path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, size - 1);
	if (length < 0)
		return -errno;
	if (length > 0 && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return 0;
}

static bool is_mosh(struct procfs *procfs, pid_t pid)
{
	char comm[COMM_SIZE + 1];

	if (read_text(procfs, pid, "comm", comm, sizeof(comm)) < 0)
		return false;
	for (size_t i = 0; i < PROGRAMS_MAX && procfs->names[i][0]; i++)
		if (strcmp(comm, procfs->names[i]) == 0)
			return true;
	return false;
}

struct stat_line {
	char state;
	pid_t parent;
	uint64_t start; /* clock ticks since boot */
};

/* The values stand behind the name, which may hold anything, also ")". */
static int read_stat(struct procfs *procfs, pid_t pid, struct stat_line *line)
{
	char text[1024];
	const char *behind;
	int error = read_text(procfs, pid, "stat", text, sizeof(text));

	if (error < 0)
		return error;
	behind = strrchr(text, ')');
	if (!behind ||
		sscanf(behind,
			") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %" SCNu64,
			&line->state, &line->parent, &line->start) != 3)
		return -EPROTO;
	return 0;
}

static uint64_t to_boot_ms(uint64_t ticks)
{
	return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool is_server_process(struct procfs *procfs, pid_t pid, struct stat_line *line)
{
	return is_mosh(procfs, pid) && read_stat(procfs, pid, line) == 0 && line->state != 'Z' &&
	       line->state != 'X' && !is_mosh(procfs, line->parent);
}

static bool is_owned_by(struct procfs *procfs, const char *name, uint32_t uid)
{
	struct stat status;

	return fstatat(dirfd(procfs->proc), name, &status, 0) == 0 && status.st_uid == uid;
}

int procfs_mosh_processes(struct procfs *procfs, uint32_t uid, struct mosh_processes *processes)
{
	rewinddir(procfs->proc);
	for (;;) {
		struct dirent *entry;
		struct stat_line line;
		pid_t pid;

		errno = 0;
		entry = readdir(procfs->proc);
		if (!entry)
			return -errno;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || !is_owned_by(procfs, entry->d_name, uid) ||
			!is_server_process(procfs, pid, &line))
			continue;
		processes->items = memory_grow(processes->items, processes->count,
			&processes->capacity, sizeof(*processes->items));
		processes->items[processes->count++] = (struct mosh_process){
			.pid = pid,
			.start_ms = to_boot_ms(line.start),
			.cgroup = procfs_cgroup(procfs, pid),
			.session = procfs_session(procfs, pid),
		};
	}
}

/* Its line of the unified hierarchy is "0::/path"; the id is the inode number of that directory. */
uint64_t procfs_cgroup(struct procfs *procfs, pid_t pid)
{
	char text[4096], *line, *rest = NULL;
	struct stat status;

	if (procfs->cgroup2 < 0 || read_text(procfs, pid, "cgroup", text, sizeof(text)) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		if (fstatat(procfs->cgroup2, line[4] ? line + 4 : ".", &status, 0) < 0)
			return 0;
		return status.st_ino;
	}
	return 0;
}

uint32_t procfs_session(struct procfs *procfs, pid_t pid)
{
	char text[16], *end;
	unsigned long session;

	if (read_text(procfs, pid, "sessionid", text, sizeof(text)) < 0)
		return AUDIT_SESSION_NONE;
	session = strtoul(text, &end, 10);
	return *end || end == text || session > UINT32_MAX ? AUDIT_SESSION_NONE : (uint32_t)session;
}

int procfs_process(struct procfs *procfs, pid_t pid, struct process *process)
{
	struct stat_line line;
	int error = read_stat(procfs, pid, &line);

	if (error < 0)
		return error;
	process->cgroup = procfs_cgroup(procfs, pid);
	process->session = procfs_session(procfs, pid);
	process->start = line.start;
	return 0;
}
