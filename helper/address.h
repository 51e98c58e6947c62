/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_ADDRESS_H
#define MOSHGATE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/* An IPv4 or IPv6 address. IPv4-mapped IPv6 is always kept as IPv4, and a zone is never kept;
 * bytes beyond the address are zero, so two of them are equal when their bytes are. */
struct address {
	uint8_t family;    /* 0 (none), 4 or 6 */
	uint8_t bytes[16]; /* network order */
};

/* Room for the longest text of an address and its NUL. */
#define ADDRESS_TEXT_SIZE 46

/* From raw bytes of the given family (4 or 6). */
struct address address_from_bytes(uint8_t family, const void *bytes);

/* From a socket's address; -EAFNOSUPPORT if that is neither IPv4 nor IPv6. */
int address_from_sockaddr(const struct sockaddr *from, struct address *address);

/* From numeric text, "%zone" allowed and dropped; -EINVAL for names and anything else. */
int address_parse(const char *text, struct address *address);

/* Writes the text of address into text and returns it; "none" for family 0. */
const char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

bool address_equal(const struct address *a, const struct address *b);

/* True for 0.0.0.0 and ::. */
bool address_is_wildcard(const struct address *address);

/* True inside 224.0.0.0/4 and ff00::/8, and for 255.255.255.255: what many receive. */
bool address_is_multicast(const struct address *address);

/* True inside 127.0.0.0/8, and for ::1. */
bool address_is_loopback(const struct address *address);

/* Clears all but the first prefix bits (0-32 for IPv4, 0-128 for IPv6). */
struct address address_mask(const struct address *address, unsigned int prefix);

#endif
