/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "check_main.h"
#include "clock.h"
#include "pending.h"
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
		.use = {12, 3456, clock_awake_ms() + 3600 * 1000},
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

/* Alice's server, and that client of it. */
static void check_whose(json_t *object, const char *client)
{
	check_text(object, "user", "alice");
	check_number(object, "uid", ALICE);
	check_text(object, "addr", client);
	check_text(object, "server", "198.51.100.7");
	check_number(object, "port", 60001);
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
	check_whose(object, "203.0.113.5");
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

START_TEST(pending_fields)
{
	struct server server = {.socket = {.address = {4, {198, 51, 100, 7}},
					.port = 60001,
					.uid = ALICE,
					.cookie = 1},
		.role = SERVER_OWNED,
		.user = (char[]){"alice"}};
	struct element knock = {.key = {{4, {203, 0, 113, 6}}, {4, {198, 51, 100, 7}}, 60001},
		.use = {4, 400, clock_awake_ms() + PENDING_KEEP_S * 1000}};
	const struct elements knocked = {&knock, 1, 1};
	json_t *list, *object;

	begin();
	HASH_ADD(hh, grants->servers.servers, socket.cookie, sizeof(server.socket.cookie), &server);
	list = parsed(report_pending(grants, &knocked, BOB));
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
	list = parsed(report_pending(grants, &knocked, ALICE));
	ck_assert_uint_eq(json_array_size(list), 1);
	object = json_array_get(list, 0);
	ck_assert_uint_eq(json_object_size(object), 8);
	check_whose(object, "203.0.113.6");
	check_time(object, "last_seen", time(NULL), 2);
	check_number(object, "packets", 4);
	check_number(object, "bytes", 400);
	json_decref(list);
	HASH_DEL(grants->servers.servers, &server);
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

	*server = (struct server){
		.socket = {.cookie = cookie, .uid = ALICE}, .role = role, .is_gone = is_gone};
	HASH_ADD(hh, servers, socket.cookie, sizeof(server->socket.cookie), server);
	grants->servers.servers = servers;
}

static const struct totals totals = {
	.logins = 11,
	.refused_logins = 12,
	.opened = {[LABEL_LOGIN] = 13, [LABEL_ROAM] = 14, [LABEL_ALLOW] = 19},
	.revoked = {[GRANT_IDLE] = 15},
	.denied = {[DENIAL_LIMIT_USER] = 16},
	.transactions = 17,
	.refused_transactions = 18,
};

static const struct drops *drops;

static json_t *status_of(uint32_t uid)
{
	const struct report_status status = {
		.grants = grants,
		.logins = logins,
		.totals = &totals,
		.drops = drops,
		.started_ms = 1,
		.guard_ms = 1,
		.restored = 6,
		.refused = 7,
	};

	return parsed(report_status(&status, uid));
}

/* An array of so many objects, and the count of the one with that name. */
static void check_count(json_t *object, const char *array, size_t size, const char *key,
	const char *name, json_int_t expected)
{
	json_t *item;
	size_t i, found = 0;

	ck_assert_uint_eq(json_array_size(json_object_get(object, array)), size);
	json_array_foreach(json_object_get(object, array), i, item)
	{
		ck_assert_uint_eq(json_object_size(item), 2);
		ck_assert_ptr_nonnull(json_object_get(item, key));
		if (strcmp(json_string_value(json_object_get(item, key)), name) != 0)
			continue;
		check_number(item, "count", expected);
		found++;
	}
	ck_assert_uint_eq(found, 1);
}

START_TEST(status_totals)
{
	struct grant items[6];
	json_t *object;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		open_grant(&items[i], "alice", ALICE);
	items[0].label.via = LABEL_LOGIN;
	for (size_t i = 3; i < ARRAY_LEN(items); i++)
		items[i].label.via = LABEL_ALLOW;
	object = status_of(0);
	check_time(object, "guard_since", boot_time(), 2);
	check_number(object, "restored", 6);
	check_number(object, "most_grants", 65535);
	check_count(object, "open", 3, "via", "login", 1);
	check_count(object, "open", 3, "via", "roam", 2);
	check_count(object, "open", 3, "via", "allow", 3);
	check_number(object, "all_logins", 11);
	check_number(object, "refused_logins", 12);
	check_count(object, "opened", 3, "via", "login", 13);
	check_count(object, "opened", 3, "via", "roam", 14);
	check_count(object, "opened", 3, "via", "allow", 19);
	check_count(object, "revoked", 6, "reason", "idle", 15);
	check_count(object, "revoked", 6, "reason", "stale", 0);
	check_count(object, "denied", 6, "reason", "grants-per-user", 16);
	check_count(object, "denied", 6, "reason", "no-login", 0);
	check_number(object, "transactions", 17);
	check_number(object, "refused_transactions", 18);
	json_decref(object);
	end();
}
END_TEST

START_TEST(status_drops)
{
	const struct drops some = {{1, 2}, {3, 4}};
	json_t *object, *item;

	begin();
	object = status_of(0);
	ck_assert(json_is_null(json_object_get(object, "dropped")));
	json_decref(object);
	drops = &some;
	object = status_of(0);
	item = json_array_get(json_object_get(object, "dropped"), 0);
	check_text(item, "to", "servers");
	check_number(item, "packets", 1);
	check_number(item, "bytes", 2);
	item = json_array_get(json_object_get(object, "dropped"), 1);
	check_text(item, "to", "others");
	check_number(item, "packets", 3);
	check_number(item, "bytes", 4);
	json_decref(object);
	end();
}
END_TEST

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
	object = status_of(0);
	check_text(object, "version", VERSION);
	check_time(object, "since", boot_time(), 2);
	check_text(object, "table", "moshgate");
	check_number(object, "first_port", 60000);
	check_number(object, "last_port", 61000);
	check_number(object, "logins", 2);
	check_number(object, "servers", 1);
	check_number(object, "grants", 5);
	check_number(object, "refused", 7);
	json_decref(object);
	HASH_CLEAR(hh, grants->servers.servers);
	end();
}
END_TEST

static struct hostcheck host;
static struct denied denied;
static struct past past;

/* Of alice and of bob a server, a denial and an end; the servers are the test's. */
static void make_history(struct server *servers)
{
	const struct address client = {4, {203, 0, 113, 5}};
	struct login login = {.client = client, .since_ms = 1, .user = (char[]){"alice"}};
	uint64_t count;

	for (uint32_t i = 0; i < 2; i++) {
		const struct grant_denial denial = {
			.reason = DENIAL_TAKEN, .uid = ALICE + i, .port = 60002};

		add_server(&servers[i], i + 1, SERVER_OWNED, false);
		servers[i].socket.uid = login.uid = ALICE + i;
		servers[i].socket.port = 60001;
		servers[i].socket.address = client;
		denied_count(&denied, &denial, 1, &count);
		past_add_login(&past, PAST_LOGOUT, &login, 1);
	}
	host.obstacles[0] =
		(struct hostcheck_obstacle){"inet", "filter", "input", {"c", 7}, {"", 0}};
	host.obstacles[1] =
		(struct hostcheck_obstacle){"ip", "filter", "INPUT", {"", 0}, {"trust", 8}};
	host.count = 2;
}

static json_t *diagnosis(uint32_t uid, const struct hostcheck *seen)
{
	const struct report_diagnosis all = {
		.grants = grants,
		.denied = &denied,
		.past = &past,
		.host = seen,
		.started_ms = 1,
		.guard_ms = 1,
		.restored = 2,
		.is_guarded = true,
		.is_blind = true,
		.is_unwatched = {seen != NULL, true},
	};

	return parsed(report_diagnosis(&all, uid));
}

static json_t *only(json_t *object, const char *key, size_t count)
{
	json_t *array = json_object_get(object, key);

	ck_assert_uint_eq(json_array_size(array), count);
	return json_array_get(array, 0);
}

START_TEST(diagnosis_fields)
{
	struct server servers[2];
	json_t *object;

	begin();
	make_history(servers);
	object = diagnosis(0, &host);
	check_text(object, "version", VERSION);
	check_time(object, "since", boot_time(), 2);
	check_time(object, "guard_since", boot_time(), 2);
	check_number(object, "restored", 2);
	check_number(object, "prefix4", 32);
	ck_assert(json_is_true(json_object_get(object, "guard")));
	ck_assert(json_is_true(json_object_get(object, "blind")));
	ck_assert(json_is_true(json_object_get(object, "conntrack")));
	ck_assert(json_is_false(json_object_get(object, "ephemeral")));
	ck_assert(json_is_null(json_object_get(object, "restored_last")));
	ck_assert_str_eq(json_string_value(only(object, "paths", 1)), "/usr/bin/mosh-server");
	ck_assert_str_eq(json_string_value(only(object, "unwatched", 1)), "/usr/bin/mosh-server");
	check_text(only(object, "obstacles", 1), "chain", "input");
	check_number(json_object_get(only(object, "obstacles", 1), "by"), "handle", 7);
	check_text(json_object_get(only(object, "obstacles", 1), "by"), "chain", "c");
	check_text(only(object, "suspects", 1), "family", "ip");
	check_number(json_object_get(only(object, "suspects", 1), "unless"), "handle", 8);
	check_number(object, "accept_mark", 0);
	check_number(only(object, "servers", 2), "port", 60001);
	check_text(only(object, "denied", 2), "reason", "taken");
	check_text(only(object, "ended", 2), "reason", "logout");
	check_text(only(object, "ended", 2), "addr", "203.0.113.5");
	json_decref(object);
	host.error = -EIO;
	object = diagnosis(0, &host);
	ck_assert(json_is_null(json_object_get(object, "obstacles")));
	ck_assert(json_is_null(json_object_get(object, "suspects")));
	json_decref(object);
	HASH_CLEAR(hh, grants->servers.servers);
	denied_clear(&denied);
	past_clear(&past);
	end();
}
END_TEST

START_TEST(diagnosis_own_only)
{
	static const char *const lists[] = {"servers", "denied", "ended"};
	struct server servers[2];
	json_t *object;

	begin();
	make_history(servers);
	object = diagnosis(BOB, NULL);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		check_number(only(object, lists[i], 1), "uid", BOB);
	ck_assert(json_is_null(json_object_get(object, "obstacles")));
	ck_assert(json_is_null(json_object_get(object, "ephemeral")));
	json_decref(object);
	object = diagnosis(BOB + 100, NULL);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		only(object, lists[i], 0);
	json_decref(object);
	HASH_CLEAR(hh, grants->servers.servers);
	denied_clear(&denied);
	past_clear(&past);
	end();
}
END_TEST

static const struct {
	uint32_t uid;
	json_int_t logins, servers, grants;
} statuses[] = {{ALICE, 2, 1, 3}, {BOB, 1, 0, 0}, {ALICE + 100, 0, 0, 0}, {UINT32_MAX, 0, 0, 0}};

/* How busy the others are is theirs. */
START_TEST(status_of_user)
{
	struct server servers[2];
	json_t *object;

	begin();
	add_login(1, (char[]){"alice"}, ALICE, 0);
	add_login(2, (char[]){"bob"}, BOB, 0);
	add_login(3, (char[]){"alice"}, ALICE, 0);
	add_server(&servers[0], 1, SERVER_OWNED, false);
	add_server(&servers[1], 2, SERVER_OWNED, true);
	grants->count = 5;
	tally_add(&grants->per_uid, ALICE, 0, 3);
	object = status_of(statuses[_i].uid);
	check_text(object, "version", VERSION);
	check_number(object, "first_port", 60000);
	check_number(object, "logins", statuses[_i].logins);
	check_number(object, "servers", statuses[_i].servers);
	check_number(object, "grants", statuses[_i].grants);
	ck_assert_uint_eq(json_object_size(object), 8);
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

CHECK_MAIN("report", TEST(grant_fields), TEST(pending_fields), TEST(unknown_times_are_null),
	TEST(login_fields), LOOP(own_only, ARRAY_LEN(viewers)),
	LOOP(hostile_names, ARRAY_LEN(hostile)), TEST(status_fields), TEST(status_totals),
	TEST(status_drops), LOOP(status_of_user, ARRAY_LEN(statuses)), TEST(diagnosis_fields),
	TEST(diagnosis_own_only), TEST(single_values))
