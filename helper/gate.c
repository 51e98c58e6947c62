/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "credential.h"
#include "fd.h"
#include "gate.h"
#include "hostcheck.h"
#include "log.h"
#include "search.h"

#define COMPARE_MS     60000 /* at most */
#define HEAL_FIRST_MS  10
#define HEAL_DELAY_MS  1000  /* at most */
#define HEAL_FORGET_MS 60000 /* quiet for so long, and the next one is put right at once */

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
}

void gate_clear(struct gate *gate)
{
	grant_table_free(gate->grants);
	login_table_free(gate->logins);
	observer_close(gate->observer);
	firewall_close(gate->firewall);
	state_close(gate->state);
}

/* A grant that lapsed since the last comparison must not stand in the way of a new one. */
static void check_open(struct grant *grant, void *context)
{
	struct gate *gate = context;
	struct element element;
	int error = firewall_get(gate->firewall, &grant->key, &element);

	if (error == 0)
		grant_update(gate->grants, grant, &element.use);
	else if (error == -ENOENT)
		grant_miss(gate->grants, grant, clock_boot_ms());
	else
		log_error("reading an element: %s", strerror(-error));
}

/* A new login: its address may reach its user's servers. */
static void roam(struct gate *gate, const struct login *login)
{
	search_of_login(gate, login);
	grant_each_of_login(gate->grants, login, check_open, gate);
	grant_roam(gate->grants, login, clock_boot_ms());
}

static void forget(struct gate *gate, struct login *login)
{
	state_remove(gate->state, login->pid);
	login_remove(gate->logins, login);
}

/* -errno as of login_add(), or if there is no such process. */
static int add_login(struct gate *gate, const struct wire_session *session, pid_t pid,
	uint64_t since_ms, struct login **added)
{
	char auth[CREDENTIAL_SIZE];
	struct login login = {
		.pid = pid,
		.uid = session->uid,
		.client = session->client,
		.server = session->server,
		.since_ms = since_ms,
		.user = (char *)session->user,
		.auth = auth,
	};
	uint32_t most = gate->config->limits.logins_per_user;
	int error = observer_process(gate->observer, pid, &login.process);

	if (error < 0)
		return error;
	credential_describe(session->auth, auth);
	error = login_add(gate->logins, &login, most, added);
	if (error == -ENOSPC)
		audit_limit_logins(&gate->audit, &login, most);
	return error;
}

static void save(struct gate *gate, const struct login *login, const struct wire_session *session)
{
	const struct state_login saved = {
		.pid = login->pid,
		.start = login->process.start,
		.since_ms = login->since_ms,
		.session = *session,
	};
	int error = state_save(gate->state, &saved);

	if (error < 0)
		log_warning("login of %s is not saved: %s", login->user, strerror(-error));
}

enum wire_answer gate_on_login(struct gate *gate, const struct wire_session *session, pid_t pid)
{
	struct login *login;
	int error = add_login(gate, session, pid, clock_boot_ms(), &login);

	if (error == -ENOSPC)
		return WIRE_REFUSED;
	if (error < 0)
		return error == -EEXIST ? WIRE_DONE : WIRE_FAILED;
	save(gate, login, session);
	audit_login(&gate->audit, login);
	roam(gate, login);
	return WIRE_DONE;
}

static void restore_login(const struct state_login *saved, void *context)
{
	struct gate *gate = context;
	struct login *login;

	if (add_login(gate, &saved->session, saved->pid, saved->since_ms, &login) < 0)
		state_remove(gate->state, saved->pid);
	else if (login->process.start != saved->start)
		forget(gate, login);
}

static void check_login(const struct login *login, void *context)
{
	struct gate *gate = context;
	struct process process;

	if (observer_process(gate->observer, login->pid, &process) < 0 ||
		process.start != login->process.start)
		forget(gate, login_find(gate->logins, login->pid));
}

void gate_check_logins(struct gate *gate)
{
	login_each(gate->logins, check_login, gate);
}

enum wire_answer gate_on_logout(struct gate *gate, pid_t pid)
{
	struct login *login = login_find(gate->logins, pid);

	if (!login)
		return WIRE_NOTHING;
	search_last(gate);
	audit_logout(&gate->audit, login, clock_boot_ms());
	forget(gate, login);
	return WIRE_DONE;
}

void gate_on_exec(struct gate *gate)
{
	if (login_count(gate->logins) > 0)
		search_begin(gate);
}

static void on_ended(uint64_t cookie, void *context)
{
	struct gate *gate = context;

	server_end(&gate->grants->servers, cookie);
}

void gate_on_ended(struct gate *gate)
{
	int error = observer_read_ended(gate->observer, on_ended, gate);

	if (error == 0)
		return;
	log_warning("notices of closed sockets: %s; looking at all", strerror(-error));
	search_see(gate);
}

int gate_refresh(struct gate *gate)
{
	auto_free void *items = NULL;
	struct elements elements = {0};
	int error = firewall_read(gate->firewall, &elements);

	items = elements.items;
	if (error < 0) {
		log_error("reading the sets: %s", strerror(-error));
		return error;
	}
	error = search_see(gate);
	if (error == 0)
		grant_sync(gate->grants, &elements, clock_boot_ms());
	return error;
}

size_t gate_on_revoke(struct gate *gate, const struct grant_selector *selector)
{
	return grant_revoke(gate->grants, selector);
}

static void tell_change(const struct gate *gate, const struct change *change, uint64_t now_ms)
{
	if (change->error < 0)
		return;
	if (change->kind == CHANGE_OPEN)
		audit_grant(&gate->audit, change->grant);
	else if (change->kind == CHANGE_SHUT || change->kind == CHANGE_LAPSED)
		audit_revoke(&gate->audit, change->grant, now_ms);
}

static void tell(const struct gate *gate, const struct plan *plan, uint64_t now_ms)
{
	for (size_t i = 0; i < plan->count; i++)
		tell_change(gate, &plan->changes[i], now_ms);
	for (size_t i = 0; i < plan->denials.count; i++)
		audit_deny(&gate->audit, &plan->denials.items[i]);
}

/* Often enough to see an expiry that moved before it is over. No grants, no need to compare: then
 * nothing wakes the helper until somebody does something. */
static void set_compare(struct gate *gate, uint64_t now_ms)
{
	uint64_t claim_ms = (uint64_t)gate->config->gate.claim_s * 1000;
	uint64_t idle_ms = (uint64_t)gate->config->gate.idle_s * 1000;
	uint64_t interval_ms = (claim_ms < idle_ms ? claim_ms : idle_ms) / 2;

	if (gate->grants->count == 0)
		gate->compare_ms = 0;
	else if (gate->compare_ms <= now_ms)
		gate->compare_ms = now_ms + (interval_ms < COMPARE_MS ? interval_ms : COMPARE_MS);
}

/* Whoever changes our table again and again is not fought for every packet's sake. */
static void plan_heal(struct gate *gate, uint64_t now_ms)
{
	if (gate->is_touched)
		return;
	if (now_ms - gate->healed_ms > HEAL_FORGET_MS)
		gate->heal_delay_ms = 0;
	gate->is_touched = true;
	gate->heal_ms = now_ms + gate->heal_delay_ms;
}

/* Also after each change of our own, which reads the notices that came before it. */
static void check_touched(struct gate *gate)
{
	if (firewall_is_touched(gate->firewall))
		plan_heal(gate, clock_boot_ms());
}

/* The guard and all grants anew, in one transaction. */
static int install(struct gate *gate, const char *action)
{
	uint64_t now_ms = clock_boot_ms();
	struct plan plan;
	int error = gate_refresh(gate);

	if (error < 0)
		return error;
	plan_start_anew(gate->grants);
	plan_make(gate->grants, now_ms, &plan);
	error = firewall_install(gate->firewall, gate->config, &plan);
	if (error < 0) {
		log_error("nftables refused the guard: %s", firewall_error(gate->firewall));
		for (size_t i = 0; i < plan.count; i++)
			plan.changes[i].error = error;
	}
	plan_commit(gate->grants, &plan, now_ms);
	if (error == 0)
		audit_guard(&gate->audit, action);
	tell(gate, &plan, now_ms);
	plan_clear(&plan);
	check_touched(gate);
	set_compare(gate, now_ms);
	return error;
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

static void heal(struct gate *gate, uint64_t now_ms)
{
	if (!gate->is_touched || gate->heal_ms > now_ms)
		return;
	gate->is_touched = false;
	gate->healed_ms = now_ms;
	delay_next_heal(gate);
	if (install(gate, "restored") < 0)
		plan_heal(gate, now_ms);
}

void gate_on_notice(struct gate *gate)
{
	check_touched(gate);
	heal(gate, clock_boot_ms());
}

void gate_on_due(struct gate *gate)
{
	uint64_t now_ms = clock_boot_ms();

	heal(gate, now_ms);
	if (gate->is_searching && gate->look_ms <= now_ms)
		search_go_on(gate, now_ms);
	if (gate->compare_ms != 0 && gate->compare_ms <= now_ms)
		gate_refresh(gate);
}

void gate_settle(struct gate *gate)
{
	uint64_t now_ms = clock_boot_ms();
	struct plan plan;

	plan_make(gate->grants, now_ms, &plan);
	if (plan.count > 0 && firewall_apply(gate->firewall, &plan) < 0) {
		/* With a table that somebody took away that is to be expected. */
		log_line(gate->is_touched ? LOG_DEBUG : LOG_ERR, "nftables refused a change: %s",
			firewall_error(gate->firewall));
		plan_heal(gate, now_ms);
	}
	plan_commit(gate->grants, &plan, now_ms);
	tell(gate, &plan, now_ms);
	if (plan.count > 0)
		check_touched(gate);
	plan_clear(&plan);
	set_compare(gate, now_ms);
	gate->max_ms = grant_end_max(gate->grants, now_ms);
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
	take_earlier(&due_ms, gate->compare_ms != 0, gate->compare_ms);
	take_earlier(&due_ms, gate->is_touched, gate->heal_ms);
	take_earlier(&due_ms, true, gate->max_ms);
	return due_ms;
}

/* What the last helper knew to be a server and has no grant now had one and lost it. */
static int install_first(struct gate *gate)
{
	auto_free void *items = NULL;
	struct elements ports = {0};
	int error = firewall_read_ports(gate->firewall, &ports);

	items = ports.items;
	if (error < 0)
		log_warning("reading the set of servers: %s", strerror(-error));
	error = install(gate, "installed");
	for (size_t i = 0; i < ports.count; i++)
		server_pass_over_port(&gate->grants->servers, ports.items[i].key.port);
	return error;
}

int gate_start(struct gate *gate)
{
	int error = state_load(gate->state, restore_login, gate);

	if (error < 0)
		log_warning("reading the logins: %s", strerror(-error));
	error = install_first(gate);
	if (error < 0)
		return error;
	if (gate->config->firewall.is_exclusive && !firewall_is_exclusive(gate->firewall))
		log_warning("exclusive = yes cannot be had with this kernel and libnftables: "
			    "others can change the table");
	hostcheck(gate->config, gate->firewall);
	search_young(gate);
	gate_settle(gate);
	return 0;
}

int gate_reload(struct gate *gate, struct observer *observer)
{
	struct observer *old = gate->observer;
	int error;

	gate->observer = observer;
	error = install(gate, "installed");
	if (error < 0)
		gate->observer = old;
	else if (old != observer)
		observer_close(old);
	return error;
}
