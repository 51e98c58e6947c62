/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "peer.h"
#include "request.h"

static const char *get_text(pam_handle_t *pamh, int item)
{
	const void *text = NULL;

	return pam_get_item(pamh, item, &text) == PAM_SUCCESS && text ? text : "";
}

/* Not pam_modutil_getpwnam(): without memory for its answer that tries 2^31 times to keep it. */
static int get_uid(const char *user, uint32_t *uid)
{
	char buffer[16384]; /* for the whole entry; they are some hundred bytes long */
	struct passwd passwd, *found = NULL;
	int error = getpwnam_r(user, &passwd, buffer, sizeof(buffer), &found);

	if (!found && (error == 0 || error == ENOENT || error == ESRCH))
		return -REQUEST_NO_USER;
	if (!found)
		return -(REQUEST_USERS + error);
	*uid = found->pw_uid;
	return 0;
}

static int fill_user(pam_handle_t *pamh, struct wire_session *session)
{
	const char *user = get_text(pamh, PAM_USER);
	size_t length = strlen(user);

	if (length >= sizeof(session->user))
		return -REQUEST_LONG_NAME;
	memcpy(session->user, user, length);
	return get_uid(user, &session->uid);
}

/* The credential is for people to read in lists and logs. What is too long for a message is not
 * sent in part, but for its first word, the method. */
static void fill_auth(pam_handle_t *pamh, struct wire_session *session)
{
	const char *auth = pam_getenv(pamh, "SSH_AUTH_INFO_0");
	size_t length = auth ? strlen(auth) : 0;

	if (length >= sizeof(session->auth))
		length = strcspn(auth, " \n");
	if (length > 0 && length < sizeof(session->auth))
		memcpy(session->auth, auth, length);
}

int request_fill(pam_handle_t *pamh, struct wire_session *session)
{
	const char *rhost = get_text(pamh, PAM_RHOST);
	int error;

	if (rhost[0] == '\0')
		return -REQUEST_LOCAL;
	/* sshd's word for no internet connection of its own: one that is there is another's. */
	if (strcmp(rhost, "UNKNOWN") == 0)
		return -REQUEST_NO_ADDRESS;
	error = peer_find(rhost, &session->client, &session->server);
	if (error < 0)
		return error == -ENOTCONN ? -REQUEST_NO_ADDRESS : error - REQUEST_PROCESS;
	error = fill_user(pamh, session);
	if (error == 0)
		fill_auth(pamh, session);
	return error;
}
