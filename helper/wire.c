/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "wire.h"

/* Offsets in a session message. */
enum {
	AT_VERSION = 0,
	AT_TYPE = 2,
	AT_UID = 4,
	AT_CLIENT_FAMILY = 8,
	AT_SERVER_FAMILY = 9,
	AT_RESERVED = 10,
	AT_CLIENT = 12,
	AT_SERVER = 28,
	AT_USER = 44,
	AT_AUTH = AT_USER + WIRE_USER_SIZE,
};

/* Offsets in a control message, behind version, type and uid. */
enum {
	AT_CONTROL_FAMILY = 8,
	AT_IS_OF_USER = 9,
	AT_PORT = 10,
	AT_CONTROL_CLIENT = 12,
	AT_CONTROL_END = 28,
};
_Static_assert(AT_AUTH + WIRE_AUTH_SIZE == WIRE_SESSION_SIZE, "the fields fill the message");

static void put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, (uint16_t)value);
	put16(bytes + 2, (uint16_t)(value >> 16));
}

static uint32_t get32(const uint8_t *bytes)
{
	return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* Text in a field: ended by a NUL, and nothing but zeros behind it. */
static int get_text(const uint8_t *field, size_t size, char *text)
{
	size_t length = strnlen((const char *)field, size);

	if (length == size || !is_zero(field + length, size - length))
		return -EPROTO;
	memcpy(text, field, size);
	return 0;
}

static int put_text(uint8_t *field, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length == size)
		return -EINVAL;
	memcpy(field, text, length);
	return 0;
}

/* An address: of a known family, in its one form, with zeros where it has no bytes. */
static int get_address(uint8_t family, const uint8_t *field, struct address *address)
{
	if (family != 0 && family != 4 && family != 6)
		return -EPROTO;
	*address = address_from_bytes(family, field);
	if (address->family != family || memcmp(address->bytes, field, sizeof(address->bytes)) != 0)
		return -EPROTO;
	return 0;
}

static bool is_open_complete(const struct wire_session *request)
{
	return request->user[0] != '\0' && request->client.family != 0 &&
	       !address_is_wildcard(&request->client) && !address_is_wildcard(&request->server) &&
	       (request->server.family == 0 || request->server.family == request->client.family);
}

static int encode(const struct wire_session *request, uint8_t bytes[WIRE_SESSION_SIZE])
{
	memset(bytes, 0, WIRE_SESSION_SIZE);
	put16(bytes + AT_VERSION, WIRE_VERSION);
	put16(bytes + AT_TYPE, request->type);
	if (request->type == WIRE_CLOSE)
		return 0;
	put32(bytes + AT_UID, request->uid);
	bytes[AT_CLIENT_FAMILY] = request->client.family;
	bytes[AT_SERVER_FAMILY] = request->server.family;
	memcpy(bytes + AT_CLIENT, request->client.bytes, sizeof(request->client.bytes));
	memcpy(bytes + AT_SERVER, request->server.bytes, sizeof(request->server.bytes));
	if (put_text(bytes + AT_USER, WIRE_USER_SIZE, request->user) < 0)
		return -EINVAL;
	return put_text(bytes + AT_AUTH, WIRE_AUTH_SIZE, request->auth);
}

static int decode_open(const uint8_t *bytes, struct wire_session *request)
{
	request->uid = get32(bytes + AT_UID);
	if (!is_zero(bytes + AT_RESERVED, AT_CLIENT - AT_RESERVED) || request->uid == UINT32_MAX)
		return -EPROTO;
	if (get_address(bytes[AT_CLIENT_FAMILY], bytes + AT_CLIENT, &request->client) < 0 ||
		get_address(bytes[AT_SERVER_FAMILY], bytes + AT_SERVER, &request->server) < 0 ||
		get_text(bytes + AT_USER, WIRE_USER_SIZE, request->user) < 0 ||
		get_text(bytes + AT_AUTH, WIRE_AUTH_SIZE, request->auth) < 0)
		return -EPROTO;
	return is_open_complete(request) ? 0 : -EPROTO;
}

/* The version comes first and is looked at first, so that any other version gets its answer. */
static int check_version(const uint8_t *bytes, size_t length)
{
	if (length < 2)
		return -EPROTO;
	return get16(bytes + AT_VERSION) == WIRE_VERSION ? 0 : -EPROTONOSUPPORT;
}

int wire_session_decode(const uint8_t *bytes, size_t length, struct wire_session *request)
{
	struct wire_session decoded = {0};
	int error = check_version(bytes, length);

	if (error < 0)
		return error;
	if (length != WIRE_SESSION_SIZE)
		return -EPROTO;
	decoded.type = get16(bytes + AT_TYPE);
	if (decoded.type == WIRE_OPEN)
		error = decode_open(bytes, &decoded);
	else if (decoded.type == WIRE_CLOSE)
		error = is_zero(bytes + AT_UID, WIRE_SESSION_SIZE - AT_UID) ? 0 : -EPROTO;
	else
		error = -EPROTO;
	if (error == 0)
		*request = decoded;
	return error;
}

int wire_session_encode(const struct wire_session *request, uint8_t bytes[WIRE_SESSION_SIZE])
{
	struct wire_session decoded;

	if (encode(request, bytes) < 0 ||
		wire_session_decode(bytes, WIRE_SESSION_SIZE, &decoded) < 0)
		return -EINVAL;
	return 0;
}

void wire_control_encode(const struct wire_control *request, uint8_t bytes[WIRE_CONTROL_SIZE])
{
	memset(bytes, 0, WIRE_CONTROL_SIZE);
	put16(bytes + AT_VERSION, WIRE_VERSION);
	put16(bytes + AT_TYPE, request->type);
	if (request->type != WIRE_REVOKE && request->type != WIRE_ALLOW)
		return;
	put32(bytes + AT_UID, request->uid);
	bytes[AT_CONTROL_FAMILY] = request->client.family;
	bytes[AT_IS_OF_USER] = request->is_of_user;
	put16(bytes + AT_PORT, request->port);
	memcpy(bytes + AT_CONTROL_CLIENT, request->client.bytes, sizeof(request->client.bytes));
}

static int decode_selector(const uint8_t *bytes, struct wire_control *request)
{
	request->uid = get32(bytes + AT_UID);
	request->is_of_user = bytes[AT_IS_OF_USER];
	request->port = get16(bytes + AT_PORT);
	if (request->is_of_user > 1 || (!request->is_of_user && request->uid != 0) ||
		!is_zero(bytes + AT_CONTROL_END, WIRE_CONTROL_SIZE - AT_CONTROL_END))
		return -EPROTO;
	return get_address(bytes[AT_CONTROL_FAMILY], bytes + AT_CONTROL_CLIENT, &request->client);
}

/* One address, and nothing else. */
static int decode_allow(const uint8_t *bytes, struct wire_control *request)
{
	if (decode_selector(bytes, request) < 0 || request->client.family == 0 ||
		address_is_wildcard(&request->client) || request->is_of_user || request->port != 0)
		return -EPROTO;
	return 0;
}

int wire_control_decode(const uint8_t *bytes, size_t length, struct wire_control *request)
{
	struct wire_control decoded = {0};
	int error = check_version(bytes, length);

	if (error < 0)
		return error;
	if (length != WIRE_CONTROL_SIZE)
		return -EPROTO;
	decoded.type = get16(bytes + AT_TYPE);
	if (decoded.type < WIRE_STATUS || decoded.type > WIRE_ALLOW)
		return -EPROTO;
	if (decoded.type == WIRE_REVOKE)
		error = decode_selector(bytes, &decoded);
	else if (decoded.type == WIRE_ALLOW)
		error = decode_allow(bytes, &decoded);
	else if (!is_zero(bytes + AT_UID, WIRE_CONTROL_SIZE - AT_UID))
		error = -EPROTO;
	if (error == 0)
		*request = decoded;
	return error;
}

void wire_answer_encode(enum wire_answer answer, uint8_t bytes[WIRE_ANSWER_SIZE])
{
	put16(bytes, WIRE_VERSION);
	put16(bytes + 2, (uint16_t)answer);
}

int wire_answer_decode(const uint8_t *bytes, size_t length, enum wire_answer *answer)
{
	if (length != WIRE_ANSWER_SIZE)
		return -EPROTO;
	if (get16(bytes) != WIRE_VERSION) {
		*answer = WIRE_OTHER_VERSION;
		return 0;
	}
	if (get16(bytes + 2) > WIRE_FAILED)
		return -EPROTO;
	*answer = get16(bytes + 2);
	return 0;
}
