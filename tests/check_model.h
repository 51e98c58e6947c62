/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may be open, as a few arrays: sockets, logins, and who is let in. It is the rules of
 * SECURITY.md and moshgate.conf(5) in the shortest way to say them, and calls nothing of what it
 * is to judge; of the helper's table it reads which wishes were denied, and asks whether that was
 * right.
 */
#ifndef CHECK_MODEL_H
#define CHECK_MODEL_H

#include "check_policy.h"

#define MODEL_USERS   4
#define MODEL_LOGINS  10
#define MODEL_SOCKETS 16
#define MODEL_PORTS   6
#define MODEL_GUESTS  256
#define FIRST_UID     1000
#define FIRST_PORT    60001

struct model_socket {
	struct udp_socket socket; /* cookie 0: a free place */
	struct address home;      /* whose client started it; family 0: not known */
	uint64_t start_ms, seen_ms;
	bool is_any;     /* bound to all addresses */
	bool is_mosh;    /* has a process of its own */
	bool is_seen;    /* by the helper that runs now */
	bool is_foreign; /* was there before a mosh-server was executed */
	bool is_known;   /* the helper that runs now takes it for a mosh-server's */
};

/* One who is let in, and the time awake at which that ends at the earliest and at the latest. */
struct guest {
	uint64_t cookie;
	uint32_t uid;
	struct grant_key key;
	enum label_via via;
	uint64_t since_ms, least_ms, most_ms;
	bool is_unsettled; /* has claim from when the kernel takes it */
};

/* What is open beyond the guests: thrown out, but maybe not out of the kernel yet. */
struct model_count {
	size_t all, of_user[MODEL_USERS];
};

static struct model {
	struct config config;
	const char *name; /* of the configuration */
	uint64_t seed, now_ms, asleep_ms;
	int step;
	bool is_stale; /* elements ran out, and the helper has not looked since */
	struct login *logins[MODEL_LOGINS];
	struct model_socket sockets[MODEL_SOCKETS];
	struct guest guests[MODEL_GUESTS];
	struct guest wishes[MODEL_SOCKETS]; /* of one event */
	struct model_count leaving;
	size_t guest_count, wish_count, denial_count, limited;
} model;

/* Whatever fails says how to get there again. */
#define MODEL_HOLDS(claim, what)                                                                   \
	do {                                                                                       \
		if (!(claim))                                                                      \
			ck_abort_msg("CHECK_SEED=%llu, %s, step %d: %s",                           \
				(unsigned long long)model.seed, model.name, model.step, (what));   \
	} while (0)

static inline uint64_t model_awake_ms(void)
{
	return model.now_ms - model.asleep_ms;
}

static inline uint64_t model_claim_ms(void)
{
	return model_awake_ms() + (uint64_t)model.config.gate.claim_s * 1000;
}

static inline bool model_same(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Clients whose addresses share that many bits are one. */
static inline struct address model_client(struct address client)
{
	uint32_t kept = client.family == 4 ? model.config.gate.prefix4 : model.config.gate.prefix6;

	for (uint32_t bit = kept; bit < sizeof(client.bytes) * 8; bit++)
		client.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return client;
}

static inline struct guest *model_guest(const struct grant_key *key)
{
	for (size_t i = 0; i < model.guest_count; i++)
		if (memcmp(&model.guests[i].key, key, sizeof(*key)) == 0)
			return &model.guests[i];
	return NULL;
}

/* Whose element it is: of that key, and of that socket. */
static inline struct guest *model_guest_of(const struct element *element)
{
	struct guest *guest = model_guest(&element->key);
	struct label label;

	if (label_read(element->comment, &label) < 0)
		return NULL;
	return guest && guest->cookie == label.cookie && guest->uid == label.uid ? guest : NULL;
}

/* The kernel took it out itself. */
static inline void model_lapse(struct guest *guest)
{
	*guest = model.guests[--model.guest_count];
}

/* It counts until it is out of the kernel. */
static inline void model_throw_out(struct guest *guest)
{
	model.leaving.all++;
	model.leaving.of_user[guest->uid - FIRST_UID]++;
	model_lapse(guest);
}

static inline void model_throw_out_of(uint64_t cookie)
{
	for (size_t i = model.guest_count; i-- > 0;)
		if (model.guests[i].cookie == cookie)
			model_throw_out(&model.guests[i]);
}

static inline void model_revoke(uint32_t uid, uint16_t port)
{
	for (size_t i = model.guest_count; i-- > 0;)
		if (model.guests[i].uid == uid && model.guests[i].key.port == port)
			model_throw_out(&model.guests[i]);
}

/* Nothing is open for longer than max. */
static inline void model_end_max(void)
{
	uint64_t max_ms = (uint64_t)model.config.gate.max_s * 1000;

	for (size_t i = model.guest_count; max_ms > 0 && i-- > 0;)
		if (model.guests[i].since_ms + max_ms <= model.now_ms)
			model_throw_out(&model.guests[i]);
}

/* Who comes anew has claim for it. */
static inline void model_renew(struct guest *guest)
{
	if (guest->least_ms < model_claim_ms())
		guest->least_ms = model_claim_ms();
	guest->is_unsettled = true;
}

/* Is a packet to that address for such a socket? */
static inline bool model_gets(const struct model_socket *at, const struct address *address)
{
	if (at->is_any)
		return at->socket.address.family == address->family || at->socket.is_dual;
	return model_same(&at->socket.address, address);
}

/* Another user's socket is bound to that address or to any, and to that port, as far as was seen;
 * and a socket that is bound to any may get nothing from there. */
static inline bool model_is_shadowed(const struct udp_socket *socket, const struct grant_key *key)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		const struct model_socket *other = &model.sockets[i];

		if (other->socket.cookie != 0 && other->is_seen &&
			other->socket.uid != socket->uid && other->socket.port == key->port &&
			model_gets(other, &key->server) && address_is_wildcard(&socket->address))
			return true;
	}
	return false;
}

/* What is open to such a socket ends as soon as the other one is seen. */
static inline void model_end_shadowed(void)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		for (size_t at = model.guest_count; at-- > 0;)
			if (model.guests[at].cookie == model.sockets[i].socket.cookie &&
				model_is_shadowed(&model.sockets[i].socket, &model.guests[at].key))
				model_throw_out(&model.guests[at]);
}

/* One more that this event is to let in, unless somebody has that address and port. */
static inline void model_wish(
	const struct udp_socket *socket, const struct grant_key *key, enum label_via via)
{
	struct guest *guest = model_guest(key);

	if (model_is_shadowed(socket, key))
		return;
	if (guest && guest->cookie == socket->cookie)
		model_renew(guest);
	if (guest)
		return;
	MODEL_HOLDS(model.wish_count < MODEL_SOCKETS, "too many wishes");
	guest = &model.wishes[model.wish_count++];
	memset(guest, 0, sizeof(*guest));
	guest->cookie = socket->cookie;
	guest->uid = socket->uid;
	guest->key = *key;
	guest->via = via;
	guest->since_ms = model.now_ms;
	model_renew(guest);
}

/* Where that login's client sends its packets to; false: nothing it sends could get there. */
static inline bool model_reaches(
	const struct model_socket *to, const struct login *login, struct grant_key *key)
{
	memset(key, 0, sizeof(*key));
	key->client = model_client(login->client);
	key->server = to->is_any ? login->server : to->socket.address;
	key->port = to->socket.port;
	return key->server.family == key->client.family &&
	       (to->socket.is_dual || to->socket.address.family == key->client.family);
}

/* What other addresses have of that server is not to outlast claim, if it is not used. */
static inline void model_supersede(uint64_t cookie, const struct address *client)
{
	for (size_t i = 0; i < model.guest_count; i++) {
		struct guest *guest = &model.guests[i];

		if (guest->cookie != cookie || model_same(&guest->key.client, client))
			continue;
		if (guest->least_ms > model_claim_ms())
			guest->least_ms = model_claim_ms();
		guest->most_ms = 0;
		guest->is_unsettled = true;
	}
}

/* The login that started it is to reach it. */
static inline void model_first(struct model_socket *found, const struct login *login)
{
	struct grant_key key;

	found->home = model_client(login->client);
	if (model_reaches(found, login, &key))
		model_wish(&found->socket, &key, LABEL_LOGIN);
}

static inline void model_roam_to(struct model_socket *to, const struct login *login)
{
	struct address client = model_client(login->client);
	bool is_roaming = model.config.gate.is_roaming;
	struct grant_key key;

	if (!is_roaming && to->home.family != 0 && !model_same(&to->home, &client))
		return;
	if (!model_reaches(to, login, &key))
		return;
	if (!is_roaming)
		to->home = client;
	model_wish(&to->socket, &key, LABEL_ROAM);
	if (model.config.gate.is_superseding)
		model_supersede(to->socket.cookie, &client);
}

static inline void model_roam(const struct login *login)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		if (model.sockets[i].is_known && model.sockets[i].socket.uid == login->uid)
			model_roam_to(&model.sockets[i], login);
}

/* Who knocked at that user's server is let in if the user says so. */
static inline void model_allow(uint32_t uid, const struct grant_key *key)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		const struct model_socket *at = &model.sockets[i];

		if (at->is_known && at->socket.uid == uid && at->socket.port == key->port &&
			model_gets(at, &key->server) && !model_guest(key))
			model_wish(&at->socket, key, LABEL_ALLOW);
	}
}

static inline size_t model_guests_of(uint32_t uid)
{
	size_t count = 0;

	for (size_t i = 0; i < model.guest_count; i++)
		count += model.guests[i].uid == uid;
	return count;
}

/* Right only if a limit is reached, or, as long as the helper has not looked, if somebody had that
 * address and port. */
static inline bool model_is_right(const struct grant_denial *denial, size_t taken)
{
	size_t all = model.guest_count + taken + model.leaving.all;
	size_t of_user = model_guests_of(denial->uid) + taken +
			 model.leaving.of_user[denial->uid - FIRST_UID];

	if (denial->reason == DENIAL_TAKEN)
		return model.is_stale;
	model.limited++;
	return denial->reason == DENIAL_LIMIT_USER
		       ? of_user >= model.config.limits.grants_per_user
		       : denial->reason == DENIAL_LIMIT && all >= model.config.limits.grants;
}

/* The wish that was denied; null: it was none. */
static inline struct guest *model_denied(const struct grant_denial *denial)
{
	for (size_t i = 0; i < model.wish_count; i++)
		if (model.wishes[i].uid == denial->uid && model.wishes[i].key.port == denial->port)
			return &model.wishes[i];
	return NULL;
}

/* An event is over: what was not denied is let in. Returns how many wishes were. */
static inline size_t model_settle_wishes(const struct grant_denials *denials)
{
	struct grant_denial denied[MODEL_SOCKETS];
	size_t count = 0;

	for (; model.denial_count < denials->count; model.denial_count++) {
		const struct grant_denial *denial = &denials->items[model.denial_count];
		struct guest *wish = model_denied(denial);

		if (!wish)
			continue;
		denied[count++] = *denial;
		*wish = model.wishes[--model.wish_count];
	}
	for (size_t i = 0; i < count; i++)
		MODEL_HOLDS(model_is_right(&denied[i], model.wish_count), "denied for nothing");
	for (size_t i = 0; i < model.wish_count; i++) {
		MODEL_HOLDS(model.guest_count < MODEL_GUESTS, "too many guests");
		model.guests[model.guest_count++] = model.wishes[i];
	}
	model.wish_count = 0;
	return count;
}

/* The login in whose cgroup it was made, or else any of its user's; then one that came in on the
 * address that it is bound to; then the newest. */
static inline const struct login *model_owner(
	const struct udp_socket *socket, const struct login *newcomer)
{
	const struct login *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < MODEL_LOGINS; i++) {
		const struct login *login = model.logins[i];
		int rank;

		if (!login || login == newcomer || login->uid != socket->uid)
			continue;
		rank = socket->cgroup != 0 && login->process.cgroup == socket->cgroup ? 2 : 0;
		rank += model_same(&login->server, &socket->address);
		if (!best || rank > best_rank || (rank == best_rank && login->pid > best->pid)) {
			best = login;
			best_rank = rank;
		}
	}
	return best;
}

/* How many more servers that user can have there: never more than processes. */
static inline int model_room(const struct udp_socket *socket)
{
	int room = 0;

	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		const struct model_socket *other = &model.sockets[i];

		if (other->socket.uid == socket->uid && other->socket.cgroup == socket->cgroup)
			room += (int)other->is_mosh - (int)other->is_known;
	}
	return room;
}

/* Those that look like mosh's own, those bound to an address, lower ports. */
static inline bool model_is_better(const struct model_socket *a, const struct model_socket *b)
{
	if (a->socket.is_ecn != b->socket.is_ecn)
		return a->socket.is_ecn;
	if (a->is_any != b->is_any)
		return !a->is_any;
	return a->socket.port < b->socket.port;
}

static inline struct model_socket *model_next_best(uint32_t uid, const struct model_socket *before)
{
	struct model_socket *best = NULL;

	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		struct model_socket *it = &model.sockets[i];
		bool is_young = !it->socket.is_ecn && model.now_ms - it->seen_ms < SERVER_DOUBT_MS;

		if (it->socket.cookie == 0 || it->socket.uid != uid || it->is_known || is_young)
			continue;
		if ((!before || model_is_better(before, it)) &&
			(!best || model_is_better(it, best)))
			best = it;
	}
	return best;
}

/* At a login: the user's best sockets are servers, as far as there are processes. Returns how many
 * that look no different from the last of them are not. */
static inline size_t model_adopt(uint32_t uid)
{
	const struct model_socket *last = NULL;
	struct model_socket *it = model_next_best(uid, NULL);
	size_t left_over = 0;

	for (; it; it = model_next_best(uid, it)) {
		if (model_room(&it->socket) > 0) {
			it->is_known = true;
			last = it;
		} else if (last && last->socket.is_ecn == it->socket.is_ecn) {
			left_over++;
		}
	}
	return left_over;
}

/* All is in the kernel as it is to be: so each end is known. */
static inline void model_settle_ends(void)
{
	for (size_t i = 0; i < model.guest_count; i++) {
		struct guest *guest = &model.guests[i];

		if (guest->is_unsettled && guest->most_ms < model_claim_ms())
			guest->most_ms = model_claim_ms();
		guest->is_unsettled = false;
	}
}

/* What the elements tell: who has one by a login. */
static inline struct address model_home(uint64_t cookie)
{
	for (size_t i = 0; i < model.guest_count; i++)
		if (model.guests[i].cookie == cookie && model.guests[i].via != LABEL_ALLOW)
			return model.guests[i].key.client;
	return policy_address(NULL);
}

/* The helper that runs now knows what has guests, and takes all else for others' until a login. */
static inline void model_forget_sockets(void)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		struct model_socket *it = &model.sockets[i];

		it->is_seen = it->is_known = false;
		it->is_foreign = true;
		it->home = model_home(it->socket.cookie);
		for (size_t guest = 0; guest < model.guest_count; guest++)
			it->is_known |= model.guests[guest].cookie == it->socket.cookie;
	}
}

#endif
