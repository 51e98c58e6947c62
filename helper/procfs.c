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
#include "tally.h"

#define COMM_SIZE   16 /* TASK_COMM_LEN */
#define CGROUP_SIZE 4096

struct procfs {
	DIR *proc;
	int cgroup2; /* the root of the hierarchy, -1 if there is none */
	char (*names)[COMM_SIZE];
	size_t name_count, name_capacity;
};

/* As the kernel names a process: the last part of the path, cut to 15 bytes. */
void procfs_add_program(struct procfs *procfs, const char *path)
{
	const char *slash = strrchr(path, '/');

	procfs->names = memory_grow(
		procfs->names, procfs->name_count, &procfs->name_capacity, sizeof(*procfs->names));
	snprintf(procfs->names[procfs->name_count++], COMM_SIZE, "%.15s", slash ? slash + 1 : path);
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

int procfs_open(struct procfs **procfs)
{
	struct procfs *opened;
	DIR *proc = opendir("/proc");

	if (!proc)
		return -errno;
	opened = memory_zeroed(sizeof(*opened));
	opened->proc = proc;
	opened->cgroup2 = open_cgroup2();
	procfs_add_program(opened, "mosh-server");
	*procfs = opened;
	return 0;
}

void procfs_close(struct procfs *procfs)
{
	if (!procfs)
		return;
	closedir(procfs->proc);
	fd_close(&procfs->cgroup2);
	free(procfs->names);
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

/* No such process, or none for us to see; anything else says nothing about it. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ESRCH || error == -EACCES || error == -EPERM;
}

/* 0 if it runs one of the programs, -ESRCH if not, else why that cannot be told. */
static int check_mosh(struct procfs *procfs, pid_t pid)
{
	char comm[COMM_SIZE + 1];
	int error = read_text(procfs, pid, "comm", comm, sizeof(comm));

	if (error < 0)
		return is_absent(error) ? -ESRCH : error;
	for (size_t i = 0; i < procfs->name_count; i++)
		if (strcmp(comm, procfs->names[i]) == 0)
			return 0;
	return -ESRCH;
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
		// NOLINTNEXTLINE(cert-err34-c): of the kernel, whose numbers fit
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

/* The following as check_mosh(). */
static int check_parent(struct procfs *procfs, pid_t parent)
{
	int error = check_mosh(procfs, parent);

	if (error == 0)
		return -ESRCH;
	return error == -ESRCH ? 0 : error;
}

/* Whoever runs a set-user-ID program gives it its name, and its uid is another's. */
static int check_real(struct procfs *procfs, pid_t pid)
{
	char text[1024];
	const char *line;
	unsigned int real, effective;
	int error = read_text(procfs, pid, "status", text, sizeof(text));

	if (error < 0)
		return is_absent(error) ? -ESRCH : error;
	line = strstr(text, "\nUid:\t");
	// NOLINTNEXTLINE(cert-err34-c): of the kernel, whose numbers fit
	if (!line || sscanf(line, "\nUid:\t%u\t%u", &real, &effective) != 2)
		return -ESRCH;
	return real == effective ? 0 : -ESRCH;
}

static int check_server(struct procfs *procfs, pid_t pid, struct stat_line *line)
{
	int error = check_mosh(procfs, pid);

	if (error == 0)
		error = check_real(procfs, pid);
	if (error < 0)
		return error;
	error = read_stat(procfs, pid, line);
	/* One that cannot be read must not keep the others from being seen. */
	if (error < 0)
		return is_absent(error) || error == -EPROTO ? -ESRCH : error;
	if (line->state == 'Z' || line->state == 'X')
		return -ESRCH;
	return check_parent(procfs, line->parent);
}

/* 0 if it is one of the uids', with which in *uid. */
static int check_owner(
	struct procfs *procfs, const char *name, const struct tally *uids, uint32_t *uid)
{
	struct stat status;

	if (fstatat(dirfd(procfs->proc), name, &status, 0) < 0)
		return is_absent(-errno) ? -ESRCH : -errno;
	*uid = status.st_uid;
	return tally_of(uids, status.st_uid, 0) > 0 ? 0 : -ESRCH;
}

/* Its line of the unified hierarchy is "0::/path". Null: it has none, or not one that we see. */
static const char *read_cgroup_path(struct procfs *procfs, pid_t pid, char *text, size_t size)
{
	char *line, *rest = NULL;

	if (procfs->cgroup2 < 0 || read_text(procfs, pid, "cgroup", text, size) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "0::/", 4) == 0)
			return line[4] ? line + 4 : ".";
	return NULL;
}

/* The id of a cgroup is the inode number of its directory. */
static uint64_t cgroup_id(struct procfs *procfs, const char *path)
{
	struct stat status;

	return path && fstatat(procfs->cgroup2, path, &status, 0) == 0
		       ? OBSERVED_CGROUP(status.st_ino)
		       : 0;
}

static uint64_t read_cgroup(struct procfs *procfs, pid_t pid)
{
	char text[CGROUP_SIZE];

	return cgroup_id(procfs, read_cgroup_path(procfs, pid, text, sizeof(text)));
}

static uint32_t read_session(struct procfs *procfs, pid_t pid)
{
	char text[16], *end;
	unsigned long session;

	if (read_text(procfs, pid, "sessionid", text, sizeof(text)) < 0)
		return AUDIT_SESSION_NONE;
	session = strtoul(text, &end, 10);
	return *end || end == text || session > UINT32_MAX ? AUDIT_SESSION_NONE : (uint32_t)session;
}

static void add_process(struct procfs *procfs, pid_t pid, uint32_t uid,
	const struct stat_line *line, struct mosh_processes *processes)
{
	processes->items = memory_grow(processes->items, processes->count, &processes->capacity,
		sizeof(*processes->items));
	processes->items[processes->count++] = (struct mosh_process){
		.pid = pid,
		.uid = uid,
		.start_ms = to_boot_ms(line->start),
		.cgroup = read_cgroup(procfs, pid),
		.session = read_session(procfs, pid),
	};
}

/* Adds it if it is one; 0 as well if not. */
static int consider(struct procfs *procfs, const char *name, const struct tally *uids,
	struct mosh_processes *processes)
{
	struct stat_line line;
	uint32_t uid = 0;
	pid_t pid = (pid_t)strtol(name, NULL, 10);
	int error;

	if (pid <= 0)
		return 0;
	error = check_owner(procfs, name, uids, &uid);
	if (error == 0)
		error = check_server(procfs, pid, &line);
	if (error == 0)
		add_process(procfs, pid, uid, &line, processes);
	return error == -ESRCH ? 0 : error;
}

int procfs_mosh_processes(
	struct procfs *procfs, const struct tally *uids, struct mosh_processes *processes)
{
	rewinddir(procfs->proc);
	for (;;) {
		struct dirent *entry;
		int error;

		errno = 0;
		entry = readdir(procfs->proc);
		if (!entry)
			return -errno;
		error = consider(procfs, entry->d_name, uids, processes);
		if (error < 0)
			return error;
	}
}

static int consider_all(struct procfs *procfs, FILE *file, const struct tally *uids,
	struct mosh_processes *processes)
{
	char name[16];

	errno = 0;
	while (fgets(name, sizeof(name), file)) {
		int error;

		name[strcspn(name, "\n")] = '\0';
		error = consider(procfs, name, uids, processes);
		if (error < 0)
			return error;
		errno = 0;
	}
	return ferror(file) ? -errno : 0;
}

static FILE *open_members(struct procfs *procfs, pid_t pid, uint64_t cgroup)
{
	char text[CGROUP_SIZE], path[CGROUP_SIZE + sizeof("/cgroup.procs")];
	const char *folder = read_cgroup_path(procfs, pid, text, sizeof(text));
	FILE *file;
	int fd;

	if (!folder || cgroup_id(procfs, folder) != cgroup) {
		errno = ESTALE;
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = openat(procfs->cgroup2, path, O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		fd_close(&fd);
	return file;
}

int procfs_cgroup_processes(struct procfs *procfs, pid_t pid, uint64_t cgroup,
	const struct tally *uids, struct mosh_processes *processes)
{
	FILE *file = open_members(procfs, pid, cgroup);
	int error;

	if (!file)
		return -errno;
	error = consider_all(procfs, file, uids, processes);
	fclose(file);
	return error;
}

int procfs_process(struct procfs *procfs, pid_t pid, struct process *process)
{
	struct stat_line line;
	int error = read_stat(procfs, pid, &line);

	if (error < 0)
		return error;
	process->cgroup = read_cgroup(procfs, pid);
	process->session = read_session(procfs, pid);
	process->start = line.start;
	return 0;
}
