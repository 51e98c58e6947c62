/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>

#include <libmnl/libmnl.h>

#include "contents.h"
#include "netlink.h"

struct reading {
	uint32_t count;
	bool is_found;
};

static void begin(void *context)
{
	*(struct reading *)context = (struct reading){0};
}

static int read_table(const struct nlmsghdr *message, void *context)
{
	struct reading *reading = context;
	const struct nlattr *attribute;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return -EPROTO;
	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) != NFTA_TABLE_USE ||
			mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
			continue;
		reading->count = ntohl(mnl_attr_get_u32(attribute));
		reading->is_found = true;
	}
	return 0;
}

int contents_count(const char *table, uint32_t *count)
{
	struct netlink netlink = {.bus = NETLINK_NETFILTER};
	union netlink_request request;
	struct reading reading;
	const struct netlink_reader reader = {begin, read_table, &reading};
	int error;

	netlink_begin_nftables(&request, NFT_MSG_GETTABLE, NLM_F_ACK);
	mnl_attr_put_strz(&request.message, NFTA_TABLE_NAME, table);
	error = netlink_ask(&netlink, &request, &reader);
	netlink_close(&netlink);
	if (error == 0 && !reading.is_found)
		error = -ENOENT;
	if (error == 0)
		*count = reading.count;
	return error;
}
