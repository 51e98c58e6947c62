/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_policy.h"

#define ALICE  1000u
#define BOB    1001u
#define START  50000u /* ms; some boot time */
#define CLIENT "203.0.113.5"
#define SERVER "198.51.100.7"

/* What a settle() came to. */
struct outcome {
	size_t changes, denials;
	size_t gone; /* grants that ended */
	enum grant_reason reason;
	enum grant_denial_reason denial;
};

static struct config config;
static struct grant_table *table;
static struct policy_kernel kernel;
static struct outcome outcome;
static bool is_refusing_open, is_refusing_shut, is_refusing_ports;

static bool refuses(const struct change *change)
{
	return (change->kind == CHANGE_OPEN && is_refusing_open) ||
	       (change->kind == CHANGE_SHUT && is_refusing_shut) ||
	       ((change->kind == CHANGE_PORT_OPEN || change->kind == CHANGE_PORT_SHUT) &&
		       is_refusing_ports);
}

static void begin(void)
{
	config_defaults(&config);
	memset(&kernel, 0, sizeof(kernel));
	kernel.refuses = refuses;
	is_refusing_open = is_refusing_shut = is_refusing_ports = false;
	table = grant_table_new(&config);
}

static void finish(void)
{
	grant_table_free(table);
}

static struct server *add_server(uint64_t cookie, uint32_t uid, const char *address, uint16_t port)
{
	struct udp_socket socket = policy_socket(cookie, uid, address, port);
	struct udp_sockets sockets = {NULL, 0, 0};
	struct server *server;

	sockets.items = calloc(HASH_COUNT(table->servers.servers) + 1, sizeof(socket));
	for (server = table->servers.servers; server; server = server->hh.next)
		if (!server->is_gone)
			sockets.items[sockets.count++] = server->socket;
	sockets.items[sockets.count++] = socket;
	server_see(&table->servers, &sockets, START);
	free(sockets.items);
	server = server_find(&table->servers, cookie);
	server_adopt(server, "alice");
	return server;
}

static void want(struct server *server, uint32_t uid, const char *client)
{
	const struct login login = policy_login(10, uid, client, SERVER);

	grant_want(table, server, &login, LABEL_LOGIN, START);
}

static void settle(uint64_t now_ms)
{
	struct plan plan;

	grant_plan(table, now_ms, &plan);
	policy_apply(&kernel, &plan);
	grant_commit(table, &plan, now_ms);
	outcome = (struct outcome){.changes = plan.count, .denials = plan.denial_count};
	for (size_t i = 0; i < plan.count; i++) {
		if (plan.changes[i].error != 0 || (plan.changes[i].kind != CHANGE_SHUT &&
							  plan.changes[i].kind != CHANGE_LAPSED))
			continue;
		outcome.gone++;
		outcome.reason = plan.changes[i].grant->reason;
	}
	if (plan.denial_count > 0)
		outcome.denial = plan.denials[0].reason;
	plan_clear(&plan);
}

/* One grant for alice, open. */
static struct server *open_one(void)
{
	struct server *server = add_server(1, ALICE, SERVER, 60001);

	want(server, ALICE, CLIENT);
	settle(START);
	ck_assert_uint_eq(kernel.count, 1);
	return server;
}

static struct login_table *log_in_both(void)
{
	struct login_table *logins = login_table_new();
	const struct login alice = policy_login(10, ALICE, CLIENT, SERVER);
	const struct login bob = policy_login(11, BOB, "203.0.113.6", SERVER);
	struct login *added;

	ck_assert_int_eq(login_add(logins, &alice, 64, &added), 0);
	ck_assert_int_eq(login_add(logins, &bob, 64, &added), 0);
	return logins;
}

static void on_found(struct server *server, const struct login *login, void *context)
{
	(void)context;
	ck_assert_ptr_nonnull(login);
	grant_want(table, server, login, LABEL_LOGIN, START);
}

START_TEST(grant_own_only)
{
	struct login_table *logins;
	struct udp_socket sockets[] = {
		policy_socket(1, ALICE, SERVER, 60001),
		policy_socket(2, BOB, SERVER, 60002),
	};
	struct mosh_process process = {.pid = 100, .session = AUDIT_SESSION_NONE};
	const struct mosh_processes processes = {&process, 1, 1};
	const struct udp_sockets seen = {sockets, 2, 2};

	begin();
	logins = log_in_both();
	server_see(&table->servers, &seen, START);
	server_claim(&table->servers, logins, ALICE, &processes, START, on_found, NULL);
	server_claim(&table->servers, logins, BOB, &processes, START, on_found, NULL);
	settle(START);
	ck_assert_uint_eq(kernel.count, 2);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert(policy_has(&kernel, "203.0.113.6", SERVER, 60002));
	login_table_free(logins);
	finish();
}
END_TEST

START_TEST(grant_tells_whose)
{
	struct label label;
	struct plan plan;

	begin();
	config.gate.claim_s = 77;
	want(add_server(0xabc, ALICE, SERVER, 60001), ALICE, CLIENT);
	grant_plan(table, START, &plan);
	ck_assert_int_eq(plan.changes[0].kind, CHANGE_OPEN);
	ck_assert_uint_eq(plan.changes[0].timeout_s, 77);
	ck_assert_int_eq(label_read(plan.changes[0].comment, &label), 0);
	ck_assert_uint_eq(label.uid, ALICE);
	ck_assert_uint_eq(label.cookie, 0xabc);
	ck_assert_uint_eq(label.since_ms, START);
	ck_assert_int_eq(label.via, LABEL_LOGIN);
	ck_assert_str_eq(label.user, "alice");
	ck_assert_str_eq(label.auth, "publickey");
	policy_apply(&kernel, &plan);
	grant_commit(table, &plan, START);
	plan_clear(&plan);
	finish();
}
END_TEST

START_TEST(grant_refused_by_kernel)
{
	begin();
	is_refusing_open = true;
	want(add_server(1, ALICE, SERVER, 60001), ALICE, CLIENT);
	settle(START);
	ck_assert_ptr_null(table->open);
	ck_assert_uint_eq(grant_retry_ms(table), START + GRANT_RETRY_MS);
	settle(START + GRANT_RETRY_MS - 1);
	ck_assert_uint_eq(outcome.changes, 0);
	is_refusing_open = false;
	settle(START + GRANT_RETRY_MS);
	ck_assert_ptr_nonnull(table->open);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_uint_eq(grant_retry_ms(table), UINT64_MAX);
	finish();
}
END_TEST

START_TEST(grant_closing_refused)
{
	begin();
	open_one();
	is_refusing_shut = true;
	server_end(&table->servers, 1);
	settle(START);
	ck_assert_uint_eq(outcome.gone, 0);
	ck_assert_ptr_nonnull(table->going);
	ck_assert_uint_eq(grant_retry_ms(table), START + GRANT_RETRY_MS);
	settle(START + GRANT_RETRY_MS - 1);
	ck_assert_uint_eq(outcome.changes, 0);
	is_refusing_shut = false;
	settle(START + GRANT_RETRY_MS);
	ck_assert_uint_eq(outcome.gone, 1);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_eq(table->count, 0);
	ck_assert_uint_eq(grant_retry_ms(table), UINT64_MAX);
	finish();
}
END_TEST

START_TEST(grant_port_refused)
{
	begin();
	is_refusing_ports = true;
	add_server(1, ALICE, SERVER, 60001);
	settle(START);
	ck_assert(!kernel.ports[60001]);
	/* Nobody else asks for a plan: it has to ask itself. */
	ck_assert_uint_le(grant_retry_ms(table), START + GRANT_RETRY_MS);
	is_refusing_ports = false;
	settle(START + GRANT_RETRY_MS);
	ck_assert(kernel.ports[60001]);
	ck_assert_uint_eq(grant_retry_ms(table), UINT64_MAX);
	finish();
}
END_TEST

START_TEST(grant_ends_with_socket)
{
	begin();
	want(open_one(), ALICE, "203.0.113.9");
	settle(START);
	ck_assert_uint_eq(kernel.count, 2);
	ck_assert(kernel.ports[60001]);
	server_end(&table->servers, 1);
	settle(START + 10);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert(!kernel.ports[60001]);
	ck_assert_uint_eq(outcome.gone, 2);
	ck_assert_int_eq(outcome.reason, GRANT_EXIT);
	ck_assert_ptr_null(table->servers.servers);
	ck_assert_uint_eq(table->count, 0);
	finish();
}
END_TEST

/* What was never opened is not told of. */
START_TEST(grant_ends_before_opening)
{
	begin();
	want(add_server(1, ALICE, SERVER, 60001), ALICE, CLIENT);
	server_end(&table->servers, 1);
	settle(START);
	ck_assert_uint_eq(outcome.changes, 0);
	ck_assert_ptr_null(table->servers.servers);
	ck_assert_uint_eq(table->count, 0);
	finish();
}
END_TEST

/* One is open and one not yet, in either order. */
START_TEST(grant_ends_half_open)
{
	struct server *server;

	begin();
	server = open_one();
	is_refusing_open = true;
	want(server, ALICE, "203.0.113.9");
	settle(START);
	ck_assert_uint_eq(kernel.count, 1);
	server_end(&table->servers, 1);
	settle(START);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_eq(table->count, 0);
	ck_assert_ptr_null(table->servers.servers);
	finish();
}
END_TEST

static const struct {
	const char *bound, *client, *own;
	enum grant_denial_reason reason;
} denials[] = {
	{SERVER, "2001:db8::5", "2001:db8::7", DENIAL_FAMILY},
	{"0.0.0.0", CLIENT, NULL, DENIAL_NO_ADDRESS},
	{"2001:db8::7", CLIENT, SERVER, DENIAL_FAMILY},
};

START_TEST(grant_denied)
{
	struct login login = policy_login(10, ALICE, denials[_i].client, denials[_i].own);

	begin();
	grant_want(
		table, add_server(1, ALICE, denials[_i].bound, 60001), &login, LABEL_LOGIN, START);
	settle(START);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_eq(outcome.denials, 1);
	ck_assert_int_eq(outcome.denial, denials[_i].reason);
	settle(START);
	ck_assert_uint_eq(outcome.denials, 0);
	finish();
}
END_TEST

START_TEST(grant_denied_without_login)
{
	struct plan plan;

	begin();
	grant_deny_unknown(table, add_server(1, ALICE, SERVER, 60001));
	grant_plan(table, START, &plan);
	ck_assert_uint_eq(plan.denial_count, 1);
	ck_assert_int_eq(plan.denials[0].reason, DENIAL_NO_LOGIN);
	ck_assert_uint_eq(plan.denials[0].uid, ALICE);
	ck_assert_uint_eq(plan.denials[0].port, 60001);
	ck_assert_uint_eq(plan.denials[0].client.family, 0);
	ck_assert_str_eq(plan.denials[0].user, "");
	policy_apply(&kernel, &plan);
	grant_commit(table, &plan, START);
	plan_clear(&plan);
	ck_assert_uint_eq(kernel.count, 0);
	/* Its port is a mosh-server's all the same: replies to it must not pass. */
	ck_assert(kernel.ports[60001]);
	finish();
}
END_TEST

/* Two sockets at one address and port, both alive (SO_REUSEPORT). */
START_TEST(grant_denied_taken)
{
	begin();
	open_one();
	want(add_server(2, BOB, SERVER, 60001), BOB, CLIENT);
	settle(START);
	ck_assert_int_eq(outcome.denial, DENIAL_TAKEN);
	ck_assert_uint_eq(outcome.denials, 1);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_uint_eq(table->open->label.uid, ALICE);
	/* The other's end leaves the first one alone. */
	server_end(&table->servers, 2);
	settle(START);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert(kernel.ports[60001]);
	finish();
}
END_TEST

START_TEST(grant_limit_per_user)
{
	begin();
	config.limits.grants_per_user = 2;
	for (uint16_t i = 1; i <= 3; i++)
		want(add_server(i, ALICE, SERVER, (uint16_t)(60000 + i)), ALICE, CLIENT);
	want(add_server(4, BOB, SERVER, 60004), BOB, CLIENT);
	settle(START);
	ck_assert_uint_eq(kernel.count, 3);
	ck_assert(!policy_has(&kernel, CLIENT, SERVER, 60003));
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60004));
	ck_assert_uint_eq(outcome.denials, 1);
	ck_assert_int_eq(outcome.denial, DENIAL_LIMIT_USER);
	server_end(&table->servers, 1);
	settle(START);
	want(server_find(&table->servers, 3), ALICE, CLIENT);
	settle(START);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60003));
	finish();
}
END_TEST

START_TEST(grant_limit)
{
	begin();
	config.limits.grants = 1;
	open_one();
	want(add_server(2, BOB, SERVER, 60002), BOB, CLIENT);
	settle(START);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_int_eq(outcome.denial, DENIAL_LIMIT);
	finish();
}
END_TEST

START_TEST(grant_wanted_twice)
{
	struct server *server;

	begin();
	server = open_one();
	want(server, ALICE, CLIENT);
	settle(START);
	ck_assert_uint_eq(outcome.changes, 0);
	ck_assert_uint_eq(outcome.denials, 0);
	ck_assert_uint_eq(table->count, 1);
	finish();
}
END_TEST

START_TEST(grant_masks_client)
{
	const struct login login = policy_login(10, ALICE, "2001:db8:1:2::5", "2001:db8::7");

	begin();
	config.gate.prefix4 = 24;
	config.gate.prefix6 = 64;
	open_one();
	grant_want(table, add_server(2, ALICE, "2001:db8::7", 60002), &login, LABEL_LOGIN, START);
	settle(START);
	ck_assert(policy_has(&kernel, "203.0.113.0", SERVER, 60001));
	ck_assert(policy_has(&kernel, "2001:db8:1:2::", "2001:db8::7", 60002));
	finish();
}
END_TEST

/* Its port's next owner is somebody else's server; both events before one plan. */
START_TEST(grant_port_reused)
{
	struct label label;

	begin();
	open_one();
	server_end(&table->servers, 1);
	want(add_server(2, BOB, SERVER, 60001), BOB, CLIENT);
	settle(START + 10);
	ck_assert_uint_eq(outcome.denials, 0);
	ck_assert_uint_eq(outcome.gone, 1);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_int_eq(label_read(kernel.items[0].comment, &label), 0);
	ck_assert_uint_eq(label.uid, BOB);
	ck_assert(kernel.ports[60001]);
	ck_assert_uint_eq(table->count, 1);
	finish();
}
END_TEST

/* The same while the kernel does not close: the new one gets nothing of the old one's. */
START_TEST(grant_waits_for_closing)
{
	struct label label;

	begin();
	open_one();
	is_refusing_shut = true;
	server_end(&table->servers, 1);
	settle(START);
	want(add_server(2, BOB, SERVER, 60001), BOB, CLIENT);
	want(add_server(3, BOB, SERVER, 60003), BOB, CLIENT);
	settle(START + 1);
	ck_assert_uint_eq(kernel.count, 1);
	kernel.items[0].use.packets = 7;
	policy_sync(&kernel, table);
	ck_assert_uint_eq(table->going->use.packets, 7);
	ck_assert(!table->wanted->is_counted);
	is_refusing_shut = false;
	settle(START + GRANT_RETRY_MS);
	ck_assert_uint_eq(kernel.count, 2);
	ck_assert_int_eq(label_read(kernel.items[0].comment, &label), 0);
	ck_assert_uint_eq(label.uid, BOB);
	finish();
}
END_TEST

START_TEST(grant_plan_settles)
{
	begin();
	open_one();
	settle(START);
	ck_assert_uint_eq(outcome.changes, 0);
	policy_sync(&kernel, table);
	settle(START + 1);
	ck_assert_uint_eq(outcome.changes, 0);
	ck_assert_uint_eq(table->count, 1);
	finish();
}
END_TEST

/* What an earlier helper left in the kernel: its comment, and whether it is kept. The socket is
 * alice's (3e8), cookie 1, on port 60001. */
static const struct {
	const char *comment;
	uint64_t cookie; /* of a socket that is there */
	uint16_t port;
	bool is_kept;
} left[] = {
	{"1 u=3e8 c=1 s=5 v=l n=alice", 1, 60001, true},
	{"1 u=3e8 c=1 s=5 v=r n=alice", 1, 60001, true},
	{"1 u=3e8 c=2 s=5 v=l n=alice", 1, 60001, false},
	{"1 u=3e9 c=1 s=5 v=l n=bob", 1, 60001, false},
	{"1 u=3e8 c=1 s=5 v=l n=alice", 1, 60002, false},
	{"2 u=3e8 c=1 s=5 v=l n=alice", 1, 60001, false},
	{"hello", 1, 60001, false},
	{"", 1, 60001, false},
};

static void add_left(const char *comment, uint16_t port)
{
	struct element *element = &kernel.items[kernel.count++];

	memset(element, 0, sizeof(*element));
	element->key.client = policy_address(CLIENT);
	element->key.server = policy_address(SERVER);
	element->key.port = port;
	element->use.packets = 3;
	strcpy(element->comment, comment);
}

START_TEST(grant_adopts)
{
	struct udp_socket socket = policy_socket(left[_i].cookie, ALICE, SERVER, 60001);
	const struct udp_sockets sockets = {&socket, 1, 1};

	begin();
	server_see(&table->servers, &sockets, START);
	add_left(left[_i].comment, left[_i].port);
	policy_sync(&kernel, table);
	settle(START);
	ck_assert_uint_eq(kernel.count, left[_i].is_kept);
	ck_assert_uint_eq(table->count, left[_i].is_kept);
	ck_assert_int_eq(kernel.ports[60001], left[_i].is_kept);
	if (left[_i].is_kept) {
		ck_assert_str_eq(table->open->label.user, "alice");
		ck_assert_uint_eq(table->open->use.packets, 3);
		server_end(&table->servers, 1);
		settle(START + 1);
	}
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_eq(outcome.gone, 1);
	ck_assert_int_eq(outcome.reason, left[_i].is_kept ? GRANT_EXIT : GRANT_STALE);
	finish();
}
END_TEST

/* Of a socket that ended before anybody looked. */
START_TEST(grant_adopts_no_dead)
{
	begin();
	open_one();
	server_end(&table->servers, 1);
	add_left("1 u=3e8 c=1 s=5 v=r n=alice", 60001);
	kernel.items[1].key.client = policy_address("203.0.113.9");
	policy_sync(&kernel, table);
	settle(START);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_eq(outcome.gone, 2);
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

START_TEST(grant_lapses)
{
	begin();
	open_one();
	kernel.items[0].use.packets = lapses[_i].packets;
	policy_sync(&kernel, table);
	if (lapses[_i].is_gone)
		server_end(&table->servers, 1);
	kernel.count = 0;
	policy_sync(&kernel, table);
	settle(START);
	ck_assert_uint_eq(outcome.gone, 1);
	ck_assert_int_eq(outcome.reason, lapses[_i].reason);
	ck_assert_uint_eq(table->count, 0);
	ck_assert_int_eq(kernel.ports[60001], !lapses[_i].is_gone);
	settle(START);
	ck_assert_uint_eq(outcome.changes, 0);
	finish();
}
END_TEST

/* Only while a socket that is a mosh-server's is there, and once for two of them. */
START_TEST(grant_port_set)
{
	begin();
	add_server(1, ALICE, SERVER, 60001);
	add_server(2, BOB, "198.51.100.8", 60001);
	add_server(3, BOB, "198.51.100.8", 60003)->role = SERVER_FOREIGN;
	settle(START);
	ck_assert_uint_eq(outcome.changes, 1);
	ck_assert(kernel.ports[60001]);
	ck_assert(!kernel.ports[60003]);
	server_end(&table->servers, 1);
	settle(START);
	ck_assert(kernel.ports[60001]);
	server_end(&table->servers, 2);
	settle(START);
	ck_assert(!kernel.ports[60001]);
	finish();
}
END_TEST

static const struct {
	bool is_counted;
	struct grant_use use;
	uint64_t last_seen_ms;
} seen[] = {
	{true, {2, 200, START + 90000}, START},
	{true, {0, 0, START + 90000}, 0},
	{false, {2, 200, START + 90000}, 0},
	{true, {2, 200, 80000}, 0},
};

START_TEST(grant_last_seen_at)
{
	const struct grant grant = {.use = seen[_i].use, .is_counted = seen[_i].is_counted};

	config_defaults(&config);
	config.gate.idle_s = 90;
	ck_assert_uint_eq(grant_last_seen(&grant, &config), seen[_i].last_seen_ms);
}
END_TEST

CHECK_MAIN("grant", TEST(grant_own_only), TEST(grant_tells_whose), TEST(grant_refused_by_kernel),
	TEST(grant_closing_refused), TEST(grant_port_refused), TEST(grant_ends_with_socket),
	TEST(grant_ends_before_opening), TEST(grant_ends_half_open),
	LOOP(grant_denied, ARRAY_LEN(denials)), TEST(grant_denied_without_login),
	TEST(grant_denied_taken), TEST(grant_limit_per_user), TEST(grant_limit),
	TEST(grant_wanted_twice), TEST(grant_masks_client), TEST(grant_port_reused),
	TEST(grant_waits_for_closing), TEST(grant_plan_settles),
	LOOP(grant_adopts, ARRAY_LEN(left)), TEST(grant_adopts_no_dead),
	LOOP(grant_lapses, ARRAY_LEN(lapses)), TEST(grant_port_set),
	LOOP(grant_last_seen_at, ARRAY_LEN(seen)))
