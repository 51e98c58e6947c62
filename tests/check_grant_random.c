/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy against a model that is too simple to be wrong (check_model.h): tens of thousands of
 * random steps with one configuration after the other. After each of them all that is open is
 * allowed by the model or on its way out, and after a turn of them the kernel's sets are exactly
 * what it says, unless the kernel refuses something.
 *
 * In the model a server belongs to the login in whose cgroup it starts. That login's address is let
 * in, and that of each later login of its user, and who knocked and is allowed; until the socket
 * ends, the element expires, or a person revokes it. Nothing else, and nothing over a limit.
 *
 * CHECK_SEED=n in the environment, as a failure prints it, begins with the same walk.
 */
#include "check_walk.h"
#include "pending.h"

#define SEEDS 2
#define STEPS 1200

/* What differs from the defaults. */
static const struct settings {
	const char *name;
	bool is_home_only, is_superseding;
	bool is_without_cgroups; /* the kernel tells none */
	uint32_t max_s, prefix4, prefix6, logins_per_user, grants_per_user, grants;
} settings[] = {
	{"defaults", .grants = 0},
	{"limits", .logins_per_user = 2, .grants_per_user = 2, .grants = 8},
	{"roam = no", .is_home_only = true},
	{"supersede = yes", .is_superseding = true},
	{"max", .max_s = 300},
	{"prefixes", .prefix4 = 24, .prefix6 = 64},
	{"odd prefixes, roam = no", .is_home_only = true, .prefix4 = 31, .prefix6 = 127},
	{"no cgroups", .is_without_cgroups = true},
	{"limits, supersede, max", .is_superseding = true, .max_s = 1000, .grants_per_user = 3,
		.grants = 6, .prefix6 = 64},
	{"limits, roam = no", .is_home_only = true, .is_superseding = true, .grants_per_user = 2,
		.grants = 5, .is_without_cgroups = true},
};

static const char *const clients[] = {"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.114.1",
	"2001:db8::1:2", "2001:db8::1:3", "2001:db8:0:1::1"};
static const char *const bound[] = {
	"198.51.100.7", "198.51.100.8", "0.0.0.0", "2001:db8::7", "::", "::"};
#define BOUND_DUAL 5

static bool is_without_cgroups;
static uint64_t next_cookie, next_cgroup;
static pid_t next_pid;
static size_t allowed, exact;

static size_t count_logins(uint32_t uid)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_LOGINS; i++)
		count += model.logins[i] && model.logins[i]->uid == uid;
	return count;
}

/* Its own end of the connection is sometimes not known. */
static struct login any_login(void)
{
	const char *client = clients[random_below(ARRAY_LEN(clients))];
	const char *own = strchr(client, ':') ? "2001:db8::7" : "198.51.100.7";
	struct login login =
		policy_login(next_pid++, any_uid(), client, random_below(5) == 0 ? NULL : own);

	login.since_ms = kernel.now_ms;
	login.process.cgroup = is_without_cgroups ? 0 : next_cgroup++;
	return login;
}

static void log_in(void)
{
	struct login **place = &model.logins[random_below(MODEL_LOGINS)];
	struct login login = any_login(), *added;
	uint32_t most = model.config.limits.logins_per_user;
	int error;

	if (*place)
		return;
	error = login_add(logins, &login, most, &added);
	MODEL_HOLDS((error == 0) == (count_logins(login.uid) < most), "logins-per-user");
	if (error < 0)
		return;
	*place = added;
	search_of_login(added);
	model_roam(added);
	grant_each_of_login(table, added, check_open, NULL);
	grant_roam(table, added, kernel.now_ms);
	model_settle_wishes(&table->denials);
}

/* With one more look, at which nothing is doubtful any more. */
static void log_out(void)
{
	struct login **place = &model.logins[random_below(MODEL_LOGINS)];
	struct mosh_process items[MODEL_SOCKETS];
	struct mosh_processes processes = {items, 0, MODEL_SOCKETS};

	if (!*place)
		return;
	see();
	list_processes((*place)->uid, UINT64_MAX, &processes);
	claim((*place)->uid, kernel.now_ms + SERVER_DOUBT_MS, &processes, NULL);
	login_remove(logins, *place);
	*place = NULL;
}

/* Which of two servers at one address and port comes first is not the model's to say: of those
 * there is one alone. */
static bool is_rival(uint32_t uid, uint16_t port)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		if (model.sockets[i].socket.uid == uid && model.sockets[i].socket.port == port)
			return true;
	return false;
}

static struct model_socket *add_socket(uint32_t uid, uint64_t cgroup)
{
	struct model_socket *added = &model.sockets[random_below(MODEL_SOCKETS)];
	uint32_t kind = random_below(ARRAY_LEN(bound));
	uint16_t port = any_port();

	if (added->socket.cookie != 0 || is_rival(uid, port))
		return NULL;
	memset(added, 0, sizeof(*added));
	added->socket = policy_socket(next_cookie++, uid, bound[kind], port);
	added->socket.is_dual = kind == BOUND_DUAL;
	added->socket.cgroup = cgroup;
	added->is_any = strchr("0:", bound[kind][0]) != NULL;
	added->start_ms = kernel.now_ms;
	return added;
}

/* In the cgroup of one of its user's logins, or in one that has none. */
static struct model_socket *add_any_socket(void)
{
	const struct login *login = model.logins[random_below(MODEL_LOGINS)];
	uint32_t uid = any_uid();

	if (login)
		return add_socket(login->uid, login->process.cgroup);
	return add_socket(uid, is_without_cgroups ? 0 : uid - FIRST_UID + 1);
}

/* Something that is no mosh-server's; some look like one. */
static void start_foreign(void)
{
	struct model_socket *added = add_any_socket();

	if (added)
		added->socket.is_ecn = random_below(3) == 0;
}

/* A mosh-server that nobody saw start: older ones are not marked with ECN. */
static void start_unseen(void)
{
	struct model_socket *added = add_any_socket();

	if (!added)
		return;
	added->socket.is_ecn = random_below(4) != 0;
	added->is_mosh = true;
}

/* One user's, of which there are more than processes, and then somebody comes. */
static void start_crowd(void)
{
	uint32_t uid = any_uid();

	for (int i = 0; i < 4; i++) {
		struct model_socket *added =
			add_socket(uid, is_without_cgroups ? 0 : uid - FIRST_UID + 1);

		if (!added)
			continue;
		added->socket.is_ecn = random_below(3) != 0;
		added->is_mosh = random_below(2) == 0;
	}
	log_in();
}

static void pass_over(void)
{
	see();
	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		if (!model.sockets[i].is_known && !model.sockets[i].socket.is_ecn)
			model.sockets[i].is_foreign = true;
	server_pass_over(&table->servers, kernel.now_ms, 0);
}

/* Nothing else could be taken for it. */
static bool is_alone(const struct model_socket *added)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		if (&model.sockets[i] != added && !model.sockets[i].is_known &&
			model.sockets[i].socket.uid == added->socket.uid)
			return false;
	return model_room(&added->socket) > 0;
}

static void start_mosh(void)
{
	struct mosh_process items[MODEL_SOCKETS];
	struct mosh_processes processes = {items, 0, MODEL_SOCKETS};
	struct model_socket *added;
	bool is_certain;

	pass_over();
	added = add_any_socket();
	if (!added)
		return;
	added->is_mosh = true;
	is_certain = is_alone(added);
	see();
	list_processes(added->socket.uid, UINT64_MAX, &processes);
	claim(added->socket.uid, kernel.now_ms, &processes, NULL);
	MODEL_HOLDS(added->is_known || !is_certain, "a server that is not seen");
}

/* Sometimes the notice is lost, and the next dump tells. */
static void end_socket(void)
{
	struct model_socket *ended = &model.sockets[random_below(MODEL_SOCKETS)];
	uint64_t cookie = ended->socket.cookie;

	memset(ended, 0, sizeof(*ended));
	model_throw_out_of(cookie);
	if (random_below(2) == 0)
		server_end(&table->servers, cookie);
	else
		see();
}

static struct element *any_element(void)
{
	return kernel.count ? &kernel.items[random_below((uint32_t)kernel.count)] : NULL;
}

/* Somebody changes one that is in use: its label or its end goes, and both have to come back. */
static void alter(void)
{
	struct element *element;

	settle_all();
	element = any_element();
	if (!element)
		return;
	element->use.expires_ms = UINT64_MAX;
	if (random_below(2) == 0)
		element->comment[0] = '\0';
	policy_sync(&kernel, table);
	expect_rounding();
	if (element->comment[0] == '\0' || random_below(2) == 0)
		settle_all();
}

/* A packet of its client's. */
static void use(void)
{
	struct element *element;
	struct guest *guest;

	settle_all();
	element = any_element();
	if (!element)
		return;
	guest = model_guest_of(element);
	MODEL_HOLDS(guest, "open for nobody");
	element->use.packets++;
	element->use.expires_ms = model_awake_ms() + (uint64_t)model.config.gate.idle_s * 1000;
	guest->least_ms = guest->most_ms = element->use.expires_ms;
}

/* One runs out, and the helper sees that at once; often somebody comes just then. */
static void expire(void)
{
	struct element *element;

	settle_all();
	element = any_element();
	if (!element)
		return;
	element->use.expires_ms = policy_awake_ms(&kernel);
	policy_sync(&kernel, table);
	model_lapse(model_guest_of(element));
	policy_drop(&kernel, element);
	policy_sync(&kernel, table);
	if (random_below(2) == 0)
		log_in();
}

/* Some time, or until one runs out; the helper does not look. */
static void wait(void)
{
	struct element *element;
	uint64_t ms = random_below(60000);

	settle_all();
	element = any_element();
	if (element && random_below(6) == 0)
		ms = element->use.expires_ms - model_awake_ms();
	pass_time(ms);
	settle();
}

/* Somebody takes one or all away that are in use, and they have to come back; often
 * somebody comes just then. */
static void flush(void)
{
	struct element *element = any_element();

	if (!element)
		return;
	policy_drop(&kernel, element);
	if (random_below(4) == 0)
		kernel.count = 0;
	policy_sync(&kernel, table);
	expect_rounding();
	if (random_below(2) == 0)
		log_in();
}

/* The host sleeps, for longer than anything may stay unused, and only max goes on. */
static void suspend(void)
{
	uint64_t ms = random_below(2) ? random_below(100000) : random_below(2000000000);

	settle_all();
	kernel.asleep_ms = model.asleep_ms += ms;
	table->asleep_ms = kernel.asleep_ms;
	pass_time(ms);
	settle();
}

static void revoke(void)
{
	const struct grant_selector selector = {
		.is_of_user = true, .uid = any_uid(), .port = any_port()};

	if (random_below(4) != 0)
		return;
	model_revoke(selector.uid, selector.port);
	grant_revoke(table, &selector);
}

/* Some knocked at ports of whoever, and a user lets in who knocked at his own. */
static void allow(void)
{
	struct element items[3];
	const struct elements knocked = {items, ARRAY_LEN(items), ARRAY_LEN(items)};
	struct address client = policy_address(clients[random_below(ARRAY_LEN(clients))]);
	uint32_t uid = any_uid(), offset = random_below(MODEL_PORTS);
	struct pending_allowed result;
	size_t wishes;

	memset(items, 0, sizeof(items));
	for (uint32_t i = 0; i < ARRAY_LEN(items); i++) {
		struct grant_key *key = &items[i].key;

		items[i].use.expires_ms = policy_awake_ms(&kernel) + PENDING_KEEP_S * 1000;
		key->client = model_client(client);
		key->server = policy_address(client.family == 6 ? bound[3] : bound[i % 2]);
		key->port = (uint16_t)(FIRST_PORT + (offset + i) % MODEL_PORTS);
		if (random_below(4) == 0)
			key->client.bytes[0] ^= 1;
		else
			model_allow(uid, key);
	}
	wishes = model.wish_count;
	result = pending_allow(table, &knocked, uid, &client, kernel.now_ms);
	MODEL_HOLDS(result.count == wishes, "knocked at others");
	MODEL_HOLDS(result.denied == model_settle_wishes(&table->denials), "denied others");
	allowed += result.count - result.denied;
}

/* A new helper: what is in the kernel is all that it knows. One that could not take something out
 * has left that open to the next, of which the model knows nothing. */
static void restart(void)
{
	if (count_strangers() > 0)
		return;
	grant_table_free(table);
	table = grant_table_new(&model.config);
	table->asleep_ms = kernel.asleep_ms;
	memset(kernel.ports, 0, sizeof(kernel.ports));
	memset(&model.leaving, 0, sizeof(model.leaving));
	forget_guests();
	model_forget_sockets();
	refresh();
	expect_rounding();
	server_pass_over_all(&table->servers);
}

static void (*const steps[])(void) = {log_in, log_in, log_in, log_out, start_mosh, start_mosh,
	start_mosh, start_mosh, start_mosh, start_unseen, end_socket, end_socket, start_foreign,
	expire, flush, alter, revoke, suspend, use, use, wait, allow, start_crowd};

/* A login alone meets what ran out since the helper looked. */
static void step(void)
{
	void (*const next)(void) = steps[random_below(ARRAY_LEN(steps))];

	if (next != log_in)
		refresh();
	next();
	check_open_now();
}

/* The end of a turn, by which all is as it is to be, if nothing is refused any more and nothing has
 * run out unseen. */
static void settle_turn(void)
{
	size_t before = refused;

	settle();
	check_open_now();
	if (refused > before || model.is_stale || plan_retry_ms(table) != UINT64_MAX)
		return;
	model_settle_ends();
	check_sets();
	exact++;
}

/* Mostly one event a turn, sometimes several; and the kernel may refuse. */
static void turn(void)
{
	do
		step();
	while (random_below(3) == 0);
	kernel.refuses = random_below(8) == 0 ? refuses_some : NULL;
	settle_turn();
	if (random_below(200) == 0)
		restart();
	if (random_below(3) == 0)
		return;
	settle_all();
	check_sets();
}

static void set(uint32_t *value, uint32_t wanted)
{
	if (wanted != 0)
		*value = wanted;
}

static void configure(const struct settings *from)
{
	struct config *config = &model.config;

	config_defaults(config);
	model.name = from->name;
	is_without_cgroups = from->is_without_cgroups;
	config->gate.is_roaming = !from->is_home_only;
	config->gate.is_superseding = from->is_superseding;
	set(&config->gate.max_s, from->max_s);
	set(&config->gate.prefix4, from->prefix4);
	set(&config->gate.prefix6, from->prefix6);
	set(&config->limits.logins_per_user, from->logins_per_user);
	set(&config->limits.grants_per_user, from->grants_per_user);
	set(&config->limits.grants, from->grants);
}

static void begin(int loop)
{
	const char *first = getenv("CHECK_SEED");

	memset(&model, 0, sizeof(model));
	memset(&kernel, 0, sizeof(kernel));
	audited_count = opened = shut = restored = refused = adopted = allowed = exact = 0;
	configure(&settings[(size_t)loop % ARRAY_LEN(settings)]);
	random_state = model.seed =
		(first ? strtoull(first, NULL, 10) : 1) + (uint64_t)loop / ARRAY_LEN(settings);
	kernel.now_ms = model.now_ms = 5000000;
	next_cookie = next_cgroup = 100;
	next_pid = 10;
	table = grant_table_new(&model.config);
	logins = login_table_new();
}

/* With the last socket all ends, and that is told. */
static void end(void)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		model_throw_out_of(model.sockets[i].socket.cookie);
	memset(model.sockets, 0, sizeof(model.sockets));
	see();
	settle_all();
	check_sets();
	MODEL_HOLDS(kernel.count == 0 && audited_count == 0, "open at the end");
	grant_table_free(table);
	login_table_free(logins);
}

START_TEST(grant_random)
{
	begin(_i);
	for (model.step = 0; model.step < STEPS; model.step++)
		turn();
	ck_assert_uint_gt(opened, STEPS / 50);
	ck_assert_uint_gt(shut, 0);
	ck_assert_uint_gt(restored, 0);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_gt(adopted, 0);
	ck_assert_uint_gt(allowed, 0);
	ck_assert_uint_gt(exact, STEPS / 2);
	ck_assert(model.limited > 0 || model.config.limits.grants > MODEL_GUESTS);
	end();
}
END_TEST

CHECK_MAIN("grant, at random", LOOP(grant_random, SEEDS *ARRAY_LEN(settings)))
