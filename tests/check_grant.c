/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_policy.h"

#define ALICE  1000u
#define BOB    1001u
#define START  5000000u /* ms; some boot time */
#define CLIENT "203.0.113.5"
#define OTHER  "203.0.113.6"
#define SERVER "198.51.100.7"

static struct policy policy;

static void begin(void)
{
	policy_begin(&policy, START);
}

static void finish(void)
{
	policy_finish(&policy);
}

static void settle(uint64_t now_ms)
{
	policy_settle(&policy, now_ms);
}

static struct server *add_server(uint64_t cookie, uint32_t uid, const char *address, uint16_t port)
{
	return policy_add_server(&policy, cookie, uid, address, port);
}

static bool has(const char *client, const char *server, uint16_t port)
{
	return policy_has(&policy.kernel, client, server, port);
}

static void first(struct server *server, uint32_t uid, const char *client)
{
	const struct login login = policy_login(10, uid, client, SERVER);

	grant_first(policy.table, server, &login, policy.kernel.now_ms);
}

/* How many servers are of the other family. */
static size_t roam(uint32_t uid, const char *client)
{
	const struct login login = policy_login(11, uid, client, SERVER);

	return grant_roam(policy.table, &login, policy.kernel.now_ms);
}

/* One grant for alice, open. */
static struct server *open_one(void)
{
	struct server *server = add_server(1, ALICE, SERVER, 60001);

	first(server, ALICE, CLIENT);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	return server;
}

static void on_found(struct server *server, const struct login *login, void *context)
{
	ck_assert_ptr_null(context);
	ck_assert_ptr_nonnull(login);
	grant_first(policy.table, server, login, START);
}

START_TEST(grant_own_only)
{
	struct login_table *logins = login_table_new();
	const struct login alice = policy_login(10, ALICE, CLIENT, SERVER);
	const struct login bob = policy_login(11, BOB, OTHER, SERVER);
	struct udp_socket sockets[] = {
		policy_socket(1, ALICE, SERVER, 60001), policy_socket(2, BOB, SERVER, 60002)};
	struct mosh_process items[] = {{.uid = ALICE, .session = AUDIT_SESSION_NONE},
		{.uid = BOB, .session = AUDIT_SESSION_NONE}};
	const struct mosh_processes processes = {items, 2, 2};
	struct tally uids = {0};
	const struct udp_sockets seen = {sockets, 2, 2, NULL, NULL};
	const struct server_claim claim = {logins, &uids, &processes, START, on_found, NULL};
	struct login *added;

	begin();
	ck_assert_int_eq(login_add(logins, &alice, 64, &added), 0);
	ck_assert_int_eq(login_add(logins, &bob, 64, &added), 0);
	server_see(&policy.table->servers, &seen, START);
	ck_assert(server_undecided(&policy.table->servers, logins, START, &uids));
	server_claim(&policy.table->servers, &claim);
	tally_clear(&uids);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 2);
	ck_assert(has(CLIENT, SERVER, 60001));
	ck_assert(has(OTHER, SERVER, 60002));
	/* A new login reaches its own user's server alone. */
	roam(ALICE, "203.0.113.9");
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 3);
	ck_assert(has("203.0.113.9", SERVER, 60001));
	login_table_free(logins);
	finish();
}
END_TEST

START_TEST(grant_ends_with_socket)
{
	begin();
	open_one();
	roam(ALICE, OTHER);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 2);
	server_end(&policy.table->servers, 1);
	/* Also for those that come now. */
	roam(ALICE, "203.0.113.9");
	settle(START + 10);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.gone, 2);
	ck_assert_int_eq(policy.reason, GRANT_EXIT);
	ck_assert_ptr_null(policy.table->servers.servers);
	ck_assert_uint_eq(policy.table->count, 0);
	finish();
}
END_TEST

/* Its server has ended, too, and what it wants was never there. */
START_TEST(grant_shadowed_before_opening)
{
	struct udp_socket other = policy_socket(2, BOB, SERVER, 60001);
	const struct udp_sockets seen = {&other, 1, 1, NULL, NULL};

	begin();
	policy_add_server(&policy, 1, ALICE, "0.0.0.0", 60001);
	roam(ALICE, CLIENT);
	server_see(&policy.table->servers, &seen, START);
	grant_end_shadowed(policy.table);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.table->count, 0);
	finish();
}
END_TEST

/* What was never opened is not told of. */
START_TEST(grant_ends_before_opening)
{
	begin();
	first(add_server(1, ALICE, SERVER, 60001), ALICE, CLIENT);
	roam(ALICE, OTHER);
	server_end(&policy.table->servers, 1);
	settle(START);
	ck_assert_uint_eq(policy.changes, 0);
	ck_assert_ptr_null(policy.table->servers.servers);
	ck_assert_uint_eq(policy.table->count, 0);
	finish();
}
END_TEST

static const struct {
	const char *bound, *client, *own;
	enum grant_denial_reason reason;
} denials[] = {
	{SERVER, "2001:db8::5", "2001:db8::7", DENIAL_FAMILY},
	{"2001:db8::7", CLIENT, SERVER, DENIAL_FAMILY},
	{"0.0.0.0", CLIENT, NULL, DENIAL_NO_ADDRESS},
};

START_TEST(grant_denied)
{
	const struct login login = policy_login(10, ALICE, denials[_i].client, denials[_i].own);
	struct server *server;

	begin();
	server = add_server(1, ALICE, denials[_i].bound, 60001);
	grant_first(policy.table, server, &login, START);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.denials, 1);
	ck_assert_int_eq(policy.denial, denials[_i].reason);
	/* Once; and a roaming login has no business with it. */
	grant_roam(policy.table, &login, START);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(policy.denials, 0);
	finish();
}
END_TEST

START_TEST(grant_denied_without_login)
{
	struct plan plan;

	begin();
	grant_none(policy.table, add_server(1, ALICE, SERVER, 60001));
	plan_make(policy.table, START, &plan);
	ck_assert_uint_eq(plan.denials.count, 1);
	ck_assert_int_eq(plan.denials.items[0].reason, DENIAL_NO_LOGIN);
	ck_assert_uint_eq(plan.denials.items[0].uid, ALICE);
	ck_assert_uint_eq(plan.denials.items[0].port, 60001);
	ck_assert_uint_eq(plan.denials.items[0].client.family, 0);
	ck_assert_str_eq(plan.denials.items[0].user, "");
	policy_apply(&policy.kernel, &plan);
	plan_commit(policy.table, &plan, START);
	plan_clear(&plan);
	ck_assert_uint_eq(policy.kernel.count, 0);
	/* Its port is a mosh-server's all the same: replies to it must not pass. */
	ck_assert(policy.kernel.ports[60001]);
	finish();
}
END_TEST

/* Two sockets at one address and port, both alive (SO_REUSEPORT). */
START_TEST(grant_denied_taken)
{
	begin();
	open_one();
	first(add_server(2, BOB, SERVER, 60001), BOB, CLIENT);
	settle(START);
	ck_assert_int_eq(policy.denial, DENIAL_TAKEN);
	ck_assert_uint_eq(policy.denials, 1);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_uint_eq(policy.table->lists[GRANT_OPEN]->label.uid, ALICE);
	/* The other's end leaves the first one alone. */
	server_end(&policy.table->servers, 2);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert(policy.kernel.ports[60001]);
	finish();
}
END_TEST

START_TEST(grant_limit_per_user)
{
	begin();
	policy.config.limits.grants_per_user = 2;
	for (uint16_t i = 1; i <= 3; i++)
		first(add_server(i, ALICE, SERVER, (uint16_t)(60000 + i)), ALICE, CLIENT);
	first(add_server(4, BOB, SERVER, 60004), BOB, CLIENT);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 3);
	ck_assert(!has(CLIENT, SERVER, 60003));
	ck_assert(has(CLIENT, SERVER, 60004));
	ck_assert_uint_eq(policy.denials, 1);
	ck_assert_int_eq(policy.denial, DENIAL_LIMIT_USER);
	ck_assert_uint_eq(policy.limit, 2);
	server_end(&policy.table->servers, 1);
	settle(START);
	roam(ALICE, CLIENT);
	settle(START);
	ck_assert(has(CLIENT, SERVER, 60003));
	finish();
}
END_TEST

/* What ran out is no grant any more, also before a plan has told of it. */
START_TEST(grant_limit_after_lapse)
{
	uint64_t now_ms = START + 1000 * (uint64_t)120;

	begin();
	policy.config.limits.grants_per_user = 1;
	policy.config.limits.grants = 1;
	open_one();
	policy.kernel.count = 0;
	policy.kernel.now_ms = now_ms;
	policy_sync(&policy.kernel, policy.table);
	roam(ALICE, OTHER);
	settle(now_ms);
	ck_assert_uint_eq(policy.denials, 0);
	ck_assert_uint_eq(policy.gone, 1);
	ck_assert(has(OTHER, SERVER, 60001));
	first(add_server(2, BOB, SERVER, 60002), BOB, CLIENT);
	settle(now_ms);
	ck_assert_int_eq(policy.denial, DENIAL_LIMIT);
	finish();
}
END_TEST

START_TEST(grant_limit)
{
	begin();
	policy.config.limits.grants = 1;
	open_one();
	first(add_server(2, BOB, SERVER, 60002), BOB, CLIENT);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_int_eq(policy.denial, DENIAL_LIMIT);
	ck_assert_uint_eq(policy.limit, 1);
	finish();
}
END_TEST

START_TEST(grant_wanted_twice)
{
	begin();
	first(open_one(), ALICE, CLIENT);
	roam(ALICE, CLIENT);
	settle(START);
	ck_assert_uint_eq(policy.changes, 0);
	ck_assert_uint_eq(policy.denials, 0);
	ck_assert_uint_eq(policy.table->count, 1);
	finish();
}
END_TEST

/* A login gives what is running out its time again, and takes none from what has more. */
START_TEST(grant_renewed)
{
	const uint64_t lefts_ms[] = {1000, 500000};
	uint64_t now_ms = START + 1000;
	struct element *element = &policy.kernel.items[0];

	begin();
	open_one();
	element->use = (struct grant_use){3, 300, now_ms + lefts_ms[_i]};
	policy.kernel.now_ms = now_ms;
	policy_sync(&policy.kernel, policy.table);
	roam(ALICE, CLIENT);
	settle(now_ms);
	ck_assert_uint_eq(policy.changes, _i == 0);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_uint_eq(element->use.expires_ms,
		now_ms + (_i ? lefts_ms[1] : 1000 * (uint64_t)policy.config.gate.claim_s));
	ck_assert_uint_eq(policy.table->lists[GRANT_OPEN]->use.packets, 3);
	ck_assert_uint_eq(policy.gone, 0);
	finish();
}
END_TEST

START_TEST(grant_masks_client)
{
	const struct login login = policy_login(10, ALICE, "2001:db8:1:2::5", "2001:db8::7");
	struct server *server;

	begin();
	policy.config.gate.prefix4 = 24;
	policy.config.gate.prefix6 = 64;
	open_one();
	server = add_server(2, ALICE, "2001:db8::7", 60002);
	grant_first(policy.table, server, &login, START);
	settle(START);
	ck_assert(has("203.0.113.0", SERVER, 60001));
	ck_assert(has("2001:db8:1:2::", "2001:db8::7", 60002));
	/* A neighbour's login is the same grant. */
	roam(ALICE, "203.0.113.99");
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 2);
	finish();
}
END_TEST

START_TEST(grant_roams)
{
	struct label label;

	begin();
	open_one();
	first(add_server(2, ALICE, "198.51.100.8", 60002), ALICE, CLIENT);
	add_server(3, ALICE, "2001:db8::7", 60003);
	add_server(4, ALICE, SERVER, 60004)->role = SERVER_FOREIGN;
	add_server(5, BOB, SERVER, 60005);
	settle(START);
	roam(ALICE, OTHER);
	settle(START + 7);
	ck_assert_uint_eq(policy.kernel.count, 4);
	ck_assert(has(OTHER, SERVER, 60001));
	ck_assert(has(OTHER, "198.51.100.8", 60002));
	ck_assert_uint_eq(policy.denials, 0);
	ck_assert_int_eq(label_read(policy.kernel.items[3].comment, &label), 0);
	ck_assert_int_eq(label.via, LABEL_ROAM);
	finish();
}
END_TEST

/* roam = no: from where it was started alone. */
START_TEST(grant_roams_home_only)
{
	begin();
	policy.config.gate.is_roaming = false;
	open_one();
	roam(ALICE, OTHER);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	policy.kernel.count = 0;
	policy.kernel.now_ms += 1000 * policy.config.gate.claim_s;
	policy_sync(&policy.kernel, policy.table);
	settle(policy.kernel.now_ms);
	ck_assert_uint_eq(policy.gone, 1);
	roam(ALICE, OTHER);
	settle(policy.kernel.now_ms);
	ck_assert_uint_eq(policy.kernel.count, 0);
	roam(ALICE, CLIENT);
	settle(policy.kernel.now_ms);
	ck_assert(has(CLIENT, SERVER, 60001));
	finish();
}
END_TEST

/* A server that was found when its user had no login has no name until then. */
START_TEST(grant_roam_names)
{
	struct server *server;

	begin();
	server = add_server(1, ALICE, SERVER, 60001);
	server_adopt(&policy.table->servers, server, "");
	roam(ALICE, CLIENT);
	ck_assert_str_eq(server->user, "alice");
	roam(ALICE, OTHER);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 2);
	finish();
}
END_TEST

/* Nobody knows from where it was started: then it is from where its user comes first. */
START_TEST(grant_roams_to_first_home)
{
	begin();
	policy.config.gate.is_roaming = false;
	add_server(1, ALICE, SERVER, 60001);
	roam(BOB, OTHER);
	roam(ALICE, "2001:db8::5");
	roam(ALICE, CLIENT);
	roam(ALICE, OTHER);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert(has(CLIENT, SERVER, 60001));
	finish();
}
END_TEST

/* With supersede the old address's lapses after claim, unless it is used. */
START_TEST(grant_roams_in_its_family)
{
	begin();
	open_one();
	ck_assert_uint_eq(roam(ALICE, OTHER), 0);
	ck_assert_uint_eq(roam(ALICE, "2001:db8::5"), 1);
	add_server(2, ALICE, SERVER, 60002);
	add_server(3, BOB, SERVER, 60003);
	add_server(4, ALICE, "2001:db8::7", 60004);
	ck_assert_uint_eq(roam(ALICE, "2001:db8::5"), 2);
	ck_assert_uint_eq(roam(ALICE, CLIENT), 1);
	server_end(&policy.table->servers, 2);
	ck_assert_uint_eq(roam(ALICE, "2001:db8::5"), 1);
	policy.config.gate.is_roaming = false; /* it would open nothing in any case */
	ck_assert_uint_eq(roam(ALICE, "2001:db8::5"), 0);
	finish();
}
END_TEST

START_TEST(grant_roam_supersedes)
{
	uint64_t now_ms = START + 1000;

	begin();
	policy.config.gate.is_superseding = true;
	open_one();
	policy.kernel.items[0].use.packets = 9;
	policy.kernel.items[0].use.expires_ms = START + 80000000;
	policy_sync(&policy.kernel, policy.table);
	policy.kernel.now_ms = now_ms;
	roam(ALICE, OTHER);
	settle(now_ms);
	ck_assert_uint_eq(policy.kernel.count, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(policy.kernel.items[i].use.expires_ms,
			now_ms + 1000 * policy.config.gate.claim_s);
	settle(now_ms);
	ck_assert_uint_eq(policy.changes, 0);
	/* What it counted before is not lost. */
	policy.kernel.count = 0;
	policy.kernel.now_ms = now_ms + 1000 * policy.config.gate.claim_s;
	policy_sync(&policy.kernel, policy.table);
	settle(policy.kernel.now_ms);
	ck_assert_uint_eq(policy.gone, 2);
	ck_assert_uint_eq(policy.packets, 9);
	finish();
}
END_TEST

static void count(struct grant *grant, void *context)
{
	ck_assert_uint_eq(grant->label.uid, ALICE);
	++*(size_t *)context;
}

/* Also what somebody took away, and comes back in the same plan. */
START_TEST(grant_roam_supersedes_lost)
{
	begin();
	policy.config.gate.is_superseding = true;
	open_one();
	policy.kernel.items[0].use.expires_ms = START + 80000000;
	policy_sync(&policy.kernel, policy.table);
	policy.kernel.count = 0;
	policy_sync(&policy.kernel, policy.table);
	roam(ALICE, OTHER);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(policy.kernel.items[i].use.expires_ms,
			START + 1000 * policy.config.gate.claim_s);
	finish();
}
END_TEST

START_TEST(grant_of_login)
{
	const struct login login = policy_login(10, ALICE, CLIENT, SERVER);
	size_t found = 0;

	begin();
	open_one();
	first(add_server(2, BOB, SERVER, 60002), BOB, CLIENT);
	settle(START);
	first(add_server(3, ALICE, SERVER, 60003), ALICE, OTHER);
	settle(START);
	first(add_server(4, ALICE, SERVER, 60004), ALICE, CLIENT);
	grant_each_of_login(policy.table, &login, count, &found);
	ck_assert_uint_eq(found, 1);
	finish();
}
END_TEST

/* Which of three grants a selector means: alice's at CLIENT and OTHER, bob's at CLIENT. */
static const struct {
	bool is_of_user;
	uint32_t uid;
	const char *client;
	uint16_t port;
	size_t count;
} selectors[] = {
	{false, 0, NULL, 0, 3},
	{true, ALICE, NULL, 0, 2},
	{true, BOB, NULL, 0, 1},
	{true, 0, NULL, 0, 0},
	{false, 0, CLIENT, 0, 2},
	{true, ALICE, CLIENT, 0, 1},
	{false, 0, NULL, 60002, 1},
	{true, ALICE, NULL, 60002, 0},
	{true, ALICE, OTHER, 60001, 1},
	{false, 0, "203.0.113.77", 0, 0},
};

START_TEST(grant_revoked_by_hand)
{
	const struct grant_selector selector = {
		.is_of_user = selectors[_i].is_of_user,
		.uid = selectors[_i].uid,
		.client = policy_address(selectors[_i].client),
		.port = selectors[_i].port,
	};

	begin();
	open_one();
	roam(ALICE, OTHER);
	first(add_server(2, BOB, SERVER, 60002), BOB, CLIENT);
	settle(START);
	ck_assert_uint_eq(grant_revoke(policy.table, &selector), selectors[_i].count);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 3 - selectors[_i].count);
	ck_assert_uint_eq(policy.gone, selectors[_i].count);
	if (policy.gone > 0)
		ck_assert_int_eq(policy.reason, GRANT_ADMIN);
	ck_assert_uint_eq(grant_revoke(policy.table, &selector), 0);
	finish();
}
END_TEST

/* One revokes the address that one knows: grants have their network's. */
START_TEST(grant_revoked_by_network)
{
	const struct grant_selector elsewhere = {.client = policy_address("203.0.114.5")};
	const struct grant_selector within = {.client = policy_address("203.0.113.99")};
	const struct grant_selector within6 = {.client = policy_address("2001:db8:1:2::99")};
	const struct login login = policy_login(12, BOB, "2001:db8:1:2::5", "2001:db8::7");

	begin();
	policy.config.gate.prefix4 = 24;
	policy.config.gate.prefix6 = 64;
	open_one();
	grant_first(policy.table, add_server(2, BOB, "2001:db8::7", 60002), &login, START);
	settle(START);
	ck_assert_uint_eq(grant_revoke(policy.table, &elsewhere), 0);
	ck_assert_uint_eq(grant_revoke(policy.table, &within), 1);
	ck_assert_uint_eq(grant_revoke(policy.table, &within6), 1);
	settle(START);
	ck_assert_uint_eq(policy.kernel.count, 0);
	finish();
}
END_TEST

START_TEST(grant_ends_after_max)
{
	begin();
	open_one();
	ck_assert_uint_eq(grant_end_max(policy.table, START + 999999999), UINT64_MAX);
	policy.config.gate.max_s = 100;
	ck_assert_uint_eq(grant_end_max(policy.table, START), START + 100000);
	settle(START + 99999);
	ck_assert_uint_eq(policy.kernel.count, 1);
	settle(START + 100000);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_int_eq(policy.reason, GRANT_MAX);
	ck_assert_uint_eq(grant_end_max(policy.table, START + 100000), UINT64_MAX);
	finish();
}
END_TEST

static const struct {
	struct grant_use use;
	uint64_t seen_ms;
} uses[] = {
	{{2, 200, START + 90000}, START},
	{{2, 200, START + 90002}, START + 1}, /* idle was longer then */
	{{0, 0, START + 90002}, 0},
	{{0, 0, START + 90000}, 0},
	{{2, 200, UINT64_MAX}, 0},
	{{2, 200, 80000}, 0},
};

START_TEST(grant_last_seen)
{
	struct grant *grant;

	begin();
	policy.config.gate.idle_s = 90;
	open_one();
	grant = policy.table->lists[GRANT_OPEN];
	grant_update(policy.table, grant, &uses[_i].use, START + 1);
	ck_assert_uint_eq(grant->seen_ms, uses[_i].seen_ms);
	ck_assert_uint_eq(grant->use.packets, uses[_i].use.packets);
	finish();
}
END_TEST

/* A shorter idle comes with a reload: what the element had is no packet's time, and never later
 * than now. */
START_TEST(grant_last_seen_after_reload)
{
	const struct grant_use before = {2, 200, START + 3600000}, same = before;
	const struct grant_use more = {3, 300, START + 3700000};
	struct grant *grant;

	begin();
	policy.config.gate.idle_s = 3600;
	open_one();
	grant = policy.table->lists[GRANT_OPEN];
	grant_update(policy.table, grant, &before, START + 5000);
	ck_assert_uint_eq(grant->seen_ms, START);
	policy.config.gate.idle_s = 60;
	grant_update(policy.table, grant, &same, START + 10000);
	ck_assert_uint_eq(grant->seen_ms, START);
	grant_update(policy.table, grant, &more, START + 20000);
	ck_assert_uint_eq(grant->seen_ms, START + 20000);
	grant_update(policy.table, grant, &more, START + 30000);
	ck_assert_uint_eq(grant->seen_ms, START + 20000);
	finish();
}
END_TEST

CHECK_MAIN("grant", TEST(grant_own_only), TEST(grant_ends_with_socket),
	TEST(grant_ends_before_opening), TEST(grant_shadowed_before_opening),
	LOOP(grant_denied, ARRAY_LEN(denials)), TEST(grant_denied_without_login),
	TEST(grant_denied_taken), TEST(grant_limit_per_user), TEST(grant_limit),
	TEST(grant_limit_after_lapse), TEST(grant_wanted_twice), LOOP(grant_renewed, 2),
	TEST(grant_masks_client), TEST(grant_roams), TEST(grant_roams_home_only),
	TEST(grant_roams_to_first_home), TEST(grant_roam_names), TEST(grant_roams_in_its_family),
	TEST(grant_roam_supersedes), TEST(grant_roam_supersedes_lost), TEST(grant_of_login),
	LOOP(grant_revoked_by_hand, ARRAY_LEN(selectors)), TEST(grant_revoked_by_network),
	TEST(grant_ends_after_max), LOOP(grant_last_seen, ARRAY_LEN(uses)),
	TEST(grant_last_seen_after_reload))
