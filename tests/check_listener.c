/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <event2/event.h>

#include "check_kernel.h"
#include "check_limit.h"
#include "listener.h"

#define NOBODY    65534
#define HUNG_UP   (-1) /* in place of an answer */
#define AT_SECOND 2000 /* more than the listener's patience, in ms */

/* What the listener called, and what it is to be told. */
struct calls {
	int opened, welcomed, closed, died;
	pid_t opened_pid, closed_pid, died_pid;
	struct wire_session session;
	enum wire_answer answer;
	bool is_another;
};

static struct event_base *base;
static struct listener *listener;
static struct calls calls;
static struct sockaddr_un at;
static int asking = -1;     /* the end of an exchange that gets the answer */
static bool is_asked_alone; /* there is no other */
static char folder[] = "/tmp/check_listener.XXXXXX";

/* Who waits for an answer has it before anything else is done. */
static void check_answered(bool is_answered)
{
	struct pollfd end = {.fd = asking, .events = POLLIN};

	if (is_asked_alone && asking >= 0)
		ck_assert_int_eq(poll(&end, 1, 0), is_answered);
}

static enum wire_answer on_opened(const struct wire_session *session, pid_t pid, void *context)
{
	ck_assert_ptr_eq(context, &calls);
	check_answered(false);
	calls.opened++;
	calls.opened_pid = pid;
	calls.session = *session;
	return calls.answer;
}

static bool on_again(const struct wire_session *session, pid_t pid, void *context)
{
	ck_assert_mem_eq(session, &calls.session, sizeof(*session));
	ck_assert_ptr_eq(context, &calls);
	ck_assert_int_eq(pid, calls.opened_pid);
	return !calls.is_another;
}

static void on_welcomed(const struct wire_session *session, pid_t pid, void *context)
{
	ck_assert_mem_eq(session, &calls.session, sizeof(*session));
	ck_assert_ptr_eq(context, &calls);
	ck_assert_int_eq(pid, calls.opened_pid);
	check_answered(true);
	calls.welcomed++;
}

static void on_closed(pid_t pid, void *context)
{
	ck_assert_ptr_eq(context, &calls);
	check_answered(true);
	calls.closed++;
	calls.closed_pid = pid;
}

static void on_died(pid_t pid, void *context)
{
	ck_assert_ptr_eq(context, &calls);
	calls.died++;
	calls.died_pid = pid;
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void begin(void)
{
	static const struct listener_calls all = {
		on_opened, on_again, on_welcomed, on_closed, on_died};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	chmod(folder, 0755);
	at = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(chmod(at.sun_path, 0666), 0);
	ck_assert_int_eq(listen(fd, 512), 0);
	calls = (struct calls){.answer = WIRE_DONE};
	base = event_base_new();
	listener = listener_new(base, fd, &all, &calls);
}

static void finish(void)
{
	listener_free(listener);
	event_base_free(base);
	libevent_global_shutdown();
	unlink(at.sun_path);
	rmdir(folder);
}

/* Lets the listener work until fd is readable. */
static void work_until_readable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	for (int ms = 0; poll(&wanted, 1, 1) == 0 && ms < KERNEL_WAIT_MS; ms++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void work_until(const int *count, int wanted)
{
	for (int ms = 0; *count < wanted && ms < KERNEL_WAIT_MS; ms++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (*count < wanted)
			poll(NULL, 0, 1);
	}
	ck_assert_int_eq(*count, wanted);
}

/* The answer on fd, which the listener has to close then. */
static int get_answer(int fd)
{
	uint8_t bytes[WIRE_ANSWER_SIZE + 1];
	enum wire_answer answer;
	ssize_t length;

	work_until_readable(fd);
	length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (length == 0)
		return HUNG_UP;
	ck_assert_int_eq(length, WIRE_ANSWER_SIZE);
	ck_assert_int_eq(wire_answer_decode(bytes, (size_t)length, &answer), 0);
	ck_assert_int_eq(recv(fd, bytes, 1, MSG_DONTWAIT), 0);
	return (int)answer;
}

/* One whole exchange. */
static int exchange(const uint8_t *bytes, size_t length)
{
	int fd = dial(), answer;

	ck_assert_int_eq(send(fd, bytes, length, 0), length);
	asking = fd;
	answer = get_answer(fd);
	asking = -1;
	close(fd);
	return answer;
}

static void make_open(uint8_t bytes[WIRE_SESSION_SIZE])
{
	struct wire_session session = {.type = WIRE_OPEN, .uid = 1000, .user = "alice"};

	address_parse("203.0.113.5", &session.client);
	address_parse("198.51.100.7", &session.server);
	strcpy(session.auth, "password");
	if (wire_session_encode(&session, bytes) < 0)
		abort();
}

static int say_open(void)
{
	uint8_t bytes[WIRE_SESSION_SIZE];

	make_open(bytes);
	return exchange(bytes, sizeof(bytes));
}

static int say_close(void)
{
	const struct wire_session session = {.type = WIRE_CLOSE};
	uint8_t bytes[WIRE_SESSION_SIZE];

	ck_assert_int_eq(wire_session_encode(&session, bytes), 0);
	return exchange(bytes, sizeof(bytes));
}

START_TEST(listener_session)
{
	char text[ADDRESS_TEXT_SIZE];

	is_asked_alone = true;
	begin();
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(calls.opened, 1);
	ck_assert_int_eq(calls.opened_pid, getpid());
	ck_assert_uint_eq(calls.session.uid, 1000);
	ck_assert_str_eq(calls.session.user, "alice");
	ck_assert_str_eq(calls.session.auth, "password");
	ck_assert_str_eq(address_format(&calls.session.client, text), "203.0.113.5");
	ck_assert_int_eq(calls.welcomed, 1);
	ck_assert_int_eq(say_close(), WIRE_DONE);
	ck_assert_int_eq(calls.closed, 1);
	ck_assert_int_eq(calls.closed_pid, getpid());
	ck_assert_int_eq(say_close(), WIRE_NOTHING);
	ck_assert_int_eq(calls.closed, 1);
	ck_assert_int_eq(calls.died, 0);
	finish();
}
END_TEST

START_TEST(listener_close_of_unknown)
{
	begin();
	ck_assert_int_eq(say_close(), WIRE_NOTHING);
	ck_assert_int_eq(calls.closed, 0);
	finish();
}
END_TEST

/* Who has two at once is told that it is not registered; the first one stands. */
START_TEST(listener_another_of_process)
{
	begin();
	ck_assert_int_eq(say_open(), WIRE_DONE);
	calls.is_another = true;
	ck_assert_int_eq(say_open(), WIRE_REFUSED);
	ck_assert_int_eq(calls.opened, 1);
	ck_assert_int_eq(calls.welcomed, 1);
	ck_assert_uint_eq(listener_refused(listener), 1);
	ck_assert_int_eq(say_close(), WIRE_DONE);
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(calls.opened, 2);
	finish();
}
END_TEST

/* A module that stands twice in the stack. */
START_TEST(listener_same_process_twice)
{
	begin();
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(calls.opened, 1);
	ck_assert_int_eq(say_close(), WIRE_DONE);
	ck_assert_int_eq(say_close(), WIRE_NOTHING);
	finish();
}
END_TEST

/* Who was refused is not held to be there. */
START_TEST(listener_tells_refusal)
{
	begin();
	calls.answer = WIRE_REFUSED;
	ck_assert_int_eq(say_open(), WIRE_REFUSED);
	ck_assert_int_eq(calls.welcomed, 0);
	ck_assert_int_eq(say_close(), WIRE_NOTHING);
	ck_assert_int_eq(calls.closed, 0);
	calls.answer = WIRE_DONE;
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(calls.opened, 2);
	finish();
}
END_TEST

/* What is wrong with a message of this length: that byte, changed to this. */
static const struct {
	size_t length, at;
	uint8_t value;
	int answer;
} malformed[] = {
	{0, 0, 1, HUNG_UP}, /* looks like a peer that has hung up */
	{1, 0, 1, WIRE_MALFORMED},
	{2, 0, 1, WIRE_MALFORMED},
	{WIRE_SESSION_SIZE / 2, 0, 1, WIRE_MALFORMED},
	{WIRE_SESSION_SIZE - 1, 0, 1, WIRE_MALFORMED},
	{WIRE_SESSION_SIZE + 1, 0, 1, WIRE_MALFORMED},
	{WIRE_SESSION_SIZE * 2, 0, 1, WIRE_MALFORMED},
	{WIRE_SESSION_SIZE, 2, 0, WIRE_MALFORMED}, /* type */
	{WIRE_SESSION_SIZE, 2, 2, WIRE_MALFORMED}, /* a close that says more */
	{WIRE_SESSION_SIZE, 2, 3, WIRE_MALFORMED},
	{WIRE_SESSION_SIZE, 8, 5, WIRE_MALFORMED},  /* family */
	{WIRE_SESSION_SIZE, 10, 1, WIRE_MALFORMED}, /* reserved */
	{WIRE_SESSION_SIZE, 44, 0, WIRE_MALFORMED}, /* user */
	{WIRE_SESSION_SIZE, 0, 77, WIRE_OTHER_VERSION},
	{2, 0, 77, WIRE_OTHER_VERSION},
	{WIRE_SESSION_SIZE / 2, 0, 77, WIRE_OTHER_VERSION},
};

START_TEST(listener_malformed)
{
	uint8_t bytes[2 * WIRE_SESSION_SIZE] = {0};

	begin();
	make_open(bytes);
	bytes[malformed[_i].at] = malformed[_i].value;
	ck_assert_int_eq(exchange(bytes, malformed[_i].length), malformed[_i].answer);
	ck_assert_int_eq(calls.opened, 0);
	ck_assert_int_eq(calls.closed, 0);
	ck_assert_uint_eq(listener_refused(listener), malformed[_i].answer != HUNG_UP);
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_uint_eq(listener_refused(listener), malformed[_i].answer != HUNG_UP);
	finish();
}
END_TEST

static int count_descriptors(void)
{
	DIR *fds = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(fds))
		count++;
	closedir(fds);
	return count;
}

/* A descriptor that comes with a message is not taken. */
START_TEST(listener_passed_descriptor)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} passed = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	uint8_t bytes[WIRE_SESSION_SIZE];
	struct iovec part = {bytes, sizeof(bytes)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &passed,
		.msg_controllen = sizeof(passed),
	};
	const int one = STDIN_FILENO;
	int fd, before;

	begin();
	ck_assert_int_eq(say_open(), WIRE_DONE);
	before = count_descriptors();
	make_open(bytes);
	memcpy(CMSG_DATA(&passed.header), &one, sizeof(one));
	fd = dial();
	ck_assert_int_eq(sendmsg(fd, &message, 0), sizeof(bytes));
	ck_assert_int_eq(get_answer(fd), WIRE_DONE);
	close(fd);
	ck_assert_int_eq(count_descriptors(), before);
	finish();
}
END_TEST

START_TEST(listener_one_message_each)
{
	uint8_t bytes[WIRE_SESSION_SIZE];
	int fd;

	begin();
	make_open(bytes);
	fd = dial();
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	bytes[0] = 77;
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	/* What it did not read makes its hanging up an error. */
	work_until_readable(fd);
	ck_assert_int_eq(calls.opened, 1);
	ck_assert_int_eq(say_close(), WIRE_DONE);
	close(fd);
	finish();
}
END_TEST

/* Says an open message as somebody who is not root, and gives what came of it. */
static pid_t start_stranger(int fd)
{
	uint8_t bytes[WIRE_SESSION_SIZE];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(1);
	make_open(bytes);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		send(fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
		_exit(1);
	_exit(0);
}

/* Before this process becomes root of its own namespaces, in which its own uid is 0. */
START_TEST(listener_not_root)
{
	int fd, status;
	pid_t pid;

	begin();
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid = start_stranger(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	work_until_readable(fd);
	errno = 0;
	ck_assert_int_le(recv(fd, &status, sizeof(status), MSG_DONTWAIT), 0);
	ck_assert_int_ne(errno, EAGAIN);
	ck_assert_int_eq(calls.opened, 0);
	ck_assert_uint_eq(listener_refused(listener), 1);
	close(fd);
	finish();
}
END_TEST

/* In a namespace of processes of its own: what becomes of what was sent from outside of it. */
static int serve_unseen(int fd)
{
	pid_t pid;
	int status = -1;

	if (unshare(CLONE_NEWPID) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		work_until_readable(fd);
		_exit(calls.opened == 0 && listener_refused(listener) == 1 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* Root, but no process that the helper could hold, or tell apart from others of its kind. */
START_TEST(listener_peer_without_pid)
{
	uint8_t bytes[WIRE_SESSION_SIZE];
	int fd, status;
	pid_t pid;

	begin();
	make_open(bytes);
	fd = dial();
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	pid = fork(); /* whose next child is in there, and no other of this process */
	if (pid == 0)
		_exit(serve_unseen(fd) == 0 ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(fd);
	finish();
}
END_TEST

/* A child that connects, says an open message and stays until it is killed. With another socket it
 * connects that one, too. */
static pid_t start_session(int *fd, int another)
{
	int ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid = fork();
	if (pid == 0) {
		uint8_t bytes[WIRE_SESSION_SIZE];

		make_open(bytes);
		if (connect(*fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
			send(*fd, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
			(another >= 0 &&
				connect(another, (struct sockaddr *)&at, sizeof(at)) < 0) ||
			write(ends[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(listener_tells_death)
{
	pid_t pid;
	int fd;

	begin();
	pid = start_session(&fd, -1);
	work_until(&calls.opened, 1);
	ck_assert_int_eq(calls.opened_pid, pid);
	ck_assert_int_eq(get_answer(fd), WIRE_DONE);
	close(fd);
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(calls.died, 0);
	stop(pid);
	work_until(&calls.died, 1);
	ck_assert_int_eq(calls.died_pid, pid);
	ck_assert_int_eq(calls.closed, 0);
	/* The other one stands. */
	ck_assert_int_eq(say_close(), WIRE_DONE);
	ck_assert_int_eq(calls.died, 1);
	finish();
}
END_TEST

START_TEST(listener_adopts)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	begin();
	limit_descriptors(0);
	ck_assert_int_eq(listener_adopt(listener, pid), -EMFILE);
	limit_lift();
	ck_assert_int_eq(listener_adopt(listener, pid), 0);
	ck_assert_int_eq(calls.died, 0);
	stop(pid);
	work_until(&calls.died, 1);
	ck_assert_int_eq(listener_adopt(listener, pid), 0);
	ck_assert_int_eq(calls.died, 2);
	ck_assert_int_eq(calls.died_pid, pid);
	finish();
}
END_TEST

/* Gone before its message is looked at: at most it was there for a moment. */
START_TEST(listener_hung_up)
{
	pid_t pid;
	int fd, answer;

	begin();
	pid = start_session(&fd, -1);
	stop(pid);
	close(fd);
	ck_assert_int_eq(say_close(), WIRE_NOTHING);
	work_until(&calls.died, calls.opened);
	ck_assert_int_le(calls.opened, 1);
	answer = say_open();
	ck_assert_int_eq(answer, WIRE_DONE);
	ck_assert_int_eq(calls.opened_pid, getpid());
	finish();
}
END_TEST

/* The same number once more before its end has been noticed: the one that it was has ended. */
START_TEST(listener_number_reused)
{
	uint8_t bytes[WIRE_SESSION_SIZE];
	int fd, again, answer;
	pid_t pid;

	begin();
	make_open(bytes);
	again = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid = start_session(&fd, again);
	ck_assert_int_eq(get_answer(fd), WIRE_DONE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	/* Both are there to be seen, the message first. */
	ck_assert_int_eq(send(again, bytes, sizeof(bytes), 0), sizeof(bytes));
	stop(pid);
	answer = get_answer(again);
	ck_assert_int_ge(calls.died, 1);
	ck_assert_int_eq(calls.died_pid, pid);
	/* An older kernel has nothing left of that process to hold. */
	ck_assert_int_eq(calls.opened, answer == WIRE_DONE ? 2 : 1);
	work_until(&calls.died, calls.opened);
	close(fd);
	close(again);
	finish();
}
END_TEST

/* The end of one who said that he goes is nothing to tell of. */
START_TEST(listener_closed_then_dead)
{
	uint8_t bytes[WIRE_SESSION_SIZE] = {WIRE_VERSION, 0, WIRE_CLOSE};
	int ends[2], fd;
	pid_t pid;

	begin();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	if (pid == 0) {
		uint8_t open[WIRE_SESSION_SIZE];

		make_open(open);
		fd = dial();
		if (send(fd, open, sizeof(open), 0) < 0 || recv(fd, open, 4, 0) != 4)
			_exit(1);
		fd = dial();
		if (send(fd, bytes, sizeof(bytes), 0) < 0 || recv(fd, open, 4, 0) != 4)
			_exit(1);
		if (send(ends[1], "", 1, 0) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	work_until(&calls.closed, 1);
	ck_assert_int_eq(calls.closed_pid, pid);
	work_until_readable(ends[0]);
	stop(pid);
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(calls.died, 0);
	close(ends[0]);
	close(ends[1]);
	finish();
}
END_TEST

/* Who hangs up without having said anything, or does not wait for the answer. */
START_TEST(listener_impatient_peers)
{
	uint8_t bytes[WIRE_SESSION_SIZE];
	int fd;

	begin();
	make_open(bytes);
	close(dial());
	fd = dial();
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	close(fd);
	work_until(&calls.opened, 1);
	ck_assert_int_eq(say_close(), WIRE_DONE);
	ck_assert_uint_eq(listener_refused(listener), 0);
	finish();
}
END_TEST

START_TEST(listener_idle_connection)
{
	struct timespec start, end;
	int fd;

	begin();
	fd = dial();
	clock_gettime(CLOCK_MONOTONIC, &start);
	ck_assert_int_eq(get_answer(fd), HUNG_UP);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_int_le(end.tv_sec - start.tv_sec, AT_SECOND / 1000 + 2);
	ck_assert_int_ge(
		(end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000,
		AT_SECOND - 100);
	ck_assert_int_eq(calls.opened, 0);
	ck_assert_uint_eq(listener_refused(listener), 1);
	close(fd);
	finish();
}
END_TEST

/* Many that say nothing: the one that has waited longest makes room, and who speaks is heard. */
START_TEST(listener_too_many)
{
	struct rlimit limit;
	int fds[256];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	begin();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	ck_assert_int_eq(say_open(), WIRE_DONE);
	ck_assert_int_eq(recv(fds[0], &limit, 1, MSG_DONTWAIT), 0);
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		ck_assert_int_lt(recv(fds[i], &limit, 1, MSG_DONTWAIT), 0);
	ck_assert_uint_eq(listener_refused(listener), 1);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	finish();
}
END_TEST

/* Everything that it holds is let go of, with sessions open and messages awaited. */
START_TEST(listener_ends_in_between)
{
	int fd;

	begin();
	ck_assert_int_eq(say_open(), WIRE_DONE);
	fd = dial();
	event_base_loop(base, EVLOOP_NONBLOCK);
	listener_free(listener);
	listener = NULL;
	ck_assert_int_eq(get_answer(fd), HUNG_UP);
	close(fd);
	finish();
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {
		TEST(listener_session),
		TEST(listener_close_of_unknown),
		TEST(listener_another_of_process),
		TEST(listener_same_process_twice),
		TEST(listener_tells_refusal),
		LOOP(listener_malformed, ARRAY_LEN(malformed)),
		TEST(listener_passed_descriptor),
		TEST(listener_one_message_each),
		TEST(listener_peer_without_pid),
		TEST(listener_tells_death),
		TEST(listener_adopts),
		TEST(listener_hung_up),
		TEST(listener_number_reused),
		TEST(listener_closed_then_dead),
		TEST(listener_impatient_peers),
		TEST(listener_idle_connection),
		TEST(listener_too_many),
		TEST(listener_ends_in_between),
	};
	const struct check_test before[] = {TEST(listener_not_root)};

	if (check_status("listener, not root", before, ARRAY_LEN(before)) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (kernel_enter() < 0)
		return CHECK_SKIP;
	return check_status("listener", tests, ARRAY_LEN(tests));
}
