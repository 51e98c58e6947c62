/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_RULESET_H
#define MOSHGATE_RULESET_H

#include <stdbool.h>
#include <stdint.h>

/* What other tables do with packets that the guard let through: its accept does not overrule a
 * later chain's drop. */

struct ruleset_question {
	const char *table; /* our own, of family inet */
	int32_t priority;  /* of our chain; later ones are asked about */
	uint16_t first_port, last_port;
	uint32_t mark; /* that accepted packets carry; 0: none */
};

/* A rule of the obstacle's table; "" and 0 for none. */
struct ruleset_rule {
	const char *chain;
	long long handle;
};

/* A base chain that drops them. */
struct ruleset_obstacle {
	const char *family, *table, *chain;
	struct ruleset_rule by;     /* none: its policy */
	struct ruleset_rule unless; /* before it, perhaps accepts; none: the drop is certain */
};

/* Goes through a ruleset as nft -j lists it, along its jumps, and calls found with each base chain
 * of the input hook after ours that drops a UDP packet to one of the ports. A rule of which it
 * cannot be told whether it matches (of an address or an interface, say, or of iptables) counts as
 * not dropping, and as accepting if it names the ports or the mark; if not, it is what "unless"
 * says. -EPROTO: not a ruleset; -ENOMEM. */
int ruleset_find_obstacles(const char *json, const struct ruleset_question *question,
	void (*found)(const struct ruleset_obstacle *obstacle, void *context), void *context);

/* True if that ruleset has a table inet of this name with a chain at the input hook that has rules:
 * a guard. */
bool ruleset_has_guard(const char *json, const char *table);

/* True if a table inet of another name than that is a guard and has a set of grants: one of ours,
 * as some configuration calls it. */
bool ruleset_has_grants(const char *json, const char *but);

#endif
