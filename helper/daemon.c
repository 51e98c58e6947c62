/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "fd.h"
#include "log.h"
#include "manager.h"

#define BACKLOG 1024

_Noreturn static void wait_for_child(int ready)
{
	char byte;
	ssize_t length;

	do
		length = read(ready, &byte, 1);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		perror("moshgated: waiting for the helper");
	_exit(length == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int detach(void)
{
	auto_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || setsid() < 0 || chdir("/") < 0)
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	return 0;
}

int daemon_fork(int *ready)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child > 0) {
		close(ends[1]);
		wait_for_child(ends[0]);
	}
	close(ends[0]);
	*ready = ends[1];
	return detach();
}

static void tell_caller(int ready)
{
	ssize_t written;

	do
		written = write(ready, "", 1);
	while (written < 0 && errno == EINTR);
	if (written != 1)
		log_warning("serving, but who started it cannot be told: %s",
			strerror(written < 0 ? errno : EIO));
}

void daemon_ready(int ready)
{
	int error;

	if (ready >= 0) {
		tell_caller(ready);
		close(ready);
		/* The caller's stderr goes away; from now on only syslog is left. */
		(void)!dup2(STDOUT_FILENO, STDERR_FILENO);
	}
	error = manager_tell("READY=1");
	if (error < 0)
		log_warning("the service manager cannot be told: %s", strerror(-error));
}

/* What the helper makes in its folder, and a service manager or a new file system for it. */
static bool is_ours(const char *name, const char *const sockets[])
{
	static const char *const ours[] = {".", "..", "moshgated.pid", "logins", "lost+found"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(ours[i], name) == 0)
			return true;
	for (; *sockets; sockets++)
		if (strcmp(strrchr(*sockets, '/') + 1, name) == 0)
			return true;
	return false;
}

/* -ENOTEMPTY: there is more in it than ours. */
static int check_contents(int fd, const char *const sockets[])
{
	auto_fd int copy = dup(fd);
	DIR *folder = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	int error;

	if (!folder)
		return -errno;
	take_fd(&copy);
	do {
		errno = 0;
		entry = readdir(folder);
	} while (entry && is_ours(entry->d_name, sockets));
	error = entry ? -ENOTEMPTY : -errno;
	closedir(folder);
	return error;
}

/* Root's own folder may be anything: /etc, if the configuration says so. */
static int check_folder(int fd, uid_t uid, const char *const sockets[])
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if ((status.st_uid != 0 && status.st_uid != uid) || (status.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return geteuid() == 0 && status.st_uid == 0 ? check_contents(fd, sockets) : 0;
}

int daemon_folder(const char *path, uid_t uid, gid_t gid, const char *const sockets[])
{
	bool is_new = mkdir(path, 0755) == 0;
	auto_fd int fd = -1;
	int error;

	if (!is_new && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = check_folder(fd, uid, sockets);
	if (error < 0)
		return error;
	if (is_new && fchmod(fd, 0755) < 0) /* whatever the umask */
		return -errno;
	return geteuid() == 0 && fchown(fd, uid, gid) < 0 ? -errno : 0;
}

/* Whoever may read a file may lock it, and so keep the next helper from starting. */
int daemon_lock(const char *folder)
{
	auto_fd int in = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat owner, status;
	auto_fd int fd = -1;

	if (in < 0 || fstat(in, &owner) < 0)
		return -errno;
	fd = openat(in, "moshgated.pid", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1))
		return -EPERM;
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 || (geteuid() == 0 && fchown(fd, owner.st_uid, owner.st_gid) < 0))
		return -errno;
	if (ftruncate(fd, 0) < 0)
		return -errno;
	return take_fd(&fd);
}

int daemon_write_pid(int lock)
{
	return dprintf(lock, "%d\n", (int)getpid()) < 0 ? -errno : 0;
}

int daemon_listen(const char *path, int type, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = -1;
	mode_t mask;
	int result;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (unlink(path) < 0 && errno != ENOENT))
		return -errno;
	mask = umask(0777 & ~mode);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (result < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(&fd);
}
