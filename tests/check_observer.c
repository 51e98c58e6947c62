/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <sys/wait.h>

#include "check_kernel.h"
#include "observer.h"
#include "tally.h"

static char folder[] = "/tmp/check_observer.XXXXXX";
static struct config config;
static struct observer *observer;

static const char *path(const char *name)
{
	static char paths[4][CONFIG_PATH_SIZE];
	static size_t next;
	char *text = paths[next++ % 4];

	ck_assert_int_lt(snprintf(text, CONFIG_PATH_SIZE, "%s/%s", folder, name), CONFIG_PATH_SIZE);
	return text;
}

static void install(const char *name)
{
	char command[512];

	snprintf(command, sizeof(command), "cp /bin/true %s", path(name));
	ck_assert_int_eq(system(command), 0);
}

static void begin(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	config_defaults(&config);
	memset(config.gate.servers, 0, sizeof(config.gate.servers));
	strcpy(config.gate.servers[0], path("mosh-server"));
}

static void watch(void)
{
	const char *what;

	ck_assert_int_eq(observer_open(&config, &observer, &what), 0);
	ck_assert(!observer_read_execs(observer));
}

static void finish(void)
{
	char command[128];

	observer_close(observer);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void execute(const char *name)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl(path(name), name, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static bool is_told(void)
{
	struct pollfd now = {.fd = observer_exec_fd(observer), .events = POLLIN};
	bool is_exec = false;

	/* Each call reads a part. */
	while (poll(&now, 1, 0) == 1)
		is_exec = observer_read_execs(observer) || is_exec;
	return is_exec;
}

START_TEST(observer_exec)
{
	begin();
	install("mosh-server");
	watch();
	execute("mosh-server");
	ck_assert(is_told());
	ck_assert(!is_told());
	execute("mosh-server");
	ck_assert(is_told());
	finish();
}
END_TEST

START_TEST(observer_other_files)
{
	begin();
	install("mosh-server");
	install("mosh-server2");
	watch();
	execute("mosh-server2");
	install("other");
	execute("other");
	ck_assert(!is_told());
	finish();
}
END_TEST

/* As a package is upgraded: the new file comes under another name. */
START_TEST(observer_replaced)
{
	begin();
	install("mosh-server");
	watch();
	for (int i = 0; i < 3; i++) {
		install("mosh-server.new");
		ck_assert_int_eq(rename(path("mosh-server.new"), path("mosh-server")), 0);
		ck_assert(!is_told());
		execute("mosh-server");
		ck_assert(is_told());
	}
	finish();
}
END_TEST

START_TEST(observer_removed_and_back)
{
	begin();
	install("mosh-server");
	watch();
	ck_assert_int_eq(unlink(path("mosh-server")), 0);
	ck_assert(!is_told());
	install("mosh-server");
	is_told(); /* cp opens it, too */
	execute("mosh-server");
	ck_assert(is_told());
	finish();
}
END_TEST

START_TEST(observer_program_comes_later)
{
	begin();
	watch();
	install("mosh-server");
	is_told();
	execute("mosh-server");
	ck_assert(is_told());
	finish();
}
END_TEST

/* Two in one folder, and one in a folder that is not there. */
START_TEST(observer_several)
{
	begin();
	install("mosh-server");
	strcpy(config.gate.servers[1], path("gone/mosh-server"));
	strcpy(config.gate.servers[2], path("second"));
	watch();
	install("second");
	is_told();
	execute("second");
	ck_assert(is_told());
	execute("mosh-server");
	ck_assert(is_told());
	finish();
}
END_TEST

/* More notices than the kernel keeps. */
static void overflow(void)
{
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	int most = 0;

	ck_assert_int_eq(fscanf(file, "%d", &most), 1);
	fclose(file);
	install("a");
	watch();
	for (int i = 0; i < most; i++) {
		ck_assert_int_eq(rename(path("a"), path("b")), 0);
		ck_assert_int_eq(rename(path("b"), path("a")), 0);
	}
}

/* More notices than the kernel keeps: nobody knows what they were, so one may have been that. */
START_TEST(observer_overflow)
{
	begin();
	overflow();
	ck_assert(is_told());
	ck_assert(!is_told());
	finish();
}
END_TEST

/* What comes while notices are lost is watched all the same. */
START_TEST(observer_replaced_in_overflow)
{
	begin();
	overflow();
	ck_assert_int_eq(rename(path("a"), path("mosh-server")), 0);
	ck_assert(is_told());
	execute("mosh-server");
	ck_assert(is_told());
	finish();
}
END_TEST

START_TEST(observer_tells_what_is_unwatched)
{
	begin();
	strcpy(config.gate.servers[1], "/bin/true/x");
	watch();
	ck_assert_int_eq(observer_watch_error(observer, 0), -ENOENT);
	ck_assert_int_eq(observer_watch_error(observer, 1), -ENOTDIR);
	ck_assert_int_eq(observer_watch_error(observer, 2), -ENOENT);
	install("mosh-server");
	is_told();
	ck_assert_int_eq(observer_watch_error(observer, 0), 0);
	finish();
}
END_TEST

static void on_ended(uint64_t cookie, void *context)
{
	*(uint64_t *)context = cookie;
}

START_TEST(observer_sees_sockets)
{
	struct udp_sockets sockets = {0};
	uint64_t cookie, ended = 0;
	int fd;

	kernel_fresh();
	begin();
	watch();
	fd = kernel_udp(SERVER4, 60001);
	cookie = kernel_cookie(fd);
	ck_assert_int_eq(observer_sockets(observer, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, 1);
	ck_assert_uint_eq(sockets.items[0].cookie, cookie);
	free(sockets.items);
	close(fd);
	ck_assert(kernel_is_readable(observer_ended_fd(observer)));
	ck_assert_int_eq(observer_read_ended(observer, on_ended, &ended), 0);
	ck_assert_uint_eq(ended, cookie);
	finish();
}
END_TEST

START_TEST(observer_sees_processes)
{
	struct mosh_processes processes = {0};
	struct process process = {.cgroup = 1};
	struct tally uids = {0};

	begin();
	strcpy(config.gate.servers[0], "/x/check_observer");
	watch();
	ck_assert_int_eq(observer_process(observer, getpid(), &process), 0);
	ck_assert_uint_eq(process.cgroup, kernel_own_cgroup());
	ck_assert_uint_gt(process.start, 0);
	/* The test's own parent is of that name, too, and it alone counts. */
	tally_add(&uids, geteuid(), 0, 1);
	ck_assert_int_eq(observer_processes(observer, &uids, &processes), 0);
	tally_clear(&uids);
	ck_assert_uint_ge(processes.count, 1);
	free(processes.items);
	finish();
}
END_TEST

CHECK_KERNEL_MAIN("observer", TEST(observer_exec), TEST(observer_other_files),
	TEST(observer_replaced), TEST(observer_removed_and_back),
	TEST(observer_program_comes_later), TEST(observer_several), TEST(observer_overflow),
	TEST(observer_replaced_in_overflow), TEST(observer_tells_what_is_unwatched),
	TEST(observer_sees_sockets), TEST(observer_sees_processes))
