/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module as libpam loads it, from a configuration of our own, and a helper that says what the
 * test wants. */
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "check_connection.h"
#include "check_pam.h"

#define USER         "alice"
#define UID          1001
#define NAME         "client.example.org"
#define RHOST        "192.0.2.1"
#define REQUESTS_MAX 8
#define PATIENT      "timeout=10000"
#define HASTY        "timeout=50"

static int users_error; /* the user database's */

/* Link-time stand-in for libc's: there are users of any name but one. */
int getpwnam_r(
	const char *user, struct passwd *passwd, char *buffer, size_t size, struct passwd **found)
{
	(void)buffer, (void)size;
	passwd->pw_uid = UID;
	*found = users_error != 0 || strcmp(user, "nobody there") == 0 ? NULL : passwd;
	return users_error;
}

/* What the module said last of an open; libpam has lines of its own. */
static struct {
	int priority;
	char text[256]; /* empty: nothing was said */
} said;

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
	char text[sizeof(said.text)];
	va_list arguments;

	(void)pamh;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (strncmp(text, "open: ", 6) != 0)
		return;
	said.priority = priority;
	strcpy(said.text, text);
}

static void check_said(int priority, const char *text)
{
	char line[256] = "";

	if (text)
		snprintf(line, sizeof(line), "open: %s", text);
	ck_assert_str_eq(said.text, line);
	if (text)
		ck_assert_int_eq(said.priority, priority);
	said.text[0] = '\0';
}

/* A helper that answers count requests with size bytes each, and counts how many came. */
struct helper {
	pthread_t thread;
	int listener;
	size_t count, size, taken;
	uint8_t answers[REQUESTS_MAX][8];
	struct wire_session requests[REQUESTS_MAX];
};

static void answer(struct helper *helper, int fd)
{
	uint8_t bytes[WIRE_SESSION_SIZE + 1];
	ssize_t length = recv(fd, bytes, sizeof(bytes), 0);

	if (length < 0 ||
		wire_session_decode(bytes, (size_t)length, &helper->requests[helper->taken]) < 0)
		abort();
	send(fd, helper->answers[helper->taken], helper->size, MSG_NOSIGNAL);
}

static void *serve(void *argument)
{
	struct helper *helper = argument;

	for (int fd; (fd = accept(helper->listener, NULL, NULL)) >= 0; helper->taken++) {
		if (helper->taken < helper->count)
			answer(helper, fd);
		close(fd);
	}
	return NULL;
}

static void start(struct helper *helper)
{
	helper->listener = listening();
	ck_assert_int_eq(pthread_create(&helper->thread, NULL, serve, helper), 0);
}

/* What was expected was asked, and no more. */
static void stop(struct helper *helper)
{
	shutdown(helper->listener, SHUT_RDWR);
	pthread_join(helper->thread, NULL);
	close(helper->listener);
	ck_assert_uint_eq(helper->taken, helper->count);
}

static struct helper answering(enum wire_answer first, enum wire_answer second, size_t count)
{
	struct helper helper = {.count = count, .size = WIRE_ANSWER_SIZE};

	for (size_t i = 0; i < count; i++)
		wire_answer_encode(i % 2 == 0 ? first : second, helper.answers[i]);
	return helper;
}

/* What the module returns when it is called directly, where a stack would hide that. It has nothing
 * to close, nor to say of it: it keeps no data for anybody but libpam. */
static int opened(const char *user, const char *rhost, const char *options)
{
	char socket[sizeof(path) + 8];
	const char *arguments[] = {socket, options};
	pam_handle_t *pamh = begin(SUCCEED, user, rhost, "");
	int result;

	snprintf(socket, sizeof(socket), "socket=%s", path);
	result = pam_sm_open_session(pamh, 0, 2, arguments);
	ck_assert_int_eq(pam_sm_close_session(pamh, 0, 2, arguments), PAM_IGNORE);
	end(pamh);
	return result;
}

static char huge[10001], numeric[10001], longest[256], too_long[257];

#define NO_ADDRESS "the client's address cannot be known"
#define LONG_NAME  "the user's name is too long"
#define UNTOLD     "such a login cannot be told"
#define BAD(word)  "bad option \"" word "\": nothing done"

/* Nobody is asked; the helper is there. */
static const struct {
	const char *user, *rhost, *options;
	int priority;
	const char *text;
} unasked[] = {
	{USER, NULL, PATIENT, 0, NULL},
	{USER, "", PATIENT, 0, NULL},
	{USER, NAME, PATIENT, LOG_WARNING, NO_ADDRESS}, /* and no connection */
	{USER, huge, PATIENT, LOG_WARNING, NO_ADDRESS},
	{USER, numeric, PATIENT, LOG_WARNING, NO_ADDRESS},
	{USER, "0.0.0.0", PATIENT, LOG_WARNING, UNTOLD},
	{NULL, RHOST, PATIENT, LOG_WARNING, UNTOLD},
	{"", RHOST, PATIENT, LOG_WARNING, UNTOLD},
	{"nobody there", RHOST, PATIENT, LOG_WARNING, "no such user"},
	{too_long, RHOST, PATIENT, LOG_WARNING, LONG_NAME},
	{huge, RHOST, PATIENT, LOG_WARNING, LONG_NAME},
	{huge, huge, PATIENT, LOG_WARNING, NO_ADDRESS},
	{USER, RHOST, "timeout=0", LOG_ERR, BAD("timeout=0")},
	{USER, RHOST, "socket=relative", LOG_ERR, BAD("socket=relative")},
	{USER, RHOST, "unknown", LOG_ERR, BAD("unknown")},
};

START_TEST(asks_nobody)
{
	struct helper helper = {.count = 0};
	static struct portrait before;

	draw(&before, NULL);
	start(&helper);
	ck_assert_int_eq(
		opened(unasked[_i].user, unasked[_i].rhost, unasked[_i].options), PAM_IGNORE);
	check_said(unasked[_i].priority, unasked[_i].text);
	stop(&helper);
	check_unchanged(&before, NULL);
}
END_TEST

/* A user database fails with the numbers that the module's other parts have, and it is the one that
 * is named. */
static const int database_errors[] = {ECONNREFUSED, ETIMEDOUT, EPROTO, ENXIO, ENOTCONN,
	ENAMETOOLONG, EBADMSG, EMFILE, ENOENT, ESRCH};

START_TEST(database_fails)
{
	struct helper helper = {.count = 0};
	int error = database_errors[_i];
	bool is_missing = error == ENOENT || error == ESRCH;
	char text[128];

	snprintf(text, sizeof(text), "reading the user database: %s", strerror(error));
	start(&helper);
	users_error = error;
	ck_assert_int_eq(opened(USER, RHOST, PATIENT), PAM_IGNORE);
	check_said(is_missing ? LOG_WARNING : LOG_ERR, is_missing ? "no such user" : text);
	stop(&helper);
}
END_TEST

#define DIFFER  "module and helper differ in version"
#define PUZZLED "the helper did not understand"
#define NONE    "no answer from the helper"

static const struct {
	uint8_t bytes[8];
	size_t size;
	int result, priority;
	const char *text;
} answers[] = {
	{{1, 0, WIRE_DONE}, 4, PAM_SUCCESS, 0, NULL},
	{{1, 0, WIRE_REFUSED}, 4, PAM_IGNORE, LOG_WARNING, "the helper refused: see its log"},
	{{1, 0, WIRE_MALFORMED}, 4, PAM_IGNORE, LOG_ERR, PUZZLED},
	{{1, 0, WIRE_OTHER_VERSION}, 4, PAM_IGNORE, LOG_ERR, DIFFER},
	{{1, 0, WIRE_NOTHING}, 4, PAM_IGNORE, LOG_ERR, PUZZLED},
	{{1, 0, WIRE_FAILED}, 4, PAM_IGNORE, LOG_ERR, "the helper failed: see its log"},
	{{1, 0, WIRE_FAILED + 1}, 4, PAM_IGNORE, LOG_WARNING, NONE},
	{{9, 0, WIRE_DONE}, 4, PAM_IGNORE, LOG_ERR, DIFFER},
	{{1, 0, WIRE_DONE}, 3, PAM_IGNORE, LOG_WARNING, NONE},
	{{1, 0, WIRE_DONE}, 8, PAM_IGNORE, LOG_WARNING, NONE},
	{{0}, 0, PAM_IGNORE, LOG_WARNING, NONE}, /* closes without a word */
};

static struct helper answering_bytes(int i)
{
	struct helper helper = {.count = 1, .size = answers[i].size};

	memcpy(helper.answers[0], answers[i].bytes, sizeof(answers[i].bytes));
	return helper;
}

START_TEST(answered)
{
	struct helper helper = answering_bytes(_i);
	static struct portrait before;

	draw(&before, NULL);
	start(&helper);
	ck_assert_int_eq(opened(USER, RHOST, PATIENT), answers[_i].result);
	check_said(answers[_i].priority, answers[_i].text);
	stop(&helper);
	check_unchanged(&before, NULL);
}
END_TEST

/* Closing asks only if opening was answered "done", which is the first of the answers. */
START_TEST(not_opened)
{
	struct helper helper = answering_bytes(_i + 1);
	pam_handle_t *pamh = begin(EITHER, USER, RHOST, PATIENT);

	start(&helper);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
}
END_TEST

static void absent(void)
{
	unlink(path);
}

static void dead(void)
{
	close(listening());
}

static void silent(void)
{
	ck_assert_int_ge(listening(), 0);
}

static const struct {
	void (*arrange)(void);
	const char *text;
} unreachable[] = {
	{absent, "the helper is not running"},
	{dead, "the helper is not running"},
	{silent, "no answer from the helper in time"},
};

START_TEST(helper_unreachable)
{
	static struct portrait before;

	unreachable[_i].arrange();
	draw(&before, NULL);
	ck_assert_int_eq(opened(USER, RHOST, HASTY), PAM_IGNORE);
	check_said(LOG_WARNING, unreachable[_i].text);
	check_unchanged(&before, NULL);
}
END_TEST

/* Closing waits for no answer: the message is in the queue, and nobody takes it out before. */
START_TEST(close_waits_for_nobody)
{
	struct helper helper = answering(WIRE_DONE, WIRE_DONE, 1);
	pam_handle_t *pamh = begin(SUCCEED, USER, RHOST, PATIENT);
	uint8_t bytes[WIRE_SESSION_SIZE + 1];
	struct wire_session session;
	int listener, fd;

	start(&helper);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	listener = listening();
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_eq(recv(fd, bytes, sizeof(bytes), 0), WIRE_SESSION_SIZE);
	ck_assert_int_eq(wire_session_decode(bytes, WIRE_SESSION_SIZE, &session), 0);
	ck_assert_int_eq(session.type, WIRE_CLOSE);
	close(fd);
	close(listener);
	end(pamh);
}
END_TEST

/* Whatever is said then. */
START_TEST(close_answered)
{
	struct helper helper = answering(WIRE_DONE, (enum wire_answer)_i, 2);
	static struct portrait before;
	pam_handle_t *pamh;

	draw(&before, NULL);
	pamh = begin(EITHER, USER, RHOST, PATIENT);
	start(&helper);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
	check_unchanged(&before, NULL);
	ck_assert_int_eq(helper.requests[0].type, WIRE_OPEN);
	ck_assert_int_eq(helper.requests[1].type, WIRE_CLOSE);
}
END_TEST

/* The helper knew of the session, and is gone or in trouble when it closes. */
START_TEST(close_unreachable)
{
	struct helper helper = answering(WIRE_DONE, WIRE_DONE, 1);
	pam_handle_t *pamh = begin(EITHER, USER, RHOST, HASTY);

	start(&helper);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	unreachable[_i].arrange();
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	end(pamh);
}
END_TEST

START_TEST(close_without_open)
{
	struct helper helper = {.count = 0};
	pam_handle_t *pamh = begin(EITHER, USER, RHOST, PATIENT);

	start(&helper);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
}
END_TEST

START_TEST(loaded_twice)
{
	struct helper helper = answering(WIRE_DONE, WIRE_DONE, 4);
	pam_handle_t *pamh = begin(SUCCEED SUCCEED, USER, RHOST, PATIENT);

	start(&helper);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
	for (size_t i = 0; i < helper.count; i++)
		ck_assert_int_eq(helper.requests[i].type, i < 2 ? WIRE_OPEN : WIRE_CLOSE);
}
END_TEST

/* What the helper is told when a session opens with that variable set in PAM's environment. */
static struct wire_session told(const char *user, const char *rhost, const char *variable)
{
	struct helper helper = answering(WIRE_DONE, WIRE_DONE, 1);
	pam_handle_t *pamh = begin(SUCCEED, user, rhost, PATIENT);

	start(&helper);
	if (variable)
		ck_assert_int_eq(pam_putenv(pamh, variable), PAM_SUCCESS);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
	return helper.requests[0];
}

START_TEST(tells_who)
{
	struct wire_session session = told(USER, RHOST, NULL);
	struct address expected = {4, {192, 0, 2, 1}};

	ck_assert_int_eq(session.type, WIRE_OPEN);
	ck_assert_str_eq(session.user, USER);
	ck_assert_uint_eq(session.uid, UID);
	ck_assert(address_equal(&session.client, &expected));
	ck_assert_uint_eq(session.server.family, 0);
	ck_assert_str_eq(session.auth, "");
	ck_assert_str_eq(told(longest, RHOST, NULL).user, longest);
}
END_TEST

/* A name has its address from the connection; what has no remote host is no login from there. */
START_TEST(connection)
{
	const struct address expected = {4, {127, 0, 0, 1}};
	struct helper helper = {.count = 0};
	struct wire_session session;
	pam_handle_t *pamh;

	connection_make(INADDR_LOOPBACK, INADDR_LOOPBACK);
	session = told(USER, NAME, NULL);
	ck_assert(address_equal(&session.client, &expected));
	ck_assert(address_equal(&session.server, &expected));
	start(&helper);
	pamh = begin(EITHER, USER, _i == 0 ? NULL : "", PATIENT);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
}
END_TEST

/* sshd has no connection of its own (it was started on a pipe, say), so this one is another's. */
START_TEST(unknown_host)
{
	struct helper helper = {.count = 0};

	connection_make(INADDR_LOOPBACK, INADDR_LOOPBACK);
	start(&helper);
	ck_assert_int_eq(opened(USER, "UNKNOWN", PATIENT), PAM_IGNORE);
	check_said(LOG_WARNING, NO_ADDRESS);
	stop(&helper);
}
END_TEST

START_TEST(environment_is_no_address)
{
	struct address expected = {4, {192, 0, 2, 1}};
	struct helper helper = {.count = 0};
	struct wire_session session;
	pam_handle_t *pamh;

	setenv("SSH_CONNECTION", "192.0.2.66 1 192.0.2.67 22", 1);
	session = told(USER, RHOST, "SSH_CONNECTION=192.0.2.66 1 192.0.2.67 22");
	ck_assert(address_equal(&session.client, &expected));
	ck_assert_uint_eq(session.server.family, 0);
	start(&helper);
	pamh = begin(EITHER, USER, NAME, PATIENT);
	ck_assert_int_eq(pam_putenv(pamh, "SSH_CONNECTION=192.0.2.66 1 192.0.2.67 22"), 0);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
}
END_TEST

/* A credential of that length. */
static struct wire_session told_auth(const char *start_text, size_t length)
{
	char variable[WIRE_AUTH_SIZE + 100] = "SSH_AUTH_INFO_0=";
	size_t name = strlen(variable);

	memset(variable + name, 'A', length);
	variable[name + length] = '\0';
	memcpy(variable + name, start_text, strlen(start_text));
	return told(USER, RHOST, variable);
}

START_TEST(credential)
{
	ck_assert_str_eq(told(USER, RHOST, "SSH_AUTH_INFO_0=password\n").auth, "password\n");
	ck_assert_uint_eq(strlen(told_auth("publickey ssh-rsa ", WIRE_AUTH_SIZE - 1).auth),
		WIRE_AUTH_SIZE - 1);
	ck_assert_str_eq(told_auth("publickey ssh-rsa ", WIRE_AUTH_SIZE).auth, "publickey");
	ck_assert_str_eq(told_auth("password\npublickey ", WIRE_AUTH_SIZE).auth, "password");
	ck_assert_str_eq(told_auth("", WIRE_AUTH_SIZE).auth, "");
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {LOOP(asks_nobody, ARRAY_LEN(unasked)),
		LOOP(database_fails, ARRAY_LEN(database_errors)),
		LOOP(answered, ARRAY_LEN(answers)), LOOP(not_opened, ARRAY_LEN(answers) - 1),
		LOOP(helper_unreachable, ARRAY_LEN(unreachable)), TEST(close_waits_for_nobody),
		LOOP(close_answered, WIRE_FAILED + 1),
		LOOP(close_unreachable, ARRAY_LEN(unreachable)), TEST(close_without_open),
		TEST(loaded_twice), TEST(tells_who), LOOP(connection, 2), TEST(unknown_host),
		TEST(environment_is_no_address), TEST(credential)};
	int status;

	pam_prepare();
	memset(huge, 'x', sizeof(huge) - 1);
	memset(numeric, '1', sizeof(numeric) - 1);
	memset(longest, 'x', sizeof(longest) - 1);
	memset(too_long, 'x', sizeof(too_long) - 1);
	status = check_status("module", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
