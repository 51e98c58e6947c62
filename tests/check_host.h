/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host for the gate that is all this file's. Observer, firewall, state, audit, log and hostcheck
 * are defined here: the linker takes these in place of the real ones, so there have to be all of
 * each. For one file of a program.
 */
#ifndef CHECK_HOST_H
#define CHECK_HOST_H

#include <stdarg.h>

#include "check_policy.h"
#include "clock.h"
#include "gate.h"
#include "hostcheck.h"
#include "log.h"

#define ALICE  1000u
#define BOB    1001u
#define CLIENT "203.0.113.5"
#define OTHER  "203.0.113.6"
#define SERVER "198.51.100.7"

/* The host: what is there, what fails, and how often each was asked. */
static struct {
	struct udp_socket sockets[8];
	size_t socket_count;
	struct mosh_process processes[8];
	size_t process_count;
	uint64_t ended;       /* a cookie to be told of */
	uint64_t passed_over; /* the cookie of one that a dump does not tell, but a question does */
	uint64_t start;       /* of every process */
	uint64_t cgroup;      /* of sshd's processes */
	struct state_login saved;
	int sockets_error, question_error, processes_error, process_error, ended_error;
	int cgroup_error;
	int install_error, read_error;
	unsigned int failing_looks, failing_counts; /* of sockets, of processes: the next ones */
	const struct element *knocked;              /* null: nobody did */
	uint16_t hidden_port; /* where sockets of unknown users are left out; 0: nowhere */
	bool is_touched;
	bool is_anybody_known; /* at the last look */
	char logged[256];      /* the last line at info */
	int watch_error;
	unsigned int looks, whole_looks;  /* at sockets, at all of them */
	unsigned int walks, cgroup_walks; /* through processes, through a cgroup's */
	unsigned int walk_ms;             /* how long one takes */
	unsigned int questions, applies, installs, reads, closed_observers, hostchecks;
} host;

static struct policy_kernel kernel;
static struct config config;
static struct gate gate;
static char heard[2048]; /* the audit's words, one after the other */

int observer_open(const struct config *wanted, struct observer **observer, const char **what)
{
	(void)wanted, (void)observer, (void)what;
	return -ENOSYS;
}

void observer_close(struct observer *observer)
{
	(void)observer;
	host.closed_observers++;
}

int observer_watch_error(const struct observer *observer, size_t program)
{
	(void)observer;
	return program == 0 ? host.watch_error : 0;
}

int observer_exec_fd(const struct observer *observer)
{
	(void)observer;
	return -1;
}

bool observer_read_execs(struct observer *observer)
{
	(void)observer;
	return false;
}

int observer_ended_fd(const struct observer *observer)
{
	(void)observer;
	return -1;
}

int observer_read_ended(
	struct observer *observer, void (*ended)(uint64_t cookie, void *context), void *context)
{
	(void)observer;
	if (host.ended)
		ended(host.ended, context);
	host.ended = 0;
	return host.ended_error;
}

static bool is_excepted(const struct port_spans *except, const struct udp_socket *socket)
{
	for (size_t i = 0; except && i < except->count; i++)
		if (address_equal(&except->items[i].address, &socket->address) &&
			except->items[i].first <= socket->port &&
			socket->port <= except->items[i].last)
			return true;
	return false;
}

int observer_sockets(
	struct observer *observer, const struct known_users *known, struct udp_sockets *sockets)
{
	(void)observer;
	host.looks++;
	host.is_anybody_known = known->has(4711, known->context);
	host.whole_looks += !sockets->except;
	if (host.failing_looks > 0) {
		host.failing_looks--;
		return -ENOBUFS;
	}
	for (size_t i = 0; i < host.socket_count; i++) {
		if (is_excepted(sockets->except, &host.sockets[i]))
			continue;
		sockets->items = memory_grow(sockets->items, sockets->count, &sockets->capacity,
			sizeof(*sockets->items));
		sockets->items[sockets->count++] = host.sockets[i];
		if (host.sockets_error < 0)
			break; /* some of them, and then the error */
	}
	if (host.hidden_port) {
		free(sockets->hidden);
		sockets->hidden = memory_zeroed(sizeof(*sockets->hidden));
		sockets->hidden->of4[host.hidden_port] = true;
	}
	return host.sockets_error;
}

int observer_socket(
	struct observer *observer, const struct udp_socket *socket, struct udp_sockets *sockets)
{
	(void)observer;
	host.questions++;
	if (host.passed_over != socket->cookie)
		return host.question_error;
	sockets->items = memory_grow(
		sockets->items, sockets->count, &sockets->capacity, sizeof(*sockets->items));
	sockets->items[sockets->count++] = *socket;
	return 0;
}

/* None but the uid's and that cgroup's, if there is a cgroup that can be seen into. */
int observer_cgroup_processes(struct observer *observer, pid_t pid, uint64_t cgroup,
	const struct tally *uids, struct mosh_processes *processes)
{
	(void)observer, (void)pid;
	host.cgroup_walks++;
	for (size_t i = 0; i < host.process_count; i++) {
		if (tally_of(uids, host.processes[i].uid, 0) == 0 ||
			host.processes[i].cgroup != cgroup)
			continue;
		processes->items = memory_grow(processes->items, processes->count,
			&processes->capacity, sizeof(*processes->items));
		processes->items[processes->count++] = host.processes[i];
	}
	return host.cgroup_error;
}

int observer_processes(
	struct observer *observer, const struct tally *uids, struct mosh_processes *processes)
{
	(void)observer;
	host.walks++;
	nanosleep(&(struct timespec){.tv_nsec = host.walk_ms * 1000000L}, NULL);
	if (host.failing_counts > 0) {
		host.failing_counts--;
		return -EMFILE;
	}
	for (size_t i = 0; i < host.process_count; i++) { /* and then perhaps the error */
		if (tally_of(uids, host.processes[i].uid, 0) == 0)
			continue;
		processes->items = memory_grow(processes->items, processes->count,
			&processes->capacity, sizeof(*processes->items));
		processes->items[processes->count++] = host.processes[i];
	}
	return host.processes_error;
}

int observer_process(struct observer *observer, pid_t pid, struct process *process)
{
	(void)observer, (void)pid;
	*process = (struct process){
		.cgroup = host.cgroup, .session = AUDIT_SESSION_NONE, .start = host.start};
	return host.process_error;
}

int firewall_open(const struct config *wanted, struct firewall **firewall)
{
	(void)wanted, (void)firewall;
	return -ENOSYS;
}

void firewall_close(struct firewall *firewall)
{
	(void)firewall;
}

int firewall_apply(struct firewall *firewall, struct plan *plan)
{
	int result = 0;

	(void)firewall;
	host.applies++;
	kernel.now_ms = clock_boot_ms();
	policy_apply(&kernel, plan);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->changes[i].error < 0)
			result = -EIO;
	return result;
}

int firewall_install(struct firewall *firewall, const struct config *wanted, struct plan *plan)
{
	ck_assert_ptr_eq(wanted, &config);
	host.installs++;
	if (host.install_error < 0)
		return host.install_error;
	memset(kernel.ports, 0, sizeof(kernel.ports));
	host.applies--;
	firewall_apply(firewall, plan);
	return 0;
}

int firewall_remove(struct firewall *firewall)
{
	(void)firewall;
	return -ENOSYS;
}

int firewall_read(struct firewall *firewall, struct elements *elements)
{
	(void)firewall;
	host.reads++;
	for (size_t i = 0; i < kernel.count && host.read_error == 0; i++) {
		elements->items = memory_grow(elements->items, elements->count, &elements->capacity,
			sizeof(*elements->items));
		elements->items[elements->count++] = kernel.items[i];
	}
	return host.read_error;
}

int firewall_read_pending(struct firewall *firewall, struct elements *elements)
{
	(void)firewall;
	if (host.knocked && host.read_error == 0) {
		elements->items = memory_grow(elements->items, elements->count, &elements->capacity,
			sizeof(*elements->items));
		elements->items[elements->count++] = *host.knocked;
	}
	return host.read_error;
}

int firewall_notice_fd(const struct firewall *firewall)
{
	(void)firewall;
	return -1;
}

bool firewall_is_touched(struct firewall *firewall)
{
	bool is_touched = host.is_touched;

	(void)firewall;
	host.is_touched = false;
	return is_touched;
}

int firewall_read_ports(struct firewall *firewall, struct elements *elements)
{
	(void)firewall;
	for (size_t port = 0; port < ARRAY_LEN(kernel.ports); port++) {
		if (!kernel.ports[port])
			continue;
		elements->items = memory_grow(elements->items, elements->count, &elements->capacity,
			sizeof(*elements->items));
		elements->items[elements->count++] = (struct element){.key.port = (uint16_t)port};
	}
	return 0;
}

int firewall_get(struct firewall *firewall, const struct grant_key *key, struct element *element)
{
	const struct element *found = policy_find(&kernel, key);

	(void)firewall;
	if (!found)
		return -ENOENT;
	*element = *found;
	return 0;
}

int firewall_list(struct firewall *firewall, char **json)
{
	(void)firewall, (void)json;
	return -ENOSYS;
}

bool firewall_is_exclusive(const struct firewall *firewall)
{
	(void)firewall;
	return false;
}

const char *firewall_error(const struct firewall *firewall)
{
	(void)firewall;
	return "refused";
}

int state_open(const char *path, struct state **state)
{
	(void)path, (void)state;
	return -ENOSYS;
}

void state_close(struct state *state)
{
	(void)state;
}

int state_save(struct state *state, const struct state_login *login)
{
	(void)state;
	host.saved = *login;
	host.saved.is_new = true;
	return 0;
}

int state_settle(struct state *state, pid_t pid)
{
	(void)state;
	if (host.saved.pid == pid)
		host.saved.is_new = false;
	return 0;
}

void state_remove(struct state *state, pid_t pid)
{
	(void)state;
	if (host.saved.pid == pid)
		host.saved.pid = 0;
}

int state_load(struct state *state, void (*visit)(const struct state_login *login, void *context),
	void *context)
{
	const struct state_login saved = host.saved;

	(void)state;
	if (saved.pid != 0)
		visit(&saved, context);
	return 0;
}

void hostcheck(const struct config *wanted, struct firewall *firewall)
{
	(void)firewall;
	ck_assert_ptr_eq(wanted, &config);
	host.hostchecks++;
}

bool hostcheck_is_ephemeral(
	const char *range, const char *reserved, uint16_t first_port, uint16_t last_port)
{
	(void)range, (void)reserved, (void)first_port, (void)last_port;
	return false;
}

void log_open(bool is_debug)
{
	(void)is_debug;
}

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	if (priority != LOG_INFO)
		return;
	va_start(arguments, format);
	vsnprintf(host.logged, sizeof(host.logged), format, arguments);
	va_end(arguments);
}

static void hear(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void hear(const char *format, ...)
{
	size_t length = strlen(heard);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(heard + length, sizeof(heard) - length, format, arguments);
	va_end(arguments);
}

void audit_start(const struct audit *audit, const char *version)
{
	(void)audit, (void)version;
}

void audit_stop(const struct audit *audit)
{
	(void)audit;
}

void audit_guard(const struct audit *audit, const char *action)
{
	(void)audit;
	hear("%s ", action);
}

void audit_login(const struct audit *audit, const struct login *login)
{
	(void)audit;
	hear("login:%d ", (int)login->pid);
}

void audit_logout(const struct audit *audit, const struct login *login, uint64_t now_ms)
{
	(void)audit, (void)now_ms;
	hear("logout:%d ", (int)login->pid);
}

void audit_grant(const struct audit *audit, const struct grant *grant)
{
	(void)audit;
	hear("grant:%u ", grant->key.port);
}

void audit_revoke(const struct audit *audit, const struct grant *grant, uint64_t now_ms)
{
	(void)audit, (void)now_ms;
	hear("revoke:%u:%d ", grant->key.port, grant->reason);
}

void audit_deny(const struct audit *audit, const struct grant_denial *denial, uint64_t count)
{
	(void)audit, (void)count;
	hear("deny:%u:%d ", denial->port, denial->reason);
}

void audit_limit_logins(
	const struct audit *audit, const struct login *login, uint32_t limit, uint64_t count)
{
	(void)audit, (void)limit;
	hear("limit:%d:%u ", (int)login->pid, (unsigned int)count);
}

/* The helper starts, on whatever host there is. */
static inline int start(void)
{
	const struct gate_parts parts = {.config = &config};

	gate_init(&gate, &parts);
	return gate_start(&gate);
}

static inline void begin(void)
{
	memset(&host, 0, sizeof(host));
	memset(&kernel, 0, sizeof(kernel));
	config_defaults(&config);
	host.start = 7;
	ck_assert_int_eq(start(), 0);
	heard[0] = '\0';
	host.looks = host.applies = host.installs = host.reads = 0;
}

static inline void finish(void)
{
	gate_clear(&gate);
}

static inline enum wire_answer log_in(pid_t pid, uint32_t uid, const char *client)
{
	struct wire_session session = {
		.type = WIRE_OPEN,
		.uid = uid,
		.client = policy_address(client),
		.server = policy_address(SERVER),
		.user = "alice",
	};

	enum wire_answer answer = gate_on_login(&gate, &session, pid);

	gate_welcome(&gate, &session, pid);
	return answer;
}

static inline struct udp_socket *add_socket(uint64_t cookie, uint32_t uid)
{
	host.sockets[host.socket_count] =
		policy_socket(cookie, uid, SERVER, (uint16_t)(60000 + cookie));
	return &host.sockets[host.socket_count++];
}

static inline void add_process(uint32_t uid)
{
	host.processes[host.process_count++] = (struct mosh_process){
		.uid = uid, .start_ms = clock_boot_ms(), .session = AUDIT_SESSION_NONE};
}

/* As if the time for the next look had come. */
static inline void look(void)
{
	gate.look_ms = clock_boot_ms();
	gate_on_due(&gate);
}

/* A mosh-server of that number, from being executed to the grant. */
static inline void start_mosh(uint64_t cookie, uint32_t uid)
{
	gate_on_exec(&gate);
	add_process(uid);
	add_socket(cookie, uid);
	look();
}

static inline void begin_with_grant(void)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	start_mosh(1, ALICE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	heard[0] = '\0';
	host.looks = host.applies = host.installs = host.reads = 0;
}

#endif
