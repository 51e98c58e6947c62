/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pending.h"

uint64_t pending_seen_ms(const struct grant_table *table, const struct element *element)
{
	uint64_t seen_ms = element->use.expires_ms + table->asleep_ms;

	return seen_ms > PENDING_KEEP_S * 1000 ? seen_ms - PENDING_KEEP_S * 1000 : 0;
}

static bool is_reached_at(
	struct grant_table *table, const struct server *server, const struct grant_key *key)
{
	return server_is_at(server, &key->server) && server->socket.port == key->port &&
	       !server_is_shadowed(&table->servers, server, &key->server) &&
	       !server_is_beside(&table->servers, server, &key->server);
}

/* Not at another's who had the port before. */
static bool has_knocked(
	struct grant_table *table, const struct server *server, const struct element *element)
{
	return pending_seen_ms(table, element) >= server->seen_ms &&
	       is_reached_at(table, server, &element->key);
}

static bool is_asked_for(const struct server *server, uint32_t uid)
{
	return server->role == SERVER_OWNED && !server->is_gone &&
	       (uid == 0 || server->socket.uid == uid);
}

void pending_each(struct grant_table *table, const struct elements *knocked, uint32_t uid,
	pending_visit *visit, void *context)
{
	struct server *server, *next;

	for (server = table->servers.servers; server; server = next) {
		next = server->hh.next;
		if (!is_asked_for(server, uid))
			continue;
		for (size_t i = 0; i < knocked->count; i++) {
			const struct element *element = &knocked->items[i];

			if (has_knocked(table, server, element) &&
				!grant_find(table, &element->key))
				visit(element, server, context);
		}
	}
}

struct allowing {
	struct grant_table *table;
	struct address client;
	uint64_t now_ms;
	struct pending_allowed result;
};

static void allow(const struct element *element, struct server *server, void *context)
{
	struct allowing *allowing = context;

	if (!address_equal(&element->key.client, &allowing->client))
		return;
	allowing->result.count++;
	if (!grant_allow(allowing->table, server, &element->key, allowing->now_ms))
		allowing->result.denied++;
}

struct pending_allowed pending_allow(struct grant_table *table, const struct elements *knocked,
	uint32_t uid, const struct address *client, uint64_t now_ms)
{
	struct allowing allowing = {.table = table, .now_ms = now_ms};

	allowing.client = address_mask(client, config_prefix(table->config, client));
	pending_each(table, knocked, uid, allow, &allowing);
	return allowing.result;
}
