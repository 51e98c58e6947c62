/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process and its parent: comm, stat, sessionid, cgroup and status of the
 * one, comm of the other. A mosh-server process has the name of one and a parent that has not, runs
 * with its user's rights, and is no zombie.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_folder.h"
#include "procfs.h"
#include "tally.h"

#define PID    7
#define PARENT 8
#define NAME   "mosh-server"

static const char *const files[] = {
	"7/comm", "7/stat", "7/sessionid", "7/cgroup", "8/comm", "7/status"};
enum { COMM, STAT, SESSIONID, CGROUP, PARENT_COMM, STATUS, FILES };

/* In libc's place: the host's /proc and its mounts are this folder. */
DIR *opendir(const char *path)
{
	return fdopendir(open(strcmp(path, "/proc") == 0 ? fuzz_folder() : path,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

FILE *setmntent(const char *path, const char *mode)
{
	static char mount[128];

	(void)path;
	snprintf(mount, sizeof(mount), "cgroup2 %s cgroup2 rw 0 0\n", fuzz_folder());
	return fmemopen(mount, strlen(mount), mode);
}

static struct procfs *open_procfs(void)
{
	struct procfs *procfs;

	PROMISE(mkdirat(fuzz_folder_fd(), "7", 0755) == 0);
	PROMISE(mkdirat(fuzz_folder_fd(), "8", 0755) == 0);
	PROMISE(procfs_open(&procfs) == 0);
	procfs_add_program(procfs, "/opt/my-mosh");
	return procfs;
}

static bool is_mosh(const char *comm)
{
	size_t length = strcspn(comm, "\n");

	return (!comm[length] || !comm[length + 1]) &&
	       (strncmp(comm, NAME, length) == 0 || strncmp(comm, "my-mosh", length) == 0);
}

static bool is_dead(const char *stat)
{
	const char *state = strlen(stat) < 1000 ? strrchr(stat, ')') + 1 : "R";

	state += strspn(state, " \t\n\v\f\r");
	return *state == 'Z' || *state == 'X';
}

static bool is_own(const char *status)
{
	const char *line = strstr(status, "\nUid:\t");
	char *end = NULL;
	unsigned long real = line ? strtoul(line + 6, &end, 10) : 0;

	return strlen(status) >= 1000 ||
	       (line && end != line + 6 && (uint32_t)real == (uint32_t)strtoul(end, NULL, 10));
}

static void check(struct procfs *procfs, char *texts[])
{
	struct mosh_processes found = {0};
	struct process process = {.start = 1};
	struct tally uids = {0};
	int error = procfs_process(procfs, PID, &process);

	PROMISE(error == 0 || error == -EPROTO);
	PROMISE(error == 0 || process.start == 1);
	PROMISE(procfs_process(procfs, PARENT, &process) == -ENOENT);
	tally_add(&uids, geteuid(), 0, 1);
	PROMISE(procfs_mosh_processes(procfs, &uids, &found) == 0);
	tally_clear(&uids);
	PROMISE(found.count <= 1 && (found.count == 0 || error == 0));
	if (found.count > 0) {
		PROMISE(found.items[0].pid == PID && found.items[0].uid == geteuid());
		PROMISE(is_mosh(texts[COMM]));
		PROMISE(found.items[0].session == process.session);
		PROMISE(found.items[0].cgroup == process.cgroup);
		PROMISE(!is_dead(texts[STAT]));
		PROMISE(is_own(texts[STATUS]));
	}
	free(found.items);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = {bytes, size};
	static struct procfs *procfs;
	char *texts[FILES];

	if (!procfs)
		procfs = open_procfs();
	for (size_t i = 0; i < FILES; i++) {
		texts[i] = fuzz_part(&input);
		fuzz_folder_write(files[i], texts[i], strlen(texts[i]));
	}
	check(procfs, texts);
	for (size_t i = 0; i < FILES; i++)
		free(texts[i]);
	return 0;
}
