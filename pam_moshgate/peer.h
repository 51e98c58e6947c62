/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PEER_H
#define MOSHGATE_PEER_H

#include "address.h"

/*
 * Who is at the other end of this sshd process.
 *
 * 1. A numeric rhost (PAM_RHOST) is sshd's own word and is believed. (peer_numeric_rhost)
 * 2. A name is never resolved; then the peer of this process's only TCP connection is the kernel's
 *    word. (peer_name)
 * 3. With neither there is no address. Two different connections are neither, nor is one if others
 *    could not be seen. (peer_ambiguous, check_failing.c)
 * 4. Nothing is taken from the environment, which users can set. (pamenv.test)
 */

/* Gives the client's address and our own address on that connection; the latter has family 0 if
 * no connection to that client is found. -ENOTCONN if the client's address cannot be known; if this
 * process's descriptors cannot be read, with a numeric rhost our own address is not known, else
 * -errno. */
int peer_find(const char *rhost, struct address *client, struct address *server);

#endif
