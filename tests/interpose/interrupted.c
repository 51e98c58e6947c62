/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into the helper: counts, in 8 bytes of the file that $INTERRUPTED names, how often
 * rulesets changed while it read a set. The kernel says so by NLM_F_DUMP_INTR, or, of elements, by
 * another generation in a later message of the same answer.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

static volatile uint64_t *interrupted;
static ssize_t (*real)(const struct mnl_socket *socket, void *buffer, size_t size);

/* Before the program confines itself. */
__attribute__((constructor)) static void map(void)
{
	int fd = open(getenv("INTERRUPTED"), O_RDWR | O_CLOEXEC);
	void *mapped = mmap(NULL, sizeof(*interrupted), PROT_WRITE, MAP_SHARED, fd, 0);

	*(void **)&real = dlsym(RTLD_NEXT, "mnl_socket_recvfrom");
	if (fd < 0 || mapped == MAP_FAILED || !real)
		abort();
	close(fd);
	interrupted = mapped;
}

static bool is_interrupted(const struct nlmsghdr *message)
{
	static uint32_t sequence;
	static uint16_t generation;
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
	bool is_other = message->nlmsg_seq == sequence && head->res_id != generation;

	sequence = message->nlmsg_seq;
	generation = head->res_id;
	return is_other || (message->nlmsg_flags & NLM_F_DUMP_INTR);
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	ssize_t length = real(socket, buffer, size);
	const struct nlmsghdr *message = buffer;

	if (length >= (ssize_t)MNL_NLMSG_HDRLEN + (ssize_t)sizeof(struct nfgenmsg) &&
		(message->nlmsg_flags & NLM_F_MULTI) && message->nlmsg_type != NLMSG_DONE &&
		message->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES && is_interrupted(message))
		++*interrupted;
	return length;
}
