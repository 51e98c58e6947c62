/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CLIENT_H
#define MOSHGATE_CLIENT_H

#include "wire.h"

/* Sends one request to the helper's session socket at path and gets its answer, in timeout_ms
 * milliseconds altogether, whatever the helper does and however often a signal interrupts.
 *
 * -ENOENT or -ECONNREFUSED: no helper. -ETIMEDOUT: no answer in time. -EPROTO: not an answer, or
 * none before the connection ended. -EBADMSG: the request is none that can be sent. Else -errno of
 * the socket or the clock. Blocks no longer than said, raises no SIGPIPE, leaves no descriptor
 * behind. */
int client_request(const char *path, int timeout_ms, const struct wire_session *request,
	enum wire_answer *answer);

/* The same for what needs no answer: done when the helper has it in its queue, which it reads also
 * after this process has ended. -ETIMEDOUT: the queue was full all the time. */
int client_tell(const char *path, int timeout_ms, const struct wire_session *request);

#endif
