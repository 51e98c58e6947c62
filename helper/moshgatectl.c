/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "ctl.h"

static const struct command {
	const char *name;
	enum wire_control_type type;
	int (*select)(const char *selector, struct wire_control *request);
	enum ctl_status (*run)(const struct ctl_question *question);
	const char *what, *wants; /* behind it; null: nothing, or what may be left out */
} commands[] = {
	{"status", WIRE_STATUS, ctl_select_none, ctl_status, "what the helper is doing", NULL},
	{"list", WIRE_LIST, ctl_select_none, ctl_list, "who may reach which mosh-server", NULL},
	{"logins", WIRE_LOGINS, ctl_select_none, ctl_logins, "who is logged in by ssh, from where",
		NULL},
	{"revoke", WIRE_REVOKE, ctl_select_grants, ctl_revoke,
		"close now: all, USER, uid:N, ADDRESS or PORT",
		"\"all\", a user, an address or a port"},
	{"pending", WIRE_PENDING, ctl_select_none, ctl_pending,
		"who knocked at a mosh-server and was dropped", NULL},
	{"allow", WIRE_ALLOW, ctl_select_address, ctl_allow,
		"let ADDRESS, which knocked, reach the mosh-server", "an address"},
	{"watch", WIRE_WATCH, ctl_select_none, ctl_watch, "events as they happen", NULL},
	{"metrics", WIRE_STATUS, ctl_select_none, ctl_metrics,
		"numbers for monitoring, as OpenMetrics", NULL},
	{"reload", WIRE_RELOAD, ctl_select_none, ctl_reload, "read the configuration anew", NULL},
	{"doctor", WIRE_DIAGNOSE, ctl_select_person, ctl_doctor,
		"what keeps mosh from working, here or for USER or ADDRESS", NULL},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *file)
{
	fputs("usage: moshgatectl [-j] [-s SOCKET] COMMAND [SELECTOR]\n"
	      "       moshgatectl -V | -h\n",
		file);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-8s %s\n", commands[i].name, commands[i].what);
	fputs("  -j, --json           print JSON\n"
	      "  -s, --socket SOCKET  the helper's control socket (" CONTROL_SOCKET ")\n"
	      "  -V, --version        print the version\n"
	      "  -h, --help           print this\n",
		file);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* What is wrong, in one line: the whole summary would push it off the screen. */
static enum ctl_status refuse_usage(const char *what, const char *argument)
{
	fprintf(stderr, "moshgatectl: %s", what);
	if (argument)
		fprintf(stderr, ": \"%s\"", argument);
	fputs(" (see moshgatectl --help)\n", stderr);
	return CTL_USAGE;
}

/* Of a command that takes none, or that cannot do without one. */
static enum ctl_status refuse_selector(const struct command *command, const char *selector)
{
	char what[128];

	if (selector)
		snprintf(what, sizeof(what), "%s takes nothing behind it", command->name);
	else
		snprintf(what, sizeof(what), "%s wants %s", command->name, command->wants);
	return refuse_usage(what, selector);
}

/* What is half written must not be taken for all there is. */
static enum ctl_status check_written(enum ctl_status status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("moshgatectl: standard output");
	return status == CTL_DONE ? CTL_NOTHING : status;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"json", no_argument, NULL, 'j'},
		{"socket", required_argument, NULL, 's'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct ctl_question question = {.socket = CONTROL_SOCKET};
	const struct command *command;
	int option, error;

	while ((option = getopt_long(argc, argv, "s:jVh", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			question.socket = optarg;
			break;
		case 'j':
			question.is_json = true;
			break;
		case 'V':
			puts("moshgatectl " VERSION);
			return check_written(CTL_DONE);
		case 'h':
			print_usage(stdout);
			return check_written(CTL_DONE);
		default:
			return refuse_usage("that is no option", NULL);
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	command = find_command(argv[optind]);
	if (!command)
		return refuse_usage("no such command", argv[optind]);
	if (argc - optind > 2)
		return refuse_usage("too much", argv[optind + 2]);
	question.request.type = command->type;
	error = command->select(argv[optind + 1], &question.request);
	if (error < 0)
		return error == -EINVAL ? refuse_selector(command, argv[optind + 1]) : CTL_USAGE;
	return check_written(command->run(&question));
}
