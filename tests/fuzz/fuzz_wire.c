/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages: what is taken is in range and, encoded again, the same bytes; what is refused changes
 * nothing. So no two messages say the same. */
#include <errno.h>

#include "fuzz.h"
#include "wire.h"

static void check_refused(int error, const void *result, const void *before, size_t size)
{
	PROMISE(error == -EPROTO || error == -EPROTONOSUPPORT);
	PROMISE(memcmp(result, before, size) == 0);
}

static void check_open(const struct wire_session *session)
{
	PROMISE(session->uid != UINT32_MAX);
	PROMISE(session->user[0] && memchr(session->user, '\0', sizeof(session->user)));
	PROMISE(memchr(session->auth, '\0', sizeof(session->auth)));
	PROMISE(session->client.family == 4 || session->client.family == 6);
	PROMISE(session->server.family == 0 || session->server.family == session->client.family);
	PROMISE(!address_is_wildcard(&session->client) && !address_is_wildcard(&session->server));
}

static void check_session(const uint8_t *bytes, size_t size)
{
	static struct wire_session session, before;
	uint8_t again[WIRE_SESSION_SIZE];
	int error;

	memset(&session, 0x5a, sizeof(session));
	memset(&before, 0x5a, sizeof(before));
	error = wire_session_decode(bytes, size, &session);
	if (error < 0) {
		check_refused(error, &session, &before, sizeof(session));
		return;
	}
	PROMISE(session.type == WIRE_OPEN || session.type == WIRE_CLOSE);
	if (session.type == WIRE_OPEN)
		check_open(&session);
	PROMISE(size == sizeof(again) && wire_session_encode(&session, again) == 0);
	PROMISE(memcmp(again, bytes, size) == 0);
}

/* Any fields: what cannot be decoded again is not encoded. */
static void check_encode(const uint8_t *bytes, size_t size)
{
	static struct wire_session session, again;
	uint8_t encoded[WIRE_SESSION_SIZE];

	memset(&session, 0, sizeof(session));
	memcpy(&session, bytes, size < sizeof(session) ? size : sizeof(session));
	session.type &= UINT16_MAX;
	if (wire_session_encode(&session, encoded) < 0)
		return;
	PROMISE(wire_session_decode(encoded, sizeof(encoded), &again) == 0);
	PROMISE(again.type == session.type);
	PROMISE(session.type == WIRE_CLOSE || strcmp(again.user, session.user) == 0);
	PROMISE(session.type == WIRE_CLOSE || strcmp(again.auth, session.auth) == 0);
}

static void check_control(const uint8_t *bytes, size_t size)
{
	struct wire_control control, before;
	uint8_t again[WIRE_CONTROL_SIZE];
	int error;

	memset(&control, 0x5a, sizeof(control));
	memset(&before, 0x5a, sizeof(before));
	error = wire_control_decode(bytes, size, &control);
	if (error < 0) {
		check_refused(error, &control, &before, sizeof(control));
		return;
	}
	PROMISE(control.type >= WIRE_STATUS && control.type <= WIRE_ALLOW);
	PROMISE(control.type == WIRE_REVOKE || (control.port == 0 && control.is_of_user == 0));
	PROMISE(control.type == WIRE_REVOKE ||
		(control.client.family != 0) == (control.type == WIRE_ALLOW));
	PROMISE(control.client.family == 0 || control.client.family == 4 ||
		control.client.family == 6);
	PROMISE(control.is_of_user == 1 || (control.is_of_user == 0 && control.uid == 0));
	wire_control_encode(&control, again);
	PROMISE(size == sizeof(again) && memcmp(again, bytes, size) == 0);
}

static void check_answer(const uint8_t *bytes, size_t size)
{
	enum wire_answer answer = WIRE_NOTHING, before = answer;
	uint8_t again[WIRE_ANSWER_SIZE];
	int error = wire_answer_decode(bytes, size, &answer);

	if (error < 0) {
		check_refused(error, &answer, &before, sizeof(answer));
		return;
	}
	PROMISE(size == sizeof(again) && answer <= WIRE_FAILED);
	wire_answer_encode(answer, again);
	PROMISE(answer == WIRE_OTHER_VERSION || memcmp(again, bytes, size) == 0);
}

/* Seeds of sessions are without the zeros at their end. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint8_t filled[WIRE_SESSION_SIZE] = {0};

	check_session(bytes, size);
	check_control(bytes, size);
	check_answer(bytes, size);
	check_encode(bytes, size);
	if (size < sizeof(filled)) {
		memcpy(filled, bytes, size);
		check_session(filled, sizeof(filled));
	}
	return 0;
}
