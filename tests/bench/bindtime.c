/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into mosh-server: adds to the file that $BENCH_STAMPS names "bind PORT NS" for each UDP
 * port in mosh's range that it gets, with the time of CLOCK_MONOTONIC just before the system call.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static void stamp(unsigned int port, uint64_t ns)
{
	const char *path = getenv("BENCH_STAMPS");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	if (fd < 0)
		die("BENCH_STAMPS");
	dprintf(fd, "bind %u %llu\n", port, (unsigned long long)ns);
	close(fd);
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	uint64_t ns = now_ns();
	int result = (int)syscall(SYS_bind, fd, address, size);
	/* sin_port and sin6_port stand in the same place. */
	unsigned int port = ntohs(((const struct sockaddr_in *)address)->sin_port);

	if (result == 0 && (address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
		port >= 60000 && port <= 61000)
		stamp(port, ns);
	return result;
}
