/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "daemon.h"
#include "fd.h"
#include "log.h"
#include "manager.h"
#include "sandbox.h"
#include "start.h"

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

static int make_folder(const struct config *config, uid_t uid, gid_t gid)
{
	const char *const sockets[] = {
		config->helper.session_socket, config->helper.control_socket, NULL};
	const char *state = config->helper.state;
	int error = daemon_folder(state, uid, gid, sockets);

	if (error == -ENOTEMPTY)
		log_error("%s has others' files in it: state wants a folder of its own", state);
	else if (error < 0)
		fail(state, error);
	return error;
}

/* -EALREADY: another helper runs there. */
static int own_folder(const struct config *config, uid_t uid, gid_t gid)
{
	const char *state = config->helper.state;
	int error = make_folder(config, uid, gid);

	if (error < 0)
		return error;
	error = daemon_lock(state);
	if (error >= 0)
		error = daemon_write_pid(error);
	if (error >= 0)
		return 0;
	if (error == -EWOULDBLOCK) {
		log_error("a moshgated is running already with %s", state);
		return -EALREADY;
	}
	log_error("%s/moshgated.pid: %s", state, strerror(-error));
	return error;
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
	/* libnftables tells the hours in others' rules: musl would map the zone's file for it. */
	tzset();
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

	if (error < 0 || (error = own_folder(config, uid, gid)) < 0 ||
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

/* So that no login waits for an answer; a service manager's stay, and wait for the next helper. */
static void close_sockets(struct helper *helper)
{
	fd_close(&helper->session_fd);
	fd_close(&helper->control_fd);
}

int start(struct helper *helper)
{
	struct gate_parts parts = {.config = &helper->config, .audit = {loop_hear, helper}};
	int error = open_parts(helper, &parts);

	if (error < 0) {
		observer_close(parts.observer);
		firewall_close(parts.firewall);
		close_sockets(helper);
		return error;
	}
	gate_init(&helper->gate, &parts);
	error = gate_start(&helper->gate);
	if (error < 0) {
		gate_clear(&helper->gate);
		close_sockets(helper);
	}
	return error;
}
