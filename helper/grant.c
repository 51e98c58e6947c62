/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grant.h"

struct grant_table *grant_table_new(const struct config *config)
{
	struct grant_table *table = memory_zeroed(sizeof(*table));

	table->config = config;
	server_table_init(&table->servers);
	return table;
}

static struct grant **list_of(struct grant_table *table, enum grant_state state)
{
	switch (state) {
	case GRANT_WANTED:
		return &table->wanted;
	case GRANT_OPEN:
		return &table->open;
	case GRANT_GOING:
		return &table->going;
	default:
		return &table->lapsed;
	}
}

static bool is_keyed(enum grant_state state)
{
	return state == GRANT_WANTED || state == GRANT_OPEN;
}

static void enter(struct grant_table *table, struct grant *grant, enum grant_state state)
{
	struct grant **list = list_of(table, state);

	grant->state = state;
	DL_APPEND(*list, grant);
	if (is_keyed(state))
		HASH_ADD(hh, table->by_key, key, sizeof(grant->key), grant);
}

static void leave(struct grant_table *table, struct grant *grant)
{
	struct grant **list = list_of(table, grant->state);

	DL_DELETE(*list, grant);
	if (is_keyed(grant->state))
		HASH_DEL(table->by_key, grant);
}

static void move(struct grant_table *table, struct grant *grant, enum grant_state state)
{
	leave(table, grant);
	enter(table, grant, state);
}

static struct grant *find(const struct grant_table *table, const struct grant_key *key)
{
	struct grant *grant;

	HASH_FIND(hh, table->by_key, key, sizeof(*key), grant);
	return grant;
}

static struct grant *find_going(const struct grant_table *table, const struct grant_key *key)
{
	struct grant *grant;

	for (grant = table->going; grant; grant = grant->next)
		if (memcmp(&grant->key, key, sizeof(*key)) == 0)
			break;
	return grant;
}

static struct grant *add(struct grant_table *table, const struct grant_key *key,
	struct server *server, enum grant_state state)
{
	struct grant *grant = memory_zeroed(sizeof(*grant));

	grant->key = *key;
	grant->server = server;
	if (server)
		DL_APPEND2(server->grants, grant, prev_of_server, next_of_server);
	enter(table, grant, state);
	table->count++;
	return grant;
}

/* Takes a grant out of the table, and with its last one a server that is gone. */
static void detach(struct grant_table *table, struct grant *grant)
{
	struct server *server = grant->server;

	leave(table, grant);
	table->count--;
	if (!server)
		return;
	DL_DELETE2(server->grants, grant, prev_of_server, next_of_server);
	grant->server = NULL;
	if (server->is_gone && !server->grants)
		server_remove(&table->servers, server);
}

static void discard(struct grant_table *table, struct grant *grant)
{
	detach(table, grant);
	free(grant);
}

void grant_table_free(struct grant_table *table)
{
	if (!table)
		return;
	for (enum grant_state state = GRANT_WANTED; state <= GRANT_LAPSED; state++)
		while (*list_of(table, state))
			discard(table, *list_of(table, state));
	server_table_clear(&table->servers);
	plan_clear(&table->denied);
	free(table);
}

/* What is in the kernel has to be taken out; what never was is just forgotten. */
static void revoke(struct grant_table *table, struct grant *grant, enum grant_reason reason)
{
	if (grant->state == GRANT_WANTED) {
		discard(table, grant);
	} else if (grant->state == GRANT_OPEN) {
		grant->reason = reason;
		move(table, grant, GRANT_GOING);
	}
}

static void deny(struct grant_table *table, const struct server *server, const struct login *login,
	enum grant_denial_reason reason)
{
	struct plan *denied = &table->denied;
	struct grant_denial *denial;

	denied->denials = memory_grow(denied->denials, denied->denial_count,
		&denied->denial_capacity, sizeof(*denied->denials));
	denial = &denied->denials[denied->denial_count++];
	*denial = (struct grant_denial){
		.reason = reason,
		.uid = server->socket.uid,
		.port = server->socket.port,
		.client = login ? login->client : (struct address){0},
		.user = memory_text(login ? login->user : ""),
	};
}

void grant_deny_unknown(struct grant_table *table, const struct server *server)
{
	deny(table, server, NULL, DENIAL_NO_LOGIN);
}

static size_t count_of_user(const struct grant_table *table, uint32_t uid)
{
	size_t count = 0;

	for (struct server *server = table->servers.servers; server; server = server->hh.next) {
		struct grant *grant;
		size_t of_server;

		if (server->socket.uid != uid)
			continue;
		DL_COUNT2(server->grants, grant, of_server, next_of_server);
		count += of_server;
	}
	return count;
}

/* Why that login may not reach that server; 0 and the key if it may. */
static int judge(const struct grant_table *table, const struct server *server,
	const struct login *login, struct grant_key *key, enum grant_denial_reason *reason)
{
	const struct config *config = table->config;
	struct address address;
	int error = server_address(server, login, &address);

	if (error < 0) {
		*reason = error == -EAFNOSUPPORT ? DENIAL_FAMILY : DENIAL_NO_ADDRESS;
		return -EACCES;
	}
	memset(key, 0, sizeof(*key));
	key->client = address_mask(&login->client, config_prefix(config, &login->client));
	key->server = address;
	key->port = server->socket.port;
	if (find(table, key))
		return -EEXIST;
	if (table->count >= config->limits.grants)
		*reason = DENIAL_LIMIT;
	else if (count_of_user(table, login->uid) >= config->limits.grants_per_user)
		*reason = DENIAL_LIMIT_USER;
	else
		return 0;
	return -EACCES;
}

void grant_want(struct grant_table *table, struct server *server, const struct login *login,
	enum label_via via, uint64_t now_ms)
{
	enum grant_denial_reason reason;
	struct grant_key key;
	struct grant *grant;
	int verdict = judge(table, server, login, &key, &reason);

	if (verdict == -EEXIST && find(table, &key)->server == server)
		return;
	if (verdict == -EEXIST)
		reason = DENIAL_TAKEN;
	if (verdict < 0) {
		deny(table, server, login, reason);
		return;
	}
	grant = add(table, &key, server, GRANT_WANTED);
	grant->label = (struct label){
		.uid = login->uid,
		.cookie = server->socket.cookie,
		.since_ms = now_ms,
		.via = via,
	};
	label_set_user(&grant->label, login->user);
	label_set_auth(&grant->label, login->auth);
}

static void end_servers(struct grant_table *table)
{
	struct server *server, *next_server;

	HASH_ITER(hh, table->servers.servers, server, next_server)
	{
		struct grant *grant, *next;

		if (!server->is_gone)
			continue;
		if (!server->grants) {
			server_remove(&table->servers, server);
			continue;
		}
		/* The last revoke of one that was only wanted takes the server along. */
		for (grant = server->grants; grant; grant = next) {
			next = grant->next_of_server;
			revoke(table, grant, GRANT_EXIT);
		}
	}
}

/* An element that the table does not have: somebody's who is still there, or nobody's. */
static struct grant *adopt(struct grant_table *table, const struct element *element)
{
	struct server *server = NULL;
	struct grant *grant;
	struct label label;

	if (label_read(element->comment, &label) == 0)
		server = server_find(&table->servers, label.cookie);
	else
		label = (struct label){.uid = UINT32_MAX};
	if (server && (server->is_gone || server->socket.port != element->key.port ||
			      server->socket.uid != label.uid))
		server = NULL;
	if (server && server->role != SERVER_OWNED)
		server_adopt(server, label.user);
	grant = add(table, &element->key, server, GRANT_OPEN);
	grant->label = label;
	if (!server)
		revoke(table, grant, GRANT_STALE);
	return grant;
}

static void lapse(struct grant_table *table, struct grant *grant)
{
	grant->reason = grant->is_counted && grant->use.packets > 0 ? GRANT_IDLE : GRANT_UNCLAIMED;
	if (grant->server && grant->server->is_gone)
		grant->reason = GRANT_EXIT;
	move(table, grant, GRANT_LAPSED);
}

void grant_sync(struct grant_table *table, const struct elements *elements)
{
	struct grant *grant, *next;

	for (grant = table->open; grant; grant = grant->next)
		grant->is_missing = true;
	for (size_t i = 0; i < elements->count; i++) {
		grant = find(table, &elements->items[i].key);
		if (!grant)
			grant = find_going(table, &elements->items[i].key);
		if (!grant)
			grant = adopt(table, &elements->items[i]);
		grant->use = elements->items[i].use;
		grant->is_counted = true;
		grant->is_missing = false;
	}
	for (grant = table->open; grant; grant = next) {
		next = grant->next;
		if (grant->is_missing)
			lapse(table, grant);
	}
}

static struct change *add_change(
	struct plan *plan, enum change_kind kind, const struct grant_key *key, struct grant *grant)
{
	struct change *change;

	plan->changes =
		memory_grow(plan->changes, plan->count, &plan->capacity, sizeof(*plan->changes));
	change = &plan->changes[plan->count++];
	memset(change, 0, sizeof(*change));
	change->kind = kind;
	change->key = *key;
	change->grant = grant;
	return change;
}

static void plan_ports(struct grant_table *table, struct plan *plan)
{
	uint16_t first = table->config->gate.first_port, last = table->config->gate.last_port;

	memset(table->is_port_wanted, 0, sizeof(table->is_port_wanted));
	for (struct server *server = table->servers.servers; server; server = server->hh.next)
		if (server->role == SERVER_OWNED && !server->is_gone)
			table->is_port_wanted[server->socket.port] = true;
	for (unsigned int port = first; port <= last; port++) {
		const struct grant_key key = {.port = (uint16_t)port};
		bool is_wanted = table->is_port_wanted[port];

		if (is_wanted != table->is_port_open[port])
			add_change(
				plan, is_wanted ? CHANGE_PORT_OPEN : CHANGE_PORT_SHUT, &key, NULL);
	}
}

/* Nothing is opened while the kernel refuses to close: a key that is to be both would end up with
 * what was there before. */
static void plan_grants(struct grant_table *table, uint64_t now_ms, struct plan *plan)
{
	struct grant *grant;
	bool is_closing = true;

	for (grant = table->going; grant; grant = grant->next) {
		if (grant->retry_ms <= now_ms)
			add_change(plan, CHANGE_SHUT, &grant->key, grant);
		else
			is_closing = false;
	}
	for (grant = table->wanted; grant && is_closing; grant = grant->next) {
		struct change *change;

		if (grant->retry_ms > now_ms)
			continue;
		change = add_change(plan, CHANGE_OPEN, &grant->key, grant);
		change->timeout_s = table->config->gate.claim_s;
		label_write(&grant->label, change->comment);
	}
	for (grant = table->lapsed; grant; grant = grant->next)
		add_change(plan, CHANGE_LAPSED, &grant->key, grant);
}

void grant_plan(struct grant_table *table, uint64_t now_ms, struct plan *plan)
{
	end_servers(table);
	*plan = table->denied;
	table->denied = (struct plan){0};
	plan_grants(table, now_ms, plan);
	plan_ports(table, plan);
}

void grant_commit(struct grant_table *table, struct plan *plan, uint64_t now_ms)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct change *change = &plan->changes[i];

		if (change->error < 0) {
			if (change->grant)
				change->grant->retry_ms = now_ms + GRANT_RETRY_MS;
		} else if (change->kind == CHANGE_PORT_SHUT || change->kind == CHANGE_PORT_OPEN) {
			table->is_port_open[change->key.port] = change->kind == CHANGE_PORT_OPEN;
		} else if (change->kind == CHANGE_OPEN) {
			move(table, change->grant, GRANT_OPEN);
		} else {
			detach(table, change->grant);
		}
	}
}

uint64_t grant_retry_ms(const struct grant_table *table)
{
	const struct grant *lists[] = {table->going, table->wanted};
	uint64_t retry_ms = UINT64_MAX;

	for (size_t i = 0; i < 2; i++)
		for (const struct grant *grant = lists[i]; grant; grant = grant->next)
			if (grant->retry_ms < retry_ms)
				retry_ms = grant->retry_ms;
	return retry_ms;
}

void plan_clear(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->changes[i];

		if (change->error == 0 &&
			(change->kind == CHANGE_SHUT || change->kind == CHANGE_LAPSED))
			free(change->grant);
	}
	for (size_t i = 0; i < plan->denial_count; i++)
		free(plan->denials[i].user);
	free(plan->changes);
	free(plan->denials);
	*plan = (struct plan){0};
}

uint64_t grant_last_seen(const struct grant *grant, const struct config *config)
{
	uint64_t idle_ms = (uint64_t)config->gate.idle_s * 1000;

	if (!grant->is_counted || grant->use.packets == 0 || grant->use.expires_ms < idle_ms)
		return 0;
	return grant->use.expires_ms - idle_ms;
}
