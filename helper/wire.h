/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_WIRE_H
#define MOSHGATE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"

/*
 * The messages between the module, the helper and moshgatectl, as bytes. Every message has one
 * fixed size; integers are little-endian; what a field does not use is zero; nothing in a message
 * is a path, a command or a rule.
 *
 * Changing a message raises WIRE_VERSION and adds a line here. A new type does not: a helper that
 * does not have it says so (WIRE_MALFORMED).
 *   1  the first one
 */
#define WIRE_VERSION 1

/* Session socket (SOCK_SEQPACKET): one request and one answer per connection. Who closes does not
 * wait for his. */

enum wire_session_type {
	WIRE_OPEN = 1,  /* the peer, an sshd process, opened a PAM session */
	WIRE_CLOSE = 2, /* the peer is about to close it: all other fields are zero */
};

/* What the helper says, to the module and to moshgatectl. */
enum wire_answer {
	WIRE_DONE = 0,
	WIRE_REFUSED = 1,       /* understood, and not allowed or over a limit */
	WIRE_MALFORMED = 2,     /* not a message of this version */
	WIRE_OTHER_VERSION = 3, /* the helper speaks another version */
	WIRE_NOTHING = 4,       /* nothing matched */
	WIRE_FAILED = 5,        /* the helper tried and could not */
};

#define WIRE_USER_SIZE    256 /* LOGIN_NAME_MAX of Linux, with its NUL */
#define WIRE_AUTH_SIZE    3796
#define WIRE_SESSION_SIZE 4096

struct wire_session {
	enum wire_session_type type;
	uint32_t uid;
	struct address client; /* who logged in */
	struct address server; /* our end of that connection; family 0 if it is not known */
	char user[WIRE_USER_SIZE];
	char auth[WIRE_AUTH_SIZE]; /* sshd's SSH_AUTH_INFO_0, a line per method; may be empty */
};

/* Writes request as bytes; -EINVAL if it could not be decoded again. */
int wire_session_encode(const struct wire_session *request, uint8_t bytes[WIRE_SESSION_SIZE]);

/* -EPROTONOSUPPORT: another version; -EPROTO: wrong length or any field out of its range. */
int wire_session_decode(const uint8_t *bytes, size_t length, struct wire_session *request);

/* Control socket (SOCK_STREAM): one request, then an answer word followed by JSON text. */

enum wire_control_type {
	WIRE_STATUS = 1,
	WIRE_LIST = 2,
	WIRE_LOGINS = 3,
	WIRE_REVOKE = 4, /* the grants that the other fields select */
	WIRE_WATCH = 5,  /* the answer goes on: a line per event, until either side hangs up */
	WIRE_RELOAD = 6,
	WIRE_DIAGNOSE = 7, /* what the helper knows that may keep mosh from working */
	WIRE_PENDING = 8,  /* addresses that knocked on a server's port and were dropped */
	WIRE_ALLOW = 9,    /* one of them may reach the server: client is it */
};

#define WIRE_CONTROL_SIZE 32

struct wire_control {
	enum wire_control_type type;
	/* Of WIRE_REVOKE, and the client of WIRE_ALLOW; of the others zero. */
	uint8_t is_of_user; /* 1: of that uid alone */
	uint32_t uid;
	struct address client; /* family 0: any */
	uint16_t port;         /* 0: any */
};

void wire_control_encode(const struct wire_control *request, uint8_t bytes[WIRE_CONTROL_SIZE]);

/* Errors as wire_session_decode. */
int wire_control_decode(const uint8_t *bytes, size_t length, struct wire_control *request);

/* The answer word: version and answer. */
#define WIRE_ANSWER_SIZE 4

void wire_answer_encode(enum wire_answer answer, uint8_t bytes[WIRE_ANSWER_SIZE]);

/* -EPROTO: not an answer. An answer of another version is WIRE_OTHER_VERSION. */
int wire_answer_decode(const uint8_t *bytes, size_t length, enum wire_answer *answer);

#endif
