/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "elements.h"
#include "fd.h"
#include "firewall.h"

#define ERROR_SIZE 256

struct firewall {
	struct nft_ctx *nft;
	struct kernel_sets *sets;
	char table[CONFIG_NAME_SIZE];
	char error[ERROR_SIZE];
	bool is_touched; /* by somebody else, and not told yet */
	bool has_port;   /* ours is known */
};

int firewall_open(const struct config *config, struct firewall **firewall)
{
	struct firewall *opened = memory_zeroed(sizeof(*opened));
	int error = 0;

	strcpy(opened->table, config->firewall.table);
	opened->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!opened->nft || nft_ctx_buffer_error(opened->nft) != 0 ||
		nft_ctx_buffer_output(opened->nft) != 0)
		error = -ENOMEM;
	if (error == 0)
		error = elements_open(opened->table, &opened->sets);
	if (error < 0)
		firewall_close(opened);
	else
		*firewall = opened;
	return error;
}

void firewall_close(struct firewall *firewall)
{
	if (!firewall)
		return;
	if (firewall->nft)
		nft_ctx_free(firewall->nft);
	elements_close(firewall->sets);
	free(firewall);
}

const char *firewall_error(const struct firewall *firewall)
{
	return firewall->error;
}

static int run(struct firewall *firewall, const char *commands)
{
	const char *error;
	size_t length;

	if (nft_run_cmd_from_buffer(firewall->nft, commands) == 0)
		return 0;
	error = nft_ctx_get_error_buffer(firewall->nft);
	length = strcspn(error, "\n");
	snprintf(firewall->error, sizeof(firewall->error), "%.*s",
		(int)(length < ERROR_SIZE ? length : ERROR_SIZE - 1), error);
	return -EIO;
}

/* Commands are written to memory; running out of that is the only way it can fail. */
struct script {
	FILE *file;
	char *text;
	size_t size;
};

static void script_begin(struct script *script)
{
	*script = (struct script){0};
	script->file = open_memstream(&script->text, &script->size);
	if (!script->file)
		memory_exhausted();
}

static int script_run(struct script *script, struct firewall *firewall)
{
	int result;

	if (ferror(script->file) || fclose(script->file) != 0)
		memory_exhausted();
	result = script->size > 0 ? run(firewall, script->text) : 0;
	free(script->text);
	return result;
}

static bool is_port(const struct change *change)
{
	return change->kind == CHANGE_PORT_SHUT || change->kind == CHANGE_PORT_OPEN;
}

/* The set that a change is about. */
static const char *set_name(const struct change *change)
{
	if (is_port(change))
		return "servers";
	return change->key.client.family == 4 ? "grants4" : "grants6";
}

static void write_key(FILE *file, const struct change *change)
{
	char client[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE];

	if (!is_port(change))
		fprintf(file, "%s . %s . ", address_format(&change->key.client, client),
			address_format(&change->key.server, server));
	fprintf(file, "%u", change->key.port);
}

/* How a kind of change is written: the verbs, one after the other, over the list of its keys. An
 * element that is not there cannot be deleted, so it is added first; one that is there cannot be
 * changed by adding it (kernels differ in what they do), so it is deleted first. */
static const struct {
	enum change_kind kind;
	const char *verbs[3];
} steps[] = {
	{CHANGE_SHUT, {"add", "delete"}},
	{CHANGE_SHORTEN, {"add", "delete", "add"}},
	{CHANGE_RESTORE, {"add", "delete", "add"}},
	{CHANGE_OPEN, {"add"}},
	{CHANGE_PORT_SHUT, {"add", "delete"}},
	{CHANGE_PORT_OPEN, {"add"}},
};
#define VERBS 3

static void write_list(FILE *file, const char *table, const char *verb, const struct plan *plan,
	enum change_kind kind, const char *set)
{
	bool is_first = true;

	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->changes[i];

		if (change->kind != kind || strcmp(set_name(change), set) != 0)
			continue;
		if (is_first)
			fprintf(file, "%s element inet %s %s {", verb, table, set);
		else
			fputc(',', file);
		is_first = false;
		fputc(' ', file);
		write_key(file, change);
		if (change->timeout_s > 0)
			fprintf(file, " timeout %us comment \"%s\"", change->timeout_s,
				change->comment);
	}
	if (!is_first)
		fputs(" }\n", file);
}

static void write_plan(FILE *file, const char *table, const struct plan *plan)
{
	static const char *const sets[] = {"grants4", "grants6", "servers"};

	for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++)
		for (size_t set = 0; set < sizeof(sets) / sizeof(sets[0]); set++)
			for (size_t verb = 0; verb < VERBS && steps[step].verbs[verb]; verb++)
				write_list(file, table, steps[step].verbs[verb], plan,
					steps[step].kind, sets[set]);
}

/* "ip saddr" or, with a shorter prefix, "ip saddr & 255.255.255.0". */
static void write_client(FILE *file, uint8_t family, unsigned int prefix)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address mask = {.family = family};

	fprintf(file, "%s saddr", family == 4 ? "ip" : "ip6");
	if (prefix == (family == 4 ? 32 : 128))
		return;
	memset(mask.bytes, 0xff, family == 4 ? 4 : 16);
	mask = address_mask(&mask, prefix);
	fprintf(file, " & %s", address_format(&mask, text));
}

static void write_rule(FILE *file, const struct config *config, uint8_t family)
{
	unsigned int prefix = family == 4 ? config->gate.prefix4 : config->gate.prefix6;
	const char *protocol = family == 4 ? "ip" : "ip6";

	fprintf(file, "add rule inet %s guard ", config->firewall.table);
	write_client(file, family, prefix);
	fprintf(file, " . %s daddr . udp dport @grants%u update @grants%u { ", protocol, family,
		family);
	write_client(file, family, prefix);
	fprintf(file, " . %s daddr . udp dport timeout %us }", protocol, config->gate.idle_s);
	if (config->firewall.accept_mark != 0)
		fprintf(file, " meta mark set 0x%x", config->firewall.accept_mark);
	fputs(" accept\n", file);
}

static void write_sets(FILE *file, const char *table)
{
	fprintf(file,
		"add table inet %s\n"
		"add set inet %s grants4 { type ipv4_addr . ipv4_addr . inet_service;"
		" flags dynamic,timeout; size 65535; counter; }\n"
		"add set inet %s grants6 { type ipv6_addr . ipv6_addr . inet_service;"
		" flags dynamic,timeout; size 65535; counter; }\n"
		"add set inet %s servers { type inet_service; }\n"
		"flush set inet %s servers\n",
		table, table, table, table, table);
}

static void write_drop(FILE *file, const struct config *config, const char *match)
{
	const char *table = config->firewall.table;

	if (config->firewall.is_logging_drops)
		fprintf(file,
			"add rule inet %s guard %slimit rate 10/minute log prefix \"moshgate drop "
			"\"\n",
			table, match);
	fprintf(file, "add rule inet %s guard %scounter drop\n", table, match);
}

/* Chains are made anew each time, so that whatever somebody changed in them is gone. The jump
 * stands last: nobody passes a guard of which the rules are not yet there. */
static void write_chains(FILE *file, const struct config *config)
{
	const char *table = config->firewall.table;
	static const char *const chains[] = {"input", "guard"};

	for (size_t i = 0; i < 2; i++)
		fprintf(file,
			"add chain inet %s %s\n"
			"flush chain inet %s %s\n",
			table, chains[i], table, chains[i]);
	fprintf(file,
		"delete chain inet %s input\n"
		"add chain inet %s input { type filter hook input priority %d; policy accept; }\n",
		table, table, config->firewall.priority);
	write_rule(file, config, 4);
	write_rule(file, config, 6);
	write_drop(file, config, "udp dport @servers ");
	if (config->firewall.is_conntrack)
		fprintf(file, "add rule inet %s guard ct direction reply accept\n", table);
	write_drop(file, config, "");
	fprintf(file, "add rule inet %s input udp dport %u-%u jump guard\n", table,
		config->gate.first_port, config->gate.last_port);
}

int firewall_remove(struct firewall *firewall)
{
	struct script script;

	script_begin(&script);
	fprintf(script.file, "add table inet %s\ndelete table inet %s\n", firewall->table,
		firewall->table);
	return script_run(&script, firewall);
}

static int apply_at_once(struct firewall *firewall, const struct plan *plan)
{
	struct script script;

	script_begin(&script);
	write_plan(script.file, firewall->table, plan);
	return script_run(&script, firewall);
}

static struct change *find_change(struct plan *plan, const struct grant_key *key)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->changes[i].kind <= CHANGE_RESTORE &&
			memcmp(&plan->changes[i].key, key, sizeof(*key)) == 0)
			return &plan->changes[i];
	return NULL;
}

/* An element without a comment is one that was added only to be deleted. */
static void on_deleted(const struct element *element, void *context)
{
	struct change *change = find_change(context, &element->key);

	if (!change || !element->comment[0])
		return;
	change->use = element->use;
	change->is_counted = true;
}

/* The kernel has sent its notices when a transaction returns. If it had to drop some, the last
 * counters are not known, and somebody else may have changed something. */
static void read_notices(struct firewall *firewall, struct plan *plan)
{
	if (elements_read_notices(firewall->sets, on_deleted, plan, &firewall->is_touched) < 0)
		firewall->is_touched = true;
}

int firewall_install(struct firewall *firewall, const struct config *config, struct plan *plan)
{
	struct script script;
	int result;

	script_begin(&script);
	write_sets(script.file, firewall->table);
	write_chains(script.file, config);
	write_plan(script.file, firewall->table, plan);
	result = script_run(&script, firewall);
	if (result < 0)
		return result;
	if (!firewall->has_port)
		result = elements_learn_port(firewall->sets);
	firewall->has_port = true;
	read_notices(firewall, plan);
	return result;
}

bool firewall_is_touched(struct firewall *firewall)
{
	struct plan none = {0};
	bool is_touched;

	read_notices(firewall, &none);
	is_touched = firewall->is_touched;
	firewall->is_touched = false;
	return is_touched;
}

int firewall_notice_fd(const struct firewall *firewall)
{
	return elements_notice_fd(firewall->sets);
}

static bool has_element(const struct elements *elements, const struct change *change)
{
	for (size_t i = 0; i < elements->count; i++)
		if (memcmp(&elements->items[i].key, &change->key, sizeof(change->key)) == 0 &&
			(change->kind == CHANGE_SHUT ||
				strcmp(elements->items[i].comment, change->comment) == 0))
			return true;
	return false;
}

/* The whole was refused, so each change alone, in the plan's order; then the kernel is asked what
 * has become of them. */
static void apply_one_by_one(struct firewall *firewall, struct plan *plan)
{
	auto_free void *items = NULL;
	struct elements elements = {0};
	int error;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan single = {.changes = &plan->changes[i], .count = 1};

		plan->changes[i].error = apply_at_once(firewall, &single);
	}
	error = elements_read(firewall->sets, &elements);
	items = elements.items;
	for (size_t i = 0; i < plan->count; i++) {
		struct change *change = &plan->changes[i];

		if (is_port(change) || change->kind == CHANGE_LAPSED)
			continue;
		if (error < 0)
			change->error = error;
		else if (has_element(&elements, change) != (change->kind != CHANGE_SHUT))
			change->error = -EIO;
		else
			change->error = 0;
	}
}

int firewall_apply(struct firewall *firewall, struct plan *plan)
{
	int result = apply_at_once(firewall, plan);

	if (result < 0)
		apply_one_by_one(firewall, plan);
	read_notices(firewall, plan);
	return result;
}

int firewall_read(struct firewall *firewall, struct elements *elements)
{
	return elements_read(firewall->sets, elements);
}

int firewall_get(struct firewall *firewall, const struct grant_key *key, struct element *element)
{
	return elements_get(firewall->sets, key, element);
}
