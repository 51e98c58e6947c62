/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "log.h"
#include "text.h"

/* Longer than any line can be, and its fields: names and credentials are bounded, and escaped four
 * to one. */
#define TEXT_SIZE 3072
#define KEY_SIZE  16

struct part {
	char text[TEXT_SIZE];
	size_t length;
};

/* One event, as people read it and as fields of the journal. */
struct line {
	struct part words, fields;
};

static void append(struct part *part, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct part *part, const char *format, ...)
{
	size_t left = sizeof(part->text) - part->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(part->text + part->length, left, format, arguments);
	va_end(arguments);
	if (length > 0 && (size_t)length < left)
		part->length += (size_t)length;
	else
		part->text[part->length] = '\0';
}

static void begin(struct line *line, const char *event)
{
	append(&line->words, "%s", event);
	append(&line->fields, "MOSHGATE_EVENT=%s\n", event);
}

/* The value is plain, or in quotes. */
static void add(struct line *line, const char *key, const char *value)
{
	char name[KEY_SIZE];

	snprintf(name, sizeof(name), "%s", key);
	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	append(&line->words, " %s=%s", key, value);
	append(&line->fields, "MOSHGATE_%s=%s\n", name, value);
}

static void emit(const struct audit *audit, int priority, const struct line *line, uint32_t uid)
{
	log_event(priority, line->words.text, line->fields.text);
	if (audit->hear)
		audit->hear(line->words.text, uid, audit->context);
}

static void add_text(struct line *line, const char *key, const char *value)
{
	char quoted[TEXT_QUOTED_SIZE];

	text_quote(value, quoted);
	add(line, key, quoted);
}

static void add_number(struct line *line, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	add(line, key, text);
}

/* In seconds; what is said to begin in the future has lasted for none. */
static void add_duration(struct line *line, uint64_t since_ms, uint64_t now_ms)
{
	add_number(line, "duration", now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0);
}

static void add_address(struct line *line, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	add(line, key, address_format(address, text));
}

static void add_user(struct line *line, const char *user, uint32_t uid)
{
	add_text(line, "user", user);
	if (uid != UINT32_MAX)
		add_number(line, "uid", uid);
}

static void add_key(struct line *line, const struct grant_key *key)
{
	add_address(line, "addr", &key->client);
	add_number(line, "port", key->port);
}

void audit_start(const struct audit *audit, const char *version)
{
	struct line line = {0};

	begin(&line, "start");
	add(&line, "version", version);
	emit(audit, LOG_INFO, &line, AUDIT_NOBODY);
}

void audit_stop(const struct audit *audit)
{
	struct line line = {0};

	begin(&line, "stop");
	emit(audit, LOG_INFO, &line, AUDIT_NOBODY);
}

void audit_guard(const struct audit *audit, const char *action)
{
	struct line line = {0};

	begin(&line, "guard");
	add(&line, "action", action);
	emit(audit, LOG_INFO, &line, AUDIT_NOBODY);
}

static void begin_login(struct line *line, const char *event, const struct login *login)
{
	begin(line, event);
	add_user(line, login->user, login->uid);
	add_address(line, "addr", &login->client);
	add_number(line, "pid", (uint64_t)login->pid);
}

void audit_login(const struct audit *audit, const struct login *login)
{
	struct line line = {0};

	begin_login(&line, "login", login);
	if (login->server.family != 0)
		add_address(&line, "server", &login->server);
	add_text(&line, "auth", login->auth);
	emit(audit, LOG_INFO, &line, login->uid);
}

void audit_logout(const struct audit *audit, const struct login *login, uint64_t now_ms)
{
	struct line line = {0};

	begin_login(&line, "logout", login);
	add_duration(&line, login->since_ms, now_ms);
	emit(audit, LOG_INFO, &line, login->uid);
}

/* Of the first one there is nothing to say. */
static void add_count(struct line *line, uint64_t count)
{
	if (count > 1)
		add_number(line, "count", count);
}

void audit_limit_logins(
	const struct audit *audit, const struct login *login, uint32_t limit, uint64_t count)
{
	struct line line = {0};

	begin_login(&line, "limit", login);
	add(&line, "name", "logins-per-user");
	add_number(&line, "value", limit);
	add_count(&line, count);
	emit(audit, LOG_WARNING, &line, login->uid);
}

void audit_grant(const struct audit *audit, const struct grant *grant)
{
	struct line line = {0};

	begin(&line, "grant");
	add_user(&line, grant->label.user, grant->label.uid);
	add_key(&line, &grant->key);
	add(&line, "via", text_via(grant->label.via));
	add_address(&line, "server", &grant->key.server);
	add_text(&line, "auth", grant->label.auth);
	emit(audit, LOG_INFO, &line, grant->label.uid);
}

/* What cannot be known (counters of an element that expired, or a label of somebody else's) is
 * not said. */
void audit_revoke(const struct audit *audit, const struct grant *grant, uint64_t now_ms)
{
	struct line line = {0};

	begin(&line, "revoke");
	add_user(&line, grant->label.user, grant->label.uid);
	add_key(&line, &grant->key);
	add_address(&line, "server", &grant->key.server);
	add(&line, "reason", text_reason(grant->reason));
	if (grant->label.cookie != 0)
		add_duration(&line, grant->label.since_ms, now_ms);
	if (grant->is_counted) {
		add_number(&line, "packets", grant->use.packets);
		add_number(&line, "bytes", grant->use.bytes);
	}
	emit(audit, LOG_INFO, &line, grant->label.uid);
}

void audit_deny(const struct audit *audit, const struct grant_denial *denial, uint64_t count)
{
	bool is_limit = denial->reason == DENIAL_LIMIT_USER || denial->reason == DENIAL_LIMIT;
	struct line line = {0};

	begin(&line, is_limit ? "limit" : "deny");
	add_text(&line, "user", denial->user);
	add_number(&line, "uid", denial->uid);
	if (denial->client.family != 0)
		add_address(&line, "addr", &denial->client);
	add_number(&line, "port", denial->port);
	add(&line, is_limit ? "name" : "reason", text_denial(denial->reason));
	if (is_limit)
		add_number(&line, "value", denial->limit);
	add_count(&line, count);
	emit(audit, LOG_WARNING, &line, denial->uid);
}
