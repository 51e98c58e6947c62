/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "check_main.h"
#include "login.h"

#define ALICE 1001u
#define BOB   1002u
#define MANY  1000u

static struct login_table *table;

static void begin(void)
{
	table = login_table_new();
}

static void end(void)
{
	login_table_free(table);
}

static struct login *add(pid_t pid, uint32_t uid, uint64_t cgroup, uint32_t session)
{
	const struct login from = {.pid = pid,
		.uid = uid,
		.process = {.cgroup = cgroup, .session = session},
		.user = (char[]){"alice"},
		.auth = (char[]){"password"}};
	struct login *added = NULL;

	ck_assert_int_eq(login_add(table, &from, MANY, &added), 0);
	return added;
}

static int add_limited(pid_t pid, uint32_t uid, uint32_t per_user)
{
	const struct login from = {
		.pid = pid, .uid = uid, .user = (char[]){""}, .auth = (char[]){""}};
	struct login *untouched = (struct login *)&table, *added = untouched;
	int error = login_add(table, &from, per_user, &added);

	ck_assert_int_eq(error == 0, added != untouched);
	return error;
}

START_TEST(copies)
{
	char user[] = "alice", auth[] = "password";
	const struct login from = {.pid = 7,
		.uid = ALICE,
		.client = {4, {1, 2, 3, 4}},
		.server = {4, {5, 6, 7, 8}},
		.process = {.cgroup = 9, .session = 10},
		.since_ms = 11,
		.user = user,
		.auth = auth};
	struct login *added = NULL;

	begin();
	ck_assert_int_eq(login_add(table, &from, 1, &added), 0);
	user[0] = auth[0] = 'X';
	ck_assert_ptr_eq(login_find(table, 7), added);
	ck_assert_str_eq(added->user, "alice");
	ck_assert_str_eq(added->auth, "password");
	ck_assert_int_eq(added->pid, 7);
	ck_assert_uint_eq(added->uid, ALICE);
	ck_assert(address_equal(&added->client, &from.client));
	ck_assert(address_equal(&added->server, &from.server));
	ck_assert_uint_eq(added->process.cgroup, 9);
	ck_assert_uint_eq(added->process.session, 10);
	ck_assert_uint_eq(added->since_ms, 11);
	end();
}
END_TEST

START_TEST(one_per_process)
{
	begin();
	add(7, ALICE, 0, 0);
	ck_assert_int_eq(add_limited(7, ALICE, MANY), -EEXIST);
	ck_assert_int_eq(add_limited(7, BOB, MANY), -EEXIST);
	ck_assert_int_eq(add_limited(7, ALICE, 1), -EEXIST);
	ck_assert_uint_eq(login_count(table), 1);
	ck_assert_ptr_null(login_of_user(table, BOB));
	login_remove(table, login_find(table, 7));
	ck_assert_int_eq(add_limited(7, BOB, MANY), 0);
	end();
}
END_TEST

START_TEST(limit_is_per_user)
{
	begin();
	ck_assert_int_eq(add_limited(1, ALICE, 2), 0);
	ck_assert_int_eq(add_limited(2, ALICE, 2), 0);
	ck_assert_int_eq(add_limited(3, ALICE, 2), -ENOSPC);
	ck_assert_ptr_null(login_find(table, 3));
	ck_assert_int_eq(add_limited(3, BOB, 2), 0);
	login_remove(table, login_find(table, 1));
	ck_assert_int_eq(add_limited(4, ALICE, 2), 0);
	ck_assert_int_eq(add_limited(5, ALICE, 2), -ENOSPC);
	ck_assert_uint_eq(login_count(table), 3);
	end();
}
END_TEST

START_TEST(newest_first)
{
	struct login *first, *second, *third;

	begin();
	first = add(9, ALICE, 0, 0);
	second = add(3, ALICE, 0, 0);
	add(4, BOB, 0, 0);
	third = add(5, ALICE, 0, 0);
	ck_assert_ptr_eq(login_of_user(table, ALICE), third);
	ck_assert_ptr_eq(third->next, second);
	ck_assert_ptr_eq(second->next, first);
	ck_assert_ptr_null(first->next);
	login_remove(table, second);
	ck_assert_ptr_eq(third->next, first);
	login_remove(table, third);
	ck_assert_ptr_eq(login_of_user(table, ALICE), first);
	login_remove(table, first);
	ck_assert_ptr_null(login_of_user(table, ALICE));
	end();
}
END_TEST

START_TEST(free_of_nothing)
{
	login_table_free(NULL);
	begin();
	ck_assert_uint_eq(login_count(table), 0);
	ck_assert_ptr_null(login_find(table, 1));
	ck_assert_ptr_null(login_of_user(table, 0));
	end();
}
END_TEST

static void visit(const struct login *login, void *context)
{
	size_t *visits = context;

	visits[login->pid]++;
}

static void visit_and_remove(const struct login *login, void *context)
{
	visit(login, context);
	if (login->pid != 3)
		login_remove(table, login_find(table, login->pid));
}

START_TEST(each_once)
{
	size_t visits[6] = {0};

	begin();
	for (pid_t pid = 1; pid <= 5; pid++)
		add(pid, pid % 2 ? ALICE : BOB, 0, 0);
	login_each(table, visit, visits);
	ck_assert_mem_eq(visits, ((const size_t[]){0, 1, 1, 1, 1, 1}), sizeof(visits));
	login_each(table, visit_and_remove, visits);
	ck_assert_mem_eq(visits, ((const size_t[]){0, 2, 2, 2, 2, 2}), sizeof(visits));
	ck_assert_uint_eq(login_count(table), 1);
	ck_assert_ptr_nonnull(login_find(table, 3));
	end();
}
END_TEST

#define NONE AUDIT_SESSION_NONE

/* Three logins of Alice's, oldest first, and which of them owns a socket of that cgroup while her
 * mosh-servers have those sessions. Bob's login would fit always, and is his. */
static const struct {
	const char *rule;
	struct {
		uint64_t cgroup;
		uint32_t session;
	} logins[3];
	uint64_t cgroup;
	uint32_t sessions[2];
	size_t session_count;
	pid_t owner;
	uint8_t servers[3]; /* the address at which each came in; the socket's ends in 7 */
} owners[] = {
	{"the newest", {{0, NONE}, {0, NONE}, {0, NONE}}, 0, {0}, 0, 3, {0}},
	{"its cgroup", {{50, 1}, {51, 2}, {52, 3}}, 51, {0}, 0, 2, {0}},
	{"its cgroup before a session", {{50, 1}, {51, 2}, {52, 3}}, 50, {3}, 1, 1, {0}},
	{"the newest of a cgroup", {{50, 1}, {50, 2}, {52, 3}}, 50, {0}, 0, 2, {0}},
	{"of a cgroup, its session", {{50, 1}, {50, 2}, {50, 3}}, 50, {1}, 1, 1, {0}},
	{"of a cgroup, the newest session", {{50, 1}, {50, 2}, {50, 3}}, 50, {1, 2}, 2, 2, {0}},
	{"a session, no login's cgroup", {{50, 1}, {51, 2}, {52, 3}}, 99, {2}, 1, 2, {0}},
	{"the newest, no login's cgroup", {{50, 1}, {51, 2}, {52, 3}}, 99, {7}, 1, 3, {0}},
	{"a session, cgroup not known", {{0, 1}, {51, 2}, {52, 3}}, 0, {2}, 1, 2, {0}},
	{"cgroups not known do not match", {{0, 1}, {51, 2}, {52, 3}}, 0, {0}, 0, 3, {0}},
	{"no session is no match", {{50, NONE}, {50, 2}, {50, 3}}, 50, {NONE}, 1, 3, {0}},
	{"the other session counts", {{50, NONE}, {50, 2}, {50, 3}}, 50, {NONE, 2}, 2, 2, {0}},
	{"only so many sessions", {{50, 1}, {50, 2}, {50, 3}}, 50, {9, 1}, 1, 3, {0}},
	{"its address", {{0, NONE}, {0, NONE}, {0, NONE}}, 0, {0}, 0, 2, {8, 7, 6}},
	{"the newest of an address", {{0, NONE}, {0, NONE}, {0, NONE}}, 0, {0}, 0, 2, {7, 7, 6}},
	{"a session before its address", {{0, 1}, {0, 2}, {0, 3}}, 0, {3}, 1, 3, {7, 7, 6}},
	{"its cgroup before its address", {{50, 1}, {51, 2}, {52, 3}}, 52, {0}, 0, 3, {7, 7, 6}},
	{"of a session, its address", {{0, 1}, {0, 1}, {0, 2}}, 0, {1}, 1, 1, {7, 6, 7}},
	{"no login's address", {{0, NONE}, {0, NONE}, {0, NONE}}, 0, {0}, 0, 3, {8, 9, 6}},
};

START_TEST(owner)
{
	const struct udp_socket socket = {
		.uid = ALICE, .cgroup = owners[_i].cgroup, .address = {4, {198, 51, 100, 7}}};
	struct login *found;

	begin();
	for (pid_t pid = 1; pid <= 3; pid++) {
		add(pid, ALICE, owners[_i].logins[pid - 1].cgroup,
			owners[_i].logins[pid - 1].session);
		login_find(table, pid)->server =
			(struct address){4, {198, 51, 100, owners[_i].servers[pid - 1]}};
	}
	add(4, BOB, owners[_i].cgroup, owners[_i].sessions[0]);
	login_find(table, 4)->server = socket.address;
	found = login_owner(table, &socket, owners[_i].sessions, owners[_i].session_count);
	ck_assert_ptr_nonnull(found);
	ck_assert_msg(
		found->pid == owners[_i].owner, "%s: login %d", owners[_i].rule, (int)found->pid);
	end();
}
END_TEST

START_TEST(no_owner)
{
	const struct udp_socket socket = {.uid = ALICE, .cgroup = 50};
	const uint32_t session = 1;

	begin();
	add(4, BOB, 50, 1);
	ck_assert_ptr_null(login_owner(table, &socket, &session, 1));
	end();
}
END_TEST

/* Random adds and removes beside the simplest thing that could do the same. */
#define PIDS     300
#define USERS    7
#define PER_USER 30
#define ROUNDS   10000

struct model {
	uint64_t added[PIDS]; /* when, as a round; 0: is not there */
	uint32_t uids[PIDS];
};

static size_t model_count(const struct model *model, uint32_t uid)
{
	size_t count = 0;

	for (int i = 0; i < PIDS; i++)
		count += model->added[i] && (uid == USERS || model->uids[i] == uid);
	return count;
}

static int model_add(struct model *model, pid_t pid, uint32_t uid, uint64_t round)
{
	if (model->added[pid])
		return -EEXIST;
	if (model_count(model, uid) >= PER_USER)
		return -ENOSPC;
	model->added[pid] = round;
	model->uids[pid] = uid;
	return 0;
}

static void compare_user(const struct model *model, uint32_t uid)
{
	uint64_t last = UINT64_MAX;
	size_t count = 0;

	for (struct login *login = login_of_user(table, uid); login; login = login->next) {
		ck_assert_uint_eq(login->uid, uid);
		ck_assert_uint_eq(model->uids[login->pid], uid);
		ck_assert_uint_lt(model->added[login->pid], last);
		last = model->added[login->pid];
		count++;
	}
	ck_assert_uint_eq(count, model_count(model, uid));
}

START_TEST(random_against_model)
{
	struct model model = {0};
	size_t outcomes[3] = {0}; /* done, -EEXIST, -ENOSPC */

	srandom(1);
	begin();
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		pid_t pid = (pid_t)(random() % PIDS);
		uint32_t uid = (uint32_t)random() % USERS;
		struct login *login = login_find(table, pid);

		ck_assert_int_eq(login != NULL, model.added[pid] != 0);
		if (login && random() % 4 > 0) {
			login_remove(table, login);
			model.added[pid] = 0;
		} else {
			int error = add_limited(pid, uid, PER_USER);

			ck_assert_int_eq(error, model_add(&model, pid, uid, round));
			outcomes[error == 0 ? 0 : error == -EEXIST ? 1 : 2]++;
		}
		ck_assert_uint_eq(login_count(table), model_count(&model, USERS));
		compare_user(&model, uid);
	}
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		ck_assert_uint_gt(outcomes[i], 10);
	end();
}
END_TEST

CHECK_MAIN("login", TEST(copies), TEST(one_per_process), TEST(limit_is_per_user),
	TEST(newest_first), TEST(free_of_nothing), TEST(each_once), LOOP(owner, ARRAY_LEN(owners)),
	TEST(no_owner), TEST(random_against_model))
