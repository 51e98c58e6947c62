/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <libnftnl/udata.h>

#include "batch.h"
#include "elements_parse.h"
#include "netlink.h"

#define MESSAGE_MAX 1024 /* bytes: names, key and comment have their limits */
#define SEND_FIRST  (128 << 10)

struct batch {
	struct mnl_socket *socket;
	uint32_t sequence;
	size_t size, capacity;
	size_t last;     /* where the last message about an element stands; 0: there is none */
	size_t send_max; /* the largest batch that the kernel takes so far */
	char *bytes;
};

int batch_open(struct batch **batch)
{
	struct batch *opened = memory_zeroed(sizeof(*opened));
	int error;

	opened->send_max = SEND_FIRST;
	error = netlink_open(NETLINK_NETFILTER, SOCK_NONBLOCK, &opened->socket);
	if (error < 0)
		batch_close(opened);
	else
		*batch = opened;
	return error;
}

void batch_close(struct batch *batch)
{
	if (!batch)
		return;
	if (batch->socket)
		mnl_socket_close(batch->socket);
	free(batch->bytes);
	free(batch);
}

uint32_t batch_port(const struct batch *batch)
{
	return mnl_socket_get_portid(batch->socket);
}

static struct nlmsghdr *begin_message(struct batch *batch, int type, int flags)
{
	struct nlmsghdr *message;

	while (batch->capacity < batch->size + MESSAGE_MAX)
		batch->bytes = memory_grow(batch->bytes, batch->capacity, &batch->capacity, 1);
	message = netlink_begin_nftables(batch->bytes + batch->size, type, flags);
	message->nlmsg_seq = ++batch->sequence;
	return message;
}

static void end_message(struct batch *batch, const struct nlmsghdr *message)
{
	batch->last = batch->size;
	batch->size += MNL_ALIGN(message->nlmsg_len);
}

static void put_bound(struct batch *batch, uint16_t type)
{
	struct nlmsghdr *message = begin_message(batch, 0, 0);
	struct nfgenmsg *head = mnl_nlmsg_get_payload(message);

	message->nlmsg_type = type;
	head->nfgen_family = AF_UNSPEC;
	head->res_id = htons(NFNL_SUBSYS_NFTABLES);
	batch->size += MNL_ALIGN(message->nlmsg_len);
}

static void put_key(struct nlmsghdr *message, const struct grant_key *key)
{
	struct nlattr *nest = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	uint8_t bytes[ELEMENTS_KEY_SIZE];

	mnl_attr_put(message, NFTA_DATA_VALUE, elements_key(key, bytes), bytes);
	mnl_attr_nest_end(message, nest);
}

/* In nft's own format, so that nft shows the comment. */
static void put_comment(struct nlmsghdr *message, const char *comment)
{
	uint8_t data[2 + LABEL_TEXT_SIZE] = {NFTNL_UDATA_SET_ELEM_COMMENT};
	size_t size = strlen(comment) + 1;

	data[1] = (uint8_t)size;
	memcpy(data + 2, comment, size);
	mnl_attr_put(message, NFTA_SET_ELEM_USERDATA, 2 + size, data);
}

/* As script.c says it, and for the same reason. */
static void put_timeout(struct nlmsghdr *message, const struct change *change)
{
	bool is_renewed = change->renewed_s > change->timeout_s;
	uint32_t timeout_s = is_renewed ? change->renewed_s : change->timeout_s;

	mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, htobe64((uint64_t)timeout_s * 1000));
	if (is_renewed)
		mnl_attr_put_u64(message, NFTA_SET_ELEM_EXPIRATION,
			htobe64((uint64_t)change->timeout_s * 1000));
}

/* What an element that is added has besides its key; a port has nothing. */
static void put_use(struct nlmsghdr *message, const struct change *change)
{
	if (change->timeout_s == 0)
		return;
	put_timeout(message, change);
	put_comment(message, change->comment);
}

static void put_verb(
	struct batch *batch, const char *table, const struct change *change, enum plan_verb verb)
{
	bool is_added = verb == VERB_ADD;
	struct nlmsghdr *message = begin_message(batch,
		is_added ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, is_added ? NLM_F_CREATE : 0);
	struct nlattr *list, *element;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, plan_set(change));
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	put_key(message, &change->key);
	if (is_added)
		put_use(message, change);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	end_message(batch, message);
}

static void put_change(struct batch *batch, const char *table, const struct change *change)
{
	const enum plan_verb *verbs = plan_verbs(change->kind);

	for (size_t i = 0; i < PLAN_VERBS && verbs[i] != VERB_NONE; i++)
		put_verb(batch, table, change, verbs[i]);
}

/* Asks for an acknowledgement of the last message even if it succeeds. */
static void put_plan(struct batch *batch, const char *table, const struct plan *plan)
{
	batch->size = 0;
	batch->last = 0;
	put_bound(batch, NFNL_MSG_BATCH_BEGIN);
	for (enum change_kind kind = CHANGE_SHUT; kind < CHANGE_LAPSED; kind++)
		for (size_t i = 0; i < plan->count; i++)
			if (plan->changes[i].kind == kind)
				put_change(batch, table, &plan->changes[i]);
	if (batch->last == 0)
		return;
	((struct nlmsghdr *)(batch->bytes + batch->last))->nlmsg_flags |= NLM_F_ACK;
	put_bound(batch, NFNL_MSG_BATCH_END);
}

static int send_all(struct batch *batch)
{
	int fd = mnl_socket_get_fd(batch->socket), size = (int)batch->size * 2;

	if (batch->size > batch->send_max) {
		if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			return -errno;
		batch->send_max = batch->size;
	}
	return mnl_socket_sendto(batch->socket, batch->bytes, batch->size) < 0 ? -errno : 0;
}

/* One answer: 0 or why that message was refused. */
static int read_answer(const struct nlmsghdr *answer, size_t size)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);

	if (answer->nlmsg_type != NLMSG_ERROR || answer->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ||
		answer->nlmsg_len > size)
		return -EPROTO;
	return error->error > 0 || error->error == INT32_MIN ? -EPROTO : error->error;
}

/* When the kernel has taken a batch all its answers are there: one for each message that it
 * refused, and one for the last. What was left of an earlier one's is not about this. */
static int read_answers(struct batch *batch, uint32_t first, uint32_t last)
{
	char buffer[8192] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;
	int error, result = -EPROTO;
	bool is_refused = false;

	for (;;) {
		ssize_t length = mnl_socket_recvfrom(batch->socket, buffer, sizeof(buffer));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return result;
		if (length < 0)
			return -errno;
		if ((size_t)length < NLMSG_HDRLEN || answer->nlmsg_seq < first ||
			answer->nlmsg_seq > last || is_refused)
			continue;
		error = read_answer(answer, (size_t)length);
		is_refused = error < 0;
		if (is_refused || answer->nlmsg_seq == last)
			result = error;
	}
}

int batch_run(struct batch *batch, const char *table, const struct plan *plan)
{
	uint32_t first = batch->sequence + 1, last;
	int error;

	put_plan(batch, table, plan);
	if (batch->last == 0)
		return 0;
	last = ((const struct nlmsghdr *)(batch->bytes + batch->last))->nlmsg_seq;
	error = send_all(batch);
	free(batch->bytes);
	batch->bytes = NULL;
	batch->capacity = 0;
	return error < 0 ? error : read_answers(batch, first, last);
}
