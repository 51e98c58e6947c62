/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_main.h"
#include "daemon.h"
#include "fd.h"

#define OTHER   65533
#define NOBODY  65534
#define WAIT_MS 5000

static char folder[CHECK_FOLDER_SIZE];

static const char *path(const char *name)
{
	static char paths[4][128];
	static size_t next;
	char *text = paths[next++ % 4];

	ck_assert_int_lt(snprintf(text, sizeof(paths[0]), "%s/%s", folder, name), 128);
	return text;
}

static struct stat status_of(const char *name)
{
	struct stat status;

	ck_assert_int_eq(lstat(path(name), &status), 0);
	return status;
}

/* Whom the folder is for: root gives it away, anybody else keeps it. */
static uid_t owner(void)
{
	return geteuid() == 0 ? NOBODY : geteuid();
}

static gid_t group(void)
{
	return geteuid() == 0 ? NOBODY : getegid();
}

static const char *const sockets[] = {"/run/moshgate/session.sock", "/elsewhere/c.sock", NULL};
static const mode_t masks[] = {0, 022, 077};

START_TEST(daemon_folder_is_made)
{
	char name[32];
	struct stat status;

	snprintf(name, sizeof(name), "made%d", _i);
	umask(masks[_i]);
	ck_assert_int_eq(daemon_folder(path(name), owner(), group(), sockets), 0);
	status = status_of(name);
	ck_assert(S_ISDIR(status.st_mode));
	ck_assert_uint_eq(status.st_mode & 07777, 0755);
	ck_assert_uint_eq(status.st_uid, owner());
	ck_assert_uint_eq(status.st_gid, group());
	/* Once more, with what an earlier one left in it. */
	ck_assert_int_eq(daemon_folder(path(name), owner(), group(), sockets), 0);
	ck_assert_uint_eq(status_of(name).st_ino, status.st_ino);
}
END_TEST

static const mode_t writable[] = {0775, 0757, 0777, 01777};

START_TEST(daemon_folder_writable)
{
	char name[32];

	snprintf(name, sizeof(name), "writable%d", _i);
	ck_assert_int_eq(mkdir(path(name), 0755), 0);
	ck_assert_int_eq(chmod(path(name), writable[_i]), 0);
	ck_assert_int_eq(daemon_folder(path(name), owner(), group(), sockets), -EPERM);
	ck_assert_uint_eq(status_of(name).st_uid, geteuid());
}
END_TEST

START_TEST(daemon_folder_of_another)
{
	ck_assert_int_eq(mkdir(path("other"), 0755), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path("other"), OTHER, OTHER), 0);
	ck_assert_int_eq(daemon_folder(path("other"), owner() + 1, group(), sockets), -EPERM);
	ck_assert_uint_eq(status_of("other").st_uid, geteuid() == 0 ? OTHER : geteuid());
}
END_TEST

static void plant(const char *where)
{
	int fd = open(path(where), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* Root does not give away what others need, a helper's folder though it may have files in it. */
START_TEST(daemon_folder_of_others_files)
{
	int expected = geteuid() == 0 ? -ENOTEMPTY : 0;

	ck_assert_int_eq(mkdir(path("etc"), 0755), 0);
	plant("etc/moshgated.pid");
	plant("etc/passwd");
	ck_assert_int_eq(daemon_folder(path("etc"), owner(), group(), sockets), expected);
	ck_assert_uint_eq(status_of("etc").st_uid, geteuid());
	unlink(path("etc/passwd"));
	plant("etc/session.sock");
	plant("etc/c.sock");
	ck_assert_int_eq(mkdir(path("etc/logins"), 0700), 0);
	ck_assert_int_eq(mkdir(path("etc/lost+found"), 0700), 0);
	ck_assert_int_eq(daemon_folder(path("etc"), owner(), group(), sockets), 0);
	ck_assert_uint_eq(status_of("etc").st_uid, owner());
	plant("etc/passwd"); /* it is the helper's by now */
	ck_assert_int_eq(daemon_folder(path("etc"), owner(), group(), sockets), 0);
}
END_TEST

START_TEST(daemon_folder_is_something_else)
{
	plant("file");
	ck_assert_int_eq(daemon_folder(path("file"), owner(), group(), sockets), -ENOTDIR);
	ck_assert_int_eq(mkdir(path("aim"), 0755), 0);
	ck_assert_int_eq(symlink(path("aim"), path("link")), 0);
	ck_assert_int_eq(daemon_folder(path("link"), owner(), group(), sockets), -ENOTDIR);
	ck_assert_uint_eq(status_of("aim").st_uid, geteuid());
	ck_assert_int_eq(daemon_folder(path("none/below"), owner(), group(), sockets), -ENOENT);
}
END_TEST

/* Whether another process gets the lock: its result. */
static int lock_elsewhere(const char *where)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int result = daemon_lock(where);

		_exit(result < 0 ? -result : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

START_TEST(daemon_lock_is_exclusive)
{
	auto_free char *where = strdup(path("lock"));
	char text[32] = "";
	int fd, file;

	ck_assert_int_eq(daemon_folder(where, owner(), group(), sockets), 0);
	fd = daemon_lock(where);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	file = open(path("lock/moshgated.pid"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(file, text, sizeof(text) - 1), 0);
	ck_assert_int_eq(daemon_write_pid(fd), 0);
	ck_assert_int_gt(read(file, text, sizeof(text) - 1), 1);
	ck_assert_int_eq(atoi(text), getpid());
	ck_assert_uint_eq(status_of("lock/moshgated.pid").st_mode & 0777, 0600);
	ck_assert_uint_eq(status_of("lock/moshgated.pid").st_uid, owner());
	ck_assert_uint_eq(status_of("lock/moshgated.pid").st_gid, group());
	ck_assert_str_eq(text + strspn(text, "0123456789"), "\n");
	close(file);
	ck_assert_int_eq(lock_elsewhere(where), -EWOULDBLOCK);
	ck_assert_int_gt(status_of("lock/moshgated.pid").st_size, 0);
	close(fd);
	ck_assert_int_eq(lock_elsewhere(where), 0);
	ck_assert_int_eq(status_of("lock/moshgated.pid").st_size, 0);
}
END_TEST

/* What a lock file must not be: root would write into something else, and give it away. */
START_TEST(daemon_lock_is_something_else)
{
	int fd = open(path("target"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_eq(write(fd, "precious", 8), 8);
	close(fd);
	ck_assert_int_eq(mkdir(path("trap"), 0755), 0);
	if (_i == 0)
		ck_assert_int_eq(symlink(path("target"), path("trap/moshgated.pid")), 0);
	else
		ck_assert_int_eq(link(path("target"), path("trap/moshgated.pid")), 0);
	ck_assert_int_lt(daemon_lock(path("trap")), 0);
	ck_assert_int_eq(status_of("target").st_size, 8);
	ck_assert_uint_eq(status_of("target").st_uid, geteuid());
	unlink(path("trap/moshgated.pid"));
	rmdir(path("trap"));
}
END_TEST

START_TEST(daemon_lock_without_folder)
{
	ck_assert_int_eq(daemon_lock(path("nowhere")), -ENOENT);
}
END_TEST

static const struct {
	mode_t mask, mode;
	int type;
} listens[] = {
	{0, 0600, SOCK_SEQPACKET},
	{0, 0666, SOCK_STREAM},
	{077, 0666, SOCK_STREAM},
	{0777, 0600, SOCK_SEQPACKET},
};

static int dial(const char *where, int type)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, where);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -errno;
}

START_TEST(daemon_listens)
{
	const char *where = path("socket");
	int fd, peer;

	umask(listens[_i].mask);
	for (int again = 0; again < 2; again++) {
		fd = daemon_listen(where, listens[_i].type, listens[_i].mode);
		ck_assert_int_ge(fd, 0);
		ck_assert_uint_eq(status_of("socket").st_mode & 07777, listens[_i].mode);
		ck_assert_uint_eq(umask(listens[_i].mask), listens[_i].mask);
		ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		peer = dial(where, listens[_i].type);
		ck_assert_int_ge(peer, 0);
		close(peer);
		/* A stale one, as after kill -9. */
		close(fd);
		ck_assert_int_eq(dial(where, listens[_i].type), -ECONNREFUSED);
	}
}
END_TEST

START_TEST(daemon_listens_nowhere)
{
	char longer[200];

	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[108] = '\0';
	ck_assert_int_eq(daemon_listen(longer, SOCK_STREAM, 0600), -ENAMETOOLONG);
	ck_assert_int_eq(daemon_listen(path("no/socket"), SOCK_STREAM, 0600), -ENOENT);
}
END_TEST

/* The service manager's end; a name that starts with a NUL has no file. */
static int make_manager(const char *name, size_t length)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, name, length);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		0);
	return fd;
}

static void check_notice(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	char text[32] = "";

	daemon_ready(-1);
	ck_assert_int_eq(poll(&wanted, 1, WAIT_MS), 1);
	ck_assert_int_eq(recv(fd, text, sizeof(text), 0), 7);
	ck_assert_str_eq(text, "READY=1");
	close(fd);
}

START_TEST(daemon_ready_notifies)
{
	char name[64];
	int length;

	setenv("NOTIFY_SOCKET", path("notify"), 1);
	check_notice(make_manager(path("notify"), strlen(path("notify"))));
	length = snprintf(name, sizeof(name), "@check_daemon.%d", (int)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	check_notice(make_manager(name, (size_t)length));
}
END_TEST

/* What the caller sees: the first process's exit status. */
static int run_daemon(void (*daemon)(int ready))
{
	pid_t pid = fork();
	int status, ready;

	if (pid == 0) {
		if (daemon_fork(&ready) < 0)
			_exit(99);
		daemon(ready);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Leads a session of its own, and has let go of the caller's folder and input. */
static void be_ready(int ready)
{
	char where[16] = "";

	if (getsid(0) == getpid() && getcwd(where, sizeof(where)) && strcmp(where, "/") == 0 &&
		read(STDIN_FILENO, where, 1) == 0)
		daemon_ready(ready);
}

static void give_up(int ready)
{
	(void)ready;
}

static void be_killed(int ready)
{
	(void)ready;
	raise(SIGKILL);
}

START_TEST(daemon_fork_waits)
{
	ck_assert_int_eq(run_daemon(be_ready), 0);
	ck_assert_int_eq(run_daemon(give_up), 1);
	ck_assert_int_eq(run_daemon(be_killed), 1);
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {
		LOOP(daemon_folder_is_made, ARRAY_LEN(masks)),
		LOOP(daemon_folder_writable, ARRAY_LEN(writable)),
		TEST(daemon_folder_of_another),
		TEST(daemon_folder_of_others_files),
		TEST(daemon_folder_is_something_else),
		TEST(daemon_lock_is_exclusive),
		LOOP(daemon_lock_is_something_else, 2),
		TEST(daemon_lock_without_folder),
		LOOP(daemon_listens, ARRAY_LEN(listens)),
		TEST(daemon_listens_nowhere),
		TEST(daemon_ready_notifies),

		TEST(daemon_fork_waits),
	};
	int status;

	check_make_folder(folder);
	status = check_status("daemon", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
