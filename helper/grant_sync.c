/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "grant.h"

/* Each packet makes it expire idle later. But after idle was lowered that may be later than now,
 * and then only that there are more packets tells that one came. */
static uint64_t last_seen(const struct grant_table *table, const struct grant *grant,
	const struct grant_use *use, uint64_t now_ms)
{
	uint64_t idle_ms = (uint64_t)table->config->gate.idle_s * 1000, seen_ms;

	if (use->packets == 0 || use->expires_ms == UINT64_MAX || use->expires_ms <= idle_ms)
		return grant->seen_ms;
	seen_ms = use->expires_ms - idle_ms + table->asleep_ms;
	if (seen_ms <= now_ms)
		return seen_ms > grant->seen_ms ? seen_ms : grant->seen_ms;
	return use->packets + grant->before.packets > grant->use.packets ? now_ms : grant->seen_ms;
}

void grant_update(const struct grant_table *table, struct grant *grant, const struct grant_use *use,
	uint64_t now_ms)
{
	grant->seen_ms = last_seen(table, grant, use, now_ms);
	grant->use = *use;
	grant->use.packets += grant->before.packets;
	grant->use.bytes += grant->before.bytes;
	grant->is_counted = true;
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
	if (grant->use.expires_ms <= grant_awake_ms(table, now_ms))
		lapse(table, grant);
	else
		grant_move(table, grant, GRANT_LOST);
}

/* The live server that a label names, if the element can be its own: while nobody looked, it may
 * have been bound anew, to another address. */
static struct server *find_server(
	struct grant_table *table, const struct element *element, const struct label *label)
{
	const struct grant_key *key = &element->key;
	struct address client =
		address_mask(&key->client, config_prefix(table->config, &key->client));
	struct server *server = server_find(&table->servers, label->cookie);

	if (!server || server->is_gone || server->socket.port != key->port ||
		server->socket.uid != label->uid || !address_equal(&client, &key->client) ||
		!server_is_at(server, &key->server) ||
		server_is_shadowed(&table->servers, server, &key->server) ||
		server_is_beside(&table->servers, server, &key->server))
		return NULL;
	return server;
}

/* Of a server that an earlier helper knew: who has an element by the login that started it; without
 * roam also who has one by a later login, since no other address gets that. */
static bool is_home(
	const struct grant_table *table, const struct server *server, const struct label *label)
{
	return label->via == LABEL_LOGIN || (label->via == LABEL_ROAM && server->home.family == 0 &&
						    !table->config->gate.is_roaming);
}

/* An element that the table does not have: somebody's who is still there, or nobody's. */
static struct grant *adopt(struct grant_table *table, const struct element *element)
{
	struct label label = {.uid = UINT32_MAX};
	bool is_ours = label_read(element->comment, &label) == 0;
	struct server *server = is_ours ? find_server(table, element, &label) : NULL;
	const struct server *meant = is_ours ? server_find(&table->servers, label.cookie) : NULL;
	bool has_ended = is_ours && (!meant || meant->is_gone);
	struct grant *grant;

	if (server && server->role != SERVER_OWNED)
		server_adopt(&table->servers, server, label.user);
	if (server && is_home(table, server, &label))
		server->home = element->key.client;
	grant = grant_add(table, &element->key, server, GRANT_OPEN);
	grant->label = label;
	if (!server)
		grant_end(table, grant, has_ended ? GRANT_EXIT : GRANT_STALE);
	return grant; // NOLINT(clang-analyzer-unix.Malloc): grant_end() keeps it
}

static void end_shadowed(struct grant_table *table, struct server *server)
{
	struct grant *grant, *next;

	for (grant = server->grants; grant; grant = next) {
		next = grant->next_of_server;
		if (server_is_shadowed(&table->servers, server, &grant->key.server))
			grant_end(table, grant, GRANT_STALE);
	}
}

void grant_end_shadowed(struct grant_table *table)
{
	if (table->shadow_comings == table->servers.comings)
		return;
	table->shadow_comings = table->servers.comings;
	/* One that is gone has nothing to lose here, and goes with its last grant. */
	for (struct server *server = table->servers.servers; server; server = server->hh.next)
		if (!server->is_gone)
			end_shadowed(table, server);
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

/* Somebody made it anew: with a label that is not what was put in (one that another version wrote
 * may be longer, if it says the same), or without an end. */
static bool is_altered(const struct grant *grant, const struct element *element)
{
	char wanted[LABEL_TEXT_SIZE], got[LABEL_TEXT_SIZE];
	struct label label;

	if (element->use.expires_ms == UINT64_MAX)
		return true;
	label_write(&grant->label, wanted);
	if (strcmp(wanted, element->comment) == 0)
		return false;
	if (label_read(element->comment, &label) < 0)
		return true;
	label_write(&label, got);
	return strcmp(wanted, got) != 0;
}

/* One that is to be put back already keeps its time in the same way. */
static bool is_to_stay(const struct grant *grant)
{
	return grant->state == GRANT_OPEN || grant->state == GRANT_LOST;
}

/* As if it had been taken out: it is put in again, with the time that it had. What it has counted
 * until then is told when it is taken out for that; it may be another than was counted before. */
static void take_in_altered(struct grant_table *table, struct grant *grant,
	const struct element *element, uint64_t now_ms)
{
	uint64_t expires_ms = grant->use.expires_ms, awake_ms = grant_awake_ms(table, now_ms);

	if (element->use.packets + grant->before.packets < grant->use.packets)
		grant->before = grant->use;
	grant_update(table, grant, &element->use, now_ms);
	if (expires_ms == UINT64_MAX || (grant->state == GRANT_OPEN && expires_ms <= awake_ms))
		expires_ms = awake_ms + (uint64_t)table->config->gate.idle_s * 1000;
	grant->use.expires_ms = expires_ms;
	grant_move(table, grant, GRANT_LOST);
}

void grant_sync(struct grant_table *table, const struct elements *elements, uint64_t now_ms)
{
	mark_missing(table);
	for (size_t i = 0; i < elements->count; i++) {
		const struct element *element = &elements->items[i];
		struct grant *grant = grant_find_going(table, &element->key);

		if (!grant)
			grant = grant_find(table, &element->key);
		if (!grant)
			grant = adopt(table, element);
		grant->is_missing = false;
		if (is_to_stay(grant) && is_altered(grant, element))
			take_in_altered(table, grant, element, now_ms);
		else
			grant_update(table, grant, &element->use, now_ms);
	}
	settle_missing(table, now_ms);
}
