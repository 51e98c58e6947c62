/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy against a model that is too simple to be wrong: tens of thousands of random steps, and
 * after each of them the kernel's sets have to be exactly what the model says.
 *
 * In the model a server belongs to the login in whose cgroup it starts, and one who is to be let in
 * stays until its socket ends or its element expires. Nothing else.
 */
#include <stdio.h>

#include "check_policy.h"

#define SEEDS   20
#define STEPS   3000
#define USERS   3
#define LOGINS  8
#define SOCKETS 24
#define PORTS   6

struct model_socket {
	struct udp_socket socket; /* cookie 0: a free place */
	bool is_mosh;             /* has a process of its own */
	bool is_known;            /* the helper that runs now takes it for a mosh-server's */
	bool is_let_in;
	struct grant_key key; /* of one that is let in */
};

static struct config config;
static struct grant_table *table;
static struct login_table *logins;
static struct policy_kernel kernel;
static struct login *login_of[LOGINS];
static struct model_socket sockets[SOCKETS];
static uint64_t now_ms, next_cookie, next_cgroup, state;
static pid_t next_pid;
static size_t opened, shut, refused;

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
	server_see(&table->servers, &seen, now_ms);
}

static void settle(void)
{
	struct plan plan;

	grant_plan(table, now_ms, &plan);
	policy_apply(&kernel, &plan);
	for (size_t i = 0; i < plan.count; i++) {
		opened += plan.changes[i].kind == CHANGE_OPEN;
		shut += plan.changes[i].kind == CHANGE_SHUT;
	}
	grant_commit(table, &plan, now_ms);
	plan_clear(&plan);
}

static const struct model_socket *find_let_in(const struct element *element)
{
	struct label label;

	ck_assert_int_eq(label_read(element->comment, &label), 0);
	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_let_in && sockets[i].socket.cookie == label.cookie &&
			memcmp(&sockets[i].key, &element->key, sizeof(element->key)) == 0)
			return &sockets[i];
	return NULL;
}

static void check_sets(int step)
{
	bool ports[PORTS] = {false};
	size_t let_in = 0;

	for (size_t i = 0; i < SOCKETS; i++) {
		let_in += sockets[i].is_let_in;
		if (sockets[i].is_known)
			ports[sockets[i].socket.port - 60001] = true;
	}
	for (size_t i = 0; i < kernel.count; i++)
		ck_assert_msg(find_let_in(&kernel.items[i]), "step %d: open for nobody", step);
	ck_assert_msg(
		kernel.count == let_in, "step %d: %zu open, not %zu", step, kernel.count, let_in);
	for (unsigned int i = 0; i < PORTS; i++)
		ck_assert_msg(kernel.ports[60001 + i] == ports[i], "step %d: port %u", step, i);
	ck_assert_uint_eq(table->count, let_in);
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
	login.cgroup = next_cgroup++;
	ck_assert_int_eq(login_add(logins, &login, 64, place), 0);
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

	if (added->socket.cookie != 0)
		return NULL;
	memset(added, 0, sizeof(*added));
	added->socket = policy_socket(
		next_cookie++, uid, bound[kind], (uint16_t)(60001 + random_below(PORTS)));
	added->socket.is_dual = kind == 5;
	added->socket.cgroup = cgroup;
	return added;
}

/* Something that is there before a mosh-server is executed. */
static void start_foreign(void)
{
	if (!add_socket(1000 + random_below(USERS), next_cgroup - 1 - random_below(4)))
		return;
	see();
	server_pass_over(&table->servers, now_ms, 0);
}

static bool is_taken(const struct grant_key *key)
{
	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_let_in && memcmp(&sockets[i].key, key, sizeof(*key)) == 0)
			return true;
	return false;
}

/* Lets the login's client in, unless nothing it sends could reach that socket. */
static void let_in(struct model_socket *added, const struct login *login)
{
	const struct udp_socket *socket = &added->socket;
	bool is_any = address_is_wildcard(&socket->address);
	struct grant_key key;

	memset(&key, 0, sizeof(key));
	key.client = login->client;
	key.server = is_any ? login->server : socket->address;
	key.port = socket->port;
	if (key.server.family != key.client.family || is_taken(&key) ||
		(is_any && !socket->is_dual && socket->address.family != key.client.family))
		return;
	added->is_let_in = true;
	added->key = key;
}

static void on_found(struct server *server, const struct login *login, void *context)
{
	const struct model_socket *added = context;

	ck_assert_uint_eq(server->socket.cookie, added->socket.cookie);
	ck_assert_ptr_nonnull(login);
	ck_assert_uint_eq(login->cgroup, added->socket.cgroup);
	grant_want(table, server, login, LABEL_LOGIN, now_ms);
}

static void start_mosh(void)
{
	const struct login *login = login_of[random_below(LOGINS)];
	struct mosh_process items[SOCKETS];
	struct mosh_processes processes = {items, 0, SOCKETS};
	struct model_socket *added;

	if (!login || !(added = add_socket(login->uid, login->cgroup)))
		return;
	added->is_mosh = true;
	added->is_known = true;
	for (size_t i = 0; i < SOCKETS; i++)
		if (sockets[i].is_mosh && sockets[i].socket.uid == login->uid)
			items[processes.count++] = (struct mosh_process){
				.pid = (pid_t)(i + 1),
				.cgroup = sockets[i].socket.cgroup,
				.session = AUDIT_SESSION_NONE,
			};
	see();
	let_in(added, login);
	server_claim(&table->servers, logins, login->uid, &processes, now_ms, on_found, added);
}

/* Sometimes the notice is lost, and the next dump tells. */
static void end_socket(void)
{
	struct model_socket *ended = &sockets[random_below(SOCKETS)];
	uint64_t cookie = ended->socket.cookie;

	memset(ended, 0, sizeof(*ended));
	if (random_below(2) == 0)
		server_end(&table->servers, cookie);
	else
		see();
}

static void use_or_expire(void)
{
	struct element *element;

	if (kernel.count == 0)
		return;
	element = &kernel.items[random_below((uint32_t)kernel.count)];
	if (random_below(2) == 0) {
		element->use.packets++;
	} else {
		struct model_socket *expired = (struct model_socket *)find_let_in(element);

		if (expired)
			expired->is_let_in = false;
		policy_drop(&kernel, element);
	}
	see();
	policy_sync(&kernel, table);
}

/* A new helper: what is in the kernel is all that it knows. */
static void restart(void)
{
	grant_table_free(table);
	table = grant_table_new(&config);
	memset(kernel.ports, 0, sizeof(kernel.ports));
	for (size_t i = 0; i < SOCKETS; i++) {
		const struct element *element = policy_find(&kernel, &sockets[i].key);

		sockets[i].is_let_in =
			sockets[i].is_let_in && element && find_let_in(element) == &sockets[i];
		sockets[i].is_known = sockets[i].is_let_in;
	}
	see();
	policy_sync(&kernel, table);
	server_pass_over(&table->servers, now_ms, 0);
}

static void (*const steps[])(void) = {log_in, log_in, log_out, start_mosh, start_mosh, start_mosh,
	start_mosh, end_socket, end_socket, end_socket, end_socket, start_foreign, use_or_expire};

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
	now_ms = 50000;
	next_cookie = next_cgroup = 100;
	next_pid = 10;
	memset(&kernel, 0, sizeof(kernel));
	memset(login_of, 0, sizeof(login_of));
	memset(sockets, 0, sizeof(sockets));
	table = grant_table_new(&config);
	logins = login_table_new();
	for (int step = 0; step < STEPS; step++) {
		turn();
		if (random_below(3) == 0)
			continue;
		/* All that was refused is tried again, and taken. */
		kernel.refuses = NULL;
		now_ms += GRANT_RETRY_MS;
		settle();
		check_sets(step);
	}
	ck_assert_uint_gt(opened, STEPS / 20);
	ck_assert_uint_gt(shut, STEPS / 30);
	ck_assert_uint_gt(refused, 0);
	grant_table_free(table);
	login_table_free(logins);
}
END_TEST

CHECK_MAIN("grant, at random", LOOP(grant_random, SEEDS))
