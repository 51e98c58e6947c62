/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "client.h"

#define UNTOUCHED  ((enum wire_answer)0x55)
#define PATIENT_MS 30000   /* far beyond what an answer takes */
#define LATE       20      /* times the timeout; only a hang is slower */
#define SLOW_US    2000000 /* ticks, in which the kernel counts timeouts, and other programs */

static char path[CHECK_FOLDER_SIZE + 8];

static struct sockaddr_un named(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	ck_assert_uint_lt(strlen(name), sizeof(address.sun_path));
	strcpy(address.sun_path, name);
	return address;
}

static int bound(int type)
{
	struct sockaddr_un address = named(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int listening(void)
{
	int fd = bound(SOCK_SEQPACKET);

	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static size_t count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(fds))
		count++;
	closedir(fds);
	return count;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const struct wire_session closing = {.type = WIRE_CLOSE};

static int ask(const char *to, int timeout_ms, enum wire_answer *answer)
{
	*answer = UNTOUCHED;
	return client_request(to, timeout_ms, &closing, answer);
}

/* What cannot be asked fails so, leaves the answer alone and no descriptor behind. */
static void check_failure(const char *to, int timeout_ms, int expected)
{
	enum wire_answer answer;
	size_t fds = count_fds();

	ck_assert_int_eq(ask(to, timeout_ms, &answer), expected);
	ck_assert_int_eq(answer, UNTOUCHED);
	ck_assert_uint_eq(count_fds(), fds);
}

static int64_t longest_us; /* that the kernel was to wait in one call */

/* In place of libc's, as the client calls it. */
int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	const struct timeval *wait = value;

	if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
		int64_t wait_us = (int64_t)wait->tv_sec * 1000000 + wait->tv_usec;

		ck_assert_int_gt(wait_us, 0); /* which would be for ever */
		if (wait_us > longest_us)
			longest_us = wait_us;
	}
	return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

/* The kernel's timers are up to an eighth late, and the deadline is not passed for that. */
static void check_deadline(int timeout_ms)
{
	int64_t start_us = now_us(), taken_us;

	longest_us = 0;

	check_failure(path, timeout_ms, -ETIMEDOUT);
	taken_us = now_us() - start_us;
	ck_assert_int_ge(taken_us, (int64_t)timeout_ms * 1000);
	ck_assert_int_lt(taken_us, (int64_t)timeout_ms * 1000 * LATE + SLOW_US);
	ck_assert_int_le(longest_us, (int64_t)timeout_ms * 1000 * 7 / 8);
	ck_assert(longest_us > 0 || timeout_ms == 1);
}

/* A helper that takes one request and answers with given bytes. */
struct helper {
	pthread_t thread;
	int listener, ready; /* a byte from ready, unless -1, is waited for before the answer */
	uint8_t received[WIRE_SESSION_SIZE + 1];
	ssize_t length;
	uint8_t answer[16];
	size_t answer_size;
};

static void *serve(void *argument)
{
	struct helper *helper = argument;
	int fd = accept(helper->listener, NULL, NULL);
	char byte;

	helper->length = recv(fd, helper->received, sizeof(helper->received), 0);
	if (helper->ready >= 0 && read(helper->ready, &byte, 1) != 1)
		abort();
	if (helper->answer_size > 0)
		send(fd, helper->answer, helper->answer_size, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

/* The thread has all signals blocked, so that they hit the client. */
static void start(struct helper *helper)
{
	sigset_t all, old;

	helper->listener = listening();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ck_assert_int_eq(pthread_create(&helper->thread, NULL, serve, helper), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void stop(struct helper *helper)
{
	pthread_join(helper->thread, NULL);
	close(helper->listener);
}

/* The helper's own descriptors are closed again when they are counted. */
static void check_answer(struct helper *helper, int error, enum wire_answer expected)
{
	size_t fds = count_fds();
	enum wire_answer answer;

	start(helper);
	ck_assert_int_eq(ask(path, PATIENT_MS, &answer), error);
	stop(helper);
	ck_assert_int_eq(answer, expected);
	ck_assert_uint_eq(count_fds(), fds);
}

START_TEST(answered)
{
	struct wire_session session = {
		.type = WIRE_OPEN, .uid = 7, .user = "alice", .client = {4, {1, 2, 3, 4}}};
	struct helper helper = {.ready = -1, .answer_size = WIRE_ANSWER_SIZE};
	enum wire_answer answer = UNTOUCHED;
	uint8_t sent[WIRE_SESSION_SIZE];
	size_t fds = count_fds();

	wire_answer_encode((enum wire_answer)_i, helper.answer);
	start(&helper);
	ck_assert_int_eq(client_request(path, PATIENT_MS, &session, &answer), 0);
	stop(&helper);
	ck_assert_int_eq(answer, _i);
	ck_assert_int_eq(wire_session_encode(&session, sent), 0);
	ck_assert_int_eq(helper.length, WIRE_SESSION_SIZE);
	ck_assert_mem_eq(helper.received, sent, sizeof(sent));
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

START_TEST(other_version)
{
	struct helper helper = {
		.ready = -1, .answer = {9, 0, WIRE_DONE}, .answer_size = WIRE_ANSWER_SIZE};

	check_answer(&helper, 0, WIRE_OTHER_VERSION);
}
END_TEST

static const struct {
	uint8_t bytes[16];
	size_t size;
} garbage[] = {
	{{0}, 0}, /* closes without a word */
	{{1}, 1},
	{{1, 0, 0}, 3},
	{{1, 0, 0, 0, 0}, 5},
	{{1, 0, 0, 0}, 16},
	{{1, 0, WIRE_FAILED + 1, 0}, 4},
	{{1, 0, 0, 1}, 4},
};

START_TEST(garbage_answer)
{
	struct helper helper = {.ready = -1, .answer_size = garbage[_i].size};

	memcpy(helper.answer, garbage[_i].bytes, sizeof(helper.answer));
	check_answer(&helper, -EPROTO, UNTOUCHED);
}
END_TEST

/* Link-time stand-in: what happens between connect() and send() is up to the test. */
static void (*after_connect)(void);
static int hook_listener;

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	int result = (int)syscall(SYS_connect, fd, address, size);

	if (result == 0 && after_connect)
		after_connect();
	return result;
}

static void take_and_close(void)
{
	close(accept(hook_listener, NULL, NULL));
}

static void close_listener(void)
{
	close(hook_listener);
	hook_listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* SIGPIPE has its default action here and would end the test. */
START_TEST(closed_before_request)
{
	hook_listener = listening();
	after_connect = _i == 0 ? take_and_close : close_listener;
	check_failure(path, PATIENT_MS, -EPROTO);
	close(hook_listener);
}
END_TEST

static void *close_unread(void *argument)
{
	struct helper *helper = argument;
	int fd = accept(helper->listener, NULL, NULL);
	char byte;

	recv(fd, &byte, 1, MSG_PEEK);
	close(fd);
	return NULL;
}

START_TEST(closed_with_request_unread)
{
	struct helper helper = {.listener = listening()};
	enum wire_answer answer;

	ck_assert_int_eq(pthread_create(&helper.thread, NULL, close_unread, &helper), 0);
	ck_assert_int_eq(ask(path, PATIENT_MS, &answer), -EPROTO);
	ck_assert_int_eq(answer, UNTOUCHED);
	stop(&helper);
}
END_TEST

static void fill_backlog(int listener)
{
	struct sockaddr_un address = named(path);

	ck_assert_int_eq(listen(listener, 0), 0);
	for (int fd, error = 0; error == 0;) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		error = connect(fd, (struct sockaddr *)&address, sizeof(address));
	}
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(client_deadline)
{
	listening();
	check_deadline(_i == 0 ? 1 : _i * 30);
}
END_TEST

START_TEST(full_backlog)
{
	fill_backlog(listening());
	check_deadline(50);
}
END_TEST

static volatile sig_atomic_t signals;
static int ready_writer = -1;

static void on_alarm(int number)
{
	(void)number;
	if (++signals == 20 && ready_writer >= 0 && write(ready_writer, "x", 1) != 1)
		abort();
}

static void storm(void)
{
	const struct itimerval often = {{0, 1000}, {0, 1000}};
	const struct sigaction action = {.sa_handler = on_alarm};

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void calm(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

START_TEST(deadline_in_storm)
{
	int listener = listening();

	if (_i == 1)
		fill_backlog(listener);
	storm();
	check_deadline(100);
	calm();
	ck_assert_int_gt(signals, 3);
}
END_TEST

START_TEST(answer_in_storm)
{
	struct helper helper = {.answer_size = WIRE_ANSWER_SIZE};
	enum wire_answer answer;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	helper.ready = ends[0];
	ready_writer = ends[1];
	wire_answer_encode(WIRE_DONE, helper.answer);
	start(&helper);
	storm();
	ck_assert_int_eq(ask(path, PATIENT_MS, &answer), 0);
	calm();
	stop(&helper);
	ck_assert_int_eq(answer, WIRE_DONE);
	ck_assert_int_ge(signals, 20);
}
END_TEST

START_TEST(nobody_there)
{
	char longest[109];

	unlink(path);
	check_failure(path, PATIENT_MS, -ENOENT);
	close(bound(SOCK_SEQPACKET));
	check_failure(path, PATIENT_MS, -ECONNREFUSED);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	check_failure(path, PATIENT_MS, -ECONNREFUSED);
	memset(longest, 'x', 108);
	longest[0] = '/';
	longest[108] = '\0';
	check_failure(longest, PATIENT_MS, -EINVAL);
	longest[107] = '\0';
	check_failure(longest, PATIENT_MS, -ENOENT);
}
END_TEST

START_TEST(other_kind_of_socket)
{
	ck_assert_int_eq(listen(bound(SOCK_STREAM), 1), 0);
	check_failure(path, PATIENT_MS, -EPROTOTYPE);
}
END_TEST

START_TEST(bad_request)
{
	const struct wire_session empty = {.type = WIRE_OPEN};
	enum wire_answer answer = UNTOUCHED;
	int listener = listening();

	ck_assert_int_eq(client_request(path, PATIENT_MS, &empty, &answer), -EBADMSG);
	ck_assert_int_eq(answer, UNTOUCHED);
	ck_assert_int_eq(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(accept(listener, NULL, NULL), -1); /* nobody came */
}
END_TEST

/* Nobody is waited for; what was said is there afterwards. */
START_TEST(told)
{
	int listener = listening(), fd;
	uint8_t received[WIRE_SESSION_SIZE + 1];
	struct wire_session session;
	size_t fds = count_fds();
	ssize_t length;

	ck_assert_int_eq(client_tell(path, PATIENT_MS, &closing), 0);
	ck_assert_uint_eq(count_fds(), fds);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	length = recv(fd, received, sizeof(received), 0);
	ck_assert_int_eq(wire_session_decode(received, (size_t)length, &session), 0);
	ck_assert_int_eq(session.type, WIRE_CLOSE);
	ck_assert_int_eq(recv(fd, received, 1, 0), 0);
}
END_TEST

static void check_not_told(int expected)
{
	size_t fds = count_fds();

	ck_assert_int_eq(client_tell(path, 50, &closing), expected);
	ck_assert_uint_eq(count_fds(), fds);
}

START_TEST(not_told)
{
	int64_t start_us = now_us();

	fill_backlog(listening());
	check_not_told(-ETIMEDOUT);
	ck_assert_int_ge(now_us() - start_us, 50 * 1000);
	ck_assert_int_lt(now_us() - start_us, 50 * 1000 * LATE);
	unlink(path);
	check_not_told(-ENOENT);
	close(bound(SOCK_SEQPACKET));
	check_not_told(-ECONNREFUSED);
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {LOOP(answered, WIRE_FAILED + 1), TEST(other_version),
		LOOP(garbage_answer, ARRAY_LEN(garbage)), LOOP(closed_before_request, 2),
		TEST(closed_with_request_unread), LOOP(client_deadline, 4), TEST(full_backlog),
		LOOP(deadline_in_storm, 2), TEST(answer_in_storm), TEST(nobody_there),
		TEST(other_kind_of_socket), TEST(bad_request), TEST(told), TEST(not_told)};
	char folder[CHECK_FOLDER_SIZE];
	int status;

	check_make_folder(folder);
	snprintf(path, sizeof(path), "%s/sock", folder);
	status = check_status("client", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
