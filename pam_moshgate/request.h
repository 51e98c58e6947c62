/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_REQUEST_H
#define MOSHGATE_REQUEST_H

#include <security/pam_modules.h>

#include "wire.h"

/* Why there is nothing to tell, beyond all errno: a user database, for one, refuses connections and
 * times out with the same numbers as the helper. */
enum request_error {
	REQUEST_LOCAL = 0x1000,   /* there is no remote host: not a login from elsewhere */
	REQUEST_NO_ADDRESS,       /* there is one, and its address cannot be known */
	REQUEST_LONG_NAME,        /* the user's is too long for a message */
	REQUEST_NO_USER,          /* of that name */
	REQUEST_PROCESS = 0x2000, /* and errno: this process's descriptors cannot be read */
	REQUEST_USERS = 0x3000,   /* and errno: the user database cannot be read */
};

/* Fills in what the helper is told when this session opens: the user and his uid, both ends of the
 * connection, the credential. Fails with the negative of a request_error. Blocks as long as the
 * user database does; timeout= does not cover that. */
int request_fill(pam_handle_t *pamh, struct wire_session *session);

#endif
