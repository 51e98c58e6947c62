/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the kernel to a dump, marked as interrupted by a change: what happens by chance. */
#ifndef CHECK_INTERRUPT_H
#define CHECK_INTERRUPT_H

#include <dlfcn.h>
#include <linux/netlink.h>
#include <sys/types.h>

struct mnl_socket;

/* How many of the next messages are to be. */
static int interruptions;

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size);

/* In libmnl's place: the program's own definition comes before the library's. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	ssize_t (*real)(const struct mnl_socket *, void *, size_t);
	struct nlmsghdr *message = buffer;
	ssize_t length;

	*(void **)&real = dlsym(RTLD_NEXT, "mnl_socket_recvfrom");
	length = real(socket, buffer, size);
	if (length > 0 && interruptions > 0 && (message->nlmsg_flags & NLM_F_MULTI)) {
		message->nlmsg_flags |= NLM_F_DUMP_INTR;
		interruptions--;
	}
	return length;
}

#endif
