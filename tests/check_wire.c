/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "check_main.h"
#include "wire.h"

/* Where version 1 has its fields: written out here, so that a change of layout is noticed. */
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
	AT_AUTH = 300,
};

#define UNTOUCHED 0xa5

enum base { OPEN4, OPEN6, OPEN_ALONE, CLOSE, BASES };

static struct address address(const char *text)
{
	struct address parsed = {0};

	ck_assert_int_eq(address_parse(text, &parsed), 0);
	return parsed;
}

static struct wire_session message(enum base base)
{
	struct wire_session session = {.type = WIRE_CLOSE};

	if (base == CLOSE)
		return session;
	session = (struct wire_session){.type = WIRE_OPEN, .uid = 0x01020304};
	session.client = address(base == OPEN6 ? "2001:db8::1" : "192.0.2.1");
	if (base != OPEN_ALONE)
		session.server = address(base == OPEN6 ? "2001:db8::2" : "198.51.100.7");
	strcpy(session.user, "alice");
	strcpy(session.auth, "publickey ssh-ed25519 AAAA\npassword\n");
	return session;
}

static void encode(enum base base, uint8_t bytes[WIRE_SESSION_SIZE])
{
	struct wire_session session = message(base);

	memset(bytes, UNTOUCHED, WIRE_SESSION_SIZE);
	ck_assert_int_eq(wire_session_encode(&session, bytes), 0);
}

/* From a buffer of just that length, so that ASan sees a byte too far; what fails touches nothing.
 */
static int decode(const uint8_t *bytes, size_t length, struct wire_session *session)
{
	uint8_t *exact = malloc(length ? length : 1);
	struct wire_session before;
	int error;

	memcpy(exact, bytes, length);
	memset(session, UNTOUCHED, sizeof(*session));
	memset(&before, UNTOUCHED, sizeof(before));
	error = wire_session_decode(exact, length, session);
	if (error != 0)
		ck_assert_mem_eq(session, &before, sizeof(before));
	free(exact);
	return error;
}

START_TEST(session_round_trip)
{
	struct wire_session sent = message((enum base)_i), received;
	uint8_t bytes[WIRE_SESSION_SIZE];

	encode((enum base)_i, bytes);
	ck_assert_int_eq(decode(bytes, sizeof(bytes), &received), 0);
	ck_assert_int_eq(received.type, sent.type);
	ck_assert_uint_eq(received.uid, sent.uid);
	ck_assert(address_equal(&received.client, &sent.client));
	ck_assert(address_equal(&received.server, &sent.server));
	ck_assert_str_eq(received.user, sent.user);
	ck_assert_str_eq(received.auth, sent.auth);
}
END_TEST

START_TEST(session_longest_texts)
{
	struct wire_session sent = message(OPEN4), received;
	uint8_t bytes[WIRE_SESSION_SIZE];

	memset(sent.user, 'u', sizeof(sent.user) - 1);
	memset(sent.auth, 'a', sizeof(sent.auth) - 1);
	ck_assert_int_eq(wire_session_encode(&sent, bytes), 0);
	ck_assert_int_eq(decode(bytes, sizeof(bytes), &received), 0);
	ck_assert_str_eq(received.user, sent.user);
	ck_assert_str_eq(received.auth, sent.auth);
}
END_TEST

START_TEST(session_layout)
{
	const uint8_t head[] = {1, 0, 1, 0, 4, 3, 2, 1, 4, 4, 0, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'a', 'l',
		'i', 'c', 'e', 0};
	uint8_t bytes[WIRE_SESSION_SIZE];

	ck_assert_int_eq(WIRE_VERSION, 1);
	ck_assert_int_eq(WIRE_SESSION_SIZE, 4096);
	encode(OPEN4, bytes);
	ck_assert_mem_eq(bytes, head, sizeof(head));
	ck_assert_mem_eq(bytes + AT_AUTH, "publickey ", 10);
}
END_TEST

/* A valid message with count bytes at one place set to value. */
static const struct {
	enum base base;
	size_t at, count;
	uint8_t value;
	int error;
} bad[] = {
	{OPEN4, AT_VERSION, 1, 0, -EPROTONOSUPPORT},
	{OPEN4, AT_VERSION, 1, 2, -EPROTONOSUPPORT},
	{OPEN4, AT_VERSION + 1, 1, 1, -EPROTONOSUPPORT},
	{CLOSE, AT_VERSION, 1, 2, -EPROTONOSUPPORT},
	{OPEN4, AT_TYPE, 1, 0, -EPROTO},
	{OPEN4, AT_TYPE, 1, 3, -EPROTO},
	{OPEN4, AT_TYPE + 1, 1, 1, -EPROTO},
	{OPEN4, AT_TYPE, 1, WIRE_CLOSE, -EPROTO},
	{OPEN4, AT_UID, 4, 0xff, -EPROTO},
	{OPEN4, AT_RESERVED, 1, 1, -EPROTO},
	{OPEN4, AT_RESERVED + 1, 1, 0x80, -EPROTO},
	{OPEN4, AT_CLIENT_FAMILY, 1, 0, -EPROTO},
	{OPEN4, AT_CLIENT_FAMILY, 1, 2, -EPROTO},
	{OPEN4, AT_CLIENT_FAMILY, 1, 5, -EPROTO},
	{OPEN4, AT_CLIENT_FAMILY, 1, 6, -EPROTO},
	{OPEN6, AT_CLIENT_FAMILY, 1, 4, -EPROTO},
	{OPEN4, AT_CLIENT_FAMILY, 2, 0xff, -EPROTO},
	{OPEN4, AT_SERVER_FAMILY, 1, 0, -EPROTO},
	{OPEN4, AT_SERVER_FAMILY, 1, 5, -EPROTO},
	{OPEN4, AT_SERVER_FAMILY, 1, 6, -EPROTO},
	{OPEN6, AT_SERVER_FAMILY, 1, 4, -EPROTO},
	{OPEN_ALONE, AT_SERVER_FAMILY, 1, 6, -EPROTO}, /* ::, and the client has IPv4 */
	{OPEN_ALONE, AT_SERVER, 1, 1, -EPROTO},
	{OPEN4, AT_CLIENT + 4, 1, 1, -EPROTO},
	{OPEN4, AT_CLIENT + 15, 1, 1, -EPROTO},
	{OPEN4, AT_SERVER + 4, 1, 1, -EPROTO},
	{OPEN4, AT_SERVER + 15, 1, 1, -EPROTO},
	{OPEN4, AT_CLIENT, 16, 0, -EPROTO},
	{OPEN6, AT_CLIENT, 16, 0, -EPROTO},
	{OPEN4, AT_USER, WIRE_USER_SIZE, 0, -EPROTO},
	{OPEN4, AT_USER, WIRE_USER_SIZE, 'u', -EPROTO},
	{OPEN4, AT_USER, 1, 0, -EPROTO},
	{OPEN4, AT_USER + 6, 1, 'x', -EPROTO},
	{OPEN4, AT_AUTH - 1, 1, 'x', -EPROTO},
	{OPEN4, AT_AUTH, WIRE_AUTH_SIZE, 'a', -EPROTO},
	{OPEN4, AT_AUTH, 1, 0, -EPROTO},
	{OPEN4, WIRE_SESSION_SIZE - 1, 1, 'x', -EPROTO},
};

START_TEST(session_bad_field)
{
	struct wire_session session;
	uint8_t bytes[WIRE_SESSION_SIZE];

	encode(bad[_i].base, bytes);
	memset(bytes + bad[_i].at, bad[_i].value, bad[_i].count);
	ck_assert_int_eq(decode(bytes, sizeof(bytes), &session), bad[_i].error);
}
END_TEST

START_TEST(session_mapped_address)
{
	const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	struct wire_session session;
	uint8_t bytes[WIRE_SESSION_SIZE];

	encode(OPEN6, bytes);
	memcpy(bytes + AT_CLIENT, mapped, sizeof(mapped));
	ck_assert_int_eq(decode(bytes, sizeof(bytes), &session), -EPROTO);
	encode(OPEN6, bytes);
	memcpy(bytes + AT_SERVER, mapped, sizeof(mapped));
	ck_assert_int_eq(decode(bytes, sizeof(bytes), &session), -EPROTO);
}
END_TEST

START_TEST(session_wrong_length)
{
	struct wire_session session;
	uint8_t bytes[WIRE_SESSION_SIZE + 64] = {0};

	encode(_i == 0 ? OPEN4 : CLOSE, bytes);
	for (size_t length = 0; length <= sizeof(bytes); length++)
		ck_assert_int_eq(
			decode(bytes, length, &session), length == WIRE_SESSION_SIZE ? 0 : -EPROTO);
}
END_TEST

START_TEST(session_other_version_of_any_length)
{
	struct wire_session session;
	uint8_t bytes[WIRE_SESSION_SIZE + 64] = {0};

	encode(OPEN4, bytes);
	bytes[AT_VERSION] = 2;
	for (size_t length = 0; length <= sizeof(bytes); length++)
		ck_assert_int_eq(
			decode(bytes, length, &session), length < 2 ? -EPROTO : -EPROTONOSUPPORT);
}
END_TEST

START_TEST(close_is_zero)
{
	struct wire_session session;
	uint8_t bytes[WIRE_SESSION_SIZE];

	encode(CLOSE, bytes);
	for (size_t at = AT_UID; at < sizeof(bytes); at++) {
		bytes[at] = 1;
		ck_assert_int_eq(decode(bytes, sizeof(bytes), &session), -EPROTO);
		bytes[at] = 0;
	}
	ck_assert_int_eq(decode(bytes, sizeof(bytes), &session), 0);
}
END_TEST

/* What can be decoded is the one way to write it. */
START_TEST(session_byte_flips)
{
	uint8_t bytes[WIRE_SESSION_SIZE], again[WIRE_SESSION_SIZE];
	struct wire_session session;
	size_t accepted = 0, refused = 0;

	encode((enum base)_i, bytes);
	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (decode(bytes, sizeof(bytes), &session) == 0) {
			ck_assert_int_eq(wire_session_encode(&session, again), 0);
			ck_assert_mem_eq(again, bytes, sizeof(bytes));
			accepted++;
		} else {
			refused++;
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_gt(refused, 3000 * 8);
	if (_i == CLOSE)
		ck_assert_uint_eq(accepted, 0);
	else
		ck_assert_uint_gt(accepted, 32);
}
END_TEST

static void no_user(struct wire_session *session)
{
	memset(session->user, 0, sizeof(session->user));
}
static void long_user(struct wire_session *session)
{
	memset(session->user, 'u', sizeof(session->user));
}
static void long_auth(struct wire_session *session)
{
	memset(session->auth, 'a', sizeof(session->auth));
}
static void no_client(struct wire_session *session)
{
	session->client = session->server = (struct address){0};
}
static void wildcard_client(struct wire_session *session)
{
	session->client = address("0.0.0.0");
}
static void other_family(struct wire_session *session)
{
	session->server = address("2001:db8::2");
}
static void no_uid(struct wire_session *session)
{
	session->uid = UINT32_MAX;
}
static void unknown_type(struct wire_session *session)
{
	session->type = 3;
}
static void unknown_family(struct wire_session *session)
{
	session->client.family = session->server.family = 5;
}

static void (*const spoil[])(struct wire_session *) = {
	no_user,
	long_user,
	long_auth,
	no_client,
	wildcard_client,
	other_family,
	no_uid,
	unknown_type,
	unknown_family,
};

START_TEST(encode_refuses)
{
	struct wire_session session = message(OPEN4);
	uint8_t bytes[WIRE_SESSION_SIZE];

	spoil[_i](&session);
	ck_assert_int_eq(wire_session_encode(&session, bytes), -EINVAL);
}
END_TEST

/* Control messages, and all their bytes but the zeros at their ends. */
static const struct {
	struct wire_control control;
	uint8_t bytes[WIRE_CONTROL_SIZE];
} controls[] = {
	{{.type = WIRE_STATUS}, {1, 0, 1}},
	{{.type = WIRE_LIST}, {1, 0, 2}},
	{{.type = WIRE_LOGINS}, {1, 0, 3}},
	{{.type = WIRE_WATCH}, {1, 0, 5}},
	{{.type = WIRE_RELOAD}, {1, 0, 6}},
	{{.type = WIRE_DIAGNOSE}, {1, 0, 7}},
	{{.type = WIRE_PENDING}, {1, 0, 8}},
	{{.type = WIRE_REVOKE}, {1, 0, 4}},
	{{.type = WIRE_REVOKE, .is_of_user = 1}, {1, 0, 4, 0, 0, 0, 0, 0, 0, 1}},
	{{WIRE_REVOKE, 1, 0x01020304, {0}, 60001}, {1, 0, 4, 0, 4, 3, 2, 1, 0, 1, 0x61, 0xea}},
	{{.type = WIRE_REVOKE, .client = {4, {192, 0, 2, 1}}},
		{1, 0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 192, 0, 2, 1}},
	{{WIRE_REVOKE, 1, 5, {6, {0x20, 1, [15] = 1}}, 1},
		{1, 0, 4, 0, 5, 0, 0, 0, 6, 1, 1, 0, 0x20, 1, [27] = 1}},
	{{.type = WIRE_ALLOW, .client = {4, {192, 0, 2, 1}}},
		{1, 0, 9, 0, 0, 0, 0, 0, 4, 0, 0, 0, 192, 0, 2, 1}},
};

static int decode_control(const uint8_t *bytes, size_t length, struct wire_control *control)
{
	uint8_t *exact = malloc(length ? length : 1);
	struct wire_control before;
	int error;

	memcpy(exact, bytes, length);
	memset(control, UNTOUCHED, sizeof(*control));
	memset(&before, UNTOUCHED, sizeof(before));
	error = wire_control_decode(exact, length, control);
	if (error != 0)
		ck_assert_mem_eq(control, &before, sizeof(before));
	free(exact);
	return error;
}

START_TEST(control_round_trip)
{
	const struct wire_control *sent = &controls[_i].control;
	struct wire_control received;
	uint8_t bytes[WIRE_CONTROL_SIZE];

	memset(bytes, UNTOUCHED, sizeof(bytes));
	wire_control_encode(sent, bytes);
	ck_assert_mem_eq(bytes, controls[_i].bytes, sizeof(bytes));
	ck_assert_int_eq(decode_control(bytes, sizeof(bytes), &received), 0);
	ck_assert_int_eq(received.type, sent->type);
	ck_assert_uint_eq(received.is_of_user, sent->is_of_user);
	ck_assert_uint_eq(received.uid, sent->uid);
	ck_assert(address_equal(&received.client, &sent->client));
	ck_assert_uint_eq(received.port, sent->port);
}
END_TEST

START_TEST(control_wrong_length)
{
	struct wire_control control;
	uint8_t bytes[WIRE_CONTROL_SIZE + 8] = {1, 0, WIRE_STATUS};

	for (size_t length = 0; length <= sizeof(bytes); length++) {
		bytes[AT_VERSION] = WIRE_VERSION;
		ck_assert_int_eq(decode_control(bytes, length, &control),
			length == WIRE_CONTROL_SIZE ? 0 : -EPROTO);
		bytes[AT_VERSION] = WIRE_VERSION + 1;
		ck_assert_int_eq(decode_control(bytes, length, &control),
			length < 2 ? -EPROTO : -EPROTONOSUPPORT);
	}
}
END_TEST

static const uint8_t bad_controls[][WIRE_CONTROL_SIZE] = {
	{1, 0, 0},
	{1, 0, WIRE_ALLOW + 1},
	{1, 0, WIRE_STATUS, 1},
	{1, 0, WIRE_REVOKE, 1},
	{1, 0, WIRE_REVOKE, 0, 1},                       /* a uid, and not of a user */
	{1, 0, WIRE_REVOKE, 0, 1, 0, 0, 0, 0, 2},        /* is_of_user is 0 or 1 */
	{1, 0, WIRE_REVOKE, 0, 0, 0, 0, 0, 0, [12] = 1}, /* a client of no family */
	{1, 0, WIRE_REVOKE, 0, 0, 0, 0, 0, 5},           /* of an unknown one */
	{1, 0, WIRE_REVOKE, 0, 0, 0, 0, 0, 4, [16] = 1}, /* too long for IPv4 */
	{1, 0, WIRE_REVOKE, 0, 0, 0, 0, 0, 4, [27] = 1},
	{1, 0, WIRE_REVOKE, 0, 0, 0, 0, 0, 6, [22] = 0xff, 0xff, 192, 0, 2, 1}, /* mapped */
	{1, 0, WIRE_REVOKE, [28] = 1},
	{1, 0, WIRE_REVOKE, [31] = 1},
	{1, 0, WIRE_PENDING, [12] = 1},
	{1, 0, WIRE_ALLOW},          /* whom? */
	{1, 0, WIRE_ALLOW, [8] = 4}, /* anybody */
	{1, 0, WIRE_ALLOW, [8] = 6},
	{1, 0, WIRE_ALLOW, [8] = 4, [9] = 1, [12] = 192},  /* a user's */
	{1, 0, WIRE_ALLOW, [8] = 4, [10] = 1, [12] = 192}, /* a port's */
	{1, 0, WIRE_ALLOW, [4] = 1, [8] = 4, [12] = 192},  /* a uid, and not of a user */
	{1, 0, WIRE_ALLOW, [8] = 4, [12] = 192, [28] = 1},
};

START_TEST(control_refuses)
{
	struct wire_control control;

	ck_assert_int_eq(decode_control(bad_controls[_i], WIRE_CONTROL_SIZE, &control), -EPROTO);
}
END_TEST

START_TEST(control_byte_flips)
{
	uint8_t bytes[WIRE_CONTROL_SIZE], again[WIRE_CONTROL_SIZE];
	struct wire_control control;
	size_t accepted = 0;

	memcpy(bytes, controls[_i].bytes, sizeof(bytes));
	for (size_t bit = AT_UID * 8; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (decode_control(bytes, sizeof(bytes), &control) == 0) {
			wire_control_encode(&control, again);
			ck_assert_mem_eq(again, bytes, sizeof(bytes));
			accepted++;
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(accepted > 0, controls[_i].control.type == WIRE_REVOKE ||
					       controls[_i].control.type == WIRE_ALLOW);
}
END_TEST

START_TEST(answer_round_trip)
{
	enum wire_answer answer = (enum wire_answer)UNTOUCHED;
	uint8_t bytes[WIRE_ANSWER_SIZE];

	wire_answer_encode((enum wire_answer)_i, bytes);
	ck_assert_mem_eq(bytes, ((const uint8_t[]){1, 0, (uint8_t)_i, 0}), WIRE_ANSWER_SIZE);
	ck_assert_int_eq(wire_answer_decode(bytes, sizeof(bytes), &answer), 0);
	ck_assert_int_eq(answer, _i);
	bytes[1] = 1;
	ck_assert_int_eq(wire_answer_decode(bytes, sizeof(bytes), &answer), 0);
	ck_assert_int_eq(answer, WIRE_OTHER_VERSION);
}
END_TEST

START_TEST(answer_refuses)
{
	const uint8_t bytes[WIRE_ANSWER_SIZE + 2] = {1, 0, 0, 0};
	const uint8_t unknown[WIRE_ANSWER_SIZE] = {1, 0, WIRE_FAILED + 1, 0};
	const uint8_t high[WIRE_ANSWER_SIZE] = {1, 0, 0, 1};
	enum wire_answer answer = (enum wire_answer)UNTOUCHED;

	for (size_t length = 0; length <= sizeof(bytes); length++)
		if (length != WIRE_ANSWER_SIZE)
			ck_assert_int_eq(wire_answer_decode(bytes, length, &answer), -EPROTO);
	ck_assert_int_eq(wire_answer_decode(unknown, sizeof(unknown), &answer), -EPROTO);
	ck_assert_int_eq(wire_answer_decode(high, sizeof(high), &answer), -EPROTO);
	ck_assert_int_eq(answer, UNTOUCHED);
}
END_TEST

CHECK_MAIN("wire", LOOP(session_round_trip, BASES), TEST(session_longest_texts),
	TEST(session_layout), LOOP(session_bad_field, ARRAY_LEN(bad)), TEST(session_mapped_address),
	LOOP(session_wrong_length, 2), TEST(session_other_version_of_any_length),
	TEST(close_is_zero), LOOP(session_byte_flips, BASES),
	LOOP(encode_refuses, ARRAY_LEN(spoil)), LOOP(control_round_trip, ARRAY_LEN(controls)),
	TEST(control_wrong_length), LOOP(control_byte_flips, ARRAY_LEN(controls)),
	LOOP(control_refuses, ARRAY_LEN(bad_controls)), LOOP(answer_round_trip, WIRE_FAILED + 1),
	TEST(answer_refuses))
