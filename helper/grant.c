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

static bool is_keyed(enum grant_state state)
{
	return state != GRANT_GOING && state != GRANT_LAPSED;
}

static void enter(struct grant_table *table, struct grant *grant, enum grant_state state)
{
	grant->state = state;
	DL_APPEND(table->lists[state], grant);
	if (is_keyed(state))
		HASH_ADD(hh, table->by_key, key, sizeof(grant->key), grant);
}

static void leave(struct grant_table *table, struct grant *grant)
{
	DL_DELETE(table->lists[grant->state], grant);
	if (is_keyed(grant->state))
		HASH_DEL(table->by_key, grant);
}

void grant_move(struct grant_table *table, struct grant *grant, enum grant_state state)
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

	for (grant = table->lists[GRANT_GOING]; grant; grant = grant->next)
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

void grant_detach(struct grant_table *table, struct grant *grant)
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
	grant_detach(table, grant);
	free(grant);
}

void grant_table_free(struct grant_table *table)
{
	if (!table)
		return;
	for (enum grant_state state = GRANT_WANTED; state < GRANT_STATES; state++)
		while (table->lists[state])
			discard(table, table->lists[state]);
	server_table_clear(&table->servers);
	for (size_t i = 0; i < table->denials.count; i++)
		free(table->denials.items[i].user);
	free(table->denials.items);
	free(table);
}

/* What is in the kernel has to be taken out; what never was is just forgotten. */
static void revoke(struct grant_table *table, struct grant *grant, enum grant_reason reason)
{
	if (grant->state == GRANT_WANTED) {
		discard(table, grant);
	} else if (is_keyed(grant->state)) {
		grant->reason = reason;
		grant->retry_ms = 0;
		grant_move(table, grant, GRANT_GOING);
	}
}

void grant_end(struct grant_table *table, struct grant *grant)
{
	revoke(table, grant, GRANT_EXIT);
}

static void deny(struct grant_table *table, const struct server *server, const struct login *login,
	enum grant_denial_reason reason)
{
	struct grant_denials *denials = &table->denials;

	denials->items = memory_grow(
		denials->items, denials->count, &denials->capacity, sizeof(*denials->items));
	denials->items[denials->count++] = (struct grant_denial){
		.reason = reason,
		.uid = server->socket.uid,
		.port = server->socket.port,
		.client = login ? login->client : (struct address){0},
		.user = memory_text(login ? login->user : ""),
	};
}

void grant_none(struct grant_table *table, const struct server *server)
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

static struct address masked_client(const struct grant_table *table, const struct login *login)
{
	return address_mask(&login->client, config_prefix(table->config, &login->client));
}

/* Wants the grant with that key, if there is room for one more. */
static void want(struct grant_table *table, struct server *server, const struct login *login,
	const struct grant_key *key, const struct label *label)
{
	const struct config *config = table->config;
	struct grant *grant = find(table, key);

	if (grant && grant->server == server)
		return;
	if (grant && grant->server && grant->server->is_gone) {
		revoke(table, grant, GRANT_EXIT);
		grant = NULL;
	}
	if (grant) {
		deny(table, server, login, DENIAL_TAKEN);
	} else if (table->count >= config->limits.grants) {
		deny(table, server, login, DENIAL_LIMIT);
	} else if (count_of_user(table, login->uid) >= config->limits.grants_per_user) {
		deny(table, server, login, DENIAL_LIMIT_USER);
	} else {
		grant = add(table, key, server, GRANT_WANTED);
		grant->label = *label;
	}
}

static void want_for(struct grant_table *table, struct server *server, const struct login *login,
	const struct address *address, enum label_via via, uint64_t now_ms)
{
	struct label label = {
		.uid = login->uid, .cookie = server->socket.cookie, .since_ms = now_ms, .via = via};
	struct grant_key key;

	memset(&key, 0, sizeof(key));
	key.client = masked_client(table, login);
	key.server = *address;
	key.port = server->socket.port;
	label_set_user(&label, login->user);
	label_set_auth(&label, login->auth);
	want(table, server, login, &key, &label);
}

void grant_first(struct grant_table *table, struct server *server, const struct login *login,
	uint64_t now_ms)
{
	struct address address;
	int error = server_address(server, login, &address);

	server->home = masked_client(table, login);
	if (error == 0)
		want_for(table, server, login, &address, LABEL_LOGIN, now_ms);
	else
		deny(table, server, login,
			error == -EAFNOSUPPORT ? DENIAL_FAMILY : DENIAL_NO_ADDRESS);
}

/* Other addresses' grants for that server lapse after claim, unless they are in use. */
static void shorten_others(struct grant_table *table, struct server *server,
	const struct address *client, uint64_t now_ms)
{
	uint64_t claim_ms = (uint64_t)table->config->gate.claim_s * 1000;
	struct grant *grant, *next;

	for (grant = server->grants; grant; grant = next) {
		next = grant->next_of_server;
		if (grant->state == GRANT_OPEN && grant->use.expires_ms > now_ms + claim_ms &&
			!address_equal(&grant->key.client, client))
			grant_move(table, grant, GRANT_SHORTENED);
	}
}

void grant_roam(struct grant_table *table, const struct login *login, uint64_t now_ms)
{
	struct address client = masked_client(table, login), address;

	for (struct server *server = table->servers.servers; server; server = server->hh.next) {
		if (server->role != SERVER_OWNED || server->is_gone ||
			server->socket.uid != login->uid ||
			server_address(server, login, &address) < 0)
			continue;
		if (!table->config->gate.is_roaming && !address_equal(&server->home, &client))
			continue;
		want_for(table, server, login, &address, LABEL_ROAM, now_ms);
		if (table->config->gate.is_superseding)
			shorten_others(table, server, &client, now_ms);
	}
}

void grant_each_of_login(struct grant_table *table, const struct login *login,
	void (*visit)(struct grant *grant, void *context), void *context)
{
	struct address client = masked_client(table, login);
	bool is_any = table->config->gate.is_superseding;
	struct server *server;
	struct grant *grant, *next;

	for (server = table->servers.servers; server; server = server->hh.next) {
		if (server->socket.uid != login->uid)
			continue;
		for (grant = server->grants; grant; grant = next) {
			next = grant->next_of_server;
			if (grant->state == GRANT_OPEN &&
				(is_any || address_equal(&grant->key.client, &client)))
				visit(grant, context);
		}
	}
}

void grant_update(const struct grant_table *table, struct grant *grant, const struct grant_use *use)
{
	uint64_t idle_ms = (uint64_t)table->config->gate.idle_s * 1000;

	grant->use = *use;
	grant->use.packets += grant->before.packets;
	grant->use.bytes += grant->before.bytes;
	grant->is_counted = true;
	/* Each packet makes it expire idle later. */
	if (use->packets > 0 && use->expires_ms != UINT64_MAX && use->expires_ms > idle_ms &&
		use->expires_ms - idle_ms > grant->seen_ms)
		grant->seen_ms = use->expires_ms - idle_ms;
}

static void lapse(struct grant_table *table, struct grant *grant)
{
	grant->reason = grant->is_counted && grant->use.packets > 0 ? GRANT_IDLE : GRANT_UNCLAIMED;
	if (grant->server && grant->server->is_gone)
		grant->reason = GRANT_EXIT;
	grant_move(table, grant, GRANT_LAPSED);
}

void grant_miss(struct grant_table *table, struct grant *grant, uint64_t now_ms)
{
	grant->before = grant->use;
	if (grant->use.expires_ms <= now_ms)
		lapse(table, grant);
	else
		grant_move(table, grant, GRANT_LOST);
}

/* The live server that a label names, if the element can be its own. */
static struct server *find_server(
	const struct grant_table *table, const struct element *element, const struct label *label)
{
	const struct grant_key *key = &element->key;
	struct address client =
		address_mask(&key->client, config_prefix(table->config, &key->client));
	struct server *server = server_find(&table->servers, label->cookie);

	if (!server || server->is_gone || server->socket.port != key->port ||
		server->socket.uid != label->uid || !address_equal(&client, &key->client))
		return NULL;
	return server;
}

/* An element that the table does not have: somebody's who is still there, or nobody's. */
static struct grant *adopt(struct grant_table *table, const struct element *element)
{
	struct label label = {.uid = UINT32_MAX};
	bool is_ours = label_read(element->comment, &label) == 0;
	struct server *server = is_ours ? find_server(table, element, &label) : NULL;
	struct grant *grant;

	if (server && server->role != SERVER_OWNED)
		server_adopt(server, label.user);
	if (server && label.via == LABEL_LOGIN)
		server->home = element->key.client;
	grant = add(table, &element->key, server, GRANT_OPEN);
	grant->label = label;
	if (!server)
		revoke(table, grant, is_ours ? GRANT_EXIT : GRANT_STALE);
	return grant;
}

static void mark_missing(struct grant_table *table)
{
	struct grant *grant;

	for (grant = table->lists[GRANT_OPEN]; grant; grant = grant->next)
		grant->is_missing = true;
}

static void settle_missing(struct grant_table *table, uint64_t now_ms)
{
	struct grant *grant, *next;

	for (grant = table->lists[GRANT_OPEN]; grant; grant = next) {
		next = grant->next;
		if (grant->is_missing)
			grant_miss(table, grant, now_ms);
	}
}

void grant_sync(struct grant_table *table, const struct elements *elements, uint64_t now_ms)
{
	mark_missing(table);
	for (size_t i = 0; i < elements->count; i++) {
		const struct element *element = &elements->items[i];
		struct grant *grant = find_going(table, &element->key);

		if (!grant)
			grant = find(table, &element->key);
		if (!grant)
			grant = adopt(table, element);
		grant_update(table, grant, &element->use);
		grant->is_missing = false;
	}
	settle_missing(table, now_ms);
}

static bool is_selected(const struct grant *grant, const struct grant_selector *selector)
{
	return (!selector->is_of_user || grant->label.uid == selector->uid) &&
	       (selector->client.family == 0 ||
		       address_equal(&grant->key.client, &selector->client)) &&
	       (selector->port == 0 || grant->key.port == selector->port);
}

size_t grant_revoke(struct grant_table *table, const struct grant_selector *selector)
{
	size_t count = 0;

	for (enum grant_state state = GRANT_WANTED; state <= GRANT_LOST; state++) {
		struct grant *grant, *next;

		for (grant = table->lists[state]; grant; grant = next) {
			next = grant->next;
			if (!is_selected(grant, selector))
				continue;
			revoke(table, grant, GRANT_ADMIN);
			count++;
		}
	}
	return count;
}

uint64_t grant_end_max(struct grant_table *table, uint64_t now_ms)
{
	uint64_t max_ms = (uint64_t)table->config->gate.max_s * 1000, next_ms = UINT64_MAX;
	struct grant *grant, *next;

	if (max_ms == 0)
		return UINT64_MAX;
	for (grant = table->lists[GRANT_OPEN]; grant; grant = next) {
		uint64_t end_ms = grant->label.since_ms + max_ms;

		next = grant->next;
		if (end_ms <= now_ms)
			revoke(table, grant, GRANT_MAX);
		else if (end_ms < next_ms)
			next_ms = end_ms;
	}
	return next_ms;
}
