/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "credential.h"
#include "gate_part.h"
#include "log.h"
#include "search.h"

/* A grant that lapsed since the last comparison must not stand in the way of a new one. */
static void check_open(struct grant *grant, void *context)
{
	struct gate *gate = context;
	struct element element;
	int error = firewall_get(gate->firewall, &grant->key, &element);

	if (error == 0)
		grant_update(gate->grants, grant, &element.use, gate_now_ms(gate));
	else if (error == -ENOENT)
		grant_miss(gate->grants, grant, gate_now_ms(gate));
	else
		log_error("reading an element: %s", strerror(-error));
}

static void tell_other_family(struct gate *gate, const struct login *login, size_t servers)
{
	uint64_t count;

	if (denied_count_login(
		    &gate->denied, login->uid, DENIED_LOGIN_FAMILY, gate_now_ms(gate), &count))
		log_info("user %s has %zu servers of the other address family, which this login "
			 "does not open (count=%" PRIu64 ")",
			login->user, servers, count);
}

/* A new login: its address may reach its user's servers. */
static void roam(struct gate *gate, const struct login *login)
{
	size_t other_family;

	search_of_login(gate, login);
	grant_each_of_login(gate->grants, login, check_open, gate);
	other_family = grant_roam(gate->grants, login, gate_now_ms(gate));
	if (other_family > 0)
		tell_other_family(gate, login, other_family);
}

static void forget(struct gate *gate, struct login *login)
{
	state_remove(gate->state, login->pid);
	login_remove(gate->logins, login);
}

static void refuse(struct gate *gate, const struct login *login, uint32_t most)
{
	uint64_t count;

	gate->totals.refused_logins++;
	past_add_login(&gate->past, PAST_REFUSED, login, login->since_ms);
	if (denied_count_login(
		    &gate->denied, login->uid, DENIED_LOGIN_LIMIT, gate_now_ms(gate), &count))
		audit_limit_logins(&gate->audit, login, most, count);
}

/* -errno as of login_add(). */
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
	int error;

	credential_describe(session->auth, auth);
	error = login_add(gate->logins, &login, most, added);
	if (error == -ENOSPC)
		refuse(gate, &login, most);
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
	int error = add_login(gate, session, pid, gate_now_ms(gate), &login);

	return error == -ENOSPC ? WIRE_REFUSED : WIRE_DONE;
}

/* Errors that say nothing about the process itself. */
static bool is_unknown(int error)
{
	return error < 0 && error != -ENOENT && error != -ESRCH && error != -EEXIST &&
	       error != -ENOSPC;
}

static void mark_new(struct gate *gate, struct login *login)
{
	login->is_new = true;
	gate->new_pids = memory_grow(
		gate->new_pids, gate->new_count, &gate->new_capacity, sizeof(*gate->new_pids));
	gate->new_pids[gate->new_count++] = login->pid;
}

/* There is no better time to look; so it is looked once more if that is all that is wrong. */
static int look_at(struct gate *gate, pid_t pid, struct process *process)
{
	int error = observer_process(gate->observer, pid, process);

	return is_unknown(error) ? observer_process(gate->observer, pid, process) : error;
}

static void begin(struct gate *gate, struct login *login, const struct wire_session *session)
{
	gate->totals.logins++;
	save(gate, login, session);
	mark_new(gate, login);
	audit_login(&gate->audit, login);
	roam(gate, login);
}

/* It was one all the same: what it left is looked for when its end is told, which comes next. */
static void begin_ended(struct gate *gate, struct login *login)
{
	gate->totals.logins++;
	login->process.session = AUDIT_SESSION_NONE;
	audit_login(&gate->audit, login);
}

void gate_welcome(struct gate *gate, const struct wire_session *session, pid_t pid)
{
	struct login *login = login_find(gate->logins, pid);
	int error;

	if (!login || login->process.start != 0)
		return; /* was refused, or was welcomed before */
	error = look_at(gate, pid, &login->process);
	if (error == 0) {
		begin(gate, login, session);
	} else if (!is_unknown(error)) {
		begin_ended(gate, login);
	} else {
		log_warning("login of %s, pid %d, is not registered: %s", login->user, (int)pid,
			strerror(-error));
		forget(gate, login);
	}
}

static void settle_login(struct gate *gate, struct login *login)
{
	int error = state_settle(gate->state, login->pid);

	login->is_new = false;
	if (error < 0)
		log_warning("login of %s is not saved: %s", login->user, strerror(-error));
}

/* Some of them may have ended by now. */
void gate_settle_logins(struct gate *gate, const struct grant_selector *selector)
{
	size_t kept = 0;

	for (size_t i = 0; i < gate->new_count; i++) {
		struct login *login = login_find(gate->logins, gate->new_pids[i]);

		if (!login || !login->is_new)
			continue;
		if (selector && selector->is_of_user && selector->uid != login->uid)
			gate->new_pids[kept++] = login->pid;
		else
			settle_login(gate, login);
	}
	gate->new_count = kept;
}

static void roam_new_login(const struct login *login, void *context)
{
	if (login->is_new)
		roam(context, login);
}

void gate_roam_new_logins(struct gate *gate)
{
	login_each(gate->logins, roam_new_login, gate);
}

struct restoring {
	struct gate *gate;
	int error;
};

/* Of a process that could not be looked at nothing is known, so its login is not forgotten: the
 * next helper may look at it. */
static void restore_login(const struct state_login *saved, void *context)
{
	struct restoring *restoring = context;
	struct gate *gate = restoring->gate;
	struct login *login;
	struct process process;
	int error = observer_process(gate->observer, saved->pid, &process);

	if (is_unknown(error))
		restoring->error = error;
	if (error < 0 || process.start != saved->start)
		return;
	error = add_login(gate, &saved->session, saved->pid, saved->since_ms, &login);
	if (error == 0) {
		login->process = process;
		if (saved->is_new)
			mark_new(gate, login);
	} else if (error != -EEXIST) {
		state_remove(gate->state, saved->pid);
	}
}

/* A login that is over, but its last servers may still be to get their first grants: it counts
 * until search_young() has looked for them. Where it stood is not known any more. */
static void restore_past_login(const struct state_login *saved, void *context)
{
	struct gate *gate = ((struct restoring *)context)->gate;
	struct login *login;

	if (login_find(gate->logins, saved->pid))
		return;
	if (add_login(gate, &saved->session, saved->pid, saved->since_ms, &login) == 0)
		login->process.session = AUDIT_SESSION_NONE;
	else
		state_remove(gate->state, saved->pid);
}

int gate_restore_logins(struct gate *gate)
{
	struct restoring restoring = {.gate = gate};
	int error = state_load(gate->state, restore_login, &restoring);

	if (error == 0 && restoring.error == 0)
		error = state_load(gate->state, restore_past_login, &restoring);
	return error < 0 ? error : restoring.error;
}

static void forget_past_login(const struct login *login, void *context)
{
	struct gate *gate = context;

	if (login->process.start == 0)
		forget(gate, login_find(gate->logins, login->pid));
}

void gate_forget_past_logins(struct gate *gate)
{
	login_each(gate->logins, forget_past_login, gate);
}

static void check_login(const struct login *login, void *context)
{
	struct restoring *restoring = context;
	struct gate *gate = restoring->gate;
	struct process process;
	int error = observer_process(gate->observer, login->pid, &process);

	if (is_unknown(error))
		restoring->error = error;
	else if (error < 0 || process.start != login->process.start)
		forget(gate, login_find(gate->logins, login->pid));
}

int gate_check_logins(struct gate *gate)
{
	struct restoring restoring = {.gate = gate};

	login_each(gate->logins, check_login, &restoring);
	return restoring.error;
}

enum wire_answer gate_on_logout(struct gate *gate, pid_t pid)
{
	struct login *login = login_find(gate->logins, pid);

	if (!login)
		return WIRE_NOTHING;
	search_last(gate, login->uid);
	/* A helper that is killed now is to have left the grant, or the login for the next one. */
	gate_settle(gate);
	past_add_login(&gate->past, PAST_LOGOUT, login, gate_now_ms(gate));
	audit_logout(&gate->audit, login, gate_now_ms(gate));
	forget(gate, login);
	return WIRE_DONE;
}
