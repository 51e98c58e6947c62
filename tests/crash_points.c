/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash_points FILE PROGRAM [ARGUMENT...]
 *
 * Runs a program that is killed (SIGKILL) just before a system call of its that changes something
 * outside of it: while FILE is there, before the first such call that does not stand in it. That
 * one is added: run again and again with the same FILE, a program dies at each of its calls, once
 * at each, until it comes through. A point is a call with its path or its text, as far as that is
 * the same each time, and its number among those that look the same, counted from when FILE came.
 *
 * What changes nothing outside is no point. Whoever is killed between two such calls leaves behind
 * what one does who is killed at the next point: all others go on as they would have, and who had
 * asked sees the connection end, whether the request had been read or not. So all calls are points
 * but those in `inward`, which read, or change what goes with the process, and questions to
 * netlink. A call that is new in the program is a point by itself.
 *
 * The kernel asks about each call before it makes it (seccomp's user notification), so this sees
 * what the C library and others do by themselves, the helper's sandbox stays as it is, and the
 * helper itself is the process that was started: what asks is its grandchild, soon nobody's.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <seccomp.h>

#define WHAT_SIZE 128

/* They read, wait, or change what ends with the process: its memory, descriptors, rights, sockets
 * without a name. accept4 and the reads take what the other end has sent; it learns of that by an
 * answer alone. */
static const int inward[] = {SCMP_SYS(accept4), SCMP_SYS(access), SCMP_SYS(arch_prctl),
	SCMP_SYS(brk), SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(close), SCMP_SYS(connect), SCMP_SYS(dup),
	SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2),
	SCMP_SYS(execve), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fstatfs),
	SCMP_SYS(futex), SCMP_SYS(getdents64), SCMP_SYS(getegid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom),
	SCMP_SYS(getrlimit), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(gettid),
	SCMP_SYS(getuid), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_rm_watch), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_create_ruleset),
	SCMP_SYS(landlock_restrict_self), SCMP_SYS(listen), SCMP_SYS(lseek), SCMP_SYS(madvise),
	SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(munmap),
	SCMP_SYS(newfstatat), SCMP_SYS(pidfd_open), SCMP_SYS(pipe2), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(prctl), SCMP_SYS(pread64), SCMP_SYS(prlimit64),
	SCMP_SYS(pselect6), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(readv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setscheduler), SCMP_SYS(seccomp), SCMP_SYS(select),
	SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address), SCMP_SYS(setgid), SCMP_SYS(setgroups),
	SCMP_SYS(setpriority), SCMP_SYS(setregid), SCMP_SYS(setresgid), SCMP_SYS(setresuid),
	SCMP_SYS(setreuid), SCMP_SYS(setrlimit), SCMP_SYS(setsockopt), SCMP_SYS(setuid),
	SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(stat), SCMP_SYS(statx), SCMP_SYS(sysinfo),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime),
	SCMP_SYS(umask), SCMP_SYS(uname)};

struct watched {
	const char *file;
	pid_t pid;
	int pidfd;
	struct {
		char what[WHAT_SIZE];
		unsigned int count;
	} seen[256]; /* since the file came */
};

/* --- what the program is about to do --- */

/* Of its memory, as much as there is. */
static size_t look(const struct watched *watched, uint64_t at, void *to, size_t size)
{
	const struct iovec local = {to, size}, remote = {(void *)(uintptr_t)at, size};
	ssize_t length = process_vm_readv(watched->pid, &local, 1, &remote, 1, 0);

	return length < 0 ? 0 : (size_t)length;
}

/* Where an address is that something goes to, and text or a message; 0 if nowhere. */
struct places {
	uint64_t address, text;
	size_t length;
	bool is_netlink;
};

static void find_first(const struct watched *watched, uint64_t vector, struct places *places)
{
	struct iovec first = {0};

	look(watched, vector, &first, sizeof(first));
	places->text = (uintptr_t)first.iov_base;
	places->length = first.iov_len;
}

static struct places find(const struct watched *watched, const struct seccomp_data *call)
{
	struct places places = {0};
	struct msghdr head = {0};
	sa_family_t family = AF_UNSPEC;

	switch (call->nr) {
	case SCMP_SYS(bind):
		places.address = call->args[1];
		break;
	case SCMP_SYS(sendto):
		places = (struct places){call->args[4], call->args[1], call->args[2], false};
		break;
	case SCMP_SYS(sendmsg):
		look(watched, call->args[1], &head, sizeof(head));
		find_first(watched, (uintptr_t)head.msg_iov, &places);
		places.address = (uintptr_t)head.msg_name;
		break;
	case SCMP_SYS(write):
		places = (struct places){0, call->args[1], call->args[2], false};
		break;
	case SCMP_SYS(writev):
		find_first(watched, call->args[1], &places);
		break;
	case SCMP_SYS(openat):
	case SCMP_SYS(renameat):
	case SCMP_SYS(renameat2):
	case SCMP_SYS(unlinkat):
	case SCMP_SYS(mkdirat):
		places = (struct places){0, call->args[1], WHAT_SIZE, false};
		break;
	default: /* most have a path, if anything */
		places = (struct places){0, call->args[0], WHAT_SIZE, false};
	}
	look(watched, places.address, &family, sizeof(family));
	places.is_netlink = family == AF_NETLINK;
	return places;
}

/* A question to the kernel, or a socket of one's own for such, changes nothing; what changes the
 * ruleset is a batch. */
static bool is_inward(const struct watched *watched, const struct places *places)
{
	static const int questions[] = {SOCK_DIAG_BY_FAMILY, RTM_GETLINK,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSET,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ,
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETFLOWTABLE};
	struct nlmsghdr head = {0};

	if (!places->is_netlink || places->text == 0)
		return places->is_netlink;
	look(watched, places->text, &head, sizeof(head));
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (questions[i] == head.nlmsg_type)
			return true;
	return false;
}

/* Process numbers, times and the like are another each time, and are to be the same. */
static void describe(const struct watched *watched, const struct places *places, char *text)
{
	char bytes[WHAT_SIZE] = "";
	size_t length = places->length < sizeof(bytes) ? places->length : sizeof(bytes);
	bool is_number = false;

	if (places->is_netlink)
		strcpy(bytes, "netlink");
	else
		length = look(watched, places->text, bytes, length);
	for (size_t i = 0; i < length && bytes[i] >= ' ' && bytes[i] <= '~'; i++) {
		bool was_number = is_number;

		is_number = bytes[i] >= '0' && bytes[i] <= '9';
		if (!is_number)
			*text++ = bytes[i];
		else if (!was_number)
			*text++ = '#';
	}
	*text = '\0';
}

/* --- whether it is killed --- */

static unsigned int count(struct watched *watched, const char *what)
{
	for (size_t i = 0; i < sizeof(watched->seen) / sizeof(watched->seen[0]); i++) {
		if (watched->seen[i].count == 0)
			strcpy(watched->seen[i].what, what);
		if (strcmp(watched->seen[i].what, what) == 0)
			return ++watched->seen[i].count;
	}
	errx(1, "more kinds of calls than expected");
}

static bool stands_in(FILE *file, const char *point)
{
	char line[2 * WHAT_SIZE];

	while (fgets(line, sizeof(line), file))
		if (strcmp(line, point) == 0)
			return true;
	return false;
}

/* A line that is not in the file yet is added. */
static bool is_new(FILE *file, struct watched *watched, const char *what)
{
	char point[WHAT_SIZE + 16];

	snprintf(point, sizeof(point), "%s %u\n", what, count(watched, what));
	if (stands_in(file, point))
		return false;
	fputs(point, file);
	return true;
}

static bool is_to_die(struct watched *watched, const struct seccomp_data *call)
{
	struct places places = find(watched, call);
	char text[WHAT_SIZE + 1], what[WHAT_SIZE], *name;
	bool dies;
	FILE *file;

	if (is_inward(watched, &places))
		return false;
	file = fopen(watched->file, "r+e");
	if (!file) {
		memset(watched->seen, 0, sizeof(watched->seen));
		return false;
	}
	describe(watched, &places, text);
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call->nr);
	snprintf(what, sizeof(what), "%s(%.64s)", name, text);
	free(name);
	dies = is_new(file, watched, what);
	fclose(file);
	return dies;
}

static void watch(struct watched *watched, int listener)
{
	struct pollfd wait[] = {
		{.fd = watched->pidfd, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	struct seccomp_notif *call;
	struct seccomp_notif_resp *answer;

	if (seccomp_notify_alloc(&call, &answer) < 0)
		err(1, "seccomp");
	for (;;) {
		if (poll(wait, 2, -1) < 0 || (wait[0].revents & POLLIN))
			return;
		memset(call, 0, sizeof(*call));
		if (seccomp_notify_receive(listener, call) < 0)
			continue; /* it was killed by somebody else */
		if (is_to_die(watched, &call->data)) {
			kill(watched->pid, SIGKILL);
			return;
		}
		*answer = (struct seccomp_notif_resp){
			.id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
		seccomp_notify_respond(listener, answer);
	}
}

/* --- beginning --- */

/* Opening changes nothing unless it creates or empties; nor do two questions of libevent and stdio.
 */
static const struct {
	int call;
	struct scmp_arg_cmp comparison;
} conditional[] = {
	{SCMP_SYS(openat), {2, SCMP_CMP_MASKED_EQ, O_CREAT | O_TRUNC, 0}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, FIONREAD, 0}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TCGETS, 0}},
};

/* Has the kernel ask from now on; the descriptor on which it does. */
static int ask(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_NOTIFY);
	int result = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) : -ENOMEM;

	for (size_t i = 0; i < sizeof(inward) / sizeof(inward[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, inward[i], 0);
	for (size_t i = 0; i < sizeof(conditional) / sizeof(conditional[0]) && result == 0; i++)
		result = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, conditional[i].call, 1, conditional[i].comparison);
	if (result == 0)
		result = seccomp_load(filter);
	if (result < 0) {
		errno = -result;
		err(1, "seccomp");
	}
	return seccomp_notify_fd(filter);
}

/* The process that asks. It takes the descriptor when the other has it, and says so: each by
 * closing a pipe. */
static void stand_by(struct watched *watched, const int *listener, int theirs, int ours)
{
	char none;
	int fd;

	if (fork() != 0)
		_exit(0);
	watched->pidfd = (int)syscall(SYS_pidfd_open, watched->pid, 0);
	if (read(theirs, &none, 1) != 0)
		err(1, "pipe");
	fd = (int)syscall(SYS_pidfd_getfd, watched->pidfd, *listener, 0);
	if (fd < 0)
		err(1, "pidfd_getfd");
	close(ours);
	watch(watched, fd);
	exit(0);
}

int main(int argc, char **argv)
{
	struct watched watched = {.pid = getpid()};
	int *listener =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int has[2], taken[2];
	pid_t child;
	char none;

	if (argc < 3 || listener == MAP_FAILED || pipe2(has, O_CLOEXEC) < 0 ||
		pipe2(taken, O_CLOEXEC) < 0)
		errx(2, "usage: crash_points FILE PROGRAM [ARGUMENT...]");
	watched.file = argv[1];
	child = fork();
	if (child == 0) {
		close(has[1]);
		close(taken[0]);
		stand_by(&watched, listener, has[0], taken[1]);
	}
	close(taken[1]);
	waitpid(child, NULL, 0);
	*listener = ask();
	close(has[1]);
	if (read(taken[0], &none, 1) != 0)
		err(1, "pipe");
	execv(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}
