/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include <jansson.h>

#include "clock.h"
#include "report.h"
#include "text.h"

/* jansson fails for want of memory alone, and text that is not UTF-8, for which quoted text is
 * given instead. */
static json_t *need(json_t *json)
{
	if (!json)
		memory_exhausted();
	return json;
}

static json_t *text_json(const char *text)
{
	char quoted[TEXT_QUOTED_SIZE];
	json_t *json = json_string(text);

	if (json)
		return json;
	text_quote(text, quoted);
	return need(json_string(quoted));
}

static json_t *address_json(const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	return need(json_string(address_format(address, text)));
}

/* 0: never. */
static json_t *time_json(uint64_t boot_ms)
{
	char text[sizeof("2038-01-19T03:14:07Z") + 8];
	time_t wall = clock_wall_time(boot_ms);
	struct tm utc;

	if (boot_ms == 0 || !gmtime_r(&wall, &utc) ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return need(json_null());
	return need(json_string(text));
}

static json_t *expiry_json(const struct grant *grant)
{
	uint64_t now_ms = clock_boot_ms();

	if (!grant->is_counted || grant->use.expires_ms == UINT64_MAX)
		return need(json_null());
	if (grant->use.expires_ms < now_ms)
		return need(json_integer(0));
	return need(json_integer((json_int_t)((grant->use.expires_ms - now_ms) / 1000)));
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		memory_exhausted();
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
	set(object, key, need(json_integer((json_int_t)value)));
}

static char *write(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (!text)
		memory_exhausted();
	return text;
}

static json_t *grant_json(const struct grant *grant)
{
	json_t *object = need(json_object());

	set(object, "user", text_json(grant->label.user));
	set_number(object, "uid", grant->label.uid);
	set(object, "addr", address_json(&grant->key.client));
	set(object, "server", address_json(&grant->key.server));
	set_number(object, "port", grant->key.port);
	set(object, "via", need(json_string(text_via(grant->label.via))));
	set(object, "since", time_json(grant->label.since_ms));
	set(object, "last_seen", time_json(grant->seen_ms));
	set(object, "expires_in", expiry_json(grant));
	set_number(object, "packets", grant->use.packets);
	set_number(object, "bytes", grant->use.bytes);
	set(object, "auth", text_json(grant->label.auth));
	return object;
}

char *report_grants(const struct grant_table *table, uint32_t uid)
{
	json_t *array = need(json_array());

	for (const struct grant *grant = table->lists[GRANT_OPEN]; grant; grant = grant->next)
		if (uid == 0 || grant->label.uid == uid)
			if (json_array_append_new(array, grant_json(grant)) < 0)
				memory_exhausted();
	return write(array);
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
	object = need(json_object());
	set(object, "user", text_json(login->user));
	set_number(object, "uid", login->uid);
	set(object, "addr", address_json(&login->client));
	set(object, "server",
		login->server.family ? address_json(&login->server) : need(json_null()));
	set_number(object, "pid", (uint64_t)login->pid);
	set(object, "since", time_json(login->since_ms));
	set(object, "auth", text_json(login->auth));
	if (json_array_append_new(logins->array, object) < 0)
		memory_exhausted();
}

char *report_logins(const struct login_table *table, uint32_t uid)
{
	struct logins logins = {need(json_array()), uid};

	login_each(table, append_login, &logins);
	return write(logins.array);
}

char *report_status(
	const struct grant_table *grants, const struct login_table *logins, uint64_t started_ms)
{
	const struct config *config = grants->config;
	json_t *object = need(json_object());
	size_t servers = 0;

	for (struct server *server = grants->servers.servers; server; server = server->hh.next)
		servers += server->role == SERVER_OWNED && !server->is_gone;
	set(object, "version", need(json_string(VERSION)));
	set(object, "since", time_json(started_ms));
	set(object, "table", text_json(config->firewall.table));
	set_number(object, "first_port", config->gate.first_port);
	set_number(object, "last_port", config->gate.last_port);
	set_number(object, "logins", login_count(logins));
	set_number(object, "servers", servers);
	set_number(object, "grants", grants->count);
	return write(object);
}

char *report_number(const char *key, uint64_t number)
{
	json_t *object = need(json_object());

	set_number(object, key, number);
	return write(object);
}

char *report_text(const char *key, const char *text)
{
	json_t *object = need(json_object());

	set(object, key, text_json(text));
	return write(object);
}
