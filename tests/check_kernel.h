/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of the test's own, in which an ordinary user is root: kernel_enter() in main() before
 * anything else, or CHECK_SKIP where that is not permitted; kernel_fresh() in a test that wants it
 * empty. lo is up and has CLIENTn6 and SERVER6; of 127.0.0.0/8 every address is there.
 */
#ifndef CHECK_KERNEL_H
#define CHECK_KERNEL_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"

#define CLIENT4 "127.0.0.5"
#define OTHER4  "127.0.0.6"
#define SERVER4 "127.0.0.7"
#define CLIENT6 "2001:db8::5"
#define OTHER6  "2001:db8::6"
#define SERVER6 "2001:db8::7"

#define KERNEL_WAIT_MS 5000 /* for what comes at once, on a slow machine */

static inline int kernel_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return length == (ssize_t)strlen(text) ? 0 : -1;
}

/* Root needs no user namespace, and keeps the other uids without one. */
static inline int kernel_become_root(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	if (kernel_write("/proc/self/setgroups", "deny") < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)uid);
	if (kernel_write("/proc/self/uid_map", map) < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)gid);
	return kernel_write("/proc/self/gid_map", map);
}

static inline int kernel_add_address6(int fd, const char *text)
{
	struct {
		struct in6_addr address;
		uint32_t prefix;
		int index;
	} request = {.prefix = 128, .index = 1}; /* lo is the first one */

	inet_pton(AF_INET6, text, &request.address);
	return ioctl(fd, SIOCSIFADDR, &request);
}

/* An address can be used only when the kernel has found that nobody else has it. No UDP here: its
 * end would be told of in the test. */
static inline int kernel_await_address6(const char *text)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), result = -1;

	inet_pton(AF_INET6, text, &address.sin6_addr);
	for (int ms = 0; result < 0 && ms < KERNEL_WAIT_MS; ms++) {
		result = bind(fd, (struct sockaddr *)&address, sizeof(address));
		if (result < 0)
			poll(NULL, 0, 1);
	}
	close(fd);
	return result;
}

static inline int kernel_set_up_lo(void)
{
	static const char *const addresses[] = {CLIENT6, OTHER6, SERVER6};
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);

	for (size_t i = 0; result == 0 && i < ARRAY_LEN(addresses); i++)
		result = kernel_add_address6(fd, addresses[i]);
	for (size_t i = 0; result == 0 && i < ARRAY_LEN(addresses); i++)
		result = kernel_await_address6(addresses[i]);
	if (fd >= 0)
		close(fd);
	return result;
}

/* 0, or -1 where it is not permitted. */
static inline int kernel_enter(void)
{
	return kernel_become_root() < 0 ? -1 : kernel_set_up_lo();
}

static inline void kernel_fresh(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(kernel_set_up_lo(), 0);
}

static inline socklen_t kernel_address(
	const char *text, uint16_t port, struct sockaddr_storage *storage)
{
	struct sockaddr_in *in = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

/* A UDP socket bound to that address and port. */
static inline int kernel_udp(const char *address, uint16_t port)
{
	struct sockaddr_storage storage;
	socklen_t size = kernel_address(address, port, &storage);
	int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(bind(fd, (struct sockaddr *)&storage, size) == 0, "%s port %u: %s", address,
		port, strerror(errno));
	return fd;
}

static inline void kernel_connect(int fd, const char *address, uint16_t port)
{
	struct sockaddr_storage storage;
	socklen_t size = kernel_address(address, port, &storage);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&storage, size), 0);
}

/* Waits, within reason, for fd to become readable. */
static inline bool kernel_is_readable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	return poll(&wanted, 1, KERNEL_WAIT_MS) == 1;
}

static inline uint64_t kernel_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return cookie;
}

/* The id of this process's cgroup2, by its mount and its directory; 0 where there is none. */
static inline uint64_t kernel_own_cgroup(void)
{
	char line[4096], root[512] = "", path[4096 + 512];
	FILE *file = fopen("/proc/self/mounts", "re");
	struct stat status;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %511s cgroup2 ", root) == 1 && strstr(line, " cgroup2 "))
			break;
	if (!file || feof(file))
		root[0] = '\0';
	if (file)
		fclose(file);
	file = fopen("/proc/self/cgroup", "re");
	while (file && fgets(line, sizeof(line), file) && strncmp(line, "0::/", 4) != 0)
		;
	if (file)
		fclose(file);
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, sizeof(path), "%s%s", root, line + 3);
	if (!root[0] || strncmp(line, "0::/", 4) != 0 || stat(path, &status) < 0)
		return 0;
	return status.st_ino;
}

/* The main() of a program that wants a network of its own. */
#define CHECK_KERNEL_MAIN(name, ...)                                                               \
	int main(void)                                                                             \
	{                                                                                          \
		const struct check_test tests[] = {__VA_ARGS__};                                   \
		if (kernel_enter() < 0)                                                            \
			return CHECK_SKIP;                                                         \
		return check_status((name), tests, ARRAY_LEN(tests));                              \
	}

#endif
