/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_REQUEST_H
#define MOSHGATE_REQUEST_H

#include <security/pam_modules.h>

#include "wire.h"

/* Fills in what the helper is told when this session opens: the user and his uid, both ends of the
 * connection, the credential.
 *
 * -ENXIO: there is no remote host, this is not a login from elsewhere. -ENOTCONN: there is one, and
 * its address cannot be known. -ESRCH: no such user. -ENAMETOOLONG: his name is too long for a
 * message. Else -errno of reading the user database or this process's descriptors. Blocks as long
 * as the user database does; timeout= does not cover that. */
int request_fill(pam_handle_t *pamh, struct wire_session *session);

#endif
