/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "clock.h"
#include "elements.h"
#include "fd.h"
#include "firewall.h"
#include "script.h"

#define ERROR_SIZE 256

/* Of a table that others cannot change while we live, and that stays when we do not. */
#define EXCLUSIVE " { flags owner,persist; }"

struct firewall {
	struct nft_ctx *nft;
	struct kernel_sets *sets;
	char table[CONFIG_NAME_SIZE];
	char error[ERROR_SIZE];
	bool is_exclusive; /* the table is ours alone */
	bool is_touched;   /* by somebody else, and not told yet */
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

static int remove_table(struct firewall *firewall, const char *flags)
{
	struct script script;

	script_begin(&script);
	fprintf(script.file, "add table inet %s%s\ndelete table inet %s\n", firewall->table, flags,
		firewall->table);
	return script_run(&script, firewall);
}

/* One that was exclusive has to be taken before. */
int firewall_remove(struct firewall *firewall)
{
	return remove_table(firewall, "") < 0 ? remove_table(firewall, EXCLUSIVE) : 0;
}

static int apply_at_once(struct firewall *firewall, const struct plan *plan)
{
	struct script script;

	script_begin(&script);
	script_plan(script.file, firewall->table, plan);
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

/* Ways to have the table: the first that the kernel and libnftables take is it. A table that is
 * there cannot become exclusive or cease to be, so it may have to be made anew, in the same
 * transaction. */
static const struct way {
	const char *remove; /* how the table that is there is taken, to remove it; null: it stays */
	const char *flags;
	bool is_exclusive;
} exclusive_ways[] = {{NULL, EXCLUSIVE, true}, {"", EXCLUSIVE, true}, {NULL, "", false}},
  plain_ways[] = {{NULL, "", false}, {EXCLUSIVE, "", false}};

static int install(struct firewall *firewall, const struct config *config, const struct way *way,
	const struct elements *elements, const struct plan *plan)
{
	const char *table = firewall->table;
	struct script script;

	script_begin(&script);
	if (way->remove)
		fprintf(script.file, "add table inet %s%s\ndelete table inet %s\n", table,
			way->remove, table);
	fprintf(script.file, "add table inet %s%s\n", table, way->flags);
	script_sets(script.file, table);
	for (size_t i = 0; way->remove && i < elements->count; i++)
		script_element(script.file, table, &elements->items[i], clock_boot_ms());
	script_guard(script.file, config);
	script_plan(script.file, table, plan);
	return script_run(&script, firewall);
}

static int install_some_way(
	struct firewall *firewall, const struct config *config, const struct plan *plan)
{
	bool wants = config->firewall.is_exclusive;
	const struct way *ways = wants ? exclusive_ways : plain_ways;
	size_t count = wants ? 3 : 2;
	auto_free void *items = NULL;
	struct elements elements = {0};
	int result = install(firewall, config, &ways[0], &elements, plan);

	firewall->is_exclusive = ways[0].is_exclusive;
	bool is_read = result == 0 || elements_read(firewall->sets, &elements) == 0;

	items = elements.items;
	if (!is_read)
		return result;
	for (size_t i = 1; i < count && result < 0; i++) {
		result = install(firewall, config, &ways[i], &elements, plan);
		firewall->is_exclusive = ways[i].is_exclusive;
	}
	return result;
}

int firewall_install(struct firewall *firewall, const struct config *config, struct plan *plan)
{
	struct plan none = {0};
	int result;

	/* Whatever anybody has changed so far is made good now. */
	read_notices(firewall, &none);
	firewall->is_touched = false;
	result = install_some_way(firewall, config, plan);
	if (result < 0)
		return result;
	if (elements_learn_port(firewall->sets, on_deleted, plan, &firewall->is_touched) < 0)
		firewall->is_touched = true;
	return 0;
}

bool firewall_is_exclusive(const struct firewall *firewall)
{
	return firewall->is_exclusive;
}

int firewall_list(struct firewall *firewall, char **json)
{
	int result;

	nft_ctx_output_set_flags(firewall->nft, NFT_CTX_OUTPUT_JSON);
	result = run(firewall, "list ruleset");
	nft_ctx_output_set_flags(firewall->nft, 0);
	if (result == 0)
		*json = memory_text(nft_ctx_get_output_buffer(firewall->nft));
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

static bool is_in_phase(const struct change *change, bool is_shut)
{
	return (change->kind == CHANGE_SHUT) == is_shut && change->kind != CHANGE_LAPSED;
}

/* Asks the kernel what has become of each change that was run; -EIO if one was not done. */
static int judge(struct firewall *firewall, struct plan *plan, bool is_shut)
{
	auto_free void *items = NULL;
	struct elements elements = {0};
	int error = elements_read(firewall->sets, &elements), result = 0;

	items = elements.items;
	for (size_t i = 0; i < plan->count; i++) {
		struct change *change = &plan->changes[i];

		if (!is_in_phase(change, is_shut))
			continue;
		if (!plan_is_port(change))
			change->error = error < 0                                   ? error
					: has_element(&elements, change) == is_shut ? -EIO
										    : 0;
		if (change->error < 0)
			result = -EIO;
	}
	return result;
}

static void run_each(struct firewall *firewall, struct plan *plan, bool is_shut)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan single = {.changes = &plan->changes[i], .count = 1};

		if (is_in_phase(&plan->changes[i], is_shut))
			plan->changes[i].error = apply_at_once(firewall, &single);
	}
}

/* The whole was refused, so each change alone; first what closes, and only if all of that is done
 * what opens. */
static void apply_one_by_one(struct firewall *firewall, struct plan *plan)
{
	run_each(firewall, plan, true);
	if (judge(firewall, plan, true) == 0) {
		run_each(firewall, plan, false);
		judge(firewall, plan, false);
		return;
	}
	for (size_t i = 0; i < plan->count; i++)
		if (is_in_phase(&plan->changes[i], false))
			plan->changes[i].error = -EIO;
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

int firewall_read_ports(struct firewall *firewall, struct elements *elements)
{
	return elements_read_ports(firewall->sets, elements);
}
