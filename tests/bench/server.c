/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for mosh-server, of which a thousand fit into a machine, and which says when it does
 * what: mosh-server ADDRESS FIRST-LAST STAMPS [SECONDS] Binds the first free port, as mosh does,
 * goes into the background, and closes its socket at SIGTERM or after so many seconds. Adds to the
 * file STAMPS, of CLOCK_MONOTONIC: "bind PORT NS", the time just before the call, and "close PORT
 * NS" likewise.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

static void stamp(int fd, const char *what, unsigned int port, uint64_t ns)
{
	char line[64];
	int length =
		snprintf(line, sizeof(line), "%s %u %llu\n", what, port, (unsigned long long)ns);

	if (write(fd, line, (size_t)length) != length)
		die("stamps");
}

static unsigned int bind_one(int fd, const char *address, const char *range, uint64_t *ns)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	unsigned int first, last;

	if (sscanf(range, "%u-%u", &first, &last) != 2 ||
		inet_pton(AF_INET, address, &own.sin_addr) != 1) {
		fprintf(stderr, "no such address or range\n");
		exit(2);
	}
	for (unsigned int port = first; port <= last; port++) {
		own.sin_port = htons((uint16_t)port);
		*ns = now_ns();
		if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0)
			return port;
	}
	die("no port is free");
}

static void detach(void)
{
	int null = open("/dev/null", O_RDWR);

	if (fork() != 0)
		_exit(0);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
}

int main(int argc, char **argv)
{
	const int ect0 = 2; /* which mosh sets on its socket */
	const struct timespec patience = {argc > 4 ? (time_t)number(argv[4]) : 1000000, 0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), stamps;
	unsigned int port;
	sigset_t signals;
	uint64_t ns;

	if (argc < 4) {
		fprintf(stderr, "usage: mosh-server ADDRESS FIRST-LAST STAMPS [SECONDS]\n");
		return 2;
	}
	stamps = open(argv[3], O_WRONLY | O_APPEND);
	if (fd < 0 || stamps < 0 || setsockopt(fd, IPPROTO_IP, IP_TOS, &ect0, sizeof(ect0)) < 0)
		die(argv[3]);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	port = bind_one(fd, argv[1], argv[2], &ns);
	stamp(stamps, "bind", port, ns);
	printf("MOSH CONNECT %u\n", port);
	fflush(stdout);
	detach();
	sigtimedwait(&signals, NULL, &patience);
	ns = now_ns();
	close(fd);
	stamp(stamps, "close", port, ns);
	return 0;
}
