/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "fallback.h"
#include "fd.h"
#include "gate_part.h"
#include "hostcheck.h"
#include "log.h"
#include "search.h"

#define HEAL_FIRST_MS  10
#define HEAL_DELAY_MS  1000  /* at most */
#define HEAL_FORGET_MS 60000 /* quiet for so long, and the next one is put right at once */

/* Whoever keeps changing our table is answered at growing intervals. */
void gate_plan_heal(struct gate *gate, uint64_t now_ms)
{
	if (gate->is_touched)
		return;
	if (now_ms - gate->healed_ms > HEAL_FORGET_MS)
		gate->heal_delay_ms = 0;
	gate->is_touched = true;
	gate->heal_ms = now_ms + gate->heal_delay_ms;
}

/* Also after each change of our own, which reads the notices that came before it. */
void gate_check_touched(struct gate *gate)
{
	if (firewall_is_touched(gate->firewall))
		gate_plan_heal(gate, gate_now_ms(gate));
}

/* The guard stands all the same. */
static void log_refused(const struct gate *gate, const struct plan *plan, int error)
{
	size_t refused = 0;

	for (size_t i = 0; i < plan->count; i++)
		refused += plan->changes[i].error < 0;
	if (error == 0 && refused > 0)
		log_error("nftables refused %zu of %zu changes: %s", refused, plan->count,
			firewall_error(gate->firewall));
}

/* The guard and all grants anew, in one transaction. */
static int install(struct gate *gate, const char *action)
{
	uint64_t now_ms = gate_now_ms(gate);
	struct plan plan;
	int error;

	plan_start_anew(gate->grants);
	plan_make(gate->grants, now_ms, &plan);
	error = firewall_install(gate->firewall, gate->config, &plan);
	gate->totals.transactions++;
	gate->totals.refused_transactions += error < 0;
	if (error < 0) {
		log_error("nftables refused the guard: %s", firewall_error(gate->firewall));
		for (size_t i = 0; i < plan.count; i++)
			plan.changes[i].error = error;
	}
	log_refused(gate, &plan, error);
	plan_commit(gate->grants, &plan, now_ms);
	if (error == 0) {
		gate->installed_ms = now_ms;
		audit_guard(&gate->audit, action);
	}
	gate_tell(gate, &plan, now_ms);
	gate_plan_recheck(gate, &plan, now_ms);
	plan_clear(&plan);
	gate_check_touched(gate);
	gate_set_compare(gate, now_ms);
	return error;
}

static int refresh_and_install(struct gate *gate)
{
	int error = gate_refresh(gate);

	return error < 0 ? error : install(gate, "installed");
}

/* What the sockets say comes after: until the guard is back the range is open. A command that
 * flushed it makes everybody wait for the kernel's grace period when it ends, if it ends first. */
static int restore(struct gate *gate)
{
	int error = gate_read_sets(gate);

	if (error == 0)
		error = install(gate, "restored");
	if (error < 0)
		return error;
	/* Another helper that could not start may have found no guard. */
	fallback_remove();
	search_see(gate);
	return 0;
}

static void delay_next_heal(struct gate *gate)
{
	if (gate->heal_delay_ms == HEAL_DELAY_MS)
		return;
	gate->heal_delay_ms = gate->heal_delay_ms == 0 ? HEAL_FIRST_MS : gate->heal_delay_ms * 2;
	if (gate->heal_delay_ms < HEAL_DELAY_MS)
		return;
	gate->heal_delay_ms = HEAL_DELAY_MS;
	log_warning("somebody keeps changing table %s: putting it right once a second from now on",
		gate->config->firewall.table);
}

void gate_heal(struct gate *gate, uint64_t now_ms)
{
	if (!gate->is_touched || gate->heal_ms > now_ms)
		return;
	gate->is_touched = false;
	gate->healed_ms = now_ms;
	delay_next_heal(gate);
	if (restore(gate) < 0) {
		gate_plan_heal(gate, now_ms);
		return;
	}
	gate->restored_ms = now_ms;
	gate->restored++;
}

void gate_on_notice(struct gate *gate)
{
	gate_check_touched(gate);
	gate_heal(gate, gate_now_ms(gate));
}

static void read_ports(struct gate *gate, bool is_port[SERVER_PORTS])
{
	auto_free void *items = NULL;
	struct elements ports = {0};
	int error = firewall_read_ports(gate->firewall, &ports);

	items = ports.items;
	if (error < 0)
		log_warning("reading the set of servers: %s", strerror(-error));
	for (size_t i = 0; i < ports.count; i++)
		is_port[ports.items[i].key.port] = true;
}

/* A port still in `servers` but without a grant lost its grant for a reason: do not grant it again.
 * And whoever else is on this host is to let nobody in there by asking from it. */
int gate_install_first(struct gate *gate)
{
	auto_free bool *is_port = memory_zeroed(SERVER_PORTS * sizeof(*is_port));
	int error;

	read_ports(gate, is_port);
	error = gate_refresh(gate);
	server_keep_ports(&gate->grants->servers, is_port);
	if (error == 0)
		error = install(gate, "installed");
	if (error == 0)
		fallback_remove();
	server_pass_over_ports(&gate->grants->servers, is_port);
	return error;
}

/* One that is not there may come later, and is watched then. */
void gate_warn_unwatched(const struct gate *gate)
{
	for (size_t i = 0; i < CONFIG_PATHS_MAX && gate->config->gate.servers[i][0]; i++) {
		int error = observer_watch_error(gate->observer, i);

		if (error < 0 && error != -ENOENT && error != -ENOTDIR)
			log_warning("%s cannot be watched, so its ports open only when ssh has "
				    "closed: %s",
				gate->config->gate.servers[i], strerror(-error));
	}
}

int gate_reload(struct gate *gate, struct observer *observer)
{
	struct observer *old = gate->observer;
	int error;

	gate->observer = observer;
	gate->compare_ms = 0; /* the next is to come in time for a shorter claim or idle */
	error = refresh_and_install(gate);
	if (error < 0) {
		gate->observer = old;
	} else if (old != observer) {
		observer_close(old);
		hostcheck(gate->config, gate->firewall);
		gate_warn_unwatched(gate);
	}
	return error;
}
