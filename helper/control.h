/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONTROL_H
#define MOSHGATE_CONTROL_H

#include "wire.h"

/*
 * The control socket: anybody on this host may ask, and is told what the kernel's word on his uid
 * allows. One request and one answer per connection. (check_control.c)
 *
 * 1. At most PEERS_PER_USER_MAX connections per user, PEERS_MAX in all; root is not limited. Uids
 *    that are not known are one user: somebody may use thousands. (control_per_user,
 *    control_strangers_in_common, control_root_always)
 * 2. A request is whole, of this version and here in time, or refused. (control_malformed,
 *    control_drips)
 * 3. Who watches stays for as long as he likes, so of connections to watch there are fewer: what is
 *    left for requests is free again in seconds. (control_few_watch) If he says anything more, he
 *    is hung up on. (control_watcher_speaks)
 * 4. Refusals are counted and logged one in a while. (sockets-control.test)
 */

struct event_base;
struct control;

/* Answers a request, other than WIRE_WATCH, of that uid. On WIRE_DONE *json is text for it, of
 * malloc(). */
typedef enum wire_answer control_call(
	const struct wire_control *request, uint32_t uid, char **json, void *context);

struct control_calls {
	control_call *answer;
	bool (*is_known)(uint32_t uid, void *context); /* counts as a user by himself */
	void (*worked)(void *context); /* a connection or a request was dealt with, in any way */
};

/* fd: a listening SOCK_STREAM unix socket, taken over. */
struct control *control_new(
	struct event_base *base, int fd, const struct control_calls *calls, void *context);

/* Watchers get what they were told before, as far as they have room for it at once. */
void control_free(struct control *control);

/* How many connections and requests were refused so far. */
uint64_t control_refused(const struct control *control);

/* A line for all who watch and may know of that uid: root, and the user himself. Who does not read
 * what he is sent is hung up on. */
void control_tell(struct control *control, const char *line, uint32_t uid);

#endif
