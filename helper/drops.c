/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "drops.h"
#include "netlink.h"

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

static void begin(void *context)
{
	*(struct reading *)context = (struct reading){0};
}

static int on_rule(const struct nlmsghdr *message, void *context)
{
	struct reading *reading = context;
	struct drops *drops = &reading->drops;
	struct rule rule;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return -EPROTO;
	rule = read_rule(message);
	if (!rule.is_counting)
		return 0;
	reading->is_found = true;
	add(rule.is_looking ? &drops->servers : &drops->others, &rule.count);
	return 0;
}

/* All rules of the guard's chain. */
int drops_read(const char *table, struct drops *drops)
{
	struct netlink netlink = {.bus = NETLINK_NETFILTER};
	union netlink_request request;
	struct reading reading;
	const struct netlink_reader reader = {begin, on_rule, &reading};
	int error;

	netlink_begin_nftables(&request, NFT_MSG_GETRULE, NLM_F_DUMP);
	mnl_attr_put_strz(&request.message, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(&request.message, NFTA_RULE_CHAIN, "guard");
	error = netlink_ask(&netlink, &request, &reader);
	netlink_close(&netlink);
	if (error == 0 && !reading.is_found)
		error = -ENOENT;
	if (error == 0)
		*drops = reading.drops;
	return error;
}
