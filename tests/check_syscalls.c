/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every system call that the kernel gets while the module works, libc's own for the user database
 * and the log included, fails: the first, the second, and so on, alone or with all that come after
 * it. A filter has the kernel ask a second thread about each; what the clock says is not among
 * them, nor closing, which never fails to close.
 */
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "check_connection.h"
#include "check_pam.h"

#define USER       "root" /* is everywhere */
#define RHOST      "127.0.0.1"
#define NAME       "localhost"
#define PATIENT    "timeout=10000"
#define HASTY      "timeout=20" /* some calls fail until it is over */
#define NONE_FAILS UINT_MAX
#define HUNG_MS    10000 /* only what waits for ever is slower */
#define WINDOW     "session required %4$s/tests/interpose/.libs/window.so "

void window_open(void);
void window_close(void);

/* Shared with the process that does one run. */
static struct injection {
	unsigned int nth; /* that call fails */
	bool is_lasting;  /* and those after it */
	int error;
	atomic_uint calls; /* so far */
	atomic_bool is_armed, is_open;
	atomic_int listener;
	char complaint[1024]; /* about the run; empty if all is well */
} * injection;

/* What is let through: what only frees, what has no errors, what libc takes for granted. */
#define ALLOW(name)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                     \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int install_filter(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), ALLOW(close),
		ALLOW(munmap), ALLOW(brk), ALLOW(madvise), ALLOW(futex), ALLOW(rt_sigreturn),
		ALLOW(sched_yield), ALLOW(exit), ALLOW(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
	struct sock_fprog program = {ARRAY_LEN(filter), filter};

	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

void window_open(void)
{
	if (!atomic_load(&injection->is_armed))
		return;
	atomic_store(&injection->is_open, true);
	atomic_store(&injection->listener, install_filter());
}

void window_close(void)
{
	atomic_store(&injection->is_open, false);
}

static bool fails(void)
{
	unsigned int call;

	if (!atomic_load(&injection->is_open))
		return false;
	call = atomic_fetch_add(&injection->calls, 1) + 1;
	return injection->is_lasting ? call >= injection->nth : call == injection->nth;
}

/* The thread that the kernel asks; the filter came after it and is not for it. */
static void *decide(void *argument)
{
	int listener;

	(void)argument;
	while ((listener = atomic_load(&injection->listener)) < 0)
		sched_yield();
	for (;;) {
		struct seccomp_notif call = {0};
		struct seccomp_notif_resp answer = {0};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue;
		answer.id = call.id;
		if (fails())
			answer.error = -injection->error;
		else
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	return NULL;
}

/* --- one run ---------------------------------------------------------------------------------- */

static void connect_none(void)
{
}

static void connect_one(void)
{
	connection_make(INADDR_LOOPBACK, INADDR_LOOPBACK);
}

static void unlink_path(void)
{
	unlink(path);
}

static const struct scenario {
	void (*arrange)(void);
	const char *rhost;
	int (*act)(pam_handle_t *pamh, int flags);
	unsigned int asked; /* if nothing fails */
} scenarios[] = {
	{connect_none, RHOST, pam_open_session, 1},
	{connect_one, NAME, pam_open_session, 1},
	{unlink_path, RHOST, pam_open_session, 0},
	{connect_none, RHOST, pam_close_session, 2},
};

static void complain(const char *format, const char *what)
{
	snprintf(injection->complaint, sizeof(injection->complaint), format, what);
}

static void compare(const struct portrait *before, const struct portrait *after)
{
	size_t i = 0;

	while (before->text[i] && before->text[i] == after->text[i])
		i++;
	while (i > 0 && before->text[i - 1] != '\n')
		i--;
	if (strcmp(before->text, after->text) != 0)
		complain("changed: %.900s", after->text + i);
}

static void act(const struct scenario *scenario, pam_handle_t *pamh)
{
	static struct portrait before, after;
	int64_t start_ms;

	draw(&before, pamh);
	atomic_store(&injection->is_armed, true);
	start_ms = now_ms();
	if (scenario->act(pamh, 0) != PAM_SUCCESS)
		complain("%s", "neither PAM_SUCCESS nor PAM_IGNORE");
	if (now_ms() - start_ms > HUNG_MS)
		complain("%s", "too slow");
	if (atomic_load(&injection->listener) < 0)
		complain("%s", "no filter");
	not_in_picture = atomic_load(&injection->listener);
	draw(&after, pamh);
	compare(&before, &after);
}

/* A filter stays, so each run has a process of its own, which must not assert: Check's pipe is its
 * parent's. */
static void run_in_child(const struct scenario *scenario)
{
	pam_handle_t *pamh = begin(WINDOW "open\n" MODULE WINDOW "close\n" PERMIT, USER,
		scenario->rhost, injection->nth == NONE_FAILS ? PATIENT : HASTY);
	pthread_t thread;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (scenario->act == pam_close_session && pam_open_session(pamh, 0) != PAM_SUCCESS)
		complain("%s", "not opened");
	if (pthread_create(&thread, NULL, decide, NULL) != 0)
		complain("%s", "no thread");
	act(scenario, pamh);
	_exit(EXIT_SUCCESS);
}

static void run(const struct scenario *scenario)
{
	int status;
	pid_t pid;

	atomic_store(&injection->calls, 0);
	atomic_store(&injection->is_armed, false);
	atomic_store(&injection->is_open, false);
	atomic_store(&injection->listener, -1);
	pid = fork();
	if (pid == 0)
		run_in_child(scenario);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0 && injection->complaint[0] == '\0',
		"call %u, error %d, lasting %d: status %x %s", injection->nth, injection->error,
		injection->is_lasting, status, injection->complaint);
}

static void check_asked(const struct answerer *answerer)
{
	const struct address expected = {4, {127, 0, 0, 1}};
	struct wire_session session;

	if (asked_count(answerer) == 0)
		return;
	session = last_asked(answerer);
	if (session.type == WIRE_CLOSE)
		return;
	ck_assert_str_eq(session.user, USER);
	ck_assert_uint_eq(session.uid, 0);
	ck_assert(address_equal(&session.client, &expected));
}

static const int errors[] = {
	EINTR, EAGAIN, ENOMEM, EMFILE, EIO, EACCES, EPIPE, ECONNRESET, ENOSYS, EINVAL};

/* Of as many calls as there are if nothing fails, and then until a run makes fewer. */
static void sweep(
	const struct scenario *scenario, const struct answerer *answerer, unsigned int calls)
{
	injection->nth = 0;
	do {
		injection->nth++;
		run(scenario);
		check_asked(answerer);
	} while (injection->nth <= calls || atomic_load(&injection->calls) >= injection->nth);
}

START_TEST(every_system_call)
{
	const struct scenario *scenario = &scenarios[(size_t)_i / ARRAY_LEN(errors)];
	struct answerer answerer = answerer_start(say_done);
	unsigned int calls;

	scenario->arrange();
	injection->error = errors[(size_t)_i % ARRAY_LEN(errors)];
	injection->nth = NONE_FAILS;
	run(scenario);
	ck_assert_uint_eq(asked_count(&answerer), scenario->asked);
	calls = atomic_load(&injection->calls);
	ck_assert_uint_ge(calls, 5);
	for (int i = 0; i < 2; i++) {
		injection->is_lasting = i == 1;
		sweep(scenario, &answerer, calls);
	}
	answerer_stop(&answerer);
}
END_TEST

/* A sanitizer's own calls for memory would be among those that fail. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

static bool is_permitted(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(close(install_filter()) < 0); /* nobody is there to ask */
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	const struct check_test tests[] = {
		LOOP(every_system_call, ARRAY_LEN(scenarios) * ARRAY_LEN(errors))};
	int status;

	if (IS_SANITIZED || !is_permitted())
		return CHECK_SKIP;
	pam_prepare();
	own_log();
	injection = mmap(NULL, sizeof(*injection), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	status = check_status("syscalls", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
