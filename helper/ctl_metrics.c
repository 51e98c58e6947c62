/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "fd.h"
#include "table.h"

/*
 * The status as OpenMetrics text. Who reads it may know Prometheus' older format alone, which is
 * the same but for the types that only OpenMetrics has: so there is none of these.
 */

/* What is measured: a number of the status; with a label that number, as value, of each object in
 * an array. */
static const struct family {
	const char *name; /* of a counter without the _total that its samples have */
	const char *type, *unit, *help;
	const char *key, *label, *value;
} families[] = {
	{"moshgate_start_time_seconds", "gauge", "seconds",
		"When the helper started, since the epoch.", "since", NULL, NULL},
	{"moshgate_guard_time_seconds", "gauge", "seconds",
		"When the guard was made last, since the epoch.", "guard_since", NULL, NULL},
	{"moshgate_guard_restorations", "counter", NULL,
		"Changes by others to the guard that were put right.", "restored", NULL, NULL},
	{"moshgate_guard_dropped_packets", "counter", "packets",
		"Packets that the guard dropped since it was made last.", "dropped", "to",
		"packets"},
	{"moshgate_guard_dropped_bytes", "counter", "bytes",
		"Bytes that the guard dropped since it was made last.", "dropped", "to", "bytes"},
	{"moshgate_logins", "gauge", NULL, "Logins by ssh now.", "logins", NULL, NULL},
	{"moshgate_servers", "gauge", NULL, "Mosh-servers now.", "servers", NULL, NULL},
	{"moshgate_grants", "gauge", NULL, "Grants that are open now.", "open", "via", "count"},
	{"moshgate_grants_limit", "gauge", NULL, "Grants that there may be.", "most_grants", NULL,
		NULL},
	{"moshgate_logins_registered", "counter", NULL, "Logins by ssh.", "all_logins", NULL, NULL},
	{"moshgate_logins_refused", "counter", NULL,
		"Logins that were not registered: their user had too many.", "refused_logins", NULL,
		NULL},
	{"moshgate_grants_opened", "counter", NULL, "Grants that were opened.", "opened", "via",
		"count"},
	{"moshgate_grants_revoked", "counter", NULL, "Grants that ended.", "revoked", "reason",
		"count"},
	{"moshgate_grants_denied", "counter", NULL, "Grants that were not given.", "denied",
		"reason", "count"},
	{"moshgate_requests_refused", "counter", NULL,
		"Connections and requests that were refused on the helper's sockets.", "refused",
		NULL, NULL},
	{"moshgate_transactions", "counter", NULL, "Changes that nftables was asked for.",
		"transactions", NULL, NULL},
	{"moshgate_transactions_refused", "counter", NULL, "Changes that nftables refused.",
		"refused_transactions", NULL, NULL},
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

/* A number, or a time as one; false if it is neither. */
static bool read_number(json_t *json, long long *number)
{
	time_t when = table_time(json);

	if (json_is_integer(json))
		*number = json_integer_value(json);
	else if (when >= 0)
		*number = (long long)when;
	else
		return false;
	return true;
}

static void print_label(const char *name, const char *value)
{
	auto_free char *text = ctl_text(value);

	table_make_harmless(text);
	printf("{%s=\"", name);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			putchar('\\');
		putchar(*c);
	}
	fputs("\"}", stdout);
}

static void print_head(const char *name, const char *type, const char *unit, const char *help)
{
	printf("# TYPE %s %s\n", name, type);
	if (unit)
		printf("# UNIT %s %s\n", name, unit);
	printf("# HELP %s %s\n", name, help);
}

static void print_sample(const struct family *family, json_t *label, json_t *value)
{
	const char *text = json_string_value(label);
	long long number;

	if (!read_number(value, &number))
		return;
	printf("%s%s", family->name, strcmp(family->type, "counter") == 0 ? "_total" : "");
	if (text)
		print_label(family->label, text);
	printf(" %lld\n", number);
}

static void print_family(const struct family *family, json_t *status)
{
	json_t *value = json_object_get(status, family->key), *item;
	size_t i;

	print_head(family->name, family->type, family->unit, family->help);
	if (!family->label)
		print_sample(family, NULL, value);
	json_array_foreach(value, i, item)
	{
		print_sample(family, json_object_get(item, family->label),
			json_object_get(item, family->value));
	}
}

static void print_up(bool is_up)
{
	print_head("moshgate_up", "gauge", NULL, "Whether the helper answers.");
	printf("moshgate_up %d\n", is_up);
}

static void print_metrics(json_t *status)
{
	const char *version = json_string_value(json_object_get(status, "version"));

	print_up(true);
	print_head("moshgate_build_info", "gauge", NULL, "The helper's version.");
	fputs("moshgate_build_info", stdout);
	print_label("version", version ? version : "");
	puts(" 1");
	for (size_t i = 0; i < FAMILIES; i++)
		print_family(&families[i], status);
	puts("# EOF");
}

/* Root alone is told the totals, and by a helper that has them. */
static enum ctl_status refuse(void)
{
	fprintf(stderr, "moshgatectl: %s\n",
		geteuid() == 0 ? ctl_refusal(WIRE_OTHER_VERSION) : "only root may do that");
	return CTL_NOTHING;
}

/* A collector wants to know of a helper that is gone, too. */
enum ctl_status ctl_metrics(const struct ctl_question *question)
{
	json_t *json = NULL;
	enum ctl_status status;

	if (question->is_json) {
		fputs("moshgatectl: metrics are no JSON: status has them as such\n", stderr);
		return CTL_USAGE;
	}
	status = ctl_load(question, &json);
	if (status == CTL_NO_HELPER) {
		print_up(false);
		puts("# EOF");
	} else if (status == CTL_DONE && json_object_get(json, "transactions")) {
		print_metrics(json);
	} else if (status == CTL_DONE) {
		status = refuse();
	}
	json_decref(json);
	return status;
}
