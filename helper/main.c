/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options, the order of starting up, the event loop; no policy. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "audit.h"
#include "clock.h"
#include "confine.h"
#include "control.h"
#include "daemon.h"
#include "gate.h"
#include "listener.h"
#include "log.h"
#include "report.h"

/* Events of one turn are gathered before any is put into effect; people who ask come last. */
enum priority { PRIORITY_EVENT, PRIORITY_SETTLE, PRIORITY_CONTROL, PRIORITIES };

struct options {
	const char *file; /* null: the installed one */
	bool is_foreground, is_debug;
	int (*run)(const struct options *options);
};

struct helper {
	struct config config;
	struct gate gate;
	uint64_t started_ms;
	int session_fd, control_fd, ready;
	struct event_base *base;
	struct event *settle, *due;
	struct listener *listener;
	struct control *control;
};

static void plan_turn_end(struct helper *helper)
{
	event_active(helper->settle, EV_TIMEOUT, 0);
}

static void on_settle(evutil_socket_t fd, short what, void *context)
{
	struct helper *helper = context;
	uint64_t due_ms, now_ms;

	(void)fd;
	(void)what;
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

static enum wire_answer on_session_closed(pid_t pid, void *context)
{
	struct helper *helper = context;
	enum wire_answer answer = gate_on_logout(&helper->gate, pid);

	plan_turn_end(helper);
	return answer;
}

static void on_session_died(pid_t pid, void *context)
{
	on_session_closed(pid, context);
}

static enum wire_answer on_control(
	const struct wire_control *request, uint32_t uid, char **json, void *context)
{
	struct helper *helper = context;
	struct gate *gate = &helper->gate;

	if (request->type == WIRE_LOGINS) {
		*json = report_logins(gate->logins, uid);
		return WIRE_DONE;
	}
	if (gate_refresh(gate) < 0)
		return WIRE_FAILED;
	gate_settle(gate);
	*json = request->type == WIRE_LIST
			? report_grants(gate->grants, uid)
			: report_status(gate->grants, gate->logins, helper->started_ms);
	return WIRE_DONE;
}

static void on_signal(evutil_socket_t signal, short what, void *context)
{
	struct helper *helper = context;

	(void)signal;
	(void)what;
	event_base_loopbreak(helper->base);
}

static void add_event(struct helper *helper, int fd, short what, event_callback_fn call)
{
	struct event *event = event_new(helper->base, fd, what, call, helper);

	if (!event || event_priority_set(event, PRIORITY_EVENT) < 0 || event_add(event, NULL) < 0)
		memory_exhausted();
}

static void add_timer(
	struct helper *helper, struct event **timer, int priority, event_callback_fn call)
{
	*timer = event_new(helper->base, -1, 0, call, helper);
	if (!*timer || event_priority_set(*timer, priority) < 0)
		memory_exhausted();
}

static void set_up_loop(struct helper *helper)
{
	static const struct listener_calls calls = {
		on_session_opened, on_session_closed, on_session_died};
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
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
	add_event(
		helper, observer_exec_fd(helper->gate.observer), EV_READ | EV_PERSIST, on_inotify);
	add_event(helper, observer_ended_fd(helper->gate.observer), EV_READ | EV_PERSIST, on_ended);
	add_event(
		helper, firewall_notice_fd(helper->gate.firewall), EV_READ | EV_PERSIST, on_notice);
	helper->listener = listener_new(helper->base, helper->session_fd, &calls, helper);
	helper->control = control_new(helper->base, helper->control_fd, on_control, helper);
}

/* One line of reason, then failure. */
static int fail(const char *what, int error)
{
	log_error("%s: %s", what, strerror(-error));
	return error;
}

static int open_sockets(struct helper *helper)
{
	const struct config *config = &helper->config;

	helper->session_fd = daemon_listen(config->helper.session_socket, SOCK_SEQPACKET, 0600);
	if (helper->session_fd < 0)
		return fail(config->helper.session_socket, helper->session_fd);
	helper->control_fd = daemon_listen(config->helper.control_socket, SOCK_STREAM, 0666);
	if (helper->control_fd < 0)
		return fail(config->helper.control_socket, helper->control_fd);
	return 0;
}

static int open_kernel(struct helper *helper)
{
	struct observer *observer;
	struct firewall *firewall;
	const char *what;
	int error = observer_open(&helper->config, &observer, &what);

	if (error < 0)
		return fail(what, error);
	error = firewall_open(&helper->config, &firewall);
	if (error < 0)
		return fail("nftables", error);
	gate_init(&helper->gate, &helper->config, observer, firewall);
	return 0;
}

static int find_user(const struct config *config, uid_t *uid, gid_t *gid)
{
	const struct passwd *passwd;

	*uid = geteuid();
	*gid = getegid();
	if (*uid != 0)
		return 0;
	passwd = getpwnam(config->helper.user);
	if (!passwd) {
		log_error("there is no user \"%s\"", config->helper.user);
		return -ENOENT;
	}
	if (passwd->pw_uid == 0) {
		log_error("user \"%s\" is root", config->helper.user);
		return -EINVAL;
	}
	*uid = passwd->pw_uid;
	*gid = passwd->pw_gid;
	return 0;
}

/* Everything that wants root comes before confine(), everything that others can send after. */
static int start(struct helper *helper)
{
	const char *state = helper->config.helper.state, *what;
	uid_t uid;
	gid_t gid;
	int error = find_user(&helper->config, &uid, &gid);

	if (error == 0 && (error = daemon_folder(state, uid, gid)) < 0)
		fail(state, error);
	if (error < 0)
		return error;
	error = daemon_lock(state);
	if (error == -EWOULDBLOCK)
		log_error("a moshgated is running already with %s", state);
	else if (error < 0)
		fail(state, error);
	if (error < 0 || (error = open_sockets(helper)) < 0 || (error = open_kernel(helper)) < 0)
		return error;
	error = confine(uid, gid, &what);
	return error < 0 ? fail(what, error) : gate_start(&helper->gate);
}

static int read_config(const struct options *options, struct config *config)
{
	char error[CONFIG_ERROR_SIZE];
	int result = config_read(options->file, config, error);

	if (result < 0)
		log_error("%s", error);
	return result;
}

static int run_helper(const struct options *options)
{
	struct helper helper = {.ready = -1, .started_ms = clock_boot_ms()};

	if (read_config(options, &helper.config) < 0)
		return EXIT_FAILURE;
	if (!options->is_foreground && daemon_fork(&helper.ready) < 0)
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	if (start(&helper) < 0)
		return EXIT_FAILURE;
	set_up_loop(&helper);
	audit_start(VERSION);
	daemon_ready(helper.ready);
	event_base_dispatch(helper.base);
	unlink(helper.config.helper.session_socket);
	unlink(helper.config.helper.control_socket);
	audit_stop();
	return EXIT_SUCCESS;
}

static int run_check(const struct options *options)
{
	struct config config;

	return read_config(options, &config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_remove_guard(const struct options *options)
{
	struct config config;
	struct firewall *firewall;
	int error;

	if (read_config(options, &config) < 0)
		return EXIT_FAILURE;
	error = daemon_lock(config.helper.state);
	if (error == -EWOULDBLOCK) {
		log_error("a moshgated is running: stop it first");
		return EXIT_FAILURE;
	}
	error = firewall_open(&config, &firewall);
	if (error < 0) {
		fail("nftables", error);
		return EXIT_FAILURE;
	}
	error = firewall_remove(firewall);
	if (error < 0)
		log_error("nftables refused: %s", firewall_error(firewall));
	else
		audit_guard("removed");
	firewall_close(firewall);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char usage[] =
	"usage: moshgated [-c FILE] [-f] [-d] [-t]\n"
	"       moshgated [-c FILE] --remove-guard\n"
	"  -c FILE         the configuration (" CONFIG_FILE ")\n"
	"  -f              stay in the foreground and log to standard error as well\n"
	"  -d              log more\n"
	"  -t              only check the configuration\n"
	"  --remove-guard  take the nftables table away, which opens what it closed\n"
	"  -V, -h          print the version, or this\n";

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{"remove-guard", no_argument, NULL, 'R'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:fdtVh", long_options, NULL)) != -1) {
		switch (option) {
		case 'R':
			options->run = run_remove_guard;
			break;
		case 'c':
			options->file = optarg;
			break;
		case 'f':
			options->is_foreground = true;
			break;
		case 'd':
			options->is_debug = true;
			break;
		case 't':
			options->run = run_check;
			break;
		case 'V':
			puts("moshgated " VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = {.run = run_helper};

	if (parse_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	log_open(true, options.is_debug);
	return options.run(&options);
}
