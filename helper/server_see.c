/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "server.h"

/* Another socket may be bound to the same place on an interface of its own. */
static bool is_known(const struct server *server)
{
	return server->role == SERVER_OWNED && !server->is_gone && server->socket.interface == 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct udp_socket *one = &(*(struct server *const *)a)->socket;
	const struct udp_socket *other = &(*(struct server *const *)b)->socket;
	int order = memcmp(&one->address, &other->address, sizeof(one->address));

	return order != 0 ? order : (int)one->port - (int)other->port;
}

static bool is_next(const struct port_span *span, const struct udp_socket *socket)
{
	return address_equal(&span->address, &socket->address) &&
	       socket->port - span->last <= 1; /* they come in order */
}

static int length(const struct port_span *span)
{
	return span->last - span->first;
}

/* If there are too many, the longest are kept. */
static void keep(struct port_spans *spans, const struct port_span *span)
{
	struct port_span *shortest = &spans->items[0];

	if (spans->count < PORT_SPANS_MAX) {
		spans->items[spans->count++] = *span;
		return;
	}
	for (size_t i = 1; i < spans->count; i++)
		if (length(&spans->items[i]) < length(shortest))
			shortest = &spans->items[i];
	if (length(span) > length(shortest))
		*shortest = *span;
}

static void join(struct port_spans *spans, struct server **servers, size_t count)
{
	for (size_t i = 0; i < count;) {
		const struct udp_socket *first = &servers[i]->socket;
		struct port_span span = {first->address, first->port, first->port};

		while (++i < count && is_next(&span, &servers[i]->socket))
			span.last = servers[i]->socket.port;
		keep(spans, &span);
	}
}

static bool is_in(const struct port_spans *spans, const struct udp_socket *socket)
{
	for (size_t i = 0; i < spans->count; i++)
		if (spans->items[i].first <= socket->port && socket->port <= spans->items[i].last &&
			address_equal(&spans->items[i].address, &socket->address))
			return true;
	return false;
}

static void make_spans(struct server_table *table)
{
	size_t count = 0;
	auto_free void *room =
		memory_zeroed((HASH_COUNT(table->servers) + 1) * sizeof(struct server *));
	struct server **known = room, *server;

	for (server = table->servers; server; server = server->hh.next)
		if (is_known(server))
			known[count++] = server;
	qsort(known, count, sizeof(struct server *), compare_places);
	table->spans.count = 0;
	join(&table->spans, known, count);
	table->spanned = 0;
	for (size_t i = 0; i < count; i++)
		table->spanned += is_in(&table->spans, &known[i]->socket);
}

const struct port_spans *server_spans(struct server_table *table)
{
	if (table->spans_changes != table->changes)
		make_spans(table);
	table->spans_changes = table->changes;
	return &table->spans;
}

static struct server *add(
	struct server_table *table, const struct udp_socket *socket, uint64_t now_ms)
{
	struct server *server = memory_zeroed(sizeof(*server));

	server->socket = *socket;
	server->seen_ms = now_ms;
	server->due_ms = now_ms;
	server->session = AUDIT_SESSION_NONE;
	table->unowned++;
	table->comings++;
	HASH_ADD(hh, table->servers, socket.cookie, sizeof(server->socket.cookie), server);
	return server;
}

static void end(struct server_table *table, struct server *server)
{
	if (server->role != SERVER_OWNED) {
		server_remove(table, server);
	} else if (!server->is_gone) {
		server->is_gone = true;
		table->gone++;
		table->changes++;
		table->comings++;
	}
}

/* All that there are were not asked for, and there are no others. */
static bool is_nothing_new(const struct server_table *table, const struct udp_sockets *seen)
{
	return seen->except && seen->count == 0 && table->spans_changes == table->changes &&
	       table->spanned == HASH_COUNT(table->servers);
}

/* A socket can be bound anew to another place, without a notice; then what it was has ended. */
static bool is_in_place(const struct udp_socket *known, const struct udp_socket *seen)
{
	return known->port == seen->port && known->interface == seen->interface &&
	       known->is_dual == seen->is_dual && address_equal(&known->address, &seen->address);
}

static void mark_missing(struct server_table *table, const struct udp_sockets *seen)
{
	struct server *server;

	for (server = table->servers; server; server = server->hh.next)
		server->is_missing = !(seen->except && is_in(seen->except, &server->socket));
	for (size_t i = 0; i < seen->count; i++) {
		server = server_find(table, seen->items[i].cookie);
		if (server)
			server->is_missing = !is_in_place(&server->socket, &seen->items[i]);
	}
}

static bool is_same(const struct hidden_ports *one, const struct hidden_ports *other)
{
	return one && other ? memcmp(one, other, sizeof(*one)) == 0 : one == other;
}

static void learn_hidden(struct server_table *table, const struct hidden_ports *hidden)
{
	if (is_same(table->hidden, hidden))
		return;
	free(table->hidden);
	table->hidden = NULL;
	if (hidden) {
		table->hidden = memory_zeroed(sizeof(*hidden));
		*table->hidden = *hidden;
	}
	table->comings++;
}

void server_see(struct server_table *table, const struct udp_sockets *sockets, uint64_t now_ms)
{
	struct server *server, *next;

	learn_hidden(table, sockets->hidden);
	if (is_nothing_new(table, sockets))
		return;
	mark_missing(table, sockets);
	HASH_ITER(hh, table->servers, server, next)
	{
		if (server->is_missing)
			end(table, server);
	}
	for (size_t i = 0; i < sockets->count; i++)
		if (!server_find(table, sockets->items[i].cookie))
			add(table, &sockets->items[i], now_ms);
}

/* Something may be open by it. */
static bool is_of_user(const struct server *server)
{
	return server->role == SERVER_OWNED && (server->user[0] || server->grants);
}

/* By it replies are shut out, and there are not too many of its kind: one user who never logged in
 * may have as many as he has uids to make them with. */
static bool is_free(const struct server *server, size_t *kept, size_t *nameless)
{
	if (server->is_kept)
		return ++*kept <= SERVER_MISSING_MAX;
	return server->role == SERVER_OWNED && ++*nameless <= SERVER_MISSING_MAX;
}

void server_missing(
	struct server_table *table, const struct udp_sockets *seen, struct udp_sockets *missing)
{
	struct server *server;
	size_t kept = 0, nameless = 0;

	if (is_nothing_new(table, seen))
		return;
	mark_missing(table, seen);
	for (server = table->servers; server; server = server->hh.next) {
		if (!server->is_missing || server->is_gone)
			continue;
		if (!is_of_user(server) && !is_free(server, &kept, &nameless))
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

/* -1, 0 or 1; what differs least stands together. */
static int compare_bound(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct server_bound));
}

static void add_bound(struct server_table *table, const struct udp_socket *socket, uint8_t family)
{
	struct server_bound *bound = &table->bound[table->bound_count++];

	/* Its padding counts. */
	memset(bound, 0, sizeof(*bound));
	bound->address = socket->address;
	bound->address.family = family;
	bound->port = socket->port;
	bound->interface = socket->interface;
	bound->uid = socket->uid;
	bound->cookie = socket->cookie;
}

/* A user may have thousands of sockets in one place; there they count as one. Those on an interface
 * may be asked for one by one. */
static void drop_same(struct server_table *table)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->bound_count; i++)
		if (i == 0 || table->bound[i].interface != 0 ||
			memcmp(&table->bound[i], &table->bound[kept - 1],
				offsetof(struct server_bound, cookie)) != 0)
			table->bound[kept++] = table->bound[i];
	table->bound_count = kept;
}

static void make_bound(struct server_table *table)
{
	struct server *server;

	if (table->bound && table->bound_comings == table->comings)
		return;
	free(table->bound);
	table->bound = memory_zeroed((2 * HASH_COUNT(table->servers) + 1) * sizeof(*table->bound));
	table->bound_count = 0;
	for (server = table->servers; server; server = server->hh.next) {
		if (server->is_gone)
			continue;
		add_bound(table, &server->socket, server->socket.address.family);
		if (server->socket.is_dual)
			add_bound(table, &server->socket, 4);
	}
	qsort(table->bound, table->bound_count, sizeof(*table->bound), compare_bound);
	drop_same(table);
	table->bound_comings = table->comings;
}

/* The first that is not before that one. */
static size_t first_bound(const struct server_table *table, const struct server_bound *wanted)
{
	size_t first = 0, end = table->bound_count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare_bound(&table->bound[middle], wanted) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

#define RIVALS_MAX 64 /* of so many one is */

typedef bool is_rival(const struct server_table *table, const struct server_bound *bound);

/* Another user's socket is bound to that address, with the socket's port. */
static bool has_rival(struct server_table *table, const struct udp_socket *socket,
	const struct address *address, is_rival *is_one)
{
	struct server_bound wanted;
	size_t rivals = 0;

	make_bound(table);
	memset(&wanted, 0, sizeof(wanted));
	wanted.address = *address;
	wanted.port = socket->port;
	for (size_t i = first_bound(table, &wanted); i < table->bound_count; i++) {
		const struct server_bound *bound = &table->bound[i];

		if (bound->port != socket->port || !address_equal(&bound->address, address))
			return false;
		if (bound->uid != socket->uid && (++rivals > RIVALS_MAX || is_one(table, bound)))
			return true;
	}
	return false;
}

static bool is_anything(const struct server_table *table, const struct server_bound *bound)
{
	(void)table, (void)bound;
	return true;
}

/* One that is in the midst of its connect() is seen there, too. It stays there for less than a
 * microsecond; nobody is to close others' ports by that. */
#define ASKED_TIMES 3

static bool is_staying(const struct server_table *table, const struct server_bound *bound)
{
	const struct server *server = server_find(table, bound->cookie);

	for (int i = 0; i < ASKED_TIMES && server && table->is_there; i++)
		if (!table->is_there(&server->socket, table->context))
			return false;
	return true;
}

static bool is_on_interface(const struct server_table *table, const struct server_bound *bound)
{
	return bound->interface != 0 && is_staying(table, bound);
}

static bool is_hidden(const struct hidden_ports *hidden, uint16_t port, uint8_t family)
{
	return hidden && (family == 4 ? hidden->of4 : hidden->of6)[port];
}

bool server_is_shadowed(
	struct server_table *table, const struct server *server, const struct address *address)
{
	const struct address any = {.family = address->family};

	/* Where that is no other socket of mosh's kind can be bound any more. One that is seen
	 * there is on its way by connect(), in the midst of that. */
	if (!address_is_wildcard(&server->socket.address) && server->socket.interface == 0)
		return false;
	if (is_hidden(table->hidden, server->socket.port, address->family))
		return true;
	/* On another interface one that is bound to any gets what comes there. */
	return has_rival(table, &server->socket, address, is_anything) ||
	       has_rival(table, &server->socket, &any, is_anything);
}

bool server_is_beside(
	struct server_table *table, const struct server *server, const struct address *address)
{
	return has_rival(table, &server->socket, address, is_on_interface);
}
