/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* Which state of a grant calls for which change. */
static const struct {
	enum grant_state state;
	enum change_kind kind;
} steps[] = {
	{GRANT_GOING, CHANGE_SHUT},
	{GRANT_SHORTENED, CHANGE_SHORTEN},
	{GRANT_LOST, CHANGE_RESTORE},
	{GRANT_WANTED, CHANGE_OPEN},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

const enum plan_verb *plan_verbs(enum change_kind kind)
{
	static const enum plan_verb verbs[][PLAN_VERBS] = {
		[CHANGE_SHUT] = {VERB_ADD, VERB_DELETE},
		[CHANGE_SHORTEN] = {VERB_ADD, VERB_DELETE, VERB_ADD},
		[CHANGE_RESTORE] = {VERB_ADD, VERB_DELETE, VERB_ADD},
		[CHANGE_OPEN] = {VERB_ADD},
		[CHANGE_PORT_SHUT] = {VERB_ADD, VERB_DELETE},
		[CHANGE_PORT_OPEN] = {VERB_ADD},
		[CHANGE_LAPSED] = {VERB_NONE},
	};

	return verbs[kind];
}

const char *plan_set(const struct change *change)
{
	if (plan_is_port(change))
		return "servers";
	return change->key.client.family == 4 ? "grants4" : "grants6";
}

/* Servers that are gone lose their grants, and are forgotten with the last of them. */
static void end_servers(struct grant_table *table)
{
	struct server *server, *next_server;

	if (table->servers.gone == 0)
		return;
	HASH_ITER(hh, table->servers.servers, server, next_server)
	{
		struct grant *grant, *next;

		if (!server->is_gone)
			continue;
		if (!server->grants) {
			server_remove(&table->servers, server);
			continue;
		}
		for (grant = server->grants; grant; grant = next) {
			next = grant->next_of_server;
			grant_end(table, grant, GRANT_EXIT);
		}
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

/* Rounded up; an element that is put back keeps the time it had. */
static uint32_t timeout_s(
	const struct grant_table *table, const struct grant *grant, uint64_t now_ms)
{
	uint64_t expires_ms = grant->use.expires_ms, awake_ms = grant_awake_ms(table, now_ms);

	if (grant->state != GRANT_LOST)
		return table->config->gate.claim_s;
	if (expires_ms == UINT64_MAX)
		return table->config->gate.idle_s;
	if (expires_ms <= awake_ms)
		return 1;
	return (uint32_t)((expires_ms - awake_ms + 999) / 1000);
}

static void plan_grant(const struct grant_table *table, struct grant *grant, enum change_kind kind,
	uint64_t now_ms, struct plan *plan)
{
	struct change *change = add_change(plan, kind, &grant->key, grant);

	if (kind == CHANGE_SHUT)
		return;
	change->timeout_s = timeout_s(table, grant, now_ms);
	change->renewed_s = table->config->gate.idle_s;
	label_write(&grant->label, change->comment);
}

/* Nothing is put in while the kernel refuses to take something out: a key that is to be both would
 * end up with what was there before. */
static void plan_grants(struct grant_table *table, uint64_t now_ms, struct plan *plan)
{
	bool is_refused = false;

	for (size_t step = 0; step < STEPS && !is_refused; step++) {
		struct grant *grant = table->lists[steps[step].state];

		for (; grant; grant = grant->next) {
			if (grant->retry_ms <= now_ms)
				plan_grant(table, grant, steps[step].kind, now_ms, plan);
			else if (steps[step].kind == CHANGE_SHUT)
				is_refused = true;
		}
	}
}

static void plan_lapsed(const struct grant_table *table, struct plan *plan)
{
	struct grant *grant;

	for (grant = table->lists[GRANT_LAPSED]; grant; grant = grant->next)
		add_change(plan, CHANGE_LAPSED, &grant->key, grant);
}

/* Nothing comes to the loopback from outside; but its addresses without number would let anybody
 * close the whole range to replies. */
static void want_ports(struct grant_table *table)
{
	memset(table->is_port_wanted, 0, sizeof(table->is_port_wanted));
	for (struct server *server = table->servers.servers; server; server = server->hh.next)
		if ((server->role == SERVER_OWNED || server->is_kept) && !server->is_gone &&
			!address_is_loopback(&server->socket.address))
			table->is_port_wanted[server->socket.port] = true;
	table->wanted_changes = table->servers.changes;
}

static void plan_ports(struct grant_table *table, struct plan *plan)
{
	uint16_t first = table->config->gate.first_port, last = table->config->gate.last_port;

	if (table->wanted_changes != table->servers.changes)
		want_ports(table);
	for (unsigned int port = first; port <= last; port++) {
		const struct grant_key key = {.port = (uint16_t)port};
		bool is_wanted = table->is_port_wanted[port];

		if (is_wanted != table->is_port_open[port])
			add_change(
				plan, is_wanted ? CHANGE_PORT_OPEN : CHANGE_PORT_SHUT, &key, NULL);
	}
}

void plan_make(struct grant_table *table, uint64_t now_ms, struct plan *plan)
{
	*plan = (struct plan){.denials = table->denials};
	table->denials = (struct grant_denials){0};
	end_servers(table);
	grant_end_max(table, now_ms);
	plan_lapsed(table, plan);
	plan_grants(table, now_ms, plan);
	plan_ports(table, plan);
}

static void keep_use(const struct grant_table *table, const struct change *change, uint64_t now_ms)
{
	if (!change->is_counted)
		return;
	grant_update(table, change->grant, &change->use, now_ms);
	change->grant->before = change->grant->use;
}

static void commit_grant(struct grant_table *table, const struct change *change, uint64_t now_ms)
{
	struct grant *grant = change->grant;

	keep_use(table, change, now_ms);
	if (change->kind == CHANGE_SHUT || change->kind == CHANGE_LAPSED) {
		grant_detach(table, grant);
		return;
	}
	grant->use.expires_ms = grant_awake_ms(table, now_ms) + (uint64_t)change->timeout_s * 1000;
	grant_move(table, grant, GRANT_OPEN);
}

void plan_commit(struct grant_table *table, struct plan *plan, uint64_t now_ms)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct change *change = &plan->changes[i];
		bool is_port = plan_is_port(change);

		if (change->error == 0 && is_port)
			table->is_port_open[change->key.port] = change->kind == CHANGE_PORT_OPEN;
		else if (change->error == 0)
			commit_grant(table, change, now_ms);
		else if (!is_port)
			change->grant->retry_ms = now_ms + PLAN_RETRY_MS;
	}
}

void plan_clear(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->changes[i];

		if (change->error == 0 &&
			(change->kind == CHANGE_SHUT || change->kind == CHANGE_LAPSED))
			free(change->grant);
	}
	for (size_t i = 0; i < plan->denials.count; i++)
		free(plan->denials.items[i].user);
	free(plan->denials.items);
	free(plan->changes);
	*plan = (struct plan){0};
}

/* While the kernel refuses to take something out, all else waits for that. */
uint64_t plan_retry_ms(const struct grant_table *table)
{
	uint64_t retry_ms = UINT64_MAX;

	for (size_t step = 0; step < STEPS; step++) {
		const struct grant *grant = table->lists[steps[step].state];

		if (step > 0 && table->lists[GRANT_GOING])
			break;
		for (; grant; grant = grant->next)
			if (grant->retry_ms < retry_ms)
				retry_ms = grant->retry_ms;
	}
	return retry_ms;
}

void plan_start_anew(struct grant_table *table)
{
	memset(table->is_port_open, 0, sizeof(table->is_port_open));
	for (size_t step = 0; step < STEPS; step++)
		for (struct grant *grant = table->lists[steps[step].state]; grant;
			grant = grant->next)
			grant->retry_ms = 0;
}
