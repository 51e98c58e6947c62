/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>

#include "elements.h"
#include "elements_parse.h"
#include "netlink.h"

#define NOTICE_BUFFER (4 << 20) /* bytes */
#define TRIES         10

struct kernel_sets {
	char table[CONFIG_NAME_SIZE];
	struct mnl_socket *dump, *notices;
	uint32_t sequence;
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
	error = netlink_reopen(&opened->dump, NETLINK_NETFILTER);
	if (error < 0) {
		elements_close(opened);
		return error;
	}
	opened->notices = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!opened->notices || mnl_socket_bind(opened->notices, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(
			opened->notices, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		error = -errno;
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
	if (sets->dump)
		mnl_socket_close(sets->dump);
	if (sets->notices)
		mnl_socket_close(sets->notices);
	free(sets);
}

struct reading {
	struct kernel_sets *sets;
	elements_call *call;
	void *context;
};

static int on_element_message(const struct nlmsghdr *message, void *context)
{
	const struct reading *reading = context;
	int error = elements_parse(message, reading->sets->table, reading->call, reading->context);

	if (error == 0)
		return MNL_CB_OK;
	errno = -error;
	return MNL_CB_ERROR;
}

struct answer {
	enum elements_set set;
	struct elements *elements;
};

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

/* A request about one of the sets; with a key, about that element alone. */
static int request(struct kernel_sets *sets, enum elements_set set, const struct grant_key *key)
{
	struct nlmsghdr *message;
	int error = sets->dump ? 0 : netlink_reopen(&sets->dump, NETLINK_NETFILTER);

	if (error < 0)
		return error;
	message = nftnl_nlmsg_build_hdr(sets->buffer, NFT_MSG_GETSETELEM, NFPROTO_INET,
		key ? NLM_F_ACK : NLM_F_DUMP, ++sets->sequence);
	elements_ask_for(message, sets->table, set, key);
	return mnl_socket_sendto(sets->dump, message, message->nlmsg_len) < 0 ? -errno : 0;
}

/* Asks, and appends what comes back. */
static int ask(struct kernel_sets *sets, enum elements_set set, const struct grant_key *key,
	struct elements *elements)
{
	struct answer answer = {set, elements};
	struct reading reading = {sets, append, &answer};
	int error = request(sets, set, key), result = MNL_CB_OK;

	while (error == 0 && result > MNL_CB_STOP) {
		ssize_t length =
			mnl_socket_recvfrom(sets->dump, sets->buffer, sizeof(sets->buffer));

		result = length < 0 ? MNL_CB_ERROR
				    : mnl_cb_run(sets->buffer, (size_t)length, sets->sequence,
					      mnl_socket_get_portid(sets->dump), on_element_message,
					      &reading);
		if (result == MNL_CB_ERROR)
			error = netlink_error();
	}
	return error;
}

/* An answer that changes interrupted (EINTR), or that is not one to this request, tells nothing:
 * once more, by a new socket. */
static int ask_again(struct kernel_sets *sets, enum elements_set set, const struct grant_key *key,
	struct elements *elements)
{
	size_t kept = elements->count;
	int error = 0;

	for (int tries = 0; tries < TRIES; tries++) {
		elements->count = kept;
		error = ask(sets, set, key, elements);
		if (error != -EINTR && error != -EPROTO)
			return error;
		if (netlink_reopen(&sets->dump, NETLINK_NETFILTER) < 0)
			break;
	}
	return error;
}

static int read_sets(struct kernel_sets *sets, enum elements_set first, enum elements_set last,
	struct elements *elements)
{
	for (enum elements_set set = first; set <= last; set++) {
		int error = ask_again(sets, set, NULL, elements);

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
	int error = ask_again(sets, set, key, &found);

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
	struct reading reading;
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
		!is_ours(message, notices->reading.sets->table))
		return MNL_CB_OK;
	if (notices->changes++ > 0 && message->nlmsg_pid != notices->port)
		notices->is_mixed = true;
	notices->port = message->nlmsg_pid;
	if (!is_own(notices->reading.sets, message->nlmsg_pid))
		notices->is_touched = true;
	if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM))
		return on_element_message(message, &notices->reading);
	return MNL_CB_OK;
}

static int read_notices(struct kernel_sets *sets, struct notices *notices)
{
	int result = 0;

	notices->reading = (struct reading){sets, on_deleted, notices};
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
