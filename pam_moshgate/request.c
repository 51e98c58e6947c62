/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include "peer.h"
#include "request.h"

static const char *get_text(pam_handle_t *pamh, int item)
{
	const void *text = NULL;

	return pam_get_item(pamh, item, &text) == PAM_SUCCESS && text ? text : "";
}

static int fill_user(pam_handle_t *pamh, struct wire_session *session)
{
	const char *user = get_text(pamh, PAM_USER);
	size_t length = strlen(user);
	struct passwd *passwd;

	if (length >= sizeof(session->user))
		return -ENAMETOOLONG;
	passwd = length > 0 ? pam_modutil_getpwnam(pamh, user) : NULL;
	if (!passwd)
		return -ESRCH;
	memcpy(session->user, user, length);
	session->uid = passwd->pw_uid;
	return 0;
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
		return -ENXIO;
	error = peer_find(rhost, &session->client, &session->server);
	if (error == 0)
		error = fill_user(pamh, session);
	if (error == 0)
		fill_auth(pamh, session);
	return error;
}
