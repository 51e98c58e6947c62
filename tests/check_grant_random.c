/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy against a model that is too simple to be wrong: tens of thousands of random steps, and
 * after each of them the kernel's sets have to be exactly what the model says.
 *
 * In the model a server belongs to the login in whose cgroup it starts. That login's address is let
 * in, and that of each later login of its user; until the socket ends, the element expires, or a
 * person revokes it. Nothing else.
 */
#include "check_policy.h"

#define SEEDS   10
#define STEPS   3000
#define USERS   3
#define LOGINS  8
#define SOCKETS 16
#define PORTS   6
#define GUESTS  128

struct model_socket {
	struct udp_socket socket; /* cookie 0: a free place */
	bool is_mosh;             /* has a process of its own */
	bool is_known;            /* the helper that runs now takes it for a mosh-server's */
};

/* One who is let in. */
struct guest {
	uint64_t cookie;
	uint32_t uid;
	struct grant_key key;
};

static struct config config;
static struct grant_table *table;
static struct login_table *logins;
static struct policy_kernel kernel;
static struct login *login_of[LOGINS];
static struct model_socket sockets[SOCKETS];
static struct guest guests[GUESTS];
static size_t guest_count;
static uint64_t next_cookie, next_cgroup, state;
static pid_t next_pid;
static size_t opened, shut, restored, refused;

static uint32_t random_below(uint32_t limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % limit;
}

static bool refuses_some(const struct change *change)
{
	(void)change;
	if (random_below(2) != 0)
		return false;
	refused++;
	return true;
}

static void see(void)
{
	struct udp_socket items[SOCKETS];
	struct udp_sockets seen = {items, 0, SOCKETS};

	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].socket.cookie != 0)
			items[seen.count++] = sockets[i].socket;
	server_see(&table->servers, &seen, kernel.now_ms);
}

static void settle(void)
{
	struct plan plan;

	plan_make(table, kernel.now_ms, &plan);
	policy_apply(&kernel, &plan);
	for (size_t i = 0; i < plan.count; i++) {
		opened += plan.changes[i].kind == CHANGE_OPEN;
		shut += plan.changes[i].kind == CHANGE_SHUT;
		restored += plan.changes[i].kind == CHANGE_RESTORE;
	}
	plan_commit(table, &plan, kernel.now_ms);
	plan_clear(&plan);
}

static struct guest *find_guest(const struct grant_key *key)
{
	for (size_t i = 0; i < guest_count; i++)
		if (memcmp(&guests[i].key, key, sizeof(*key)) == 0)
			return &guests[i];
	return NULL;
}

/* Whose element it is: of that key, and of that socket. */
static struct guest *guest_of(const struct element *element)
{
	struct guest *guest = find_guest(&element->key);
	struct label label;

	ck_assert_int_eq(label_read(element->comment, &label), 0);
	return guest && guest->cookie == label.cookie && guest->uid == label.uid ? guest : NULL;
}

static void throw_out(struct guest *guest)
{
	*guest = guests[--guest_count];
}

static void check_sets(int step)
{
	bool ports[PORTS] = {false};

	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_known)
			ports[sockets[i].socket.port - 60001] = true;
	for (size_t i = 0; i < kernel.count; i++)
		ck_assert_msg(guest_of(&kernel.items[i]), "step %d: open for nobody", step);
	ck_assert_msg(kernel.count == guest_count, "step %d: %zu open, not %zu", step, kernel.count,
		guest_count);
	for (unsigned int i = 0; i < PORTS; i++)
		ck_assert_msg(kernel.ports[60001 + i] == ports[i], "step %d: port %u", step, i);
	ck_assert_uint_eq(table->count, guest_count);
}

/* Lets the login's client in, unless nothing it sends could reach that socket. */
static void let_in(const struct udp_socket *socket, const struct login *login)
{
	bool is_any = address_is_wildcard(&socket->address);
	struct guest guest;

	memset(&guest, 0, sizeof(guest));
	guest.cookie = socket->cookie;
	guest.uid = socket->uid;
	guest.key.client = login->client;
	guest.key.server = is_any ? login->server : socket->address;
	guest.key.port = socket->port;
	if (guest.key.server.family != guest.key.client.family || find_guest(&guest.key) ||
		(is_any && !socket->is_dual && socket->address.family != guest.key.client.family))
		return;
	ck_assert_uint_lt(guest_count, GUESTS);
	guests[guest_count++] = guest;
}

/* Which of two servers at one address and port comes first is not the model's to say: of those
 * there is one alone. */
static bool is_rival(const struct udp_socket *socket)
{
	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_known && sockets[i].socket.cookie != socket->cookie &&
			sockets[i].socket.port == socket->port &&
			sockets[i].socket.uid == socket->uid)
			return true;
	return false;
}

static void log_in(void)
{
	static const char *const clients[] = {"203.0.113.1", "203.0.113.2", "2001:db8::1"};
	struct login **place = &login_of[random_below(LOGINS)];
	const char *client = clients[random_below(3)];
	const char *own = strchr(client, ':') ? "2001:db8::7" : "198.51.100.7";
	struct login login;

	if (*place)
		return;
	login = policy_login(
		next_pid++, 1000 + random_below(USERS), client, random_below(5) == 0 ? NULL : own);
	login.process.cgroup = next_cgroup++;
	ck_assert_int_eq(login_add(logins, &login, 64, place), 0);
	see();
	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_known && sockets[i].socket.uid == login.uid)
			let_in(&sockets[i].socket, *place);
	grant_roam(table, *place, kernel.now_ms);
}

static void log_out(void)
{
	struct login **place = &login_of[random_below(LOGINS)];

	if (!*place)
		return;
	login_remove(logins, *place);
	*place = NULL;
}

static struct model_socket *add_socket(uint32_t uid, uint64_t cgroup)
{
	static const char *const bound[] = {
		"198.51.100.7", "198.51.100.8", "0.0.0.0", "2001:db8::7", "::", "::"};
	uint32_t kind = random_below(6);
	struct model_socket *added = &sockets[random_below(SOCKETS)];
	struct udp_socket socket = policy_socket(
		next_cookie, uid, bound[kind], (uint16_t)(60001 + random_below(PORTS)));

	if (added->socket.cookie != 0 || is_rival(&socket))
		return NULL;
	next_cookie++;
	memset(added, 0, sizeof(*added));
	added->socket = socket;
	added->socket.is_dual = kind == 5;
	added->socket.cgroup = cgroup;
	return added;
}

/* Something that is there before a mosh-server is executed. */
static void start_foreign(void)
{
	struct model_socket *added = add_socket(1000 + random_below(USERS), next_cgroup - 1);

	if (!added)
		return;
	added->socket.is_ecn = false;
	see();
	server_pass_over(&table->servers, kernel.now_ms, 0);
}

static void on_found(struct server *server, const struct login *login, void *context)
{
	const struct model_socket *added = context;

	ck_assert_uint_eq(server->socket.cookie, added->socket.cookie);
	ck_assert_ptr_nonnull(login);
	ck_assert_uint_eq(login->process.cgroup, added->socket.cgroup);
	grant_first(table, server, login, kernel.now_ms);
}

static void start_mosh(void)
{
	const struct login *login = login_of[random_below(LOGINS)];
	struct mosh_process items[SOCKETS];
	struct mosh_processes processes = {items, 0, SOCKETS};
	struct tally uids = {0};
	struct model_socket *added;
	struct server_claim claim;

	if (!login || !(added = add_socket(login->uid, login->process.cgroup)))
		return;
	added->is_mosh = true;
	added->is_known = true;
	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_mosh && sockets[i].socket.uid == login->uid)
			items[processes.count++] = (struct mosh_process){
				.pid = (pid_t)(i + 1),
				.uid = login->uid,
				.cgroup = sockets[i].socket.cgroup,
				.session = AUDIT_SESSION_NONE,
			};
	see();
	let_in(&added->socket, login);
	claim = (struct server_claim){logins, &uids, &processes, kernel.now_ms, on_found, added};
	tally_add(&uids, login->uid, 0, 1);
	server_claim(&table->servers, &claim);
	tally_clear(&uids);
}

/* Sometimes the notice is lost, and the next dump tells. */
static void end_socket(void)
{
	struct model_socket *ended = &sockets[random_below(SOCKETS)];
	uint64_t cookie = ended->socket.cookie;

	memset(ended, 0, sizeof(*ended));
	for (size_t i = guest_count; i-- > 0;)
		if (guests[i].cookie == cookie)
			throw_out(&guests[i]);
	if (random_below(2) == 0)
		server_end(&table->servers, cookie);
	else
		see();
}

static struct element *any_element(void)
{
	return kernel.count ? &kernel.items[random_below((uint32_t)kernel.count)] : NULL;
}

/* All that was refused is tried again, and taken. */
static void settle_all(void)
{
	kernel.refuses = NULL;
	kernel.now_ms += PLAN_RETRY_MS;
	settle();
}

/* Somebody changes one that is in use: its label or its end goes, and both have to come back. */
static void alter(void)
{
	struct element *element = any_element();

	if (!element)
		return;
	for (size_t i = 0; i < kernel.count; i++)
		kernel.items[i].use.expires_ms = policy_awake_ms(&kernel) + 1000000;
	see();
	policy_sync(&kernel, table);
	element = any_element();
	element->use.expires_ms = UINT64_MAX;
	if (random_below(2) == 0)
		element->comment[0] = '\0';
	policy_sync(&kernel, table);
	settle_all();
	for (size_t i = 0; i < kernel.count; i++)
		ck_assert_uint_ne(kernel.items[i].use.expires_ms, UINT64_MAX);
}

/* What a login of this turn is about to give its time again does not expire: so before that. */
static void expire(void)
{
	struct element *element;
	struct guest *guest;

	settle_all();
	element = any_element();
	if (!element)
		return;
	element->use.expires_ms = policy_awake_ms(&kernel);
	element->use.packets = random_below(2);
	see();
	policy_sync(&kernel, table);
	guest = guest_of(element);
	if (guest)
		throw_out(guest);
	policy_drop(&kernel, element);
	policy_sync(&kernel, table);
}

/* Somebody takes one or all away that are in use, and they have to come back. */
static void flush(void)
{
	struct element *element = any_element();

	if (!element)
		return;
	for (size_t i = 0; i < kernel.count; i++)
		kernel.items[i].use.expires_ms = policy_awake_ms(&kernel) + 1000000;
	see();
	policy_sync(&kernel, table);
	policy_drop(&kernel, element);
	if (random_below(4) == 0)
		kernel.count = 0;
	policy_sync(&kernel, table);
}

/* The host sleeps, for longer than anything may stay unused, and that changes nothing. */
static void suspend(void)
{
	uint64_t ms = random_below(2000000000);

	kernel.now_ms += ms;
	kernel.asleep_ms += ms;
	table->asleep_ms = kernel.asleep_ms;
}

static void revoke(void)
{
	const struct grant_selector selector = {
		.is_of_user = true,
		.uid = 1000 + random_below(USERS),
		.port = (uint16_t)(60001 + random_below(PORTS)),
	};

	if (random_below(4) != 0)
		return;
	for (size_t i = guest_count; i-- > 0;)
		if (guests[i].uid == selector.uid && guests[i].key.port == selector.port)
			throw_out(&guests[i]);
	grant_revoke(table, &selector);
}

/* A new helper: what is in the kernel is all that it knows. */
static void restart(void)
{
	grant_table_free(table);
	table = grant_table_new(&config);
	table->asleep_ms = kernel.asleep_ms;
	memset(kernel.ports, 0, sizeof(kernel.ports));
	for (size_t i = guest_count; i-- > 0;) {
		const struct element *element = policy_find(&kernel, &guests[i].key);

		if (!element || guest_of(element) != &guests[i])
			throw_out(&guests[i]);
	}
	for (size_t i = 0; i < SOCKETS; i++) {
		sockets[i].is_known = false;
		for (size_t guest = 0; guest < guest_count; guest++)
			if (guests[guest].cookie == sockets[i].socket.cookie)
				sockets[i].is_known = true;
	}
	see();
	policy_sync(&kernel, table);
	server_pass_over_all(&table->servers);
}

static void (*const steps[])(void) = {log_in, log_in, log_out, start_mosh, start_mosh, start_mosh,
	start_mosh, start_mosh, end_socket, end_socket, start_foreign, expire, flush, alter, revoke,
	suspend};

/* Mostly one event a turn, sometimes several; and the kernel may refuse. */
static void turn(void)
{
	do
		steps[random_below(ARRAY_LEN(steps))]();
	while (random_below(3) == 0);
	kernel.refuses = random_below(8) == 0 ? refuses_some : NULL;
	settle();
	if (random_below(200) == 0)
		restart();
}

START_TEST(grant_random)
{
	config_defaults(&config);
	state = (uint64_t)_i + 1;
	memset(&kernel, 0, sizeof(kernel));
	kernel.now_ms = 5000000;
	next_cookie = next_cgroup = 100;
	next_pid = 10;
	table = grant_table_new(&config);
	logins = login_table_new();
	for (int step = 0; step < STEPS; step++) {
		turn();
		if (random_below(3) == 0)
			continue;
		settle_all();
		check_sets(step);
	}
	ck_assert_uint_gt(opened, STEPS / 20);
	ck_assert_uint_gt(shut, STEPS / 100);
	ck_assert_uint_gt(restored, 0);
	ck_assert_uint_gt(refused, 0);
	grant_table_free(table);
	login_table_free(logins);
}
END_TEST

CHECK_MAIN("grant, at random", LOOP(grant_random, SEEDS))
