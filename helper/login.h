/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LOGIN_H
#define MOSHGATE_LOGIN_H

#include "hash.h"
#include "observed.h"

/* One PAM session that sshd opened. The table owns it and its texts. */
struct login {
	pid_t pid; /* of its sshd process; the key */
	uint32_t uid;
	struct address client;
	struct address server;  /* our end of its connection; family 0 if not known */
	struct process process; /* where that process stands */
	uint64_t since_ms;
	char *user;
	char *auth;       /* the credential, for people */
	bool is_newcomer; /* what is being looked at was there before it */
	bool is_new;      /* what it is to get may not be in the kernel yet */

	struct login *prev, *next; /* of the same user, newest first */
	UT_hash_handle hh;         /* the table's own */
};

struct login_table;

struct login_table *login_table_new(void);
void login_table_free(struct login_table *table);

/* Copies from with its texts. -EEXIST: that process has one; -ENOSPC: its user has per_user. */
int login_add(struct login_table *table, const struct login *from, uint32_t per_user,
	struct login **added);

void login_remove(struct login_table *table, struct login *login);

struct login *login_find(const struct login_table *table, pid_t pid);
size_t login_count(const struct login_table *table);

/* The user's newest login, or null; its next are the others. */
struct login *login_of_user(const struct login_table *table, uint32_t uid);

/* Calls visit with every login; it may remove that one. */
void login_each(const struct login_table *table,
	void (*visit)(const struct login *login, void *context), void *context);

/* Which login started this socket? Of its uid's logins those in the cgroup that it was made in; if
 * there are none, all; of several those whose audit session is one of sessions; of several those
 * that came in on the address that it is bound to, as mosh does it; of several still, the newest.
 * Null if the uid has none that is no newcomer. */
struct login *login_owner(const struct login_table *table, const struct udp_socket *socket,
	const uint32_t *sessions, size_t session_count);

#endif
