/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's answers about sockets and its notices of their ends: every socket that is told of is
 * inside the range and whole, and what was there before stays. */
#include "fuzz_netlink.h"
#include "sockdiag.h"

#define FIRST 60000
#define LAST  61000

static void check_socket(const struct udp_socket *socket)
{
	const struct address *address = &socket->address;

	PROMISE(address->family == 4 || address->family == 6);
	PROMISE(!socket->is_dual || address_is_wildcard(address));
}

static bool is_known(uint32_t uid, const void *context)
{
	return uid % 2 == (uintptr_t)context;
}

static void check_dump(struct sockdiag *diag)
{
	const struct known_users known = {is_known, NULL};
	struct udp_sockets sockets = {calloc(1, sizeof(struct udp_socket)), 1, 1, NULL, NULL};

	PROMISE(sockets.items);
	sockets.items[0].cookie = 1;
	PROMISE(sockdiag_dump(diag, &known, &sockets) <= 0);
	PROMISE(sockets.count >= 1 && sockets.items[0].cookie == 1);
	for (size_t i = 1; i < sockets.count; i++) {
		PROMISE(sockets.items[i].port >= FIRST && sockets.items[i].port <= LAST);
		check_socket(&sockets.items[i]);
	}
	free(sockets.items);
	free(sockets.hidden);
}

static void on_ended(uint64_t cookie, void *context)
{
	(void)cookie;
	++*(size_t *)context;
}

/* What is found is at the port that was asked for. */
static void check_found(struct sockdiag *diag)
{
	const struct udp_socket asked = {.address = {4, {192, 0, 2, 7}}, .port = 60001};
	struct udp_sockets sockets = {calloc(1, sizeof(struct udp_socket)), 1, 1, NULL, NULL};

	PROMISE(sockets.items);
	sockets.items[0].cookie = 1;
	PROMISE(sockdiag_find(diag, &asked, &sockets) <= 0);
	PROMISE(sockets.count >= 1 && sockets.items[0].cookie == 1 && !sockets.hidden);
	for (size_t i = 1; i < sockets.count; i++) {
		PROMISE(sockets.items[i].port == asked.port);
		check_socket(&sockets.items[i]);
	}
	free(sockets.items);
}

/* No notice is shorter than its head. */
static void check_ended(struct sockdiag *diag)
{
	size_t most = fuzz_datagrams.left / NLMSG_HDRLEN, count = 0;

	PROMISE(sockdiag_read_ended(diag, on_ended, &count) <= 0);
	PROMISE(count <= most);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct sockdiag *diag;
	uint8_t kind;

	fuzz_datagrams = (struct fuzz_input){bytes, size};
	PROMISE(sockdiag_open(FIRST, LAST, &diag) == 0);
	kind = fuzz_byte(&fuzz_datagrams);
	if (kind == 'd')
		check_dump(diag);
	else if (kind == 'f')
		check_found(diag);
	else
		check_ended(diag);
	sockdiag_close(diag);
	return 0;
}
