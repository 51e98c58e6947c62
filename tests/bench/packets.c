/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a packet costs on its way in: packets ROUNDS BURST HOST:PORT...
 * In the network namespace of each host, by the loopback interface, a burst of datagrams to
 * 192.0.2.1 and that port, each host in turn, again and again. The kernel takes such a datagram
 * through the input chains before sendto() returns, on the same processor, so that the time of a
 * burst is all that its packets cost. Prints a line of nanoseconds per packet for each round, in
 * the order of the hosts.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define HOSTS_MAX 32

struct pair {
	int sender, receiver;
};

static void enter(const char *host)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", host);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
	close(fd);
}

/* The receiver's filter takes nothing: no queue, no wake-up, the same for all. */
static struct pair open_pair(unsigned int port)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {1, &nothing};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct pair pair = {socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	inet_pton(AF_INET, "192.0.2.2", &from.sin_addr);
	if (setsockopt(pair.receiver, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) <
			0 ||
		bind(pair.receiver, (struct sockaddr *)&to, sizeof(to)) < 0 ||
		bind(pair.sender, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		connect(pair.sender, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("sockets");
	return pair;
}

/* The first ones warm up what other hosts' bursts have cooled down. */
static double burst(int fd, unsigned int count)
{
	static const char bytes[100];
	uint64_t start_ns = 0;

	for (unsigned int i = 0; i < count + count / 4; i++) {
		if (i == count / 4)
			start_ns = now_ns();
		(void)!send(fd, bytes, sizeof(bytes), 0);
	}
	return (double)(now_ns() - start_ns) / count;
}

int main(int argc, char **argv)
{
	struct pair pairs[HOSTS_MAX];
	int count = argc - 3;
	unsigned int rounds, size;
	cpu_set_t processor;

	if (count < 1 || count > HOSTS_MAX) {
		fprintf(stderr, "usage: packets ROUNDS BURST HOST:PORT...\n");
		return 2;
	}
	rounds = number(argv[1]);
	size = number(argv[2]);
	for (int i = 0; i < count; i++) {
		char *colon = strchr(argv[3 + i], ':');

		if (!colon)
			return 2;
		*colon = '\0';
		enter(argv[3 + i]);
		pairs[i] = open_pair(number(colon + 1));
	}
	CPU_ZERO(&processor);
	CPU_SET(sched_getcpu(), &processor);
	sched_setaffinity(0, sizeof(processor), &processor);
	for (unsigned int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			printf("%.1f%c", burst(pairs[i].sender, size), i + 1 < count ? ' ' : '\n');
	return 0;
}
