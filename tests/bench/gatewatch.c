/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gatewatch [tables|ends]: both, if it is not said.
 *
 * The kernel's own notices of table moshgate and of UDP sockets, with the time of CLOCK_MONOTONIC
 * at which they came here: "NS open|shut PORT CLIENT" for elements of grants4, "NS gone|back" for
 * the table, "NS end PORT" for a socket's end. The kernel sends a notice after it has done the
 * thing, so each time is too late, if anything: by what it takes to wake this process, which goes
 * before all others.
 */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "bench.h"

#define BUFFER         (64 << 20)
#define KEY_BYTES      10 /* client, server and port, of IPv4 */
#define OF_TABLE(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

static uint64_t came_ns;

static void tell(const char *what)
{
	printf("%llu %s", (unsigned long long)came_ns, what);
}

static const struct nlattr *find(const struct nlattr *first, const void *end, uint16_t type)
{
	for (const struct nlattr *at = first; mnl_attr_ok(at, (const char *)end - (const char *)at);
		at = mnl_attr_next(at))
		if (mnl_attr_get_type(at) == type)
			return at;
	return NULL;
}

static const struct nlattr *find_in(const struct nlattr *nest, uint16_t type)
{
	return nest ? find(mnl_attr_get_payload(nest),
			      (const char *)mnl_attr_get_payload(nest) +
				      mnl_attr_get_payload_len(nest),
			      type)
		    : NULL;
}

static const struct nlattr *find_of(const struct nlmsghdr *message, uint16_t type)
{
	return find(mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg)),
		mnl_nlmsg_get_payload_tail(message), type);
}

static bool is_named(const struct nlattr *attribute, const char *name)
{
	return attribute && strcmp(mnl_attr_get_str(attribute), name) == 0;
}

static void on_elements(const struct nlmsghdr *message, const char *what)
{
	const struct nlattr *list = find_of(message, NFTA_SET_ELEM_LIST_ELEMENTS), *element;

	if (!list || !is_named(find_of(message, NFTA_SET_ELEM_LIST_TABLE), "moshgate") ||
		!is_named(find_of(message, NFTA_SET_ELEM_LIST_SET), "grants4"))
		return;
	mnl_attr_for_each_nested(element, list)
	{
		const struct nlattr *key =
			find_in(find_in(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
		const uint8_t *bytes = key ? mnl_attr_get_payload(key) : NULL;
		char client[INET_ADDRSTRLEN];

		if (!key || mnl_attr_get_payload_len(key) < KEY_BYTES)
			continue;
		tell(what);
		printf(" %u %s\n", (unsigned int)bytes[8] << 8 | bytes[9],
			inet_ntop(AF_INET, bytes, client, sizeof(client)));
	}
}

static void on_table(const struct nlmsghdr *message, const char *what)
{
	if (!is_named(find_of(message, NFTA_TABLE_NAME), "moshgate"))
		return;
	tell(what);
	putchar('\n');
}

static const struct {
	uint16_t type;
	const char *what;
	void (*call)(const struct nlmsghdr *message, const char *what);
} kinds[] = {
	{OF_TABLE(NFT_MSG_NEWSETELEM), "open", on_elements},
	{OF_TABLE(NFT_MSG_DELSETELEM), "shut", on_elements},
	{OF_TABLE(NFT_MSG_DELTABLE), "gone", on_table},
	{OF_TABLE(NFT_MSG_NEWTABLE), "back", on_table},
};

static int on_change(const struct nlmsghdr *message, void *context)
{
	(void)context;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (message->nlmsg_type == kinds[i].type)
			kinds[i].call(message, kinds[i].what);
	return MNL_CB_OK;
}

static int on_end(const struct nlmsghdr *message, void *context)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	unsigned int port = ntohs(socket->id.idiag_sport);

	(void)context;
	if (port < 60000 || port > 61000)
		return MNL_CB_OK;
	tell("end");
	printf(" %u\n", port);
	return MNL_CB_OK;
}

static struct mnl_socket *hear(int protocol, int group)
{
	struct mnl_socket *netlink = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int size = BUFFER;

	if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0 ||
		setsockopt(mnl_socket_get_fd(netlink), SOL_SOCKET, SO_RCVBUFFORCE, &size,
			sizeof(size)) < 0 ||
		mnl_socket_setsockopt(netlink, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		die("netlink");
	return netlink;
}

/* One datagram, all of whose notices came at one time; a notice that was lost ends the measurement.
 */
static void pass_on(struct mnl_socket *netlink, mnl_cb_t call)
{
	static char buffer[1 << 16];
	ssize_t length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));

	came_ns = now_ns();
	if (length < 0 || mnl_cb_run(buffer, (size_t)length, 0, 0, call, NULL) < 0)
		die("notices");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct mnl_socket *tables = NULL, *sockets = NULL;
	struct pollfd fds[] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};

	if (argc < 2 || strcmp(argv[1], "tables") == 0) {
		tables = hear(NETLINK_NETFILTER, NFNLGRP_NFTABLES);
		fds[0].fd = mnl_socket_get_fd(tables);
	}
	if (argc < 2 || strcmp(argv[1], "ends") == 0) {
		sockets = hear(NETLINK_SOCK_DIAG, SKNLGRP_INET_UDP_DESTROY);
		fds[1].fd = mnl_socket_get_fd(sockets);
	}
	go_first();
	puts("listening");
	fflush(stdout);
	while (poll(fds, 2, -1) > 0) {
		if (fds[1].revents)
			pass_on(sockets, on_end);
		if (fds[0].revents)
			pass_on(tables, on_change);
	}
	die("poll");
}
