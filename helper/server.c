/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "tally.h"

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
	HASH_DEL(table->servers, server); // NOLINT(clang-analyzer-unix.Malloc): uthash
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

static void mark_missing(struct server_table *table, const struct udp_sockets *seen)
{
	struct server *server;

	for (server = table->servers; server; server = server->hh.next)
		server->is_missing = true;
	for (size_t i = 0; i < seen->count; i++) {
		server = server_find(table, seen->items[i].cookie);
		if (server)
			server->is_missing = false;
	}
}

void server_see(struct server_table *table, const struct udp_sockets *sockets, uint64_t now_ms)
{
	struct server *server, *next;

	mark_missing(table, sockets);
	for (size_t i = 0; i < sockets->count; i++)
		if (!server_find(table, sockets->items[i].cookie))
			add(table, &sockets->items[i], now_ms);
	HASH_ITER(hh, table->servers, server, next)
	{
		if (server->is_missing)
			end(table, server);
	}
}

void server_missing(
	struct server_table *table, const struct udp_sockets *seen, struct udp_sockets *missing)
{
	struct server *server;

	mark_missing(table, seen);
	for (server = table->servers; server; server = server->hh.next) {
		if (!server->is_missing || server->role != SERVER_OWNED || server->is_gone)
			continue;
		missing->items = memory_grow(missing->items, missing->count, &missing->capacity,
			sizeof(*missing->items));
		missing->items[missing->count++] = server->socket;
	}
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

/*
 * How many more servers a uid can have, by the cgroup and the audit session of its processes: those
 * count up, its servers count down. Counted once and kept right from then on, so that a user with
 * thousands of each costs thousands of steps, not millions.
 */
#define CGROUP_UNKNOWN 0
#define CGROUP_ANY     UINT64_MAX
#define SESSION_ANY    UINT64_MAX

static void count_room(struct tally *room, uint64_t cgroup, uint32_t session, int change)
{
	const uint64_t cgroups[] = {cgroup, CGROUP_ANY}, sessions[] = {session, SESSION_ANY};

	for (size_t i = 0; i < 4; i++)
		tally_add(room, cgroups[i / 2], sessions[i % 2], change);
}

static struct tally make_room(
	const struct server_table *table, uint32_t uid, const struct mosh_processes *processes)
{
	struct tally room = {0};

	for (size_t i = 0; i < processes->count; i++)
		count_room(&room, processes->items[i].cgroup, processes->items[i].session, 1);
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_OWNED && !server->is_gone && server->socket.uid == uid)
			count_room(&room, server->socket.cgroup, server->session, -1);
	return room;
}

/* Cgroups that are not known could be any. */
static bool has_room(const struct tally *room, uint64_t cgroup, uint64_t session)
{
	if (cgroup == CGROUP_UNKNOWN)
		return tally_of(room, CGROUP_ANY, session) > 0;
	return tally_of(room, cgroup, session) + tally_of(room, CGROUP_UNKNOWN, session) > 0;
}

static const struct login *find_owner(
	const struct login_table *logins, const struct udp_socket *socket, const struct tally *room)
{
	const struct login *owner = login_of_user(logins, socket->uid);
	const struct login *login;
	uint32_t *sessions;
	size_t count = 0;

	if (!owner || !owner->next)
		return owner;
	DL_COUNT(owner, login, count);
	sessions = memory_zeroed(count * sizeof(*sessions));
	count = 0;
	DL_FOREACH(owner, login)
	{
		if (has_room(room, socket->cgroup, login->process.session))
			sessions[count++] = login->process.session;
	}
	owner = login_owner(logins, socket, sessions, count);
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

static bool is_server(struct server *server, const struct tally *room, uint64_t now_ms)
{
	if (!has_room(room, server->socket.cgroup, SESSION_ANY)) {
		look_later(server, now_ms);
		return false;
	}
	if (is_doubtful(server, now_ms)) {
		server->due_ms = server->seen_ms + SERVER_DOUBT_MS;
		return false;
	}
	return true;
}

static bool is_due(const struct server *server, const struct server_claim *claim)
{
	return server->role == SERVER_CANDIDATE && server->socket.uid == claim->uid &&
	       server->due_ms <= claim->now_ms;
}

void server_claim(struct server_table *table, const struct server_claim *claim)
{
	struct tally room = make_room(table, claim->uid, claim->processes);
	struct server *server;

	HASH_SORT(table->servers, compare);
	for (server = table->servers; server; server = server->hh.next) {
		const struct login *owner;

		if (!is_due(server, claim) || !is_server(server, &room, claim->now_ms))
			continue;
		owner = find_owner(claim->logins, &server->socket, &room);
		server_adopt(server, owner ? owner->user : "");
		if (owner)
			server->session = owner->process.session;
		count_room(&room, server->socket.cgroup, server->session, -1);
		claim->found(server, owner, claim->context);
	}
	tally_clear(&room);
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
	struct tally room = make_room(table, uid, processes);
	struct server *server, *last = NULL;
	size_t left_over = 0;

	HASH_SORT(table->servers, compare);
	for (server = table->servers; server; server = server->hh.next) {
		if (server->role == SERVER_OWNED || server->socket.uid != uid ||
			is_doubtful(server, now_ms))
			continue;
		if (has_room(&room, server->socket.cgroup, SESSION_ANY)) {
			server_adopt(server, user);
			count_room(&room, server->socket.cgroup, server->session, -1);
			last = server;
		} else if (last && last->socket.is_ecn == server->socket.is_ecn) {
			left_over++;
		}
	}
	tally_clear(&room);
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
