/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_HOSTCHECK_H
#define MOSHGATE_HOSTCHECK_H

#include "config.h"
#include "firewall.h"

/* What about this host keeps mosh from working though the gate is open, or other things because it
 * is closed: looked at when the helper starts and when its configuration changes, and said once
 * each. Nothing is changed. */

#define HOSTCHECK_NAME_SIZE     256 /* of the kernel's names, with their NUL */
#define HOSTCHECK_OBSTACLES_MAX 16

/* A rule; "" and 0 for none. */
struct hostcheck_rule {
	char chain[HOSTCHECK_NAME_SIZE];
	long long handle;
};

/* A chain that drops what the guard let through, as ruleset.h has it. */
struct hostcheck_obstacle {
	char family[8], table[HOSTCHECK_NAME_SIZE], chain[HOSTCHECK_NAME_SIZE];
	struct hostcheck_rule by, unless;
};

struct hostcheck {
	bool is_ephemeral; /* the host's own connections may get a port of the range */
	int error;         /* -errno: the ruleset could not be looked at, the rest is not known */
	bool has_guard;
	struct hostcheck_obstacle obstacles[HOSTCHECK_OBSTACLES_MAX]; /* the first ones */
	size_t count;
};

void hostcheck_look(
	const struct config *config, struct firewall *firewall, struct hostcheck *found);

/* Logs a warning for each finding. */
void hostcheck(const struct config *config, struct firewall *firewall);

/* Can the host's own connections get a port of the range? From the texts of the two files
 * /proc/sys/net/ipv4/ip_local_port_range ("32768\t60999") and ip_local_reserved_ports
 * ("60000-61000,8080"). */
bool hostcheck_is_ephemeral(
	const char *range, const char *reserved, uint16_t first_port, uint16_t last_port);

#endif
