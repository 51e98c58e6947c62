/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>

#include "clock.h"
#include "elements_parse.h"

static const struct {
	const char *name;
	uint8_t family; /* of struct address */
	uint8_t address_size;
	uint8_t counts; /* how often a packet is counted: once by each rule's look-up and update */
} sets_of[ELEMENTS_SETS] = {
	[ELEMENTS_GRANTS4] = {"grants4", 4, 4, 2},
	[ELEMENTS_GRANTS6] = {"grants6", 6, 16, 2},
	[ELEMENTS_PENDING4] = {"pending4", 4, 4, 1},
	[ELEMENTS_PENDING6] = {"pending6", 6, 16, 1},
	[ELEMENTS_SERVERS] = {"servers", 0, 0, 1},
};

/* Client, server and port, each field filled up to a multiple of four bytes. False: the set is not
 * like ours, though it has the name, and so is nothing in it. */
static bool parse_key(struct nftnl_set_elem *from, size_t set, struct grant_key *key)
{
	uint32_t size, address_size = sets_of[set].address_size;
	const uint8_t *bytes = nftnl_set_elem_get(from, NFTNL_SET_ELEM_KEY, &size);

	if (!bytes || size != (address_size > 0 ? 2 * address_size + 4 : 2))
		return false;
	if (address_size > 0)
		key->client = address_from_bytes(sets_of[set].family, bytes);
	if (address_size > 0)
		key->server = address_from_bytes(sets_of[set].family, bytes + address_size);
	key->port = (uint16_t)(bytes[2 * address_size] << 8 | bytes[2 * address_size + 1]);
	return true;
}

/* Type, length and value, again and again; but to the kernel they are any bytes of whoever made the
 * element, and libnftnl believes every length. */
static void read_user_data(const uint8_t *data, size_t size, char comment[LABEL_TEXT_SIZE])
{
	while (size >= 2 && data[1] <= size - 2) {
		const uint8_t *text = data + 2;
		size_t length = data[1];

		if (data[0] == NFTNL_UDATA_SET_ELEM_COMMENT && length > 0 &&
			length <= LABEL_TEXT_SIZE && text[length - 1] == '\0')
			memcpy(comment, text, length);
		data += 2 + length;
		size -= 2 + length;
	}
}

static int on_expression(struct nftnl_expr *expression, void *context)
{
	struct grant_use *use = context;

	if (strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "counter") == 0) {
		use->packets = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
		use->bytes = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static bool parse_element(struct nftnl_set_elem *from, size_t set, struct element *element)
{
	const void *data;
	uint32_t size;

	memset(element, 0, sizeof(*element));
	if (!parse_key(from, set, &element->key))
		return false;
	data = nftnl_set_elem_get(from, NFTNL_SET_ELEM_USERDATA, &size);
	if (data)
		read_user_data(data, size, element->comment);
	nftnl_set_elem_expr_foreach(from, on_expression, &element->use);
	element->use.packets /= sets_of[set].counts;
	element->use.bytes /= sets_of[set].counts;
	element->use.expires_ms = UINT64_MAX;
	if (nftnl_set_elem_is_set(from, NFTNL_SET_ELEM_EXPIRATION))
		element->use.expires_ms =
			clock_awake_ms() + nftnl_set_elem_get_u64(from, NFTNL_SET_ELEM_EXPIRATION);
	return true;
}

/* The same the other way round. */
size_t elements_key(const struct grant_key *key, uint8_t bytes[ELEMENTS_KEY_SIZE])
{
	size_t size = key->client.family == 0 ? 0 : key->client.family == 4 ? 4 : 16;

	memset(bytes, 0, ELEMENTS_KEY_SIZE);
	memcpy(bytes, key->client.bytes, size);
	memcpy(bytes + size, key->server.bytes, size);
	bytes[2 * size] = (uint8_t)(key->port >> 8);
	bytes[2 * size + 1] = (uint8_t)key->port;
	return size == 0 ? 2 : 2 * size + 4;
}

static void add_key(struct nftnl_set *set, const struct grant_key *key)
{
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	uint8_t bytes[ELEMENTS_KEY_SIZE];
	size_t size = elements_key(key, bytes);

	if (!element)
		memory_exhausted();
	if (nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, bytes, (uint32_t)size) < 0)
		memory_exhausted();
	nftnl_set_elem_add(set, element);
}

static int find_set(const char *table_name, struct nftnl_set *set)
{
	const char *table = nftnl_set_get_str(set, NFTNL_SET_TABLE);
	const char *name = nftnl_set_get_str(set, NFTNL_SET_NAME);

	if (!table || !name || strcmp(table, table_name) != 0)
		return -1;
	for (size_t i = 0; i < ELEMENTS_SETS; i++)
		if (strcmp(name, sets_of[i].name) == 0)
			return (int)i;
	return -1;
}

/* Every element in one message about a set of ours. Others' are passed over: who made such a set is
 * not to keep us from reading the rest, and from making it anew. */
int elements_parse(
	const struct nlmsghdr *message, const char *table, elements_call *call, void *context)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elems_iter *elements = NULL;
	struct nftnl_set_elem *from;
	int index, result = -EPROTO;

	if (!set)
		memory_exhausted();
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
		nftnl_set_elems_nlmsg_parse(message, set) < 0)
		goto out;
	result = 0;
	index = find_set(table, set);
	if (index < 0)
		goto out;
	elements = nftnl_set_elems_iter_create(set);
	if (!elements)
		memory_exhausted();
	while ((from = nftnl_set_elems_iter_next(elements))) {
		struct element element;

		if (parse_element(from, (size_t)index, &element))
			call(&element, (enum elements_set)index, context);
	}
	nftnl_set_elems_iter_destroy(elements);
out:
	nftnl_set_free(set);
	return result;
}

void elements_ask_for(struct nlmsghdr *message, const char *table, enum elements_set set,
	const struct grant_key *key)
{
	struct nftnl_set *asked = nftnl_set_alloc();

	if (!asked)
		memory_exhausted();
	nftnl_set_set_str(asked, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(asked, NFTNL_SET_NAME, sets_of[set].name);
	if (key)
		add_key(asked, key);
	nftnl_set_elems_nlmsg_build_payload(message, asked);
	nftnl_set_free(asked);
}
