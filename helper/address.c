/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static unsigned int address_size(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

struct address address_from_bytes(uint8_t family, const void *bytes)
{
	struct address address = {.family = family};
	const uint8_t *from = bytes;

	if (family == 6 && memcmp(from, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		address.family = 4;
		from += sizeof(mapped_prefix);
	}
	memcpy(address.bytes, from, address_size(address.family));
	return address;
}

int address_from_sockaddr(const struct sockaddr *from, struct address *address)
{
	if (from->sa_family == AF_INET)
		*address = address_from_bytes(4, &((const struct sockaddr_in *)from)->sin_addr);
	else if (from->sa_family == AF_INET6)
		*address = address_from_bytes(6, &((const struct sockaddr_in6 *)from)->sin6_addr);
	else
		return -EAFNOSUPPORT;
	return 0;
}

int address_parse(const char *text, struct address *address)
{
	char copy[ADDRESS_TEXT_SIZE];
	uint8_t bytes[16];
	size_t length = strcspn(text, "%");

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (text[length] == '\0' && inet_pton(AF_INET, copy, bytes) == 1)
		*address = address_from_bytes(4, bytes);
	else if (inet_pton(AF_INET6, copy, bytes) == 1)
		*address = address_from_bytes(6, bytes);
	else
		return -EINVAL;
	return 0;
}

const char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (address->family == 0)
		return strcpy(text, "none");
	inet_ntop(
		address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, ADDRESS_TEXT_SIZE);
	return text;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool address_is_wildcard(const struct address *address)
{
	static const uint8_t zero[16];

	return address->family != 0 && memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

bool address_is_multicast(const struct address *address)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	if (address->family != 4)
		return address->family == 6 && address->bytes[0] == 0xff;
	return address->bytes[0] >> 4 == 0xe || memcmp(address->bytes, broadcast, 4) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t one[16] = {[15] = 1};

	return address->family == 4 ? address->bytes[0] == 127
				    : address->family == 6 && memcmp(address->bytes, one, 16) == 0;
}

struct address address_mask(const struct address *address, unsigned int prefix)
{
	struct address masked = *address;

	for (unsigned int i = 0; i < address_size(address->family); i++) {
		unsigned int kept = prefix > i * 8 ? prefix - i * 8 : 0;

		if (kept < 8)
			masked.bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
	return masked;
}
