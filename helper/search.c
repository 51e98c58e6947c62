/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "fd.h"
#include "log.h"
#include "priority.h"
#include "search.h"

#define SEARCH_MS   3000 /* how long after an execution its socket is looked for */
#define FOUND_MS    500  /* the same once one was found: two executions may come as one notice */
#define YOUNG_MS    60000
#define TICK_MS     10   /* in such steps it is known when a process started */
#define TOOK_MAX_MS 1000 /* a look that took longer was held up by others */

/* Adds to the dump the servers' sockets that it passed over and that are still there. */
static int ask_for_missing(struct gate *gate, struct udp_sockets *sockets)
{
	auto_free void *items = NULL;
	struct udp_sockets missing = {0};
	int error = 0;

	server_missing(&gate->grants->servers, sockets, &missing);
	items = missing.items;
	for (size_t i = 0; i < missing.count && error == 0; i++)
		error = observer_socket(gate->observer, &missing.items[i], sockets);
	return error;
}

static bool is_known(uint32_t uid, const void *context)
{
	return gate_knows(context, uid);
}

static int see(struct gate *gate, const struct port_spans *except)
{
	const struct known_users known = {is_known, gate};
	auto_free void *items = NULL, *hidden = NULL;
	struct udp_sockets sockets = {.except = except};
	int error = observer_sockets(gate->observer, &known, &sockets);

	/* There may be no other look after a failed one. */
	if (error < 0) {
		sockets.count = 0;
		error = observer_sockets(gate->observer, &known, &sockets);
	}
	if (error == 0)
		error = ask_for_missing(gate, &sockets);
	items = sockets.items;
	hidden = sockets.hidden;
	if (error < 0) {
		log_error("looking at UDP sockets: %s", strerror(-error));
		return error;
	}
	server_see(&gate->grants->servers, &sockets, clock_boot_ms());
	grant_end_shadowed(gate->grants);
	return 0;
}

int search_see(struct gate *gate)
{
	return see(gate, NULL);
}

bool search_is_there(const struct udp_socket *socket, void *context)
{
	const struct gate *gate = context;
	auto_free void *items = NULL;
	struct udp_sockets found = {0};
	int error = observer_socket(gate->observer, socket, &found);

	items = found.items;
	if (error < 0)
		return true;
	return found.count == 1 && found.items[0].interface == socket->interface &&
	       address_equal(&found.items[0].address, &socket->address);
}

static void on_ended(uint64_t cookie, void *context)
{
	struct gate *gate = context;

	server_end(&gate->grants->servers, cookie);
}

void search_ended(struct gate *gate)
{
	int error = observer_read_ended(gate->observer, on_ended, gate);

	if (error == 0)
		return;
	log_warning("notices of closed sockets: %s; looking at all", strerror(-error));
	search_see(gate);
}

/* Who logs in is not to pay for all who are here: of their servers it is heard when they end. What
 * comes where another's just was may be missed, for as long as the kernel keeps that end to itself;
 * later looks, at all, find it. */
static int see_others(struct gate *gate)
{
	search_ended(gate);
	return see(gate, server_spans(&gate->grants->servers));
}

static void on_found(struct server *server, const struct login *login, void *context)
{
	struct gate *gate = context;

	if (login)
		grant_first(gate->grants, server, login, clock_boot_ms());
	else
		grant_none(gate->grants, server);
	gate->has_found = true;
	gate->stir_ms = clock_boot_ms();
}

/* Those of the candidates' own sessions, which are few however many processes the host has; false
 * if they cannot be told apart from others. */
static bool see_sessions(
	struct gate *gate, const struct server_claim *claim, struct mosh_processes *processes)
{
	const struct login *sessions[SERVER_SESSIONS_MAX];
	size_t count = 0;
	bool is_seen = server_sessions(&gate->grants->servers, claim, sessions, &count);

	for (size_t i = 0; i < count && is_seen; i++)
		is_seen = observer_cgroup_processes(gate->observer, sessions[i]->pid,
				  sessions[i]->process.cgroup, claim->uids, processes) == 0;
	if (!is_seen)
		processes->count = 0;
	return is_seen;
}

/* Lists the uids' mosh-server processes; tries once more on failure, and if that fails, too, there
 * are none: some of them would be taken for all. */
static void see_processes(
	struct gate *gate, const struct tally *uids, struct mosh_processes *processes)
{
	int error = observer_processes(gate->observer, uids, processes);

	if (error < 0) {
		processes->count = 0;
		error = observer_processes(gate->observer, uids, processes);
	}
	if (error == 0)
		return;
	processes->count = 0;
	log_error("looking at processes: %s", strerror(-error));
}

typedef void keep_those(const struct gate *gate, struct mosh_processes *processes, uint64_t now_ms);

static void keep_all(const struct gate *gate, struct mosh_processes *processes, uint64_t now_ms)
{
	(void)gate, (void)processes, (void)now_ms;
}

/* Whoever's they are, the processes are walked through once at most. */
static void claim(struct gate *gate, const struct tally *uids, uint64_t now_ms, keep_those *keep)
{
	auto_free void *items = NULL;
	struct mosh_processes processes = {0};
	const struct server_claim claim = {gate->logins, uids, &processes, now_ms, on_found, gate};

	if (keep != keep_all || !see_sessions(gate, &claim, &processes))
		see_processes(gate, uids, &processes);
	items = processes.items;
	keep(gate, &processes, now_ms);
	server_claim(&gate->grants->servers, &claim);
}

static void decide(struct gate *gate, uint64_t now_ms, keep_those *keep)
{
	struct tally uids = {0};

	if (server_undecided(&gate->grants->servers, gate->logins, now_ms, &uids))
		claim(gate, &uids, now_ms, keep);
	tally_clear(&uids);
}

/* One look at the sockets, and at the processes of those whose sockets are not decided. After one
 * that takes longer than the helper rests there is none for as long as that took: somebody may have
 * any number of processes. */
static void look(struct gate *gate)
{
	uint64_t begin_ms = clock_awake_ms(), took_ms;

	if (search_see(gate) == 0)
		decide(gate, clock_boot_ms(), keep_all);
	took_ms = clock_awake_ms() - begin_ms;
	if (took_ms > TOOK_MAX_MS)
		took_ms = TOOK_MAX_MS;
	gate->looked_ms = took_ms > PRIORITY_REST_MS ? clock_boot_ms() + took_ms : 0;
}

/* A socket may come long after its process was executed, on a machine that is very slow. */
void search_late(struct gate *gate)
{
	decide(gate, clock_boot_ms(), keep_all);
}

/* No better socket of this user's will come: as if the time for that were over. Others' may. */
void search_last(struct gate *gate, uint32_t uid)
{
	struct tally uids = {0};
	uint64_t now_ms;

	if (search_see(gate) < 0)
		return;
	now_ms = clock_boot_ms();
	if (server_has_unowned(&gate->grants->servers, uid)) {
		tally_add(&uids, uid, 0, 1);
		claim(gate, &uids, now_ms + SERVER_DOUBT_MS, keep_all);
		tally_clear(&uids);
	}
	decide(gate, now_ms, keep_all);
}

/* Puts those that started before the login to the front, and returns their number. */
static size_t part_older(struct mosh_processes *processes, const struct login *login)
{
	size_t older = 0;

	for (size_t i = 0; i < processes->count; i++) {
		const struct mosh_process process = processes->items[i];

		if (process.start_ms + TICK_MS > login->since_ms)
			continue;
		processes->items[i] = processes->items[older];
		processes->items[older++] = process;
	}
	return older;
}

/* What was there before a login is not its own, as the newest one's would be, but that of one of
 * the logins before it: they are its home, and their addresses are to reach it. */
static void claim_for_earlier(struct gate *gate, const struct login *login,
	const struct tally *uids, struct mosh_processes *processes)
{
	struct login *newcomer = login_find(gate->logins, login->pid);
	const struct mosh_processes older = {processes->items, part_older(processes, login), 0};
	const struct server_claim claim = {
		gate->logins, uids, &older, clock_boot_ms(), on_found, gate};

	if (older.count == 0 || !login_of_user(gate->logins, login->uid)->next)
		return;
	newcomer->is_newcomer = true;
	server_claim(&gate->grants->servers, &claim);
	newcomer->is_newcomer = false;
}

/* Finds the user's servers, also those that nobody saw start. */
void search_of_login(struct gate *gate, const struct login *login)
{
	auto_free void *items = NULL;
	struct tally uids = {0};
	struct mosh_processes processes = {0};
	struct server_table *servers = &gate->grants->servers;
	size_t left_over;

	if (see_others(gate) < 0 || !server_has_unowned(servers, login->uid))
		return;
	tally_add(&uids, login->uid, 0, 1);
	see_processes(gate, &uids, &processes);
	items = processes.items;
	claim_for_earlier(gate, login, &uids, &processes);
	tally_clear(&uids);
	left_over = server_adopt_all(servers, login->uid, login->user, &processes, clock_boot_ms());
	if (left_over > 0)
		log_info("user %s has %zu more sockets in the range than mosh-servers", login->user,
			left_over);
}

static uint64_t next_look_ms(const struct gate *gate, uint64_t at_ms)
{
	return at_ms > gate->looked_ms ? at_ms : gate->looked_ms;
}

/* What is there when a mosh-server is executed is not its socket. But the notice may come late, so
 * what was not there at the last look may be, if it looks like a mosh-server's. */
void search_begin(struct gate *gate)
{
	struct server_table *servers = &gate->grants->servers;
	uint64_t age_ms = gate->is_searching ? SERVER_LATE_MS : 0;

	/* Whoever opens the program all the time does not make us look all the time. */
	if (gate->is_searching && gate->exec_ms == clock_boot_ms())
		return;
	if (gate->is_searching && gate->looked_ms > clock_boot_ms()) {
		gate->stir_ms = clock_boot_ms();
		gate->look_ms = gate->looked_ms;
		gate->has_found = false;
		return;
	}
	server_pass_over(servers, clock_boot_ms(), age_ms);
	look(gate);
	gate->exec_ms = clock_boot_ms();
	gate->stir_ms = gate->exec_ms;
	gate->look_ms = next_look_ms(gate, gate->exec_ms + 1);
	server_pass_over(servers, gate->exec_ms, age_ms);
	gate->is_searching = true;
	gate->has_found = false;
}

/* Every ms at first, then at longer intervals the longer nothing comes: of several that start
 * together each has a client that waits. The last part is seconds long and there for a machine that
 * is very slow. */
void search_go_on(struct gate *gate, uint64_t now_ms)
{
	uint64_t age_ms;

	look(gate);
	age_ms = now_ms > gate->stir_ms ? now_ms - gate->stir_ms : 0;
	gate->look_ms = next_look_ms(gate, now_ms + 1 + age_ms / 80);
	gate->is_searching = age_ms < (gate->has_found ? FOUND_MS : SEARCH_MS);
}

/* A mosh-server that nobody ever reached gives up after a minute; so one that is older and has no
 * grant had one and lost it for a reason. A younger one is still to get its first, from a login
 * that was there before it. */
static bool is_young(const struct gate *gate, const struct mosh_process *process, uint64_t now_ms)
{
	const struct login *login = login_of_user(gate->logins, process->uid);

	if (now_ms - process->start_ms >= YOUNG_MS)
		return false;
	while (login && process->start_ms + TICK_MS <= login->since_ms)
		login = login->next;
	return login;
}

/* Those of users who have a young one. */
static void keep_young(const struct gate *gate, struct mosh_processes *processes, uint64_t now_ms)
{
	struct tally young = {0};
	size_t kept = 0;

	for (size_t i = 0; i < processes->count; i++)
		if (is_young(gate, &processes->items[i], now_ms))
			tally_add(&young, processes->items[i].uid, 0, 1);
	for (size_t i = 0; i < processes->count; i++)
		if (tally_of(&young, processes->items[i].uid, 0) > 0)
			processes->items[kept++] = processes->items[i];
	processes->count = kept;
	tally_clear(&young);
}

void search_young(struct gate *gate)
{
	decide(gate, clock_boot_ms(), keep_young);
	server_pass_over_all(&gate->grants->servers);
}
