/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LISTENER_H
#define MOSHGATE_LISTENER_H

#include <sys/types.h>

#include "wire.h"

/*
 * The session socket: who speaks there, and what he says.
 *
 * 1. Root's processes alone are listened to, by the kernel's word on the peer. (listener_not_root)
 * 2. The process is held by a pidfd, taken while its connection stands, so that its number cannot
 *    have become another's. (listener_hung_up)
 * 3. One whole message of this version, or a refusal. (listener_malformed)
 */

struct event_base;
struct listener;

/* What became of it; context is the caller's. */
struct listener_calls {
	enum wire_answer (*opened)(const struct wire_session *session, pid_t pid, void *context);
	enum wire_answer (*closed)(pid_t pid, void *context);
	/* A process of which opened() said WIRE_DONE ended without closing. */
	void (*died)(pid_t pid, void *context);
};

/* fd: a listening SOCK_SEQPACKET unix socket, taken over. Null if libevent has no memory. */
struct listener *listener_new(
	struct event_base *base, int fd, const struct listener_calls *calls, void *context);

/* Holds a process whose session was opened with an earlier helper. If it has ended died() is called
 * at once. */
void listener_adopt(struct listener *listener, pid_t pid);

void listener_free(struct listener *listener);

#endif
