/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the gate looks, and what it makes of what it sees. */
#include <poll.h>

#include "check_host.h"
#include "pending.h"
#include "priority.h"
#include "search.h"

/* Grants; ports that open and close with them are none. */
static void check_opened(uint64_t by_login, uint64_t by_roam, uint64_t by_allow)
{
	ck_assert_uint_eq(gate.totals.opened[LABEL_LOGIN], by_login);
	ck_assert_uint_eq(gate.totals.opened[LABEL_ROAM], by_roam);
	ck_assert_uint_eq(gate.totals.opened[LABEL_ALLOW], by_allow);
}

START_TEST(gate_from_login_to_grant)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_settle(&gate);
	gate_on_exec(&gate);
	gate_settle(&gate);
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms() + 1);
	look();
	gate_settle(&gate);
	ck_assert_uint_eq(host.applies, 0);
	add_process(ALICE);
	add_socket(1, ALICE);
	look();
	gate_settle(&gate);
	ck_assert_uint_eq(host.applies, 1);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert(kernel.ports[60001]);
	gate_settle(&gate);
	ck_assert_uint_eq(host.applies, 1);
	finish();
}
END_TEST

/* One ends and another comes: one transaction. */
START_TEST(gate_one_turn_one_apply)
{
	begin_with_grant();
	gate_on_exec(&gate);
	host.ended = 1;
	gate_on_ended(&gate);
	host.socket_count = host.process_count = 0;
	add_process(ALICE);
	add_socket(2, ALICE);
	look();
	gate_settle(&gate);
	ck_assert_uint_eq(host.applies, 1);
	ck_assert_str_eq(heard, "revoke:60001:0 grant:60002 ");
	ck_assert_uint_eq(kernel.count, 1);
	check_opened(2, 0, 0);
	ck_assert_uint_eq(gate.totals.revoked[GRANT_EXIT], 1);
	ck_assert_uint_eq(gate.totals.transactions, 3); /* the guard, and each turn's */
	ck_assert_uint_eq(gate.totals.refused_transactions, 0);
	finish();
}
END_TEST

/* A login that opens nothing for a server says so, once. */
START_TEST(gate_other_family)
{
	begin_with_grant();
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(host.logged, "");
	ck_assert_uint_eq(kernel.count, 2);
	ck_assert_int_eq(log_in(12, ALICE, "2001:db8::5"), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(host.logged, "user alice has 1 servers of the other address family, "
				      "which this login does not open (count=1)");
	ck_assert_uint_eq(kernel.count, 2);
	finish();
}
END_TEST

START_TEST(gate_ended)
{
	begin_with_grant();
	host.ended = 1;
	gate_on_ended(&gate);
	gate_settle(&gate);
	ck_assert_uint_eq(host.looks, 0);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert(!kernel.ports[60001]);
	finish();
}
END_TEST

START_TEST(gate_notices_lost)
{
	begin_with_grant();
	host.socket_count = 0;
	host.ended_error = -ENOBUFS;
	gate_on_ended(&gate);
	ck_assert_uint_eq(host.looks, 1);
	ck_assert_uint_eq(host.questions, 1); /* what is missing is asked for */
	gate_settle(&gate);
	ck_assert_str_eq(heard, "revoke:60001:0 ");
	ck_assert_uint_eq(kernel.count, 0);
	finish();
}
END_TEST

/* A dump in parts may pass over what is there; and an answer may be none. */
START_TEST(gate_passed_over)
{
	begin_with_grant();
	host.socket_count = 0;
	host.passed_over = 1;
	ck_assert_int_eq(gate_refresh(&gate), 0);
	gate_settle(&gate);
	host.passed_over = 0;
	host.question_error = -ENOBUFS;
	ck_assert_int_eq(gate_refresh(&gate), -ENOBUFS);
	gate_settle(&gate);
	ck_assert_uint_eq(host.questions, 2);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_str_eq(heard, "");
	host.question_error = 0;
	ck_assert_int_eq(gate_refresh(&gate), 0);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "revoke:60001:0 ");
	finish();
}
END_TEST

/* What cannot be seen is not gone. */
START_TEST(gate_blind)
{
	begin_with_grant();
	host.socket_count = 0;
	host.sockets_error = -EIO;
	host.ended_error = -ENOBUFS;
	gate_on_ended(&gate);
	gate_settle(&gate);
	gate_on_exec(&gate);
	look();
	ck_assert_int_eq(gate_refresh(&gate), -EIO);
	gate_settle(&gate);
	kernel.count = 0;
	host.sockets_error = 0;
	host.read_error = -EIO;
	add_socket(1, ALICE);
	ck_assert_int_eq(gate_refresh(&gate), -EIO);
	gate_settle(&gate);
	ck_assert_uint_eq(host.applies, 0);
	ck_assert_str_eq(heard, "");
	finish();
}
END_TEST

START_TEST(gate_blind_to_processes)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	host.processes_error = -EIO;
	start_mosh(1, ALICE);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 0);
	host.processes_error = 0;
	for (int ms = 0; kernel.count == 0 && ms < 1000; ms++) {
		poll(NULL, 0, 1);
		look();
		gate_settle(&gate);
	}
	ck_assert_uint_eq(kernel.count, 1);
	finish();
}
END_TEST

/* Whoever uses any number of uids has /proc walked through once in a look, and without a login not
 * in each. */
START_TEST(gate_walks_once)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_on_exec(&gate);
	for (uint32_t i = 0; i < 6; i++)
		add_socket(1 + i, 165536 + i);
	add_socket(7, ALICE);
	host.walks = 0;
	look();
	ck_assert_uint_eq(host.walks, 1);
	add_socket(8, 165536);
	look();
	ck_assert_uint_le(host.walks, 2);
	gate.grants->servers.strangers_ms = UINT64_MAX;
	server_pass_over_ports(&gate.grants->servers, (bool[SERVER_PORTS]){[60007] = true});
	host.walks = 0;
	look();
	ck_assert_uint_eq(host.walks, 0);
	finish();
}
END_TEST

/* After a long walk there is none for as long, whoever executes mosh-server; that one is looked for
 * then. After a short one the next comes at once. */
START_TEST(gate_rests_from_walks)
{
	uint64_t begin_ms;

	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_on_exec(&gate);
	add_socket(1, ALICE);
	host.walk_ms = PRIORITY_REST_MS + 10;
	host.walks = 0;
	begin_ms = clock_boot_ms();
	look();
	ck_assert_uint_eq(host.walks, 1);
	ck_assert_uint_ge(gate.look_ms, begin_ms + 2 * host.walk_ms - 2);
	gate.looked_ms = clock_boot_ms() + 3600000;
	gate.stir_ms -= 10000;
	gate.has_found = true;
	gate_on_exec(&gate);
	ck_assert_uint_eq(host.walks, 1);
	ck_assert(!gate.has_found); /* of what was executed now */
	ck_assert_uint_eq(gate.look_ms, gate.looked_ms);
	ck_assert_uint_ge(gate.stir_ms, begin_ms);
	host.walk_ms = 0;
	add_process(ALICE);
	look();
	ck_assert_uint_eq(host.walks, 2);
	ck_assert_uint_lt(gate.look_ms, clock_boot_ms() + 3000);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	finish();
}
END_TEST

/* Nothing wakes it until somebody does something. */
static void start_mosh_in(uint64_t cgroup, uint64_t cookie)
{
	gate_on_exec(&gate);
	add_process(ALICE);
	host.processes[host.process_count - 1].cgroup = cgroup;
	add_socket(cookie, ALICE)->cgroup = cgroup;
	look();
	gate_settle(&gate);
}

/* A socket that was made in a login's own cgroup belongs to a process there: the host may have
 * thousands of others. */
START_TEST(gate_looks_into_session)
{
	begin();
	host.cgroup = 7;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	start_mosh_in(7, 1);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	ck_assert_uint_eq(host.cgroup_walks, 1);
	ck_assert_uint_eq(host.walks, 0);
	finish();
}
END_TEST

static const struct {
	uint64_t login, socket;
	int error;
	unsigned int cgroup_walks;
} sessions[] = {
	{7, 7, -EACCES, 1},
	{7, 8, 0, 0}, /* of no login */
	{7, 0, 0, 0},
	{0, 0, 0, 0},
};

/* Where there is no seeing into it, all processes are looked at. */
START_TEST(gate_looks_beyond_session)
{
	begin();
	host.cgroup = sessions[_i].login;
	host.cgroup_error = sessions[_i].error;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	start_mosh_in(sessions[_i].socket, 1);
	ck_assert_uint_eq(host.cgroup_walks, sessions[_i].cgroup_walks);
	ck_assert_uint_eq(host.walks, 1);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	finish();
}
END_TEST

START_TEST(gate_sleeps)
{
	begin();
	ck_assert_uint_eq(gate_due_ms(&gate), UINT64_MAX);
	gate_on_exec(&gate);
	ck_assert_uint_eq(gate_due_ms(&gate), UINT64_MAX);
	ck_assert_uint_eq(host.looks, 0);
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_uint_eq(gate_due_ms(&gate), UINT64_MAX);
	gate_on_exec(&gate);
	gate_settle(&gate);
	ck_assert_uint_ne(gate_due_ms(&gate), UINT64_MAX);
	gate.stir_ms = clock_boot_ms() - 3001;
	look();
	gate_settle(&gate);
	ck_assert_uint_eq(gate_due_ms(&gate), UINT64_MAX);
	finish();
}
END_TEST

/* The next look at what was closed comes; it is the last one, or as if something had been closed
 * long after it was planned. */
static void recheck(bool is_last)
{
	ck_assert_uint_ne(gate.recheck_ms, 0);
	gate.recheck_ms = clock_boot_ms();
	gate.shut_ms = is_last ? 0 : clock_boot_ms() + 10000;
	gate_on_due(&gate);
	gate_settle(&gate);
}

/* While something is open, it compares once in a while, and then no more. */
START_TEST(gate_compares)
{
	begin_with_grant();
	gate.is_searching = false;
	ck_assert_uint_gt(gate_due_ms(&gate), clock_boot_ms() + 1000);
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms() + 60000);
	host.socket_count = 0;
	gate.compare_ms = clock_boot_ms();
	gate_on_due(&gate);
	ck_assert_uint_eq(host.reads, 1);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms() + 20);
	recheck(false);
	ck_assert_uint_eq(gate_due_ms(&gate), gate.shut_ms + 200);
	recheck(true);
	ck_assert_uint_eq(gate_due_ms(&gate), UINT64_MAX);
	finish();
}
END_TEST

/* A packet that was let in while its element was deleted makes it anew. */
START_TEST(gate_sees_what_came_back)
{
	struct element element;

	begin_with_grant();
	gate.is_searching = false;
	element = kernel.items[0];
	element.comment[0] = '\0';
	element.use.expires_ms = clock_boot_ms() + 86400000;
	host.ended = 1;
	gate_on_ended(&gate);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 0);
	kernel.items[kernel.count++] = element;
	recheck(false);
	ck_assert_uint_eq(kernel.count, 0);
	kernel.items[kernel.count++] = element;
	host.read_error = -EINTR;
	recheck(true);
	host.read_error = 0;
	ck_assert_uint_eq(kernel.count, 1);
	recheck(true);
	ck_assert_uint_eq(kernel.count, 0);
	recheck(true);
	ck_assert_uint_eq(gate_due_ms(&gate), UINT64_MAX);
	finish();
}
END_TEST

/* A socket that comes when nobody looks for it any more is found then. */
START_TEST(gate_compares_what_came_late)
{
	begin_with_grant();
	gate_on_exec(&gate);
	add_process(ALICE);
	gate.is_searching = false;
	add_socket(2, ALICE);
	gate.compare_ms = clock_boot_ms();
	gate_on_due(&gate);
	gate_settle(&gate);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60002));
	finish();
}
END_TEST

/* Every ms at first, a few hundred looks in all, and at an end after three seconds. */
START_TEST(gate_search_is_bounded)
{
	uint64_t age_ms = 0, now_ms;

	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_on_exec(&gate);
	host.looks = 0;
	while (gate.is_searching) {
		ck_assert_uint_lt(host.looks, 400);
		now_ms = clock_boot_ms();
		gate.stir_ms = now_ms - age_ms;
		look();
		ck_assert_uint_gt(gate.look_ms, now_ms);
		ck_assert_uint_le(gate.look_ms, clock_boot_ms() + 2 + age_ms / 10);
		age_ms += gate.look_ms - now_ms;
	}
	ck_assert_uint_ge(age_ms, 3000);
	ck_assert_uint_lt(age_ms, 4000);
	ck_assert_uint_gt(host.looks, 100);
	finish();
}
END_TEST

/* A socket that was there before is not what was executed. */
/* What comes late has others that come late: it is looked as often for those as at first. */
START_TEST(gate_search_stirred)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_on_exec(&gate);
	gate.exec_ms = gate.stir_ms = clock_boot_ms() - 2000;
	look();
	ck_assert_uint_gt(gate.look_ms, clock_boot_ms() + 10);
	add_process(ALICE);
	add_socket(1, ALICE);
	look();
	ck_assert_uint_le(gate.look_ms, clock_boot_ms() + 1);
	ck_assert(gate.is_searching);
	gate.stir_ms = clock_boot_ms() - 400;
	look();
	ck_assert(gate.is_searching);
	gate.stir_ms = clock_boot_ms() - 501;
	look();
	ck_assert(!gate.is_searching);
	finish();
}
END_TEST

START_TEST(gate_earlier_socket)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	add_socket(5, ALICE)->is_ecn = false;
	gate_on_exec(&gate);
	add_process(ALICE);
	gate.exec_ms = gate.stir_ms = clock_boot_ms() - 100;
	look();
	add_socket(6, ALICE);
	look();
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60006 ");
	ck_assert_uint_eq(kernel.count, 1);
	finish();
}
END_TEST

/* Of a program that nobody watches: found when its login ends, and given to it. */
START_TEST(gate_logout_looks_once_more)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	add_process(ALICE);
	add_socket(1, ALICE)->is_ecn = _i == 0;
	ck_assert_int_eq(gate_on_logout(&gate, 10), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 logout:10 ");
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert_int_eq(gate_on_logout(&gate, 10), WIRE_NOTHING);
	ck_assert_int_eq(host.saved.pid, 0);
	finish();
}
END_TEST

/* Of others' sockets a logout says nothing: a doubtful one waits for a better one as before. */
START_TEST(gate_logout_of_another)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	ck_assert_int_eq(log_in(20, BOB, OTHER), WIRE_DONE);
	gate_on_exec(&gate);
	add_process(ALICE);
	add_socket(5, ALICE)->is_ecn = false;
	ck_assert_int_eq(gate_on_logout(&gate, 20), WIRE_DONE);
	gate_settle(&gate);
	add_socket(6, ALICE);
	look();
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 login:20 logout:20 grant:60006 ");
	finish();
}
END_TEST

/* Who comes asks for no server that is known; who goes, compares or starts one asks for all. */
START_TEST(gate_looks_at_others)
{
	begin_with_grant();
	host.whole_looks = 0;
	ck_assert_int_eq(log_in(11, BOB, OTHER), WIRE_DONE);
	ck_assert_uint_eq(host.looks, 1);
	ck_assert_uint_eq(host.whole_looks, 0);
	ck_assert_int_eq(gate_on_logout(&gate, 11), WIRE_DONE);
	ck_assert_uint_eq(host.whole_looks, 1);
	ck_assert_int_eq(gate_refresh(&gate), 0);
	ck_assert_uint_eq(host.whole_looks, 2);
	look();
	ck_assert_uint_eq(host.whole_looks, 3);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 1);
	finish();
}
END_TEST

/* Where one has just ended there may be another: the end is taken in first. */
START_TEST(gate_place_taken)
{
	begin_with_grant();
	host.ended = 1;
	host.socket_count = 0;
	add_process(BOB);
	add_socket(2, BOB)->port = 60001;
	ck_assert_int_eq(log_in(11, BOB, OTHER), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:11 revoke:60001:0 grant:60001 ");
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert(policy_has(&kernel, OTHER, SERVER, 60001));
	finish();
}
END_TEST

/* At the start anybody may have grants, so nobody's sockets are lost among those of many uids. */
START_TEST(gate_starts_with_all)
{
	begin();
	ck_assert(host.is_anybody_known);
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	ck_assert_uint_gt(host.looks, 0);
	ck_assert(!host.is_anybody_known);
	finish();
}
END_TEST

/* However often something else is settled before. */
START_TEST(gate_compares_in_time)
{
	begin_with_grant();
	gate.is_searching = false;
	gate.compare_ms = clock_boot_ms();
	gate_settle(&gate);
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms());
	gate_on_due(&gate);
	ck_assert_uint_eq(host.looks, 1);
	ck_assert_uint_eq(host.reads, 1);
	gate_settle(&gate);
	ck_assert_uint_gt(gate_due_ms(&gate), clock_boot_ms() + 1000);
	finish();
}
END_TEST

static void bind_any(struct udp_socket *socket)
{
	memset(socket->address.bytes, 0, sizeof(socket->address.bytes));
}

static const struct {
	const char *client;
	bool is_first; /* the one that is bound to the address */
	const char *heard;
} shadowed[] = {
	{OTHER, false, "revoke:60001:5 grant:60001 "},
	{CLIENT, false, "revoke:60001:5 grant:60001 "},
	{OTHER, true, "deny:60001:3 "},
};

/* A socket that is bound to any address can be where another user's is that is bound to one: what
 * comes there is that one's, and open to its owner's address alone. */
START_TEST(gate_shadowed)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	ck_assert_int_eq(log_in(11, BOB, shadowed[_i].client), WIRE_DONE);
	for (size_t i = 0; i < 2; i++) {
		bool is_bob = (i == 1) != shadowed[_i].is_first;

		heard[0] = '\0';
		gate_on_exec(&gate);
		add_process(is_bob ? BOB : ALICE);
		add_socket(i + 1, is_bob ? BOB : ALICE)->port = 60001;
		if (!is_bob)
			bind_any(&host.sockets[i]);
		look();
		gate_settle(&gate);
		ck_assert_str_eq(heard, i == 0 ? "grant:60001 " : shadowed[_i].heard);
	}
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert(policy_has(&kernel, shadowed[_i].client, SERVER, 60001));
	finish();
}
END_TEST

static const struct {
	uint32_t interface;
	uint64_t there; /* the cookie that the kernel finds in that place */
	int error;
	const char *heard;
} beside[] = {
	{2, 1, 0, "revoke:60001:5 deny:60001:3 "},
	{2, 0, -ENOMEM, "revoke:60001:5 deny:60001:3 "},
	{2, 0, 0, "revoke:60001:5 grant:60001 "}, /* it was in the midst of its connect() */
	{0, 1, 0, "grant:60001 "},
};

/* Alice's is bound to an interface, and has a rival; bob's was, too, and left that. */
START_TEST(gate_beside)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_on_exec(&gate);
	add_process(ALICE);
	add_socket(1, ALICE)->port = 60001;
	host.sockets[0].interface = beside[_i].interface;
	look();
	gate_settle(&gate);
	ck_assert_int_eq(log_in(11, BOB, OTHER), WIRE_DONE);
	host.passed_over = beside[_i].there;
	host.question_error = beside[_i].error;
	heard[0] = '\0';
	gate_on_exec(&gate);
	add_process(BOB);
	add_socket(2, BOB)->port = 60001;
	look();
	gate_settle(&gate);
	ck_assert_str_eq(heard, beside[_i].heard);
	finish();
}
END_TEST

/* One that is not told of, since there are too many, is as one that is; and the kernel has nothing
 * new to tell else. */
START_TEST(gate_shadowed_by_hidden)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_on_exec(&gate);
	add_process(ALICE);
	add_socket(1, ALICE)->port = 60001;
	bind_any(&host.sockets[0]);
	look();
	gate_settle(&gate);
	host.hidden_port = 60002;
	ck_assert_int_eq(search_see(&gate), 0);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	host.hidden_port = 60001;
	ck_assert_int_eq(search_see(&gate), 0);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 revoke:60001:5 ");
	ck_assert_uint_eq(kernel.count, 0);
	finish();
}
END_TEST

/* One look that fails is not the last one. */
START_TEST(gate_last_look_fails)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	add_process(ALICE);
	add_socket(1, ALICE);
	if (_i == 0)
		host.failing_looks = 1;
	else
		host.failing_counts = 1;
	ck_assert_int_eq(gate_on_logout(&gate, 10), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 logout:10 ");
	finish();
}
END_TEST

/* The server lives on when its login is gone; one that comes then gets nothing. */
START_TEST(gate_after_logout)
{
	begin_with_grant();
	ck_assert_int_eq(log_in(11, BOB, OTHER), WIRE_DONE);
	ck_assert_int_eq(gate_on_logout(&gate, 10), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 1);
	start_mosh(2, ALICE);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_str_eq(heard, "login:11 logout:10 deny:60002:0 ");
	ck_assert(kernel.ports[60002]);
	/* Another of the same kind is denied too, when it is the turn of those without a login; a
	 * flood of them is not told one by one (denied.h). */
	gate.grants->servers.strangers_ms = 0;
	start_mosh(3, ALICE);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_str_eq(heard, "login:11 logout:10 deny:60002:0 deny:60003:0 ");
	ck_assert_uint_eq(gate.totals.denied[DENIAL_NO_LOGIN], 2);
	finish();
}
END_TEST

START_TEST(gate_limit_of_logins)
{
	begin();
	config.limits.logins_per_user = 1;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_REFUSED);
	ck_assert_int_eq(log_in(12, BOB, OTHER), WIRE_DONE);
	ck_assert_str_eq(heard, "login:10 limit:11:1 login:12 ");
	ck_assert_int_eq(gate_on_logout(&gate, 11), WIRE_NOTHING);
	finish();
}
END_TEST

/* However often somebody logs in, he does not fill the log; nobody else's line is kept back. */
START_TEST(gate_few_lines_of_logins)
{
	begin();
	config.limits.logins_per_user = 1;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	heard[0] = '\0';
	for (pid_t pid = 11; pid < 81; pid++)
		ck_assert_int_eq(log_in(pid, ALICE, CLIENT), WIRE_REFUSED);
	ck_assert_str_eq(heard, "limit:11:1 limit:12:2 limit:13:3 limit:14:4 limit:15:5 "
				"limit:16:6 limit:17:7 limit:18:8 limit:19:9 limit:20:10 ");
	ck_assert_uint_eq(gate.totals.refused_logins, 70);
	heard[0] = '\0';
	ck_assert_int_eq(log_in(81, BOB, OTHER), WIRE_DONE);
	ck_assert_int_eq(log_in(82, BOB, OTHER), WIRE_REFUSED);
	ck_assert_str_eq(heard, "login:81 limit:82:1 ");
	finish();
}
END_TEST

START_TEST(gate_few_lines_of_other_family)
{
	begin_with_grant();
	config.limits.logins_per_user = 100;
	for (pid_t pid = 11; pid < 81; pid++)
		ck_assert_int_eq(log_in(pid, ALICE, "2001:db8::5"), WIRE_DONE);
	ck_assert_ptr_nonnull(strstr(host.logged, "(count=10)"));
	finish();
}
END_TEST

/* It has ended since its login was answered. */
START_TEST(gate_login_of_no_process)
{
	begin();
	host.process_error = -ESRCH;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 ");
	ck_assert_uint_eq(gate.totals.logins, 1);
	ck_assert_int_eq(host.saved.pid, 0);
	add_process(ALICE);
	add_socket(1, ALICE);
	ck_assert_int_eq(gate_on_logout(&gate, 10), WIRE_DONE);
	ck_assert_str_eq(heard, "login:10 grant:60001 logout:10 ");
	ck_assert_uint_eq(login_count(gate.logins), 0);
	finish();
}
END_TEST

START_TEST(gate_roams)
{
	begin_with_grant();
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
	ck_assert_int_eq(log_in(12, BOB, "203.0.113.9"), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 2);
	ck_assert(policy_has(&kernel, OTHER, SERVER, 60001));
	check_opened(1, 1, 0);
	finish();
}
END_TEST

/* What ran out since the last comparison does not stand in the way of a new one. */
START_TEST(gate_roams_after_lapse)
{
	begin_with_grant();
	gate.grants->lists[GRANT_OPEN]->use.expires_ms = clock_awake_ms();
	kernel.count = 0;
	ck_assert_int_eq(log_in(11, ALICE, CLIENT), WIRE_DONE);
	gate_settle(&gate);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert_str_eq(heard, "login:11 revoke:60001:2 grant:60001 ");
	ck_assert_uint_eq(gate.totals.revoked[GRANT_UNCLAIMED], 1);
	finish();
}
END_TEST

/* At a login also servers that nobody saw start, as far as there are processes. */
START_TEST(gate_login_finds_servers)
{
	begin();
	add_socket(1, ALICE);
	add_socket(2, ALICE);
	add_process(ALICE);
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 ");
	finish();
}
END_TEST

/* One that nobody saw start is not the newcomer's, if another login was there before. And one that
 * started just now may be. */
START_TEST(gate_login_leaves_earlier_ones)
{
	const char *const own[] = {"login:11 grant:60001 grant:60001 ", "login:11 grant:60001 "};

	begin();
	config.gate.is_roaming = _i == 0;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	add_socket(1, ALICE);
	add_process(ALICE);
	host.processes[0].start_ms -= 100;
	heard[0] = '\0';
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
	gate_settle(&gate);
	ck_assert_str_eq(heard, own[_i]);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert(policy_has(&kernel, OTHER, SERVER, 60001) == (_i == 0));
	finish();
}
END_TEST

START_TEST(gate_login_keeps_its_own)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	add_socket(1, ALICE);
	add_process(ALICE);
	host.processes[0].start_ms += 1000;
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
	gate_settle(&gate);
	ck_assert(!policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert(policy_has(&kernel, OTHER, SERVER, 60001));
	finish();
}
END_TEST

START_TEST(gate_revokes_by_hand)
{
	const struct grant_selector selector = {.port = 60001};

	begin_with_grant();
	ck_assert_uint_eq(gate_on_revoke(&gate, &selector), 1);
	gate_settle(&gate);
	ck_assert_str_eq(heard, "revoke:60001:4 ");
	ck_assert_uint_eq(kernel.count, 0);
	finish();
}
END_TEST

START_TEST(gate_allows_who_knocked)
{
	const struct address other = policy_address(OTHER);
	struct element knock = {0};
	size_t denied = 0;

	begin_with_grant();
	knock.key = kernel.items[0].key;
	knock.key.client = other;
	knock.use.expires_ms = clock_boot_ms() + PENDING_KEEP_S * 1000;
	host.knocked = &knock;
	host.read_error = -EIO;
	ck_assert_int_eq(gate_on_allow(&gate, ALICE, &other, &denied), -EIO);
	host.read_error = 0;
	ck_assert_int_eq(gate_on_allow(&gate, ALICE + 1, &other, &denied), 0);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_int_eq(gate_on_allow(&gate, ALICE, &other, &denied), 1);
	gate_settle(&gate);
	ck_assert_uint_eq(denied, 0);
	ck_assert_uint_eq(kernel.count, 2);
	check_opened(1, 0, 1);
	finish();
}
END_TEST

START_TEST(gate_ends_after_max)
{
	begin();
	config.gate.max_s = 100;
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	start_mosh(1, ALICE);
	gate_settle(&gate);
	gate.is_searching = false;
	gate.compare_ms = UINT64_MAX;
	ck_assert_uint_gt(gate_due_ms(&gate), clock_boot_ms() + 90000);
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms() + 100000);
	gate.grants->lists[GRANT_OPEN]->label.since_ms -= 100000;
	gate_settle(&gate);
	ck_assert_str_eq(heard, "login:10 grant:60001 revoke:60001:3 ");
	finish();
}
END_TEST

CHECK_MAIN("gate", TEST(gate_from_login_to_grant), TEST(gate_one_turn_one_apply),
	TEST(gate_other_family), TEST(gate_ended), TEST(gate_notices_lost), TEST(gate_passed_over),
	TEST(gate_blind), TEST(gate_blind_to_processes), TEST(gate_walks_once),
	TEST(gate_rests_from_walks), TEST(gate_looks_into_session),
	LOOP(gate_looks_beyond_session, ARRAY_LEN(sessions)), TEST(gate_sleeps),
	TEST(gate_compares), TEST(gate_sees_what_came_back), TEST(gate_compares_what_came_late),
	TEST(gate_search_is_bounded), TEST(gate_search_stirred), TEST(gate_looks_at_others),
	TEST(gate_place_taken), TEST(gate_compares_in_time), TEST(gate_starts_with_all),
	LOOP(gate_shadowed, ARRAY_LEN(shadowed)), TEST(gate_shadowed_by_hidden),
	LOOP(gate_beside, ARRAY_LEN(beside)), TEST(gate_earlier_socket),
	LOOP(gate_logout_looks_once_more, 2), TEST(gate_logout_of_another),
	LOOP(gate_last_look_fails, 2), TEST(gate_after_logout), TEST(gate_limit_of_logins),
	TEST(gate_few_lines_of_logins), TEST(gate_few_lines_of_other_family),
	TEST(gate_login_of_no_process), TEST(gate_roams), TEST(gate_roams_after_lapse),
	TEST(gate_login_finds_servers), LOOP(gate_login_leaves_earlier_ones, 2),
	TEST(gate_login_keeps_its_own), TEST(gate_revokes_by_hand), TEST(gate_allows_who_knocked),
	TEST(gate_ends_after_max))
