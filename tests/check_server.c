/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "check_main.h"
#include "grant.h"
#include "server.h"

#define UID   1000u
#define OTHER 1001u
#define START 50000u /* ms; some boot time */

/* What server_claim() found, in its order. */
struct found {
	uint64_t cookies[8];
	pid_t logins[8]; /* 0: without a login */
	size_t count;
};

struct world {
	struct server_table servers;
	struct login_table *logins;
	struct udp_socket sockets[8];
	size_t socket_count;
	struct mosh_process processes[8];
	size_t process_count;
	struct found found;
};

static struct world world;

static struct address address(const char *text)
{
	struct address parsed = {0};

	if (text)
		ck_assert_int_eq(address_parse(text, &parsed), 0);
	return parsed;
}

static void begin(void)
{
	memset(&world, 0, sizeof(world));
	server_table_init(&world.servers);
	world.logins = login_table_new();
}

static void finish(void)
{
	server_table_clear(&world.servers);
	ck_assert_ptr_null(world.servers.servers);
	login_table_free(world.logins);
}

/* A socket such as mosh makes, bound to an address; its port is its cookie's number. */
static struct udp_socket *add_socket(uint64_t cookie, uint32_t uid)
{
	struct udp_socket *socket = &world.sockets[world.socket_count++];

	*socket = (struct udp_socket){
		.cookie = cookie,
		.address = address("198.51.100.7"),
		.port = (uint16_t)(60000 + cookie),
		.uid = uid,
		.is_ecn = true,
	};
	return socket;
}

static void add_process(uint64_t cgroup, uint32_t session)
{
	size_t count = ++world.process_count;

	world.processes[count - 1] = (struct mosh_process){
		.pid = (pid_t)(100 + count),
		.uid = UID,
		.cgroup = cgroup,
		.session = session,
	};
}

static void add_login(pid_t pid, uint32_t uid, uint64_t cgroup, uint32_t session)
{
	const struct login login = {
		.pid = pid,
		.uid = uid,
		.client = address("203.0.113.5"),
		.process = {.cgroup = cgroup, .session = session},
		.user = (char *)"alice",
		.auth = (char *)"",
	};
	struct login *added;

	ck_assert_int_eq(login_add(world.logins, &login, 64, &added), 0);
}

static void see(uint64_t now_ms)
{
	const struct udp_sockets sockets = {world.sockets, world.socket_count, 8, NULL, NULL};

	server_see(&world.servers, &sockets, now_ms);
}

static void on_found(struct server *server, const struct login *login, void *context)
{
	struct found *found = context;

	found->cookies[found->count] = server->socket.cookie;
	found->logins[found->count++] = login ? login->pid : 0;
}

static void claim_with(
	const struct tally *uids, const struct mosh_processes *processes, uint64_t now_ms)
{
	const struct server_claim claim = {
		.logins = world.logins,
		.uids = uids,
		.processes = processes,
		.now_ms = now_ms,
		.found = on_found,
		.context = &world.found,
	};

	server_claim(&world.servers, &claim);
}

/* Claims for UID; how many were found then. */
static size_t claim(uint64_t now_ms)
{
	const struct mosh_processes processes = {world.processes, world.process_count, 8};
	struct tally uids = {0};

	memset(&world.found, 0, sizeof(world.found));
	tally_add(&uids, UID, 0, 1);
	claim_with(&uids, &processes, now_ms);
	tally_clear(&uids);
	return world.found.count;
}

static bool is_undecided(uint32_t uid, uint64_t now_ms)
{
	struct tally uids = {0};
	bool is_any = server_undecided(&world.servers, world.logins, now_ms, &uids);
	bool is_one = tally_of(&uids, uid, 0) > 0;

	ck_assert_int_eq(is_any, uids.entries != NULL);
	tally_clear(&uids);
	return is_one;
}

static enum server_role role(uint64_t cookie)
{
	const struct server *server = server_find(&world.servers, cookie);

	ck_assert_ptr_nonnull(server);
	return server->role;
}

START_TEST(server_one_per_process)
{
	begin();
	add_socket(2, UID);
	add_socket(1, UID);
	see(START);
	ck_assert_uint_eq(claim(START), 0);
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert_uint_eq(claim(START + 1), 1);
	ck_assert_uint_eq(world.found.cookies[0], 1);
	ck_assert_int_eq(role(2), SERVER_CANDIDATE);
	ck_assert_uint_eq(claim(START + 10000), 0);
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert_uint_eq(claim(START + 30000), 1);
	ck_assert_uint_eq(world.found.cookies[0], 2);
	finish();
}
END_TEST

START_TEST(server_gone_leaves_room)
{
	begin();
	add_socket(1, UID);
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), 1);
	server_end(&world.servers, 1);
	world.socket_count = 0;
	add_socket(2, UID);
	see(START + 5);
	ck_assert_uint_eq(claim(START + 5), 1);
	ck_assert_uint_eq(world.found.cookies[0], 2);
	finish();
}
END_TEST

START_TEST(server_other_users_do_not_count)
{
	begin();
	add_socket(1, OTHER);
	see(START);
	server_adopt(&world.servers, server_find(&world.servers, 1), "bob");
	add_socket(2, OTHER);
	add_socket(3, UID);
	see(START);
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert_uint_eq(claim(START), 1);
	ck_assert_uint_eq(world.found.cookies[0], 3);
	ck_assert_int_eq(role(2), SERVER_CANDIDATE);
	finish();
}
END_TEST

/* The process's cgroup, the socket's, and whether that process is one for that socket. */
static const struct {
	uint64_t process, socket;
	bool is_server;
} cgroups[] = {
	{5, 5, true},
	{5, 6, false},
	{0, 6, true},
	{5, 0, true},
	{0, 0, true},
};

START_TEST(server_process_of_its_cgroup)
{
	begin();
	add_socket(1, UID)->cgroup = cgroups[_i].socket;
	add_process(cgroups[_i].process, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), cgroups[_i].is_server);
	ck_assert_int_eq(role(1), cgroups[_i].is_server ? SERVER_OWNED : SERVER_CANDIDATE);
	finish();
}
END_TEST

/* A server in one session does not take away the process of another one. */
START_TEST(server_counts_by_cgroup)
{
	begin();
	add_socket(1, UID)->cgroup = 5;
	add_socket(2, UID)->cgroup = 6;
	add_socket(3, UID)->cgroup = 6;
	add_process(5, AUDIT_SESSION_NONE);
	add_process(6, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), 2);
	ck_assert_uint_eq(world.found.cookies[0], 1);
	ck_assert_uint_eq(world.found.cookies[1], 2);
	finish();
}
END_TEST

START_TEST(server_earlier_socket)
{
	begin();
	add_login(10, UID, 0, AUDIT_SESSION_NONE);
	add_socket(1, UID)->is_ecn = false;
	see(START);
	server_pass_over(&world.servers, START, 0);
	ck_assert_int_eq(role(1), SERVER_FOREIGN);
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert_uint_eq(claim(START + 1000), 0);
	add_socket(2, UID);
	see(START + 1000);
	ck_assert_int_eq(role(1), SERVER_FOREIGN);
	ck_assert_uint_eq(claim(START + 1000), 1);
	ck_assert_uint_eq(world.found.cookies[0], 2);
	finish();
}
END_TEST

/* Owned ones, younger ones, and, of those that look like mosh's own, some more. */
START_TEST(server_pass_over_spares)
{
	begin();
	add_socket(1, UID)->is_ecn = false;
	see(START);
	server_adopt(&world.servers, server_find(&world.servers, 1), "alice");
	add_socket(2, UID)->is_ecn = false;
	add_socket(3, UID);
	see(START + 100);
	server_pass_over(&world.servers, START + 124, 25);
	ck_assert_int_eq(role(2), SERVER_CANDIDATE);
	server_pass_over(&world.servers, START + 125, 25);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	ck_assert_int_eq(role(2), SERVER_FOREIGN);
	ck_assert_int_eq(role(3), SERVER_CANDIDATE);
	add_socket(4, UID);
	see(START + 125);
	server_pass_over(&world.servers, START + 100 + SERVER_LATE_MS - 1, 25);
	ck_assert_int_eq(role(3), SERVER_CANDIDATE);
	server_pass_over(&world.servers, START + 100 + SERVER_LATE_MS, 25);
	ck_assert_int_eq(role(3), SERVER_FOREIGN);
	ck_assert_int_eq(role(4), SERVER_CANDIDATE);
	server_pass_over_all(&world.servers);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	ck_assert_int_eq(role(4), SERVER_FOREIGN);
	finish();
}
END_TEST

static size_t adopt_all(uint64_t now_ms)
{
	const struct mosh_processes processes = {world.processes, world.process_count, 8};

	return server_adopt_all(&world.servers, UID, "alice", &processes, now_ms);
}

/* At a login what was passed over is looked at again, the better ones first. */
START_TEST(server_adopts_all)
{
	begin();
	add_socket(1, UID)->is_ecn = false;
	add_socket(2, UID)->address = address("0.0.0.0");
	add_socket(3, UID);
	add_socket(4, OTHER);
	see(START);
	server_pass_over_all(&world.servers);
	add_process(0, AUDIT_SESSION_NONE);
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert(server_has_unowned(&world.servers, UID));
	ck_assert_uint_eq(adopt_all(START + 1000), 0);
	ck_assert_int_eq(role(1), SERVER_FOREIGN);
	ck_assert_int_eq(role(2), SERVER_OWNED);
	ck_assert_int_eq(role(3), SERVER_OWNED);
	ck_assert_int_eq(role(4), SERVER_FOREIGN);
	ck_assert_str_eq(server_find(&world.servers, 3)->user, "alice");
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert_uint_eq(adopt_all(START + 1000), 0);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	ck_assert(!server_has_unowned(&world.servers, UID));
	ck_assert(server_has_unowned(&world.servers, OTHER));
	finish();
}
END_TEST

START_TEST(server_adopts_by_processes)
{
	begin();
	add_socket(1, UID);
	add_socket(2, UID);
	add_socket(3, UID);
	see(START);
	server_pass_over_all(&world.servers);
	ck_assert_uint_eq(adopt_all(START + 1000), 0);
	ck_assert_int_eq(role(1), SERVER_FOREIGN);
	add_process(0, AUDIT_SESSION_NONE);
	ck_assert_uint_eq(adopt_all(START + 1000), 2);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	ck_assert_int_eq(role(2), SERVER_FOREIGN);
	ck_assert_int_eq(role(3), SERVER_FOREIGN);
	finish();
}
END_TEST

/* One that has just come and does not look like mosh's may be a query's. */
START_TEST(server_adopts_no_doubtful)
{
	begin();
	add_socket(1, UID)->is_ecn = false;
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	adopt_all(START + SERVER_DOUBT_MS - 1);
	ck_assert_int_eq(role(1), SERVER_CANDIDATE);
	adopt_all(START + SERVER_DOUBT_MS);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	finish();
}
END_TEST

/* Two sockets and one process: the first is the better one although its port is higher. */
static const struct {
	bool is_ecn, is_other_ecn;
	const char *address, *other;
} better[] = {
	{true, false, "198.51.100.7", "198.51.100.7"},
	{true, false, "0.0.0.0", "198.51.100.7"},
	{true, true, "198.51.100.7", "0.0.0.0"},
	{true, true, "2001:db8::7", "::"},
	{false, false, "198.51.100.7", "0.0.0.0"},
};

START_TEST(server_better_one_first)
{
	struct udp_socket *good, *bad;

	begin();
	bad = add_socket(1, UID);
	good = add_socket(2, UID);
	good->is_ecn = better[_i].is_ecn;
	good->address = address(better[_i].address);
	bad->is_ecn = better[_i].is_other_ecn;
	bad->address = address(better[_i].other);
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START + SERVER_DOUBT_MS), 1);
	ck_assert_uint_eq(world.found.cookies[0], 2);
	ck_assert_int_eq(role(1), SERVER_CANDIDATE);
	finish();
}
END_TEST

START_TEST(server_doubtful_one_waits)
{
	begin();
	add_login(10, UID, 0, AUDIT_SESSION_NONE);
	add_socket(1, UID)->is_ecn = false;
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), 0);
	ck_assert(!is_undecided(UID, START + SERVER_DOUBT_MS - 1));
	ck_assert_uint_eq(claim(START + SERVER_DOUBT_MS - 1), 0);
	ck_assert(is_undecided(UID, START + SERVER_DOUBT_MS));
	ck_assert_uint_eq(claim(START + SERVER_DOUBT_MS), 1);
	finish();
}
END_TEST

/* While it waits, a better one comes. */
START_TEST(server_doubtful_one_loses)
{
	begin();
	add_socket(1, UID)->is_ecn = false;
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), 0);
	add_socket(2, UID);
	see(START + 6);
	ck_assert_uint_eq(claim(START + 6), 1);
	ck_assert_uint_eq(world.found.cookies[0], 2);
	ck_assert_uint_eq(claim(START + SERVER_DOUBT_MS), 0);
	finish();
}
END_TEST

START_TEST(server_owner_by_cgroup)
{
	begin();
	add_login(10, UID, 5, 8);
	add_login(11, UID, 6, 7);
	add_login(12, OTHER, 5, 7);
	add_socket(1, UID)->cgroup = 5;
	add_process(5, 7);
	see(START);
	ck_assert_uint_eq(claim(START), 1);
	ck_assert_int_eq(world.found.logins[0], 10);
	ck_assert_uint_eq(server_find(&world.servers, 1)->session, 8);
	ck_assert_str_eq(server_find(&world.servers, 1)->user, "alice");
	finish();
}
END_TEST

START_TEST(server_owner_by_audit_session)
{
	begin();
	add_login(10, UID, 0, 7);
	add_login(11, UID, 0, 8);
	add_socket(1, UID);
	add_process(0, 7);
	see(START);
	ck_assert_uint_eq(claim(START), 1);
	ck_assert_int_eq(world.found.logins[0], 10);
	finish();
}
END_TEST

/* A session of which the process has its server already is not that of the next one. */
START_TEST(server_owner_not_served_yet)
{
	begin();
	add_login(10, UID, 0, 7);
	add_login(11, UID, 0, 8);
	add_socket(1, UID);
	add_process(0, 8);
	see(START);
	ck_assert_uint_eq(claim(START), 1);
	ck_assert_int_eq(world.found.logins[0], 11);
	add_socket(2, UID);
	add_process(0, 7);
	see(START + 10);
	ck_assert_uint_eq(claim(START + 10), 1);
	ck_assert_int_eq(world.found.logins[0], 10);
	finish();
}
END_TEST

START_TEST(server_owner_newest)
{
	begin();
	add_login(10, UID, 0, AUDIT_SESSION_NONE);
	add_login(11, UID, 0, AUDIT_SESSION_NONE);
	add_socket(1, UID);
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), 1);
	ck_assert_int_eq(world.found.logins[0], 11);
	finish();
}
END_TEST

START_TEST(server_owner_unknown)
{
	begin();
	add_login(10, OTHER, 0, AUDIT_SESSION_NONE);
	add_socket(1, UID);
	add_process(0, AUDIT_SESSION_NONE);
	see(START);
	ck_assert_uint_eq(claim(START), 1);
	ck_assert_int_eq(world.found.logins[0], 0);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	ck_assert_str_eq(server_find(&world.servers, 1)->user, "");
	finish();
}
END_TEST

/* A socket that never becomes a server is looked at two dozen times in three seconds, and at a
 * logout in any case. */
START_TEST(server_looks_double)
{
	static const uint64_t first[] = {0, 1, 3, 7, 15};
	unsigned int looks = 0;

	begin();
	add_login(10, UID, 0, AUDIT_SESSION_NONE);
	add_socket(1, UID);
	see(START);
	for (uint64_t age_ms = 0; age_ms <= 3000; age_ms++) {
		if (!is_undecided(UID, START + age_ms))
			continue;
		if (looks < ARRAY_LEN(first))
			ck_assert_uint_eq(age_ms, first[looks]);
		looks++;
		ck_assert_uint_eq(claim(START + age_ms), 0);
		ck_assert(!is_undecided(UID, START + age_ms));
		ck_assert(is_undecided(UID, START + age_ms + SERVER_DOUBT_MS));
	}
	ck_assert_uint_eq(looks, 22);
	finish();
}
END_TEST

/* As many as there are, each once, with its own processes; and each is decided by that. */
START_TEST(server_each_uid_its_own)
{
	struct mosh_process items[] = {{.uid = UID, .session = AUDIT_SESSION_NONE},
		{.uid = OTHER, .session = AUDIT_SESSION_NONE}};
	const struct mosh_processes processes = {items, 2, 2};
	struct tally uids = {0};

	begin();
	add_socket(1, UID);
	add_socket(2, OTHER);
	add_socket(3, OTHER);
	add_socket(4, OTHER + 1);
	see(START);
	ck_assert(server_undecided(&world.servers, world.logins, START, &uids));
	ck_assert_int_eq(tally_of(&uids, UID, 0), 1);
	ck_assert_int_eq(tally_of(&uids, OTHER, 0), 2);
	claim_with(&uids, &processes, START);
	ck_assert_uint_eq(world.found.count, 2);
	ck_assert_int_eq(role(1), SERVER_OWNED);
	ck_assert_int_eq(role(2), SERVER_OWNED);
	ck_assert_int_eq(role(3), SERVER_CANDIDATE);
	ck_assert_int_eq(role(4), SERVER_CANDIDATE);
	tally_clear(&uids);
	finish();
}
END_TEST

/* However many, and however often they have new sockets; who has a login is looked at all the same.
 */
START_TEST(server_strangers_in_common)
{
	unsigned int looks = 0;

	begin();
	add_login(10, UID, 0, AUDIT_SESSION_NONE);
	for (uint32_t i = 0; i < 4; i++) {
		add_socket(1 + i, OTHER + i);
		see(START + i);
		ck_assert_int_eq(is_undecided(OTHER + i, START + i), i == 0);
	}
	add_socket(5, UID);
	see(START + 4);
	ck_assert(is_undecided(UID, START + 4));
	ck_assert(!is_undecided(OTHER + 1, START + SERVER_STRANGERS_MS - 1));
	for (uint64_t age_ms = 5; age_ms < 1000; age_ms++)
		looks += is_undecided(OTHER + 3, START + age_ms);
	ck_assert_uint_eq(looks, 4);
	finish();
}
END_TEST

/* Some of theirs are asked for by themselves when a dump passes them over, as many as are free; and
 * all that have a grant, or a user. */
START_TEST(server_strangers_asked_for)
{
	const size_t count = SERVER_MISSING_MAX + 9;
	struct udp_socket *sockets = memory_zeroed(count * sizeof(*sockets));
	const struct udp_sockets seen = {sockets, count, count, NULL, NULL}, none = {0};
	struct udp_sockets missing = {0};
	struct grant grant;

	begin();
	for (size_t i = 0; i < count; i++)
		sockets[i] = (struct udp_socket){.cookie = i + 1, .port = 60001, .uid = UID};
	server_see(&world.servers, &seen, START);
	for (size_t i = 0; i < count; i++) {
		struct server *server = server_find(&world.servers, i + 1);

		if (i == count - 1) /* foreign */
			continue;
		server_adopt(&world.servers, server, i == count - 2 ? "alice" : "");
		if (i == count - 3)
			server->grants = &grant;
	}
	server_missing(&world.servers, &none, &missing);
	ck_assert_uint_eq(missing.count, SERVER_MISSING_MAX + 2);
	ck_assert_uint_eq(missing.items[missing.count - 1].cookie, count - 1);
	ck_assert_uint_eq(missing.items[missing.count - 2].cookie, count - 2);
	free(missing.items);
	free(sockets);
	finish();
}
END_TEST

static const struct {
	const char *address;
	uint16_t port;
	bool is_ecn, is_owned, is_kept;
} earlier[] = {
	{"198.51.100.7", 60001, true, false, true},
	{"::", 60001, true, false, true},
	{"198.51.100.7", 60001, false, false, false},
	{"198.51.100.7", 60002, true, false, false},
	{"127.0.0.2", 60001, true, false, false},
	{"198.51.100.7", 60001, true, true, false},
};

/* Of what was there for an earlier helper what looks like mosh's is kept, and asked for by itself.
 */
START_TEST(server_keeps)
{
	const struct udp_sockets none = {0};
	struct udp_sockets missing = {0};
	struct udp_socket *socket;

	begin();
	socket = add_socket(1, UID);
	socket->address = address(earlier[_i].address);
	socket->port = earlier[_i].port;
	socket->is_ecn = earlier[_i].is_ecn;
	see(START);
	if (earlier[_i].is_owned)
		server_adopt(&world.servers, server_find(&world.servers, 1), "alice");
	server_keep_ports(&world.servers, (bool[SERVER_PORTS]){[60001] = true});
	ck_assert(server_find(&world.servers, 1)->is_kept == earlier[_i].is_kept);
	server_missing(&world.servers, &none, &missing);
	ck_assert_uint_eq(missing.count, earlier[_i].is_kept || earlier[_i].is_owned);
	free(missing.items);
	finish();
}
END_TEST

START_TEST(server_ends)
{
	begin();
	add_socket(1, UID);
	add_socket(2, UID);
	see(START);
	server_adopt(&world.servers, server_find(&world.servers, 1), "alice");
	server_end(&world.servers, 3);
	server_end(&world.servers, 2);
	ck_assert_ptr_null(server_find(&world.servers, 2));
	ck_assert(!server_find(&world.servers, 1)->is_gone);
	server_end(&world.servers, 1);
	ck_assert(server_find(&world.servers, 1)->is_gone);
	finish();
}
END_TEST

/* The same by a dump in which they are missing. */
START_TEST(server_missing_in_dump)
{
	begin();
	add_socket(1, UID);
	add_socket(2, UID);
	add_socket(3, UID);
	see(START);
	server_adopt(&world.servers, server_find(&world.servers, 1), "alice");
	server_adopt(&world.servers, server_find(&world.servers, 3), "alice");
	world.sockets[0] = world.sockets[2];
	world.socket_count = 1;
	see(START + 1);
	ck_assert(server_find(&world.servers, 1)->is_gone);
	ck_assert_ptr_null(server_find(&world.servers, 2));
	ck_assert(!server_find(&world.servers, 3)->is_gone);
	finish();
}
END_TEST

/* A server that came beside all that there are. */
static struct server *add_owned(uint64_t cookie, const char *bound, uint16_t port)
{
	struct udp_socket sockets[32];
	struct udp_sockets seen = {sockets, 0, 32, NULL, NULL};
	struct server *server;

	for (server = world.servers.servers; server; server = server->hh.next)
		sockets[seen.count++] = server->socket;
	sockets[seen.count++] = (struct udp_socket){
		.cookie = cookie, .address = address(bound), .port = port, .uid = UID};
	server_see(&world.servers, &seen, START);
	server = server_find(&world.servers, cookie);
	server_adopt(&world.servers, server, "alice");
	return server;
}

static void check_span(size_t at, const char *bound, uint16_t first, uint16_t last)
{
	const struct port_spans *spans = server_spans(&world.servers);
	const struct address expected = address(bound);

	ck_assert_uint_lt(at, spans->count);
	ck_assert(address_equal(&spans->items[at].address, &expected));
	ck_assert_uint_eq(spans->items[at].first, first);
	ck_assert_uint_eq(spans->items[at].last, last);
}

/* Where servers are, whatever the order in which they came. */
START_TEST(server_spans_join)
{
	begin();
	ck_assert_uint_eq(server_spans(&world.servers)->count, 0);
	add_owned(1, "198.51.100.7", 60003);
	add_owned(2, "198.51.100.7", 60001);
	check_span(0, "198.51.100.7", 60001, 60001);
	check_span(1, "198.51.100.7", 60003, 60003);
	add_owned(3, "198.51.100.7", 60002);
	add_owned(4, "198.51.100.8", 60004);
	add_owned(5, "2001:db8::7", 60002);
	ck_assert_uint_eq(server_spans(&world.servers)->count, 3);
	check_span(0, "198.51.100.7", 60001, 60003);
	check_span(1, "198.51.100.8", 60004, 60004);
	check_span(2, "2001:db8::7", 60002, 60002);
	server_end(&world.servers, 3);
	ck_assert_uint_eq(server_spans(&world.servers)->count, 4);
	check_span(1, "198.51.100.7", 60003, 60003);
	server_remove(&world.servers, server_find(&world.servers, 5));
	ck_assert_uint_eq(server_spans(&world.servers)->count, 3);
	finish();
}
END_TEST

/* One that is bound to an interface is not alone in its place; others are not known to be servers.
 */
START_TEST(server_spans_hold_servers_alone)
{
	begin();
	add_socket(1, UID);
	add_socket(2, UID);
	world.sockets[1].interface = 1;
	see(START);
	ck_assert_uint_eq(server_spans(&world.servers)->count, 0);
	server_adopt(&world.servers, server_find(&world.servers, 2), "alice");
	ck_assert_uint_eq(server_spans(&world.servers)->count, 0);
	finish();
}
END_TEST

/* Of too many the longest. */
START_TEST(server_spans_of_many)
{
	const struct port_spans *spans;
	size_t spanned = 0;

	begin();
	for (uint16_t i = 0; i < PORT_SPANS_MAX + 2; i++)
		add_owned(1 + i, "198.51.100.7", 60000 + 3 * i);
	/* the last one gets longer, and one in their midst */
	add_owned(100, "198.51.100.7", 60000 + 3 * (PORT_SPANS_MAX + 1) + 1);
	add_owned(101, "198.51.100.7", 60000 + 3 * 5 + 1);
	spans = server_spans(&world.servers);
	ck_assert_uint_eq(spans->count, PORT_SPANS_MAX);
	for (size_t i = 0; i < spans->count; i++)
		spanned += spans->items[i].last - spans->items[i].first + 1;
	ck_assert_uint_eq(spanned, PORT_SPANS_MAX + 2);
	ck_assert_uint_eq(world.servers.spanned, PORT_SPANS_MAX + 2);
	finish();
}
END_TEST

/* Nothing is told of what was not asked for; of all else it is missed as ever. */
START_TEST(server_spans_are_not_missed)
{
	struct udp_sockets none = {0}, missing = {0};
	struct server *known, *apart;

	begin();
	known = add_owned(1, "198.51.100.7", 60001);
	apart = add_owned(2, "198.51.100.8", 60001);
	apart->socket.interface = 1;
	world.servers.changes++;
	none.except = server_spans(&world.servers);
	server_missing(&world.servers, &none, &missing);
	ck_assert_uint_eq(missing.count, 1);
	ck_assert_uint_eq(missing.items[0].cookie, 2);
	free(missing.items);
	server_see(&world.servers, &none, START);
	ck_assert(!known->is_gone);
	ck_assert(apart->is_gone);
	none.except = server_spans(&world.servers);
	server_see(&world.servers, &none, START);
	ck_assert(!known->is_gone);
	none.except = NULL;
	server_see(&world.servers, &none, START);
	ck_assert(known->is_gone);
	finish();
}
END_TEST

/* All that there is was not asked for: nothing is new. But in a whole dump it would be. */
START_TEST(server_spans_hold_all)
{
	struct udp_sockets none = {0};
	struct server *server;

	begin();
	server = add_owned(1, "198.51.100.7", 60001);
	none.except = server_spans(&world.servers);
	server_see(&world.servers, &none, START);
	ck_assert(!server->is_gone);
	none.except = NULL;
	server_see(&world.servers, &none, START);
	ck_assert(server->is_gone);
	finish();
}
END_TEST

/* Who shares a server's place is not asked for either, and not missed: what was known of it stays.
 */
START_TEST(server_spans_of_two)
{
	struct udp_sockets none = {0};

	begin();
	add_socket(1, UID);
	add_socket(2, UID)->port = 60001;
	see(START);
	server_pass_over_all(&world.servers);
	server_adopt(&world.servers, server_find(&world.servers, 1), "alice");
	none.except = server_spans(&world.servers);
	server_see(&world.servers, &none, START);
	ck_assert_ptr_nonnull(server_find(&world.servers, 2));
	ck_assert_int_eq(server_find(&world.servers, 2)->role, SERVER_FOREIGN);
	finish();
}
END_TEST

static const struct {
	const char *own, *other, *asked;
	uint16_t port;
	uint32_t uid;
	bool is_dual; /* those bound to :: */
	uint32_t own_interface, other_interface;
	bool is_shadowed;
} shadows[] = {
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID - 1, false, 0, 0, true},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 0, 0, true},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID, false, 0, 0, false},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60002, UID + 1, false, 0, 0, false},
	{"0.0.0.0", "198.51.100.7", "198.51.100.8", 60001, UID + 1, false, 0, 0, false},
	{"::", "198.51.100.7", "198.51.100.7", 60001, UID + 1, true, 0, 0, true},
	{"::", "2001:db8::7", "2001:db8::7", 60001, UID + 1, false, 0, 0, true},
	{"0.0.0.0", "0.0.0.0", "198.51.100.7", 60001, UID + 1, false, 0, 0, true},
	{"0.0.0.0", "0.0.0.0", "198.51.100.7", 60002, UID + 1, false, 0, 0, false},
	{"0.0.0.0", "::", "198.51.100.7", 60001, UID - 1, true, 0, 0, true},
	{"0.0.0.0", "::", "198.51.100.7", 60001, UID - 1, false, 0, 0, false},
	{"::", "0.0.0.0", "198.51.100.7", 60001, UID + 1, true, 0, 0, true},
	{"::", "0.0.0.0", "2001:db8::7", 60001, UID + 1, true, 0, 0, false},
	{"::", "::", "2001:db8::7", 60001, UID + 1, false, 0, 0, true},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 2, 3, true},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 2, 2, true},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 2, 0, true},
	{"0.0.0.0", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 0, 3, true},
	{"198.51.100.7", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 0, 0, false},
	{"198.51.100.7", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 2, 3, true},
	{"198.51.100.7", "198.51.100.7", "198.51.100.7", 60001, UID - 1, false, 0, 3, false},
	{"198.51.100.7", "198.51.100.7", "198.51.100.7", 60001, UID + 1, false, 2, 0, true},
	{"198.51.100.7", "198.51.100.7", "198.51.100.7", 60001, UID, false, 2, 3, false},
	{"198.51.100.7", "198.51.100.7", "198.51.100.7", 60002, UID + 1, false, 2, 3, false},
	{"198.51.100.7", "0.0.0.0", "198.51.100.7", 60001, UID + 1, false, 0, 0, false},
	{"198.51.100.7", "0.0.0.0", "198.51.100.7", 60001, UID + 1, false, 2, 3, true},
	{"198.51.100.7", "0.0.0.0", "198.51.100.7", 60002, UID + 1, false, 2, 3, false},
	{"2001:db8::7", "::", "2001:db8::7", 60001, UID + 1, false, 2, 3, true},
	{"2001:db8::7", "2001:db8::7", "2001:db8::7", 60001, UID + 1, false, 2, 3, true},
};

static void bind_shadow(
	struct udp_socket *socket, const char *text, bool is_dual, uint32_t interface)
{
	socket->address = address(text);
	socket->is_dual = is_dual && strcmp(text, "::") == 0;
	socket->interface = interface;
	socket->port = 60001;
}

/* What comes to an address is for the socket that is bound to it, as long as that is there, and
 * whatever else there is; and nobody knows for which of two that are bound to any. */
START_TEST(server_shadows)
{
	const struct address asked = address(shadows[_i].asked);
	const struct server *server;

	begin();
	bind_shadow(add_socket(1, UID), shadows[_i].own, shadows[_i].is_dual,
		shadows[_i].own_interface);
	bind_shadow(add_socket(2, shadows[_i].uid), shadows[_i].other, shadows[_i].is_dual,
		shadows[_i].other_interface);
	world.sockets[1].port = shadows[_i].port;
	add_socket(3, UID)->port = 60001;
	add_socket(4, UID + 1)->port = 60007;
	add_socket(5, UID - 1)->address = address("198.51.100.6");
	for (uint64_t cookie = 6; cookie < 9; cookie++)
		bind_shadow(add_socket(cookie, UID), shadows[_i].own, shadows[_i].is_dual, 0);
	see(START);
	server = server_find(&world.servers, 1);
	ck_assert(server_is_shadowed(&world.servers, server, &asked) == shadows[_i].is_shadowed);
	server_adopt(&world.servers, server_find(&world.servers, 2), "bob");
	server_end(&world.servers, 2);
	ck_assert(!server_is_shadowed(&world.servers, server, &asked));
	finish();
}
END_TEST

/* Others that are bound to an interface end: one that was nobody's, and one that was a server. */
START_TEST(server_shadowed_as_before)
{
	const struct address asked = address("198.51.100.7");
	const struct server *server;

	begin();
	bind_shadow(add_socket(1, UID), "198.51.100.7", false, 2);
	bind_shadow(add_socket(2, UID + 1), "198.51.100.7", false, 3);
	add_socket(3, UID)->interface = 4;
	add_socket(4, UID)->interface = 5;
	see(START);
	server = server_find(&world.servers, 1);
	server_end(&world.servers, 3);
	ck_assert(server_is_shadowed(&world.servers, server, &asked));
	server_adopt(&world.servers, server_find(&world.servers, 4), "alice");
	server_end(&world.servers, 4);
	ck_assert(server_is_shadowed(&world.servers, server, &asked));
	server_end(&world.servers, 2);
	ck_assert(!server_is_shadowed(&world.servers, server, &asked));
	finish();
}
END_TEST

static const struct {
	const char *bound, *asked;
	uint32_t interface;
	bool is_at4, is_at6; /* a socket that is not told of, at the server's port */
	bool is_shadowed;
} hidden_places[] = {
	{"0.0.0.0", "198.51.100.7", 0, true, false, true},
	{"0.0.0.0", "198.51.100.7", 0, false, true, false},
	{"::", "198.51.100.7", 0, true, false, true},
	{"::", "2001:db8::7", 0, false, true, true},
	{"::", "2001:db8::7", 0, true, false, false},
	{"198.51.100.7", "198.51.100.7", 0, true, true, false},
	{"198.51.100.7", "198.51.100.7", 2, true, false, true},
	{"198.51.100.7", "198.51.100.7", 2, false, true, false},
};

/* What is at a port, nobody knows where, is taken for another user's on the server's address, as
 * long as it is there, if the kernel would let it be. */
START_TEST(server_shadowed_by_hidden)
{
	const struct address asked = address(hidden_places[_i].asked);
	struct hidden_ports *hidden = memory_zeroed(sizeof(*hidden));
	struct udp_sockets seen = {world.sockets, 2, 8, NULL, hidden};
	const struct server *server;

	begin();
	add_socket(2, UID)->interface = 2;
	bind_shadow(add_socket(1, UID), hidden_places[_i].bound, true, hidden_places[_i].interface);
	hidden->of4[60002] = hidden->of6[60002] = true;
	server_see(&world.servers, &seen, START);
	server = server_find(&world.servers, 1);
	ck_assert(!server_is_shadowed(&world.servers, server, &asked));
	hidden->of4[60001] = hidden_places[_i].is_at4;
	hidden->of6[60001] = hidden_places[_i].is_at6;
	server_see(&world.servers, &seen, START);
	ck_assert(server_is_shadowed(&world.servers, server, &asked) ==
		  hidden_places[_i].is_shadowed);
	see(START);
	ck_assert(!server_is_shadowed(&world.servers, server, &asked));
	free(hidden);
	finish();
}
END_TEST

/* Who looks whether anything came or went sees that, once, also where nothing else is new. */
START_TEST(server_hidden_count_as_coming)
{
	struct hidden_ports *hidden = memory_zeroed(sizeof(*hidden));
	struct udp_sockets seen = {NULL, 0, 0, NULL, hidden}, none = {0};
	const uint64_t *comings = &world.servers.comings;
	uint64_t before;

	begin();
	seen.except = none.except = server_spans(&world.servers);
	before = *comings;
	hidden->of4[60001] = true;
	server_see(&world.servers, &seen, START);
	ck_assert_uint_eq(*comings, before + 1);
	server_see(&world.servers, &seen, START);
	ck_assert_uint_eq(*comings, before + 1);
	server_see(&world.servers, &none, START);
	ck_assert_uint_eq(*comings, before + 2);
	free(hidden);
	finish();
}
END_TEST

static const struct {
	const char *address;
	uint16_t port;
	uint32_t interface;
	bool is_dual;
} places[] = {{"198.51.100.7", 60002, 0, false}, {"198.51.100.8", 60001, 0, false},
	{"198.51.100.7", 60001, 1, false}, {"198.51.100.7", 60001, 0, true}};

/* A socket that is bound to another place is not what it was, and is known there as a new one. */
START_TEST(server_moves)
{
	struct udp_sockets missing = {0};
	struct udp_sockets sockets;

	begin();
	add_socket(1, UID);
	add_socket(3, UID);
	see(START);
	server_adopt(&world.servers, server_find(&world.servers, 1), "alice");
	for (size_t i = 0; i < 2; i++) {
		world.sockets[i].address = address(places[_i].address);
		world.sockets[i].port = places[_i].port;
		world.sockets[i].interface = places[_i].interface;
		world.sockets[i].is_dual = places[_i].is_dual;
	}
	sockets = (struct udp_sockets){world.sockets, 2, 2, NULL, NULL};
	server_missing(&world.servers, &sockets, &missing);
	ck_assert_uint_eq(missing.count, 1); /* it is asked for where it was */
	ck_assert_uint_eq(missing.items[0].port, 60001);
	free(missing.items);
	server_pass_over_all(&world.servers);
	see(START);
	ck_assert(server_find(&world.servers, 1)->is_gone);
	ck_assert_uint_eq(server_find(&world.servers, 3)->socket.port, places[_i].port);
	ck_assert_int_eq(server_find(&world.servers, 3)->role, SERVER_CANDIDATE);
	server_remove(&world.servers, server_find(&world.servers, 1));
	see(START);
	ck_assert_uint_eq(server_find(&world.servers, 1)->socket.port, places[_i].port);
	ck_assert_int_eq(server_find(&world.servers, 1)->role, SERVER_CANDIDATE);
	finish();
}
END_TEST

#define CHOSEN 4095

/* All of them in one of uthash's first buckets, if it hashed them as it does by itself. */
static uint64_t next_chosen(uint64_t cookie)
{
	unsigned int hash = 1;

	while (hash % HASH_INITIAL_NUM_BUCKETS != 0 || hash / HASH_INITIAL_NUM_BUCKETS % 4 != 0) {
		cookie++;
		HASH_JEN(&cookie, sizeof(cookie), hash);
	}
	return cookie;
}

/* Who reads his sockets' cookies and keeps some of them makes nobody search long. */
START_TEST(server_chosen_cookies)
{
	struct udp_socket *sockets = memory_zeroed(CHOSEN * sizeof(*sockets));
	const struct udp_sockets seen = {sockets, CHOSEN, CHOSEN, NULL, NULL};
	uint64_t cookie = 0;

	begin();
	for (size_t i = 0; i < CHOSEN; i++) {
		cookie = next_chosen(cookie);
		sockets[i] = (struct udp_socket){.cookie = cookie, .port = 60001, .uid = UID};
	}
	server_see(&world.servers, &seen, START);
	ck_assert_uint_eq(HASH_COUNT(world.servers.servers), CHOSEN);
	ck_assert_uint_eq(world.servers.servers->hh.tbl->noexpand, 0);
	ck_assert_uint_ge(world.servers.servers->hh.tbl->num_buckets, 256);
	free(sockets);
	finish();
}
END_TEST

static bool find_sessions(uint64_t now_ms, const struct login **sessions, size_t *count)
{
	struct tally uids = {0};
	const struct server_claim claim = {.logins = world.logins, .uids = &uids, .now_ms = now_ms};
	bool is_known;

	*count = 0;
	tally_add(&uids, UID, 0, 1);
	is_known = server_sessions(&world.servers, &claim, sessions, count);
	tally_clear(&uids);
	return is_known;
}

/* A login for each cgroup of candidates that are due, and of no others. */
START_TEST(server_sessions_of_candidates)
{
	const struct login *sessions[SERVER_SESSIONS_MAX];
	size_t count;

	begin();
	add_login(10, UID, 7, AUDIT_SESSION_NONE);
	add_login(11, UID, 8, AUDIT_SESSION_NONE);
	add_login(12, UID, 8, AUDIT_SESSION_NONE);
	add_login(20, OTHER, 9, AUDIT_SESSION_NONE);
	add_socket(1, UID)->cgroup = 7;
	add_socket(2, UID)->cgroup = 8;
	add_socket(3, UID)->cgroup = 8;
	add_socket(4, OTHER)->cgroup = 1;
	add_socket(5, UID)->cgroup = 9;
	see(START);
	ck_assert(!find_sessions(START, sessions, &count)); /* 9 is another's */
	server_adopt(&world.servers, server_find(&world.servers, 5), "alice");
	ck_assert(find_sessions(START, sessions, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(sessions[0]->process.cgroup + sessions[1]->process.cgroup, 7 + 8);
	server_find(&world.servers, 1)->due_ms = START + 1;
	ck_assert(find_sessions(START, sessions, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(sessions[0]->process.cgroup, 8);
	finish();
}
END_TEST

/* Without a cgroup, also when the login has none either; and in too many. */
START_TEST(server_sessions_unknown)
{
	const struct login *sessions[SERVER_SESSIONS_MAX];
	struct server *server;
	size_t count;

	begin();
	add_login(10, UID, 0, AUDIT_SESSION_NONE);
	add_socket(1, UID);
	see(START);
	ck_assert(!find_sessions(START, sessions, &count));
	server_remove(&world.servers, server_find(&world.servers, 1));
	for (uint64_t i = 1; i <= SERVER_SESSIONS_MAX + 1; i++) {
		server = add_owned(i, "198.51.100.7", (uint16_t)(60000 + i));
		server->role = SERVER_CANDIDATE;
		server->socket.cgroup = 100 + i;
		add_login((pid_t)(100 + i), UID, 100 + i, AUDIT_SESSION_NONE);
		ck_assert_int_eq(find_sessions(START, sessions, &count), i <= SERVER_SESSIONS_MAX);
	}
	for (server = world.servers.servers; server; server = server->hh.next)
		server->role = SERVER_OWNED;
	finish();
}
END_TEST

static const struct {
	const char *bound;
	bool is_dual;
	const char *client, *own; /* of the login */
	int error;
	const char *expected;
} addresses[] = {
	{"198.51.100.7", false, "203.0.113.5", "198.51.100.9", 0, "198.51.100.7"},
	{"198.51.100.7", false, "203.0.113.5", NULL, 0, "198.51.100.7"},
	{"2001:db8::7", false, "2001:db8::5", "2001:db8::9", 0, "2001:db8::7"},
	{"0.0.0.0", false, "203.0.113.5", "198.51.100.9", 0, "198.51.100.9"},
	{"::", false, "2001:db8::5", "2001:db8::9", 0, "2001:db8::9"},
	{"::", true, "2001:db8::5", "2001:db8::9", 0, "2001:db8::9"},
	{"::", true, "203.0.113.5", "198.51.100.9", 0, "198.51.100.9"},
	{"0.0.0.0", false, "203.0.113.5", NULL, -EDESTADDRREQ, NULL},
	{"::", false, "2001:db8::5", NULL, -EDESTADDRREQ, NULL},
	{"::", true, "203.0.113.5", NULL, -EDESTADDRREQ, NULL},
	{"198.51.100.7", false, "2001:db8::5", "2001:db8::9", -EAFNOSUPPORT, NULL},
	{"0.0.0.0", false, "2001:db8::5", "2001:db8::9", -EAFNOSUPPORT, NULL},
	{"2001:db8::7", false, "203.0.113.5", "198.51.100.9", -EAFNOSUPPORT, NULL},
	{"::", false, "203.0.113.5", "198.51.100.9", -EAFNOSUPPORT, NULL},
};

START_TEST(server_address_of)
{
	const struct server server = {
		.socket.address = address(addresses[_i].bound),
		.socket.is_dual = addresses[_i].is_dual,
	};
	const struct login login = {
		.client = address(addresses[_i].client),
		.server = address(addresses[_i].own),
	};
	const struct address expected = address(addresses[_i].expected);
	struct address found = {0};

	ck_assert_int_eq(server_address(&server, &login, &found), addresses[_i].error);
	ck_assert(address_equal(&found, &expected));
}
END_TEST

CHECK_MAIN("server", TEST(server_one_per_process), TEST(server_gone_leaves_room),
	TEST(server_other_users_do_not_count),
	LOOP(server_process_of_its_cgroup, ARRAY_LEN(cgroups)), TEST(server_counts_by_cgroup),
	TEST(server_earlier_socket), TEST(server_pass_over_spares), TEST(server_adopts_all),
	TEST(server_adopts_by_processes), TEST(server_adopts_no_doubtful),
	LOOP(server_better_one_first, ARRAY_LEN(better)), TEST(server_doubtful_one_waits),
	TEST(server_doubtful_one_loses), TEST(server_owner_by_cgroup),
	TEST(server_owner_by_audit_session), TEST(server_owner_not_served_yet),
	TEST(server_owner_newest), TEST(server_owner_unknown), TEST(server_looks_double),
	TEST(server_each_uid_its_own), TEST(server_strangers_in_common),
	TEST(server_strangers_asked_for), LOOP(server_keeps, ARRAY_LEN(earlier)), TEST(server_ends),
	TEST(server_missing_in_dump), TEST(server_sessions_of_candidates),
	TEST(server_sessions_unknown), TEST(server_spans_hold_all), TEST(server_spans_of_two),
	LOOP(server_shadows, ARRAY_LEN(shadows)), TEST(server_shadowed_as_before),
	LOOP(server_shadowed_by_hidden, ARRAY_LEN(hidden_places)),
	TEST(server_hidden_count_as_coming), LOOP(server_moves, ARRAY_LEN(places)),
	TEST(server_chosen_cookies), TEST(server_spans_join), TEST(server_spans_hold_servers_alone),
	TEST(server_spans_of_many), TEST(server_spans_are_not_missed),
	LOOP(server_address_of, ARRAY_LEN(addresses)))
