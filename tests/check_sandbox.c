/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <asm/termbits.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <seccomp.h>

#include "check_filter.h"
#include "check_main.h"
#include "journal.h"
#include "sandbox.h"
#include "sockdiag.h"
#include "state.h"

#define NOBODY 65534

/* What a child ends with: what it asked for is so, or is not; or it could not be shut in. */
enum end { END_YES = 10, END_NO, END_NO_LANDLOCK, END_FAILED };

static char folder[CHECK_FOLDER_SIZE];    /* the program's */
static char path[CHECK_FOLDER_SIZE + 16]; /* the test's own */
static int journald;                      /* a socket beside it, where nothing may be written */

/* As _exit(), in front of which AddressSanitizer would make a call that is not allowed. */
static void end_child(int end)
{
	syscall(SYS_exit_group, end);
}

/* Shuts a child in and asks it; nothing of the test's own runs in it, and it leaves no core. */
static int in_child(int (*shut_in)(void), int (*ask)(int), int i)
{
	const struct rlimit none = {0, 0};
	pid_t pid = fork();
	int status = END_FAILED << 8; /* without a child */

	if (pid == 0) {
		int end = setrlimit(RLIMIT_CORE, &none) < 0 ? END_FAILED : shut_in();

		end_child(end == END_YES ? ask(i) : end);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void assert_yes(int status, const char *what)
{
	ck_assert_msg(WIFEXITED(status), "%s: signal %d", what, WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == END_YES, "%s: %d", what, WEXITSTATUS(status));
}

static int shut_calls(void)
{
	return sandbox_calls() == 0 ? END_YES : END_FAILED;
}

/* For one that is to die: a program would get its core, whatever the limit. */
static int shut_deadly(void)
{
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? END_FAILED : shut_calls();
}

/* The call for mmap() whose arguments a filter sees: not s390x's. */
#ifdef SYS_mmap2
#define MAPPING SYS_mmap2
#elif !defined(__s390x__)
#define MAPPING SYS_mmap
#endif

/* Arguments with which nothing comes of a call that is let through. */
static const struct {
	const char *name;
	long number, arguments[4];
} deadly[] = {
	/* programs and processes */
	{"execve", SYS_execve, {0}},
	{"execveat", SYS_execveat, {-1}},
	{"clone", SYS_clone, {SIGCHLD}},
	{"clone3", SYS_clone3, {0}},
#ifdef SYS_fork
	{"fork", SYS_fork, {0}},
#endif
	{"kill", SYS_kill, {0, 0}},
	{"tkill", SYS_tkill, {-1}},
	{"tgkill", SYS_tgkill, {-1, -1}},
	{"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {-1}},
	{"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, {-1}},
	{"timer_create", SYS_timer_create, {-1}},
	{"pidfd_send_signal", SYS_pidfd_send_signal, {-1}},
	{"pidfd_getfd", SYS_pidfd_getfd, {-1}},
	{"pidfd_open of a thread", SYS_pidfd_open, {0, O_EXCL}},
	{"ptrace", SYS_ptrace, {-1}},
	{"process_vm_readv", SYS_process_vm_readv, {-1}},
	{"process_vm_writev", SYS_process_vm_writev, {-1}},
	{"process_madvise", SYS_process_madvise, {-1}},
	{"kcmp", SYS_kcmp, {-1, -1, -1}},
	{"setpriority", SYS_setpriority, {-1}},
	{"sched_setscheduler", SYS_sched_setscheduler, {-1}},
	{"sched_setattr", SYS_sched_setattr, {-1}},
	{"setrlimit", SYS_setrlimit, {-1}},
	{"prlimit64 that sets", SYS_prlimit64, {0, RLIMIT_CORE, 1}},
	/* sockets that reach others */
	{"socket of AF_INET", SYS_socket, {AF_INET, SOCK_STREAM}},
	{"socket of AF_INET6", SYS_socket, {AF_INET6, SOCK_DGRAM}},
	{"socket of AF_PACKET", SYS_socket, {AF_PACKET, SOCK_RAW}},
	{"socket of AF_VSOCK", SYS_socket, {AF_VSOCK, SOCK_STREAM}},
	{"socket of AF_ALG", SYS_socket, {AF_ALG, SOCK_SEQPACKET}},
	{"socket of AF_UNSPEC", SYS_socket, {0}},
	{"socket of NETLINK_XFRM", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_XFRM}},
	{"socket of NETLINK_AUDIT", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}},
	{"socket of NETLINK_GENERIC", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_GENERIC}},
	{"socket of NETLINK_FIB_LOOKUP", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_FIB_LOOKUP}},
	{"socket of AF_UNIX's SOCK_SEQPACKET", SYS_socket, {AF_UNIX, SOCK_SEQPACKET}},
	{"socketpair of AF_TIPC", SYS_socketpair, {AF_TIPC, SOCK_STREAM}},
	{"listen", SYS_listen, {-1}},
	/* what makes more of a socket that somebody passed */
	{"setsockopt of SO_MARK", SYS_setsockopt, {-1, SOL_SOCKET, SO_MARK}},
	{"setsockopt of SO_BINDTODEVICE", SYS_setsockopt, {-1, SOL_SOCKET, SO_BINDTODEVICE}},
	{"setsockopt of IP_TRANSPARENT", SYS_setsockopt, {-1, IPPROTO_IP, IP_TRANSPARENT}},
	{"setsockopt of TCP_REPAIR", SYS_setsockopt, {-1, IPPROTO_TCP, TCP_REPAIR}},
	{"setsockopt of IPv6", SYS_setsockopt, {-1, IPPROTO_IPV6, 64}},
	{"getsockopt of iptables", SYS_getsockopt, {-1, IPPROTO_IP, 64}},
	{"getsockopt of TCP_INFO", SYS_getsockopt, {-1, IPPROTO_TCP, TCP_INFO}},
	/* what CAP_NET_ADMIN could do by a descriptor that it has, and signals to others */
	{"ioctl of SIOCSIFFLAGS", SYS_ioctl, {-1, SIOCSIFFLAGS}},
	{"ioctl of SIOCADDRT", SYS_ioctl, {-1, SIOCADDRT}},
	{"ioctl of SIOCGIFCONF", SYS_ioctl, {-1, SIOCGIFCONF}},
	{"ioctl of FIOSETOWN", SYS_ioctl, {-1, FIOSETOWN}},
	{"ioctl of FIOASYNC", SYS_ioctl, {-1, FIOASYNC}},
	{"ioctl of TIOCSTI", SYS_ioctl, {-1, TIOCSTI}},
	{"fcntl of O_ASYNC", SYS_fcntl, {-1, F_SETFL, O_ASYNC | O_NONBLOCK}},
	{"fcntl of F_SETOWN", SYS_fcntl, {-1, F_SETOWN}},
	{"fcntl of F_SETSIG", SYS_fcntl, {-1, F_SETSIG}},
	{"fcntl of F_SETLEASE", SYS_fcntl, {-1, F_SETLEASE}},
	{"fcntl of F_NOTIFY", SYS_fcntl, {-1, F_NOTIFY}},
/* code */
#ifdef MAPPING
	{"mmap of PROT_EXEC", MAPPING, {0, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE}},
	{"mmap of all", MAPPING, {0, 0, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE}},
	{"mmap of MAP_SHARED", MAPPING, {0, 0, PROT_READ, MAP_SHARED}},
	{"mmap of MAP_SHARED_VALIDATE", MAPPING, {0, 0, PROT_READ, MAP_SHARED | MAP_PRIVATE}},
#endif
#if defined(SYS_mmap2) && defined(SYS_mmap)
	{"mmap with its arguments in memory", SYS_mmap, {0, 0, PROT_READ, MAP_PRIVATE}},
#endif
	{"mprotect of PROT_EXEC", SYS_mprotect, {0, 0, PROT_EXEC}},
	{"pkey_mprotect", SYS_pkey_mprotect, {0, 0, PROT_EXEC, -1}},
	{"memfd_create", SYS_memfd_create, {0}},
	{"personality", SYS_personality, {0xffffffff}},
	{"shmat", SYS_shmat, {-1}},
	{"remap_file_pages", SYS_remap_file_pages, {-1}},
#ifdef SYS_modify_ldt
	{"modify_ldt", SYS_modify_ldt, {-1}},
#endif
	/* what is shared with others */
	{"shmget", SYS_shmget, {0}},
	{"semget", SYS_semget, {-1, -1}},
	{"msgget", SYS_msgget, {-1}},
	{"mq_open", SYS_mq_open, {0}},
	/* who it is, and what it is in */
	{"setuid", SYS_setuid, {-1}},
	{"setresuid", SYS_setresuid, {-1, -1, -1}},
	{"setgid", SYS_setgid, {-1}},
	{"setgroups", SYS_setgroups, {-1}},
	{"capset", SYS_capset, {0}},
	{"prctl", SYS_prctl, {-1}},
	{"unshare", SYS_unshare, {0}},
	{"setns", SYS_setns, {-1}},
	{"chroot", SYS_chroot, {0}},
	{"mount", SYS_mount, {0}},
	{"umount2", SYS_umount2, {0}},
	{"pivot_root", SYS_pivot_root, {0}},
	{"fsopen", SYS_fsopen, {0}},
	{"open_tree", SYS_open_tree, {-1, 0, -1}},
	{"move_mount", SYS_move_mount, {-1, 0, -1}},
#ifdef SYS_mount_setattr
	{"mount_setattr", SYS_mount_setattr, {-1}},
#endif
	{"sethostname", SYS_sethostname, {-1, 1}},
	/* files, but for those that it has */
	{"openat of a set-user-ID file", SYS_openat, {-1, 0, O_CREAT | O_WRONLY, 04700}},
	{"openat of a set-group-ID file", SYS_openat, {-1, 0, O_CREAT | O_WRONLY, 02700}},
	{"openat of one without a name", SYS_openat, {-1, 0, O_TMPFILE | O_WRONLY, 04700}},
#ifdef SYS_open
	{"open of a set-user-ID file", SYS_open, {0, O_CREAT | O_WRONLY, 04700}},
#endif
	{"mkdirat of a set-group-ID folder", SYS_mkdirat, {-1, 0, 02700}},
	{"renameat2 of RENAME_WHITEOUT", SYS_renameat2, {-1, 0, -1, 0}},
	{"fchmod", SYS_fchmod, {-1}},
	{"fchmodat", SYS_fchmodat, {-1}},
	{"fchown", SYS_fchown, {-1}},
	{"fchownat", SYS_fchownat, {-1}},
	{"linkat", SYS_linkat, {-1, 0, -1}},
	{"symlinkat", SYS_symlinkat, {0, -1}},
	{"mknodat", SYS_mknodat, {-1}},
	{"truncate", SYS_truncate, {0}},
	{"setxattr", SYS_setxattr, {0}},
	{"open_by_handle_at", SYS_open_by_handle_at, {-1}},
	{"name_to_handle_at", SYS_name_to_handle_at, {-1}},
	{"fanotify_init", SYS_fanotify_init, {-1}},
	/* the kernel */
	{"bpf", SYS_bpf, {-1}},
	{"perf_event_open", SYS_perf_event_open, {0}},
	{"io_uring_setup", SYS_io_uring_setup, {0}},
	{"io_uring_enter", SYS_io_uring_enter, {-1}},
	{"io_uring_register", SYS_io_uring_register, {-1}},
	{"io_setup", SYS_io_setup, {0}},
	{"userfaultfd", SYS_userfaultfd, {-1}},
	{"keyctl", SYS_keyctl, {-1}},
	{"add_key", SYS_add_key, {0}},
	{"request_key", SYS_request_key, {0}},
	{"init_module", SYS_init_module, {0}},
	{"finit_module", SYS_finit_module, {-1}},
	{"delete_module", SYS_delete_module, {0}},
	{"kexec_load", SYS_kexec_load, {0, -1}},
	{"reboot", SYS_reboot, {0}},
	{"swapon", SYS_swapon, {0}},
	{"acct", SYS_acct, {-1}},
	{"quotactl", SYS_quotactl, {-1}},
	{"syslog", SYS_syslog, {-1}},
#ifdef SYS_iopl
	{"iopl", SYS_iopl, {-1}},
#endif
	{"seccomp", SYS_seccomp, {-1}},
	{"clock_settime", SYS_clock_settime, {-1}},
	{"settimeofday", SYS_settimeofday, {-1}},
	{"adjtimex", SYS_adjtimex, {0}},
	{"landlock_create_ruleset", SYS_landlock_create_ruleset, {0}},
	{"a number that no call has", 100000, {0}},
};

static int call_deadly(int i)
{
	const long *arguments = deadly[i].arguments;
	long result = syscall(
		deadly[i].number, arguments[0], arguments[1], arguments[2], arguments[3], -1L, 0L);

	(void)result;
	return END_NO;
}

START_TEST(sandbox_kills)
{
	int status = in_child(shut_deadly, call_deadly, _i);

	ck_assert_msg(
		WIFSIGNALED(status), "%s: exit status %d", deadly[_i].name, WEXITSTATUS(status));
	ck_assert_msg(
		WTERMSIG(status) == SIGSYS, "%s: signal %d", deadly[_i].name, WTERMSIG(status));
}
END_TEST

/* What may be called whatever is asked; of all others nothing, if each argument is -1. These are
 * written down once more and not taken from sandbox.c, so that one too many there is found. Names
 * that this processor does not have are none here. */
static const char *const allowed[] = {
#ifdef __s390x__
	"mmap",
#endif
	"_llseek", "_newselect", "accept4", "bind", "brk", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "close", "connect", "dup", "dup2", "dup3",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd2", "exit", "exit_group", "fstat", "fstat64", "fstatat64", "futex", "futex_time64",
	"getdents", "getdents64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
	"getgid32", "getpid", "getrandom", "getrlimit", "getsockname", "gettimeofday", "getuid",
	"getuid32", "inotify_add_watch", "inotify_init1", "lseek", "lstat", "lstat64", "madvise",
	"mremap", "munmap", "nanosleep", "newfstatat", "pipe", "pipe2", "poll", "ppoll",
	"ppoll_time64", "pselect6", "pselect6_time64", "read", "readlink", "readlinkat", "readv",
	"recv", "recvfrom", "recvmsg", "renameat", "restart_syscall", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "select", "send", "sendmsg", "sendto", "sigreturn",
	"socketcall", "stat", "stat64", "statx", "sysinfo", "time", "timerfd_create",
	"timerfd_settime", "timerfd_settime64", "ugetrlimit", "unlink", "unlinkat", "write",
	"writev"};

#ifdef __NR_Linux
#define FIRST_CALL __NR_Linux /* MIPS */
#else
#define FIRST_CALL 0
#endif
#define CALLS 600 /* more than any kernel has */

/* By its name, which may have two numbers where one call does all of sockets. */
static bool is_allowed(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (name && strcmp(allowed[i], name) == 0)
			return true;
	return false;
}

/* uretprobe() and uprobe(), for probes in programs: since Linux 6.14 no filter is asked. */
static bool is_kernels_own(int number)
{
#ifdef __x86_64__
	return number == 335 || number == 336;
#else
	(void)number;
	return false;
#endif
}

/* As somebody who can do no harm by what a hole lets through, nor wait in it for ever. */
static int shut_harmless(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return END_FAILED;
	if (syscall(SYS_capset, &header, none) < 0)
		return END_FAILED;
	signal(SIGALRM, SIG_DFL); /* which libcheck has taken */
	alarm(CHECK_TIMEOUT_S / 4);
	return shut_deadly();
}

static int call_number(int number)
{
	/* With -1 that one would make a queue that stays. */
	const long second = number == SYS_msgget ? 0 : -1;
	long result = syscall(number, -1L, second, -1L, -1L, -1L, -1L);

	(void)result;
	return END_NO;
}

START_TEST(sandbox_kills_all_others)
{
	int number = FIRST_CALL + _i, status = in_child(shut_harmless, call_number, number);
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

	ck_assert_int_ne(status, END_FAILED << 8);
	ck_assert_msg(is_killed == !is_allowed(name) || is_kernels_own(number),
		"%d (%s): status %#x", number, name ? name : "none", (unsigned int)status);
	free(name);
}
END_TEST

/* Each of the names is one. */
START_TEST(sandbox_allowed)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		int number = seccomp_syscall_resolve_name(allowed[i]);

		ck_assert_msg(number != __NR_SCMP_ERROR && number < FIRST_CALL + CALLS, "%s: %d",
			allowed[i], number);
	}
}
END_TEST

#ifdef __x86_64__
/* The same kernel by its other door: fork() as a process of 32 bits has it. */
static int call_by_32_bits(int i)
{
	long result = 2;

	(void)i;
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return END_NO;
}

static int call_by_x32(int i)
{
	long result = syscall(0x40000000 | SYS_getpid);

	(void)i, (void)result;
	return END_NO;
}

START_TEST(sandbox_kills_other_abi)
{
	int status = in_child(shut_deadly, _i ? call_by_x32 : call_by_32_bits, 0);

	ck_assert_msg(WIFSIGNALED(status), "exit status %d", WEXITSTATUS(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST
#endif

static bool can_read_proc(void)
{
	char text[64];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text));

	return length == sizeof(text) && memcmp(text, "Name:", 5) == 0 && close(fd) == 0;
}

static bool can_list(void)
{
	DIR *processes = opendir("/proc");
	int count = 0;

	while (processes && readdir(processes))
		count++;
	return count > 2 && closedir(processes) == 0;
}

static bool can_stat(void)
{
	struct stat status, same;
	char target[256];
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return stat("/proc/self/exe", &status) == 0 && fstat(fd, &same) == 0 &&
	       fstatat(fd, "exe", &same, 0) == 0 && same.st_ino == status.st_ino &&
	       lstat("/proc/self", &same) == 0 && S_ISLNK(same.st_mode) &&
	       readlinkat(fd, "exe", target, sizeof(target)) > 0;
}

/* A dump of sock_diag, as the observer does it. */
static bool can_ask_netlink(void)
{
	struct udp_sockets sockets = {0};
	struct sockdiag *diag;
	bool result =
		sockdiag_open(1, 65535, &diag) == 0 && sockdiag_dump(diag, NULL, &sockets) == 0;

	free(sockets.items);
	return result;
}

/* libnftables does, for the names of interfaces. */
static bool can_send_netlink(void)
{
	struct nlmsghdr message = {.nlmsg_len = sizeof(message),
		.nlmsg_type = NLMSG_NOOP,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	char answer[256];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)) == 0 &&
	       sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&kernel,
		       sizeof(kernel)) == sizeof(message) &&
	       recv(fd, answer, sizeof(answer), 0) >= (ssize_t)sizeof(message) && close(fd) == 0;
}

static bool can_wait(void)
{
	const struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC), timer;
	uint64_t count;

	timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0 &&
	       timerfd_settime(timer, 0, &soon, NULL) == 0 &&
	       epoll_wait(epoll, &event, 1, -1) == 1 &&
	       read(timer, &count, sizeof(count)) == sizeof(count) && count >= 1;
}

/* A connection, a message and who sent it. */
static bool can_serve(void)
{
	int ends[2], bytes = 0;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char text[4];

	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 &&
	       getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0 &&
	       send(ends[1], "word", 4, MSG_NOSIGNAL) == 4 &&
	       ioctl(ends[0], FIONREAD, &bytes) == 0 && bytes == 4 &&
	       recv(ends[0], text, sizeof(text), 0) == 4;
}

static bool can_accept(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC) == -1 && errno == EOPNOTSUPP &&
	       connect(listener, (struct sockaddr *)&address, sizeof(address)) == -1 &&
	       errno == ECONNREFUSED;
}

#ifdef SYS_socketcall
/* As a libc does that has no calls of their own: number and arguments are where no filter looks. */
static bool can_socket_by_number(void)
{
	const long arguments[] = {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0};

	return syscall(SYS_socketcall, 1L /* SYS_SOCKET */, arguments, -1L) >= 0;
}
#endif

/* glibc's syslog() does where /dev/log is one. */
static bool can_have_stream(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool can_hold_process(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return pidfd >= 0 && fcntl(pidfd, F_GETFD) == FD_CLOEXEC && close(pidfd) == 0;
}

static bool can_watch(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return inotify_add_watch(fd, path, IN_CREATE) >= 0 && close(fd) == 0;
}

/* More than the heap has, moved and given back. */
static bool can_have_memory(void)
{
	const size_t size = (size_t)8 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *moved;

	if (memory == MAP_FAILED || syscall(SYS_brk, 0) <= 0)
		return false;
	memory[size - 1] = 'x';
	moved = mremap(memory, size, 2 * size, MREMAP_MAYMOVE);
	return moved != MAP_FAILED && moved[size - 1] == 'x' &&
	       mprotect(moved, size, PROT_READ) == 0 && munmap(moved, 2 * size) == 0;
}

/* By the C library's own call, and by the one that another C library has. */
static bool can_rest(void)
{
	const struct timespec soon = {.tv_nsec = 1};

	return nanosleep(&soon, NULL) == 0 &&
	       syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &soon, NULL) == 0
#ifdef SYS_nanosleep
	       && syscall(SYS_nanosleep, &soon, NULL) == 0
#endif
		;
}

static bool can_tell_time(void)
{
	struct timespec now;
	struct tm local;
	time_t seconds = time(NULL);

	return clock_gettime(CLOCK_BOOTTIME, &now) == 0 && localtime_r(&seconds, &local) &&
	       syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0;
}

/* With stderr as main() leaves it, of which a C library asks whether it is a terminal. */
static bool can_log(void)
{
	openlog("check_sandbox", LOG_NDELAY | LOG_PERROR, LOG_USER);
	syslog(LOG_DEBUG, "a line of a test");
	closelog();
	return true;
}

static bool can_tell_journal(void)
{
	char beside[sizeof(path) + 16], text[64];
	struct journal journal;

	snprintf(beside, sizeof(beside), "%s-journal", path);
	return journal_open(beside, &journal) == 0 &&
	       journal_send(&journal, LOG_DEBUG, "a line of a test", "") == 0 &&
	       recv(journald, text, sizeof(text), MSG_DONTWAIT) == sizeof(text) &&
	       memcmp(text, "MESSAGE=a line", 14) == 0;
}

static bool can_read_limits(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 0;
}

static int remember(const struct state_login *login, struct state *state)
{
	return state_save(state, login);
}

static void count_login(const struct state_login *login, void *context)
{
	*(int *)context += login->pid == 17;
}

/* All that state.c does: the folder, a file, its names, another name, and its end. */
static bool can_keep_logins(void)
{
	struct state_login login = {.pid = 17,
		.session = {.type = WIRE_OPEN, .client = {4, {127, 0, 0, 1}}, .user = "alice"}};
	struct state *state;
	struct stat status;
	int count = 0, logins;
	char name[sizeof(path) + 8];

	if (state_open(path, &state) < 0 || remember(&login, state) < 0)
		return false;
	login.pid = 18;
	if (remember(&login, state) < 0)
		return false;
	snprintf(name, sizeof(name), "%s/logins", path);
	logins = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (renameat(logins, "18.new", logins, "bad") < 0 || state_settle(state, 17) < 0)
		return false;
	if (state_load(state, count_login, &count) < 0 || count != 1)
		return false;
	state_remove(state, 17);
	return fstatat(logins, "17", &status, 0) < 0 && errno == ENOENT &&
	       fstatat(logins, "bad-bad", &status, 0) == 0 && unlinkat(logins, "bad-bad", 0) == 0;
}

/* As stdio of one libc or another asks what is no file. */
static bool can_ask_for_terminal(void)
{
	static const unsigned long questions[] = {
		TCGETS,
#ifdef TCGETS2
		TCGETS2,
#endif
		TIOCGWINSZ,
	};
	char answer[256];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (ioctl(null, questions[i], answer) == 0 || (errno != ENOTTY && errno != EACCES))
			return false;
	return close(null) == 0;
}

#define NEED(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

static const struct {
	const char *name;
	bool (*can)(void);
} needs[] = {
	NEED(can_read_proc),
	NEED(can_list),
	NEED(can_stat),
	NEED(can_ask_netlink),
	NEED(can_send_netlink),
	NEED(can_wait),
	NEED(can_serve),
	NEED(can_accept),
	NEED(can_have_stream),
#ifdef SYS_socketcall
	NEED(can_socket_by_number),
#endif
	NEED(can_hold_process),
	NEED(can_watch),
	NEED(can_have_memory),
	NEED(can_rest),
	NEED(can_tell_time),
	NEED(can_log),
	NEED(can_tell_journal),
	NEED(can_read_limits),
	NEED(can_keep_logins),
	NEED(can_ask_for_terminal),
};

static int do_need(int i)
{
	return needs[i].can() ? END_YES : END_NO;
}

static void begin(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(path, sizeof(path), "%s/XXXXXX", folder);
	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s-journal", path);
	journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(journald, (struct sockaddr *)&address, sizeof(address)), 0);
}

START_TEST(sandbox_lets)
{
	begin();
	assert_yes(in_child(shut_calls, do_need, _i), needs[_i].name);
}
END_TEST

static rlim_t spare; /* descriptors */

static int shut_descriptors(void)
{
	int next = dup(STDERR_FILENO); /* the lowest number that is free */
	struct rlimit limit = {(rlim_t)next + spare, (rlim_t)next + spare};

	close(next);
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? END_FAILED : shut_calls();
}

static void end_well(int error)
{
	(void)error;
	end_child(END_YES);
}

/* As loop.c does it. libevent tries older calls where new ones fail, and may end the process. */
static int make_events(int i)
{
	struct event_config *config = event_config_new();

	(void)i;
	event_set_fatal_callback(end_well);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	(void)event_base_new_with_config(config);
	return END_YES;
}

START_TEST(sandbox_lets_fail)
{
	spare = (rlim_t)_i;
	assert_yes(in_child(shut_descriptors, make_events, 0), "libevent without descriptors");
}
END_TEST

/* With the folder of the test alone, as main.c does it. */
static int shut_files(void)
{
	char other[sizeof(path) + 16];
	const char *const written[] = {path, NULL}, *const emptied[] = {other, NULL};
	const char *const none[] = {NULL};
	struct sandbox_files files = {written, emptied, false};
	int error;

	snprintf(other, sizeof(other), "%s-emptied", path);
	if (access(other, F_OK) < 0)
		files.emptied = none;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return END_FAILED;
	error = sandbox_files(&files);
	if (error == -EOPNOTSUPP)
		return END_NO_LANDLOCK;
	return error == 0 ? END_YES : END_FAILED;
}

static int shut_both(void)
{
	int end = shut_files();

	return end == END_YES ? shut_calls() : end;
}

START_TEST(sandbox_lets_both)
{
	begin();
	assert_yes(in_child(shut_both, do_need, _i), needs[_i].name);
}
END_TEST

/* The folder beside the test's own, in which is a file, a link to path/own, and a folder. */
static int outside, inside, emptied;

static bool is_free; /* nothing is shut in: older kernels refuse nothing more then */

/* Of a socket that listens outside. */
static struct sockaddr_un abstract = {.sun_family = AF_UNIX};
static socklen_t abstract_size;

static void listen_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&abstract, sizeof(sa_family_t)), 0);
	abstract_size = sizeof(abstract);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&abstract, &abstract_size), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
}

static bool is_refused(int result)
{
	return result < 0 && errno == EACCES;
}

static bool refuses_writing(void)
{
	return is_refused(openat(outside, "file", O_WRONLY | O_CLOEXEC)) &&
	       is_refused(openat(outside, "file", O_RDWR | O_CLOEXEC)) &&
	       is_refused(openat(outside, "file", O_WRONLY | O_APPEND | O_CLOEXEC)) &&
	       is_refused(openat(inside, "link", O_WRONLY | O_CLOEXEC));
}

static long landlock_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* Landlock's third version tells it from writing. */
static bool refuses_truncating(void)
{
	int access = landlock_version() >= 3 ? O_RDONLY : O_WRONLY;

	return is_refused(openat(outside, "file", access | O_TRUNC | O_CLOEXEC));
}

static bool refuses_making(void)
{
	return is_refused(openat(outside, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) &&
	       is_refused(mkdirat(outside, "new", 0700)) &&
	       is_refused(mknodat(outside, "new", S_IFREG | 0600, 0)) &&
	       is_refused(mkfifoat(outside, "new", 0600)) &&
	       is_refused(symlinkat("file", outside, "new"));
}

static bool refuses_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s-beside/socket", path);
	return is_refused(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static bool refuses_removing(void)
{
	return is_refused(unlinkat(outside, "file", 0)) &&
	       is_refused(unlinkat(outside, "folder", AT_REMOVEDIR)) &&
	       is_refused(renameat(outside, "file", outside, "new"));
}

/* Into the folder, out of it, and by a second name. */
static bool refuses_moving(void)
{
	int results[] = {renameat(outside, "file", inside, "new"),
		renameat(inside, "own", outside, "new"), linkat(outside, "file", inside, "new", 0)};

	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		if (results[i] == 0)
			return false;
	return errno == EACCES || errno == EXDEV;
}

static bool refuses_own_memory(void)
{
	return is_refused(open("/proc/self/mem", O_RDWR | O_CLOEXEC)) &&
	       is_refused(open("/proc/self/comm", O_WRONLY | O_CLOEXEC));
}

static bool refuses_execution(void)
{
	char *const arguments[] = {(char[]){"true"}, NULL}, *const environment[] = {NULL};

	/* Whatever runs, it does not end with END_YES. */
	return is_refused(execve("/bin/true", arguments, environment)) &&
	       is_refused(execve("/bin/sh", arguments, environment)) &&
	       is_refused((int)syscall(SYS_execveat, inside, "own", arguments, environment, 0));
}

static bool lets_read(void)
{
	char text[4];

	return pread(openat(outside, "file", O_RDONLY | O_CLOEXEC), text, 4, 0) == 4 &&
	       pread(openat(inside, "own", O_RDONLY | O_CLOEXEC), text, 4, 0) == 4 &&
	       open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 &&
	       open("/bin/sh", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool lets_write_inside(void)
{
	int fd = openat(inside, "own", O_WRONLY | O_TRUNC | O_CLOEXEC);

	return write(fd, "text", 4) == 4 && mkdirat(inside, "made", 0700) == 0 &&
	       openat(inside, "made/new", O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0 &&
	       renameat(inside, "made/new", inside, "made/newer") == 0 &&
	       unlinkat(inside, "made/newer", 0) == 0 && unlinkat(inside, "socket", 0) == 0;
}

/* As the sockets' folders. */
static bool lets_remove_there(void)
{
	return unlinkat(emptied, "socket", 0) == 0;
}

static bool refuses_writing_there(void)
{
	return is_refused(openat(emptied, "file", O_WRONLY | O_CLOEXEC)) &&
	       is_refused(openat(emptied, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) &&
	       is_refused(mkdirat(emptied, "new", 0700)) &&
	       is_refused(renameat(inside, "own", emptied, "new"));
}

/* The fifth version handles devices' own calls, the sixth what goes to others: a socket without a
 * path that is not ours, and signals. */
static bool refuses_others(void)
{
	if (landlock_version() < 6)
		return !is_free;
	return (connect(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			(struct sockaddr *)&abstract, abstract_size) < 0 &&
		errno == EPERM && kill(getppid(), 0) < 0 && errno == EPERM);
}

/* The fourth version handles TCP, by sockets that were there before, or were passed. */
static bool refuses_tcp(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (landlock_version() < 4)
		return !is_free;
	if (!is_refused(bind(fd, (struct sockaddr *)&address, sizeof(address))))
		return false;
	address.sin_port = htons(9);
	return is_refused(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static bool refuses_devices(void)
{
	int bytes, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return landlock_version() < 5 ? !is_free : is_refused(ioctl(null, TCGETS, &bytes));
}

/* Nothing in there but files and folders. */
static bool refuses_kinds_inside(void)
{
	return is_refused(mkfifoat(inside, "new", 0600)) &&
	       is_refused(symlinkat("own", inside, "new")) &&
	       is_refused(mknodat(inside, "new", S_IFSOCK | 0600, 0));
}

static const struct {
	const char *name;
	bool (*can)(void);
} writes[] = {
	NEED(refuses_writing),
	NEED(refuses_truncating),
	NEED(refuses_making),
	NEED(refuses_socket),
	NEED(refuses_removing),
	NEED(refuses_moving),
	NEED(refuses_own_memory),
	NEED(refuses_execution),
	NEED(lets_read),
	NEED(lets_write_inside),
	NEED(refuses_kinds_inside),
	NEED(lets_remove_there),
	NEED(refuses_writing_there),
	NEED(refuses_others),
	NEED(refuses_tcp),
	NEED(refuses_devices),
};

static int do_write(int i)
{
	return writes[i].can() ? END_YES : END_NO;
}

static void make_file(int where, const char *name)
{
	int fd = openat(where, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	ck_assert_int_eq(write(fd, "text", 4), 4);
	close(fd);
}

static void make_tree(void)
{
	char beside[sizeof(path) + 16];

	begin();
	snprintf(beside, sizeof(beside), "%s-beside", path);
	ck_assert_int_eq(mkdir(beside, 0700), 0);
	outside = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	inside = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file(outside, "file");
	make_file(inside, "own");
	ck_assert_int_eq(mkdirat(outside, "folder", 0700), 0);
	ck_assert_int_eq(mknodat(inside, "socket", S_IFSOCK | 0600, 0), 0);
	snprintf(beside, sizeof(beside), "%s-emptied", path);
	ck_assert_int_eq(mkdir(beside, 0700), 0);
	emptied = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file(emptied, "file");
	ck_assert_int_eq(mknodat(emptied, "socket", S_IFSOCK | 0600, 0), 0);
	listen_abstract();
	snprintf(beside, sizeof(beside), "%s-beside/file", path);
	ck_assert_int_eq(symlinkat(beside, inside, "link"), 0);
}

START_TEST(sandbox_writes)
{
	make_tree();
	assert_yes(in_child(shut_files, do_write, _i), writes[_i].name);
}
END_TEST

/* Without it, each of them would have been let: it is Landlock that refuses. */
static int shut_nothing(void)
{
	is_free = true;
	return END_YES;
}

START_TEST(sandbox_writes_freely)
{
	int status;

	make_tree();
	status = in_child(shut_nothing, do_write, _i);
	ck_assert_msg(
		WIFEXITED(status) && WEXITSTATUS(status) != END_FAILED, "%s", writes[_i].name);
	ck_assert_msg(
		(WEXITSTATUS(status) == END_YES) == (strncmp(writes[_i].name, "lets", 4) == 0),
		"%s: %d", writes[_i].name, WEXITSTATUS(status));
}
END_TEST

/* A folder that cannot be opened, and a process that may get more privileges. */
static int ask_missing_folder(int i)
{
	const char *const folders[] = {path, "/nowhere/at/all", NULL}, *const none[] = {NULL};
	const struct sandbox_files files[] = {{folders, none, false}, {none, folders, false}};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sandbox_files(&files[i]) == -ENOENT
		       ? END_YES
		       : END_NO;
}

static int ask_file(int i)
{
	const char *const folders[] = {"/proc/self/status", NULL};
	const struct sandbox_files files[] = {{folders, folders, false}};

	(void)i;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sandbox_files(files) == -ENOTDIR
		       ? END_YES
		       : END_NO;
}

START_TEST(sandbox_fails)
{
	begin();
	for (int i = 0; i < 2; i++)
		assert_yes(in_child(shut_nothing, ask_missing_folder, i),
			"a folder that is not there");
	assert_yes(in_child(shut_nothing, ask_file, 0), "a file");
}
END_TEST

/* Two filters in a row: what the first one kills stays killed, and loading needs the call. */
static int ask_again(int i)
{
	(void)i;
	return sandbox_calls() == 0 ? END_NO : END_FAILED;
}

START_TEST(sandbox_is_for_good)
{
	int status = in_child(shut_calls, ask_again, 0);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST

/* Of descriptors many hosts give few, but allow more than are wanted. */
static int shut_limits(void)
{
	struct rlimit descriptors = {64, 2 * SANDBOX_DESCRIPTORS};

	if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0) {
		getrlimit(RLIMIT_NOFILE, &descriptors);
		descriptors.rlim_cur = 64;
		setrlimit(RLIMIT_NOFILE, &descriptors);
	}
	return sandbox_limits() == 0 ? END_YES : END_FAILED;
}

static bool is_limit(int resource, rlim_t most)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 && limit.rlim_cur <= most && limit.rlim_max <= most;
}

static bool is_all_that_may_be(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 && limit.rlim_cur == limit.rlim_max;
}

static int ask_limits(int i)
{
	void *memory = mmap(
		NULL, SANDBOX_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)i;
	return memory == MAP_FAILED && is_limit(RLIMIT_CORE, 0) &&
			       is_limit(RLIMIT_DATA, SANDBOX_MEMORY) &&
			       is_limit(RLIMIT_NOFILE, SANDBOX_DESCRIPTORS) &&
			       is_all_that_may_be(RLIMIT_NOFILE)
		       ? END_YES
		       : END_NO;
}

START_TEST(sandbox_limits_all)
{
	assert_yes(in_child(shut_limits, ask_limits, 0), "limits");
}
END_TEST

/* An admin's own, which is lower, stays. */
static int shut_limits_lower(void)
{
	const struct rlimit lower = {SANDBOX_MEMORY / 2, SANDBOX_MEMORY / 2};

	return setrlimit(RLIMIT_DATA, &lower) == 0 ? shut_limits() : END_FAILED;
}

static int ask_lower(int i)
{
	(void)i;
	return is_limit(RLIMIT_DATA, SANDBOX_MEMORY / 2) ? END_YES : END_NO;
}

static const struct {
	uint32_t error;
	int answer; /* of sandbox_files() */
} landlocks[] = {
	{ENOSYS, -EOPNOTSUPP}, {EOPNOTSUPP, -EOPNOTSUPP}, {EPERM, -EPERM}, {ENOMEM, -ENOMEM}};

static int ask_landlock(int i)
{
	const char *const folders[] = {path, NULL};
	const struct sandbox_files files = {folders, folders, false};

	return filter_call(SYS_landlock_create_ruleset, FILTER_ANY, landlocks[i].error) == 0 &&
			       sandbox_files(&files) == landlocks[i].answer
		       ? END_YES
		       : END_NO;
}

/* That the kernel has no Landlock is one thing, that it fails another. */
START_TEST(sandbox_landlock_fails)
{
	begin();
	assert_yes(in_child(shut_nothing, ask_landlock, _i), "Landlock that fails");
}
END_TEST

START_TEST(sandbox_limits_lower)
{
	assert_yes(in_child(shut_limits_lower, ask_lower, 0), "a lower limit");
}
END_TEST

#define LANDLOCK_TESTS 4 /* the last ones, where the kernel has it */

static bool has_landlock(void)
{
	int status;

	strcpy(path, folder);
	status = in_child(shut_files, do_need, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status) != END_NO_LANDLOCK;
}

int main(void)
{
	const struct check_test tests[] = {LOOP(sandbox_kills, ARRAY_LEN(deadly)),
		LOOP(sandbox_kills_all_others, CALLS), TEST(sandbox_allowed),
#ifdef __x86_64__
		LOOP(sandbox_kills_other_abi, 2),
#endif
		LOOP(sandbox_lets_fail, 6), LOOP(sandbox_lets, ARRAY_LEN(needs)),
		TEST(sandbox_is_for_good), TEST(sandbox_limits_all), TEST(sandbox_limits_lower),
		LOOP(sandbox_landlock_fails, ARRAY_LEN(landlocks)),
		/* LANDLOCK_TESTS */
		LOOP(sandbox_lets_both, ARRAY_LEN(needs)), LOOP(sandbox_writes, ARRAY_LEN(writes)),
		LOOP(sandbox_writes_freely, ARRAY_LEN(writes)), TEST(sandbox_fails)};
	int result, null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null, STDERR_FILENO); /* as a service has it */
	check_make_folder(folder);
	result = check_status("sandbox", tests,
		has_landlock() ? ARRAY_LEN(tests) : ARRAY_LEN(tests) - LANDLOCK_TESTS);
	check_remove_folder(folder);
	return result;
}
