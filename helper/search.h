/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SEARCH_H
#define MOSHGATE_SEARCH_H

#include "gate.h"

/* When the gate looks for mosh-servers' sockets, and at what. Which of them are some is decided in
 * server.c, and what follows from it in grant.c. */

/* Takes in all sockets; -errno, already logged, and then nothing has changed. */
int search_see(struct gate *gate);

/* True if the kernel still has that socket in that place, or does not say. The context is the gate.
 */
bool search_is_there(const struct udp_socket *socket, void *context);

/* Takes in the ends of sockets, or all sockets if some ends could not be told. */
void search_ended(struct gate *gate);

/* A mosh-server was executed: from now on its socket is looked for. */
void search_begin(struct gate *gate);

/* Looks again, and decides when next. To be called at gate->look_ms while gate->is_searching. */
void search_go_on(struct gate *gate, uint64_t now_ms);

/* Decides on what was seen since the search was over. */
void search_late(struct gate *gate);

/* Looks as if no better socket of the uid's would come any more. */
void search_last(struct gate *gate, uint32_t uid);

/* Finds the servers of a login's user, also those that nobody saw start. */
void search_of_login(struct gate *gate, const struct login *login);

/* At the start: wants grants for mosh-servers that started while no helper looked, and takes all
 * other sockets for something else's. */
void search_young(struct gate *gate);

#endif
