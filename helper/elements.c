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
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>

#include "clock.h"
#include "elements.h"
#include "netlink.h"

#define NOTICE_BUFFER (4 << 20) /* bytes */
#define TRIES         10

static const struct {
	const char *name;
	uint8_t family; /* of struct address */
	uint8_t address_size;
} sets_of[] = {{"grants4", 4, 4}, {"grants6", 6, 16}, {"servers", 0, 0}};
#define SETS       (sizeof(sets_of) / sizeof(sets_of[0]))
#define GRANT_SETS 2 /* the first ones */
#define PORT_SET   2

struct kernel_sets {
	char table[CONFIG_NAME_SIZE];
	struct mnl_socket *dump, *notices;
	uint32_t sequence;
	uint32_t own_port; /* the netlink port that our changes come from; 0: not known yet */
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

/* Client, server and port, each field filled up to a multiple of four bytes. */
static int parse_key(struct nftnl_set_elem *from, size_t set, struct grant_key *key)
{
	uint32_t size, address_size = sets_of[set].address_size;
	const uint8_t *bytes = nftnl_set_elem_get(from, NFTNL_SET_ELEM_KEY, &size);

	if (!bytes || size < 2 * address_size + sizeof(uint16_t))
		return -EPROTO;
	if (address_size > 0)
		key->client = address_from_bytes(sets_of[set].family, bytes);
	if (address_size > 0)
		key->server = address_from_bytes(sets_of[set].family, bytes + address_size);
	key->port = (uint16_t)(bytes[2 * address_size] << 8 | bytes[2 * address_size + 1]);
	return 0;
}

static int on_user_data(const struct nftnl_udata *attribute, void *context)
{
	char *comment = context;
	const char *text = nftnl_udata_get(attribute);
	size_t length = nftnl_udata_len(attribute);

	if (nftnl_udata_type(attribute) == NFTNL_UDATA_SET_ELEM_COMMENT && length > 0 &&
		length <= LABEL_TEXT_SIZE && text[length - 1] == '\0')
		memcpy(comment, text, length);
	return 0;
}

/* The rule looks a grant up and updates it, and each counts the packet. */
static int on_expression(struct nftnl_expr *expression, void *context)
{
	struct grant_use *use = context;

	if (strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "counter") == 0) {
		use->packets = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS) / 2;
		use->bytes = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES) / 2;
	}
	return 0;
}

static int parse_element(struct nftnl_set_elem *from, size_t set, struct element *element)
{
	const void *data;
	uint32_t size;

	memset(element, 0, sizeof(*element));
	if (parse_key(from, set, &element->key) < 0)
		return -EPROTO;
	data = nftnl_set_elem_get(from, NFTNL_SET_ELEM_USERDATA, &size);
	if (data)
		nftnl_udata_parse(data, size, on_user_data, element->comment);
	nftnl_set_elem_expr_foreach(from, on_expression, &element->use);
	element->use.expires_ms = UINT64_MAX;
	if (nftnl_set_elem_is_set(from, NFTNL_SET_ELEM_EXPIRATION))
		element->use.expires_ms =
			clock_boot_ms() + nftnl_set_elem_get_u64(from, NFTNL_SET_ELEM_EXPIRATION);
	return 0;
}

/* The same the other way round. */
static void add_key(struct nftnl_set *set, size_t index, const struct grant_key *key)
{
	uint32_t address_size = sets_of[index].address_size;
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	uint8_t bytes[2 * 16 + 4] = {0};

	if (!element)
		memory_exhausted();
	memcpy(bytes, key->client.bytes, address_size);
	memcpy(bytes + address_size, key->server.bytes, address_size);
	bytes[2 * address_size] = (uint8_t)(key->port >> 8);
	bytes[2 * address_size + 1] = (uint8_t)key->port;
	if (nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, bytes, 2 * address_size + 4) < 0)
		memory_exhausted();
	nftnl_set_elem_add(set, element);
}

struct reading {
	struct kernel_sets *sets;
	void (*call)(const struct element *element, void *context);
	void *context;
};

static int find_set(const struct reading *reading, struct nftnl_set *set)
{
	const char *table = nftnl_set_get_str(set, NFTNL_SET_TABLE);
	const char *name = nftnl_set_get_str(set, NFTNL_SET_NAME);

	if (!table || !name || strcmp(table, reading->sets->table) != 0)
		return -1;
	for (size_t i = 0; i < SETS; i++)
		if (strcmp(name, sets_of[i].name) == 0)
			return (int)i;
	return -1;
}

/* Every element in one message about a set of ours. */
static int parse_message(const struct nlmsghdr *message, const struct reading *reading)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elems_iter *elements = NULL;
	struct nftnl_set_elem *from;
	int index, result = -EPROTO;

	if (!set)
		memory_exhausted();
	if (nftnl_set_elems_nlmsg_parse(message, set) < 0)
		goto out;
	result = 0;
	index = find_set(reading, set);
	if (index < 0)
		goto out;
	elements = nftnl_set_elems_iter_create(set);
	if (!elements)
		memory_exhausted();
	while (result == 0 && (from = nftnl_set_elems_iter_next(elements))) {
		struct element element;

		result = parse_element(from, (size_t)index, &element);
		if (result == 0)
			reading->call(&element, reading->context);
	}
	nftnl_set_elems_iter_destroy(elements);
out:
	nftnl_set_free(set);
	return result;
}

static int on_element_message(const struct nlmsghdr *message, void *context)
{
	int error = parse_message(message, context);

	if (error == 0)
		return MNL_CB_OK;
	errno = -error;
	return MNL_CB_ERROR;
}

static void append(const struct element *element, void *context)
{
	struct elements *elements = context;

	elements->items = memory_grow(
		elements->items, elements->count, &elements->capacity, sizeof(*elements->items));
	elements->items[elements->count++] = *element;
}

/* A request about one of the sets; with a key, about that element alone. */
static int request(struct kernel_sets *sets, size_t set, const struct grant_key *key)
{
	struct nftnl_set *asked;
	struct nlmsghdr *message;
	int error = sets->dump ? 0 : netlink_reopen(&sets->dump, NETLINK_NETFILTER);

	if (error < 0)
		return error;
	asked = nftnl_set_alloc();
	if (!asked)
		memory_exhausted();
	nftnl_set_set_str(asked, NFTNL_SET_TABLE, sets->table);
	nftnl_set_set_str(asked, NFTNL_SET_NAME, sets_of[set].name);
	if (key)
		add_key(asked, set, key);
	message = nftnl_nlmsg_build_hdr(sets->buffer, NFT_MSG_GETSETELEM, NFPROTO_INET,
		key ? NLM_F_ACK : NLM_F_DUMP, ++sets->sequence);
	nftnl_set_elems_nlmsg_build_payload(message, asked);
	nftnl_set_free(asked);
	return mnl_socket_sendto(sets->dump, message, message->nlmsg_len) < 0 ? -errno : 0;
}

/* Asks, and appends what comes back. */
static int ask(struct kernel_sets *sets, size_t set, const struct grant_key *key,
	struct elements *elements)
{
	struct reading reading = {sets, append, elements};
	int error = request(sets, set, key), result = MNL_CB_OK;

	while (error == 0 && result > MNL_CB_STOP) {
		ssize_t length =
			mnl_socket_recvfrom(sets->dump, sets->buffer, sizeof(sets->buffer));

		result = length < 0 ? MNL_CB_ERROR
				    : mnl_cb_run(sets->buffer, (size_t)length, sets->sequence,
					      mnl_socket_get_portid(sets->dump), on_element_message,
					      &reading);
		if (result == MNL_CB_ERROR)
			error = -errno;
	}
	return error;
}

/* An answer that changes interrupted (EINTR), or that is not one to this request, tells nothing:
 * once more, by a new socket. */
static int ask_again(struct kernel_sets *sets, size_t set, const struct grant_key *key,
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

int elements_read(struct kernel_sets *sets, struct elements *elements)
{
	for (size_t set = 0; set < GRANT_SETS; set++) {
		int error = ask_again(sets, set, NULL, elements);

		if (error < 0 && error != -ENOENT)
			return error;
	}
	return 0;
}

int elements_read_ports(struct kernel_sets *sets, struct elements *elements)
{
	int error = ask_again(sets, PORT_SET, NULL, elements);

	return error == -ENOENT ? 0 : error;
}

int elements_get(struct kernel_sets *sets, const struct grant_key *key, struct element *element)
{
	struct elements found = {0};
	size_t set = key->client.family == sets_of[0].family ? 0 : 1;
	int error = ask_again(sets, set, key, &found);

	if (error == 0 && found.count == 0)
		error = -ENOENT;
	if (error == 0)
		*element = found.items[0];
	free(found.items);
	return error;
}

int elements_notice_fd(const struct kernel_sets *sets)
{
	return mnl_socket_get_fd(sets->notices);
}

struct notices {
	struct reading reading;
	uint32_t first_port, last_port; /* of those who changed something in our table; 0: nobody */
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

static int on_notice(const struct nlmsghdr *message, void *context)
{
	struct notices *notices = context;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
		!is_ours(message, notices->reading.sets->table))
		return MNL_CB_OK;
	if (notices->first_port == 0)
		notices->first_port = message->nlmsg_pid;
	notices->last_port = message->nlmsg_pid;
	if (message->nlmsg_pid != notices->reading.sets->own_port)
		notices->is_touched = true;
	if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM))
		return on_element_message(message, &notices->reading);
	return MNL_CB_OK;
}

static int read_notices(struct kernel_sets *sets, struct notices *notices)
{
	int result = 0;

	for (;;) {
		ssize_t length =
			mnl_socket_recvfrom(sets->notices, sets->buffer, sizeof(sets->buffer));

		if (length < 0 && errno == ENOBUFS)
			result = -ENOBUFS;
		else if (length < 0 && errno != EINTR)
			return errno == EAGAIN ? result : -errno;
		else if (length > 0 && mnl_cb_run(sets->buffer, (size_t)length, 0, 0, on_notice,
					       notices) < MNL_CB_STOP)
			return -errno;
	}
}

int elements_read_notices(struct kernel_sets *sets,
	void (*deleted)(const struct element *element, void *context), void *context,
	bool *is_touched)
{
	struct notices notices = {.reading = {sets, deleted, context}};
	int result = read_notices(sets, &notices);

	*is_touched = *is_touched || notices.is_touched;
	return result;
}

int elements_learn_port(struct kernel_sets *sets,
	void (*deleted)(const struct element *element, void *context), void *context,
	bool *is_touched)
{
	struct notices notices = {.reading = {sets, deleted, context}};
	int result = read_notices(sets, &notices);

	if (notices.last_port != 0)
		sets->own_port = notices.last_port;
	*is_touched = *is_touched || notices.first_port != notices.last_port;
	return result;
}
