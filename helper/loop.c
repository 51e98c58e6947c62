/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "answer.h"
#include "clock.h"
#include "control.h"
#include "log.h"
#include "loop.h"
#include "manager.h"
#include "memory.h"
#include "news.h"
#include "session.h"

#define UNSETTLED_MAX_MS 2
#define GATHER_MS        10

/* Events of one turn are gathered before any is put into effect; people who ask come last. */
enum order { PRIORITY_EVENT, PRIORITY_SETTLE, PRIORITY_CONTROL, PRIORITIES };

static void rest(struct helper *helper)
{
	uint64_t us = priority_account(
		&helper->priority, clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_PROCESS_CPUTIME_ID));

	if (us > 0)
		nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static void on_worked(void *context)
{
	rest(context);
}

static void start_timer(struct event *timer, uint64_t ms)
{
	const struct timeval after = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	if (event_add(timer, &after) < 0)
		memory_exhausted();
}

static void on_settle(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;
	uint64_t due_ms, now_ms;

	(void)fd;
	(void)what;
	news_catch_up(helper->news);
	helper->unsettled_ms = 0;
	event_del(helper->settle);
	if (gate_settle(&helper->gate))
		helper->settled_ms = clock_boot_ms();
	rest(helper);
	due_ms = gate_due_ms(&helper->gate);
	now_ms = clock_boot_ms();
	if (due_ms == UINT64_MAX)
		event_del(helper->due);
	else
		start_timer(helper->due, due_ms > now_ms ? due_ms - now_ms : 0);
}

/* How long something has waited to be put into effect. */
static uint64_t unsettled_for_ms(struct helper *helper)
{
	uint64_t now_ms = clock_boot_ms();

	if (helper->unsettled_ms == 0)
		helper->unsettled_ms = now_ms;
	return now_ms - helper->unsettled_ms;
}

/* Settles once no more events are pending, but never later than UNSETTLED_MAX_MS. */
void loop_plan_turn_end(struct helper *helper)
{
	if (unsettled_for_ms(helper) >= UNSETTLED_MAX_MS)
		on_settle(-1, 0, helper);
	else
		event_active(helper->settle, EV_TIMEOUT, 0);
}

/* Sockets that end soon after another change are gathered for one transaction: a thousand servers
 * that are killed end one after the other. What opens waits for none of that. */
static void plan_gathering(struct helper *helper)
{
	if (clock_boot_ms() - helper->settled_ms >= GATHER_MS)
		loop_plan_turn_end(helper);
	else if (unsettled_for_ms(helper) >= GATHER_MS)
		on_settle(-1, 0, helper);
	else if (!event_pending(helper->settle, EV_TIMEOUT, NULL))
		start_timer(helper->settle, GATHER_MS);
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	news_catch_up(helper->news);
	gate_on_due(&helper->gate);
	loop_plan_turn_end(helper);
}

static void on_inotify(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	if (!observer_read_execs(helper->gate.observer))
		return;
	news_catch_up(helper->news);
	gate_on_exec(&helper->gate);
	loop_plan_turn_end(helper);
}

static void on_ended(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	news_catch_up(helper->news);
	gate_on_ended(&helper->gate);
	plan_gathering(helper);
}

static void on_notice(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;

	(void)fd;
	(void)what;
	news_catch_up(helper->news);
	gate_on_notice(&helper->gate);
	loop_plan_turn_end(helper);
}

static enum wire_answer on_request(
	const struct wire_control *request, uint32_t uid, char **json, void *context)
{
	struct helper *helper = context;

	/* What is revoked must be there by now, and what is told of. */
	if (news_catch_up(helper->news))
		gate_settle(&helper->gate);
	return answer_request(request, uid, json, context);
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

/* Reads the new configuration; a change that needs a restart is an error. */
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
	loop_plan_turn_end(helper);
	return result;
}

int loop_reload(struct helper *helper, char error[CONFIG_ERROR_SIZE])
{
	struct config config;
	int result = read_anew(helper, &config, error);

	if (result == 0)
		result = switch_to(helper, &config, error);
	if (result < 0)
		log_error("not reloaded: %s", error);
	return result;
}

static void on_hangup(evutil_socket_t signal, short what, void *context)
{
	struct helper *helper = context;
	char error[CONFIG_ERROR_SIZE];

	(void)signal;
	(void)what;
	news_catch_up(helper->news);
	loop_reload(helper, error);
}

void loop_hear(const char *line, uint32_t uid, void *context)
{
	struct helper *helper = context;

	if (helper->control)
		control_tell(helper->control, line, uid);
}

static void on_terminate(evutil_socket_t signal, short what, void *context)
{
	struct helper *helper = context;

	(void)signal;
	(void)what;
	event_base_loopbreak(helper->base);
}

static const struct {
	int number;
	event_callback_fn call;
} signals[LOOP_SIGNALS] = {{SIGTERM, on_terminate}, {SIGINT, on_terminate}, {SIGHUP, on_hangup}};

static struct event *new_timer(
	struct helper *helper, short what, int priority, event_callback_fn call)
{
	struct event *timer = event_new(helper->base, -1, what, call, helper);

	if (!timer || event_priority_set(timer, priority) < 0)
		memory_exhausted();
	return timer;
}

static void make_base(struct helper *helper)
{
	struct event_config *config = event_config_new();

	/* Of people who ask one at a time: what affects packets comes in between. */
	if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) < 0 ||
		event_config_set_max_dispatch_interval(config, NULL, 1, PRIORITY_CONTROL) < 0)
		memory_exhausted();
	helper->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!helper->base || event_base_priority_init(helper->base, PRIORITIES) < 0)
		memory_exhausted();
}

/* Lowest priority: a helper too busy to reach this should be restarted. */
static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	(void)manager_tell("WATCHDOG=1"); /* it does without, and will restart us */
}

static void watch(struct helper *helper)
{
	uint64_t interval_ms = manager_watchdog_ms();

	helper->watchdog = new_timer(helper, EV_PERSIST, PRIORITY_CONTROL, on_watchdog);
	if (interval_ms > 0)
		start_timer(helper->watchdog, interval_ms);
}

int loop_set_up(struct helper *helper)
{
	static const struct control_calls calls = {on_request, answer_is_known, on_worked};
	int error;

	make_base(helper);
	helper->settle = new_timer(helper, 0, PRIORITY_SETTLE, on_settle);
	helper->due = new_timer(helper, 0, PRIORITY_EVENT, on_due);
	watch(helper);
	for (size_t i = 0; i < LOOP_SIGNALS; i++)
		helper->signals[i] = add_event(
			helper, signals[i].number, EV_SIGNAL | EV_PERSIST, signals[i].call);
	listen_to(helper, helper->gate.observer);
	helper->notice = add_event(
		helper, firewall_notice_fd(helper->gate.firewall), EV_READ | EV_PERSIST, on_notice);
	error = session_set_up(helper, PRIORITY_EVENT);
	helper->control = control_new(helper->base, helper->control_fd, &calls, helper);
	loop_plan_turn_end(helper); /* the start may have left something to do */
	return error;
}

int loop_run(struct helper *helper)
{
	int error = event_base_dispatch(helper->base) < 0 ? -EIO : 0;

	if (news_catch_up(helper->news))
		gate_settle(&helper->gate);
	return error;
}

void loop_clear(struct helper *helper)
{
	control_free(helper->control);
	helper->control = NULL; /* nobody watches any more */
	session_clear(helper);
	stop_listening(helper);
	event_free(helper->notice);
	for (size_t i = 0; i < LOOP_SIGNALS; i++)
		event_free(helper->signals[i]);
	event_free(helper->watchdog);
	event_free(helper->due);
	event_free(helper->settle);
	event_base_free(helper->base);
	gate_clear(&helper->gate);
}
