/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fd.h"
#include "gate_part.h"
#include "hostcheck.h"
#include "log.h"
#include "pending.h"
#include "search.h"

#define COMPARE_MS      60000 /* at most */
#define RECHECK_MS      20
#define RECHECK_LAST_MS 200

void gate_init(struct gate *gate, const struct gate_parts *parts)
{
	*gate = (struct gate){
		.config = parts->config,
		.logins = login_table_new(),
		.grants = grant_table_new(parts->config),
		.observer = parts->observer,
		.firewall = parts->firewall,
		.state = parts->state,
		.audit = parts->audit,
		.max_ms = UINT64_MAX,
	};
	gate->grants->servers.is_there = search_is_there;
	gate->grants->servers.context = gate;
}

void gate_clear(struct gate *gate)
{
	grant_table_free(gate->grants);
	login_table_free(gate->logins);
	observer_close(gate->observer);
	firewall_close(gate->firewall);
	state_close(gate->state);
	denied_clear(&gate->denied);
	past_clear(&gate->past);
	free(gate->new_pids);
}

uint64_t gate_now_ms(struct gate *gate)
{
	uint64_t awake_ms = clock_awake_ms(), boot_ms = clock_boot_ms();

	gate->grants->asleep_ms = boot_ms - awake_ms;
	return boot_ms;
}

bool gate_knows(const struct gate *gate, uint32_t uid)
{
	return gate->is_starting || login_of_user(gate->logins, uid) ||
	       tally_of(&gate->grants->per_uid, uid, 0) > 0;
}

void gate_on_exec(struct gate *gate)
{
	if (login_count(gate->logins) > 0)
		search_begin(gate);
}

void gate_on_ended(struct gate *gate)
{
	search_ended(gate);
}

int gate_read_sets(struct gate *gate)
{
	auto_free void *items = NULL;
	struct elements elements = {0};
	int error = firewall_read(gate->firewall, &elements);

	items = elements.items;
	if (error < 0)
		log_error("reading the sets: %s", strerror(-error));
	else
		grant_sync(gate->grants, &elements, gate_now_ms(gate));
	return error;
}

int gate_refresh(struct gate *gate)
{
	int error = search_see(gate);

	return error < 0 ? error : gate_read_sets(gate);
}

size_t gate_on_revoke(struct gate *gate, const struct grant_selector *selector)
{
	/* Nor is it to come back with the next helper. */
	gate_settle_logins(gate, selector);
	return grant_revoke(gate->grants, selector);
}

int gate_read_pending(struct gate *gate, struct elements *knocked)
{
	int error = firewall_read_pending(gate->firewall, knocked);

	if (error < 0)
		log_error("reading who knocked: %s", strerror(-error));
	return error;
}

int gate_on_allow(struct gate *gate, uint32_t uid, const struct address *client, size_t *denied)
{
	auto_free void *items = NULL;
	struct elements knocked = {0};
	struct pending_allowed allowed;
	int error = gate_read_pending(gate, &knocked);

	items = knocked.items;
	if (error < 0)
		return error;
	allowed = pending_allow(gate->grants, &knocked, uid, client, gate_now_ms(gate));
	*denied += allowed.denied;
	return (int)allowed.count;
}

static void tell_change(struct gate *gate, const struct change *change, uint64_t now_ms)
{
	if (change->error < 0)
		return;
	if (change->kind == CHANGE_OPEN) {
		gate->totals.opened[change->grant->label.via]++;
		audit_grant(&gate->audit, change->grant);
	}
	if (change->kind != CHANGE_SHUT && change->kind != CHANGE_LAPSED)
		return;
	gate->totals.revoked[change->grant->reason]++;
	past_add_grant(&gate->past, change->grant, now_ms);
	audit_revoke(&gate->audit, change->grant, now_ms);
}

static void tell_denial(struct gate *gate, const struct grant_denial *denial, uint64_t now_ms)
{
	uint64_t count;

	gate->totals.denied[denial->reason]++;
	if (denied_count(&gate->denied, denial, now_ms, &count))
		audit_deny(&gate->audit, denial, count);
}

void gate_tell(struct gate *gate, const struct plan *plan, uint64_t now_ms)
{
	for (size_t i = 0; i < plan->count; i++)
		tell_change(gate, &plan->changes[i], now_ms);
	for (size_t i = 0; i < plan->denials.count; i++)
		tell_denial(gate, &plan->denials.items[i], now_ms);
}

/* Often enough to see an expiry that moved before it is over. No grants, no need to compare: then
 * nothing wakes the helper until somebody does something. */
void gate_set_compare(struct gate *gate, uint64_t now_ms)
{
	uint64_t claim_ms = (uint64_t)gate->config->gate.claim_s * 1000;
	uint64_t idle_ms = (uint64_t)gate->config->gate.idle_s * 1000;
	uint64_t interval_ms = (claim_ms < idle_ms ? claim_ms : idle_ms) / 2;

	if (gate->grants->count == 0)
		gate->compare_ms = 0;
	else if (gate->compare_ms == 0)
		gate->compare_ms = now_ms + (interval_ms < COMPARE_MS ? interval_ms : COMPARE_MS);
}

/* A packet that passed the guard's look-up before an element was deleted may renew the element just
 * after that, and so makes it anew, for all of idle; of which nobody tells. Each time that costs as
 * much as there are grants. */
void gate_plan_recheck(struct gate *gate, const struct plan *plan, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + RECHECK_MS + gate->grants->count / 10;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->changes[i].kind == CHANGE_SHUT)
			gate->shut_ms = now_ms;
	if (gate->shut_ms == now_ms && (gate->recheck_ms == 0 || gate->recheck_ms > at_ms))
		gate->recheck_ms = at_ms;
}

/* Once more, for a processor that stood still meanwhile. */
static void recheck(struct gate *gate, uint64_t now_ms)
{
	uint64_t last_ms = gate->shut_ms + RECHECK_LAST_MS;

	if (gate_read_sets(gate) < 0)
		gate->recheck_ms = now_ms + COMPARE_MS;
	else
		gate->recheck_ms = now_ms < last_ms ? last_ms : 0;
}

void gate_on_due(struct gate *gate)
{
	uint64_t now_ms = gate_now_ms(gate);

	gate_heal(gate, now_ms);
	if (gate->recheck_ms != 0 && gate->recheck_ms <= now_ms)
		recheck(gate, now_ms);
	if (gate->is_searching && gate->look_ms <= now_ms)
		search_go_on(gate, now_ms);
	if (gate->compare_ms == 0 || gate->compare_ms > now_ms)
		return;
	gate->compare_ms = 0; /* what is settled then sets the next */
	if (gate_refresh(gate) == 0)
		search_late(gate);
}

static void apply(struct gate *gate, struct plan *plan, uint64_t now_ms)
{
	int error;

	if (plan->count == 0)
		return;
	error = firewall_apply(gate->firewall, plan);
	gate->totals.transactions++;
	gate->totals.refused_transactions += error < 0;
	if (error == 0)
		return;
	/* Expected if somebody has just removed our table. */
	log_line(gate->is_touched ? LOG_INFO : LOG_ERR, "nftables refused a change: %s",
		firewall_error(gate->firewall));
	gate_plan_heal(gate, now_ms);
}

bool gate_settle(struct gate *gate)
{
	uint64_t now_ms = gate_now_ms(gate);
	struct plan plan;
	bool has_changes;

	plan_make(gate->grants, now_ms, &plan);
	apply(gate, &plan, now_ms);
	plan_commit(gate->grants, &plan, now_ms);
	gate_tell(gate, &plan, now_ms);
	gate_plan_recheck(gate, &plan, now_ms);
	has_changes = plan.count > 0;
	if (has_changes)
		gate_check_touched(gate);
	plan_clear(&plan);
	if (plan_retry_ms(gate->grants) == UINT64_MAX)
		gate_settle_logins(gate, NULL);
	gate_set_compare(gate, now_ms);
	gate->max_ms = grant_end_max(gate->grants, now_ms);
	return has_changes;
}

static void take_earlier(uint64_t *due_ms, bool is_due, uint64_t at_ms)
{
	if (is_due && at_ms < *due_ms)
		*due_ms = at_ms;
}

uint64_t gate_due_ms(const struct gate *gate)
{
	uint64_t due_ms = plan_retry_ms(gate->grants);

	take_earlier(&due_ms, gate->is_searching, gate->look_ms);
	take_earlier(&due_ms, gate->recheck_ms != 0, gate->recheck_ms);
	take_earlier(&due_ms, gate->compare_ms != 0, gate->compare_ms);
	take_earlier(&due_ms, gate->is_touched, gate->heal_ms);
	take_earlier(&due_ms, true, gate->max_ms);
	return due_ms;
}

int gate_start(struct gate *gate)
{
	int error = gate_restore_logins(gate);

	if (error < 0) {
		log_error("reading the logins: %s", strerror(-error));
		return error;
	}
	gate->is_starting = true;
	error = gate_install_first(gate);
	gate->is_starting = false;
	if (error < 0)
		return error;
	if (gate->config->firewall.is_exclusive && !firewall_is_exclusive(gate->firewall))
		log_warning("exclusive = yes cannot be had with this kernel and libnftables: "
			    "others can change the table");
	hostcheck(gate->config, gate->firewall);
	gate_warn_unwatched(gate);
	search_young(gate);
	gate_roam_new_logins(gate);
	gate_settle(gate);
	gate_forget_past_logins(gate);
	return 0;
}
