/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "clock.h"
#include "pending.h"
#include "report.h"
#include "report_json.h"
#include "text.h"

static json_t *expiry_json(const struct grant *grant)
{
	uint64_t awake_ms = clock_awake_ms();

	if (!grant->is_counted || grant->use.expires_ms == UINT64_MAX)
		return report_json_need(json_null());
	if (grant->use.expires_ms < awake_ms)
		return report_json_need(json_integer(0));
	return report_json_need(
		json_integer((json_int_t)((grant->use.expires_ms - awake_ms) / 1000)));
}

static json_t *grant_json(const struct grant *grant)
{
	json_t *object = report_json_need(json_object());

	report_json_set(object, "user", report_json_text(grant->label.user));
	report_json_set_number(object, "uid", grant->label.uid);
	report_json_set(object, "addr", report_json_address(&grant->key.client));
	report_json_set(object, "server", report_json_address(&grant->key.server));
	report_json_set_number(object, "port", grant->key.port);
	report_json_set(object, "via", report_json_need(json_string(text_via(grant->label.via))));
	report_json_set(object, "since", report_json_time(grant->label.since_ms));
	report_json_set(object, "last_seen", report_json_time(grant->seen_ms));
	report_json_set(object, "expires_in", expiry_json(grant));
	report_json_set_number(object, "packets", grant->use.packets);
	report_json_set_number(object, "bytes", grant->use.bytes);
	report_json_set(object, "auth", report_json_text(grant->label.auth));
	return object;
}

char *report_grants(const struct grant_table *table, uint32_t uid)
{
	json_t *array = report_json_need(json_array());

	for (const struct grant *grant = table->lists[GRANT_OPEN]; grant; grant = grant->next)
		if (uid == 0 || grant->label.uid == uid)
			report_json_append(array, grant_json(grant));
	return report_json_write(array);
}

struct pending {
	json_t *array;
	const struct grant_table *grants;
};

static void append_pending(const struct element *element, struct server *server, void *context)
{
	struct pending *pending = context;
	json_t *object = report_json_need(json_object());

	report_json_set(object, "user", report_json_text(server->user ? server->user : ""));
	report_json_set_number(object, "uid", server->socket.uid);
	report_json_set(object, "addr", report_json_address(&element->key.client));
	report_json_set(object, "server", report_json_address(&element->key.server));
	report_json_set_number(object, "port", element->key.port);
	report_json_set(
		object, "last_seen", report_json_time(pending_seen_ms(pending->grants, element)));
	report_json_set_number(object, "packets", element->use.packets);
	report_json_set_number(object, "bytes", element->use.bytes);
	report_json_append(pending->array, object);
}

char *report_pending(struct grant_table *grants, const struct elements *knocked, uint32_t uid)
{
	struct pending pending = {report_json_need(json_array()), grants};

	pending_each(grants, knocked, uid, append_pending, &pending);
	return report_json_write(pending.array);
}

struct logins {
	json_t *array;
	uint32_t uid;
};

static void append_login(const struct login *login, void *context)
{
	struct logins *logins = context;
	json_t *object;

	if (logins->uid != 0 && logins->uid != login->uid)
		return;
	object = report_json_need(json_object());
	report_json_set(object, "user", report_json_text(login->user));
	report_json_set_number(object, "uid", login->uid);
	report_json_set(object, "addr", report_json_address(&login->client));
	report_json_set(object, "server",
		login->server.family ? report_json_address(&login->server)
				     : report_json_need(json_null()));
	report_json_set_number(object, "pid", (uint64_t)login->pid);
	report_json_set(object, "since", report_json_time(login->since_ms));
	report_json_set(object, "auth", report_json_text(login->auth));
	report_json_append(logins->array, object);
}

char *report_logins(const struct login_table *table, uint32_t uid)
{
	struct logins logins = {report_json_need(json_array()), uid};

	login_each(table, append_login, &logins);
	return report_json_write(logins.array);
}

static json_t *rule_json(const struct hostcheck_rule *rule)
{
	json_t *object = report_json_need(json_object());

	report_json_set(object, "chain", report_json_text(rule->chain));
	report_json_set_number(object, "handle", (uint64_t)rule->handle);
	return object;
}

static json_t *obstacle_json(const struct hostcheck_obstacle *obstacle)
{
	json_t *object = report_json_need(json_object());

	report_json_set(object, "family", report_json_text(obstacle->family));
	report_json_set(object, "table", report_json_text(obstacle->table));
	report_json_set(object, "chain", report_json_text(obstacle->chain));
	report_json_set(object, "by", rule_json(&obstacle->by));
	report_json_set(object, "unless", rule_json(&obstacle->unless));
	return object;
}

/* What drops for certain, and what does but for something that cannot be told. */
static void set_obstacles(json_t *object, const struct hostcheck *host)
{
	bool is_known = host && host->error == 0;
	json_t *obstacles = report_json_need(is_known ? json_array() : json_null());
	json_t *suspects = report_json_need(is_known ? json_array() : json_null());

	for (size_t i = 0; is_known && i < host->count; i++)
		report_json_append(host->obstacles[i].unless.chain[0] ? suspects : obstacles,
			obstacle_json(&host->obstacles[i]));
	report_json_set(object, "obstacles", obstacles);
	report_json_set(object, "suspects", suspects);
}

static json_t *paths_json(const struct config *config)
{
	json_t *array = report_json_need(json_array());

	for (size_t i = 0; i < CONFIG_PATHS_MAX && config->gate.servers[i][0]; i++)
		report_json_append(array, report_json_text(config->gate.servers[i]));
	return array;
}

static json_t *unwatched_json(const struct report_diagnosis *diagnosis)
{
	const struct config *config = diagnosis->grants->config;
	json_t *array = report_json_need(json_array());

	for (size_t i = 0; i < CONFIG_PATHS_MAX && config->gate.servers[i][0]; i++)
		if (diagnosis->is_unwatched[i])
			report_json_append(array, report_json_text(config->gate.servers[i]));
	return array;
}

static void set_config(json_t *object, const struct config *config)
{
	report_json_set(object, "table", report_json_text(config->firewall.table));
	report_json_set_number(object, "first_port", config->gate.first_port);
	report_json_set_number(object, "last_port", config->gate.last_port);
	report_json_set_number(object, "prefix4", config->gate.prefix4);
	report_json_set_number(object, "prefix6", config->gate.prefix6);
	report_json_set(object, "roam", report_json_need(json_boolean(config->gate.is_roaming)));
	report_json_set(
		object, "conntrack", report_json_need(json_boolean(config->firewall.is_conntrack)));
	report_json_set_number(object, "accept_mark", config->firewall.accept_mark);
	report_json_set(object, "paths", paths_json(config));
	report_json_set(object, "state", report_json_text(config->helper.state));
	report_json_set(object, "session_socket", report_json_text(config->helper.session_socket));
}

/* What a list is gathered of, and for whom. */
struct gathering {
	json_t *array;
	uint32_t uid;
};

static bool may_see(const struct gathering *gathering, uint32_t uid)
{
	return gathering->uid == 0 || gathering->uid == uid;
}

static void append_server(struct gathering *gathering, const struct server *server)
{
	json_t *object;

	if (server->role != SERVER_OWNED || server->is_gone ||
		!may_see(gathering, server->socket.uid))
		return;
	object = report_json_need(json_object());
	report_json_set(object, "user", report_json_text(server->user ? server->user : ""));
	report_json_set_number(object, "uid", server->socket.uid);
	report_json_set(object, "addr", report_json_address(&server->socket.address));
	report_json_set_number(object, "port", server->socket.port);
	report_json_set(object, "dual", report_json_need(json_boolean(server->socket.is_dual)));
	report_json_append(gathering->array, object);
}

static json_t *servers_json(const struct grant_table *grants, uint32_t uid)
{
	struct gathering gathering = {report_json_need(json_array()), uid};

	for (const struct server *server = grants->servers.servers; server;
		server = server->hh.next)
		append_server(&gathering, server);
	return gathering.array;
}

static json_t *known_address_json(const struct address *address)
{
	return address->family ? report_json_address(address) : report_json_need(json_null());
}

static void append_denied(const struct denied_last *last, void *context)
{
	struct gathering *gathering = context;
	json_t *object;

	if (!may_see(gathering, last->uid))
		return;
	object = report_json_need(json_object());
	report_json_set_number(object, "uid", last->uid);
	report_json_set(object, "addr", known_address_json(&last->client));
	report_json_set_number(object, "port", last->port);
	report_json_set(object, "reason", report_json_text(text_denial(last->reason)));
	report_json_set_number(object, "count", last->count);
	report_json_set(object, "time", report_json_time(last->at_ms));
	report_json_append(gathering->array, object);
}

/* A login has no port. */
static void append_past(const struct past_event *event, void *context)
{
	static const char *const kinds[] = {[PAST_LOGOUT] = "logout", [PAST_REFUSED] = "refused"};
	struct gathering *gathering = context;
	bool is_grant = event->kind == PAST_REVOKE;
	json_t *object;

	if (!may_see(gathering, event->uid))
		return;
	object = report_json_need(json_object());
	report_json_set(object, "user", report_json_text(event->user));
	report_json_set_number(object, "uid", event->uid);
	report_json_set(object, "addr", report_json_address(&event->client));
	report_json_set(object, "server", known_address_json(&event->key.server));
	report_json_set_number(object, "port", event->key.port);
	report_json_set(object, "reason",
		report_json_text(is_grant ? text_reason(event->reason) : kinds[event->kind]));
	report_json_set(object, "since", report_json_time(event->since_ms));
	report_json_set(object, "time", report_json_time(event->ended_ms));
	report_json_append(gathering->array, object);
}

char *report_diagnosis(const struct report_diagnosis *diagnosis, uint32_t uid)
{
	const struct hostcheck *host = diagnosis->host;
	struct gathering denied = {report_json_need(json_array()), uid},
			 ended = {report_json_need(json_array()), uid};
	json_t *object = report_json_need(json_object());

	denied_each(diagnosis->denied, append_denied, &denied);
	past_each(diagnosis->past, append_past, &ended);
	report_json_set(object, "version", report_json_need(json_string(VERSION)));
	report_json_set(object, "since", report_json_time(diagnosis->started_ms));
	set_config(object, diagnosis->grants->config);
	report_json_set(object, "unwatched", unwatched_json(diagnosis));
	report_json_set(object, "blind", report_json_need(json_boolean(diagnosis->is_blind)));
	report_json_set(object, "guard", report_json_need(json_boolean(diagnosis->is_guarded)));
	report_json_set(object, "guard_since", report_json_time(diagnosis->guard_ms));
	report_json_set_number(object, "restored", diagnosis->restored);
	report_json_set(object, "restored_last", report_json_time(diagnosis->restored_ms));
	report_json_set(object, "ephemeral",
		host ? report_json_need(json_boolean(host->is_ephemeral))
		     : report_json_need(json_null()));
	set_obstacles(object, host);
	report_json_set(object, "servers", servers_json(diagnosis->grants, uid));
	report_json_set(object, "denied", denied.array);
	report_json_set(object, "ended", ended.array);
	return report_json_write(object);
}

char *report_number(const char *key, uint64_t number)
{
	json_t *object = report_json_need(json_object());

	report_json_set_number(object, key, number);
	return report_json_write(object);
}

char *report_text(const char *key, const char *text)
{
	json_t *object = report_json_need(json_object());

	report_json_set(object, key, report_json_text(text));
	return report_json_write(object);
}
