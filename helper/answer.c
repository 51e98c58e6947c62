/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "answer.h"
#include "control.h"
#include "fd.h"
#include "hostcheck.h"
#include "listener.h"
#include "report.h"

/* The ruleset is root's to see, and takes its time. */
static char *diagnose(struct helper *helper, uint32_t uid)
{
	const struct gate *gate = &helper->gate;
	struct report_diagnosis diagnosis = {
		.grants = gate->grants,
		.denied = &gate->denied,
		.past = &gate->past,
		.started_ms = helper->started_ms,
		.guard_ms = gate->installed_ms,
		.restored = gate->restored,
		.restored_ms = gate->restored_ms,
		.is_guarded = !gate->is_touched,
	};
	struct hostcheck host;
	struct process first;

	/* There is always one of that number, and it is root's. */
	diagnosis.is_blind = observer_process(gate->observer, 1, &first) < 0;
	for (size_t i = 0; i < CONFIG_PATHS_MAX; i++)
		diagnosis.is_unwatched[i] = observer_watch_error(gate->observer, i) < 0;
	if (uid == 0) {
		hostcheck_look(&helper->config, gate->firewall, &host);
		diagnosis.host = &host;
		diagnosis.is_guarded &= host.error < 0 || host.has_guard;
	}
	return report_diagnosis(&diagnosis, uid);
}

/* What is known is to be what is so. */
static int look_anew(struct helper *helper)
{
	int error = gate_refresh(&helper->gate);

	if (error == 0) {
		gate_settle(&helper->gate);
		loop_plan_turn_end(helper);
	}
	return error;
}

static char *tell_status(const struct helper *helper, uint32_t uid)
{
	const struct gate *gate = &helper->gate;
	struct report_status status = {
		.grants = gate->grants,
		.logins = gate->logins,
		.totals = &gate->totals,
		.started_ms = helper->started_ms,
		.guard_ms = gate->installed_ms,
		.restored = gate->restored,
		.refused = listener_refused(helper->listener) + control_refused(helper->control),
	};
	struct drops drops;

	if (uid == 0 && firewall_read_drops(gate->firewall, &drops) == 0)
		status.drops = &drops;
	return report_status(&status, uid);
}

static enum wire_answer tell_about(
	struct helper *helper, enum wire_control_type type, uint32_t uid, char **json)
{
	struct gate *gate = &helper->gate;

	if (type != WIRE_LOGINS && look_anew(helper) < 0)
		return WIRE_FAILED;
	if (type == WIRE_LIST)
		*json = report_grants(gate->grants, uid);
	else if (type == WIRE_LOGINS)
		*json = report_logins(gate->logins, uid);
	else if (type == WIRE_DIAGNOSE)
		*json = diagnose(helper, uid);
	else
		*json = tell_status(helper, uid);
	return WIRE_DONE;
}

/* Everybody may revoke what is his own, and root everything. */
static enum wire_answer revoke_selected(
	struct helper *helper, const struct wire_control *request, uint32_t uid, char **json)
{
	struct grant_selector selector = {
		.is_of_user = request->is_of_user || uid != 0,
		.uid = request->is_of_user ? request->uid : uid,
		.client = request->client,
		.port = request->port,
	};
	size_t count;

	if (uid != 0 && selector.uid != uid)
		return WIRE_REFUSED;
	count = gate_on_revoke(&helper->gate, &selector);
	loop_plan_turn_end(helper);
	*json = report_number("revoked", count);
	return count > 0 ? WIRE_DONE : WIRE_NOTHING;
}

static enum wire_answer tell_pending(struct helper *helper, uint32_t uid, char **json)
{
	auto_free void *items = NULL;
	struct elements knocked = {0};
	int error = look_anew(helper);

	if (error == 0)
		error = gate_read_pending(&helper->gate, &knocked);
	items = knocked.items;
	if (error < 0)
		return WIRE_FAILED;
	*json = report_pending(helper->gate.grants, &knocked, uid);
	return WIRE_DONE;
}

/* It is put into effect before the answer. */
static enum wire_answer allow(
	struct helper *helper, const struct wire_control *request, uint32_t uid, char **json)
{
	size_t denied = 0;
	int count = look_anew(helper);

	if (count == 0)
		count = gate_on_allow(&helper->gate, uid, &request->client, &denied);
	if (count < 0)
		return WIRE_FAILED;
	gate_settle(&helper->gate);
	loop_plan_turn_end(helper);
	if (count == 0)
		return WIRE_NOTHING;
	if (denied == (size_t)count) {
		*json = report_text("error", "denied: there may be no more grants (grants-per-user "
					     "or grants, moshgate.conf)");
		return WIRE_FAILED;
	}
	*json = report_number("allowed", (size_t)count - denied);
	return WIRE_DONE;
}

/* Who knocks is kept only where that is configured. */
static enum wire_answer answer_pending(
	struct helper *helper, const struct wire_control *request, uint32_t uid, char **json)
{
	if (helper->config.gate.is_pending)
		return request->type == WIRE_ALLOW ? allow(helper, request, uid, json)
						   : tell_pending(helper, uid, json);
	*json = report_text("error", "pending = no: nobody keeps who knocked");
	return WIRE_FAILED;
}

enum wire_answer answer_request(
	const struct wire_control *request, uint32_t uid, char **json, void *context)
{
	struct helper *helper = context;
	char error[CONFIG_ERROR_SIZE];

	if (request->type == WIRE_PENDING || request->type == WIRE_ALLOW)
		return answer_pending(helper, request, uid, json);
	if (request->type == WIRE_REVOKE)
		return revoke_selected(helper, request, uid, json);
	if (request->type != WIRE_RELOAD)
		return tell_about(helper, request->type, uid, json);
	if (uid != 0) {
		*json = report_text("error", "only root may do that");
		return WIRE_REFUSED;
	}
	if (loop_reload(helper, error) == 0)
		return WIRE_DONE;
	*json = report_text("error", error);
	return WIRE_FAILED;
}

bool answer_is_known(uint32_t uid, void *context)
{
	const struct helper *helper = context;

	return gate_knows(&helper->gate, uid);
}
