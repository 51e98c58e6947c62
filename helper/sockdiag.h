/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SOCKDIAG_H
#define MOSHGATE_SOCKDIAG_H

#include "observed.h"

struct nlmsghdr;
struct sockdiag;

/* The kernel's word on UDP sockets (NETLINK_SOCK_DIAG, sock_diag(7)), between two ports inclusive.
 * Needs no privilege. -errno if a socket cannot be had. */
int sockdiag_open(uint16_t first_port, uint16_t last_port, struct sockdiag **diag);
void sockdiag_close(struct sockdiag *diag);

/* At most this many sockets are reported per user and family; where more of users that are not
 * known are is told, too. */
#define SOCKDIAG_PER_UID 4096

/* Appends every unconnected UDP socket of both families that is bound inside the range (but for
 * those in sockets->except, and for that limit, if known is not null); about 0.06 ms, and one more
 * for a thousand sockets. -errno; *sockets may hold some then. Its items and hidden are the
 * caller's to free. */
int sockdiag_dump(
	struct sockdiag *diag, const struct known_users *known, struct udp_sockets *sockets);

/* Appends that one socket, if it is still there: known by its cookie, asked for by its address and
 * port. Nothing is appended, and 0 returned, if it is not; -errno if that cannot be told. */
int sockdiag_find(
	struct sockdiag *diag, const struct udp_socket *socket, struct udp_sockets *sockets);

/* Becomes readable when a UDP socket inside the range has ended. */
int sockdiag_ended_fd(const struct sockdiag *diag);

/* Calls call() with the cookie of each such socket, until there are none to read, or some that are
 * to be read next time. -ENOBUFS: the kernel had to drop some, only a dump tells now; else -errno.
 */
int sockdiag_read_ended(
	struct sockdiag *diag, void (*call)(uint64_t cookie, void *context), void *context);

/* One answer of a dump; -EPROTO if it is too short or an attribute is. For tests. */
int sockdiag_parse(const struct nlmsghdr *message, struct udp_socket *socket);

#endif
