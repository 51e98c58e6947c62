/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "elements.h"
#include "elements_parse.h"
#include "netlink.h"

#define NOTICE_BUFFER (4 << 20) /* bytes */

struct kernel_sets {
	char table[CONFIG_NAME_SIZE];
	struct netlink netlink;
	struct mnl_socket *notices;
	/* The netlink ports that our changes come from. own_port: libnftables' socket, learned from
	 * its notices. told_port: batch.c's. 0: not known. */
	uint32_t own_port, told_port;
	char buffer[65536];
};

int elements_open(const char *table, struct kernel_sets **sets)
{
	struct kernel_sets *opened = memory_zeroed(sizeof(*opened));
	int group = NFNLGRP_NFTABLES, size = NOTICE_BUFFER, error;

	strcpy(opened->table, table);
	opened->netlink.bus = NETLINK_NETFILTER;
	error = netlink_open(NETLINK_NETFILTER, SOCK_NONBLOCK, &opened->notices);
	if (error == 0 && mnl_socket_setsockopt(opened->notices, NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)) < 0)
		error = -errno;
	if (error < 0) {
		elements_close(opened);
		return error;
	}
	/* A smaller buffer only means that a mass revoke does not tell the last counters. */
	setsockopt(mnl_socket_get_fd(opened->notices), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		sizeof(size));
	*sets = opened;
	return 0;
}

void elements_close(struct kernel_sets *sets)
{
	if (!sets)
		return;
	netlink_close(&sets->netlink);
	if (sets->notices)
		mnl_socket_close(sets->notices);
	free(sets);
}

struct answer {
	const char *table;
	enum elements_set set;
	struct elements *elements;
	size_t kept; /* of the elements: what was there before */
};

static void begin(void *context)
{
	const struct answer *answer = context;

	answer->elements->count = answer->kept;
}

/* Nothing but what was asked for. */
static void append(const struct element *element, enum elements_set set, void *context)
{
	const struct answer *answer = context;
	struct elements *elements = answer->elements;

	if (set != answer->set)
		return;
	elements->items = memory_grow(
		elements->items, elements->count, &elements->capacity, sizeof(*elements->items));
	elements->items[elements->count++] = *element;
}

static int read_message(const struct nlmsghdr *message, void *context)
{
	const struct answer *answer = context;

	return elements_parse(message, answer->table, append, context);
}

/* Asks about one of the sets, and appends what comes back; with a key, about that element alone. */
static int ask(struct kernel_sets *sets, enum elements_set set, const struct grant_key *key,
	struct elements *elements)
{
	struct answer answer = {sets->table, set, elements, elements->count};
	const struct netlink_reader reader = {begin, read_message, &answer};
	union netlink_request request;

	netlink_begin_nftables(&request, NFT_MSG_GETSETELEM, key ? NLM_F_ACK : NLM_F_DUMP);
	elements_ask_for(&request.message, sets->table, set, key);
	return netlink_ask(&sets->netlink, &request, &reader);
}

static int read_sets(struct kernel_sets *sets, enum elements_set first, enum elements_set last,
	struct elements *elements)
{
	for (enum elements_set set = first; set <= last; set++) {
		int error = ask(sets, set, NULL, elements);

		if (error < 0 && error != -ENOENT)
			return error;
	}
	return 0;
}

int elements_read(struct kernel_sets *sets, struct elements *elements)
{
	return read_sets(sets, ELEMENTS_GRANTS4, ELEMENTS_GRANTS6, elements);
}

int elements_read_pending(struct kernel_sets *sets, struct elements *elements)
{
	return read_sets(sets, ELEMENTS_PENDING4, ELEMENTS_PENDING6, elements);
}

int elements_read_ports(struct kernel_sets *sets, struct elements *elements)
{
	return read_sets(sets, ELEMENTS_SERVERS, ELEMENTS_SERVERS, elements);
}

int elements_get(struct kernel_sets *sets, const struct grant_key *key, struct element *element)
{
	struct elements found = {0};
	enum elements_set set = key->client.family == 4 ? ELEMENTS_GRANTS4 : ELEMENTS_GRANTS6;
	int error = ask(sets, set, key, &found);

	if (error == 0 && found.count == 0)
		error = -ENOENT;
	if (error == 0)
		*element = found.items[0];
	free(found.items);
	return error;
}

void elements_know_port(struct kernel_sets *sets, uint32_t port)
{
	sets->told_port = port;
}

void elements_forget_port(struct kernel_sets *sets)
{
	sets->own_port = 0;
}

int elements_notice_fd(const struct kernel_sets *sets)
{
	return mnl_socket_get_fd(sets->notices);
}

struct notices {
	const struct kernel_sets *sets;
	void (*deleted)(const struct element *element, void *context);
	void *context;
	uint32_t port;  /* of who was the last to change something in our table; 0: nobody */
	size_t changes; /* in it */
	bool is_mixed;  /* by more than one */
	bool is_touched;
};

/* In every message about a part of a table its first attribute is the table's name; but a new
 * generation of the ruleset has a number there. */
static bool is_ours(const struct nlmsghdr *message, const char *table)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	if (head->nfgen_family != NFPROTO_INET ||
		message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
		message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return false;
	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME)
			return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0 &&
			       strcmp(mnl_attr_get_str(attribute), table) == 0;
	}
	return false;
}

static void on_deleted(const struct element *element, enum elements_set set, void *context)
{
	const struct notices *notices = context;

	if (set == ELEMENTS_GRANTS4 || set == ELEMENTS_GRANTS6)
		notices->deleted(element, notices->context);
}

static bool is_own(const struct kernel_sets *sets, uint32_t port)
{
	return port != 0 && (port == sets->own_port || port == sets->told_port);
}

static int on_notice(const struct nlmsghdr *message, void *context)
{
	struct notices *notices = context;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
		!is_ours(message, notices->sets->table))
		return MNL_CB_OK;
	if (notices->changes++ > 0 && message->nlmsg_pid != notices->port)
		notices->is_mixed = true;
	notices->port = message->nlmsg_pid;
	if (!is_own(notices->sets, message->nlmsg_pid))
		notices->is_touched = true;
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM) ||
		elements_parse(message, notices->sets->table, on_deleted, notices) == 0)
		return MNL_CB_OK;
	errno = EPROTO;
	return MNL_CB_ERROR;
}

static int read_notices(struct kernel_sets *sets, struct notices *notices)
{
	int result = 0;

	notices->sets = sets;
	for (;;) {
		ssize_t length =
			mnl_socket_recvfrom(sets->notices, sets->buffer, sizeof(sets->buffer));

		if (length < 0 && errno == ENOBUFS)
			result = -ENOBUFS;
		else if (length < 0 && errno != EINTR)
			return errno == EAGAIN ? result : -errno;
		else if (length > 0 && mnl_cb_run(sets->buffer, (size_t)length, 0, 0, on_notice,
					       notices) < MNL_CB_STOP)
			return netlink_error();
	}
}

int elements_read_notices(struct kernel_sets *sets,
	void (*deleted)(const struct element *element, void *context), void *context,
	bool *is_touched)
{
	struct notices notices = {.deleted = deleted, .context = context};
	int result = read_notices(sets, &notices);

	*is_touched = *is_touched || notices.is_touched;
	return result;
}

int elements_learn_port(struct kernel_sets *sets,
	void (*deleted)(const struct element *element, void *context), void *context,
	bool *is_touched)
{
	struct notices notices = {.deleted = deleted, .context = context};
	int result = read_notices(sets, &notices);
	bool is_of_nobody = notices.changes > 0 && notices.port == 0;

	if (notices.port != 0)
		sets->own_port = notices.port;
	*is_touched = *is_touched || notices.is_mixed || is_of_nobody;
	return result;
}
