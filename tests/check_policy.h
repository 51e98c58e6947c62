/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of policy share: short ways to say an address, a socket or a login, and the kernel's
 * sets as the policy is to see them, which take a plan as firewall.c applies it. */
#ifndef CHECK_POLICY_H
#define CHECK_POLICY_H

#include <errno.h>
#include <string.h>

#include "check_main.h"
#include "grant.h"

#define POLICY_ELEMENTS 512

struct policy_kernel {
	struct element items[POLICY_ELEMENTS];
	size_t count;
	bool ports[65536];
	/* Null: the kernel refuses nothing. */
	bool (*refuses)(const struct change *change);
};

/* Family 0 for a null text. */
static inline struct address policy_address(const char *text)
{
	struct address address = {0};

	if (text)
		ck_assert_int_eq(address_parse(text, &address), 0);
	return address;
}

/* As mosh's own: marked with ECN. */
static inline struct udp_socket policy_socket(
	uint64_t cookie, uint32_t uid, const char *address, uint16_t port)
{
	return (struct udp_socket){
		.cookie = cookie,
		.address = policy_address(address),
		.port = port,
		.uid = uid,
		.is_ecn = true,
	};
}

/* Its texts are constants: copy them before it is freed by anybody. */
static inline struct login policy_login(
	pid_t pid, uint32_t uid, const char *client, const char *server)
{
	return (struct login){
		.pid = pid,
		.uid = uid,
		.client = policy_address(client),
		.server = policy_address(server),
		.session = AUDIT_SESSION_NONE,
		.user = (char *)"alice",
		.auth = (char *)"publickey",
	};
}

static inline struct element *policy_find(struct policy_kernel *kernel, const struct grant_key *key)
{
	for (size_t i = 0; i < kernel->count; i++)
		if (memcmp(&kernel->items[i].key, key, sizeof(*key)) == 0)
			return &kernel->items[i];
	return NULL;
}

static inline bool policy_has(
	struct policy_kernel *kernel, const char *client, const char *server, uint16_t port)
{
	struct grant_key key;

	memset(&key, 0, sizeof(key));
	key.client = policy_address(client);
	key.server = policy_address(server);
	key.port = port;
	return policy_find(kernel, &key) != NULL;
}

static inline void policy_drop(struct policy_kernel *kernel, struct element *element)
{
	*element = kernel->items[--kernel->count];
}

/* The kernel has it now, or the error: an element that is there keeps what it is. */
static inline int policy_open(struct policy_kernel *kernel, const struct change *change)
{
	struct element *element = &kernel->items[kernel->count];

	if (policy_find(kernel, &change->key))
		return -EIO;
	ck_assert_uint_lt(kernel->count, POLICY_ELEMENTS);
	memset(element, 0, sizeof(*element));
	element->key = change->key;
	strcpy(element->comment, change->comment);
	kernel->count++;
	return 0;
}

static inline int policy_do(struct policy_kernel *kernel, const struct change *change)
{
	struct element *element = policy_find(kernel, &change->key);

	if (kernel->refuses && kernel->refuses(change))
		return -EIO;
	switch (change->kind) {
	case CHANGE_SHUT:
		if (element)
			policy_drop(kernel, element);
		return 0;
	case CHANGE_OPEN:
		return policy_open(kernel, change);
	case CHANGE_PORT_SHUT:
	case CHANGE_PORT_OPEN:
		kernel->ports[change->key.port] = change->kind == CHANGE_PORT_OPEN;
		return 0;
	default:
		return 0;
	}
}

/* One kind after the other, as the transaction has them. */
static inline void policy_apply(struct policy_kernel *kernel, struct plan *plan)
{
	static const enum change_kind kinds[] = {
		CHANGE_SHUT, CHANGE_OPEN, CHANGE_PORT_SHUT, CHANGE_PORT_OPEN, CHANGE_LAPSED};

	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
		for (size_t i = 0; i < plan->count; i++)
			if (plan->changes[i].kind == kinds[kind])
				plan->changes[i].error = policy_do(kernel, &plan->changes[i]);
}

static inline void policy_sync(struct policy_kernel *kernel, struct grant_table *table)
{
	const struct elements elements = {kernel->items, kernel->count, POLICY_ELEMENTS};

	grant_sync(table, &elements);
}

#endif
