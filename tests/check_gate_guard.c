/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate when it starts, when the kernel refuses, and when others change the guard. */
#include <poll.h>

#include "check_host.h"

static bool refuses_all(const struct change *change)
{
	(void)change;
	return true;
}

START_TEST(gate_change_refused)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	kernel.refuses = refuses_all;
	start_mosh(1, ALICE);
	gate_settle(&gate);
	ck_assert_uint_eq(host.applies, 1);
	ck_assert_str_eq(heard, "login:10 ");
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms() + 1000);
	/* It is put right by making all anew. */
	kernel.refuses = NULL;
	gate.heal_ms = clock_boot_ms();
	gate_on_due(&gate);
	gate_settle(&gate);
	ck_assert_uint_eq(host.installs, 1);
	ck_assert_str_eq(heard, "login:10 restored grant:60001 ");
	ck_assert(kernel.ports[60001]);
	ck_assert_uint_eq(gate.totals.transactions, 3);
	ck_assert_uint_eq(gate.totals.refused_transactions, 1);
	finish();
}
END_TEST

START_TEST(gate_heals)
{
	begin_with_grant();
	kernel.count = 0;
	memset(kernel.ports, 0, sizeof(kernel.ports));
	host.is_touched = true;
	gate_on_notice(&gate);
	gate_settle(&gate);
	ck_assert_uint_eq(host.installs, 1);
	ck_assert_str_eq(heard, "restored ");
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert(kernel.ports[60001]);
	gate_on_notice(&gate);
	ck_assert_uint_eq(host.installs, 1);
	finish();
}
END_TEST

/* Who does it again and again is not fought at his own pace. */
START_TEST(gate_heals_ever_slower)
{
	uint64_t delay_ms = 0, now_ms;

	begin();
	for (int i = 0; i < 12; i++) {
		host.is_touched = true;
		now_ms = clock_boot_ms();
		gate_on_notice(&gate);
		if (gate.is_touched) {
			ck_assert_uint_ge(gate.heal_ms - now_ms, delay_ms);
			ck_assert_uint_le(gate.heal_ms - now_ms, 1000 + 5000);
			ck_assert_uint_le(gate_due_ms(&gate), gate.heal_ms);
			delay_ms = gate.heal_delay_ms;
			gate.heal_ms = clock_boot_ms();
			gate_on_due(&gate);
		}
		ck_assert_uint_eq(host.installs, i + 1);
	}
	ck_assert_uint_ge(delay_ms, 500);
	/* After a quiet minute at once. */
	gate.healed_ms -= 61000;
	host.is_touched = true;
	gate_on_notice(&gate);
	ck_assert(!gate.is_touched);
	ck_assert_uint_eq(host.installs, 13);
	finish();
}
END_TEST

/* The guard cannot be made; what is to be closed is closed all the same. */
START_TEST(gate_closes_without_guard)
{
	begin_with_grant();
	host.install_error = -EIO;
	host.is_touched = true;
	gate_on_notice(&gate);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 1);
	host.ended = 1;
	host.socket_count = host.process_count = 0;
	gate_on_ended(&gate);
	gate_settle(&gate);
	gate.heal_ms = clock_boot_ms();
	gate_on_due(&gate);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, 0);
	finish();
}
END_TEST

/* The next helper, with what the kernel and the state still have. */
START_TEST(gate_restarts)
{
	begin_with_grant();
	gate_clear(&gate);
	memset(kernel.ports, 0, sizeof(kernel.ports));
	ck_assert_int_eq(start(), 0);
	ck_assert_str_eq(heard, "installed ");
	ck_assert_uint_eq(host.installs, 1);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert(kernel.ports[60001]);
	ck_assert_uint_eq(login_count(gate.logins), 1);
	/* Its login may start another. */
	start_mosh(2, ALICE);
	gate_settle(&gate);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60002));
	finish();
}
END_TEST

START_TEST(gate_restarts_after_end)
{
	begin_with_grant();
	gate_clear(&gate);
	host.socket_count = 0;
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_str_eq(heard, "installed revoke:60001:0 ");
	finish();
}
END_TEST

/* A server without a grant is nobody's for the next helper; its port stays closed to replies, for
 * as long as its socket is there, and is open again to who logs in. */
START_TEST(gate_restarts_without_grant)
{
	begin_with_grant();
	kernel.count = 0;
	gate_clear(&gate);
	host.processes[0].start_ms = 0;
	ck_assert_int_eq(start(), 0);
	ck_assert_str_eq(heard, "installed ");
	ck_assert_uint_eq(gate.grants->count, 0);
	ck_assert(kernel.ports[60001]);
	if (_i == 0) {
		ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
		gate_settle(&gate);
		ck_assert(policy_has(&kernel, OTHER, SERVER, 60001));
	}
	host.ended = 1;
	host.socket_count = host.process_count = 0;
	gate_on_ended(&gate);
	gate_settle(&gate);
	ck_assert(!kernel.ports[60001]);
	ck_assert_uint_eq(kernel.count, 0);
	finish();
}
END_TEST

/* While there was no helper, the socket was bound to another address. */
START_TEST(gate_restarts_after_move)
{
	begin_with_grant();
	gate_clear(&gate);
	host.process_error = -ESRCH; /* and the login is over */
	host.sockets[0].address = policy_address("127.0.0.1");
	ck_assert_int_eq(start(), 0);
	ck_assert_str_eq(heard, "installed revoke:60001:5 ");
	ck_assert_uint_eq(kernel.count, 0);
	ck_assert_uint_ne(gate.recheck_ms, 0);
	finish();
}
END_TEST

/* A pid that is another process now is not the login that it was. */
START_TEST(gate_restarts_after_logout)
{
	begin_with_grant();
	gate_clear(&gate);
	if (_i == 0)
		host.start = 8;
	else
		host.process_error = -ESRCH;
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(login_count(gate.logins), 0);
	ck_assert_int_eq(host.saved.pid, 0);
	ck_assert_uint_eq(kernel.count, 1);
	finish();
}
END_TEST

/* Killed between the login's answer and the grant; the next helper comes when the login is over, or
 * its pid another's. Not for a server that was there before the login, nor for an old one. */
static const struct {
	int process_error;
	uint64_t start;   /* of the process with that pid */
	int64_t since_ms; /* when the server started, from its login on */
	int64_t age_ms;
	bool is_granted;
} crashes[] = {
	{-ESRCH, 7, 5, 1000, true},
	{0, 8, 5, 1000, true},
	{0, 7, 5, 1000, true},
	{-ESRCH, 7, -20, 1000, false},
	{-ESRCH, 7, 5, 61000, false},
};

START_TEST(gate_restarts_before_grant)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	add_process(ALICE);
	add_socket(1, ALICE);
	gate_clear(&gate);
	host.process_error = crashes[_i].process_error;
	host.start = crashes[_i].start;
	host.saved.since_ms -= (uint64_t)crashes[_i].age_ms;
	host.processes[0].start_ms = host.saved.since_ms + (uint64_t)crashes[_i].since_ms;
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(kernel.count, crashes[_i].is_granted);
	ck_assert_uint_eq(login_count(gate.logins), _i == 2);
	ck_assert_int_eq(host.saved.pid, _i == 2 ? 10 : 0);
	finish();
}
END_TEST

/* Bob may say so of his own alone. */
static void revoke_bobs(void)
{
	const struct grant_selector selector = {.is_of_user = true, .uid = BOB};

	ck_assert_uint_eq(gate_on_revoke(&gate, &selector), 0);
}

static size_t revoke_of(const char *client)
{
	const struct grant_selector selector = {.client = policy_address(client)};

	return gate_on_revoke(&gate, &selector);
}

/* Killed before the new login's roam grant was in the kernel, or after: then it may have been taken
 * away since, and does not come back. Nor does it for a login that is over. */
static const struct {
	bool is_settled;
	uint64_t start; /* of the process with that pid */
	bool is_granted;
} roams[] = {{false, 7, true}, {true, 7, false}, {false, 8, false}};

START_TEST(gate_restarts_before_roam)
{
	begin_with_grant();
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
	ck_assert(host.saved.is_new);
	if (roams[_i].is_settled) {
		gate_settle(&gate);
		ck_assert(!host.saved.is_new);
		ck_assert(policy_has(&kernel, OTHER, SERVER, 60001));
		ck_assert_uint_eq(revoke_of(OTHER), 1);
		gate_settle(&gate);
	}
	gate_clear(&gate);
	host.start = roams[_i].start;
	ck_assert_int_eq(start(), 0);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60001));
	ck_assert_int_eq(policy_has(&kernel, OTHER, SERVER, 60001), roams[_i].is_granted);
	if (roams[_i].start == 7)
		ck_assert(!host.saved.is_new);
	ck_assert_int_eq(host.saved.pid, roams[_i].start == 7 ? 11 : 0);
	finish();
}
END_TEST

/* Settled is what the kernel took; but what a person takes away is not to come back. */
START_TEST(gate_new_while_refused)
{
	begin_with_grant();
	kernel.refuses = refuses_all;
	ck_assert_int_eq(log_in(11, ALICE, OTHER), WIRE_DONE);
	gate_settle(&gate);
	ck_assert(host.saved.is_new);
	if (_i == 0)
		ck_assert_uint_eq(revoke_of(OTHER), 1);
	else
		revoke_bobs();
	gate_clear(&gate);
	kernel.refuses = NULL;
	ck_assert_int_eq(start(), 0);
	ck_assert_int_eq(policy_has(&kernel, OTHER, SERVER, 60001), _i == 1);
	finish();
}
END_TEST

/* What cannot be looked at for now is not taken for gone. */
START_TEST(gate_start_cannot_look)
{
	begin_with_grant();
	gate_clear(&gate);
	host.process_error = -EMFILE;
	ck_assert_int_eq(start(), -EMFILE);
	ck_assert_int_eq(host.saved.pid, 10);
	gate_clear(&gate);
	host.process_error = 0;
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(login_count(gate.logins), 1);
	host.process_error = -EMFILE;
	ck_assert_int_eq(gate_check_logins(&gate), -EMFILE);
	ck_assert_uint_eq(login_count(gate.logins), 1);
	finish();
}
END_TEST

START_TEST(gate_checks_logins)
{
	begin_with_grant();
	ck_assert_int_eq(gate_check_logins(&gate), 0);
	ck_assert_uint_eq(login_count(gate.logins), 1);
	host.start = 8;
	ck_assert_int_eq(gate_check_logins(&gate), 0);
	ck_assert_uint_eq(login_count(gate.logins), 0);
	ck_assert_int_eq(host.saved.pid, 0);
	finish();
}
END_TEST

/* A server that started while no helper ran: granted if it is young, not if it is old. */
START_TEST(gate_starts_after_mosh)
{
	begin();
	ck_assert_int_eq(log_in(10, ALICE, CLIENT), WIRE_DONE);
	gate_settle(&gate);
	gate_clear(&gate);
	add_process(ALICE);
	add_socket(1, ALICE);
	if (_i == 1)
		host.processes[0].start_ms -= 61000;
	ck_assert_int_eq(start(), 0);
	ck_assert_uint_eq(kernel.count, _i == 0);
	/* Nor does it get anything when another starts, at a later tick of the clock. */
	poll(NULL, 0, 5);
	start_mosh(2, ALICE);
	gate_settle(&gate);
	ck_assert_uint_eq(kernel.count, _i == 0 ? 2 : 1);
	ck_assert(policy_has(&kernel, CLIENT, SERVER, 60002));
	finish();
}
END_TEST

/* The kernel takes no guard: an error, and nothing of what was to be done is taken for done. */
START_TEST(gate_start_refused)
{
	begin_with_grant();
	gate_clear(&gate);
	host.socket_count = 0;
	host.install_error = -EIO;
	heard[0] = '\0';
	ck_assert_int_eq(start(), -EIO);
	ck_assert_str_eq(heard, "");
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert_uint_eq(gate.grants->count, 1);
	finish();
}
END_TEST

START_TEST(gate_reloads)
{
	struct observer *next = (struct observer *)&host;

	begin_with_grant();
	ck_assert_uint_eq(host.hostchecks, 1);
	ck_assert_int_eq(gate_reload(&gate, next), 0);
	ck_assert_uint_eq(host.hostchecks, 2);
	ck_assert_ptr_eq(gate.observer, next);
	ck_assert_uint_eq(host.closed_observers, 1);
	ck_assert_uint_eq(kernel.count, 1);
	ck_assert(kernel.ports[60001]);
	ck_assert_int_eq(gate_reload(&gate, next), 0);
	ck_assert_uint_eq(host.closed_observers, 1);
	/* What lapses sooner from now on is seen in time. */
	config.gate.claim_s = 2;
	gate.is_searching = false;
	ck_assert_int_eq(gate_reload(&gate, next), 0);
	gate_settle(&gate);
	ck_assert_uint_le(gate_due_ms(&gate), clock_boot_ms() + 1000);
	host.install_error = -EIO;
	ck_assert_int_eq(gate_reload(&gate, NULL), -EIO);
	ck_assert_uint_eq(host.hostchecks, 2);
	ck_assert_ptr_eq(gate.observer, next);
	ck_assert_uint_eq(host.closed_observers, 1);
	finish();
}
END_TEST

CHECK_MAIN("gate, its guard", TEST(gate_change_refused), TEST(gate_heals),
	TEST(gate_heals_ever_slower), TEST(gate_closes_without_guard), TEST(gate_restarts),
	TEST(gate_restarts_after_move), TEST(gate_restarts_after_end),
	LOOP(gate_restarts_without_grant, 2), LOOP(gate_restarts_after_logout, 2),
	TEST(gate_checks_logins), LOOP(gate_restarts_before_grant, ARRAY_LEN(crashes)),
	LOOP(gate_restarts_before_roam, ARRAY_LEN(roams)), LOOP(gate_new_while_refused, 2),
	TEST(gate_start_cannot_look), LOOP(gate_starts_after_mosh, 2), TEST(gate_start_refused),
	TEST(gate_reloads))
