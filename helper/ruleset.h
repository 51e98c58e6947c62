/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_RULESET_H
#define MOSHGATE_RULESET_H

#include <stdint.h>

/* What other tables do with packets that the guard let through: its accept does not overrule a
 * later chain's drop. */

struct ruleset_question {
	const char *table; /* our own, of family inet */
	int32_t priority;  /* of our chain; later ones are asked about */
	uint16_t first_port, last_port;
	uint32_t mark; /* that accepted packets carry; 0: none */
};

/* A chain that drops them. */
struct ruleset_obstacle {
	const char *family, *table, *chain;
	long long handle; /* of the rule that drops them; 0: the chain's policy */
};

/* Goes through a ruleset as nft -j lists it and calls found with each base chain of the input hook
 * after ours that, as far as can be told, drops a UDP packet to one of the ports. A rule of which
 * it cannot be told whether it matches (of an interface, say, or of iptables) counts as accepting,
 * and not as dropping. -EPROTO: not a ruleset. */
int ruleset_find_obstacles(const char *json, const struct ruleset_question *question,
	void (*found)(const struct ruleset_obstacle *obstacle, void *context), void *context);

#endif
