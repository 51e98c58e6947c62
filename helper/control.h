/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONTROL_H
#define MOSHGATE_CONTROL_H

#include "wire.h"

/*
 * The control socket: anybody on this host may ask, and is told what the kernel's word on his uid
 * allows. One request and one answer per connection. (check_control.c)
 *
 * 1. At most PEERS_PER_USER_MAX connections per user, PEERS_MAX in all; root is not limited.
 *    (control_per_user, control_root_always)
 * 2. A request is whole, of this version and here in time, or refused. (control_malformed,
 *    control_drips)
 * 3. Refusals are counted and logged one in a while. (sockets-control.test)
 */

struct event_base;
struct control;

/* Answers a request, other than WIRE_WATCH, of that uid. On WIRE_DONE *json is text for it, of
 * malloc(). */
typedef enum wire_answer control_call(
	const struct wire_control *request, uint32_t uid, char **json, void *context);

/* fd: a listening SOCK_STREAM unix socket, taken over. */
struct control *control_new(struct event_base *base, int fd, control_call *call, void *context);

/* Watchers get what they were told before, as far as they have room for it at once. */
void control_free(struct control *control);

/* How many connections and requests were refused so far. */
uint64_t control_refused(const struct control *control);

/* A line for all who watch and may know of that uid: root, and the user himself. Who does not read
 * what he is sent is hung up on. */
void control_tell(struct control *control, const char *line, uint32_t uid);

#endif
