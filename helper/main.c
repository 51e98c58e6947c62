/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options, and what each of them makes the program do. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "daemon.h"
#include "fallback.h"
#include "fd.h"
#include "journal.h"
#include "log.h"
#include "loop.h"
#include "manager.h"
#include "start.h"

struct options {
	const char *file; /* null: the installed one */
	bool is_foreground, is_debug;
	int (*run)(const struct options *options); /* null until one is chosen */
};

/* One line of reason, then failure. */
static int fail(const char *what, int error)
{
	log_error("%s: %s", what, strerror(-error));
	return error;
}

static int read_config(const struct options *options, struct config *config)
{
	char error[CONFIG_ERROR_SIZE];
	int result = config_read(options->file, config, error);

	if (result < 0)
		log_error("%s", error);
	return result;
}

/* From here on all that is there is given back, so that a detector of leaks tells the truth. */
static int serve(struct helper *helper)
{
	int error = loop_set_up(helper);

	if (error < 0) {
		fail("the processes of logins", error);
	} else {
		audit_start(&helper->gate.audit, VERSION);
		memory_trim();
		daemon_ready(helper->ready);
		error = loop_run(helper);
		if (error < 0)
			fail("waiting for events", error);
		audit_stop(&helper->gate.audit);
	}
	if (!helper->has_passed_sockets) {
		unlink(helper->config.helper.session_socket);
		unlink(helper->config.helper.control_socket);
	}
	loop_clear(helper);
	return error;
}

/* For reload, which may be in another folder. */
static int find_file(const struct options *options, struct helper *helper, char **file)
{
	if (!options->file)
		return 0;
	helper->file = *file = realpath(options->file, NULL);
	return *file ? 0 : fail(options->file, -errno);
}

static int go_into_background(struct helper *helper)
{
	int error = daemon_fork(&helper->ready);

	return error < 0 ? fail("going into the background", error) : 0;
}

static int run_helper(const struct options *options)
{
	struct helper helper = {
		.session_fd = -1, .control_fd = -1, .ready = -1, .started_ms = clock_boot_ms()};
	auto_free char *file = NULL;
	int error;

	if (read_config(options, &helper.config) < 0) {
		fallback_install(NULL);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	error = find_file(options, &helper, &file);
	if (error == 0 && !options->is_foreground)
		error = go_into_background(&helper);
	if (error == 0)
		error = start(&helper);
	if (error == 0)
		error = serve(&helper);
	else if (error != -EALREADY)
		fallback_install(&helper.config);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_check(const struct options *options)
{
	struct config config;

	return read_config(options, &config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Where there is no folder no helper runs. If that cannot be told the guard goes all the same: a
 * helper that runs puts it back, and who has to be let in does not wait for a file. */
static int check_nobody_runs(const char *state)
{
	int lock = daemon_lock(state);

	if (lock == -EWOULDBLOCK)
		log_error("a moshgated is running: stop it first");
	else if (lock < 0 && lock != -ENOENT)
		log_warning(
			"%s/moshgated.pid: %s; a moshgated may be running", state, strerror(-lock));
	return lock == -EWOULDBLOCK ? lock : 0;
}

static int run_remove_guard(const struct options *options)
{
	const struct audit nobody = {0};
	struct config config;
	struct firewall *firewall;
	int error;

	if (read_config(options, &config) < 0) {
		config_defaults(&config);
		log_warning(
			"so it is table %s that goes, which is the default", config.firewall.table);
	}
	if (check_nobody_runs(config.helper.state) < 0)
		return EXIT_FAILURE;
	error = firewall_open(&config, &firewall);
	if (error < 0) {
		fail("nftables", error);
		return EXIT_FAILURE;
	}
	error = firewall_remove(firewall);
	if (error < 0)
		log_error("nftables refused: %s", firewall_error(firewall));
	else
		audit_guard(&nobody, "removed");
	firewall_close(firewall);
	fallback_remove();
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

/* Either of two that exclude each other. */
static int choose(struct options *options, int (*run)(const struct options *options))
{
	if (options->run && options->run != run)
		return -EINVAL;
	options->run = run;
	return 0;
}

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
			if (choose(options, run_remove_guard) < 0)
				return -EINVAL;
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
			if (choose(options, run_check) < 0)
				return -EINVAL;
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

/* Before standard output is given up. */
static void open_log(const struct options *options)
{
	bool is_stderr = manager_is_journal(STDERR_FILENO);
	int error = 0;

	log_open(options->is_debug);
	if (is_stderr || manager_is_journal(STDOUT_FILENO))
		error = log_to_journal(JOURNAL_SOCKET, is_stderr);
	if (error < 0)
		log_warning("the journal: %s; syslog has the lines", strerror(-error));
}

static bool is_returning;

/* A library may end the process, as libnftables does where it has no memory or no socket. */
static void on_exit_of_others(void)
{
	if (is_returning)
		return;
	log_error("a library has ended the process: no memory, no socket, or an error of its own");
	_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	int status;

	if (parse_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	open_log(&options);
	if (atexit(on_exit_of_others) != 0)
		return EXIT_FAILURE;
	status = options.run ? options.run(&options) : run_helper(&options);
	is_returning = true;
	return status;
}
