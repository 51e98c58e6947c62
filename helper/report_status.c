/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"
#include "report_json.h"
#include "text.h"

static size_t count_logins(const struct login_table *table, uint32_t uid)
{
	const struct login *login = login_of_user(table, uid);
	size_t count = 0;

	if (uid == 0)
		return login_count(table);
	for (; login; login = login->next)
		count++;
	return count;
}

static size_t count_servers(const struct grant_table *table, uint32_t uid)
{
	size_t count = 0;

	for (struct server *server = table->servers.servers; server; server = server->hh.next)
		count += server->role == SERVER_OWNED && !server->is_gone &&
			 (uid == 0 || server->socket.uid == uid);
	return count;
}

static uint64_t count_grants(const struct grant_table *table, uint32_t uid)
{
	return uid == 0 ? table->count : (uint64_t)tally_of(&table->per_uid, uid, 0);
}

static json_t *counted(const char *key, const char *value, uint64_t count)
{
	json_t *object = report_json_need(json_object());

	report_json_set(object, key, report_json_text(value));
	report_json_set_number(object, "count", count);
	return object;
}

static json_t *by_via(const uint64_t counts[LABEL_VIAS])
{
	json_t *array = report_json_need(json_array());

	for (enum label_via via = 0; via < LABEL_VIAS; via++)
		report_json_append(array, counted("via", text_via(via), counts[via]));
	return array;
}

static json_t *revoked_json(const struct totals *totals)
{
	json_t *array = report_json_need(json_array());

	for (enum grant_reason reason = 0; reason < GRANT_REASONS; reason++)
		report_json_append(
			array, counted("reason", text_reason(reason), totals->revoked[reason]));
	return array;
}

static json_t *denied_json(const struct totals *totals)
{
	json_t *array = report_json_need(json_array());

	for (enum grant_denial_reason reason = 0; reason < DENIAL_REASONS; reason++)
		report_json_append(
			array, counted("reason", text_denial(reason), totals->denied[reason]));
	return array;
}

static json_t *open_json(const struct grant_table *table)
{
	uint64_t counts[LABEL_VIAS] = {0};

	for (const struct grant *grant = table->lists[GRANT_OPEN]; grant; grant = grant->next)
		counts[grant->label.via]++;
	return by_via(counts);
}

static json_t *dropped(const char *to, const struct drops_count *count)
{
	json_t *object = report_json_need(json_object());

	report_json_set(object, "to", report_json_text(to));
	report_json_set_number(object, "packets", count->packets);
	report_json_set_number(object, "bytes", count->bytes);
	return object;
}

static json_t *dropped_json(const struct drops *drops)
{
	json_t *array;

	if (!drops)
		return report_json_need(json_null());
	array = report_json_need(json_array());
	report_json_append(array, dropped("servers", &drops->servers));
	report_json_append(array, dropped("others", &drops->others));
	return array;
}

static void set_totals(json_t *object, const struct report_status *status)
{
	const struct totals *totals = status->totals;

	report_json_set_number(object, "refused", status->refused);
	report_json_set(object, "guard_since", report_json_time(status->guard_ms));
	report_json_set_number(object, "restored", status->restored);
	report_json_set(object, "dropped", dropped_json(status->drops));
	report_json_set_number(object, "most_grants", status->grants->config->limits.grants);
	report_json_set(object, "open", open_json(status->grants));
	report_json_set_number(object, "all_logins", totals->logins);
	report_json_set_number(object, "refused_logins", totals->refused_logins);
	report_json_set(object, "opened", by_via(totals->opened));
	report_json_set(object, "revoked", revoked_json(totals));
	report_json_set(object, "denied", denied_json(totals));
	report_json_set_number(object, "transactions", totals->transactions);
	report_json_set_number(object, "refused_transactions", totals->refused_transactions);
}

char *report_status(const struct report_status *status, uint32_t uid)
{
	const struct config *config = status->grants->config;
	json_t *object = report_json_need(json_object());

	report_json_set(object, "version", report_json_need(json_string(VERSION)));
	report_json_set(object, "since", report_json_time(status->started_ms));
	report_json_set(object, "table", report_json_text(config->firewall.table));
	report_json_set_number(object, "first_port", config->gate.first_port);
	report_json_set_number(object, "last_port", config->gate.last_port);
	report_json_set_number(object, "logins", count_logins(status->logins, uid));
	report_json_set_number(object, "servers", count_servers(status->grants, uid));
	report_json_set_number(object, "grants", count_grants(status->grants, uid));
	if (uid == 0)
		set_totals(object, status);
	return report_json_write(object);
}
