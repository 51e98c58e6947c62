/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applications that no sshd is, and helpers that are none of ours. */
#include <dlfcn.h>
#include <syslog.h>

#include <security/pam_modules.h>

#include "check_pam.h"

#define USER    "root" /* is everywhere */
#define RHOST   "192.0.2.1"
#define PATIENT "timeout=10000"
#define HASTY   "timeout=50"
#define HUNG_MS 10000 /* only what waits for ever is slower */

/* The second line is reached if the module returns PAM_SUCCESS or PAM_IGNORE. What libpam returns
 * has its own trouble in it: the audit, without descriptors, or of a host with such a name. */
#define OURS   "session [success=ignore ignore=ignore default=die] %1$s socket=%2$s %3$s\n"
#define REACH  "session required %4$s/tests/interpose/.libs/window.so close\n"
#define ANYHOW OURS REACH PERMIT

void window_close(void);

static unsigned int reached;

void window_close(void)
{
	reached++;
}

static struct log_lines *lines;
static char huge[10001], control[] = "\n\r\t\x1b[31m%n%s\x7f\xff";

/* Opens and closes; all is as it was. */
static void check_session(pam_handle_t *pamh)
{
	static struct portrait before;
	int64_t start_ms = now_ms();

	draw(&before, pamh);
	reached = 0;
	pam_open_session(pamh, 0);
	ck_assert_uint_eq(reached, 1);
	check_unchanged(&before, pamh);
	pam_close_session(pamh, 0);
	ck_assert_uint_eq(reached, 2);
	check_unchanged(&before, pamh);
	ck_assert_int_lt(now_ms() - start_ms, HUNG_MS);
}

/* --- names ------------------------------------------------------------------------------------ */

static const struct {
	const char *text;
	bool is_good;
} users[] = {{USER, true}, {NULL, false}, {"", false}, {"no such user", false}, {huge, false},
	{control, false}, {"../../etc/passwd", false}, {"0", false}},
  hosts[] = {{RHOST, true}, {"2001:db8::1%eth0", true}, {NULL, false}, {"", false},
	  {"localhost", false}, {huge, false}, {control, false}, {"192.0.2.1 ", false}};

static const char *const services[] = {"service", "unknown", huge, "-"};

START_TEST(odd_names)
{
	size_t user = (size_t)_i / ARRAY_LEN(hosts), host = (size_t)_i % ARRAY_LEN(hosts);
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, users[user].text, hosts[host].text, PATIENT);
	bool is_asked = users[user].is_good && hosts[host].is_good;

	check_session(pamh);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), is_asked ? 2 : 0);
	answerer_stop(&answerer);
}
END_TEST

START_TEST(odd_items)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, PATIENT " debug");

	write_service("other", ANYHOW, PATIENT " debug");
	pam_set_item(pamh, PAM_SERVICE, services[_i]);
	pam_set_item(pamh, PAM_TTY, _i % 2 ? huge : control);
	pam_set_item(pamh, PAM_RUSER, _i % 2 ? control : huge);
	check_session(pamh);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), 2);
	answerer_stop(&answerer);
}
END_TEST

/* --- arguments -------------------------------------------------------------------------------- */

#define TEN(text) text text text text text text text text text text

static const char *const wrong[] = {"timeout=", "timeout=-1", "timeout=99999999999999999999",
	"socket=", "socket=relative", "unknown", "debug=", "[with spaces]", "%n%s%n%s",
	TEN(TEN("debug ")) "debugs", TEN(TEN(TEN("x")))};

START_TEST(wrong_arguments)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, wrong[_i]);
	unsigned int before = lines ? lines->count : 0;

	check_session(pamh);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), 0);
	answerer_stop(&answerer);
	while (lines && lines->count < before + 2)
		sched_yield();
}
END_TEST

/* --- sessions and handles --------------------------------------------------------------------- */

START_TEST(opened_twice)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, PATIENT);

	pam_open_session(pamh, PAM_SILENT);
	check_session(pamh);
	pam_close_session(pamh, PAM_SILENT);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), 4);
	answerer_stop(&answerer);
}
END_TEST

/* Neither of two handles knows of the other's session. */
START_TEST(two_handles)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *first = begin(ANYHOW, USER, RHOST, PATIENT);
	pam_handle_t *second = begin(ANYHOW, USER, RHOST, PATIENT);

	ck_assert_int_eq(pam_open_session(first, 0), PAM_SUCCESS);
	ck_assert_int_eq(pam_close_session(second, 0), PAM_SUCCESS);
	ck_assert_uint_eq(asked_count(&answerer), 1);
	check_session(second);
	ck_assert_int_eq(pam_close_session(first, 0), PAM_SUCCESS);
	end(first);
	check_session(second);
	end(second);
	ck_assert_uint_eq(asked_count(&answerer), 6);
	answerer_stop(&answerer);
}
END_TEST

START_TEST(ended_without_close)
{
	struct answerer answerer = answerer_start(say_done);
	static struct portrait before;
	pam_handle_t *pamh;

	draw(&before, NULL);
	pamh = begin(ANYHOW, USER, RHOST, PATIENT);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	end(pamh);
	check_unchanged(&before, NULL);
	answerer_stop(&answerer);
}
END_TEST

/* pam_end() takes the module out of memory. */
START_TEST(loaded_again)
{
	struct answerer answerer = answerer_start(say_done);
	static struct portrait before;

	draw(&before, NULL);
	for (int i = 0; i < 100; i++) {
		pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, PATIENT);

		check_session(pamh);
		end(pamh);
		ck_assert_ptr_null(dlopen(module, RTLD_NOW | RTLD_NOLOAD));
	}
	check_unchanged(&before, NULL);
	ck_assert_uint_eq(asked_count(&answerer), 200);
	answerer_stop(&answerer);
}
END_TEST

static void copy_module(const char *copy)
{
	char bytes[4096];
	FILE *from = fopen(module, "re"), *to = fopen(copy, "we");

	for (size_t size; (size = fread(bytes, 1, sizeof(bytes), from)) > 0;)
		ck_assert_uint_eq(fwrite(bytes, 1, size, to), size);
	fclose(from);
	ck_assert_int_eq(fclose(to), 0);
}

/* In memory twice, from two files; they share what is kept on the handle. */
START_TEST(two_copies)
{
	struct answerer answerer = answerer_start(say_done);
	char copy[CHECK_FOLDER_SIZE + 16], stack[512];
	pam_handle_t *pamh;

	snprintf(copy, sizeof(copy), "%s/copy.so", folder);
	copy_module(copy);
	snprintf(stack, sizeof(stack), "%ssession required %s socket=%%2$s %%3$s\n%s", OURS, copy,
		REACH);
	pamh = begin(stack, USER, RHOST, PATIENT);
	check_session(pamh);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), 4);
	answerer_stop(&answerer);
}
END_TEST

/* --- descriptors and signals ------------------------------------------------------------------ */

/* The application has as many descriptors left as _i says. */
START_TEST(descriptors_used_up)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, USER, _i % 2 ? RHOST : "localhost", PATIENT);
	struct rlimit limit;
	int next = open("/", O_RDONLY | O_CLOEXEC);

	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)(next + _i / 2);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	pam_open_session(pamh, 0);
	pam_close_session(pamh, 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(reached, 2);
	check_session(pamh);
	end(pamh);
	answerer_stop(&answerer);
}
END_TEST

/* What the module opens gets number 0, and is closed all the same. */
START_TEST(no_standard_descriptors)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, PATIENT);
	static struct portrait before;
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), opened;

	openlog(NULL, LOG_NDELAY, LOG_AUTHPRIV);
	draw(&before, pamh);
	close(STDIN_FILENO);
	opened = pam_open_session(pamh, 0);
	ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1);
	dup2(saved, STDIN_FILENO);
	ck_assert_int_eq(opened, PAM_SUCCESS);
	check_unchanged(&before, pamh);
	end(pamh);
	answerer_stop(&answerer);
}
END_TEST

static void say_late(int fd, struct asked *asked)
{
	take_request(fd, asked);
	usleep(100 * 1000);
	say(fd, WIRE_DONE);
}

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
	(void)number;
	signals++;
}

/* Without SA_RESTART. */
START_TEST(storm_of_signals)
{
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {0};
	const struct sigaction action = {.sa_handler = on_alarm};
	struct answerer answerer = answerer_start(say_late);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, PATIENT);

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	int opened = pam_open_session(pamh, 0), closed = pam_close_session(pamh, 0);
	setitimer(ITIMER_REAL, &never, NULL);
	ck_assert_int_eq(opened, PAM_SUCCESS);
	ck_assert_int_eq(closed, PAM_SUCCESS);
	ck_assert_int_gt(signals, 3);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), 2);
	answerer_stop(&answerer);
}
END_TEST

/* --- helpers ---------------------------------------------------------------------------------- */

static void hang_up(int fd, struct asked *asked)
{
	(void)fd, (void)asked;
}

static void take_and_hang_up(int fd, struct asked *asked)
{
	take_request(fd, asked);
}

static void peek_and_hang_up(int fd, struct asked *asked)
{
	char byte;

	(void)asked;
	recv(fd, &byte, 1, MSG_PEEK);
}

static void say_nothing(int fd, struct asked *asked)
{
	char byte;

	take_request(fd, asked);
	recv(fd, &byte, 1, 0);
}

static void say_bytewise(int fd, struct asked *asked)
{
	const uint8_t bytes[WIRE_ANSWER_SIZE] = {WIRE_VERSION, 0, WIRE_DONE, 0};

	take_request(fd, asked);
	for (size_t i = 0; i < sizeof(bytes); i++)
		send(fd, &bytes[i], 1, MSG_NOSIGNAL);
}

/* As much as fits, before anything was asked. */
static void flood(int fd, struct asked *asked)
{
	(void)asked;
	while (send(fd, huge, sizeof(huge), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		;
	usleep(10 * 1000);
}

static void say_garbage(int fd, struct asked *asked)
{
	take_request(fd, asked);
	send(fd, "\xff\xff\xff\xff", 4, MSG_NOSIGNAL);
}

static void say_in_other_version(int fd, struct asked *asked)
{
	const uint8_t bytes[WIRE_ANSWER_SIZE] = {WIRE_VERSION + 1, 0, WIRE_DONE, 0};

	take_request(fd, asked);
	send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

/* Descriptors that nobody asked for are the kernel's to throw away. */
static void say_with_descriptors(int fd, struct asked *asked)
{
	uint8_t bytes[WIRE_ANSWER_SIZE] = {WIRE_VERSION, 0, WIRE_REFUSED, 0};
	char space[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec data = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	take_request(fd, asked);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	sendmsg(fd, &message, MSG_NOSIGNAL);
}

static const serving strangers[] = {hang_up, take_and_hang_up, peek_and_hang_up, say_nothing,
	say_bytewise, flood, say_garbage, say_in_other_version, say_with_descriptors};

/* None of them opens a session, so there is none to close. */
START_TEST(strange_helper)
{
	struct answerer answerer = answerer_start(strangers[_i]);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, HASTY);
	unsigned int before;

	check_session(pamh);
	before = asked_count(&answerer);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	end(pamh);
	ck_assert_uint_eq(asked_count(&answerer), before);
	answerer_stop(&answerer);
}
END_TEST

START_TEST(strange_helper_at_close)
{
	struct answerer answerer = answerer_start(say_done);
	pam_handle_t *pamh = begin(ANYHOW, USER, RHOST, HASTY);
	static struct portrait before;
	int opened = pam_open_session(pamh, 0);

	ck_assert_int_eq(opened, PAM_SUCCESS);
	answerer_stop(&answerer);
	answerer = answerer_start(strangers[_i]);
	draw(&before, pamh);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	check_unchanged(&before, pamh);
	end(pamh);
	answerer_stop(&answerer);
}
END_TEST

/* Whatever was logged, it was a line each time. */
START_TEST(log_is_lines)
{
	ck_assert_uint_gt(lines->count, 0);
	ck_assert_uint_eq(lines->bad, 0);
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {LOOP(odd_names, ARRAY_LEN(users) * ARRAY_LEN(hosts)),
		LOOP(odd_items, ARRAY_LEN(services)), LOOP(wrong_arguments, ARRAY_LEN(wrong)),
		TEST(opened_twice), TEST(two_handles), TEST(ended_without_close),
		TEST(loaded_again), TEST(two_copies), LOOP(descriptors_used_up, 10),
		TEST(no_standard_descriptors), TEST(storm_of_signals),
		LOOP(strange_helper, ARRAY_LEN(strangers)),
		LOOP(strange_helper_at_close, ARRAY_LEN(strangers)), TEST(log_is_lines)};
	int status;

	pam_prepare();
	lines = own_log();
	memset(huge, 'x', sizeof(huge) - 1);
	status = check_status("application", tests, ARRAY_LEN(tests) - (lines ? 0 : 1));
	check_remove_folder(folder);
	return status;
}
