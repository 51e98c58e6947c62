/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <jansson.h>

#include "check_main.h"
#include "clock.h"
#include "report.h"

#define ALICE 1001u
#define BOB   1002u

static struct config config;
static struct grant_table *grants;
static struct login_table *logins;

static void begin(void)
{
	config_defaults(&config);
	grants = grant_table_new(&config);
	logins = login_table_new();
}

/* The grants are the tests' own. */
static void end(void)
{
	grants->lists[GRANT_OPEN] = NULL;
	grant_table_free(grants);
	login_table_free(logins);
}

static void open_grant(struct grant *grant, const char *user, uint32_t uid)
{
	*grant = (struct grant){.key = {{4, {203, 0, 113, 5}}, {4, {198, 51, 100, 7}}, 60001},
		.label = {.uid = uid, .cookie = 7, .since_ms = 1, .via = LABEL_ROAM},
		.state = GRANT_OPEN,
		.use = {12, 3456, clock_boot_ms() + 3600 * 1000},
		.seen_ms = clock_boot_ms(),
		.is_counted = true};
	label_set_user(&grant->label, user);
	label_set_auth(&grant->label, "publickey ED25519 SHA256:Ab+/");
	DL_APPEND(grants->lists[GRANT_OPEN], grant);
}

static void add_login(pid_t pid, char *user, uint32_t uid, uint8_t server_family)
{
	const struct login from = {.pid = pid,
		.uid = uid,
		.client = {6, {0x20, 1, 0xd, 0xb8, [15] = 1}},
		.server = {server_family, {0}},
		.since_ms = 1,
		.user = user,
		.auth = (char[]){"password"}};
	struct login *added;

	ck_assert_int_eq(login_add(logins, &from, 9, &added), 0);
}

/* Takes over text. */
static json_t *parsed(char *text)
{
	json_error_t error;
	json_t *json;

	ck_assert_ptr_null(strchr(text, '\n'));
	json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(json != NULL, "%s: %s", error.text, text);
	free(text);
	return json;
}

static void check_text(json_t *object, const char *key, const char *expected)
{
	ck_assert_pstr_eq(json_string_value(json_object_get(object, key)), expected);
}

static void check_number(json_t *object, const char *key, json_int_t expected)
{
	ck_assert(json_is_integer(json_object_get(object, key)));
	ck_assert_int_eq(json_integer_value(json_object_get(object, key)), expected);
}

/* RFC 3339 in UTC, and at most so many seconds from now; the boot is the tests' only other time. */
static void check_time(json_t *object, const char *key, time_t wall, time_t tolerance)
{
	const char *text = json_string_value(json_object_get(object, key));
	struct tm utc = {0};
	const char *end_of_text;

	ck_assert_ptr_nonnull(text);
	end_of_text = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	ck_assert_ptr_nonnull(end_of_text);
	ck_assert_str_eq(end_of_text, "");
	ck_assert_int_le(labs((long)(timegm(&utc) - wall)), tolerance);
}

static time_t boot_time(void)
{
	return time(NULL) - (time_t)(clock_boot_ms() / 1000);
}

START_TEST(grant_fields)
{
	struct grant grant;
	json_t *list, *object, *expires;

	begin();
	open_grant(&grant, "alice", ALICE);
	list = parsed(report_grants(grants, 0));
	ck_assert_uint_eq(json_array_size(list), 1);
	object = json_array_get(list, 0);
	ck_assert_uint_eq(json_object_size(object), 12);
	check_text(object, "user", "alice");
	check_number(object, "uid", ALICE);
	check_text(object, "addr", "203.0.113.5");
	check_text(object, "server", "198.51.100.7");
	check_number(object, "port", 60001);
	check_text(object, "via", "roam");
	check_time(object, "since", boot_time(), 2);
	check_time(object, "last_seen", time(NULL), 2);
	expires = json_object_get(object, "expires_in");
	ck_assert(json_is_integer(expires));
	ck_assert_int_ge(json_integer_value(expires), 3590);
	ck_assert_int_le(json_integer_value(expires), 3600);
	check_number(object, "packets", 12);
	check_number(object, "bytes", 3456);
	check_text(object, "auth", "publickey ED25519 SHA256:Ab+/");
	json_decref(list);
	end();
}
END_TEST

static json_t *first_grant(json_t **list)
{
	*list = parsed(report_grants(grants, 0));
	return json_array_get(*list, 0);
}

START_TEST(unknown_times_are_null)
{
	struct grant grant;
	json_t *list, *object;

	begin();
	open_grant(&grant, "alice", ALICE);
	grant.seen_ms = grant.label.since_ms = 0;
	grant.use.expires_ms = UINT64_MAX;
	object = first_grant(&list);
	ck_assert(json_is_null(json_object_get(object, "since")));
	ck_assert(json_is_null(json_object_get(object, "last_seen")));
	ck_assert(json_is_null(json_object_get(object, "expires_in")));
	json_decref(list);
	grant.use.expires_ms = 1; /* it should be gone by now */
	object = first_grant(&list);
	check_number(object, "expires_in", 0);
	json_decref(list);
	grant.is_counted = false;
	object = first_grant(&list);
	ck_assert(json_is_null(json_object_get(object, "expires_in")));
	json_decref(list);
	end();
}
END_TEST

START_TEST(login_fields)
{
	json_t *list, *object;

	begin();
	add_login(4242, (char[]){"alice"}, ALICE, 0);
	list = parsed(report_logins(logins, 0));
	ck_assert_uint_eq(json_array_size(list), 1);
	object = json_array_get(list, 0);
	ck_assert_uint_eq(json_object_size(object), 7);
	check_text(object, "user", "alice");
	check_number(object, "uid", ALICE);
	check_text(object, "addr", "2001:db8::1");
	ck_assert(json_is_null(json_object_get(object, "server")));
	check_number(object, "pid", 4242);
	check_time(object, "since", boot_time(), 2);
	check_text(object, "auth", "password");
	json_decref(list);
	add_login(4243, (char[]){"alice"}, ALICE, 6);
	list = parsed(report_logins(logins, 0));
	ck_assert_uint_eq(json_array_size(list), 2);
	check_text(json_array_get(list, 1), "server", "::");
	json_decref(list);
	end();
}
END_TEST

static const struct {
	uint32_t uid;
	size_t seen;
} viewers[] = {{0, 3}, {ALICE, 2}, {BOB, 1}, {ALICE + 100, 0}, {UINT32_MAX, 0}};

START_TEST(own_only)
{
	struct grant items[3];
	json_t *list;
	size_t i;

	begin();
	open_grant(&items[0], "alice", ALICE);
	open_grant(&items[1], "bob", BOB);
	open_grant(&items[2], "alice", ALICE);
	add_login(1, (char[]){"alice"}, ALICE, 0);
	add_login(2, (char[]){"bob"}, BOB, 0);
	add_login(3, (char[]){"alice"}, ALICE, 0);
	for (int kind = 0; kind < 2; kind++) {
		json_t *object;

		list = parsed(kind == 0 ? report_grants(grants, viewers[_i].uid)
					: report_logins(logins, viewers[_i].uid));
		ck_assert(json_is_array(list));
		ck_assert_uint_eq(json_array_size(list), viewers[_i].seen);
		json_array_foreach(list, i, object)
		{
			if (viewers[_i].uid != 0)
				check_number(object, "uid", viewers[_i].uid);
		}
		json_decref(list);
	}
	end();
}
END_TEST

static const struct {
	const char *name, *reported;
} hostile[] = {
	{"\"},{\"uid\":0,\"x\":\"", "\"},{\"uid\":0,\"x\":\""},
	{"a\\b", "a\\b"},
	{"a\nb\x1b[2J\x7f", "a\nb\x1b[2J\x7f"},
	{"\xc3\xa9", "\xc3\xa9"},
	{"\xff\"", "\"\\xff\\\"\""}, /* no UTF-8: quoted as in the audit */
	{"", ""},
};

START_TEST(hostile_names)
{
	char name[64];
	struct grant grant;
	json_t *list, *object;

	begin();
	strcpy(name, hostile[_i].name);
	open_grant(&grant, name, ALICE);
	label_set_auth(&grant.label, name);
	add_login(1, name, ALICE, 0);
	object = first_grant(&list);
	ck_assert_uint_eq(json_object_size(object), 12);
	check_text(object, "user", hostile[_i].reported);
	check_text(object, "auth", hostile[_i].reported);
	json_decref(list);
	list = parsed(report_logins(logins, ALICE));
	check_text(json_array_get(list, 0), "user", hostile[_i].reported);
	json_decref(list);
	object = parsed(report_text("name", name));
	check_text(object, "name", hostile[_i].reported);
	json_decref(object);
	end();
}
END_TEST

static void add_server(struct server *server, uint64_t cookie, enum server_role role, bool is_gone)
{
	struct server *servers = grants->servers.servers;

	*server = (struct server){.socket.cookie = cookie, .role = role, .is_gone = is_gone};
	HASH_ADD(hh, servers, socket.cookie, sizeof(server->socket.cookie), server);
	grants->servers.servers = servers;
}

START_TEST(status_fields)
{
	struct server servers[4];
	json_t *object;

	begin();
	add_login(1, (char[]){"alice"}, ALICE, 0);
	add_login(2, (char[]){"bob"}, BOB, 0);
	add_server(&servers[0], 1, SERVER_OWNED, false);
	add_server(&servers[1], 2, SERVER_OWNED, true);
	add_server(&servers[2], 3, SERVER_CANDIDATE, false);
	add_server(&servers[3], 4, SERVER_FOREIGN, false);
	grants->count = 5;
	object = parsed(report_status(grants, logins, 1));
	check_text(object, "version", VERSION);
	check_time(object, "since", boot_time(), 2);
	check_text(object, "table", "moshgate");
	check_number(object, "first_port", 60000);
	check_number(object, "last_port", 61000);
	check_number(object, "logins", 2);
	check_number(object, "servers", 1);
	check_number(object, "grants", 5);
	json_decref(object);
	HASH_CLEAR(hh, grants->servers.servers);
	end();
}
END_TEST

START_TEST(single_values)
{
	json_t *object = parsed(report_number("revoked", 3));

	ck_assert_uint_eq(json_object_size(object), 1);
	check_number(object, "revoked", 3);
	json_decref(object);
	object = parsed(report_text("line", "a b"));
	ck_assert_uint_eq(json_object_size(object), 1);
	check_text(object, "line", "a b");
	json_decref(object);
}
END_TEST

CHECK_MAIN("report", TEST(grant_fields), TEST(unknown_times_are_null), TEST(login_fields),
	LOOP(own_only, ARRAY_LEN(viewers)), LOOP(hostile_names, ARRAY_LEN(hostile)),
	TEST(status_fields), TEST(single_values))
