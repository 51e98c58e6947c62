/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "contents.h"
#include "netlink.h"

struct reading {
	uint32_t count;
	bool is_found;
};

static int on_table(const struct nlmsghdr *message, void *context)
{
	struct reading *reading = context;
	const struct nlattr *attribute;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) != NFTA_TABLE_USE ||
			mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
			continue;
		reading->count = ntohl(mnl_attr_get_u32(attribute));
		reading->is_found = true;
	}
	return MNL_CB_OK;
}

static int request(struct mnl_socket *socket, const char *table)
{
	char buffer[512] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *head;

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->nfgen_family = NFPROTO_INET;
	head->version = NFNETLINK_V0;
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
	return mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

int contents_count(const char *table, uint32_t *count)
{
	char buffer[8192] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	struct mnl_socket *socket = NULL;
	struct reading reading = {0};
	int error = netlink_reopen(&socket, NETLINK_NETFILTER), result = MNL_CB_OK;

	if (error == 0)
		error = request(socket, table);
	while (error == 0 && result > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		result = length < 0 ? MNL_CB_ERROR
				    : mnl_cb_run(buffer, (size_t)length, 0,
					      mnl_socket_get_portid(socket), on_table, &reading);
		if (result == MNL_CB_ERROR)
			error = netlink_error();
	}
	if (socket)
		mnl_socket_close(socket);
	if (error == 0 && !reading.is_found)
		error = -ENOENT;
	if (error == 0)
		*count = reading.count;
	return error;
}
