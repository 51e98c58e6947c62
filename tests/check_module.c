/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module as libpam loads it, from a configuration of our own, and a helper that says what the
 * test wants. */
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>

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

/* Link-time stand-in for libc's: there are users of any name but one. */
int getpwnam_r(
	const char *user, struct passwd *passwd, char *buffer, size_t size, struct passwd **found)
{
	(void)buffer, (void)size;
	passwd->pw_uid = UID;
	*found = strcmp(user, "nobody there") == 0 ? NULL : passwd;
	return 0;
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

/* What the module says when it is called directly, where a stack would hide that. It has nothing
 * to close: it keeps no data for anybody but libpam. */
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

/* Nobody is asked; the helper is there. */
static const struct {
	const char *user, *rhost, *options;
} unasked[] = {
	{USER, NULL, PATIENT},
	{USER, "", PATIENT},
	{USER, NAME, PATIENT}, /* and no connection */
	{USER, huge, PATIENT},
	{USER, numeric, PATIENT},
	{NULL, RHOST, PATIENT},
	{"", RHOST, PATIENT},
	{"nobody there", RHOST, PATIENT},
	{too_long, RHOST, PATIENT},
	{huge, RHOST, PATIENT},
	{huge, huge, PATIENT},
	{USER, RHOST, "timeout=0"},
	{USER, RHOST, "socket=relative"},
	{USER, RHOST, "unknown"},
};

START_TEST(asks_nobody)
{
	struct helper helper = {.count = 0};
	static struct portrait before;

	draw(&before, NULL);
	start(&helper);
	ck_assert_int_eq(
		opened(unasked[_i].user, unasked[_i].rhost, unasked[_i].options), PAM_IGNORE);
	stop(&helper);
	check_unchanged(&before, NULL);
}
END_TEST

static const struct {
	uint8_t bytes[8];
	size_t size;
	int result;
} answers[] = {
	{{1, 0, WIRE_DONE}, 4, PAM_SUCCESS}, {{1, 0, WIRE_REFUSED}, 4, PAM_IGNORE},
	{{1, 0, WIRE_MALFORMED}, 4, PAM_IGNORE}, {{1, 0, WIRE_OTHER_VERSION}, 4, PAM_IGNORE},
	{{1, 0, WIRE_NOTHING}, 4, PAM_IGNORE}, {{1, 0, WIRE_FAILED}, 4, PAM_IGNORE},
	{{1, 0, WIRE_FAILED + 1}, 4, PAM_IGNORE}, {{9, 0, WIRE_DONE}, 4, PAM_IGNORE},
	{{1, 0, WIRE_DONE}, 3, PAM_IGNORE}, {{1, 0, WIRE_DONE}, 8, PAM_IGNORE},
	{{0}, 0, PAM_IGNORE}, /* closes without a word */
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

static void (*const unreachable[])(void) = {absent, dead, silent};

START_TEST(helper_unreachable)
{
	static struct portrait before;

	unreachable[_i]();
	draw(&before, NULL);
	ck_assert_int_eq(opened(USER, RHOST, HASTY), PAM_IGNORE);
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
	unreachable[_i]();
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
		LOOP(answered, ARRAY_LEN(answers)), LOOP(not_opened, ARRAY_LEN(answers) - 1),
		LOOP(helper_unreachable, ARRAY_LEN(unreachable)), TEST(close_waits_for_nobody),
		LOOP(close_answered, WIRE_FAILED + 1),
		LOOP(close_unreachable, ARRAY_LEN(unreachable)), TEST(close_without_open),
		TEST(loaded_twice), TEST(tells_who), LOOP(connection, 2),
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
