/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_HOSTCHECK_H
#define MOSHGATE_HOSTCHECK_H

#include "config.h"
#include "firewall.h"

/* What about this host keeps mosh from working though the gate is open, or other things because it
 * is closed: looked at when the helper starts, and said once each. Nothing is changed. */

/* Logs a warning for each finding. */
void hostcheck(const struct config *config, struct firewall *firewall);

/* Can the host's own connections get a port of the range? From the texts of the two files
 * /proc/sys/net/ipv4/ip_local_port_range ("32768\t60999") and ip_local_reserved_ports
 * ("60000-61000,8080"). */
bool hostcheck_is_ephemeral(
	const char *range, const char *reserved, uint16_t first_port, uint16_t last_port);

#endif
