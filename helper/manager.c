/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"
#include "manager.h"

#define FIRST_FD 3   /* SD_LISTEN_FDS_START */
#define FDS_MAX  128 /* nobody passes more */

int manager_tell(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	auto_fd int fd = -1;

	if (length == 0 || (path[0] != '/' && path[0] != '@') || length >= sizeof(address.sun_path))
		return 0;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
		sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return -errno;
	return 0;
}

bool manager_is_abstract(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && path[0] == '@';
}

/* A number from the environment; 0 if there is none, or one of another form. */
static uint64_t number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	unsigned long long value;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno != 0 || *end ? 0 : value;
}

/* 1 if it is that, 0 if not; -errno if that cannot be known, and another one in its place would
 * leave the manager's with nobody to listen. */
static int is_listening_at(int fd, const char *path, int type)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address), one = sizeof(int);
	int has_type = 0, is_listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &has_type, &one) < 0)
		return errno == ENOTSOCK || errno == EBADF ? 0 : -errno;
	if (has_type != type)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &one) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	return is_listening && address.sun_family == AF_UNIX &&
	       strncmp(address.sun_path, path, sizeof(address.sun_path)) == 0;
}

int manager_socket(const char *path, int type)
{
	uint64_t count = number("LISTEN_FDS");

	if (number("LISTEN_PID") != (uint64_t)getpid() || count > FDS_MAX)
		return -ENOENT;
	for (int fd = FIRST_FD; fd < FIRST_FD + (int)count; fd++) {
		int is_it = is_listening_at(fd, path, type);

		if (is_it < 0)
			return is_it;
		if (is_it == 0)
			continue;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
			return -errno;
		return fd;
	}
	return -ENOENT;
}

uint64_t manager_watchdog_ms(void)
{
	if (getenv("WATCHDOG_PID") && number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	return number("WATCHDOG_USEC") / 2000;
}

/* That the variable is there says little: a shell that the manager started has it, too. */
bool manager_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char text[48];

	if (!stream || fstat(fd, &status) < 0)
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return strcmp(text, stream) == 0;
}
