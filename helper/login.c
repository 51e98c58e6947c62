/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "login.h"

struct user {
	uint32_t uid;
	uint32_t count;
	struct login *logins;
	UT_hash_handle hh;
};

struct login_table {
	struct login *by_pid;
	struct user *users;
};

struct login_table *login_table_new(void)
{
	return memory_zeroed(sizeof(struct login_table));
}

void login_table_free(struct login_table *table)
{
	struct login *login, *next;

	if (!table)
		return;
	HASH_ITER(hh, table->by_pid, login, next)
	{
		login_remove(table, login);
	}
	free(table);
}

static struct user *find_user(const struct login_table *table, uint32_t uid)
{
	struct user *user;

	HASH_FIND(hh, table->users, &uid, sizeof(uid), user);
	return user;
}

static struct user *need_user(struct login_table *table, uint32_t uid)
{
	struct user *user = find_user(table, uid);

	if (!user) {
		user = memory_zeroed(sizeof(*user));
		user->uid = uid;
		HASH_ADD(hh, table->users, uid, sizeof(user->uid), user);
	}
	return user;
}

int login_add(struct login_table *table, const struct login *from, uint32_t per_user,
	struct login **added)
{
	struct user *user = find_user(table, from->uid);
	struct login *login;

	if (login_find(table, from->pid))
		return -EEXIST;
	if (user && user->count >= per_user)
		return -ENOSPC;
	login = memory_zeroed(sizeof(*login));
	*login = *from;
	login->user = memory_text(from->user);
	login->auth = memory_text(from->auth);
	user = need_user(table, login->uid);
	user->count++;
	DL_PREPEND(user->logins, login);
	HASH_ADD(hh, table->by_pid, pid, sizeof(login->pid), login);
	*added = login;
	return 0;
}

void login_remove(struct login_table *table, struct login *login)
{
	struct user *user = find_user(table, login->uid);

	assert(user); /* it has this login */
	DL_DELETE(user->logins, login);
	if (--user->count == 0) {
		HASH_DEL(table->users, user);
		free(user);
	}
	HASH_DEL(table->by_pid, login); // NOLINT(clang-analyzer-unix.Malloc): uthash
	free(login->user);
	free(login->auth);
	free(login);
}

struct login *login_find(const struct login_table *table, pid_t pid)
{
	struct login *login;

	HASH_FIND(hh, table->by_pid, &pid, sizeof(pid), login);
	return login;
}

size_t login_count(const struct login_table *table)
{
	return HASH_COUNT(table->by_pid);
}

struct login *login_of_user(const struct login_table *table, uint32_t uid)
{
	struct user *user = find_user(table, uid);

	return user ? user->logins : NULL;
}

void login_each(const struct login_table *table,
	void (*visit)(const struct login *login, void *context), void *context)
{
	struct login *login, *next;

	HASH_ITER(hh, table->by_pid, login, next)
	{
		visit(login, context);
	}
}

static bool has_session(const struct login *login, const uint32_t *sessions, size_t count)
{
	if (login->process.session == AUDIT_SESSION_NONE)
		return false;
	for (size_t i = 0; i < count; i++)
		if (sessions[i] == login->process.session)
			return true;
	return false;
}

/* What tells more counts more than all that tells less. */
static int rank(const struct login *login, const struct udp_socket *socket,
	const uint32_t *sessions, size_t session_count)
{
	bool is_cgroup = socket->cgroup != 0 && login->process.cgroup == socket->cgroup;

	return (is_cgroup ? 4 : 0) + (has_session(login, sessions, session_count) ? 2 : 0) +
	       (address_equal(&login->server, &socket->address) ? 1 : 0);
}

struct login *login_owner(const struct login_table *table, const struct udp_socket *socket,
	const uint32_t *sessions, size_t session_count)
{
	struct login *best = NULL;
	int best_rank = -1;

	for (struct login *login = login_of_user(table, socket->uid); login; login = login->next) {
		int of_login = rank(login, socket, sessions, session_count);

		if (of_login > best_rank && !login->is_newcomer) {
			best_rank = of_login;
			best = login;
		}
	}
	return best;
}
