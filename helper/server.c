/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

void server_table_init(struct server_table *table)
{
	*table = (struct server_table){0};
}

void server_table_clear(struct server_table *table)
{
	struct server *server, *next;

	HASH_ITER(hh, table->servers, server, next)
	{
		server_remove(table, server);
	}
	free(table->bound);
	table->bound = NULL;
	free(table->hidden);
	table->hidden = NULL;
}

void server_remove(struct server_table *table, struct server *server)
{
	table->comings++;
	table->changes += server->role == SERVER_OWNED || server->is_kept;
	table->unowned -= server->role != SERVER_OWNED;
	table->gone -= server->is_gone;
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

/* Its process was there when it was seen first, so that one which was no server's then is none. But
 * one that looks like mosh's was perhaps seen before the notice of its own execution. */
void server_pass_over(struct server_table *table, uint64_t now_ms, uint64_t age_ms)
{
	for (struct server *server = table->servers; server; server = server->hh.next) {
		bool may_be_late = server->socket.is_ecn && age_ms < SERVER_LATE_MS;

		if (server->role == SERVER_CANDIDATE &&
			now_ms - server->seen_ms >= (may_be_late ? SERVER_LATE_MS : age_ms))
			server->role = SERVER_FOREIGN;
	}
}

/* What does not look like mosh's may be anything that asks from there. Nothing comes to the
 * loopback from outside. */
void server_keep_ports(struct server_table *table, const bool *is_port)
{
	for (struct server *server = table->servers; server; server = server->hh.next) {
		if (server->role == SERVER_OWNED || !server->socket.is_ecn ||
			!is_port[server->socket.port] ||
			address_is_loopback(&server->socket.address))
			continue;
		server->is_kept = true;
		table->changes++;
	}
}

void server_pass_over_ports(struct server_table *table, const bool *is_port)
{
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_CANDIDATE && is_port[server->socket.port])
			server->role = SERVER_FOREIGN;
}

void server_pass_over_all(struct server_table *table)
{
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_CANDIDATE)
			server->role = SERVER_FOREIGN;
}

static bool is_due(const struct server *server, uint64_t now_ms)
{
	return server->role == SERVER_CANDIDATE && server->due_ms <= now_ms;
}

bool server_undecided(struct server_table *table, const struct login_table *logins, uint64_t now_ms,
	struct tally *uids)
{
	bool has_strangers = false, is_strangers_turn = table->strangers_ms <= now_ms;

	if (table->unowned == 0)
		return false;
	for (struct server *server = table->servers; server; server = server->hh.next) {
		bool is_stranger;

		if (!is_due(server, now_ms))
			continue;
		is_stranger = !login_of_user(logins, server->socket.uid);
		if (is_stranger && !is_strangers_turn)
			continue;
		has_strangers |= is_stranger;
		tally_add(uids, server->socket.uid, 0, 1);
	}
	if (has_strangers)
		table->strangers_ms = now_ms + SERVER_STRANGERS_MS;
	return uids->entries != NULL;
}

/*
 * How many more servers each uid can have, by the cgroup and the audit session of its processes:
 * those count up, its servers count down. Counted once and kept right from then on, so that
 * thousands of each cost thousands of steps, not millions.
 */
#define CGROUP_UNKNOWN 0
#define CGROUP_ANY     UINT64_MAX

struct room {
	struct tally of_uid;     /* by cgroup and uid */
	struct tally of_session; /* by cgroup, and uid and audit session */
};

static uint64_t session_of(uint32_t uid, uint32_t session)
{
	return (uint64_t)uid << 32 | session;
}

static void count_room(
	struct room *room, uint64_t cgroup, uint64_t uid, uint32_t session, int change)
{
	const uint64_t cgroups[] = {cgroup, CGROUP_ANY};

	for (size_t i = 0; i < 2; i++) {
		tally_add(&room->of_uid, cgroups[i], uid, change);
		tally_add(
			&room->of_session, cgroups[i], session_of((uint32_t)uid, session), change);
	}
}

static void take_room(struct room *room, const struct server *server)
{
	count_room(room, server->socket.cgroup, server->socket.uid, server->session, -1);
}

static struct room make_room(const struct server_table *table, const struct tally *uids,
	const struct mosh_processes *processes)
{
	struct room room = {{0}, {0}};

	for (size_t i = 0; i < processes->count; i++)
		count_room(&room, processes->items[i].cgroup, processes->items[i].uid,
			processes->items[i].session, 1);
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role == SERVER_OWNED && !server->is_gone &&
			tally_of(uids, server->socket.uid, 0) > 0)
			take_room(&room, server);
	return room;
}

static void clear_room(struct room *room)
{
	tally_clear(&room->of_uid);
	tally_clear(&room->of_session);
}

/* Cgroups that are not known could be any. */
static bool is_left(const struct tally *room, uint64_t cgroup, uint64_t part)
{
	if (cgroup == CGROUP_UNKNOWN)
		return tally_of(room, CGROUP_ANY, part) > 0;
	return tally_of(room, cgroup, part) + tally_of(room, CGROUP_UNKNOWN, part) > 0;
}

static bool has_room(const struct room *room, const struct udp_socket *socket)
{
	return is_left(&room->of_uid, socket->cgroup, socket->uid);
}

static const struct login *find_owner(
	const struct login_table *logins, const struct udp_socket *socket, const struct room *room)
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
		if (is_left(&room->of_session, socket->cgroup,
			    session_of(socket->uid, login->process.session)))
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
 * becomes a server is looked at a few dozen times, not a thousand. But no longer than a search goes
 * on, and a logout looks ahead. */
static void look_later(struct server *server, uint64_t now_ms)
{
	uint64_t age_ms = now_ms - server->seen_ms;

	server->due_ms = now_ms + (age_ms < SERVER_DOUBT_MS ? age_ms + 1 : SERVER_DOUBT_MS);
}

/* It does not look like mosh's, and one that does may still come. */
static bool is_doubtful(const struct server *server, uint64_t now_ms)
{
	return !server->socket.is_ecn && now_ms - server->seen_ms < SERVER_DOUBT_MS;
}

static bool is_server(struct server *server, const struct room *room, uint64_t now_ms)
{
	if (!has_room(room, &server->socket)) {
		look_later(server, now_ms);
		return false;
	}
	if (is_doubtful(server, now_ms)) {
		server->due_ms = server->seen_ms + SERVER_DOUBT_MS;
		return false;
	}
	return true;
}

static bool is_claimed(const struct server *server, const struct server_claim *claim)
{
	return is_due(server, claim->now_ms) && tally_of(claim->uids, server->socket.uid, 0) > 0;
}

static const struct login *find_session(
	const struct login_table *logins, const struct udp_socket *socket)
{
	const struct login *login = login_of_user(logins, socket->uid);

	while (login && login->process.cgroup != socket->cgroup)
		login = login->next;
	return login;
}

static bool add_session(
	const struct login *login, const struct login *sessions[SERVER_SESSIONS_MAX], size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (sessions[i]->process.cgroup == login->process.cgroup)
			return true;
	if (*count == SERVER_SESSIONS_MAX)
		return false;
	sessions[(*count)++] = login;
	return true;
}

bool server_sessions(const struct server_table *table, const struct server_claim *claim,
	const struct login *sessions[SERVER_SESSIONS_MAX], size_t *count)
{
	for (struct server *server = table->servers; server; server = server->hh.next) {
		const struct login *login;

		if (!is_claimed(server, claim))
			continue;
		login = server->socket.cgroup != CGROUP_UNKNOWN
				? find_session(claim->logins, &server->socket)
				: NULL;
		if (!login || !add_session(login, sessions, count))
			return false;
	}
	return true;
}

void server_claim(struct server_table *table, const struct server_claim *claim)
{
	struct room room = make_room(table, claim->uids, claim->processes);
	struct server *server;

	HASH_SORT(table->servers, compare);
	for (server = table->servers; server; server = server->hh.next) {
		const struct login *owner;

		if (!is_claimed(server, claim) || !is_server(server, &room, claim->now_ms))
			continue;
		owner = find_owner(claim->logins, &server->socket, &room);
		server_adopt(table, server, owner ? owner->user : "");
		if (owner)
			server->session = owner->process.session;
		take_room(&room, server);
		claim->found(server, owner, claim->context);
	}
	clear_room(&room);
}

bool server_has_unowned(const struct server_table *table, uint32_t uid)
{
	if (table->unowned == 0)
		return false;
	for (struct server *server = table->servers; server; server = server->hh.next)
		if (server->role != SERVER_OWNED && server->socket.uid == uid)
			return true;
	return false;
}

size_t server_adopt_all(struct server_table *table, uint32_t uid, const char *user,
	const struct mosh_processes *processes, uint64_t now_ms)
{
	struct tally uids = {0};
	struct server *server, *last = NULL;
	struct room room;
	size_t left_over = 0;

	tally_add(&uids, uid, 0, 1);
	room = make_room(table, &uids, processes);
	tally_clear(&uids);
	HASH_SORT(table->servers, compare);
	for (server = table->servers; server; server = server->hh.next) {
		if (server->role == SERVER_OWNED || server->socket.uid != uid ||
			is_doubtful(server, now_ms))
			continue;
		if (has_room(&room, &server->socket)) {
			server_adopt(table, server, user);
			take_room(&room, server);
			last = server;
		} else if (last && last->socket.is_ecn == server->socket.is_ecn) {
			left_over++;
		}
	}
	clear_room(&room);
	return left_over;
}

void server_adopt(struct server_table *table, struct server *server, const char *user)
{
	table->changes++;
	table->unowned -= server->role != SERVER_OWNED;
	server->role = SERVER_OWNED;
	free(server->user);
	server->user = memory_text(user);
}

bool server_is_at(const struct server *server, const struct address *address)
{
	const struct udp_socket *socket = &server->socket;

	if (!address_is_wildcard(&socket->address))
		return address_equal(&socket->address, address);
	return socket->address.family == address->family || socket->is_dual;
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
