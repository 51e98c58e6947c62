/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "drops.h"
#include "fd.h"
#include "firewall_part.h"
#include "script.h"

/* libnftables keeps what it has seen of everybody's ruleset, half a MiB for each table, so it goes
 * when it has done its work; but an exclusive table stays as long as the socket that made it. The
 * next one is there before it is wanted in a hurry. */
static void close_idle_nft(struct firewall *firewall)
{
	if (firewall->is_exclusive)
		return;
	nftables_close(&firewall->nft);
	nftables_open(&firewall->nft);
	elements_forget_port(firewall->sets);
	memory_trim();
}

int firewall_open(const struct config *config, struct firewall **firewall)
{
	struct firewall *opened = memory_zeroed(sizeof(*opened));
	int error;

	strcpy(opened->table, config->firewall.table);
	error = nftables_open(&opened->nft);
	if (error == 0)
		error = elements_open(opened->table, &opened->sets);
	if (error == 0)
		error = batch_open(&opened->batch);
	if (error < 0) {
		firewall_close(opened);
		return error;
	}
	elements_know_port(opened->sets, batch_port(opened->batch));
	*firewall = opened;
	return 0;
}

void firewall_close(struct firewall *firewall)
{
	if (!firewall)
		return;
	nftables_close(&firewall->nft);
	elements_close(firewall->sets);
	batch_close(firewall->batch);
	free(firewall);
}

const char *firewall_error(const struct firewall *firewall)
{
	return firewall->nft.error;
}

static int remove_table(struct firewall *firewall, const char *flags)
{
	struct nftables_script script;

	nftables_begin(&script);
	fprintf(script.file, "add table inet %s%s\ndelete table inet %s\n", firewall->table, flags,
		firewall->table);
	return nftables_run(&firewall->nft, &script);
}

/* An exclusive table has to be claimed before it can be deleted. */
int firewall_remove(struct firewall *firewall)
{
	return remove_table(firewall, "") < 0 ? remove_table(firewall, EXCLUSIVE) : 0;
}

/* A table that is ours alone belongs to libnftables' socket, so that it has to be told. */
static int apply_by_script(struct firewall *firewall, const struct plan *plan)
{
	struct nftables_script script;

	nftables_begin(&script);
	script_plan(script.file, firewall->table, plan, false);
	return nftables_run(&firewall->nft, &script);
}

static int apply_at_once(struct firewall *firewall, const struct plan *plan)
{
	int error;

	if (firewall->is_exclusive)
		return apply_by_script(firewall, plan);
	error = batch_run(firewall->batch, firewall->table, plan);
	if (error < 0)
		snprintf(firewall->nft.error, sizeof(firewall->nft.error), "%s", strerror(-error));
	return error < 0 ? -EIO : 0;
}

static struct change *find_change(struct plan *plan, const struct grant_key *key)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->changes[i].kind <= CHANGE_RESTORE &&
			memcmp(&plan->changes[i].key, key, sizeof(*key)) == 0)
			return &plan->changes[i];
	return NULL;
}

/* An element without a comment is one that was added only to be deleted; and what is told first is
 * what was there, if a change had to be made twice. */
static void on_deleted(const struct element *element, void *context)
{
	struct change *change = find_change(context, &element->key);

	if (!change || change->is_counted || !element->comment[0])
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

bool firewall_is_exclusive(const struct firewall *firewall)
{
	return firewall->is_exclusive;
}

int firewall_list(struct firewall *firewall, char **json)
{
	int result = nftables_list(&firewall->nft, json);

	close_idle_nft(firewall);
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

/* What is tried one by one. */
enum phase { CLOSING, OPENING };

static bool is_in_phase(const struct change *change, enum phase phase)
{
	if (change->kind == CHANGE_LAPSED)
		return false;
	return phase == (change->kind == CHANGE_SHUT ? CLOSING : OPENING);
}

/* Asks the kernel what has become of each change that was run; -EIO if one was not done. */
static int judge(struct firewall *firewall, struct plan *plan, enum phase phase)
{
	auto_free void *items = NULL;
	struct elements elements = {0};
	int error = elements_read(firewall->sets, &elements), result = 0;

	items = elements.items;
	for (size_t i = 0; i < plan->count; i++) {
		struct change *change = &plan->changes[i];

		if (!is_in_phase(change, phase))
			continue;
		if (!plan_is_port(change))
			change->error = error < 0 ? error
					: has_element(&elements, change) == (phase == CLOSING)
						? -EIO
						: 0;
		if (change->error < 0)
			result = -EIO;
	}
	return result;
}

static void run_each(struct firewall *firewall, struct plan *plan, enum phase phase)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan single = {.changes = &plan->changes[i], .count = 1};

		if (is_in_phase(&plan->changes[i], phase))
			plan->changes[i].error = apply_at_once(firewall, &single);
	}
}

/* The whole was refused, so each change alone; first what closes, and only if all of that is done
 * what opens. */
static void apply_one_by_one(struct firewall *firewall, struct plan *plan)
{
	run_each(firewall, plan, CLOSING);
	if (judge(firewall, plan, CLOSING) == 0) {
		run_each(firewall, plan, OPENING);
		judge(firewall, plan, OPENING);
		return;
	}
	for (size_t i = 0; i < plan->count; i++)
		if (is_in_phase(&plan->changes[i], OPENING))
			plan->changes[i].error = -EIO;
}

/* One change that the kernel does not take is not to keep the guard away. */
static void apply_alone(struct firewall *firewall, struct plan *plan)
{
	apply_one_by_one(firewall, plan);
	read_notices(firewall, plan);
}

int firewall_install(struct firewall *firewall, const struct config *config, struct plan *plan)
{
	struct plan none = {0};
	bool is_alone = false; /* the guard, without the plan */
	int result;

	/* Whatever anybody has changed so far is made good now. */
	read_notices(firewall, &none);
	firewall->is_touched = false;
	result = firewall_make(firewall, config, plan);
	if (result < 0 && plan->count > 0) {
		result = firewall_make(firewall, config, &none);
		is_alone = result == 0;
	}
	if (result < 0)
		return result;
	if (elements_learn_port(firewall->sets, on_deleted, plan, &firewall->is_touched) < 0)
		firewall->is_touched = true;
	if (is_alone)
		apply_alone(firewall, plan);
	close_idle_nft(firewall);
	return 0;
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

int firewall_read_pending(struct firewall *firewall, struct elements *elements)
{
	return elements_read_pending(firewall->sets, elements);
}

int firewall_get(struct firewall *firewall, const struct grant_key *key, struct element *element)
{
	return elements_get(firewall->sets, key, element);
}

int firewall_read_ports(struct firewall *firewall, struct elements *elements)
{
	return elements_read_ports(firewall->sets, elements);
}

int firewall_read_drops(const struct firewall *firewall, struct drops *drops)
{
	return drops_read(firewall->table, drops);
}
