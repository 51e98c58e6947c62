/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "netlink.h"

#define TRIES 10

int netlink_open(int bus, int flags, struct mnl_socket **socket)
{
	struct mnl_socket *opened = mnl_socket_open2(bus, SOCK_CLOEXEC | flags);
	int error;

	if (!opened)
		return -errno;
	if (mnl_socket_bind(opened, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		mnl_socket_close(opened);
		return error;
	}
	*socket = opened;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *netlink_begin_nftables(void *place, int type, int flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(place);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	head->nfgen_family = NFPROTO_INET;
	head->version = NFNETLINK_V0;
	return message;
}

static int on_message(const struct nlmsghdr *message, void *context)
{
	const struct netlink_reader *reader = context;
	int error = reader->read(message, reader->context);

	if (error == 0)
		return MNL_CB_OK;
	errno = -error;
	return MNL_CB_ERROR;
}

static int ask_once(struct netlink *netlink, union netlink_request *request,
	const struct netlink_reader *reader)
{
	char buffer[65536] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	int error = netlink->socket ? 0 : netlink_open(netlink->bus, 0, &netlink->socket);
	int result = MNL_CB_OK;

	if (error < 0)
		return error;
	request->message.nlmsg_seq = ++netlink->sequence;
	if (mnl_socket_sendto(netlink->socket, request, request->message.nlmsg_len) < 0)
		return -errno;
	while (result > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));

		result = length < 0 ? MNL_CB_ERROR
				    : mnl_cb_run(buffer, (size_t)length, netlink->sequence,
					      mnl_socket_get_portid(netlink->socket), on_message,
					      (void *)reader);
	}
	return result == MNL_CB_ERROR ? netlink_error() : 0;
}

/* What is left of an answer that was given up goes with its socket: the kernel takes no request for
 * another dump before the last one is read to its end. That there is nothing is a whole answer; and
 * to close a socket of nftables' waits for all that others have just removed. */
int netlink_ask(struct netlink *netlink, union netlink_request *request,
	const struct netlink_reader *reader)
{
	bool is_to_be_asked_again = true;
	int error = 0;

	for (int tries = 0; tries < TRIES && is_to_be_asked_again; tries++) {
		reader->begin(reader->context);
		error = ask_once(netlink, request, reader);
		if (error < 0 && error != -ENOENT)
			netlink_close(netlink);
		is_to_be_asked_again = error == -EINTR || error == -ESRCH || error == -EPROTO;
	}
	return error;
}
