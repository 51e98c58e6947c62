/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of the kernel, and answers of every kind: libmnl's sockets are stood in for. */
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "check_main.h"
#include "contents.h"
#include "drops.h"
#include "elements_parse.h"
#include "netlink.h"

#define PORT  77
#define TRIES 10

/* How the second part of an answer differs from an end; the first is a message as it should be. */
struct oddity {
	int send_error, receive_error; /* in place of it */
	uint16_t type, flags;
	int error; /* of NLMSG_ERROR */
	uint32_t sequence, port;
	uint32_t cut; /* so much shorter */
	int expected;
	bool is_asked_again;
};

static const struct oddity oddities[] = {
	{.send_error = EINTR, .expected = -EINTR, .is_asked_again = true},
	{.send_error = ENOBUFS, .expected = -ENOBUFS},
	{.receive_error = EINTR, .expected = -EINTR, .is_asked_again = true},
	{.receive_error = EAGAIN, .expected = -EAGAIN},
	{.receive_error = ENOBUFS, .expected = -ENOBUFS},
	{.receive_error = ENOSPC, .expected = -ENOSPC},
	{.type = NLMSG_DONE, .flags = NLM_F_DUMP_INTR, .expected = -EINTR, .is_asked_again = true},
	{.type = NLMSG_DONE, .sequence = 1, .expected = -EPROTO, .is_asked_again = true},
	{.type = NLMSG_DONE, .port = 1, .expected = -ESRCH, .is_asked_again = true},
	{.type = NLMSG_MIN_TYPE, .cut = 4, .expected = -EPROTO, .is_asked_again = true},
	{.type = NLMSG_ERROR, .error = -EINTR, .expected = -EINTR, .is_asked_again = true},
	{.type = NLMSG_ERROR, .error = -EBUSY, .expected = -EBUSY},
	{.type = NLMSG_ERROR, .error = -ENOENT, .expected = -ENOENT},
	{.type = NLMSG_ERROR, .error = INT32_MIN, .expected = -EPROTO, .is_asked_again = true},
	{.type = NLMSG_ERROR, .cut = 4, .expected = -EBADMSG},
};

static struct {
	const struct oddity *oddity; /* null: there is none */
	int odd_answers;             /* so many have it */
	uint32_t first_cut;          /* the first message is so much shorter, too */
	int open, opened, asked, read;
	int open_error, bind_error;
	uint32_t sequence;
} kernel;

static struct mnl_socket *const the_socket = (struct mnl_socket *)&kernel;

static int refuse(int error)
{
	errno = error;
	return -1;
}

/* In libmnl's place. */
struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	ck_assert_int_eq(bus, NETLINK_NETFILTER);
	ck_assert_int_eq(flags, SOCK_CLOEXEC);
	ck_assert_int_eq(kernel.open, 0);
	if (kernel.open_error)
		return refuse(kernel.open_error), NULL;
	kernel.open = 1;
	kernel.opened++;
	return the_socket;
}

int mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t port)
{
	ck_assert(socket == the_socket && groups == 0 && port == MNL_SOCKET_AUTOPID);
	return kernel.bind_error ? refuse(kernel.bind_error) : 0;
}

int mnl_socket_close(struct mnl_socket *socket)
{
	ck_assert(socket == the_socket && kernel.open);
	kernel.open = 0;
	kernel.read = 0;
	return refuse(EIO);
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *socket)
{
	ck_assert(socket == the_socket);
	return PORT;
}

static bool is_odd(void)
{
	return kernel.oddity && kernel.asked <= kernel.odd_answers;
}

/* Nothing may be left of the last answer. */
ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t size)
{
	const struct nlmsghdr *message = request;

	ck_assert(socket == the_socket && kernel.open);
	ck_assert_int_eq(kernel.read, 0);
	ck_assert_uint_eq(size, message->nlmsg_len);
	ck_assert(message->nlmsg_flags & NLM_F_REQUEST);
	ck_assert_uint_ne(message->nlmsg_seq, kernel.sequence);
	kernel.sequence = message->nlmsg_seq;
	kernel.asked++;
	if (is_odd() && kernel.oddity->send_error)
		return refuse(kernel.oddity->send_error);
	return (ssize_t)size;
}

static ssize_t put(void *buffer, const struct oddity *as)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	size_t size = as->type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(struct nfgenmsg);
	struct nlmsgerr *error = mnl_nlmsg_put_extra_header(message, size);

	if (as->type == NLMSG_ERROR)
		error->error = as->error;
	message->nlmsg_type = as->type;
	message->nlmsg_flags = NLM_F_MULTI | as->flags;
	message->nlmsg_seq = kernel.sequence + as->sequence;
	message->nlmsg_pid = PORT + as->port;
	message->nlmsg_len -= as->cut;
	return message->nlmsg_len;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	const struct oddity first = {.type = NLMSG_MIN_TYPE, .cut = kernel.first_cut};
	const struct oddity end = {.type = NLMSG_DONE};

	ck_assert(socket == the_socket && kernel.open && size >= 32768);
	ck_assert_int_lt(kernel.read, 2);
	if (kernel.read++ == 0)
		return put(buffer, &first);
	if (!is_odd()) {
		kernel.read = 0;
		return put(buffer, &end);
	}
	if (kernel.oddity->receive_error)
		return refuse(kernel.oddity->receive_error);
	if (kernel.oddity->error == -ENOENT)
		kernel.read = 0;
	return put(buffer, kernel.oddity);
}

static int messages;

static void begin(void *context)
{
	ck_assert_ptr_eq(context, &messages);
	messages = 0;
}

static int count(const struct nlmsghdr *message, void *context)
{
	ck_assert_ptr_eq(context, &messages);
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return -EPROTO;
	messages++;
	return 0;
}

static const struct netlink_reader reader = {begin, count, &messages};
static struct netlink netlink = {.bus = NETLINK_NETFILTER};

static int ask(const struct oddity *oddity, int odd_answers)
{
	union netlink_request request;

	kernel.oddity = oddity;
	kernel.odd_answers = odd_answers;
	kernel.opened = kernel.asked = 0;
	messages = -1;
	netlink_begin_nftables(&request, 1, NLM_F_DUMP);
	return netlink_ask(&netlink, &request, &reader);
}

/* One socket does for any number. */
START_TEST(netlink_answered)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask(NULL, 0), 0);
		ck_assert_int_eq(kernel.opened, i == 0);
		ck_assert_int_eq(kernel.asked, 1);
		ck_assert_int_eq(messages, 1);
	}
	netlink_close(&netlink);
	netlink_close(&netlink);
	ck_assert_int_eq(kernel.open, 0);
}
END_TEST

/* What tells nothing is asked again, by a new socket; and forgotten is what it told. */
START_TEST(netlink_asked_again)
{
	const struct oddity *oddity = &oddities[_i];

	if (!oddity->is_asked_again)
		return;
	ck_assert_int_eq(ask(oddity, TRIES - 1), 0);
	ck_assert_int_eq(kernel.asked, TRIES);
	ck_assert_int_eq(kernel.opened, TRIES);
	ck_assert_int_eq(messages, 1);
}
END_TEST

/* Not for ever; and nothing of what failed is in the next one's way. Only that there is nothing is
 * an answer of which nothing can be left. */
START_TEST(netlink_failed)
{
	const struct oddity *oddity = &oddities[_i];
	bool is_kept = oddity->expected == -ENOENT;

	ck_assert_int_eq(ask(oddity, TRIES), oddity->expected);
	ck_assert_int_eq(kernel.asked, oddity->is_asked_again ? TRIES : 1);
	ck_assert_int_eq(kernel.open, is_kept);
	ck_assert_int_eq(ask(NULL, 0), 0);
	ck_assert_int_eq(kernel.opened, !is_kept);
	ck_assert_int_eq(messages, 1);
}
END_TEST

START_TEST(netlink_no_socket)
{
	kernel.open_error = EMFILE;
	ck_assert_int_eq(ask(NULL, 0), -EMFILE);
	kernel.open_error = 0;
	kernel.bind_error = EADDRINUSE;
	ck_assert_int_eq(ask(NULL, 0), -EADDRINUSE);
	ck_assert_int_eq(kernel.open, 0);
	kernel.bind_error = 0;
	ck_assert_int_eq(ask(NULL, 0), 0);
}
END_TEST

/* A message without its head is not passed over: what it would have said is not known. */
START_TEST(netlink_short)
{
	union netlink_request message;
	struct drops drops;
	uint32_t found;

	kernel.first_cut = sizeof(struct nfgenmsg);
	ck_assert_int_eq(contents_count("moshgate", &found), -EPROTO);
	ck_assert_int_eq(drops_read("moshgate", &drops), -EPROTO);
	netlink_begin_nftables(&message, 1, 0)->nlmsg_len = NLMSG_HDRLEN;
	ck_assert_int_eq(elements_parse(&message.message, "moshgate", NULL, NULL), -EPROTO);
}
END_TEST

CHECK_MAIN("netlink", TEST(netlink_answered), LOOP(netlink_asked_again, ARRAY_LEN(oddities)),
	LOOP(netlink_failed, ARRAY_LEN(oddities)), TEST(netlink_no_socket), TEST(netlink_short))
