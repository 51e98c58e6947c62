/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SOCKDIAG_FILTER_H
#define MOSHGATE_SOCKDIAG_FILTER_H

#include "observed.h"

struct nlmsghdr;

/* Appends to a request for sockets which of them it asks for: those bound to first_port to
 * last_port, but for those in except (may be null). The message is a union netlink_request, which
 * has the room. */
void sockdiag_filter_put(struct nlmsghdr *message, uint16_t first_port, uint16_t last_port,
	const struct port_spans *except);

#endif
