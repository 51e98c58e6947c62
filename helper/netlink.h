/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_NETLINK_H
#define MOSHGATE_NETLINK_H

#include <errno.h>

struct mnl_socket;

/* Why mnl_cb_run() failed, as -errno: it takes an error message's number as it comes. */
static inline int netlink_error(void)
{
	return errno > 0 ? -errno : -EPROTO;
}

/* Opens a netlink socket for requests, in place of *socket if that is not null. What is left of an
 * answer that was given up goes with the old one: the kernel takes no request for another dump
 * before the last one is read to its end. -errno; *socket is null then. */
int netlink_reopen(struct mnl_socket **socket, int bus);

#endif
