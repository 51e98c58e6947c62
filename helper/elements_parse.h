/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_ELEMENTS_PARSE_H
#define MOSHGATE_ELEMENTS_PARSE_H

#include "grant.h"

struct nlmsghdr;

/* The kernel's messages about elements of our sets, parsed and made by libnftnl; pure but for the
 * clock, which an element's expiry is reckoned from, and for ending the process for want of memory.
 */

enum elements_set {
	ELEMENTS_GRANTS4,
	ELEMENTS_GRANTS6,
	ELEMENTS_PENDING4,
	ELEMENTS_PENDING6,
	ELEMENTS_SERVERS, /* of their keys only the port means anything */
	ELEMENTS_SETS
};

typedef void elements_call(const struct element *element, enum elements_set set, void *context);

/* Calls for every element in a message about a set of ours in that table; for none if the message
 * is about another. -EPROTO if it cannot be read; what came before has been called for. */
int elements_parse(
	const struct nlmsghdr *message, const char *table, elements_call *call, void *context);

/* A grant's key, or with no address a port alone, as the kernel has it in a set; its length. */
#define ELEMENTS_KEY_SIZE (2 * 16 + 4)
size_t elements_key(const struct grant_key *key, uint8_t bytes[ELEMENTS_KEY_SIZE]);

/* Completes a request about one of the sets; with a key, about that element alone. */
void elements_ask_for(struct nlmsghdr *message, const char *table, enum elements_set set,
	const struct grant_key *key);

#endif
