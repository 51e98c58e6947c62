/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_MATCH_H
#define MOSHGATE_MATCH_H

#include <stdbool.h>

#include <jansson.h>

#include "ruleset.h"
#include "value.h"

/* What a rule's statements, as nft -j lists them, make of a client's first packet: UDP to any port
 * of the range, with our mark, new to connection tracking, from an address and by an interface that
 * are not known. */

enum match { MATCH_NO, MATCH_PERHAPS, MATCH_YES };

/* True if a rule with these statements names the range or the mark: it is about mosh. */
bool match_is_meant(const struct ruleset_question *question, json_t *statements);

/* Does the packet pass that one of the statements? One that only notes something, or decides, lets
 * all pass. */
enum match match_statement(
	const struct ruleset_question *question, json_t *statements, json_t *statement);

/* True for a target of iptables by this name. */
bool match_is_target(json_t *statement, const char *name);

#endif
