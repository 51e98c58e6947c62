/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_policy.h"
#include "pending.h"

#define ALICE   1000u
#define BOB     1001u
#define START   5000000u /* ms; some boot time */
#define CLIENT  "203.0.113.5"
#define OTHER   "203.0.113.6"
#define SERVER  "198.51.100.7"
#define CLIENT6 "2001:db8::5"
#define SERVER6 "2001:db8::7"

static struct policy policy;
static struct element knocks[8];
static struct elements knocked;

static void begin(void)
{
	policy_begin(&policy, START);
	knocked = (struct elements){.items = knocks};
}

static void finish(void)
{
	policy_finish(&policy);
}

static struct server *add_server(uint64_t cookie, uint32_t uid, const char *address, uint16_t port)
{
	return policy_add_server(&policy, cookie, uid, address, port);
}

static void knock(const char *client, const char *server, uint16_t port)
{
	struct element *element = &knocks[knocked.count++];

	memset(element, 0, sizeof(*element));
	element->key.client = policy_address(client);
	element->key.server = policy_address(server);
	element->key.port = port;
	element->use.expires_ms = START + PENDING_KEEP_S * 1000;
}

static size_t allow(uint32_t uid, const char *client, size_t *denied)
{
	const struct address address = policy_address(client);
	struct pending_allowed allowed;

	allowed = pending_allow(policy.table, &knocked, uid, &address, START);
	policy_settle(&policy, START);
	*denied = allowed.denied;
	return allowed.count;
}

static void note(const struct element *element, struct server *server, void *context)
{
	uint64_t *seen = context;

	*seen = *seen * 10 + server->socket.cookie;
	ck_assert_uint_eq(element->key.port, server->socket.port);
}

/* The cookies of the servers at which somebody knocked, as digits; of uid's alone. */
static uint64_t shown_to(uint32_t uid)
{
	uint64_t seen = 0;

	pending_each(policy.table, &knocked, uid, note, &seen);
	return seen;
}

START_TEST(pending_own_only)
{
	begin();
	add_server(1, ALICE, SERVER, 60001);
	add_server(2, BOB, SERVER, 60002);
	knock(CLIENT, SERVER, 60001);
	knock(CLIENT, SERVER, 60002);
	ck_assert_uint_eq(shown_to(ALICE), 1);
	ck_assert_uint_eq(shown_to(BOB), 2);
	ck_assert_uint_eq(shown_to(BOB + 1), 0);
	ck_assert_uint_eq(shown_to(0), 12);
	finish();
}
END_TEST

/* What was knocked at, and whether that is a server at address:60001. */
static const struct {
	const char *address, *knocked;
	uint16_t port;
	bool is_dual, is_it;
} places[] = {
	{SERVER, SERVER, 60001, false, true},
	{SERVER, SERVER, 60002, false, false},
	{SERVER, OTHER, 60001, false, false},
	{"0.0.0.0", SERVER, 60001, false, true},
	{"0.0.0.0", SERVER6, 60001, false, false},
	{"::", SERVER6, 60001, false, true},
	{"::", SERVER, 60001, false, false},
	{"::", SERVER, 60001, true, true},
	{SERVER6, SERVER6, 60001, false, true},
};

START_TEST(pending_at_the_server)
{
	const char *client = strchr(places[_i].knocked, ':') ? CLIENT6 : CLIENT;

	begin();
	add_server(1, ALICE, places[_i].address, 60001)->socket.is_dual = places[_i].is_dual;
	knock(client, places[_i].knocked, places[_i].port);
	ck_assert_uint_eq(shown_to(ALICE), places[_i].is_it);
	finish();
}
END_TEST

static void bind_to(struct server *server, uint32_t interface)
{
	server->socket.interface = interface;
	policy.table->servers.comings++;
}

/* Whoever of two users it is that they knock at is told to neither. */
START_TEST(pending_not_of_rivals)
{
	size_t denied;

	begin();
	bind_to(add_server(1, ALICE, SERVER, 60001), 2);
	knock(CLIENT, SERVER, 60001);
	ck_assert_uint_eq(shown_to(ALICE), 1);
	bind_to(add_server(2, BOB, SERVER, 60001), 3);
	ck_assert_uint_eq(shown_to(ALICE), 0);
	ck_assert_uint_eq(shown_to(BOB), 0);
	ck_assert_uint_eq(allow(BOB, CLIENT, &denied), 0);
	ck_assert_uint_eq(policy.kernel.count, 0);
	/* Nor where one of them has left its interface. */
	bind_to(server_find(&policy.table->servers, 2), 0);
	ck_assert_uint_eq(shown_to(ALICE), 0);
	ck_assert_uint_eq(shown_to(BOB), 0);
	finish();
}
END_TEST

/* Who knocked at the last one there is nothing to the next. */
START_TEST(pending_not_of_the_last)
{
	size_t denied;

	begin();
	add_server(1, ALICE, SERVER, 60001)->seen_ms = START + 1;
	knock(CLIENT, SERVER, 60001);
	ck_assert_uint_eq(shown_to(ALICE), 0);
	ck_assert_uint_eq(allow(ALICE, CLIENT, &denied), 0);
	ck_assert_uint_eq(policy.kernel.count, 0);
	knocks[0].use.expires_ms++;
	ck_assert_uint_eq(shown_to(ALICE), 1);
	finish();
}
END_TEST

/* Only mosh-servers that are there have owners. */
START_TEST(pending_live_servers_only)
{
	struct server *server;

	begin();
	server = add_server(1, ALICE, SERVER, 60001);
	knock(CLIENT, SERVER, 60001);
	server->role = SERVER_FOREIGN;
	ck_assert_uint_eq(shown_to(ALICE), 0);
	server->role = SERVER_OWNED;
	server->is_gone = true;
	ck_assert_uint_eq(shown_to(ALICE), 0);
	server->is_gone = false;
	ck_assert_uint_eq(shown_to(ALICE), 1);
	finish();
}
END_TEST

START_TEST(pending_allow_who_knocked)
{
	size_t denied;

	begin();
	add_server(1, ALICE, SERVER, 60001);
	add_server(2, ALICE, SERVER, 60002);
	add_server(3, ALICE, SERVER, 60003);
	knock(CLIENT, SERVER, 60001);
	knock(CLIENT, SERVER, 60003);
	knock(OTHER, SERVER, 60002);
	ck_assert_uint_eq(allow(ALICE, "192.0.2.1", &denied), 0);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(allow(ALICE, CLIENT, &denied), 2);
	ck_assert_uint_eq(denied, 0);
	ck_assert_uint_eq(policy.kernel.count, 2);
	ck_assert(policy_has(&policy.kernel, CLIENT, SERVER, 60001));
	ck_assert(policy_has(&policy.kernel, CLIENT, SERVER, 60003));
	/* Who may come in is pending no more. */
	ck_assert_uint_eq(shown_to(ALICE), 2);
	ck_assert_uint_eq(allow(ALICE, CLIENT, &denied), 0);
	finish();
}
END_TEST

START_TEST(pending_allow_own_only)
{
	size_t denied;

	begin();
	add_server(1, ALICE, SERVER, 60001);
	knock(CLIENT, SERVER, 60001);
	ck_assert_uint_eq(allow(BOB, CLIENT, &denied), 0);
	ck_assert_uint_eq(policy.kernel.count, 0);
	ck_assert_uint_eq(allow(0, CLIENT, &denied), 1);
	ck_assert_uint_eq(policy.kernel.count, 1);
	finish();
}
END_TEST

START_TEST(pending_allow_says_whose)
{
	struct label label;
	size_t denied;

	begin();
	add_server(1, ALICE, SERVER, 60001);
	knock(CLIENT, SERVER, 60001);
	ck_assert_uint_eq(allow(0, CLIENT, &denied), 1);
	ck_assert_int_eq(label_read(policy.kernel.items[0].comment, &label), 0);
	ck_assert_int_eq(label.via, LABEL_ALLOW);
	ck_assert_uint_eq(label.uid, ALICE);
	ck_assert_uint_eq(label.cookie, 1);
	ck_assert_uint_eq(label.since_ms, START);
	ck_assert_str_eq(label.user, "alice");
	ck_assert_str_eq(label.auth, "");
	finish();
}
END_TEST

START_TEST(pending_allow_by_network)
{
	size_t denied;

	begin();
	policy.config.gate.prefix4 = 24;
	add_server(1, ALICE, SERVER, 60001);
	knock("203.0.113.0", SERVER, 60001);
	ck_assert_uint_eq(allow(ALICE, CLIENT, &denied), 1);
	ck_assert(policy_has(&policy.kernel, "203.0.113.0", SERVER, 60001));
	finish();
}
END_TEST

START_TEST(pending_allow_within_limits)
{
	size_t denied;

	begin();
	policy.config.limits.grants_per_user = 1;
	add_server(1, ALICE, SERVER, 60001);
	add_server(2, ALICE, SERVER, 60002);
	knock(CLIENT, SERVER, 60001);
	knock(CLIENT, SERVER, 60002);
	ck_assert_uint_eq(allow(ALICE, CLIENT, &denied), 2);
	ck_assert_uint_eq(denied, 1);
	ck_assert_uint_eq(policy.kernel.count, 1);
	ck_assert_uint_eq(policy.denials, 1);
	ck_assert_int_eq(policy.denial, DENIAL_LIMIT_USER);
	finish();
}
END_TEST

/* Expiry is in time awake, and the last packet in time since boot. */
START_TEST(pending_last_seen)
{
	struct element element = {.use = {.expires_ms = PENDING_KEEP_S * 1000 + 70000}};

	begin();
	policy.table->asleep_ms = 5000;
	ck_assert_uint_eq(pending_seen_ms(policy.table, &element), 75000);
	element.use.expires_ms = 10;
	ck_assert_uint_eq(pending_seen_ms(policy.table, &element), 0);
	finish();
}
END_TEST

CHECK_MAIN("pending", TEST(pending_own_only), LOOP(pending_at_the_server, ARRAY_LEN(places)),
	TEST(pending_not_of_rivals), TEST(pending_not_of_the_last), TEST(pending_live_servers_only),
	TEST(pending_allow_who_knocked), TEST(pending_allow_own_only),
	TEST(pending_allow_says_whose), TEST(pending_allow_by_network),
	TEST(pending_allow_within_limits), TEST(pending_last_seen))
