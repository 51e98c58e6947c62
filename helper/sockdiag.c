/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "memory.h"
#include "netlink.h"
#include "sockdiag.h"
#include "sockdiag_filter.h"
#include "tally.h"

#define ECN_MASK        3
#define ECN_ECT0        2
#define ENDED_BUFFER    (4 << 20) /* bytes; some 5,000 notices */
#define ENDED_MAX       1024      /* notices that are read at a time */
#define MESSAGE_MINIMUM NLMSG_LENGTH(sizeof(struct inet_diag_msg))
#define UID_UNKNOWN     UINT32_MAX /* no uid is that */

struct sockdiag {
	struct netlink netlink;
	struct mnl_socket *ended;
	uint16_t first_port, last_port;
	char buffer[32768];
};

/* Passes to us notices about ports inside the range alone: other sockets' ends wake nobody. */
static int filter_ports(int fd, uint16_t first, uint16_t last)
{
	const uint32_t port_at = NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_sport);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, port_at),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_ended(struct sockdiag *diag)
{
	static const int groups[] = {SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY};
	int size = ENDED_BUFFER, error;

	error = netlink_open(NETLINK_SOCK_DIAG, SOCK_NONBLOCK, &diag->ended);
	if (error == 0)
		error = filter_ports(
			mnl_socket_get_fd(diag->ended), diag->first_port, diag->last_port);
	if (error < 0)
		return error;
	/* A smaller buffer only means dumps more often. */
	setsockopt(mnl_socket_get_fd(diag->ended), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(diag->ended, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
			    sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

int sockdiag_open(uint16_t first_port, uint16_t last_port, struct sockdiag **diag)
{
	struct sockdiag *opened = memory_zeroed(sizeof(*opened));
	int error;

	opened->first_port = first_port;
	opened->last_port = last_port;
	opened->netlink.bus = NETLINK_SOCK_DIAG;
	error = open_ended(opened);
	if (error < 0)
		sockdiag_close(opened);
	else
		*diag = opened;
	return error;
}

void sockdiag_close(struct sockdiag *diag)
{
	if (!diag)
		return;
	netlink_close(&diag->netlink);
	if (diag->ended)
		mnl_socket_close(diag->ended);
	free(diag);
}

static uint64_t get_cookie(const struct inet_diag_msg *info)
{
	return info->id.idiag_cookie[0] | (uint64_t)info->id.idiag_cookie[1] << 32;
}

static int parse_attribute(const struct nlattr *attribute, struct udp_socket *socket)
{
	switch (mnl_attr_get_type(attribute)) {
	case INET_DIAG_TOS:
		if (mnl_attr_validate(attribute, MNL_TYPE_U8) < 0)
			return -EPROTO;
		socket->is_ecn = (mnl_attr_get_u8(attribute) & ECN_MASK) == ECN_ECT0;
		return 0;
	case INET_DIAG_SKV6ONLY:
		if (mnl_attr_validate(attribute, MNL_TYPE_U8) < 0)
			return -EPROTO;
		socket->is_dual = mnl_attr_get_u8(attribute) == 0;
		return 0;
	case INET_DIAG_CGROUP_ID:
		if (mnl_attr_validate(attribute, MNL_TYPE_U64) < 0)
			return -EPROTO;
		socket->cgroup = OBSERVED_CGROUP(mnl_attr_get_u64(attribute));
		return 0;
	default:
		return 0;
	}
}

int sockdiag_parse(const struct nlmsghdr *message, struct udp_socket *socket)
{
	const struct inet_diag_msg *info = mnl_nlmsg_get_payload(message);
	struct udp_socket parsed = {0};
	const struct nlattr *attribute;

	if (message->nlmsg_len < MESSAGE_MINIMUM ||
		(info->idiag_family != AF_INET && info->idiag_family != AF_INET6))
		return -EPROTO;
	parsed.cookie = get_cookie(info);
	parsed.port = ntohs(info->id.idiag_sport);
	parsed.uid = info->idiag_uid;
	parsed.interface = info->id.idiag_if;
	parsed.address =
		address_from_bytes(info->idiag_family == AF_INET ? 4 : 6, info->id.idiag_src);
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		if (parse_attribute(attribute, &parsed) < 0)
			return -EPROTO;
	}
	/* One that is bound to ::ffff:0.0.0.0 is an IPv4 one. */
	parsed.is_dual = parsed.is_dual && parsed.address.family == 6 &&
			 address_is_wildcard(&parsed.address);
	*socket = parsed;
	return 0;
}

struct dump {
	struct udp_sockets *sockets;
	size_t kept;                     /* of them: what was there before */
	const struct known_users *known; /* null: no socket is one too many */
	uint16_t first_port, last_port;
	uint8_t family;
	struct tally per_uid;
};

static void hide(struct udp_sockets *sockets, const struct udp_socket *socket)
{
	if (!sockets->hidden)
		sockets->hidden = memory_zeroed(sizeof(*sockets->hidden));
	if (socket->address.family == 4 || socket->is_dual)
		sockets->hidden->of4[socket->port] = true;
	if (socket->address.family == 6)
		sockets->hidden->of6[socket->port] = true;
}

/* Sockets beyond SOCKDIAG_PER_UID are left out, but for their ports. */
static bool is_one_too_many(struct dump *dump, const struct udp_socket *socket)
{
	bool is_known = dump->known && dump->known->has(socket->uid, dump->known->context);
	uint32_t uid = is_known ? socket->uid : UID_UNKNOWN;

	if (!dump->known || tally_add(&dump->per_uid, uid, 0, 1) <= SOCKDIAG_PER_UID)
		return false;
	hide(dump->sockets, socket);
	return true;
}

static void append(struct udp_sockets *sockets, const struct udp_socket *socket)
{
	sockets->items = memory_grow(
		sockets->items, sockets->count, &sockets->capacity, sizeof(*sockets->items));
	sockets->items[sockets->count++] = *socket;
}

static void begin(void *context)
{
	struct dump *dump = context;

	dump->sockets->count = dump->kept;
	tally_clear(&dump->per_uid);
	if (dump->sockets->hidden && dump->family == AF_INET)
		memset(dump->sockets->hidden->of4, 0, sizeof(dump->sockets->hidden->of4));
	if (dump->sockets->hidden && dump->family == AF_INET6)
		memset(dump->sockets->hidden->of6, 0, sizeof(dump->sockets->hidden->of6));
}

/* Nobody's mosh-server is bound to what many receive, and that port is no mosh-server's. */
static bool is_wanted(const struct dump *dump, const struct udp_socket *socket)
{
	return socket->port >= dump->first_port && socket->port <= dump->last_port &&
	       !address_is_multicast(&socket->address);
}

static int on_socket(const struct nlmsghdr *message, void *context)
{
	struct dump *dump = context;
	struct udp_socket socket;
	int error = sockdiag_parse(message, &socket);

	if (error == 0 && is_wanted(dump, &socket) && !is_one_too_many(dump, &socket))
		append(dump->sockets, &socket);
	return error;
}

static struct inet_diag_req_v2 *begin_request(
	union netlink_request *request, uint8_t family, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(request);
	struct inet_diag_req_v2 *asked = mnl_nlmsg_put_extra_header(message, sizeof(*asked));

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	asked->sdiag_family = family;
	asked->sdiag_protocol = IPPROTO_UDP;
	asked->idiag_states = 1u << TCP_CLOSE; /* a UDP socket that is not connected */
	asked->idiag_ext = 1u << (INET_DIAG_TOS - 1);
	return asked;
}

static int ask(struct sockdiag *diag, union netlink_request *request, struct dump *dump)
{
	const struct netlink_reader reader = {begin, on_socket, dump};
	int error = netlink_ask(&diag->netlink, request, &reader);

	tally_clear(&dump->per_uid);
	return error;
}

static int dump_family(struct sockdiag *diag, uint8_t family, const struct known_users *known,
	struct udp_sockets *sockets)
{
	struct dump dump = {
		sockets, sockets->count, known, diag->first_port, diag->last_port, family, {0}};
	union netlink_request request;

	begin_request(&request, family, NLM_F_DUMP);
	sockdiag_filter_put(&request.message, diag->first_port, diag->last_port, sockets->except);
	return ask(diag, &request, &dump);
}

/* The kernel looks for the socket that a packet to that address and port would come to. ENOENT:
 * there is none; ESTALE: another one. */
int sockdiag_find(
	struct sockdiag *diag, const struct udp_socket *socket, struct udp_sockets *sockets)
{
	struct dump dump = {
		sockets, sockets->count, NULL, socket->port, socket->port, AF_UNSPEC, {0}};
	union netlink_request request;
	struct inet_diag_req_v2 *asked = begin_request(
		&request, socket->address.family == 4 ? AF_INET : AF_INET6, NLM_F_ACK);
	int error;

	memcpy(asked->id.idiag_dst, socket->address.bytes, sizeof(asked->id.idiag_dst));
	asked->id.idiag_dport = htons(socket->port);
	asked->id.idiag_if = socket->interface;
	asked->id.idiag_cookie[0] = (uint32_t)socket->cookie;
	asked->id.idiag_cookie[1] = (uint32_t)(socket->cookie >> 32);
	error = ask(diag, &request, &dump);
	return error == -ENOENT || error == -ESTALE ? 0 : error;
}

int sockdiag_dump(
	struct sockdiag *diag, const struct known_users *known, struct udp_sockets *sockets)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < sizeof(families); i++) {
		int error = dump_family(diag, families[i], known, sockets);

		if (error < 0)
			return error;
	}
	return 0;
}

int sockdiag_ended_fd(const struct sockdiag *diag)
{
	return mnl_socket_get_fd(diag->ended);
}

struct ended {
	void (*call)(uint64_t cookie, void *context);
	void *context;
};

static int on_ended(const struct nlmsghdr *message, void *context)
{
	const struct ended *ended = context;

	if (message->nlmsg_len < MESSAGE_MINIMUM) {
		errno = EPROTO;
		return MNL_CB_ERROR;
	}
	ended->call(get_cookie(mnl_nlmsg_get_payload(message)), ended->context);
	return MNL_CB_OK;
}

int sockdiag_read_ended(
	struct sockdiag *diag, void (*call)(uint64_t cookie, void *context), void *context)
{
	struct ended ended = {call, context};

	for (int i = 0; i < ENDED_MAX; i++) {
		ssize_t length =
			mnl_socket_recvfrom(diag->ended, diag->buffer, sizeof(diag->buffer));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (mnl_cb_run(diag->buffer, (size_t)length, 0, 0, on_ended, &ended) < MNL_CB_STOP)
			return netlink_error();
	}
	return 0;
}
