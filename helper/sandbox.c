/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <asm/termbits.h> /* struct termios, which TCGETS wants on POWER */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "fd.h"
#include "sandbox.h"

/* Older headers lack what later kernels know. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL               (1ULL << 1)
#endif

/* As struct landlock_ruleset_attr in the sixth version. */
struct ruleset_attributes {
	uint64_t files, network, scoped;
};

/* Every right but reading; the later ones by the version of Landlock that has them. */
#define HANDLED_1                                                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
		LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                   \
		LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                       \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                       \
		LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                     \
		LANDLOCK_ACCESS_FS_MAKE_SYM)
#define HANDLED_2 (HANDLED_1 | LANDLOCK_ACCESS_FS_REFER)
#define HANDLED_3 (HANDLED_2 | LANDLOCK_ACCESS_FS_TRUNCATE)
#define HANDLED_5 (HANDLED_3 | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define ALLOWED                                                                                    \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                     \
		LANDLOCK_ACCESS_FS_TRUNCATE)

/* Of sockets that somebody passes: the helper has none. */
#define NETWORK (LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP)
#define SCOPED  (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL)

/* By version; all else is as it was. The kernel refuses attributes that it does not know. */
static const struct {
	long version;
	struct ruleset_attributes attributes;
	size_t size;
} versions[] = {
	{6, {HANDLED_5, NETWORK, SCOPED}, sizeof(struct ruleset_attributes)},
	{5, {HANDLED_5, NETWORK, 0}, offsetof(struct ruleset_attributes, scoped)},
	{4, {HANDLED_3, NETWORK, 0}, offsetof(struct ruleset_attributes, scoped)},
	{3, {HANDLED_3, 0, 0}, offsetof(struct ruleset_attributes, network)},
	{2, {HANDLED_2, 0, 0}, offsetof(struct ruleset_attributes, network)},
	{1, {HANDLED_1, 0, 0}, offsetof(struct ruleset_attributes, network)},
};

/* What is handled, in *files; the ruleset, or -errno. */
static int create_ruleset(const struct sandbox_files *rules, uint64_t *files)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset_attributes attributes;
	size_t i = 0;
	int ruleset;

	if (version < 0 && errno != ENOSYS && errno != EOPNOTSUPP)
		return -errno;
	if (version < 1)
		return -EOPNOTSUPP;
	while (versions[i].version > version)
		i++;
	attributes = versions[i].attributes;
	if (rules->is_abstract_needed)
		attributes.scoped &= ~LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, versions[i].size, 0);
	*files = attributes.files;
	return ruleset < 0 ? -errno : ruleset;
}

static int allow_folder(int ruleset, const char *path, uint64_t allowed)
{
	auto_fd int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = allowed, .parent_fd = folder};

	if (folder < 0 ||
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return -errno;
	return 0;
}

static int allow_folders(int ruleset, const char *const *paths, uint64_t allowed)
{
	int error = 0;

	for (; *paths && error == 0; paths++)
		error = allow_folder(ruleset, *paths, allowed);
	return error;
}

int sandbox_files(const struct sandbox_files *rules)
{
	uint64_t handled = 0;
	auto_fd int ruleset = create_ruleset(rules, &handled);
	int error;

	if (ruleset < 0)
		return ruleset;
	error = allow_folders(ruleset, rules->written, ALLOWED & handled);
	if (error == 0)
		error = allow_folders(ruleset, rules->emptied, LANDLOCK_ACCESS_FS_REMOVE_FILE);
	if (error < 0)
		return error;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

/* Hard and soft ones, since nobody may raise them again. */
int sandbox_limits(void)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_DATA, SANDBOX_MEMORY},
		{RLIMIT_NOFILE, SANDBOX_DESCRIPTORS}};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;

		if (getrlimit(limits[i].resource, &limit) < 0)
			return -errno;
		if (limit.rlim_max > limits[i].most)
			limit.rlim_max = limits[i].most;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(limits[i].resource, &limit) < 0)
			return -errno;
	}
	return 0;
}

/* Grouped by what needs them. C libraries differ in which of several calls they use. */
static const int calls[] = {
	/* waiting, and time */
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), /* libevent 2.2 */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_create), /* libevent, once epoll_create1() has failed */
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_settime64),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(ppoll_time64),
	SCMP_SYS(select),
	SCMP_SYS(_newselect),
	SCMP_SYS(pselect6),
	SCMP_SYS(pselect6_time64),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(nanosleep), /* musl's nanosleep() */
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(eventfd2),
	/* libevent's way for signals: the second and third once the one before has failed */
	SCMP_SYS(pipe2),
	SCMP_SYS(pipe),
	/* the two sockets, netlink, syslog, the journal, the service manager */
	SCMP_SYS(socketcall), /* some libcs' for all of them; no filter sees what it is asked */
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(getsockname),
	SCMP_SYS(recv), /* some libcs' recv(), and below send() */
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(send),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	/* a new observer, when the configuration changes */
	SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_add_watch),
	/* /proc, the configuration, the logins; what may be written is Landlock's to say */
	SCMP_SYS(close),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(stat),
	SCMP_SYS(stat64),
	SCMP_SYS(lstat),
	SCMP_SYS(lstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(getdents),
	SCMP_SYS(getdents64),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3), /* dup2() where there is no such call */
	SCMP_SYS(renameat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	/* libnftables looks below /proc for who owns a table */
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	/* memory */
	SCMP_SYS(brk),
#ifdef __s390x__
	SCMP_SYS(mmap), /* its arguments are in memory, where no filter sees them */
#endif
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	/* itself */
	SCMP_SYS(getpid),
	/* libevent, before it believes the environment */
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getuid32), /* these four: 32-bit libcs, whose others are of 16 bits */
	SCMP_SYS(geteuid32),
	SCMP_SYS(getgid32),
	SCMP_SYS(getegid32),
	SCMP_SYS(getrlimit),  /* where prlimit64() is not the call for it */
	SCMP_SYS(ugetrlimit), /* the same on 32-bit processors */
	SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo), /* glibc's qsort(): how much memory there is */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* clang-format off */
#define IS(arg, value)     {arg, SCMP_CMP_EQ, value, 0}
#define HAS_NOT(arg, flag) {arg, SCMP_CMP_MASKED_EQ, flag, 0}
#define IS_KIND(arg, kind) {arg, SCMP_CMP_MASKED_EQ, 0xf, kind} /* of socket, its flags aside */
/* clang-format on */

#define CREATES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))
#define AS_ROOT 07000 /* set-user-ID, set-group-ID, sticky */

/* Calls of which only some arguments are wanted: all of the comparisons hold. */
static const struct {
	int call;
	unsigned int count;
	struct scmp_arg_cmp comparisons[2];
} conditional[] = {
	/* syslog, the journal, the service manager; glibc's syslog() changes to a stream where
	 * /dev/log is one */
	{SCMP_SYS(socket), 2, {IS(0, AF_UNIX), IS_KIND(1, SOCK_DGRAM)}},
	{SCMP_SYS(socket), 2, {IS(0, AF_UNIX), IS_KIND(1, SOCK_STREAM)}},
	/* libevent's last way for signals */
	{SCMP_SYS(socketpair), 1, {IS(0, AF_UNIX)}},
	{SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_NETFILTER)}},
	{SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_SOCK_DIAG)}},
	/* libnftables asks for interfaces' names, and ends the process if it cannot, as soon as it
	 * lists somebody's rule with iif or oif */
	{SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)}},
	/* netlink's sockets alone, and of those what they are set to */
	{SCMP_SYS(getsockopt), 1, {IS(1, SOL_SOCKET)}},
	{SCMP_SYS(setsockopt), 1, {IS(1, SOL_NETLINK)}},
	{SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_ATTACH_FILTER)}},
	{SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_RCVBUFFORCE)}},
	{SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_SNDBUFFORCE)}},
	{SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)}},
	{SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)}},
	/* processes that log in: held, never touched */
	{SCMP_SYS(pidfd_open), 1, {IS(1, 0)}},
	/* no file that makes somebody else of who runs it; who makes none may say any mode */
	{SCMP_SYS(openat), 1, {HAS_NOT(2, CREATES)}},
	{SCMP_SYS(openat), 1, {HAS_NOT(3, AS_ROOT)}},
	{SCMP_SYS(open), 1, {HAS_NOT(1, CREATES)}},
	{SCMP_SYS(open), 1, {HAS_NOT(2, AS_ROOT)}},
	{SCMP_SYS(mkdirat), 1, {HAS_NOT(2, AS_ROOT)}},
	/* nor devices: RENAME_WHITEOUT makes one */
	{SCMP_SYS(renameat2), 1, {IS(4, 0)}},
	/* libevent asks how much there is to read */
	{SCMP_SYS(ioctl), 1, {IS(1, FIONREAD)}},
	/* and stdio, of what is no file (/dev/null), whether it is a terminal */
	{SCMP_SYS(ioctl), 1, {IS(1, TCGETS)}},
#ifdef TCGETS2
	{SCMP_SYS(ioctl), 1, {IS(1, TCGETS2)}}, /* glibc 2.42's way */
#endif
	{SCMP_SYS(ioctl), 1, {IS(1, TIOCGWINSZ)}}, /* musl's */
	/* nothing that has signals sent */
	{SCMP_SYS(fcntl), 1, {IS(1, F_GETFD)}},
	{SCMP_SYS(fcntl), 1, {IS(1, F_SETFD)}},
	{SCMP_SYS(fcntl), 1, {IS(1, F_GETFL)}},
	{SCMP_SYS(fcntl), 2, {IS(1, F_SETFL), HAS_NOT(2, O_ASYNC)}},
	{SCMP_SYS(fcntl64), 1, {IS(1, F_GETFD)}},
	{SCMP_SYS(fcntl64), 1, {IS(1, F_SETFD)}},
	{SCMP_SYS(fcntl64), 1, {IS(1, F_GETFL)}},
	{SCMP_SYS(fcntl64), 2, {IS(1, F_SETFL), HAS_NOT(2, O_ASYNC)}},
	/* no memory that can be executed, or that its limit does not count; where there is mmap2(),
	 * mmap() is one that has its arguments in memory, and that nothing calls */
	{SCMP_SYS(mprotect), 1, {HAS_NOT(2, PROT_EXEC)}},
#ifdef SYS_mmap2
	{SCMP_SYS(mmap2), 2, {HAS_NOT(2, PROT_EXEC), HAS_NOT(3, MAP_SHARED)}},
#elif !defined(__s390x__)
	{SCMP_SYS(mmap), 2, {HAS_NOT(2, PROT_EXEC), HAS_NOT(3, MAP_SHARED)}},
#endif
	/* limits may be read, not set */
	{SCMP_SYS(prlimit64), 1, {IS(2, 0)}},
};

static int add_conditional(scmp_filter_ctx filter)
{
	int result = 0;

	for (size_t i = 0; i < sizeof(conditional) / sizeof(conditional[0]) && result == 0; i++)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, conditional[i].call,
			conditional[i].count, conditional[i].comparisons);
	return result;
}

int sandbox_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = 0;

	if (!filter)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && result == 0; i++)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i], 0, NULL);
	if (result == 0)
		result = add_conditional(filter);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result;
}
