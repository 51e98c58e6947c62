/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink sockets on which the kernel says what the fuzzer thought of: libmnl's, replaced at link
 * time. An input is datagrams one behind the other, each after its size in two bytes, low one
 * first; 0xff00 + N in its place is error N. For one file of a program.
 */
#ifndef FUZZ_NETLINK_H
#define FUZZ_NETLINK_H

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "fuzz.h"

#define FUZZ_NETLINK_ERRORS 0xff00
#define FUZZ_NETLINK_PORT   7 /* ours, as the kernel would have chosen it */

struct mnl_socket {
	int fd; /* of some socket, for options of the socket layer */
};

static struct fuzz_input fuzz_datagrams;

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	static struct mnl_socket only = {-1};

	(void)bus, (void)flags;
	if (only.fd < 0)
		only.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return &only;
}

int mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid)
{
	(void)socket, (void)groups, (void)pid;
	return 0;
}

int mnl_socket_setsockopt(const struct mnl_socket *socket, int type, void *value, socklen_t size)
{
	(void)socket, (void)type, (void)value, (void)size;
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *socket)
{
	return socket->fd;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *socket)
{
	(void)socket;
	return FUZZ_NETLINK_PORT;
}

int mnl_socket_close(struct mnl_socket *socket)
{
	(void)socket;
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t size)
{
	(void)socket, (void)request;
	return (ssize_t)size;
}

/* When there are no more: what a socket says on which nothing waits. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	unsigned int low = fuzz_byte(&fuzz_datagrams), stated = low | fuzz_byte(&fuzz_datagrams)
									      << 8;
	size_t length = stated < fuzz_datagrams.left ? stated : fuzz_datagrams.left;

	(void)socket;
	errno = stated > FUZZ_NETLINK_ERRORS ? (int)(stated - FUZZ_NETLINK_ERRORS)
		: length > size              ? ENOSPC
					     : EAGAIN;
	if (stated > FUZZ_NETLINK_ERRORS || length > size || (length == 0 && !fuzz_datagrams.left))
		return -1;
	memcpy(buffer, fuzz_datagrams.at, length);
	fuzz_datagrams.at += length;
	fuzz_datagrams.left -= length;
	return (ssize_t)length;
}

/* Version 1.0.4 of libmnl takes these for negative, and fitting; no kernel says them. */
static inline int fuzz_is_long(const void *bytes, size_t size)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)size;

	while (left >= (int)sizeof(*message) && message->nlmsg_len <= INT_MAX &&
		mnl_nlmsg_ok(message, left))
		message = mnl_nlmsg_next(message, &left);
	return left >= (int)sizeof(*message) && message->nlmsg_len > INT_MAX;
}

/* The real one, on memory that ends where the datagram does, or where its last word would: libmnl
 * goes on from there, and a buffer that is received into is as long. */
int mnl_cb_run(const void *buffer, size_t size, unsigned int sequence, unsigned int port,
	mnl_cb_t call, void *context)
{
	static int (*real)(const void *, size_t, unsigned int, unsigned int, mnl_cb_t, void *);
	uint8_t *datagram = calloc(1, MNL_ALIGN(size + !size));
	int result;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mnl_cb_run");
	PROMISE(real && datagram);
	memcpy(datagram, buffer, size);
	result = fuzz_is_long(datagram, size) ? MNL_CB_OK
					      : real(datagram, size, sequence, port, call, context);
	free(datagram);
	return result;
}

#endif
