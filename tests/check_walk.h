/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a walk at random goes through: the helper's tables with the kernel, the audit and the
 * processes around them, as gate.c and search.c put them together; and what has to hold there by
 * the model.
 */
#ifndef CHECK_WALK_H
#define CHECK_WALK_H

#include "check_model.h"

static struct grant_table *table;
static struct login_table *logins;
static struct policy_kernel kernel;
static uint64_t random_state;
static struct grant_key audited[POLICY_ELEMENTS]; /* told as open, and not yet as closed */
static size_t audited_count;
static size_t opened, shut, restored, refused, adopted;

static inline uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % limit;
}

static inline uint32_t any_uid(void)
{
	return FIRST_UID + random_below(MODEL_USERS);
}

static inline uint16_t any_port(void)
{
	return (uint16_t)(FIRST_PORT + random_below(MODEL_PORTS));
}

static inline bool refuses_some(const struct change *change)
{
	if (change->kind == CHANGE_LAPSED || random_below(2) != 0)
		return false;
	refused++;
	return true;
}

static inline void see(void)
{
	struct udp_socket items[MODEL_SOCKETS];
	struct udp_sockets seen = {items, 0, MODEL_SOCKETS, NULL, NULL};

	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		struct model_socket *it = &model.sockets[i];

		if (it->socket.cookie == 0)
			continue;
		items[seen.count++] = it->socket;
		if (!it->is_seen)
			it->seen_ms = kernel.now_ms;
		it->is_seen = true;
	}
	server_see(&table->servers, &seen, kernel.now_ms);
	grant_end_shadowed(table);
	model_end_shadowed();
}

/* The helper compares. */
static inline void refresh(void)
{
	see();
	policy_sync(&kernel, table);
	model.is_stale = false;
}

static inline size_t find_audited(const struct grant_key *key)
{
	size_t i = 0;

	while (i < audited_count && memcmp(&audited[i], key, sizeof(*key)) != 0)
		i++;
	return i;
}

/* Whatever is told as open is told as closed, once, before it is told as open again. */
static inline void audit(const struct change *change)
{
	size_t i = find_audited(&change->key);

	if (change->kind == CHANGE_OPEN) {
		MODEL_HOLDS(i == audited_count, "told as open twice");
		audited[audited_count++] = change->key;
	} else if (change->kind == CHANGE_SHUT || change->kind == CHANGE_LAPSED) {
		MODEL_HOLDS(i < audited_count, "told as closed, but not as open");
		audited[i] = audited[--audited_count];
	}
	opened += change->kind == CHANGE_OPEN;
	shut += change->kind == CHANGE_SHUT;
	restored += change->kind == CHANGE_RESTORE;
}

/* Elements that are nobody's: what closing was refused for. */
static inline size_t count_strangers(void)
{
	size_t count = 0;

	for (size_t i = 0; i < kernel.count; i++)
		count += !model_guest_of(&kernel.items[i]);
	return count;
}

/* Whatever is open at any time: somebody has it by the rules, or it is on its way out. */
static inline void check_open_now(void)
{
	struct model_count leaving = {0};
	struct label label;

	for (size_t i = 0; i < kernel.count; i++) {
		const struct element *element = &kernel.items[i];

		MODEL_HOLDS(find_audited(&element->key) < audited_count, "open, and not told");
		if (model_guest_of(element))
			continue;
		MODEL_HOLDS(label_read(element->comment, &label) == 0, "open for whom?");
		leaving.all++;
		leaving.of_user[label.uid - FIRST_UID]++;
	}
	MODEL_HOLDS(leaving.all <= model.leaving.all, "open, for nobody and for good");
	for (size_t i = 0; i < MODEL_USERS; i++)
		MODEL_HOLDS(leaving.of_user[i] <= model.leaving.of_user[i],
			"open, for no user and for good");
}

static inline void check_limits(void)
{
	size_t of_user[MODEL_USERS] = {0};
	struct label label;

	MODEL_HOLDS(kernel.count <= model.config.limits.grants, "over grants");
	for (size_t i = 0; i < kernel.count; i++)
		if (label_read(kernel.items[i].comment, &label) == 0)
			of_user[label.uid - FIRST_UID]++;
	for (size_t i = 0; i < MODEL_USERS; i++)
		MODEL_HOLDS(
			of_user[i] <= model.config.limits.grants_per_user, "over grants-per-user");
}

/* What is counted along the way is what there is. */
static inline void check_counts(void)
{
	const struct server_table *servers = &table->servers;
	size_t unowned = 0, gone = 0;

	for (const struct server *server = servers->servers; server; server = server->hh.next) {
		unowned += server->role != SERVER_OWNED;
		gone += server->is_gone;
	}
	MODEL_HOLDS(servers->unowned == unowned, "a wrong count of what is not owned");
	MODEL_HOLDS(servers->gone == gone, "a wrong count of what has ended");
}

/* Returns how many changes that took. */
static inline size_t settle(void)
{
	struct plan plan;
	size_t count;

	plan_make(table, kernel.now_ms, &plan);
	policy_apply(&kernel, &plan);
	for (size_t i = 0; i < plan.count; i++)
		if (plan.changes[i].error == 0)
			audit(&plan.changes[i]);
	plan_commit(table, &plan, kernel.now_ms);
	count = plan.count;
	plan_clear(&plan);
	model.denial_count = 0;
	if (!model.is_stale && count_strangers() == 0)
		memset(&model.leaving, 0, sizeof(model.leaving));
	check_limits();
	check_counts();
	return count;
}

/* The kernel's elements run out, but one that a login is about to give its time again comes back.
 */
static inline void pass_time(uint64_t ms)
{
	kernel.now_ms = model.now_ms += ms;
	for (size_t i = kernel.count; i-- > 0;) {
		struct element *element = &kernel.items[i];
		struct guest *guest;

		if (element->use.expires_ms > model_awake_ms())
			continue;
		guest = model_guest_of(element);
		if (guest && guest->least_ms <= model_awake_ms())
			model_throw_out(guest);
		policy_drop(&kernel, element);
		model.is_stale = true;
	}
	model_end_max();
}

/* All that was refused is tried again, and taken, by one plan. What has been open for max may need
 * a second one, if the first has put it back. */
static inline void settle_all(void)
{
	kernel.refuses = NULL;
	pass_time(PLAN_RETRY_MS);
	refresh();
	settle();
	MODEL_HOLDS(settle() == 0 || model.config.gate.max_s > 0, "something is left to be done");
	model_settle_ends();
}

static inline void check_element(const struct element *element)
{
	const struct guest *guest = model_guest_of(element);

	MODEL_HOLDS(guest, "open for nobody");
	MODEL_HOLDS(element->use.expires_ms >= guest->least_ms, "runs out too early");
	MODEL_HOLDS(element->use.expires_ms <= guest->most_ms, "runs out too late");
	MODEL_HOLDS(find_audited(&element->key) < audited_count, "open, and not told");
}

static inline void check_sets(void)
{
	bool ports[MODEL_PORTS] = {false};

	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		if (model.sockets[i].is_known)
			ports[model.sockets[i].socket.port - FIRST_PORT] = true;
	for (size_t i = 0; i < kernel.count; i++)
		check_element(&kernel.items[i]);
	MODEL_HOLDS(kernel.count == model.guest_count, "not open for all");
	MODEL_HOLDS(audited_count == model.guest_count, "told as open, and is not");
	MODEL_HOLDS(table->count == model.guest_count, "the table has others");
	for (unsigned int i = 0; i < MODEL_PORTS; i++)
		MODEL_HOLDS(kernel.ports[FIRST_PORT + i] == ports[i], "a port of servers");
}

/* It may be one by the rules, and belongs to that login. */
static inline void on_found(struct server *server, const struct login *login, void *context)
{
	struct model_socket *found = NULL;

	for (size_t i = 0; i < MODEL_SOCKETS; i++)
		if (model.sockets[i].socket.cookie == server->socket.cookie)
			found = &model.sockets[i];
	MODEL_HOLDS(found && !found->is_known, "a server that is none, or is known");
	MODEL_HOLDS(!found->is_foreign, "a server that was there before");
	MODEL_HOLDS(model_room(&found->socket) > 0, "more servers than processes");
	MODEL_HOLDS(login == model_owner(&found->socket, context), "another's server");
	found->is_known = true;
	if (login) {
		model_first(found, login);
		grant_first(table, server, login, kernel.now_ms);
	} else {
		grant_none(table, server);
	}
	model_settle_wishes(&table->denials);
}

/* The mosh-server processes of that user which started before before_ms. */
static inline void list_processes(
	uint32_t uid, uint64_t before_ms, struct mosh_processes *processes)
{
	for (size_t i = 0; i < MODEL_SOCKETS; i++) {
		const struct model_socket *it = &model.sockets[i];

		if (it->is_mosh && it->socket.uid == uid && it->start_ms < before_ms)
			processes->items[processes->count++] = (struct mosh_process){
				.pid = (pid_t)(i + 1),
				.uid = uid,
				.start_ms = it->start_ms,
				.cgroup = it->socket.cgroup,
				.session = AUDIT_SESSION_NONE,
			};
	}
}

static inline void claim(uint32_t uid, uint64_t now_ms, const struct mosh_processes *processes,
	struct login *newcomer)
{
	struct tally uids = {0};
	const struct server_claim claim = {logins, &uids, processes, now_ms, on_found, newcomer};

	tally_add(&uids, uid, 0, 1);
	server_claim(&table->servers, &claim);
	tally_clear(&uids);
}

/* As helper/search.c does at a login: what was there before it belongs to an earlier one, and what
 * nobody saw start is the user's as far as he has processes for it. */
static inline void search_of_login(struct login *login)
{
	struct mosh_process items[MODEL_SOCKETS], old_items[MODEL_SOCKETS];
	struct mosh_processes processes = {items, 0, MODEL_SOCKETS};
	struct mosh_processes older = {old_items, 0, MODEL_SOCKETS};
	size_t left_over;

	see();
	if (!server_has_unowned(&table->servers, login->uid))
		return;
	list_processes(login->uid, UINT64_MAX, &processes);
	list_processes(login->uid, kernel.now_ms, &older);
	if (older.count > 0 && model_owner(&(struct udp_socket){.uid = login->uid}, login)) {
		login->is_newcomer = true;
		claim(login->uid, kernel.now_ms, &older, login);
		login->is_newcomer = false;
	}
	left_over = server_adopt_all(
		&table->servers, login->uid, login->user, &processes, kernel.now_ms);
	MODEL_HOLDS(left_over == model_adopt(login->uid), "left over");
	adopted++;
}

/* What ran out since the last look counts no more once this look has told. */
static inline void check_open(struct grant *grant, void *context)
{
	const struct element *element = policy_find(&kernel, &grant->key);

	(void)context;
	if (element) {
		grant_update(table, grant, &element->use, kernel.now_ms);
		return;
	}
	grant_miss(table, grant, kernel.now_ms);
	MODEL_HOLDS(model.leaving.all > 0, "missed, and had not run out");
	model.leaving.all--;
	model.leaving.of_user[grant->label.uid - FIRST_UID]--;
}

/* What is put back has its time rounded up to seconds. */
static inline void expect_rounding(void)
{
	for (size_t i = 0; i < model.guest_count; i++)
		model.guests[i].most_ms += 2000;
}

/* What an element has left; whoever finds one without an end gives it idle. */
static inline uint64_t end_of(const struct element *element)
{
	if (element->use.expires_ms != UINT64_MAX)
		return element->use.expires_ms;
	return model_awake_ms() + (uint64_t)model.config.gate.idle_s * 1000;
}

/* Who has no element is forgotten, and others' ends are those of their elements. */
static inline void forget_guests(void)
{
	for (size_t i = model.guest_count; i-- > 0;) {
		struct guest *guest = &model.guests[i];
		const struct element *element = policy_find(&kernel, &guest->key);

		if (!element) {
			model_lapse(guest);
			continue;
		}
		guest->least_ms = guest->most_ms = end_of(element);
		guest->is_unsettled = false;
	}
	for (size_t i = audited_count; i-- > 0;)
		if (!policy_find(&kernel, &audited[i]))
			audited[i] = audited[--audited_count];
}

#endif
