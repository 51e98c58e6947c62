/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_NETLINK_H
#define MOSHGATE_NETLINK_H

struct mnl_socket;

/* Opens a netlink socket for requests, in place of *socket if that is not null. What is left of an
 * answer that was given up goes with the old one: the kernel takes no request for another dump
 * before the last one is read to its end. -errno; *socket is null then. */
int netlink_reopen(struct mnl_socket **socket, int bus);

#endif
