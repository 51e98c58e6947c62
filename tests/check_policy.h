/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of policy share: short ways to say an address, a socket or a login, and the kernel's
 * sets as the policy is to see them, which take a plan as firewall.c applies it. */
#ifndef CHECK_POLICY_H
#define CHECK_POLICY_H

#include <errno.h>
#include <string.h>

#include "check_main.h"
#include "plan.h"

#define POLICY_ELEMENTS 512

struct policy_kernel {
	struct element items[POLICY_ELEMENTS];
	size_t count;
	bool ports[65536];
	uint64_t now_ms, asleep_ms;
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
		.process = {.session = AUDIT_SESSION_NONE},
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

static inline uint64_t policy_awake_ms(const struct policy_kernel *kernel)
{
	return kernel->now_ms - kernel->asleep_ms;
}

static inline void policy_drop(struct policy_kernel *kernel, struct element *element)
{
	*element = kernel->items[--kernel->count];
}

static inline void policy_put(struct policy_kernel *kernel, const struct change *change)
{
	struct element *element = &kernel->items[kernel->count];

	ck_assert_uint_lt(kernel->count, POLICY_ELEMENTS);
	memset(element, 0, sizeof(*element));
	element->key = change->key;
	element->use.expires_ms = policy_awake_ms(kernel) + (uint64_t)change->timeout_s * 1000;
	strcpy(element->comment, change->comment);
	kernel->count++;
}

static inline void policy_take(struct policy_kernel *kernel, struct change *change)
{
	struct element *element = policy_find(kernel, &change->key);

	if (!element)
		return;
	change->use = element->use;
	change->is_counted = true;
	policy_drop(kernel, element);
}

/* The kernel has it now, or the error: an element that is there keeps what it is. */
static inline int policy_do(struct policy_kernel *kernel, struct change *change)
{
	if (kernel->refuses && kernel->refuses(change))
		return -EIO;
	if (change->kind <= CHANGE_RESTORE)
		policy_take(kernel, change);
	if (change->kind == CHANGE_OPEN && policy_find(kernel, &change->key))
		return -EIO;
	if (change->kind >= CHANGE_SHORTEN && change->kind <= CHANGE_OPEN)
		policy_put(kernel, change);
	if (plan_is_port(change))
		kernel->ports[change->key.port] = change->kind == CHANGE_PORT_OPEN;
	return 0;
}

/* One kind after the other, as the transaction has them. */
static inline void policy_apply(struct policy_kernel *kernel, struct plan *plan)
{
	for (enum change_kind kind = CHANGE_SHUT; kind <= CHANGE_LAPSED; kind++)
		for (size_t i = 0; i < plan->count; i++)
			if (plan->changes[i].kind == kind)
				plan->changes[i].error = policy_do(kernel, &plan->changes[i]);
}

static inline void policy_sync(struct policy_kernel *kernel, struct grant_table *table)
{
	const struct elements elements = {kernel->items, kernel->count, POLICY_ELEMENTS};

	grant_sync(table, &elements, kernel->now_ms);
}

/* All that a test of policy stands on, and what its last plan came to. */
struct policy {
	struct config config;
	struct grant_table *table;
	struct policy_kernel kernel;
	size_t changes, denials;
	size_t gone; /* grants that ended, and why the last of them did */
	enum grant_reason reason;
	uint64_t packets; /* that they had */
	enum grant_denial_reason denial;
	uint32_t limit; /* of that denial */
};

static inline void policy_begin(struct policy *policy, uint64_t now_ms)
{
	memset(policy, 0, sizeof(*policy));
	config_defaults(&policy->config);
	policy->kernel.now_ms = now_ms;
	policy->table = grant_table_new(&policy->config);
}

static inline void policy_finish(struct policy *policy)
{
	grant_table_free(policy->table);
}

/* One more socket in the dump, and it is that user's server. */
static inline struct server *policy_add_server(
	struct policy *policy, uint64_t cookie, uint32_t uid, const char *address, uint16_t port)
{
	struct server_table *servers = &policy->table->servers;
	struct udp_sockets sockets = {0};
	struct server *server;

	sockets.items = calloc(HASH_COUNT(servers->servers) + 1, sizeof(*sockets.items));
	for (server = servers->servers; server; server = server->hh.next)
		if (!server->is_gone)
			sockets.items[sockets.count++] = server->socket;
	sockets.items[sockets.count++] = policy_socket(cookie, uid, address, port);
	server_see(servers, &sockets, policy->kernel.now_ms);
	free(sockets.items);
	server = server_find(servers, cookie);
	server_adopt(servers, server, "alice");
	return server;
}

static inline void policy_note(struct policy *policy, const struct change *change)
{
	if (change->error != 0 || (change->kind != CHANGE_SHUT && change->kind != CHANGE_LAPSED))
		return;
	policy->gone++;
	policy->reason = change->grant->reason;
	policy->packets += change->grant->use.packets;
}

/* Plans, lets the kernel take it or not, commits. */
static inline void policy_settle(struct policy *policy, uint64_t now_ms)
{
	struct plan plan;

	policy->kernel.now_ms = now_ms;
	plan_make(policy->table, now_ms, &plan);
	policy_apply(&policy->kernel, &plan);
	plan_commit(policy->table, &plan, now_ms);
	policy->changes = plan.count;
	policy->denials = plan.denials.count;
	policy->gone = policy->packets = 0;
	for (size_t i = 0; i < plan.count; i++)
		policy_note(policy, &plan.changes[i]);
	if (plan.denials.count > 0) {
		policy->denial = plan.denials.items[0].reason;
		policy->limit = plan.denials.items[0].limit;
	}
	plan_clear(&plan);
}

#endif
