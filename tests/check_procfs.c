/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "check_kernel.h"
#include "check_limit.h"
#include "clock.h"
#include "procfs.h"
#include "tally.h"

#define NOBODY 65534

static struct procfs *procfs;

static void begin(void)
{
	ck_assert_int_eq(procfs_open(&procfs), 0);
	procfs_add_program(procfs, "/opt/very-long-mosh-server");
	procfs_add_program(procfs, "/opt/m) Z 1 (x");
}

static void finish(void)
{
	procfs_close(procfs);
}

/* Never comes back; tells over ready that it has its name now. */
_Noreturn static void be(const char *name, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* A child of that name; as any program that was executed, it is its user's own in /proc. */
static pid_t start_as(const char *name, uid_t real, uid_t effective)
{
	int ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (setresuid(real, effective, effective) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
			_exit(1);
		be(name, ends[1]);
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

static pid_t start(const char *name)
{
	return start_as(name, geteuid(), geteuid());
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static int walk(uint32_t uid, struct mosh_processes *processes)
{
	struct tally uids = {0};
	int error;

	tally_add(&uids, uid, 0, 1);
	error = procfs_mosh_processes(procfs, &uids, processes);
	tally_clear(&uids);
	return error;
}

/* Others' may be there too: is that one among the uid's? */
static const struct mosh_process *find(uint32_t uid, pid_t pid)
{
	static struct mosh_process found;
	struct mosh_processes processes = {0};
	size_t times = 0;

	ck_assert_int_eq(walk(uid, &processes), 0);
	for (size_t i = 0; i < processes.count; i++) {
		ck_assert_uint_eq(processes.items[i].uid, uid);
		if (processes.items[i].pid != pid)
			continue;
		found = processes.items[i];
		times++;
	}
	free(processes.items);
	ck_assert_uint_le(times, 1);
	return times ? &found : NULL;
}

/* What runs with its file's owner's rights is not that owner's doing. */
START_TEST(procfs_not_set_user_id)
{
	pid_t pid, others;

	if (geteuid() != 0)
		return;
	begin();
	pid = start_as("mosh-server", NOBODY, 0);
	others = start_as("mosh-server", 0, NOBODY);
	ck_assert_ptr_null(find(0, pid));
	ck_assert_ptr_null(find(NOBODY, pid));
	ck_assert_ptr_null(find(NOBODY, others));
	stop(pid);
	stop(others);
	finish();
}
END_TEST

static const struct {
	const char *name;
	bool is_mosh;
} names[] = {
	{"mosh-server", true},
	{"mosh-serve", false},
	{"mosh-server2", false},
	{"mosh server", false},
	{"very-long-mosh-", true}, /* all that the kernel keeps of it */
	{"very-long-mosh", false},
	{"m) Z 1 (x", true},
	{"cat", false},
};

START_TEST(procfs_by_name)
{
	pid_t pid;

	begin();
	pid = start(names[_i].name);
	ck_assert_int_eq(find(geteuid(), pid) != NULL, names[_i].is_mosh);
	stop(pid);
	ck_assert_ptr_null(find(geteuid(), pid));
	finish();
}
END_TEST

/* The first one forks, says its child's number, and may go on. */
static pid_t start_pair(const char *name, const char *child_name, pid_t *child)
{
	int ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		pid_t forked = fork();

		if (forked == 0) {
			prctl(PR_SET_NAME, child_name);
			for (;;)
				pause();
		}
		if (write(ends[1], &forked, sizeof(forked)) != sizeof(forked))
			_exit(1);
		be(name, ends[1]);
	}
	ck_assert_int_eq(read(ends[0], child, sizeof(*child)), sizeof(*child));
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

/* It counts once while it detaches, and so does its shell's start; what is left counts. */
START_TEST(procfs_child_does_not_count)
{
	pid_t child, pid;

	begin();
	pid = start_pair("mosh-server", "mosh-server", &child);
	ck_assert_ptr_nonnull(find(geteuid(), pid));
	ck_assert_ptr_null(find(geteuid(), child));
	stop(pid);
	for (int ms = 0; !find(geteuid(), child) && ms < 5000; ms++)
		poll(NULL, 0, 1);
	ck_assert_ptr_nonnull(find(geteuid(), child));
	stop(child);
	finish();
}
END_TEST

START_TEST(procfs_other_parent)
{
	pid_t child, pid;

	begin();
	pid = start_pair("mosh-server ", "mosh-server", &child);
	for (int ms = 0; !find(geteuid(), child) && ms < 5000; ms++)
		poll(NULL, 0, 1);
	ck_assert_ptr_nonnull(find(geteuid(), child));
	ck_assert_ptr_null(find(geteuid(), pid));
	stop(pid);
	stop(child);
	finish();
}
END_TEST

/* A process that cannot be looked at for now is not taken for none. */
START_TEST(procfs_out_of_descriptors)
{
	struct mosh_processes processes = {0};
	pid_t pid;

	begin();
	pid = start("mosh-server");
	limit_descriptors(0);
	ck_assert_int_eq(walk(geteuid(), &processes), -EMFILE);
	limit_lift();
	ck_assert_ptr_nonnull(find(geteuid(), pid));
	free(processes.items);
	stop(pid);
	finish();
}
END_TEST

START_TEST(procfs_zombie)
{
	siginfo_t info;
	pid_t pid;

	begin();
	pid = start("mosh-server");
	ck_assert_ptr_nonnull(find(geteuid(), pid));
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_ptr_null(find(geteuid(), pid));
	stop(pid);
	finish();
}
END_TEST

START_TEST(procfs_other_uid)
{
	pid_t pid;

	begin();
	pid = start("mosh-server");
	ck_assert_ptr_null(find(geteuid() + 1, pid));
	stop(pid);
	finish();
}
END_TEST

/* Root alone can be two users. */
START_TEST(procfs_of_another)
{
	pid_t pid;

	begin();
	pid = start_as("mosh-server", NOBODY, NOBODY);
	ck_assert_ptr_nonnull(find(NOBODY, pid));
	ck_assert_ptr_null(find(0, pid));
	stop(pid);
	finish();
}
END_TEST

START_TEST(procfs_tells_cgroup_and_session)
{
	const struct mosh_process *found;
	unsigned long session = AUDIT_SESSION_NONE;
	struct process own;
	FILE *file = fopen("/proc/self/sessionid", "re");
	pid_t pid;

	if (file && fscanf(file, "%lu", &session) != 1)
		session = AUDIT_SESSION_NONE;
	if (file)
		fclose(file);
	begin();
	pid = start("mosh-server");
	found = find(geteuid(), pid);
	ck_assert_uint_eq(found->cgroup, kernel_own_cgroup());
	ck_assert_uint_eq(found->session, session);
	ck_assert_int_eq(procfs_process(procfs, getpid(), &own), 0);
	ck_assert_uint_eq(own.cgroup, kernel_own_cgroup());
	ck_assert_uint_eq(own.session, session);
	stop(pid);
	finish();
}
END_TEST

static bool is_in_cgroup(uint32_t uid, pid_t pid)
{
	struct mosh_processes processes = {0};
	struct tally uids = {0};
	bool is_found = false;

	tally_add(&uids, uid, 0, 1);
	ck_assert_int_eq(
		procfs_cgroup_processes(procfs, getpid(), kernel_own_cgroup(), &uids, &processes),
		0);
	for (size_t i = 0; i < processes.count; i++) {
		ck_assert_uint_eq(processes.items[i].cgroup, kernel_own_cgroup());
		is_found |= processes.items[i].pid == pid;
	}
	tally_clear(&uids);
	free(processes.items);
	return is_found;
}

/* Those of one cgroup, by the same rules; where there is none to see, that is said. */
START_TEST(procfs_of_cgroup)
{
	uint64_t own = kernel_own_cgroup();
	struct mosh_processes none = {0};
	struct tally uids = {0};
	pid_t pid, other;

	begin();
	ck_assert_int_eq(procfs_cgroup_processes(procfs, getpid(), own + 1, &uids, &none), -ESTALE);
	if (own != 0) {
		pid = start("mosh-server");
		other = start("mosh");
		ck_assert(is_in_cgroup(geteuid(), pid));
		ck_assert(!is_in_cgroup(geteuid(), other));
		ck_assert(!is_in_cgroup(geteuid() + 1, pid));
		stop(pid);
		ck_assert(!is_in_cgroup(geteuid(), pid));
		ck_assert_int_eq(procfs_cgroup_processes(procfs, pid, own, &uids, &none), -ESTALE);
		stop(other);
	}
	ck_assert_uint_eq(none.count, 0);
	finish();
}
END_TEST

/* The kernel counts in ticks of 10 ms, since boot. */
START_TEST(procfs_tells_start)
{
	uint64_t before_ms = clock_boot_ms(), started_ms;
	struct process process, later;
	pid_t pid, second;

	begin();
	pid = start("mosh-server");
	started_ms = find(geteuid(), pid)->start_ms;
	ck_assert_uint_ge(started_ms + 10, before_ms);
	ck_assert_uint_le(started_ms, clock_boot_ms());
	ck_assert_int_eq(procfs_process(procfs, pid, &process), 0);
	ck_assert_uint_eq(process.start, started_ms * (uint64_t)sysconf(_SC_CLK_TCK) / 1000);
	ck_assert_uint_eq(process.cgroup, kernel_own_cgroup());
	poll(NULL, 0, 20); /* until the clock has gone on, not for anybody */
	second = start("mosh-server");
	ck_assert_int_eq(procfs_process(procfs, second, &later), 0);
	ck_assert_uint_gt(later.start, process.start);
	stop(second);
	stop(pid);
	ck_assert_int_lt(procfs_process(procfs, pid, &process), 0);
	finish();
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {
		TEST(procfs_not_set_user_id),
		LOOP(procfs_by_name, ARRAY_LEN(names)),
		TEST(procfs_child_does_not_count),
		TEST(procfs_other_parent),
		TEST(procfs_zombie),
		TEST(procfs_out_of_descriptors),
		TEST(procfs_other_uid),
		TEST(procfs_tells_cgroup_and_session),
		TEST(procfs_of_cgroup),
		TEST(procfs_tells_start),
		TEST(procfs_of_another),
	};

	/* The last one wants root. */
	return check_status("procfs", tests, ARRAY_LEN(tests) - (geteuid() != 0));
}
