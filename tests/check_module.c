/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module as libpam loads it, from a configuration of our own, and a helper that says what the
 * test wants. */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "check_main.h"
#include "wire.h"

#define USER         "alice"
#define UID          1001
#define NAME         "client.example.org"
#define RHOST        "192.0.2.1"
#define REQUESTS_MAX 8
#define PATIENT      "timeout=10000"
#define HASTY        "timeout=50"

static char folder[CHECK_FOLDER_SIZE], path[CHECK_FOLDER_SIZE + 8], module[4096];

/* Stacks whose calls succeed if the module returns PAM_SUCCESS, or that or PAM_IGNORE. */
#define MODULE  "session required %1$s socket=%2$s %3$s\n"
#define PERMIT  "session required pam_permit.so\n"
#define SUCCEED MODULE
#define EITHER  MODULE PERMIT

/* Link-time stand-in for libpam's: there are users of any name but one. */
struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh, const char *user)
{
	static struct passwd passwd = {.pw_uid = UID};

	(void)pamh;
	return strcmp(user, "nobody there") == 0 ? NULL : &passwd;
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

static int listening(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
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

static int no_conversation(int count, const struct pam_message **messages,
	struct pam_response **responses, void *context)
{
	(void)count, (void)messages, (void)responses, (void)context;
	return PAM_CONV_ERR;
}

static pam_handle_t *begin(
	const char *stack, const char *user, const char *rhost, const char *options)
{
	static const struct pam_conv conversation = {no_conversation, NULL};
	char file[CHECK_FOLDER_SIZE + 16];
	pam_handle_t *pamh = NULL;
	FILE *service;

	snprintf(file, sizeof(file), "%s/service", folder);
	service = fopen(file, "we");
	fprintf(service, stack, module, path, options);
	fclose(service);
	ck_assert_int_eq(pam_start_confdir("service", user, &conversation, folder, &pamh), 0);
	if (rhost)
		ck_assert_int_eq(pam_set_item(pamh, PAM_RHOST, rhost), PAM_SUCCESS);
	return pamh;
}

static void end(pam_handle_t *pamh)
{
	ck_assert_int_eq(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
}

/* What sshd has of its own and the module must leave alone. */
struct state {
	size_t fds, variables;
	void (*handlers[NSIG])(int);
	sigset_t blocked;
	mode_t umask;
};

static void observe(struct state *state)
{
	DIR *fds = opendir("/proc/self/fd");
	struct sigaction action;

	memset(state, 0, sizeof(*state));
	while (readdir(fds))
		state->fds++;
	closedir(fds);
	while (environ[state->variables])
		state->variables++;
	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &action) == 0)
			state->handlers[i] = action.sa_handler;
	pthread_sigmask(SIG_SETMASK, NULL, &state->blocked);
	state->umask = umask(0);
	umask(state->umask);
}

static void check_unchanged(const struct state *before)
{
	struct state after;

	observe(&after);
	ck_assert_uint_eq(after.fds, before->fds);
	ck_assert_uint_eq(after.variables, before->variables);
	ck_assert_uint_eq(after.umask, before->umask);
	ck_assert_mem_eq(after.handlers, before->handlers, sizeof(after.handlers));
	ck_assert_mem_eq(&after.blocked, &before->blocked, sizeof(after.blocked));
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
	struct state before;

	observe(&before);
	start(&helper);
	ck_assert_int_eq(
		opened(unasked[_i].user, unasked[_i].rhost, unasked[_i].options), PAM_IGNORE);
	stop(&helper);
	check_unchanged(&before);
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
	struct state before;

	observe(&before);
	start(&helper);
	ck_assert_int_eq(opened(USER, RHOST, PATIENT), answers[_i].result);
	stop(&helper);
	check_unchanged(&before);
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
	struct state before;

	unreachable[_i]();
	observe(&before);
	ck_assert_int_eq(opened(USER, RHOST, HASTY), PAM_IGNORE);
	check_unchanged(&before);
}
END_TEST

/* The helper knew of the session, and is gone or in trouble when it closes. */
START_TEST(close_answered)
{
	struct helper helper = answering(WIRE_DONE, (enum wire_answer)_i, 2);
	struct state before;
	pam_handle_t *pamh;

	observe(&before);
	pamh = begin(EITHER, USER, RHOST, PATIENT);
	start(&helper);
	ck_assert_int_eq(pam_open_session(pamh, 0), PAM_SUCCESS);
	ck_assert_int_eq(pam_close_session(pamh, 0), PAM_SUCCESS);
	stop(&helper);
	end(pamh);
	check_unchanged(&before);
	ck_assert_int_eq(helper.requests[0].type, WIRE_OPEN);
	ck_assert_int_eq(helper.requests[1].type, WIRE_CLOSE);
}
END_TEST

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

/* Both ends of a TCP connection, as this process's own. */
static void connect_to_self(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_ge(accept(listener, NULL, NULL), 0);
}

/* A name has its address from the connection; what has no remote host is no login from there. */
START_TEST(connection)
{
	const struct address expected = {4, {127, 0, 0, 1}};
	struct helper helper = {.count = 0};
	struct wire_session session;
	pam_handle_t *pamh;

	connect_to_self();
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
		LOOP(helper_unreachable, ARRAY_LEN(unreachable)),
		LOOP(close_answered, WIRE_FAILED + 1),
		LOOP(close_unreachable, ARRAY_LEN(unreachable)), TEST(close_without_open),
		TEST(loaded_twice), TEST(tells_who), LOOP(connection, 2),
		TEST(environment_is_no_address), TEST(credential)};
	const char *builddir = getenv("top_builddir");
	int status;

	/* PAM wants an absolute path. */
	if (!builddir)
		builddir = get_current_dir_name();
	snprintf(module, sizeof(module), "%s/.libs/pam_moshgate.so", builddir);
	if (access(module, R_OK) < 0) {
		perror(module);
		return EXIT_FAILURE;
	}
	memset(huge, 'x', sizeof(huge) - 1);
	memset(numeric, '1', sizeof(numeric) - 1);
	memset(longest, 'x', sizeof(longest) - 1);
	memset(too_long, 'x', sizeof(too_long) - 1);
	check_make_folder(folder);
	snprintf(path, sizeof(path), "%s/sock", folder);
	status = check_status("module", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
