/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "drops.h"
#include "netlink.h"

#define TRIES 10

/* A rule: what it has counted, and whether it is about the ports in a set. */
struct rule {
	struct drops_count count;
	bool is_counting, is_looking;
};

static uint64_t number(const struct nlattr *attribute)
{
	return mnl_attr_validate(attribute, MNL_TYPE_U64) < 0
		       ? 0
		       : be64toh(mnl_attr_get_u64(attribute));
}

static void read_counter(const struct nlattr *data, struct rule *rule)
{
	const struct nlattr *attribute;

	rule->is_counting = true;
	mnl_attr_for_each_nested(attribute, data)
	{
		if (mnl_attr_get_type(attribute) == NFTA_COUNTER_PACKETS)
			rule->count.packets = number(attribute);
		else if (mnl_attr_get_type(attribute) == NFTA_COUNTER_BYTES)
			rule->count.bytes = number(attribute);
	}
}

/* The name comes before the data. */
static void read_expression(const struct nlattr *expression, struct rule *rule)
{
	const struct nlattr *attribute;
	const char *name = "";

	mnl_attr_for_each_nested(attribute, expression)
	{
		unsigned int type = mnl_attr_get_type(attribute);

		if (type == NFTA_EXPR_NAME &&
			mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
			name = mnl_attr_get_str(attribute);
		else if (type == NFTA_EXPR_DATA && strcmp(name, "counter") == 0)
			read_counter(attribute, rule);
	}
	rule->is_looking |= strcmp(name, "lookup") == 0;
}

static struct rule read_rule(const struct nlmsghdr *message)
{
	const struct nlattr *attribute, *expression;
	struct rule rule = {0};

	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) != NFTA_RULE_EXPRESSIONS)
			continue;
		mnl_attr_for_each_nested(expression, attribute)
		{
			read_expression(expression, &rule);
		}
	}
	return rule;
}

static void add(struct drops_count *sum, const struct drops_count *count)
{
	sum->packets += count->packets;
	sum->bytes += count->bytes;
}

struct reading {
	struct drops drops;
	bool is_found;
};

static int on_rule(const struct nlmsghdr *message, void *context)
{
	struct reading *reading = context;
	struct drops *drops = &reading->drops;
	struct rule rule;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return MNL_CB_OK;
	rule = read_rule(message);
	if (!rule.is_counting)
		return MNL_CB_OK;
	reading->is_found = true;
	add(rule.is_looking ? &drops->servers : &drops->others, &rule.count);
	return MNL_CB_OK;
}

/* All rules of the guard's chain. */
static int request(struct mnl_socket *socket, const char *table)
{
	char buffer[512] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *head;

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->nfgen_family = NFPROTO_INET;
	head->version = NFNETLINK_V0;
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, "guard");
	return mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static int ask(struct mnl_socket *socket, const char *table, struct reading *reading)
{
	char buffer[65536] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	int error = request(socket, table), result = MNL_CB_OK;

	while (error == 0 && result > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		result = length < 0 ? MNL_CB_ERROR
				    : mnl_cb_run(buffer, (size_t)length, 0,
					      mnl_socket_get_portid(socket), on_rule, reading);
		if (result == MNL_CB_ERROR)
			error = netlink_error();
	}
	return error;
}

/* An answer that changes interrupted tells nothing: once more, by a new socket. */
int drops_read(const char *table, struct drops *drops)
{
	struct mnl_socket *socket = NULL;
	struct reading reading = {0};
	int error = -EINTR;

	for (int tries = 0; tries < TRIES && error == -EINTR; tries++) {
		error = netlink_reopen(&socket, NETLINK_NETFILTER);
		reading = (struct reading){0};
		if (error == 0)
			error = ask(socket, table, &reading);
	}
	if (socket)
		mnl_socket_close(socket);
	if (error == 0 && !reading.is_found)
		error = -ENOENT;
	if (error == 0)
		*drops = reading.drops;
	return error;
}
