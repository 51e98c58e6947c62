/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel refuses, has from before, drops by itself, or had taken away. */
#include "check_policy.h"

#define ALICE  1000u
#define BOB    1001u
#define START  5000000u /* ms; some boot time */
#define CLIENT "203.0.113.5"
#define SERVER "198.51.100.7"

static struct policy policy;
static bool is_refusing_open, is_refusing_shut, is_refusing_ports;

static bool refuses(const struct change *change)
{
	return (change->kind == CHANGE_OPEN && is_refusing_open) ||
	       (change->kind == CHANGE_SHUT && is_refusing_shut) ||
	       (plan_is_port(change) && is_refusing_ports);
}

static void begin(void)
{
	policy_begin(&policy, START);
	policy.kernel.refuses = refuses;
	is_refusing_open = is_refusing_shut = is_refusing_ports = false;
}

static void finish(void)
{
	policy_finish(&policy);
}

static void settle(uint64_t now_ms)
{
	policy_settle(&policy, now_ms);
}

static struct server *add_server(uint64_t cookie, uint32_t uid, uint16_t port)
{
	return policy_add_server(&policy, cookie, uid, SERVER, port);
}

static void first(struct server *server, uint32_t uid, const char *client)
{
	const struct login login = policy_login(10, uid, client, SERVER);

	grant_first(policy.table, server, &login, policy.kernel.now_ms);
}

static void open_one(void)
{
	first(add_server(1, ALICE, 60001), ALICE, CLIENT);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
}

static struct grant *list(enum grant_state state)
{
	return policy.table->lists[state];
}

START_TEST(plan_tells_whose)
{
	struct label label;
	struct plan plan;

	begin();
	policy.config.gate.claim_s = 77;
	first(add_server(0xabc, ALICE, 60001), ALICE, CLIENT);
	plan_make(policy.table, START, &plan);
	ck_assert_int_eq(plan.changes[0].kind, CHANGE_OPEN);
	ck_assert_uint_eq(plan.changes[0].timeout_s, 77);
	ck_assert_int_eq(label_read(plan.changes[0].comment, &label), 0);
	ck_assert_uint_eq(label.uid, ALICE);
	ck_assert_uint_eq(label.cookie, 0xabc);
	ck_assert_uint_eq(label.since_ms, START);
	ck_assert_int_eq(label.via, LABEL_LOGIN);
	ck_assert_str_eq(label.user, "alice");
	ck_assert_str_eq(label.auth, "publickey");
	policy_apply(&policy.kernel, &plan);
	plan_commit(policy.table, &plan, START);
	plan_clear(&plan);
	finish();
}
END_TEST

/* The rule that grant.h tells of. */
START_TEST(grant_refused_by_kernel)
{
	begin();
	is_refusing_open = true;
	first(add_server(1, ALICE, 60001), ALICE, CLIENT);
	settle(START);
	ck_assert_ptr_null(list(GRANT_OPEN));
	ck_assert_uint_eq(plan_retry_ms(policy.table), START + PLAN_RETRY_MS);
	settle(START + PLAN_RETRY_MS - 1);
	ck_assert_uint_eq(policy.changes, 0);
	is_refusing_open = false;
	settle(START + PLAN_RETRY_MS);
	ck_assert_ptr_nonnull(list(GRANT_OPEN));
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_uint_eq(plan_retry_ms(policy.table), UINT64_MAX);
	finish();
}
END_TEST

START_TEST(plan_closing_refused)
{
	begin();
	open_one();
	is_refusing_shut = true;
	server_end(&policy.table->servers, 1);
	settle(START);
	ck_assert_uint_eq(policy.gone, 0);
	ck_assert_ptr_nonnull(list(GRANT_GOING));
	ck_assert_uint_eq(plan_retry_ms(policy.table), START + PLAN_RETRY_MS);
	settle(START + PLAN_RETRY_MS - 1);
	ck_assert_uint_eq(policy.changes, 0);
	is_refusing_shut = false;
	settle(START + PLAN_RETRY_MS);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.table->count, 0);
	ck_assert_uint_eq(plan_retry_ms(policy.table), UINT64_MAX);
	finish();
}
END_TEST

/* One is open and one not yet when their server ends. */
START_TEST(plan_ends_half_open)
{
	begin();
	open_one();
	is_refusing_open = true;
	first(server_find(&policy.table->servers, 1), ALICE, "203.0.113.9");
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	server_end(&policy.table->servers, 1);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.table->count, 0);
	ck_assert_ptr_null(policy.table->servers.servers);
	finish();
}
END_TEST

/* Its port's next owner is somebody else's server; both events before one plan. */
START_TEST(plan_port_reused)
{
	struct label label;

	begin();
	open_one();
	server_end(&policy.table->servers, 1);
	first(add_server(2, BOB, 60001), BOB, CLIENT);
	settle(START + 10);
	ck_assert_uint_eq(policy.denials, 0);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_int_eq(label_read(policy.kernel.items[0].comment, &label), 0);
	ck_assert_uint_eq(label.uid, BOB);
	ck_assert(policy.kernel.ports[60001]);
	ck_assert_uint_eq(policy.table->count, 1);
	finish();
}
END_TEST

/* While the kernel does not close, nobody gets anything of what was there before. */
START_TEST(plan_waits_for_closing)
{
	struct label label;

	begin();
	open_one();
	is_refusing_shut = true;
	server_end(&policy.table->servers, 1);
	settle(START);
	first(add_server(2, BOB, 60001), BOB, CLIENT);
	first(add_server(3, BOB, 60003), BOB, CLIENT);
	settle(START + 1);
	ck_assert_uint_eq(policy.kernel.count, 1);
	is_refusing_shut = false;
	settle(START + PLAN_RETRY_MS);
	ck_assert_uint_eq(policy.kernel.count, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(label_read(policy.kernel.items[i].comment, &label), 0);
		ck_assert_uint_eq(label.uid, BOB);
	}
	finish();
}
END_TEST

/* What the old one counts meanwhile is not the new one's. */
START_TEST(plan_waiting_counts_nothing)
{
	begin();
	open_one();
	is_refusing_shut = true;
	server_end(&policy.table->servers, 1);
	settle(START);
	first(add_server(2, BOB, 60001), BOB, CLIENT);
	policy.kernel.items[0].use.packets = 7;
	policy_sync(&policy.kernel, policy.table);
	ck_assert_uint_eq(list(GRANT_GOING)->use.packets, 7);
	ck_assert(!list(GRANT_WANTED)->is_counted);
	finish();
}
END_TEST

START_TEST(plan_settles)
{
	begin();
	open_one();
	settle(START);
	ck_assert_uint_eq(policy.changes, 0);
	policy_sync(&policy.kernel, policy.table);
	settle(START + 1);
	ck_assert_uint_eq(policy.changes, 0);
	ck_assert_uint_eq(policy.table->count, 1);
	finish();
}
END_TEST

/* What an earlier helper left in the kernel: its comment, and whether it is kept. The socket is
 * alice's (3e8), cookie 1, on port 60001. */
static const struct {
	const char *comment, *client;
	uint16_t port;
	enum grant_reason reason; /* of its end */
	bool is_kept;
} left[] = {
	{"1 u=3e8 c=1 s=5 v=l n=alice", CLIENT, 60001, GRANT_EXIT, true},
	{"1 u=3e8 c=1 s=5 v=r n=alice", CLIENT, 60001, GRANT_EXIT, true},
	{"1 u=3e8 c=2 s=5 v=l n=alice", CLIENT, 60001, GRANT_EXIT, false},
	{"1 u=3e9 c=1 s=5 v=l n=bob", CLIENT, 60001, GRANT_STALE, false},
	{"1 u=3e8 c=1 s=5 v=l n=alice", CLIENT, 60002, GRANT_STALE, false},
	{"1 u=3e8 c=1 s=5 v=l n=alice", "203.0.113.0", 60001, GRANT_EXIT, true},
	{"2 u=3e8 c=1 s=5 v=l n=alice", CLIENT, 60001, GRANT_STALE, false},
	{"hello", CLIENT, 60001, GRANT_STALE, false},
	{"", CLIENT, 60001, GRANT_STALE, false},
};

static void add_left(const char *comment, const char *client, uint16_t port)
{
	struct element *element = &policy.kernel.items[policy.kernel.count++];

	memset(element, 0, sizeof(*element));
	element->key.client = policy_address(client);
	element->key.server = policy_address(SERVER);
	element->key.port = port;
	element->use = (struct grant_use){3, 300, START + 80000000};
	strcpy(element->comment, comment);
}

static void see_one(void)
{
	struct udp_socket socket = policy_socket(1, ALICE, SERVER, 60001);
	const struct udp_sockets sockets = {&socket, 1, 1, NULL, NULL};

	server_see(&policy.table->servers, &sockets, START);
}

START_TEST(plan_adopts)
{
	begin();
	see_one();
	add_left(left[_i].comment, left[_i].client, left[_i].port);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, left[_i].is_kept);
	ck_assert_uint_eq(policy.table->count, left[_i].is_kept);
	ck_assert_int_eq(policy.kernel.ports[60001], left[_i].is_kept);
	if (left[_i].is_kept) {
		ck_assert_str_eq(list(GRANT_OPEN)->label.user, "alice");
		ck_assert_uint_eq(list(GRANT_OPEN)->use.packets, 3);
		server_end(&policy.table->servers, 1);
		settle(START + 1);
	}
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert_int_eq(policy.reason, left[_i].reason);
	ck_assert_uint_eq(policy.packets, 3);
	finish();
}
END_TEST

/* With roam = no the next helper knows, too, from where it was started. */
START_TEST(plan_adopts_home)
{
	const struct login login = policy_login(10, ALICE, CLIENT, SERVER);
	const struct login other = policy_login(11, ALICE, "203.0.113.77", SERVER);

	begin();
	policy.config.gate.is_roaming = false;
	see_one();
	add_left(left[_i].comment, CLIENT, 60001);
	policy_sync(&policy.kernel, policy.table);
	policy.kernel.count = 0;
	policy.kernel.now_ms = START + 80000000;
	policy_sync(&policy.kernel, policy.table);
	settle(policy.kernel.now_ms);
	grant_roam(policy.table, &other, policy.kernel.now_ms);
	settle(policy.kernel.now_ms);
	ck_assert_uint_eq(policy.kernel.count, 0);
	grant_roam(policy.table, &login, policy.kernel.now_ms);
	settle(policy.kernel.now_ms);
	ck_assert_uint_eq(policy.kernel.count, 1);
	finish();
}
END_TEST

/* What it counted since the last comparison is not lost. */
START_TEST(plan_last_counters)
{
	begin();
	open_one();
	policy.kernel.items[0].use.packets = 5;
	server_end(&policy.table->servers, 1);
	settle(START);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert_uint_eq(policy.packets, 5);
	finish();
}
END_TEST

/* The prefix is shorter now: no packet would find that element, and another is no one's. */
START_TEST(plan_adopts_no_other_prefix)
{
	begin();
	policy.config.gate.prefix4 = 24;
	see_one();
	add_left(left[0].comment, CLIENT, 60001);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	finish();
}
END_TEST

static void assert_not_adopted(void)
{
	add_left(left[0].comment, CLIENT, 60001);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_int_eq(policy.reason, GRANT_STALE);
}

/* Of a socket that is bound to any address, where another user's has come to be. */
START_TEST(plan_adopts_no_shadowed)
{
	begin();
	policy_add_server(&policy, 1, ALICE, "0.0.0.0", 60001);
	policy_add_server(&policy, 2, ALICE + 1, SERVER, 60001);
	assert_not_adopted();
	finish();
}
END_TEST

/* Of a socket that has left its interface, on which another user's is. */
START_TEST(plan_adopts_none_beside)
{
	begin();
	policy_add_server(&policy, 1, ALICE, SERVER, 60001);
	policy_add_server(&policy, 2, ALICE + 1, SERVER, 60001);
	server_find(&policy.table->servers, 2)->socket.interface = 2;
	assert_not_adopted();
	finish();
}
END_TEST

/* Of a socket that ended before anybody looked. */
START_TEST(plan_adopts_no_dead)
{
	begin();
	open_one();
	server_end(&policy.table->servers, 1);
	add_left("1 u=3e8 c=1 s=5 v=r n=alice", "203.0.113.9", 60001);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.gone, 2);
	finish();
}
END_TEST

static const struct {
	uint64_t packets;
	bool is_gone;
	enum grant_reason reason;
} lapses[] = {
	{0, false, GRANT_UNCLAIMED},
	{5, false, GRANT_IDLE},
	{5, true, GRANT_EXIT},
	{0, true, GRANT_EXIT},
};

/* When its time is over and it is not there. */
START_TEST(plan_lapses)
{
	uint64_t now_ms = START + 200000;

	begin();
	open_one();
	policy.kernel.items[0].use.packets = lapses[_i].packets;
	policy.kernel.items[0].use.expires_ms = now_ms;
	policy_sync(&policy.kernel, policy.table);
	if (lapses[_i].is_gone)
		server_end(&policy.table->servers, 1);
	policy.kernel.count = 0;
	policy.kernel.now_ms = now_ms;
	policy_sync(&policy.kernel, policy.table);
	settle(now_ms);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert_int_eq(policy.reason, lapses[_i].reason);
	ck_assert_uint_eq(policy.packets, lapses[_i].packets);
	ck_assert_uint_eq(policy.table->count, 0);
	ck_assert_int_eq(policy.kernel.ports[60001], !lapses[_i].is_gone);
	settle(now_ms);
	ck_assert_uint_eq(policy.changes, 0);
	finish();
}
END_TEST

/* The end of one is told before that of the same address and port opens anew: whoever reads the
 * audit takes the last line for what holds. */
START_TEST(plan_lapses_before_opening)
{
	uint64_t now_ms = START + 200000;
	struct plan plan;

	begin();
	open_one();
	policy.kernel.count = 0;
	policy.kernel.now_ms = now_ms;
	policy_sync(&policy.kernel, policy.table);
	first(server_find(&policy.table->servers, 1), ALICE, CLIENT);
	plan_make(policy.table, now_ms, &plan);
	ck_assert_uint_eq(plan.count, 2);
	ck_assert_int_eq(plan.changes[0].kind, CHANGE_LAPSED);
	ck_assert_int_eq(plan.changes[1].kind, CHANGE_OPEN);
	plan_commit(policy.table, &plan, now_ms);
	plan_clear(&plan);
	finish();
}
END_TEST

/* Not there before its time: somebody took it away. It comes back with the time that it had. */
START_TEST(plan_restores)
{
	begin();
	open_one();
	policy.kernel.items[0].use = (struct grant_use){5, 500, START + 90500};
	policy_sync(&policy.kernel, policy.table);
	policy.kernel.count = 0;
	policy.kernel.now_ms = START + 1000;
	policy_sync(&policy.kernel, policy.table);
	settle(START + 1000);
	ck_assert_uint_eq(policy.gone, 0);
	ck_assert_uint_eq(policy.kernel.count, 1);
	/* Whole seconds, rounded up. */
	ck_assert_uint_eq(policy.kernel.items[0].use.expires_ms, START + 1000 + 90000);
	policy.kernel.items[0].use.packets = 2;
	policy_sync(&policy.kernel, policy.table);
	ck_assert_uint_eq(list(GRANT_OPEN)->use.packets, 7);
	server_end(&policy.table->servers, 1);
	settle(START + 2000);
	ck_assert_uint_eq(policy.packets, 7);
	finish();
}
END_TEST

/* What somebody made of the element, and how long it has when it is ours again: as long as it had,
 * or idle if that is not known. */
static const struct {
	const char *comment; /* null: as it was */
	struct grant_use use;
	uint64_t expires_ms;
	uint64_t packets; /* that it has counted in all */
	bool is_known;    /* the last comparison knew it */
} altered[] = {
	{NULL, {6, 600, UINT64_MAX}, START + 90000, 6, true},
	{NULL, {1, 100, UINT64_MAX}, START + 90000, 6, true},
	{"", {1, 100, START + 1000}, START + 90000, 6, true},
	{"", {0, 0, UINT64_MAX}, START + 90000, 5, true},
	{"hello", {0, 0, UINT64_MAX}, START + 90000, 5, true},
	{"1 u=3e8 c=2 s=4c4b40 v=l n=alice", {0, 0, START + 1000}, START + 90000, 5, true},
	{NULL, {6, 600, UINT64_MAX}, START + 7000, 6, false},
};

START_TEST(plan_mends_altered)
{
	struct element *element = &policy.kernel.items[0];
	char comment[LABEL_TEXT_SIZE];

	begin();
	policy.config.gate.idle_s = 7;
	open_one();
	strcpy(comment, element->comment);
	element->use = (struct grant_use){5, 500, altered[_i].is_known ? START + 90000 : START};
	policy_sync(&policy.kernel, policy.table);
	element->use = altered[_i].use;
	if (altered[_i].comment)
		strcpy(element->comment, altered[_i].comment);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.gone, 0);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_str_eq(element->comment, comment);
	ck_assert_uint_eq(element->use.expires_ms, altered[_i].expires_ms);
	ck_assert_uint_eq(list(GRANT_OPEN)->use.packets, altered[_i].packets);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.changes, 0);
	finish();
}
END_TEST

/* Looked at again before the kernel takes it back, it still has the time that it had. */
START_TEST(plan_mends_altered_later)
{
	struct element *element = &policy.kernel.items[0];

	begin();
	open_one();
	element->use.expires_ms = UINT64_MAX;
	for (int look = 0; look < 2; look++)
		policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(
		element->use.expires_ms, START + 1000 * (uint64_t)policy.config.gate.claim_s);
	finish();
}
END_TEST

/* One without an end is ours by its comment alone, and gets one. And one that a later version wrote
 * is let be: it says the same. */
START_TEST(plan_adopts_altered)
{
	begin();
	see_one();
	add_left(_i ? "1 u=3e8 c=1 s=5 v=l n=alice x=y" : left[0].comment, CLIENT, 60001);
	if (_i == 0)
		policy.kernel.items[0].use.expires_ms = UINT64_MAX;
	policy_sync(&policy.kernel, policy.table);
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_uint_eq(policy.kernel.items[0].use.expires_ms,
		START + (_i ? 80000000 : 1000 * (uint64_t)policy.config.gate.idle_s));
	ck_assert_str_eq(policy.kernel.items[0].comment,
		_i ? "1 u=3e8 c=1 s=5 v=l n=alice x=y" : left[0].comment);
	finish();
}
END_TEST

/* Taken away after somebody had taken its end away: how long it had is not known any more. */
START_TEST(plan_restores_without_end)
{
	const struct grant_use endless = {5, 500, UINT64_MAX};

	begin();
	open_one();
	grant_update(policy.table, list(GRANT_OPEN), &endless, START);
	policy.kernel.count = 0;
	policy_sync(&policy.kernel, policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.items[0].use.expires_ms,
		START + 1000 * (uint64_t)policy.config.gate.idle_s);
	finish();
}
END_TEST

/* Lost, and then its server ends before it is back. */
START_TEST(plan_does_not_restore_the_dead)
{
	begin();
	open_one();
	policy.kernel.count = 0;
	policy_sync(&policy.kernel, policy.table);
	server_end(&policy.table->servers, 1);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert_int_eq(policy.reason, GRANT_EXIT);
	finish();
}
END_TEST

/* Only while a socket that is a mosh-server's is there, and once for two of them. */
START_TEST(plan_port_set)
{
	begin();
	add_server(1, ALICE, 60001);
	policy_add_server(&policy, 2, BOB, "198.51.100.8", 60001);
	add_server(3, BOB, 60003)->role = SERVER_FOREIGN;
	settle(START);
	ck_assert_uint_eq(policy.changes, 1);
	ck_assert(policy.kernel.ports[60001]);
	ck_assert(!policy.kernel.ports[60003]);
	server_end(&policy.table->servers, 1);
	settle(START);
	ck_assert(policy.kernel.ports[60001]);
	server_end(&policy.table->servers, 2);
	settle(START);
	ck_assert(!policy.kernel.ports[60001]);
	finish();
}
END_TEST

START_TEST(plan_port_refused)
{
	begin();
	is_refusing_ports = true;
	add_server(1, ALICE, 60001);
	settle(START);
	ck_assert(!policy.kernel.ports[60001]);
	is_refusing_ports = false;
	settle(START);
	ck_assert(policy.kernel.ports[60001]);
	finish();
}
END_TEST

/* The guard was made anew: the ports are not there, and what was refused is tried at once. */
START_TEST(plan_starts_anew)
{
	begin();
	is_refusing_open = true;
	first(add_server(1, ALICE, 60001), ALICE, CLIENT);
	settle(START);
	is_refusing_open = false;
	memset(policy.kernel.ports, 0, sizeof(policy.kernel.ports));
	plan_start_anew(policy.table);
	settle(START);
	ck_assert(policy.kernel.ports[60001]);
	ck_assert_uint_eq(policy.kernel.count, 1);
	finish();
}
END_TEST

/* Its clients get in as to any other, but it closes its port to no reply. */
START_TEST(plan_loopback)
{
	const char *own = _i ? "::1" : "127.0.0.2";

	begin();
	first(policy_add_server(&policy, 1, ALICE, own, 60001), ALICE, own);
	settle(START);
	ck_assert(policy_has(&policy.kernel, own, own, 60001));
	ck_assert(!policy.kernel.ports[60001]);
	finish();
}
END_TEST

CHECK_MAIN("plan", TEST(plan_tells_whose), TEST(grant_refused_by_kernel),
	TEST(plan_closing_refused), TEST(plan_ends_half_open), TEST(plan_port_reused),
	TEST(plan_waits_for_closing), TEST(plan_waiting_counts_nothing), TEST(plan_settles),
	LOOP(plan_adopts, ARRAY_LEN(left)), LOOP(plan_adopts_home, 2), TEST(plan_last_counters),
	LOOP(plan_adopts_home, 2), TEST(plan_last_counters), TEST(plan_adopts_no_other_prefix),
	TEST(plan_adopts_no_dead), TEST(plan_adopts_no_shadowed), TEST(plan_adopts_none_beside),
	LOOP(plan_lapses, ARRAY_LEN(lapses)), TEST(plan_lapses_before_opening), TEST(plan_restores),
	LOOP(plan_mends_altered, ARRAY_LEN(altered)), TEST(plan_mends_altered_later),
	LOOP(plan_adopts_altered, 2), TEST(plan_restores_without_end),
	TEST(plan_does_not_restore_the_dead), TEST(plan_port_set), LOOP(plan_loopback, 2),
	TEST(plan_port_refused), TEST(plan_starts_anew))
