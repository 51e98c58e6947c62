/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options, and the order of starting up. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "confine.h"
#include "daemon.h"
#include "fallback.h"
#include "fd.h"
#include "journal.h"
#include "log.h"
#include "loop.h"
#include "manager.h"
#include "priority.h"
#include "sandbox.h"

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

/* The service manager's, if it has passed one; that stays when we go. */
static int open_socket(struct helper *helper, const char *path, int type, mode_t mode)
{
	int fd = manager_socket(path, type);

	if (fd >= 0)
		helper->has_passed_sockets = true;
	else if (fd == -ENOENT)
		fd = daemon_listen(path, type, mode);
	return fd < 0 ? fail(path, fd) : fd;
}

static int open_sockets(struct helper *helper)
{
	const struct config *config = &helper->config;

	helper->session_fd =
		open_socket(helper, config->helper.session_socket, SOCK_SEQPACKET, 0600);
	if (helper->session_fd < 0)
		return helper->session_fd;
	helper->control_fd = open_socket(helper, config->helper.control_socket, SOCK_STREAM, 0666);
	return helper->control_fd < 0 ? helper->control_fd : 0;
}

static int open_kernel(const struct config *config, struct gate_parts *parts)
{
	const char *what;
	int error = observer_open(config, &parts->observer, &what);

	if (error < 0)
		return fail(what, error);
	error = firewall_open(config, &parts->firewall);
	return error < 0 ? fail("nftables", error) : 0;
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

static int own_folder(const char *state, uid_t uid, gid_t gid)
{
	int error = daemon_folder(state, uid, gid);

	if (error < 0)
		return fail(state, error);
	error = daemon_lock(state);
	if (error >= 0)
		error = daemon_write_pid(error);
	if (error == -EWOULDBLOCK)
		log_error("a moshgated is running already with %s", state);
	else if (error < 0)
		log_error("%s/moshgated.pid: %s", state, strerror(-error));
	return error < 0 ? error : 0;
}

/* The folder that a path is in; itself if that is the root. */
static void folder_of(const char *path, char folder[CONFIG_PATH_SIZE])
{
	size_t length = (size_t)(strrchr(path, '/') - path);

	memcpy(folder, path, length > 0 ? length : 1);
	folder[length > 0 ? length : 1] = '\0';
}

static int enter_sandbox(const struct config *config)
{
	char session[CONFIG_PATH_SIZE], control[CONFIG_PATH_SIZE];
	const char *const written[] = {config->helper.state, NULL};
	const char *const emptied[] = {session, control, NULL};
	const struct sandbox_files files = {written, emptied, manager_is_abstract()};
	int error;

	error = sandbox_limits();
	if (error < 0)
		return fail("limits", error);
	folder_of(config->helper.session_socket, session);
	folder_of(config->helper.control_socket, control);
	error = sandbox_files(&files);
	if (error == -EOPNOTSUPP)
		log_info("this kernel has no Landlock: files are guarded by their permissions "
			 "alone");
	else if (error < 0)
		return fail("Landlock", error);
	error = sandbox_calls();
	return error < 0 ? fail("seccomp", error) : 0;
}

/* Where there are fewer descriptors to be had, there are fewer logins; what is more than wanted is
 * given up with the other limits. */
static void raise_limits(void)
{
	const struct rlimit wanted = {SANDBOX_DESCRIPTORS, SANDBOX_DESCRIPTORS};
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < SANDBOX_DESCRIPTORS &&
		setrlimit(RLIMIT_NOFILE, &wanted) < 0)
		log_info("descriptors: %s", strerror(errno));
}

/* Everything that wants root comes before confine(), everything that others can send after. */
static int open_parts(struct helper *helper, struct gate_parts *parts)
{
	const struct config *config = &helper->config;
	const char *what;
	uid_t uid;
	gid_t gid;
	int error = find_user(config, &uid, &gid);

	if (error < 0 || (error = own_folder(config->helper.state, uid, gid)) < 0 ||
		(error = open_sockets(helper)) < 0 || (error = open_kernel(config, parts)) < 0)
		return error;
	raise_limits();
	priority_take();
	error = confine(uid, gid, &what);
	if (error < 0)
		return fail(what, error);
	error = enter_sandbox(config);
	if (error < 0)
		return error;
	error = state_open(config->helper.state, &parts->state);
	return error < 0 ? fail("the folder of logins", error) : 0;
}

static int start(struct helper *helper)
{
	struct gate_parts parts = {.config = &helper->config, .audit = {loop_hear, helper}};
	int error = open_parts(helper, &parts);

	if (error < 0) {
		observer_close(parts.observer);
		firewall_close(parts.firewall);
		return error;
	}
	gate_init(&helper->gate, &parts);
	error = gate_start(&helper->gate);
	if (error < 0)
		gate_clear(&helper->gate);
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

static int run_helper(const struct options *options)
{
	struct helper helper = {.ready = -1, .started_ms = clock_boot_ms()};
	auto_free char *file = NULL;
	int error;

	if (read_config(options, &helper.config) < 0) {
		fallback_install();
		return EXIT_FAILURE;
	}
	/* For reload, which may be in another folder. */
	if (options->file) {
		helper.file = file = realpath(options->file, NULL);
		error = file ? 0 : fail(options->file, -errno);
		if (error < 0)
			return EXIT_FAILURE;
	}
	error = options->is_foreground ? 0 : daemon_fork(&helper.ready);
	if (error < 0) {
		fail("going into the background", error);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	error = start(&helper);
	if (error == 0)
		error = serve(&helper);
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
	int error;

	log_open(options->is_debug);
	error = manager_has_journal() ? log_to_journal(JOURNAL_SOCKET) : 0;
	if (error < 0)
		log_warning("the journal: %s; syslog has the lines", strerror(-error));
}

int main(int argc, char **argv)
{
	struct options options = {0};

	if (parse_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	open_log(&options);
	return options.run ? options.run(&options) : run_helper(&options);
}
