/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "check_main.h"
#include "log.h"

/* Link-time stand-in for log.c: the last line as it was said, and its fields. */
static char line[4096], fields[4096];
static int lines, last_priority;

void log_event(int priority, const char *said, const char *said_fields)
{
	ck_assert_uint_lt(strlen(said), sizeof(line));
	ck_assert_uint_lt(strlen(said_fields), sizeof(fields));
	strcpy(line, said);
	strcpy(fields, said_fields);
	last_priority = priority;
	lines++;
}

/* Who listens hears the same line, and about whom it is. */
static char heard[sizeof(line)];
static uint32_t heard_uid;

static void hear(const char *text, uint32_t uid, void *context)
{
	ck_assert_ptr_eq(context, heard);
	ck_assert_uint_lt(strlen(text), sizeof(heard));
	strcpy(heard, text);
	heard_uid = uid;
}

static const struct audit audit = {hear, heard};

#define FIELDS_MAX 16
#define VALUE_SIZE 1024

struct event {
	char name[16];
	char keys[FIELDS_MAX][16], values[FIELDS_MAX][VALUE_SIZE];
	size_t count;
};

static size_t read_word(const char *at, char *word, size_t size)
{
	size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz");

	ck_assert_uint_gt(length, 0);
	ck_assert_uint_lt(length, size);
	memcpy(word, at, length);
	word[length] = '\0';
	return length;
}

static size_t read_escape(const char *at, char *c)
{
	unsigned int code;

	if (at[1] == '"' || at[1] == '\\') {
		*c = at[1];
		return 2;
	}
	ck_assert(at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3]));
	ck_assert_int_eq(sscanf(at + 2, "%2x", &code), 1);
	*c = (char)code;
	return 4;
}

static size_t read_value(const char *start, char *value)
{
	size_t length = 0;
	const char *at = start;

	if (*at != '"') {
		length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.:_+/@,%-");
		ck_assert_uint_gt(length, 0);
		memcpy(value, at, length);
		value[length] = '\0';
		return length;
	}
	for (at++; *at != '"'; length++) {
		ck_assert(*at >= 0x20 && *at < 0x7f);
		if (*at == '\\')
			at += read_escape(at, &value[length]);
		else
			value[length] = *at++;
	}
	value[length] = '\0';
	return (size_t)(at + 1 - start);
}

/* The next field is of this key, has that text for its value, and ends with its line. */
static const char *skip_field(const char *at, const char *key, const char *value, size_t length)
{
	ck_assert_int_eq(strncmp(at, "MOSHGATE_", strlen("MOSHGATE_")), 0);
	for (at += strlen("MOSHGATE_"); *key; key++, at++)
		ck_assert_int_eq(*at, toupper((unsigned char)*key));
	ck_assert_int_eq(*at++, '=');
	ck_assert_int_eq(strncmp(at, value, length), 0);
	ck_assert_int_eq(at[length], '\n');
	return at + length + 1;
}

/* event( key=value)*, each key once, and nothing else; fields with just the same values. */
static struct event *parse(void)
{
	static struct event event;
	const char *at = line, *field = fields;
	size_t length;

	memset(&event, 0, sizeof(event));
	ck_assert_int_eq(lines, 1);
	ck_assert_str_eq(heard, line);
	at += read_word(at, event.name, sizeof(event.name));
	for (field = skip_field(field, "event", line, (size_t)(at - line)); *at; event.count++) {
		size_t i = event.count;

		ck_assert_uint_lt(i, FIELDS_MAX);
		ck_assert_int_eq(*at++, ' ');
		at += read_word(at, event.keys[i], sizeof(event.keys[i]));
		ck_assert_int_eq(*at++, '=');
		length = read_value(at, event.values[i]);
		field = skip_field(field, event.keys[i], at, length);
		at += length;
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(event.keys[j], event.keys[i]);
	}
	ck_assert_str_eq(field, "");
	lines = 0;
	return &event;
}

static const char *value_of(const struct event *event, const char *key)
{
	for (size_t i = 0; i < event->count; i++)
		if (strcmp(event->keys[i], key) == 0)
			return event->values[i];
	ck_abort_msg("no %s in: %s", key, line);
}

static void check_line(uint32_t uid, int priority, const char *expected)
{
	ck_assert_uint_eq(heard_uid, uid);
	ck_assert_str_eq(line, expected);
	ck_assert_int_eq(last_priority, priority);
	parse();
}

static char user[257] = "alice", auth[257] = "publickey ED25519 SHA256:Ab+/";

static struct login a_login(void)
{
	return (struct login){.pid = 4242,
		.uid = 1001,
		.client = {4, {203, 0, 113, 5}},
		.server = {4, {198, 51, 100, 7}},
		.since_ms = 10000,
		.user = user,
		.auth = auth};
}

static struct grant a_grant(enum grant_reason reason)
{
	struct grant grant = {.key = {{4, {203, 0, 113, 5}}, {4, {198, 51, 100, 7}}, 60001},
		.label = {.uid = 1001, .cookie = 7, .since_ms = 10000, .via = LABEL_LOGIN},
		.reason = reason,
		.use = {.packets = 12, .bytes = 3456},
		.is_counted = true};

	label_set_user(&grant.label, user);
	label_set_auth(&grant.label, auth);
	return grant;
}

START_TEST(plain_events)
{
	audit_start(&audit, "1.2.3");
	check_line(AUDIT_NOBODY, LOG_INFO, "start version=1.2.3");
	audit_stop(&audit);
	check_line(AUDIT_NOBODY, LOG_INFO, "stop");
	audit_guard(&audit, "restored");
	check_line(AUDIT_NOBODY, LOG_INFO, "guard action=restored");
}
END_TEST

START_TEST(login_events)
{
	struct login login = a_login();

	audit_login(&audit, &login);
	check_line(1001, LOG_INFO,
		"login user=alice uid=1001 addr=203.0.113.5 pid=4242 "
		"server=198.51.100.7 auth=\"publickey ED25519 SHA256:Ab+/\"");
	audit_logout(&audit, &login, 75999);
	check_line(
		1001, LOG_INFO, "logout user=alice uid=1001 addr=203.0.113.5 pid=4242 duration=65");
	audit_limit_logins(&audit, &login, 64, 1);
	check_line(1001, LOG_WARNING,
		"limit user=alice uid=1001 addr=203.0.113.5 pid=4242 "
		"name=logins-per-user value=64");
	audit_limit_logins(&audit, &login, 64, 2);
	check_line(1001, LOG_WARNING,
		"limit user=alice uid=1001 addr=203.0.113.5 pid=4242 "
		"name=logins-per-user value=64 count=2");
	login.server.family = 0;
	login.auth = (char[]){""};
	audit_login(&audit, &login);
	check_line(1001, LOG_INFO, "login user=alice uid=1001 addr=203.0.113.5 pid=4242 auth=\"\"");
}
END_TEST

START_TEST(grant_event)
{
	struct grant grant = a_grant(GRANT_EXIT);

	audit_grant(&audit, &grant);
	check_line(1001, LOG_INFO,
		"grant user=alice uid=1001 addr=203.0.113.5 port=60001 via=login "
		"server=198.51.100.7 auth=\"publickey ED25519 SHA256:Ab+/\"");
	grant.label.via = LABEL_ROAM;
	grant.key.client = (struct address){6, {0x20, 1, 0xd, 0xb8, [15] = 1}};
	grant.key.server = (struct address){6, {0x20, 1, 0xd, 0xb8, [15] = 2}};
	audit_grant(&audit, &grant);
	check_line(1001, LOG_INFO,
		"grant user=alice uid=1001 addr=2001:db8::1 port=60001 via=roam "
		"server=2001:db8::2 auth=\"publickey ED25519 SHA256:Ab+/\"");
}
END_TEST

static const char *const reasons[] = {
	[GRANT_EXIT] = "exit",
	[GRANT_IDLE] = "idle",
	[GRANT_UNCLAIMED] = "unclaimed",
	[GRANT_MAX] = "max",
	[GRANT_ADMIN] = "admin",
	[GRANT_STALE] = "stale",
};

START_TEST(revoke_event)
{
	struct grant grant = a_grant((enum grant_reason)_i);
	char expected[256];

	audit_revoke(&audit, &grant, 75999);
	snprintf(expected, sizeof(expected),
		"revoke user=alice uid=1001 addr=203.0.113.5 port=60001 server=198.51.100.7 "
		"reason=%s duration=65 packets=12 bytes=3456",
		reasons[_i]);
	check_line(1001, LOG_INFO, expected);
}
END_TEST

START_TEST(revoke_of_unknown)
{
	struct grant grant = a_grant(GRANT_STALE);

	grant.is_counted = false;
	audit_revoke(&audit, &grant, 75999);
	check_line(1001, LOG_INFO,
		"revoke user=alice uid=1001 addr=203.0.113.5 port=60001 "
		"server=198.51.100.7 reason=stale duration=65");
	grant.label = (struct label){.uid = UINT32_MAX};
	audit_revoke(&audit, &grant, 75999);
	check_line(AUDIT_NOBODY, LOG_INFO,
		"revoke user=\"\" addr=203.0.113.5 port=60001 "
		"server=198.51.100.7 reason=stale");
}
END_TEST

static const struct {
	enum grant_denial_reason reason;
	const char *end;
} denials[] = {
	{DENIAL_NO_LOGIN, "reason=no-login"},
	{DENIAL_FAMILY, "reason=family"},
	{DENIAL_NO_ADDRESS, "reason=no-address"},
	{DENIAL_TAKEN, "reason=taken"},
	{DENIAL_LIMIT_USER, "name=grants-per-user value=256"},
	{DENIAL_LIMIT, "name=grants value=256"},
};

START_TEST(deny_event)
{
	struct grant_denial denial = {.reason = denials[_i].reason, 256, 1001, 60001, {0}, user};
	const char *event = strncmp(denials[_i].end, "name", 4) == 0 ? "limit" : "deny";
	char expected[256];

	denial.client = (struct address){4, {203, 0, 113, 5}};
	audit_deny(&audit, &denial, 1);
	snprintf(expected, sizeof(expected),
		"%s user=alice uid=1001 addr=203.0.113.5 port=60001 %s", event, denials[_i].end);
	check_line(1001, LOG_WARNING, expected);
	denial.client.family = 0;
	denial.user = (char[]){""};
	audit_deny(&audit, &denial, 734);
	snprintf(expected, sizeof(expected), "%s user=\"\" uid=1001 port=60001 %s count=734", event,
		denials[_i].end);
	check_line(1001, LOG_WARNING, expected);
}
END_TEST

START_TEST(nobody_listens)
{
	const struct audit silent = {0};

	audit_stop(&silent);
	ck_assert_str_eq(line, "stop");
	ck_assert_str_eq(fields, "MOSHGATE_EVENT=stop\n");
	ck_assert_str_eq(heard, "");
}
END_TEST

/* Names that would forge a field, a line or the end of quotes. */
static const char *const hostile[] = {
	"alice uid=0",
	"x\" uid=\"0",
	"\"",
	"\\",
	"x\\",
	"x\\\" uid=0",
	"x\nmoshgated[1]: grant user=root",
	"x\r\x1b[2Jgrant",
	"\xc3\xa9\xff\x80",
	"=",
	"%s%n%%",
	"\t",
};
#define LONG_NAMES 3 /* and 255 of a plain, a quoted and an escaped byte */

static void set_hostile(int i)
{
	static const char bytes[LONG_NAMES] = {'a', '"', '\xff'};
	size_t row = (size_t)i;

	memset(user, 0, sizeof(user));
	if (row < ARRAY_LEN(hostile))
		strcpy(user, hostile[row]);
	else
		memset(user, bytes[row - ARRAY_LEN(hostile)], 255);
	memcpy(auth, user, sizeof(auth));
}

START_TEST(hostile_names)
{
	struct login login;
	struct grant grant;
	struct grant_denial denial = {DENIAL_TAKEN, 0, 1001, 60001, {0}, user};
	const struct event *event;

	set_hostile(_i);
	login = a_login();
	grant = a_grant(GRANT_EXIT);
	audit_login(&audit, &login);
	event = parse();
	ck_assert_uint_eq(event->count, 6);
	ck_assert_str_eq(value_of(event, "user"), user);
	ck_assert_str_eq(value_of(event, "auth"), auth);
	audit_logout(&audit, &login, 75999);
	ck_assert_str_eq(value_of(parse(), "user"), user);
	audit_limit_logins(&audit, &login, 64, 1);
	ck_assert_str_eq(value_of(parse(), "user"), user);
	audit_deny(&audit, &denial, 1);
	ck_assert_str_eq(value_of(parse(), "user"), user);
	audit_grant(&audit, &grant);
	event = parse();
	ck_assert_str_eq(value_of(event, "user"), grant.label.user);
	ck_assert_str_eq(value_of(event, "auth"), grant.label.auth);
	audit_revoke(&audit, &grant, 75999);
	ck_assert_str_eq(value_of(parse(), "user"), grant.label.user);
}
END_TEST

CHECK_MAIN("audit", TEST(plain_events), TEST(nobody_listens), TEST(login_events), TEST(grant_event),
	LOOP(revoke_event, ARRAY_LEN(reasons)), TEST(revoke_of_unknown),
	LOOP(deny_event, ARRAY_LEN(denials)), LOOP(hostile_names, ARRAY_LEN(hostile) + LONG_NAMES))
