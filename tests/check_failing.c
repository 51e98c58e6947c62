/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every call that the module makes, and those to malloc() below it, fails: the first, the second,
 * and so on until a run makes fewer; in each of the ways that the call has; alone, or with all that
 * come after it. The functions here are in libc's and libpam's place: the program's own come first.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "check_connection.h"
#include "check_pam.h"

#define USER       "root" /* is everywhere */
#define RHOST      "192.0.2.1"
#define NAME       "localhost" /* libpam looks it up, for the audit: so one from a file */
#define CREDENTIAL "publickey ssh-ed25519 AAAA"
#define HUNG_MS    10000 /* only what waits for ever is slower */
#define PATIENT    "timeout=10000"
#define HASTY      "timeout=20"
#define WINDOW     "session required %4$s/tests/interpose/.libs/window.so "

void window_open(void);
void window_close(void);

static struct {
	bool is_armed, is_open; /* armed, it is open between the lines around the module's */
	unsigned int calls;     /* so far */
	unsigned int nth;       /* that call fails */
	bool is_lasting;        /* and those after it */
	unsigned int way;       /* in that way of those that it has */
	bool is_beyond;         /* it has fewer */
	int64_t left_us;        /* what the last wait was limited to */
	bool is_longer;         /* than the one before it */
	bool is_inherited;      /* a socket, by what another thread of sshd's starts meanwhile */
	bool is_signal;         /* what a send() that fails may end in */
	const char *failed;     /* the last call that did */
	char said[256];         /* the last line */
} injection;

void window_open(void)
{
	injection.is_open = injection.is_armed;
}

void window_close(void)
{
	injection.is_open = false;
}

static bool fails(const char *name, const int *errors, unsigned int count)
{
	if (!injection.is_open || ++injection.calls < injection.nth)
		return false;
	if (injection.calls == injection.nth)
		injection.is_beyond = injection.way >= count;
	else if (!injection.is_lasting)
		return false;
	if (injection.is_beyond)
		return false;
	injection.failed = name;
	errno = errors[injection.way % count];
	return true;
}

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* A stand-in that passes on what does not fail. */
#define FAILING(failed, type, name, parameters, arguments, ...)                                    \
	type name parameters                                                                       \
	{                                                                                          \
		static const int errors[] = {__VA_ARGS__};                                         \
		static type(*real) parameters;                                                     \
                                                                                                   \
		if (!real)                                                                         \
			*(void **)&real = next(#name);                                             \
		if (fails(#name, errors, ARRAY_LEN(errors)))                                       \
			return failed;                                                             \
		return real arguments;                                                             \
	}

FAILING(NULL, void *, malloc, (size_t size), (size), ENOMEM)
FAILING(NULL, void *, calloc, (size_t count, size_t size), (count, size), ENOMEM)
FAILING(NULL, void *, realloc, (void *old, size_t size), (old, size), ENOMEM)

FAILING(NULL, DIR *, opendir, (const char *name), (name), EMFILE, ENFILE, ENOENT, EACCES, ENOMEM)
FAILING(NULL, struct dirent *, readdir, (DIR * dir), (dir), EBADF, EIO, ENOMEM, EINTR, ENXIO)
FAILING(-1, int, getsockopt, (int fd, int level, int option, void *value, socklen_t *size),
	(fd, level, option, value, size), ENOMEM, ENOBUFS, EACCES, EINTR, ETIMEDOUT)
FAILING(-1, int, getpeername, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size),
	ENOBUFS, ENOMEM, EACCES)
FAILING(-1, int, getsockname, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size),
	ENOBUFS, ENOMEM, EACCES)
FAILING(-1, int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now), EINVAL,
	EPERM, EINTR)
FAILING(-1, int, connect, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size),
	EINTR, EAGAIN, ECONNREFUSED, ENOENT, EACCES, EPERM, ENOMEM, ETIMEDOUT)

int socket(int domain, int type, int protocol)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT};
	static int (*real)(int, int, int);

	if (!real)
		*(void **)&real = next("socket");
	if (injection.is_open && !(type & SOCK_CLOEXEC))
		injection.is_inherited = true;
	return fails("socket", errors, ARRAY_LEN(errors)) ? -1 : real(domain, type, protocol);
}

/* Descriptors are gone even so. */
int close(int fd)
{
	static const int errors[] = {EINTR, EIO};
	static int (*real)(int);
	int result;

	if (!real)
		*(void **)&real = next("close");
	result = real(fd);
	return fails("close", errors, ARRAY_LEN(errors)) ? -1 : result;
}

/* How long a call may wait: never longer than the one before it, and 0 would be for ever. */
static void note_wait(const struct timeval *wait)
{
	int64_t left_us = (int64_t)wait->tv_sec * 1000000 + wait->tv_usec;

	injection.is_longer |= left_us <= 0 || left_us > injection.left_us;
	injection.left_us = left_us;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	static const int errors[] = {ENOMEM, ENOPROTOOPT, EDOM, EINTR};
	static int (*real)(int, int, int, const void *, socklen_t);

	if (!real)
		*(void **)&real = next("setsockopt");
	if (injection.is_open && (option == SO_RCVTIMEO || option == SO_SNDTIMEO))
		note_wait(value);
	if (fails("setsockopt", errors, ARRAY_LEN(errors)))
		return -1;
	return real(fd, level, option, value, size);
}

/* 0 stands for less than all, which is no error. Linux has no SIGPIPE for this kind of socket so
 * far. */
ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	static const int errors[] = {
		EINTR, EAGAIN, EPIPE, ECONNRESET, ENOBUFS, ENOMEM, EMSGSIZE, 0};
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		*(void **)&real = next("send");
	if (injection.is_open && !(flags & MSG_NOSIGNAL))
		injection.is_signal = true;
	if (!fails("send", errors, ARRAY_LEN(errors)))
		return real(fd, bytes, size, flags);
	return errno == 0 ? (ssize_t)size - 1 : -1;
}

/* 0 stands for the connection's end. */
ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	static const int errors[] = {EINTR, EAGAIN, ECONNRESET, ENOMEM, ENOTCONN, 0};
	static ssize_t (*real)(int, void *, size_t, int);

	if (!real)
		*(void **)&real = next("recv");
	if (!fails("recv", errors, ARRAY_LEN(errors)))
		return real(fd, bytes, size, flags);
	return errno == 0 ? 0 : -1;
}

/* libpam's result is the error itself. */
FAILING(errno, int, pam_get_item, (const pam_handle_t *pamh, int item, const void **value),
	(pamh, item, value), PAM_SYSTEM_ERR, PAM_BAD_ITEM, PAM_BUF_ERR, PAM_PERM_DENIED)
FAILING(errno, int, pam_get_data, (const pam_handle_t *pamh, const char *name, const void **data),
	(pamh, name, data), PAM_SYSTEM_ERR, PAM_NO_MODULE_DATA)
FAILING(errno, int, pam_set_data,
	(pam_handle_t * pamh, const char *name, void *data,
		void (*done)(pam_handle_t *, void *, int)),
	(pamh, name, data, done), PAM_SYSTEM_ERR, PAM_BUF_ERR)
FAILING(NULL, const char *, pam_getenv, (pam_handle_t * pamh, const char *name), (pamh, name), 0)
FAILING(errno, int, getpwnam_r,
	(const char *user, struct passwd *passwd, char *buffer, size_t size, struct passwd **found),
	(user, passwd, buffer, size, found), ENOENT, EIO, EMFILE, ENFILE, ENOMEM, ERANGE, EINTR,
	ECONNREFUSED, ETIMEDOUT, EPROTO, ENOTCONN, ENXIO, ESRCH, ENAMETOOLONG, EBADMSG)

/* libpam's own, which then goes the way to the log. */
void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(injection.said, sizeof(injection.said), format, arguments);
	va_end(arguments);
	va_start(arguments, format);
	pam_vsyslog(pamh, priority, format, arguments);
	va_end(arguments);
}

/* --- what is done meanwhile ------------------------------------------------------------------- */

static void say_nothing(int fd, struct asked *asked)
{
	char byte;

	take_request(fd, asked);
	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void hang_up(int fd, struct asked *asked)
{
	(void)fd, (void)asked;
}

static void connect_one(void)
{
	connection_make(INADDR_LOOPBACK, INADDR_LOOPBACK);
}

static void connect_two(void)
{
	connection_make(INADDR_LOOPBACK + 1, INADDR_LOOPBACK);
}

static void connect_none(void)
{
}

static void unlink_path(void)
{
	unlink(path);
}

static const struct scenario {
	void (*arrange)(void);
	serving manner;
	const char *rhost, *options;
	int (*act)(pam_handle_t *pamh, int flags);
	unsigned int asked; /* if nothing fails and there is time enough */
	struct address client;
} scenarios[] = {
	{connect_none, say_done, RHOST, PATIENT, pam_open_session, 1, {4, {192, 0, 2, 1}}},
	{connect_one, say_done, NAME, PATIENT, pam_open_session, 1, {4, {127, 0, 0, 1}}},
	{connect_one, say_done, "127.0.0.1", PATIENT, pam_open_session, 1, {4, {127, 0, 0, 1}}},
	{connect_two, say_done, NAME, PATIENT " debug", pam_open_session, 0, {0}},
	{unlink_path, say_done, RHOST, PATIENT, pam_open_session, 0, {0}},
	{connect_none, hang_up, RHOST, PATIENT, pam_open_session, 0, {0}},
	{connect_none, say_nothing, RHOST, HASTY, pam_open_session, 1, {4, {192, 0, 2, 1}}},
	{connect_none, say_done, RHOST, "timeout=0", pam_open_session, 0, {0}},
	{connect_none, say_done, RHOST, PATIENT, pam_close_session, 1, {0}},
	{connect_none, say_done, RHOST, PATIENT " debug", pam_close_session, 1, {0}},
};

/* Where everything fails for good, some of it is tried until there is no time left. */
static pam_handle_t *begin_session(const struct scenario *scenario)
{
	pam_handle_t *pamh;
	char options[64];

	snprintf(options, sizeof(options), "%s%s", scenario->options,
		injection.is_lasting ? " " HASTY : "");
	pamh = begin(
		WINDOW "open\n" MODULE WINDOW "close\n" PERMIT, USER, scenario->rhost, options);
	ck_assert_int_eq(pam_putenv(pamh, "SSH_AUTH_INFO_0=" CREDENTIAL), PAM_SUCCESS);
	if (scenario->act == pam_close_session)
		ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	return pamh;
}

/* One call of the session function, with what fails in it as injection says. */
static void run(const struct scenario *scenario)
{
	static struct portrait before;
	pam_handle_t *pamh = begin_session(scenario);
	int64_t start_ms;
	int result;

	draw(&before, pamh);
	injection.calls = 0;
	injection.is_beyond = false;
	injection.is_longer = injection.is_inherited = injection.is_signal = false;
	injection.left_us = (int64_t)10000 * 1000;
	injection.failed = NULL;
	injection.said[0] = '\0';
	injection.is_armed = true;
	start_ms = now_ms();
	result = scenario->act(pamh, 0);
	injection.is_armed = false;
	ck_assert_int_lt(now_ms() - start_ms, HUNG_MS);
	ck_assert(!injection.is_longer);
	ck_assert(!injection.is_inherited);
	ck_assert(!injection.is_signal);
	ck_assert_int_eq(result, PAM_SUCCESS);
	check_unchanged(&before, pamh);
	end(pamh);
}

#define PROCESS "open: reading this process's descriptors: ", "open: the client's address cannot "
#define USERS   "open: reading the user database: ", "open: no such user"
#define HELPER  "open: asking the helper: ", "open: no answer from the helper"

static const struct {
	const char *call, *lines[3];
} blames[] = {
	{"opendir", {PROCESS}},
	{"readdir", {PROCESS}},
	{"getsockopt", {PROCESS}},
	{"getpeername", {PROCESS}},
	{"getsockname", {PROCESS}},
	{"getpwnam_r", {USERS}},
	{"clock_gettime", {HELPER}},
	{"socket", {HELPER}},
	{"setsockopt", {HELPER}},
	{"connect", {HELPER, "open: the helper is not running"}},
	{"send", {HELPER}},
	{"recv", {HELPER}},
};

static bool is_said(const char *line)
{
	return line && strncmp(injection.said, line, strlen(line)) == 0;
}

/* Whatever error number it is, the line names what has failed; if anything has to be said. */
static void check_blamed(const struct scenario *scenario)
{
	bool is_open = scenario->act == pam_open_session && scenario->asked == 1;

	if (!is_open || scenario->manner != say_done || injection.is_lasting || !injection.failed ||
		injection.said[0] == '\0')
		return;
	for (size_t i = 0; i < ARRAY_LEN(blames); i++) {
		const char *const *lines = blames[i].lines;

		if (strcmp(injection.failed, blames[i].call) == 0)
			ck_assert_msg(is_said(lines[0]) || is_said(lines[1]) || is_said(lines[2]),
				"%s: %s", blames[i].call, injection.said);
	}
}

/* What was asked, if anything, is the truth or less, but never something else. */
static void check_asked(const struct scenario *scenario, const struct answerer *answerer)
{
	struct wire_session session;

	if (asked_count(answerer) == 0)
		return;
	session = last_asked(answerer);
	if (session.type == WIRE_CLOSE)
		return;
	ck_assert_int_eq(session.type, WIRE_OPEN);
	ck_assert_str_eq(session.user, USER);
	ck_assert_uint_eq(session.uid, 0);
	if (scenario->act == pam_open_session)
		ck_assert(address_equal(&session.client, &scenario->client));
	if (session.server.family != 0)
		ck_assert(address_equal(&session.server, &scenario->client));
	if (session.auth[0] != '\0')
		ck_assert_str_eq(session.auth, CREDENTIAL);
}

/* The call before the last to fail is the last one that the module makes. */
static void sweep(const struct scenario *scenario, const struct answerer *answerer)
{
	for (injection.nth = 1;; injection.nth++) {
		for (injection.way = 0;; injection.way++) {
			run(scenario);
			check_blamed(scenario);
			check_asked(scenario, answerer);
			if (injection.calls < injection.nth)
				return;
			if (injection.is_beyond)
				break;
		}
	}
}

/* Without a failure it does what it should. Gives how often it asked. */
static unsigned int asked_unharmed(const struct scenario *scenario, const struct answerer *answerer)
{
	unsigned int before = asked_count(answerer);

	injection.nth = UINT32_MAX;
	injection.is_lasting = false;
	run(scenario);
	return asked_count(answerer) - before;
}

START_TEST(every_call)
{
	const struct scenario *scenario = &scenarios[_i / 2];
	struct answerer answerer = answerer_start(scenario->manner);
	unsigned int opened = scenario->act == pam_close_session;
	unsigned int asked;

	scenario->arrange();
	asked = asked_unharmed(scenario, &answerer); /* and libc has read its own files by now */
	injection.is_lasting = _i % 2 == 1;
	sweep(scenario, &answerer);
	ck_assert_uint_gt(injection.nth, 1);
	if (scenario->manner == say_done)
		ck_assert_uint_eq(asked, scenario->asked + opened);
	if (scenario->arrange == connect_two)
		ck_assert_uint_eq(asked_count(&answerer), 0);
	answerer_stop(&answerer);
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {LOOP(every_call, 2 * ARRAY_LEN(scenarios))};
	int status;

	pam_prepare();
	own_log();
	dlopen(module, RTLD_NOW); /* stays: thousands of loads would be most of the time */
	status = check_status("failing", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
