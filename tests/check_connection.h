/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both ends of a TCP connection as this process's own, as sshd has one end. */
#ifndef CHECK_CONNECTION_H
#define CHECK_CONNECTION_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "check_main.h"

/* Between different addresses each end is a connection to another client. They stay open. */
static inline void connection_make(in_addr_t from, in_addr_t to)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(to)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_ge(accept(listener, NULL, NULL), 0);
}

#endif
