/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "client.h"
#include "fd.h"

/* Or -errno: without a clock there is no deadline, and so no waiting. */
static int64_t now_us(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return -errno;
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Lets the next blocking call on fd wait until the deadline at the most. The kernel's own time
 * limits, because a non-blocking connect() to a full queue could not be waited for. Its timers are
 * up to an eighth late, so that much is left for once more. */
static int limit(int fd, int option, int64_t deadline_us)
{
	int64_t start_us = now_us(), left_us = deadline_us - start_us;
	int64_t wait_us = left_us - left_us / 8;
	struct timeval left = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};

	if (start_us < 0)
		return (int)start_us;
	if (left_us <= 0)
		return -ETIMEDOUT;
	return setsockopt(fd, SOL_SOCKET, option, &left, sizeof(left)) < 0 ? -errno : 0;
}

/* What a failed call means: 0 is "once more", if there is time left. */
static int call_error(void)
{
	if (errno == EINTR || errno == EAGAIN)
		return 0;
	return errno == EPIPE || errno == ECONNRESET ? -EPROTO : -errno;
}

static int connect_to(int fd, const char *path, int64_t deadline_us)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -EINVAL;
	strcpy(address.sun_path, path);
	do {
		error = limit(fd, SO_SNDTIMEO, deadline_us);
		if (error < 0)
			return error;
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return 0;
		error = call_error();
	} while (error == 0);
	return error;
}

static int send_all(int fd, const uint8_t *bytes, size_t length, int64_t deadline_us)
{
	int error;

	do {
		error = limit(fd, SO_SNDTIMEO, deadline_us);
		if (error < 0)
			return error;

		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent >= 0)
			return (size_t)sent == length ? 0 : -EPROTO;
		error = call_error();
	} while (error == 0);
	return error;
}

static int receive(int fd, enum wire_answer *answer, int64_t deadline_us)
{
	uint8_t bytes[WIRE_ANSWER_SIZE + 1];
	int error;

	do {
		error = limit(fd, SO_RCVTIMEO, deadline_us);
		if (error < 0)
			return error;

		ssize_t length = recv(fd, bytes, sizeof(bytes), 0);

		if (length >= 0)
			return wire_answer_decode(bytes, (size_t)length, answer);
		error = call_error();
	} while (error == 0);
	return error;
}

/* Until it is in the helper's queue; *fd is where an answer comes, if one does. */
static int tell(const char *path, const struct wire_session *request, int64_t deadline_us, int *fd)
{
	uint8_t bytes[WIRE_SESSION_SIZE];
	int error;

	if (wire_session_encode(request, bytes) < 0)
		return -EBADMSG;
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	error = connect_to(*fd, path, deadline_us);
	return error < 0 ? error : send_all(*fd, bytes, sizeof(bytes), deadline_us);
}

int client_tell(const char *path, int timeout_ms, const struct wire_session *request)
{
	int64_t start_us = now_us();
	auto_fd int fd = -1;

	if (start_us < 0)
		return (int)start_us;
	return tell(path, request, start_us + (int64_t)timeout_ms * 1000, &fd);
}

int client_request(const char *path, int timeout_ms, const struct wire_session *request,
	enum wire_answer *answer)
{
	int64_t start_us = now_us(), deadline_us = start_us + (int64_t)timeout_ms * 1000;
	auto_fd int fd = -1;
	int error;

	if (start_us < 0)
		return (int)start_us;
	error = tell(path, request, deadline_us, &fd);
	return error < 0 ? error : receive(fd, answer, deadline_us);
}
