/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_NETLINK_H
#define MOSHGATE_NETLINK_H

#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>

/* What is asked of the kernel by netlink: one request at a time, answered to its end. */

struct mnl_socket;

/* A socket, bound, with these flags besides SOCK_CLOEXEC; to be closed by mnl_socket_close().
 * -errno. */
int netlink_open(int bus, int flags, struct mnl_socket **socket);

/* Room for a request, which libmnl writes. */
union netlink_request {
	struct nlmsghdr message;
	char bytes[1024];
};

/* Begins a message of nftables' at that place, about the family inet. */
struct nlmsghdr *netlink_begin_nftables(void *place, int type, int flags);

/* To whom requests go. Begins as zeros but for the bus; the first one opens the socket. */
struct netlink {
	int bus;
	struct mnl_socket *socket;
	uint32_t sequence;
};

void netlink_close(struct netlink *netlink);

/* What becomes of an answer. */
struct netlink_reader {
	void (*begin)(void *context); /* before each try: nothing is known yet */
	int (*read)(const struct nlmsghdr *message, void *context); /* each message; 0 or -errno */
	void *context;
};

/* Sends the request, and reads the answer to its end. One that changes interrupted (EINTR), or that
 * is not one to this request (ESRCH, EPROTO) or cannot be read (EPROTO), tells nothing: it is asked
 * once more, some times. -errno; that may be the kernel's own word, as ENOENT. */
int netlink_ask(struct netlink *netlink, union netlink_request *request,
	const struct netlink_reader *reader);

/* Why mnl_cb_run() failed, as -errno: it takes an error message's number as it comes. */
static inline int netlink_error(void)
{
	return errno > 0 ? -errno : -EPROTO;
}

#endif
