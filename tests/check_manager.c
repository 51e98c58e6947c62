/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check_main.h"
#include "manager.h"

#define WAIT_MS 2000

static char folder[64];

static const char *path(const char *name)
{
	static char joined[2][sizeof(folder) + 32];
	static int turn;

	turn = !turn;
	snprintf(joined[turn], sizeof(joined[turn]), "%s/%s", folder, name);
	return joined[turn];
}

static int make_socket(const char *name, size_t length, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	memcpy(address.sun_path, name, length);
	if (name[0])
		unlink(name);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		0);
	return fd;
}

static void check_told(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	char text[32] = "";

	manager_tell("WATCHDOG=1");
	ck_assert_int_eq(poll(&wanted, 1, WAIT_MS), 1);
	ck_assert_int_eq(recv(fd, text, sizeof(text), 0), 10);
	ck_assert_str_eq(text, "WATCHDOG=1");
	close(fd);
}

START_TEST(manager_is_told)
{
	char name[64];
	int length;

	setenv("NOTIFY_SOCKET", path("notify"), 1);
	check_told(make_socket(path("notify"), strlen(path("notify")), SOCK_DGRAM));
	length = snprintf(name, sizeof(name), "@check_manager.%d", (int)getpid());
	ck_assert(!manager_is_abstract());
	setenv("NOTIFY_SOCKET", name, 1);
	ck_assert(manager_is_abstract());
	name[0] = '\0';
	check_told(make_socket(name, (size_t)length, SOCK_DGRAM));
}
END_TEST

/* Nobody there, or no path: no harm. */
START_TEST(manager_none)
{
	int fd;

	unsetenv("NOTIFY_SOCKET");
	ck_assert(!manager_is_abstract());
	manager_tell("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	manager_tell("READY=1");
	setenv("NOTIFY_SOCKET", path("nobody"), 1);
	manager_tell("READY=1");
	ck_assert_int_eq(chdir(folder), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	fd = make_socket("relative", strlen("relative"), SOCK_DGRAM);
	manager_tell("READY=1");
	ck_assert_int_lt(recv(fd, &fd, 1, MSG_DONTWAIT), 0);
	close(fd);
}
END_TEST

/* Two sockets as systemd passes them, from descriptor 3 on. */
static void pass_two(void)
{
	int session = make_socket(path("session"), strlen(path("session")), SOCK_SEQPACKET);
	int control = make_socket(path("control"), strlen(path("control")), SOCK_STREAM);
	char pid[16];

	ck_assert_int_eq(listen(session, 1), 0);
	ck_assert_int_eq(listen(control, 1), 0);
	session = fcntl(session, F_DUPFD, 20);
	control = fcntl(control, F_DUPFD, 21);
	ck_assert_int_eq(dup2(session, 3), 3);
	ck_assert_int_eq(dup2(control, 4), 4);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
}

START_TEST(manager_passes_sockets)
{
	pass_two();
	ck_assert_int_eq(manager_socket(path("control"), SOCK_STREAM), 4);
	ck_assert_int_eq(manager_socket(path("session"), SOCK_SEQPACKET), 3);
	for (int fd = 3; fd < 5; fd++) {
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	}
	/* Of another type or path it is another one. */
	ck_assert_int_eq(manager_socket(path("control"), SOCK_SEQPACKET), -ENOENT);
	ck_assert_int_eq(manager_socket(path("contro"), SOCK_STREAM), -ENOENT);
	ck_assert_int_eq(manager_socket(path("control2"), SOCK_STREAM), -ENOENT);
}
END_TEST

static const struct {
	const char *pid, *fds; /* null: as it is */
} others[] = {
	{"1", NULL},
	{"", NULL},
	{"x", NULL},
	{NULL, "1"}, /* the second is not among them */
	{NULL, "0"},
	{NULL, "-1"},
	{NULL, "2x"},
	{NULL, "99999999999999999999"},
	{NULL, "4294967298"},
};

/* Meant for another process, or not to be understood: none. */
START_TEST(manager_passes_none)
{
	pass_two();
	if (others[_i].pid)
		setenv("LISTEN_PID", others[_i].pid, 1);
	if (others[_i].fds)
		setenv("LISTEN_FDS", others[_i].fds, 1);
	ck_assert_int_eq(manager_socket(path("control"), SOCK_STREAM), -ENOENT);
}
END_TEST

/* One that does not listen is not the manager's. */
START_TEST(manager_passes_other)
{
	int fd = make_socket(path("deaf"), strlen(path("deaf")), SOCK_STREAM);

	pass_two();
	ck_assert_int_eq(dup2(fd, 4), 4);
	ck_assert_int_eq(manager_socket(path("deaf"), SOCK_STREAM), -ENOENT);
}
END_TEST

START_TEST(manager_watches)
{
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	ck_assert_uint_eq(manager_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "600000000", 1);
	ck_assert_uint_eq(manager_watchdog_ms(), 300000);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_uint_eq(manager_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "-5", 1);
	ck_assert_uint_eq(manager_watchdog_ms(), 0);
}
END_TEST

/* As systemd names the stream that it has given. */
static void set_stream(int fd, const char *format)
{
	struct stat status;
	char text[64];

	ck_assert_int_eq(fstat(fd, &status), 0);
	snprintf(text, sizeof(text), format, (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
}

/* The variable may be somebody else's that was passed on, from whom our output goes elsewhere. */
START_TEST(manager_has_journal_here)
{
	static const char *const bad[] = {
		"", ":", "%ju", "%ju:", "%ju:%ju ", " %ju:%ju", "%ju:%ju0", "0:0"};
	int ends[2], fd = _i == 0 ? STDOUT_FILENO : STDERR_FILENO;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	unsetenv("JOURNAL_STREAM");
	ck_assert(!manager_is_journal(fd));
	set_stream(ends[_i], "%ju:%ju");
	ck_assert(!manager_is_journal(fd));
	ck_assert_int_ge(dup2(ends[_i], fd), 0);
	ck_assert(manager_is_journal(fd));
	ck_assert(!manager_is_journal(ends[!_i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		set_stream(ends[_i], bad[i]);
		ck_assert_msg(!manager_is_journal(fd), "%s", bad[i]);
	}
	set_stream(ends[_i], "%ju:%ju");
	close(fd);
	ck_assert(!manager_is_journal(fd));
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {TEST(manager_is_told), TEST(manager_none),
		TEST(manager_passes_sockets), LOOP(manager_passes_none, ARRAY_LEN(others)),
		TEST(manager_passes_other), TEST(manager_watches),
		LOOP(manager_has_journal_here, 2)};
	int result;

	check_make_folder(folder);
	result = check_status("manager", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return result;
}
