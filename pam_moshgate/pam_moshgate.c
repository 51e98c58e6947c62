/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells the helper that sshd opened or closes a session, and from where.
 *
 * 1. The login goes on, whatever happens: nothing but PAM_SUCCESS and PAM_IGNORE is returned.
 *    (absent.test, check_module.c, check_application.c, check_failing.c, check_syscalls.c)
 * 2. It waits for the helper no longer than timeout= milliseconds. (client_deadline, absent.test)
 * 3. It changes nothing in sshd: no signal handler, no environment, no descriptor left.
 *    (untouched.test, check_application.c, check_failing.c)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "client.h"
#include "options.h"
#include "request.h"

/* For moshgatectl doctor, which looks for it in the file. */
static const char version[] __attribute__((used)) = "pam_moshgate version " VERSION;

/* Set on the PAM handle when the helper took our open: only then it wants to hear of the close. */
#define OPENED "pam_moshgate_opened"

#define TOLD             0
#define ANSWERED(answer) (0x10000 + (int)(answer)) /* beyond all errno */
#define NOT_OPENED       0x20000

/* Every way a call can end. What is not listed is a failed system call, of the parts below. */
static const struct {
	int outcome;
	int pam;
	int priority;
	const char *text;
} results[] = {
	{ANSWERED(WIRE_DONE), PAM_SUCCESS, LOG_DEBUG, "the helper knows"},
	{TOLD, PAM_SUCCESS, LOG_DEBUG, "the helper is told"},
	{ANSWERED(WIRE_REFUSED), PAM_IGNORE, LOG_WARNING, "the helper refused: see its log"},
	{ANSWERED(WIRE_OTHER_VERSION), PAM_IGNORE, LOG_ERR, "module and helper differ in version"},
	{ANSWERED(WIRE_MALFORMED), PAM_IGNORE, LOG_ERR, "the helper did not understand"},
	{ANSWERED(WIRE_NOTHING), PAM_IGNORE, LOG_ERR, "the helper did not understand"},
	{ANSWERED(WIRE_FAILED), PAM_IGNORE, LOG_ERR, "the helper failed: see its log"},
	{-REQUEST_LOCAL, PAM_IGNORE, LOG_DEBUG, "not a login from elsewhere"},
	{NOT_OPENED, PAM_IGNORE, LOG_DEBUG, "nothing to close"},
	{-REQUEST_NO_ADDRESS, PAM_IGNORE, LOG_WARNING, "the client's address cannot be known"},
	{-ENOENT, PAM_IGNORE, LOG_WARNING, "the helper is not running"},
	{-ECONNREFUSED, PAM_IGNORE, LOG_WARNING, "the helper is not running"},
	{-ETIMEDOUT, PAM_IGNORE, LOG_WARNING, "no answer from the helper in time"},
	{-EPROTO, PAM_IGNORE, LOG_WARNING, "no answer from the helper"},
	{-REQUEST_LONG_NAME, PAM_IGNORE, LOG_WARNING, "the user's name is too long"},
	{-REQUEST_NO_USER, PAM_IGNORE, LOG_WARNING, "no such user"},
	{-EBADMSG, PAM_IGNORE, LOG_WARNING, "such a login cannot be told"},
};

/* Where an error number is from, the highest first. */
static const struct {
	int from;
	const char *what;
} parts[] = {
	{REQUEST_USERS, "reading the user database"},
	{REQUEST_PROCESS, "reading this process's descriptors"},
	{0, "asking the helper"},
};

static void log_failure(pam_handle_t *pamh, const char *what, int error)
{
	size_t i = 0;

	while (parts[i].from > 0 && error < parts[i].from)
		i++;
	pam_syslog(
		pamh, LOG_ERR, "%s: %s: %s", what, parts[i].what, strerror(error - parts[i].from));
}

static int finish(pam_handle_t *pamh, const struct options *options, const char *what, int outcome)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].outcome != outcome)
			continue;
		if (results[i].priority != LOG_DEBUG || options->is_debug)
			pam_syslog(pamh, results[i].priority, "%s: %s", what, results[i].text);
		return results[i].pam;
	}
	log_failure(pamh, what, -outcome);
	return PAM_IGNORE;
}

static int ask(const struct options *options, const struct wire_session *session)
{
	enum wire_answer answer;
	int error = client_request(options->socket, options->timeout_ms, session, &answer);

	return error < 0 ? error : ANSWERED(answer);
}

static int open_session(pam_handle_t *pamh, const struct options *options)
{
	struct wire_session session = {.type = WIRE_OPEN};
	int outcome = request_fill(pamh, &session);

	if (outcome == 0)
		outcome = ask(options, &session);
	if (outcome == ANSWERED(WIRE_DONE))
		pam_set_data(pamh, OPENED, NULL, NULL);
	return outcome;
}

/* Nobody is waited for: the helper could say nothing that would change anything now, and sshd's end
 * tells it the same. */
static int close_session(pam_handle_t *pamh, const struct options *options)
{
	const struct wire_session session = {.type = WIRE_CLOSE};
	const void *opened;

	if (pam_get_data(pamh, OPENED, &opened) != PAM_SUCCESS)
		return NOT_OPENED;
	return client_tell(options->socket, options->timeout_ms, &session);
}

static int run(pam_handle_t *pamh, int argc, const char **argv, const char *what,
	int (*act)(pam_handle_t *, const struct options *))
{
	struct options options;
	const char *bad;

	if (options_parse(argc, argv, &options, &bad) == 0)
		return finish(pamh, &options, what, act(pamh, &options));
	pam_syslog(pamh, LOG_ERR, "%s: bad option \"%s\": nothing done", what, bad);
	return PAM_IGNORE;
}

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return run(pamh, argc, argv, "open", open_session);
}

int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return run(pamh, argc, argv, "close", close_session);
}
