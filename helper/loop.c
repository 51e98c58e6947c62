/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "control.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "report.h"

#define UNSETTLED_MAX_MS 2

/* Events of one turn are gathered before any is put into effect; people who ask come last. */
enum priority { PRIORITY_EVENT, PRIORITY_SETTLE, PRIORITY_CONTROL, PRIORITIES };

static void on_settle(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;
	uint64_t due_ms, now_ms;

	(void)fd;
	(void)what;
	helper->unsettled_ms = 0;
	gate_settle(&helper->gate);
	due_ms = gate_due_ms(&helper->gate);
	now_ms = clock_boot_ms();
	if (due_ms == UINT64_MAX) {
		event_del(helper->due);
	} else {
		uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
		struct timeval left = {
			(time_t)(left_ms / 1000), (suseconds_t)(left_ms % 1000 * 1000)};

		event_add(helper->due, &left);
	}
}

/* What comes of an event is put into effect when no more of them are to be read; but whoever keeps
 * them coming must not put that off for ever. */
static void plan_turn_end(struct helper *helper)
{
	uint64_t now_ms = clock_boot_ms();

	if (helper->unsettled_ms == 0)
		helper->unsettled_ms = now_ms;
	if (now_ms - helper->unsettled_ms >= UNSETTLED_MAX_MS)
		on_settle(-1, 0, helper);
	else
		event_active(helper->settle, EV_TIMEOUT, 0);
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	gate_on_due(&helper->gate);
	plan_turn_end(helper);
}

static void on_inotify(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	if (!observer_read_execs(helper->gate.observer))
		return;
	gate_on_exec(&helper->gate);
	plan_turn_end(helper);
}

static void on_ended(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	gate_on_ended(&helper->gate);
	plan_turn_end(helper);
}

static void on_notice(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	gate_on_notice(&helper->gate);
	plan_turn_end(helper);
}

static enum wire_answer on_session_opened(
	const struct wire_session *session, pid_t pid, void *context)
{
	struct helper *helper = context;
	enum wire_answer answer = gate_on_login(&helper->gate, session, pid);

	plan_turn_end(helper);
	return answer;
}

/* The client's first packet comes soon after sshd has closed: what the last look found is put into
 * effect before the answer. */
static enum wire_answer on_session_closed(pid_t pid, void *context)
{
	struct helper *helper = context;
	enum wire_answer answer = gate_on_logout(&helper->gate, pid);

	gate_settle(&helper->gate);
	plan_turn_end(helper);
	return answer;
}

static void on_session_died(pid_t pid, void *context)
{
	on_session_closed(pid, context);
}

static struct event *add_event(struct helper *helper, int fd, short what, event_callback_fn call)
{
	struct event *event = event_new(helper->base, fd, what, call, helper);

	if (!event || event_priority_set(event, PRIORITY_EVENT) < 0 || event_add(event, NULL) < 0)
		memory_exhausted();
	return event;
}

static void stop_listening(struct helper *helper)
{
	event_free(helper->exec);
	event_free(helper->ended);
}

static void listen_to(struct helper *helper, struct observer *observer)
{
	helper->exec =
		add_event(helper, observer_exec_fd(observer), EV_READ | EV_PERSIST, on_inotify);
	helper->ended =
		add_event(helper, observer_ended_fd(observer), EV_READ | EV_PERSIST, on_ended);
}

/* The new configuration, or what is wrong with it; a change that wants a restart is. */
static int read_anew(const struct helper *helper, struct config *config, char *error)
{
	int result = config_read(helper->file, config, error);
	const char *fixed = result == 0 ? config_needs_restart(&helper->config, config) : NULL;

	if (fixed) {
		snprintf(error, CONFIG_ERROR_SIZE, "%s can change by a restart only", fixed);
		result = -EINVAL;
	}
	return result;
}

static int open_observer(const struct config *config, struct observer **observer, char *error)
{
	const char *what;
	int result = observer_open(config, observer, &what);

	if (result < 0)
		snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", what, strerror(-result));
	return result;
}

/* Puts the configuration into effect, or the old one again. */
static int switch_to(struct helper *helper, const struct config *config, char *error)
{
	struct config old = helper->config;
	struct observer *observer;
	int result = open_observer(config, &observer, error);

	if (result < 0)
		return result;
	stop_listening(helper);
	helper->config = *config;
	result = gate_reload(&helper->gate, observer);
	if (result < 0) {
		snprintf(error, CONFIG_ERROR_SIZE, "nftables refused the guard");
		observer_close(observer);
		helper->config = old;
		gate_reload(&helper->gate, helper->gate.observer);
	}
	listen_to(helper, helper->gate.observer);
	plan_turn_end(helper);
	return result;
}

/* On failure everything is as it was, and error says why. */
static int reload(struct helper *helper, char error[CONFIG_ERROR_SIZE])
{
	struct config config;
	int result = read_anew(helper, &config, error);

	if (result == 0)
		result = switch_to(helper, &config, error);
	if (result < 0)
		log_error("not reloaded: %s", error);
	return result;
}

static enum wire_answer tell_about(
	struct helper *helper, enum wire_control_type type, uint32_t uid, char **json)
{
	struct gate *gate = &helper->gate;

	if (type != WIRE_LOGINS) {
		if (gate_refresh(gate) < 0)
			return WIRE_FAILED;
		gate_settle(gate);
		plan_turn_end(helper);
	}
	if (type == WIRE_LIST)
		*json = report_grants(gate->grants, uid);
	else if (type == WIRE_LOGINS)
		*json = report_logins(gate->logins, uid);
	else
		*json = report_status(gate->grants, gate->logins, helper->started_ms);
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
	plan_turn_end(helper);
	*json = report_number("revoked", count);
	return count > 0 ? WIRE_DONE : WIRE_NOTHING;
}

static enum wire_answer on_control(
	const struct wire_control *request, uint32_t uid, char **json, void *context)
{
	struct helper *helper = context;
	char error[CONFIG_ERROR_SIZE];

	if (request->type == WIRE_REVOKE)
		return revoke_selected(helper, request, uid, json);
	if (request->type != WIRE_RELOAD)
		return tell_about(helper, request->type, uid, json);
	if (uid != 0)
		return WIRE_REFUSED;
	if (reload(helper, error) == 0)
		return WIRE_DONE;
	*json = report_text("error", error);
	return WIRE_FAILED;
}

static void on_hangup(evutil_socket_t signal, short what, void *context)
{
	char error[CONFIG_ERROR_SIZE];

	(void)signal;
	(void)what;
	reload(context, error);
}

void loop_hear(const char *line, uint32_t uid, void *context)
{
	struct helper *helper = context;

	if (helper->control)
		control_tell(helper->control, line, uid);
}

static void on_signal(evutil_socket_t signal, short what, void *context)
{
	struct helper *helper = context;

	(void)signal;
	(void)what;
	event_base_loopbreak(helper->base);
}

static void add_timer(
	struct helper *helper, struct event **timer, int priority, event_callback_fn call)
{
	*timer = event_new(helper->base, -1, 0, call, helper);
	if (!*timer || event_priority_set(*timer, priority) < 0)
		memory_exhausted();
}

static void adopt(const struct login *login, void *context)
{
	struct helper *helper = context;

	listener_adopt(helper->listener, login->pid);
}

void loop_set_up(struct helper *helper)
{
	static const struct listener_calls calls = {
		on_session_opened, on_session_closed, on_session_died};
	static const int signals[] = {SIGTERM, SIGINT};
	struct event_config *config = event_config_new();

	if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) < 0)
		memory_exhausted();
	helper->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!helper->base || event_base_priority_init(helper->base, PRIORITIES) < 0)
		memory_exhausted();
	add_timer(helper, &helper->settle, PRIORITY_SETTLE, on_settle);
	add_timer(helper, &helper->due, PRIORITY_EVENT, on_due);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		add_event(helper, signals[i], EV_SIGNAL | EV_PERSIST, on_signal);
	add_event(helper, SIGHUP, EV_SIGNAL | EV_PERSIST, on_hangup);
	listen_to(helper, helper->gate.observer);
	add_event(
		helper, firewall_notice_fd(helper->gate.firewall), EV_READ | EV_PERSIST, on_notice);
	helper->listener = listener_new(helper->base, helper->session_fd, &calls, helper);
	login_each(helper->gate.logins, adopt, helper);
	gate_check_logins(&helper->gate);
	helper->control = control_new(helper->base, helper->control_fd, on_control, helper);
	plan_turn_end(helper); /* the start may have left something to do */
}

void loop_run(struct helper *helper)
{
	event_base_dispatch(helper->base);
}
