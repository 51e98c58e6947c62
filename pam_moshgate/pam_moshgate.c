/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells the helper that sshd opened or closes a session, and from where.
 *
 * 1. The login goes on, whatever happens: nothing but PAM_SUCCESS and PAM_IGNORE is returned.
 *    (absent.test, check_module.c)
 * 2. It waits no longer than timeout= milliseconds. (client_deadline in check_client.c)
 * 3. It changes nothing in sshd: no signal handler, no environment, no descriptor left.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "client.h"
#include "options.h"
#include "peer.h"

/* Set on the PAM handle when the helper took our open: only then it wants to hear of the close. */
#define OPENED "pam_moshgate_opened"

#define ANSWERED(answer) (0x10000 + (int)(answer)) /* beyond all errno */
#define NO_REMOTE        0x20000
#define NOT_OPENED       0x20001

/* Every way a call can end. What is not listed is a failed system call. */
static const struct {
	int outcome;
	int pam;
	int priority;
	const char *text;
} results[] = {
	{ANSWERED(WIRE_DONE), PAM_SUCCESS, LOG_DEBUG, "the helper knows"},
	{ANSWERED(WIRE_NOTHING), PAM_IGNORE, LOG_DEBUG, "the helper did not know this login"},
	{ANSWERED(WIRE_REFUSED), PAM_IGNORE, LOG_WARNING, "the helper refused: see its log"},
	{ANSWERED(WIRE_OTHER_VERSION), PAM_IGNORE, LOG_ERR, "module and helper differ in version"},
	{ANSWERED(WIRE_MALFORMED), PAM_IGNORE, LOG_ERR, "the helper did not understand"},
	{ANSWERED(WIRE_FAILED), PAM_IGNORE, LOG_ERR, "the helper failed: see its log"},
	{NO_REMOTE, PAM_IGNORE, LOG_DEBUG, "not a login from elsewhere"},
	{NOT_OPENED, PAM_IGNORE, LOG_DEBUG, "nothing to close"},
	{-ENOTCONN, PAM_IGNORE, LOG_WARNING, "the client's address cannot be known"},
	{-ENOENT, PAM_IGNORE, LOG_WARNING, "the helper is not running"},
	{-ECONNREFUSED, PAM_IGNORE, LOG_WARNING, "the helper is not running"},
	{-ETIMEDOUT, PAM_IGNORE, LOG_WARNING, "no answer from the helper in time"},
	{-EPROTO, PAM_IGNORE, LOG_WARNING, "no answer from the helper"},
	{-EINVAL, PAM_IGNORE, LOG_WARNING, "a name that is too long"},
	{-ESRCH, PAM_IGNORE, LOG_WARNING, "no such user"},
};

static int finish(pam_handle_t *pamh, const struct options *options, const char *what, int outcome)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].outcome != outcome)
			continue;
		if (results[i].priority != LOG_DEBUG || options->is_debug)
			pam_syslog(pamh, results[i].priority, "%s: %s", what, results[i].text);
		return results[i].pam;
	}
	pam_syslog(pamh, LOG_ERR, "%s: %s", what, strerror(-outcome));
	return PAM_IGNORE;
}

static const char *get_text(pam_handle_t *pamh, int item)
{
	const void *text = NULL;

	return pam_get_item(pamh, item, &text) == PAM_SUCCESS && text ? text : "";
}

static int fill_user(pam_handle_t *pamh, struct wire_session *request)
{
	const char *user = get_text(pamh, PAM_USER);
	size_t length = strlen(user);
	struct passwd *passwd;

	if (length >= sizeof(request->user))
		return -EINVAL;
	passwd = length > 0 ? pam_modutil_getpwnam(pamh, user) : NULL;
	if (!passwd)
		return -ESRCH;
	memcpy(request->user, user, length);
	request->uid = passwd->pw_uid;
	return 0;
}

/* The credential is for people to read in lists and logs. What is too long for a message is not
 * sent in part, but for its first word, the method. */
static void fill_auth(pam_handle_t *pamh, struct wire_session *request)
{
	const char *auth = pam_getenv(pamh, "SSH_AUTH_INFO_0");
	size_t length = auth ? strlen(auth) : 0;

	if (length >= sizeof(request->auth))
		length = strcspn(auth, " \n");
	if (length > 0 && length < sizeof(request->auth))
		memcpy(request->auth, auth, length);
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
	const char *rhost = get_text(pamh, PAM_RHOST);
	int outcome;

	if (rhost[0] == '\0')
		return NO_REMOTE;
	outcome = peer_find(rhost, &session.client, &session.server);
	if (outcome == 0)
		outcome = fill_user(pamh, &session);
	if (outcome < 0)
		return outcome;
	fill_auth(pamh, &session);
	outcome = ask(options, &session);
	if (outcome == ANSWERED(WIRE_DONE))
		pam_set_data(pamh, OPENED, NULL, NULL);
	return outcome;
}

static int close_session(pam_handle_t *pamh, const struct options *options)
{
	const struct wire_session session = {.type = WIRE_CLOSE};
	const void *opened;

	if (pam_get_data(pamh, OPENED, &opened) != PAM_SUCCESS)
		return NOT_OPENED;
	return ask(options, &session);
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
