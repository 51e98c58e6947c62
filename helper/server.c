/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

void server_table_init(struct server_table *table)
{
	table->servers = NULL;
}

void server_table_clear(struct server_table *table)
{
	struct server *server, *next;

	HASH_ITER(hh, table->servers, server, next)
	{
		server_remove(table, server);
	}
}

void server_remove(struct server_table *table, struct server *server)
{
	HASH_DEL(table->servers, server);
	free(server->user);
	free(server);
}

struct server *server_find(const struct server_table *table, uint64_t cookie)
{
	struct server *server;

	HASH_FIND(hh, table->servers, &cookie, sizeof(cookie), server);
	return server;
}

static struct server *add(
	struct server_table *table, const struct udp_socket *socket, uint64_t now_ms)
{
	struct server *server = memory_zeroed(sizeof(*server));

	server->socket = *socket;
	server->seen_ms = now_ms;
	server->due_ms = now_ms;
	server->session = AUDIT_SESSION_NONE;
	HASH_ADD(hh, table->servers, socket.cookie, sizeof(server->socket.cookie), server);
	return server;
}

static void end(struct server_table *table, struct server *server)
{
	if (server->role == SERVER_OWNED)
		server->is_gone = true;
	else
		server_remove(table, server);
}

void server_see(struct server_table *table, const struct udp_sockets *sockets, uint64_t now_ms)
{
	struct server *server, *next;

	for (server = table->servers; server; server = server->hh.next)
		server->is_missing = true;
	for (size_t i = 0; i < sockets->count; i++) {
		server = server_find(table, sockets->items[i].cookie);
		if (!server)
			server = add(table, &sockets->items[i], now_ms);
		server->is_missing = false;
	}
	HASH_ITER(hh, table->servers, server, next)
	{
		if (server->is_missing)
			end(table, server);
	}
}

bool server_would_end(const struct server_table *table, const struct udp_sockets *sockets)
{
	size_t owned = 0, found = 0;

	for (struct server *server = table->servers; server; server = server->hh.next)
		owned += server->role == SERVER_OWNED && !server->is_gone;
	for (size_t i = 0; i < sockets->count; i++) {
		struct server *server = server_find(table, sockets->items[i].cookie);

		found += server && server->role == SERVER_OWNED && !server->is_gone;
	}
	return found < owned;
}

void server_end(struct server_table *table, uint64_t cookie)
{
	struct server *server = server_find(table, cookie);

	if (server)
		end(table, server);
}

void server_pass_over(struct server_table *table, uint64_t now_ms, uint64_t age_ms)
{
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_CANDIDATE && !server->socket.is_ecn &&
			now_ms - server->seen_ms >= age_ms)
			server->role = SERVER_FOREIGN;
}

void server_pass_over_port(struct server_table *table, uint16_t port)
{
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_CANDIDATE && server->socket.port == port)
			server->role = SERVER_FOREIGN;
}

void server_pass_over_all(struct server_table *table)
{
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_CANDIDATE)
			server->role = SERVER_FOREIGN;
}

bool server_undecided(const struct server_table *table, uint64_t now_ms, uint32_t *uid)
{
	for (struct server *server = table->servers; server; server = server->hh.next) {
		if (server->role == SERVER_CANDIDATE && server->due_ms <= now_ms) {
			*uid = server->socket.uid;
			return true;
		}
	}
	return false;
}

/* Cgroups that are not known could be any. */
static bool is_same_cgroup(uint64_t a, uint64_t b)
{
	return a == b || a == 0 || b == 0;
}

/* The uid's processes in the cgroup, less its servers there: how many more there can be. With a
 * session, those of that audit session alone. */
static size_t free_processes(const struct server_table *table, const struct udp_socket *socket,
	const struct mosh_processes *processes, const uint32_t *session)
{
	size_t running = 0, served = 0;

	for (size_t i = 0; i < processes->count; i++)
		if (is_same_cgroup(processes->items[i].cgroup, socket->cgroup) &&
			(!session || processes->items[i].session == *session))
			running++;
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_OWNED && !server->is_gone &&
			server->socket.uid == socket->uid &&
			is_same_cgroup(server->socket.cgroup, socket->cgroup) &&
			(!session || server->session == *session))
			served++;
	return running > served ? running - served : 0;
}

static const struct login *find_owner(const struct server_table *table,
	const struct login_table *logins, const struct udp_socket *socket,
	const struct mosh_processes *processes)
{
	const struct login *owner = login_of_user(logins, socket->uid);
	uint32_t *sessions;
	size_t count = 0;

	if (!owner || !owner->next)
		return owner;
	sessions = memory_zeroed((processes->count + 1) * sizeof(*sessions));
	for (size_t i = 0; i < processes->count; i++) {
		uint32_t session = processes->items[i].session;

		if (free_processes(table, socket, processes, &session) > 0)
			sessions[count++] = session;
	}
	owner = login_owner(logins, socket->uid, socket->cgroup, sessions, count);
	free(sessions);
	return owner;
}

/* Better ones first: those that look like mosh's own, those bound to an address, lower ports. */
static int compare(struct server *a, struct server *b)
{
	bool is_any_a = address_is_wildcard(&a->socket.address);
	bool is_any_b = address_is_wildcard(&b->socket.address);

	if (a->socket.is_ecn != b->socket.is_ecn)
		return a->socket.is_ecn ? -1 : 1;
	if (is_any_a != is_any_b)
		return is_any_a ? 1 : -1;
	return (int)a->socket.port - (int)b->socket.port;
}

/* Nothing to see yet: wait as long again as we have waited already, so that a socket that never
 * becomes a server is looked at a dozen times, not a thousand. */
static void look_later(struct server *server, uint64_t now_ms)
{
	server->due_ms = now_ms + (now_ms - server->seen_ms) + 1;
}

/* It does not look like mosh's, and one that does may still come. */
static bool is_doubtful(const struct server *server, uint64_t now_ms)
{
	return !server->socket.is_ecn && now_ms - server->seen_ms < SERVER_DOUBT_MS;
}

static bool is_server(const struct server_table *table, struct server *server,
	const struct mosh_processes *processes, uint64_t now_ms)
{
	if (free_processes(table, &server->socket, processes, NULL) == 0) {
		look_later(server, now_ms);
		return false;
	}
	if (is_doubtful(server, now_ms)) {
		server->due_ms = server->seen_ms + SERVER_DOUBT_MS;
		return false;
	}
	return true;
}

void server_claim(struct server_table *table, const struct login_table *logins, uint32_t uid,
	const struct mosh_processes *processes, uint64_t now_ms, server_found *found, void *context)
{
	struct server *server;

	HASH_SORT(table->servers, compare);
	for (server = table->servers; server; server = server->hh.next) {
		const struct login *owner;

		if (server->role != SERVER_CANDIDATE || server->socket.uid != uid ||
			server->due_ms > now_ms || !is_server(table, server, processes, now_ms))
			continue;
		owner = find_owner(table, logins, &server->socket, processes);
		server_adopt(server, owner ? owner->user : "");
		if (owner)
			server->session = owner->process.session;
		found(server, owner, context);
	}
}

bool server_has_unowned(const struct server_table *table, uint32_t uid)
{
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role != SERVER_OWNED && server->socket.uid == uid)
			return true;
	return false;
}

size_t server_adopt_all(struct server_table *table, uint32_t uid, const char *user,
	const struct mosh_processes *processes, uint64_t now_ms)
{
	struct server *server, *last = NULL;
	size_t left_over = 0;

	HASH_SORT(table->servers, compare);
	for (server = table->servers; server; server = server->hh.next) {
		if (server->role == SERVER_OWNED || server->socket.uid != uid ||
			is_doubtful(server, now_ms))
			continue;
		if (free_processes(table, &server->socket, processes, NULL) > 0) {
			server_adopt(server, user);
			last = server;
		} else if (last && last->socket.is_ecn == server->socket.is_ecn) {
			left_over++;
		}
	}
	return left_over;
}

void server_adopt(struct server *server, const char *user)
{
	server->role = SERVER_OWNED;
	free(server->user);
	server->user = memory_text(user);
}

int server_address(const struct server *server, const struct login *login, struct address *address)
{
	const struct udp_socket *socket = &server->socket;

	if (socket->address.family != login->client.family && !socket->is_dual)
		return -EAFNOSUPPORT;
	if (!address_is_wildcard(&socket->address))
		*address = socket->address;
	else if (login->server.family != 0)
		*address = login->server;
	else
		return -EDESTADDRREQ;
	return 0;
}
