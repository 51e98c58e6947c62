/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LISTENER_H
#define MOSHGATE_LISTENER_H

#include <sys/types.h>

#include "wire.h"

/*
 * The session socket: who speaks there, and what he says.
 *
 * 1. Root's processes alone are listened to, by the kernel's word on the peer.
 * (listener_not_root, listener_peer_without_pid)
 * 2. The process is held by a pidfd, taken while its connection stands, so that its number cannot
 *    have become another's. (listener_hung_up)
 * 3. One whole message of this version, or a refusal. (listener_malformed)
 * 4. What is not said at once does not keep others waiting: who is silent is hung up on after a
 *    while, and before that when there are many. (listener_idle_connection, listener_too_many)
 * 5. A process has one session at a time; the same once more is no news, another one is refused.
 *    (listener_same_process_twice, listener_another_of_process)
 * 6. Refusals are counted and logged one in a while. (sockets-session.test)
 */

struct event_base;
struct listener;

/* What became of it; context is the caller's. Who logs in or out waits for the answer alone: what
 * is to be done besides comes after it. */
struct listener_calls {
	enum wire_answer (*opened)(const struct wire_session *session, pid_t pid, void *context);
	/* That is what a process opened of which opened() said WIRE_DONE. */
	bool (*is_its)(const struct wire_session *session, pid_t pid, void *context);
	/* It has its answer, which was WIRE_DONE. */
	void (*welcomed)(const struct wire_session *session, pid_t pid, void *context);
	/* A process of which opened() said WIRE_DONE has closed, and has its answer. */
	void (*closed)(pid_t pid, void *context);
	/* A process of which opened() said WIRE_DONE ended without closing. */
	void (*died)(pid_t pid, void *context);
};

/* fd: a listening SOCK_SEQPACKET unix socket, taken over. Never null. */
struct listener *listener_new(
	struct event_base *base, int fd, const struct listener_calls *calls, void *context);

/* Holds a process whose session was opened with an earlier helper. If it has ended died() is called
 * at once. -errno if it cannot be held. */
int listener_adopt(struct listener *listener, pid_t pid);

/* How many connections and messages were refused so far. */
uint64_t listener_refused(const struct listener *listener);

void listener_free(struct listener *listener);

#endif
