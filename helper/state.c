/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "log.h"
#include "memory.h"
#include "state.h"

/* A file: 64 bytes of head, then the module's message. Changing it raises the version:
 *   1  the first one */
#define STATE_VERSION 1
#define BOOT_ID_SIZE  36
#define HEAD_SIZE     64
#define FILE_SIZE     (HEAD_SIZE + WIRE_SESSION_SIZE)
#define NAME_SIZE     32
#define NEW           ".new"
#define PART          ".part"

struct head {
	uint32_t version;
	uint32_t pid;
	uint64_t start;
	uint64_t since_ms;
	char boot_id[BOOT_ID_SIZE];
	uint8_t zero[4];
};
_Static_assert(sizeof(struct head) == HEAD_SIZE, "a head has no gaps");

struct state {
	int folder;
	char boot_id[BOOT_ID_SIZE];
};

static int read_boot_id(char boot_id[BOOT_ID_SIZE])
{
	auto_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read(fd, boot_id, BOOT_ID_SIZE) == BOOT_ID_SIZE ? 0 : -EIO;
}

static int open_folder(const char *path)
{
	auto_fd int parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int fd = -1;
	struct stat status;

	if (parent < 0 || (mkdirat(parent, "logins", 0700) < 0 && errno != EEXIST))
		return -errno;
	fd = openat(parent, "logins", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	/* Of a time when others could write there. */
	return status.st_uid == geteuid() ? take_fd(&fd) : -EPERM;
}

int state_open(const char *path, struct state **state)
{
	struct state *opened = memory_zeroed(sizeof(*opened));
	int error = read_boot_id(opened->boot_id);

	opened->folder = error < 0 ? error : open_folder(path);
	if (opened->folder < 0) {
		error = opened->folder;
		free(opened);
		return error;
	}
	*state = opened;
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	close(state->folder);
	free(state);
}

static void encode(const struct state *state, const struct state_login *login, uint8_t *bytes)
{
	struct head head = {
		.version = STATE_VERSION,
		.pid = (uint32_t)login->pid,
		.start = login->start,
		.since_ms = login->since_ms,
	};

	memcpy(head.boot_id, state->boot_id, BOOT_ID_SIZE);
	memcpy(bytes, &head, sizeof(head));
}

static void write_name(char name[NAME_SIZE], pid_t pid, const char *suffix)
{
	snprintf(name, NAME_SIZE, "%d%s", (int)pid, suffix);
}

/* Written under another name first, so that one of its own name is whole. */
int state_save(struct state *state, const struct state_login *login)
{
	uint8_t bytes[FILE_SIZE];
	char name[NAME_SIZE], part[NAME_SIZE];
	auto_fd int fd = -1;

	if (wire_session_encode(&login->session, bytes + HEAD_SIZE) < 0)
		return -EINVAL;
	encode(state, login, bytes);
	write_name(name, login->pid, NEW);
	write_name(part, login->pid, PART);
	fd = openat(
		state->folder, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes) ||
		renameat(state->folder, part, state->folder, name) < 0) {
		int error = errno ? -errno : -EIO;

		unlinkat(state->folder, part, 0);
		return error;
	}
	return 0;
}

/* One that would stay new for good is worse than none: what a person takes away would come back. */
int state_settle(struct state *state, pid_t pid)
{
	char name[NAME_SIZE], name_of_new[NAME_SIZE];
	int error;

	write_name(name, pid, "");
	write_name(name_of_new, pid, NEW);
	if (renameat(state->folder, name_of_new, state->folder, name) == 0 || errno == ENOENT)
		return 0;
	error = -errno;
	unlinkat(state->folder, name_of_new, 0);
	return error;
}

void state_remove(struct state *state, pid_t pid)
{
	char name[NAME_SIZE];

	write_name(name, pid, NEW);
	unlinkat(state->folder, name, 0);
	write_name(name, pid, "");
	unlinkat(state->folder, name, 0);
}

/* Whether it is a number with that behind it. */
static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strspn(name, "0123456789");

	return length > 0 && strcmp(name + length, suffix) == 0;
}

static int decode(const struct state *state, const uint8_t *bytes, const char *name,
	struct state_login *login)
{
	struct head head;
	char expected[NAME_SIZE];

	memcpy(&head, bytes, sizeof(head));
	login->is_new = has_suffix(name, NEW);
	snprintf(expected, sizeof(expected), "%u%s", head.pid, login->is_new ? NEW : "");
	if (head.version != STATE_VERSION || strcmp(name, expected) != 0 ||
		memcmp(head.boot_id, state->boot_id, BOOT_ID_SIZE) != 0 ||
		memcmp(head.zero, "\0\0\0", sizeof(head.zero)) != 0 || head.pid == 0 ||
		head.pid > INT32_MAX)
		return -EPROTO;
	login->pid = (pid_t)head.pid;
	login->start = head.start;
	login->since_ms = head.since_ms;
	if (wire_session_decode(bytes + HEAD_SIZE, WIRE_SESSION_SIZE, &login->session) < 0)
		return -EPROTO;
	return login->session.type == WIRE_OPEN ? 0 : -EPROTO;
}

/* To the end of the file or of the bytes; -1 as read(). */
static ssize_t read_all(int fd, uint8_t *bytes, size_t size)
{
	size_t count = 0;
	ssize_t length;

	do {
		length = read(fd, bytes + count, size - count);
		if (length < 0)
			return -1;
		count += (size_t)length;
	} while (length > 0 && count < size);
	return (ssize_t)count;
}

static int load_file(const struct state *state, const char *name, struct state_login *login)
{
	uint8_t bytes[FILE_SIZE + 1];
	struct stat status;
	ssize_t length;
	auto_fd int fd =
		openat(state->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077))
		return -EPERM;
	length = read_all(fd, bytes, sizeof(bytes));
	if (length != FILE_SIZE)
		return length < 0 ? -errno : -EPROTO;
	return decode(state, bytes, name, login);
}

static bool is_name(const char *name)
{
	return has_suffix(name, "") || has_suffix(name, NEW);
}

/* One that was not finished. */
static bool is_part(const char *name)
{
	return has_suffix(name, PART);
}

static bool is_set_aside(const char *name)
{
	return strncmp(name, "bad-", 4) == 0 || name[0] == '.';
}

static void set_aside(const struct state *state, const char *name)
{
	char aside[NAME_MAX + 8];

	snprintf(aside, sizeof(aside), "bad-%s", name);
	if (renameat(state->folder, name, state->folder, aside) < 0)
		unlinkat(state->folder, name, 0);
}

/* A failure of the system's, for now, that says nothing about the file. */
static bool is_passing(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EIO ||
	       error == -EINTR;
}

/* -EPROTO if it is not sound. */
static int load_entry(const struct state *state, const char *name,
	void (*visit)(const struct state_login *login, void *context), void *context)
{
	struct state_login login;
	int error = is_name(name) ? load_file(state, name, &login) : -EPROTO;

	if (error == 0)
		visit(&login, context);
	return error == 0 || is_passing(error) ? error : -EPROTO;
}

static int load_all(const struct state *state, DIR *folder,
	void (*visit)(const struct state_login *login, void *context), void *context, size_t *bad)
{
	for (;;) {
		struct dirent *entry;
		int error;

		errno = 0;
		entry = readdir(folder);
		if (!entry)
			return -errno;
		error = is_set_aside(entry->d_name) || is_part(entry->d_name)
				? 0
				: load_entry(state, entry->d_name, visit, context);
		if (is_part(entry->d_name))
			unlinkat(state->folder, entry->d_name, 0);
		if (error == -EPROTO) {
			set_aside(state, entry->d_name);
			++*bad;
		} else if (error < 0) {
			return error;
		}
	}
}

int state_load(struct state *state, void (*visit)(const struct state_login *login, void *context),
	void *context)
{
	auto_fd int fd = dup(state->folder);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	size_t bad = 0;
	int error;

	if (!folder)
		return -errno;
	take_fd(&fd);
	rewinddir(folder); /* the duplicate is where the last one left off */
	error = load_all(state, folder, visit, context, &bad);
	closedir(folder);
	if (bad > 0)
		log_warning("%zu files of logins are not sound: set aside as bad-*", bad);
	return error;
}
