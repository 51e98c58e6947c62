/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In place of what the helper calls: the same, or its failure. The linker's --wrap puts these in
 * front of the calls that stand in the helper's objects, and of no others: what libraries do among
 * themselves is theirs. calls.wrap is the list; fail.test sees that nothing is missing in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <mntent.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <ini.h>
#include <jansson.h>
#include <libmnl/libmnl.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <nftables/libnftables.h>
#include <seccomp.h>

#include "force.h"

/* A function that fails with errno and one value; behind them its ways to fail. */
#define CALL(type, failure, name, parameters, arguments, ...)                                      \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		static const int ways[] = {__VA_ARGS__, 0};                                        \
		int way = force(#name, ways);                                                      \
                                                                                                   \
		if (way == 0)                                                                      \
			return __real_##name arguments;                                            \
		if (way >= FORCE_LATE)                                                             \
			(void)!__real_##name arguments;                                            \
		errno = way >= FORCE_LATE ? way - FORCE_LATE : way;                                \
		return failure;                                                                    \
	}

/* memory */
CALL(void *, NULL, malloc, (size_t size), (size), ENOMEM)
CALL(void *, NULL, calloc, (size_t count, size_t size), (count, size), ENOMEM)
CALL(void *, NULL, reallocarray, (void *old, size_t count, size_t size), (old, count, size), ENOMEM)
CALL(char *, NULL, strdup, (const char *text), (text), ENOMEM)
CALL(char *, NULL, realpath, (const char *path, char *to), (path, to), ENOMEM)
CALL(FILE *, NULL, open_memstream, (char **text, size_t *size), (text, size), ENOMEM)

/* files */
CALL(FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode), ENOMEM)
CALL(DIR *, NULL, opendir, (const char *path), (path), EMFILE)
CALL(DIR *, NULL, fdopendir, (int fd), (fd), ENOMEM)
CALL(struct dirent *, NULL, readdir, (DIR * folder), (folder), EIO)
CALL(FILE *, NULL, setmntent, (const char *path, const char *type), (path, type), EMFILE)
CALL(struct mntent *, NULL, getmntent, (FILE * file), (file), EIO)
CALL(int, -1, scandir,
	(const char *path, struct dirent ***found, int (*is_wanted)(const struct dirent *),
		int (*compare)(const struct dirent **, const struct dirent **)),
	(path, found, is_wanted, compare), ENOMEM, EACCES)
CALL(int, -1, fstat, (int fd, struct stat *status), (fd, status), EIO)
CALL(int, -1, fstatat, (int fd, const char *path, struct stat *status, int flags),
	(fd, path, status, flags), ENOENT, ENOMEM)
CALL(int, -1, mkdir, (const char *path, mode_t mode), (path, mode), EACCES, ENOSPC)
CALL(int, -1, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), EACCES, ENOSPC)
CALL(int, -1, renameat, (int from, const char *old, int to, const char *path),
	(from, old, to, path), ENOSPC, FORCE_LATE + EIO)
CALL(int, -1, unlink, (const char *path), (path), EACCES)
CALL(int, -1, access, (const char *path, int mode), (path, mode), EACCES)
CALL(int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), EROFS)
CALL(int, -1, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), EPERM)
CALL(int, -1, fchmod, (int fd, mode_t mode), (fd, mode), EPERM)
CALL(int, -1, ftruncate, (int fd, off_t size), (fd, size), EIO)
CALL(int, -1, flock, (int fd, int what), (fd, what), EWOULDBLOCK, ENOLCK, EINTR)
CALL(int, -1, dup, (int fd), (fd), EMFILE)
CALL(int, -1, dup2, (int fd, int to), (fd, to), EBUSY)
CALL(int, -1, chdir, (const char *path), (path), EACCES)
CALL(int, -1, pipe2, (int ends[2], int flags), (ends, flags), EMFILE)
CALL(int, -1, ini_parse_stream, (ini_reader read, void *file, ini_handler handle, void *context),
	(read, file, handle, context), ENOMEM)

/* sockets */
CALL(int, -1, socket, (int family, int type, int protocol), (family, type, protocol), EMFILE,
	ENOBUFS)
CALL(int, -1, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size),
	EADDRINUSE, EACCES)
CALL(int, -1, listen, (int fd, int backlog), (fd, backlog), EADDRINUSE)
CALL(int, -1, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
	(fd, address, size, flags), EMFILE, ECONNABORTED, EINTR, ENOMEM)
CALL(ssize_t, -1, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags), EINTR,
	ECONNRESET, ENOMEM)
CALL(ssize_t, -1, send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags),
	EPIPE, EAGAIN)
CALL(ssize_t, -1, sendto,
	(int fd, const void *from, size_t size, int flags, const struct sockaddr *to,
		socklen_t to_size),
	(fd, from, size, flags, to, to_size), ECONNREFUSED)
CALL(int, -1, getsockname, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size),
	ENOBUFS)
CALL(int, -1, getsockopt, (int fd, int level, int option, void *value, socklen_t *size),
	(fd, level, option, value, size), ENOPROTOOPT, EMFILE)
CALL(int, -1, setsockopt, (int fd, int level, int option, const void *value, socklen_t size),
	(fd, level, option, value, size), ENOMEM)
CALL(int, -1, poll, (struct pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms),
	EINTR, ENOMEM)
CALL(int, -1, eventfd, (unsigned int value, int flags), (value, flags), EMFILE)
CALL(int, -1, inotify_init1, (int flags), (flags), EMFILE)
CALL(int, -1, inotify_add_watch, (int fd, const char *path, uint32_t events), (fd, path, events),
	ENOSPC, ENOMEM)

/* processes, and what they give up */
CALL(pid_t, -1, fork, (void), (), EAGAIN)
CALL(pid_t, -1, setsid, (void), (), EPERM)
CALL(struct passwd *, NULL, getpwnam, (const char *name), (name), EIO)
CALL(int, -1, getrlimit, (__rlimit_resource_t what, struct rlimit *limit), (what, limit), EINVAL)
CALL(int, -1, setpriority, (__priority_which_t what, id_t who, int nice), (what, who, nice), EACCES)
CALL(int, -1, capng_change_id, (int uid, int gid, capng_flags_t flags), (uid, gid, flags), EPERM)
CALL(int, -1, capng_apply, (capng_select_t what), (what), EPERM)
CALL(int, -1, capng_get_caps_process, (void), (), ENOSYS)
CALL(scmp_filter_ctx, NULL, seccomp_init, (uint32_t otherwise), (otherwise), ENOMEM)

/* netlink */
CALL(struct mnl_socket *, NULL, mnl_socket_open2, (int bus, int flags), (bus, flags), EMFILE)
CALL(int, -1, mnl_socket_bind, (struct mnl_socket * socket, unsigned int groups, pid_t port),
	(socket, groups, port), EADDRINUSE)
CALL(int, -1, mnl_socket_setsockopt,
	(const struct mnl_socket *socket, int option, void *value, socklen_t size),
	(socket, option, value, size), EPERM)
CALL(ssize_t, -1, mnl_socket_sendto,
	(const struct mnl_socket *socket, const void *from, size_t size), (socket, from, size),
	ENOBUFS, EINTR, FORCE_LATE + EINTR)
CALL(ssize_t, -1, mnl_socket_recvfrom, (const struct mnl_socket *socket, void *to, size_t size),
	(socket, to, size), EINTR, ENOBUFS, EAGAIN, ENOSPC, FORCE_LATE + ENOBUFS)
CALL(int, -1, mnl_cb_run,
	(const void *messages, size_t size, unsigned int sequence, unsigned int port, mnl_cb_t call,
		void *context),
	(messages, size, sequence, port, call, context), EINTR, EPROTO, FORCE_LATE + EINTR)
CALL(struct nftnl_set *, NULL, nftnl_set_alloc, (void), (), ENOMEM)
CALL(int, -1, nftnl_set_set_str, (struct nftnl_set * set, uint16_t what, const char *text),
	(set, what, text), ENOMEM)
CALL(struct nftnl_set_elem *, NULL, nftnl_set_elem_alloc, (void), (), ENOMEM)
CALL(int, -1, nftnl_set_elem_set,
	(struct nftnl_set_elem * element, uint16_t what, const void *value, uint32_t size),
	(element, what, value, size), ENOMEM)
CALL(struct nftnl_set_elems_iter *, NULL, nftnl_set_elems_iter_create,
	(const struct nftnl_set *set), (set), ENOMEM)
CALL(int, -1, nftnl_set_elems_nlmsg_parse, (const struct nlmsghdr *message, struct nftnl_set *set),
	(message, set), EINVAL, FORCE_LATE + ENOMEM)
CALL(struct nft_ctx *, NULL, nft_ctx_new, (uint32_t flags), (flags), ENOMEM)
CALL(int, 1, nft_ctx_buffer_error, (struct nft_ctx * nft), (nft), ENOMEM)
CALL(int, 1, nft_ctx_buffer_output, (struct nft_ctx * nft), (nft), ENOMEM)
CALL(int, -1, nft_run_cmd_from_buffer, (struct nft_ctx * nft, const char *commands),
	(nft, commands), EBUSY, FORCE_LATE + ENOBUFS)

/* events */
CALL(struct event_config *, NULL, event_config_new, (void), (), ENOMEM)
CALL(int, -1, event_config_set_max_dispatch_interval,
	(struct event_config * config, const struct timeval *interval, int callbacks, int priority),
	(config, interval, callbacks, priority), ENOMEM)
CALL(int, -1, event_config_set_flag, (struct event_config * config, int flag), (config, flag),
	EINVAL)
CALL(struct event_base *, NULL, event_base_new_with_config, (const struct event_config *config),
	(config), EMFILE)
CALL(int, -1, event_base_priority_init, (struct event_base * base, int count), (base, count),
	ENOMEM)
CALL(int, -1, event_base_dispatch, (struct event_base * base), (base), EINVAL)
CALL(struct event *, NULL, event_new,
	(struct event_base * base, evutil_socket_t fd, short what, event_callback_fn call,
		void *context),
	(base, fd, what, call, context), ENOMEM)
CALL(int, -1, event_priority_set, (struct event * event, int priority), (event, priority), EINVAL)
CALL(int, -1, event_add, (struct event * event, const struct timeval *after), (event, after),
	ENOMEM)
CALL(int, -1, event_del, (struct event * event), (event), FORCE_LATE + EINVAL)
CALL(struct bufferevent *, NULL, bufferevent_socket_new,
	(struct event_base * base, evutil_socket_t fd, int options), (base, fd, options), ENOMEM)
CALL(int, -1, bufferevent_enable, (struct bufferevent * stream, short what), (stream, what), ENOMEM)
CALL(int, -1, bufferevent_disable, (struct bufferevent * stream, short what), (stream, what),
	FORCE_LATE + ENOMEM)
CALL(int, -1, bufferevent_priority_set, (struct bufferevent * stream, int priority),
	(stream, priority), EINVAL)
CALL(int, -1, bufferevent_set_timeouts,
	(struct bufferevent * stream, const struct timeval *reading, const struct timeval *writing),
	(stream, reading, writing), ENOMEM)
CALL(int, -1, bufferevent_write, (struct bufferevent * stream, const void *from, size_t size),
	(stream, from, size), ENOMEM)

/* JSON */
CALL(json_t *, NULL, json_array, (void), (), ENOMEM)
CALL(json_t *, NULL, json_object, (void), (), ENOMEM)
CALL(json_t *, NULL, json_string, (const char *text), (text), ENOMEM)
CALL(json_t *, NULL, json_integer, (json_int_t value), (value), ENOMEM)
CALL(char *, NULL, json_dumps, (const json_t *json, size_t flags), (json, flags), ENOMEM)
CALL(json_t *, NULL, json_loads, (const char *text, size_t flags, json_error_t *error),
	(text, flags, error), EINVAL)
CALL(int, -1, json_array_append_new, (json_t * array, json_t *value), (array, value),
	FORCE_LATE + ENOMEM)
CALL(int, -1, json_object_set_new, (json_t * object, const char *key, json_t *value),
	(object, key, value), FORCE_LATE + ENOMEM)

/* --- those with arguments without number, and those that do a part ------------------------------
 */

#define WAYS(name, ...)                                                                            \
	static const int ways[] = {__VA_ARGS__, 0};                                                \
	int way = force(#name, ways)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	WAYS(open, EMFILE, ENOENT, EACCES);
	unsigned int mode = 0;
	va_list arguments;

	va_start(arguments, flags);
	if (flags & O_CREAT)
		mode = va_arg(arguments, unsigned int);
	va_end(arguments);
	if (way == 0)
		return __real_open(path, flags, mode);
	errno = way;
	return -1;
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...)
{
	WAYS(openat, EMFILE, ENOMEM);
	unsigned int mode = 0;
	va_list arguments;

	va_start(arguments, flags);
	if (flags & O_CREAT)
		mode = va_arg(arguments, unsigned int);
	va_end(arguments);
	if (way == 0)
		return __real_openat(fd, path, flags, mode);
	errno = way;
	return -1;
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
	WAYS(fcntl, EPERM);
	va_list arguments;
	int argument;

	va_start(arguments, what);
	argument = va_arg(arguments, int);
	va_end(arguments);
	if (way == 0)
		return __real_fcntl(fd, what, argument);
	errno = way;
	return -1;
}

/* ferror() knows what fgets() and getc() came upon. */
static const FILE *broken;

static int break_file(const FILE *file, int error)
{
	broken = file;
	errno = error;
	return EOF;
}

char *__real_fgets(char *text, int size, FILE *file);
char *__wrap_fgets(char *text, int size, FILE *file);
char *__wrap_fgets(char *text, int size, FILE *file)
{
	WAYS(fgets, EIO);

	if (way == 0)
		return __real_fgets(text, size, file);
	break_file(file, way);
	return NULL;
}

int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
int __wrap_fclose(FILE *file)
{
	WAYS(fclose, ENOSPC);
	int result = __real_fclose(file);

	if (file == broken)
		broken = NULL;
	errno = way;
	return way == 0 ? result : EOF;
}

/* A file is read by blocks, so the first character stands for all. */
int __real_getc(FILE *file);
int __wrap_getc(FILE *file);
int __wrap_getc(FILE *file)
{
	if (ftell(file) > 0)
		return __real_getc(file);

	WAYS(getc, EIO);

	if (way == 0)
		return __real_getc(file);
	return break_file(file, way);
}

int __real_ferror(FILE *file);
int __wrap_ferror(FILE *file);
int __wrap_ferror(FILE *file)
{
	WAYS(ferror, EIO);

	return way != 0 || file == broken || __real_ferror(file);
}

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size)
{
	WAYS(read, EIO, EINTR, FORCE_SHORT);
	ssize_t length;

	if (way != 0 && way != FORCE_SHORT) {
		errno = way;
		return -1;
	}
	length = __real_read(fd, to, size);
	if (way == 0 || length < 0)
		return length;
	lseek(fd, -(length / 2), SEEK_CUR); /* a file's next read() has what is left */
	return length - length / 2;
}

ssize_t __real_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size)
{
	WAYS(write, ENOSPC, FORCE_SHORT, EINTR);

	if (way == 0 || way == FORCE_SHORT)
		return __real_write(fd, from, way == 0 ? size : size / 2);
	errno = way;
	return -1;
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	/* which version of Landlock there is: the one call of which a failure may be none */
	static const int version_ways[] = {ENOSYS, EOPNOTSUPP, EMFILE, 0};
	static const int ways[] = {EMFILE, ENOSYS, 0};
	bool is_version = number == SYS_landlock_create_ruleset && a == 0;
	int way = is_version ? force("landlock_version", version_ways) : force("syscall", ways);

	if (way == 0)
		return __real_syscall(number, a, b, c, d, e, f);
	errno = way;
	return -1;
}

int __real_prctl(int what, long a, long b, long c, long d);
int __wrap_prctl(int what, long a, long b, long c, long d);
int __wrap_prctl(int what, long a, long b, long c, long d)
{
	WAYS(prctl, EINVAL);

	if (way == 0)
		return __real_prctl(what, a, b, c, d);
	errno = way;
	return -1;
}

static int print(int way, int fd, const char *format, va_list arguments)
{
	if (way == 0)
		return vdprintf(fd, format, arguments);
	errno = way;
	return -1;
}

int __wrap_dprintf(int fd, const char *format, ...);
int __wrap_dprintf(int fd, const char *format, ...)
{
	WAYS(dprintf, ENOSPC);
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = print(way, fd, format, arguments);
	va_end(arguments);
	return length;
}

/* The same by its name in a fortified build. */
int __wrap___dprintf_chk(int fd, int flag, const char *format, ...);
int __wrap___dprintf_chk(int fd, int flag, const char *format, ...)
{
	WAYS(dprintf, ENOSPC);
	va_list arguments;
	int length;

	(void)flag;
	va_start(arguments, format);
	length = print(way, fd, format, arguments);
	va_end(arguments);
	return length;
}

int __wrap_evbuffer_add_printf(struct evbuffer *buffer, const char *format, ...);
int __wrap_evbuffer_add_printf(struct evbuffer *buffer, const char *format, ...)
{
	WAYS(evbuffer_add_printf, ENOMEM);
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = way == 0 ? evbuffer_add_vprintf(buffer, format, arguments) : -1;
	va_end(arguments);
	return length;
}

/* Out of memory the helper leaves at once; a profile of what ran is written before (gcc --coverage;
 * null without). */
extern void __gcov_exit(void) __attribute__((weak));

_Noreturn void __real__Exit(int status);
_Noreturn void __wrap__Exit(int status);
_Noreturn void __wrap__Exit(int status)
{
	force_end();
	if (__gcov_exit)
		__gcov_exit();
	__real__Exit(status);
}

/* libseccomp's functions return -errno. */
int __real_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int call,
	unsigned int count, const struct scmp_arg_cmp *comparisons);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int call,
	unsigned int count, const struct scmp_arg_cmp *comparisons);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int call,
	unsigned int count, const struct scmp_arg_cmp *comparisons)
{
	WAYS(seccomp_rule_add_array, ENOMEM);

	if (way != 0)
		return -way;
	return __real_seccomp_rule_add_array(filter, action, call, count, comparisons);
}

/* What LeakSanitizer does at the end of the program, and the helper may not. It is not loaded into
 * a program that has none, so that one is as confined as ever. */
static const int calls_of_detector[] = {
	SCMP_SYS(clone),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(prctl),
	SCMP_SYS(ptrace),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	SCMP_SYS(wait4),
};

/* A detector needs more memory than the helper may have. */
int __real_setrlimit(__rlimit_resource_t what, const struct rlimit *limit);
int __wrap_setrlimit(__rlimit_resource_t what, const struct rlimit *limit);
int __wrap_setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
	WAYS(setrlimit, EPERM);

	if (way == 0 && __lsan_do_leak_check && what == RLIMIT_DATA)
		return 0;
	if (way == 0)
		return __real_setrlimit(what, limit);
	errno = way;
	return -1;
}

int __real_seccomp_load(scmp_filter_ctx filter);
int __wrap_seccomp_load(scmp_filter_ctx filter);
int __wrap_seccomp_load(scmp_filter_ctx filter)
{
	WAYS(seccomp_load, EINVAL);
	size_t count = sizeof(calls_of_detector) / sizeof(calls_of_detector[0]);

	if (way != 0)
		return -way;
	for (size_t i = 0; __lsan_do_leak_check && i < count; i++)
		if (__real_seccomp_rule_add_array(
			    filter, SCMP_ACT_ALLOW, calls_of_detector[i], 0, NULL) < 0)
			abort();
	return __real_seccomp_load(filter);
}
