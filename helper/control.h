/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONTROL_H
#define MOSHGATE_CONTROL_H

#include "wire.h"

/*
 * The control socket: anybody on this host may ask, and is told what the kernel's word on his uid
 * allows. One request and one answer per connection. (check_control.c)
 */

struct event_base;
struct control;

/* Answers a request, other than WIRE_WATCH, of that uid. On WIRE_DONE *json is text for it, of
 * malloc(). */
typedef enum wire_answer control_call(
	const struct wire_control *request, uint32_t uid, char **json, void *context);

/* fd: a listening SOCK_STREAM unix socket, taken over. */
struct control *control_new(struct event_base *base, int fd, control_call *call, void *context);
void control_free(struct control *control);

/* A line for all who watch and may know of that uid: root, and the user himself. Who does not read
 * what he is sent is hung up on. */
void control_tell(struct control *control, const char *line, uint32_t uid);

#endif
