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

/* What the kernel took out itself stands in the way of nothing. */
static void count(struct grant_table *table, const struct grant *grant, int change)
{
	if (grant->state == GRANT_LAPSED)
		return;
	table->count += (size_t)change;
	if (grant->server)
		tally_add(&table->per_uid, grant->server->socket.uid, 0, change);
}

static void enter(struct grant_table *table, struct grant *grant, enum grant_state state)
{
	grant->state = state;
	count(table, grant, 1);
	DL_APPEND(table->lists[state], grant);
	if (is_keyed(state))
		HASH_ADD(hh, table->by_key, key, sizeof(grant->key), grant);
}

static void leave(struct grant_table *table, struct grant *grant)
{
	count(table, grant, -1);
	DL_DELETE(table->lists[grant->state], grant);
	if (is_keyed(grant->state))
		HASH_DEL(table->by_key, grant); // NOLINT(clang-analyzer-core.*): uthash
}

void grant_move(struct grant_table *table, struct grant *grant, enum grant_state state)
{
	leave(table, grant);
	enter(table, grant, state);
}

struct grant *grant_find(const struct grant_table *table, const struct grant_key *key)
{
	struct grant *grant;

	HASH_FIND(hh, table->by_key, key, sizeof(*key), grant);
	return grant;
}

struct grant *grant_find_going(const struct grant_table *table, const struct grant_key *key)
{
	struct grant *grant;

	for (grant = table->lists[GRANT_GOING]; grant; grant = grant->next)
		if (memcmp(&grant->key, key, sizeof(*key)) == 0)
			break;
	return grant;
}

struct grant *grant_add(struct grant_table *table, const struct grant_key *key,
	struct server *server, enum grant_state state)
{
	struct grant *grant = memory_zeroed(sizeof(*grant));

	grant->key = *key;
	grant->server = server;
	if (server)
		DL_APPEND2(server->grants, grant, prev_of_server, next_of_server);
	enter(table, grant, state);
	return grant;
}

void grant_detach(struct grant_table *table, struct grant *grant)
{
	struct server *server = grant->server;

	leave(table, grant);
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
	tally_clear(&table->per_uid);
	for (size_t i = 0; i < table->denials.count; i++)
		free(table->denials.items[i].user);
	free(table->denials.items);
	free(table);
}

/* What is in the kernel has to be taken out; what never was is just forgotten. */
void grant_end(struct grant_table *table, struct grant *grant, enum grant_reason reason)
{
	if (grant->state == GRANT_WANTED) {
		discard(table, grant);
	} else if (is_keyed(grant->state)) {
		grant->reason = reason;
		grant->retry_ms = 0;
		grant_move(table, grant, GRANT_GOING);
	}
}

/* 0 for what is no limit. */
static uint32_t limit_of(const struct config *config, enum grant_denial_reason reason)
{
	if (reason == DENIAL_LIMIT)
		return config->limits.grants;
	return reason == DENIAL_LIMIT_USER ? config->limits.grants_per_user : 0;
}

static void deny(struct grant_table *table, const struct server *server, const struct login *login,
	enum grant_denial_reason reason)
{
	struct grant_denials *denials = &table->denials;

	denials->items = memory_grow(
		denials->items, denials->count, &denials->capacity, sizeof(*denials->items));
	denials->items[denials->count++] = (struct grant_denial){
		.reason = reason,
		.limit = limit_of(table->config, reason),
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

static struct address masked_client(const struct grant_table *table, const struct login *login)
{
	return address_mask(&login->client, config_prefix(table->config, &login->client));
}

/* In the kernel, or to be put back there, with the time that it has left. */
static bool has_time(const struct grant *grant)
{
	return grant->state == GRANT_OPEN || grant->state == GRANT_LOST;
}

/* Who logs in has claim to come, as if it were new. */
static void renew(struct grant_table *table, struct grant *grant, uint64_t now_ms)
{
	uint64_t claim_ms = (uint64_t)table->config->gate.claim_s * 1000;

	if (has_time(grant) && grant->use.expires_ms < grant_awake_ms(table, now_ms) + claim_ms)
		grant_move(table, grant, GRANT_SHORTENED);
}

/* Wants the grant with that key, if there is room for one more. */
static void want(struct grant_table *table, struct server *server, const struct login *login,
	const struct grant_key *key, const struct label *label)
{
	const struct config *config = table->config;
	struct grant *grant = grant_find(table, key);

	if (server_is_shadowed(&table->servers, server, &key->server) ||
		server_is_beside(&table->servers, server, &key->server)) {
		deny(table, server, login, DENIAL_TAKEN);
		return;
	}
	if (grant && grant->server == server) {
		renew(table, grant, label->since_ms);
		return;
	}
	if (grant && grant->server && grant->server->is_gone) {
		grant_end(table, grant, GRANT_EXIT);
		grant = NULL;
	}
	if (grant) {
		deny(table, server, login, DENIAL_TAKEN);
	} else if (table->count >= config->limits.grants) {
		deny(table, server, login, DENIAL_LIMIT);
	} else if (tally_of(&table->per_uid, login->uid, 0) >= config->limits.grants_per_user) {
		deny(table, server, login, DENIAL_LIMIT_USER);
	} else {
		grant = grant_add(table, key, server, GRANT_WANTED);
		grant->label = *label;
	}
}

/* At that address of the server's; via and since_ms are the label's. */
static void want_for(struct grant_table *table, struct server *server, const struct login *login,
	const struct address *address, struct label label)
{
	struct grant_key key;

	memset(&key, 0, sizeof(key));
	key.client = masked_client(table, login);
	key.server = *address;
	key.port = server->socket.port;
	label.uid = login->uid;
	label.cookie = server->socket.cookie;
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
		want_for(table, server, login, &address,
			(struct label){.via = LABEL_LOGIN, .since_ms = now_ms});
	else
		deny(table, server, login,
			error == -EAFNOSUPPORT ? DENIAL_FAMILY : DENIAL_NO_ADDRESS);
}

bool grant_allow(struct grant_table *table, struct server *server, const struct grant_key *key,
	uint64_t now_ms)
{
	/* As if that user had logged in from there. */
	const struct login login = {.uid = server->socket.uid,
		.client = key->client,
		.user = server->user ? server->user : "",
		.auth = ""};
	const struct grant *grant;

	want_for(table, server, &login, &key->server,
		(struct label){.via = LABEL_ALLOW, .since_ms = now_ms});
	grant = grant_find(table, key);
	return grant && grant->server == server;
}

/* Other addresses' grants for that server lapse after claim, unless they are in use. */
static void shorten_others(struct grant_table *table, struct server *server,
	const struct address *client, uint64_t now_ms)
{
	uint64_t claim_ms = (uint64_t)table->config->gate.claim_s * 1000;
	uint64_t awake_ms = grant_awake_ms(table, now_ms);
	struct grant *grant, *next;

	for (grant = server->grants; grant; grant = next) {
		next = grant->next_of_server;
		if (has_time(grant) && grant->use.expires_ms > awake_ms + claim_ms &&
			!address_equal(&grant->key.client, client))
			grant_move(table, grant, GRANT_SHORTENED);
	}
}

static bool is_roamed(const struct grant_table *table, const struct server *server,
	const struct login *login, const struct address *client)
{
	return server->role == SERVER_OWNED && !server->is_gone &&
	       server->socket.uid == login->uid &&
	       (table->config->gate.is_roaming || server->home.family == 0 ||
		       address_equal(&server->home, client));
}

size_t grant_roam(struct grant_table *table, const struct login *login, uint64_t now_ms)
{
	struct address client = masked_client(table, login), address;
	size_t other_family = 0;

	for (struct server *server = table->servers.servers; server; server = server->hh.next) {
		int error;

		if (!is_roamed(table, server, login, &client))
			continue;
		error = server_address(server, login, &address);
		other_family += error == -EAFNOSUPPORT;
		if (error < 0)
			continue;
		if (!table->config->gate.is_roaming)
			server->home = client;
		if (!server->user[0]) /* it was found when that user had no login */
			server_adopt(&table->servers, server, login->user);
		want_for(table, server, login, &address,
			(struct label){.via = LABEL_ROAM, .since_ms = now_ms});
		if (table->config->gate.is_superseding)
			shorten_others(table, server, &client, now_ms);
	}
	return other_family;
}

void grant_each_of_login(struct grant_table *table, const struct login *login,
	void (*visit)(struct grant *grant, void *context), void *context)
{
	struct address client = masked_client(table, login);
	bool is_any = table->config->gate.is_superseding;
	struct server *server;
	struct grant *grant, *next;

	if (tally_of(&table->per_uid, login->uid, 0) == 0)
		return;
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

static bool is_selected(const struct grant *grant, const struct grant_selector *selector)
{
	return (!selector->is_of_user || grant->label.uid == selector->uid) &&
	       (selector->client.family == 0 ||
		       address_equal(&grant->key.client, &selector->client)) &&
	       (selector->port == 0 || grant->key.port == selector->port);
}

size_t grant_revoke(struct grant_table *table, const struct grant_selector *wanted)
{
	struct grant_selector selector = *wanted;
	size_t count = 0;

	selector.client =
		address_mask(&wanted->client, config_prefix(table->config, &wanted->client));
	for (enum grant_state state = GRANT_WANTED; state <= GRANT_LOST; state++) {
		struct grant *grant, *next;

		for (grant = table->lists[state]; grant; grant = next) {
			next = grant->next;
			if (!is_selected(grant, &selector))
				continue;
			grant_end(table, grant, GRANT_ADMIN);
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
			grant_end(table, grant, GRANT_MAX);
		else if (end_ms < next_ms)
			next_ms = end_ms;
	}
	return next_ms;
}
