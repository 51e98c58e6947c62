/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "netlink.h"

int netlink_reopen(struct mnl_socket **socket, int bus)
{
	int error;

	if (*socket)
		mnl_socket_close(*socket);
	*socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!*socket)
		return -errno;
	if (mnl_socket_bind(*socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	error = -errno;
	mnl_socket_close(*socket);
	*socket = NULL;
	return error;
}
