/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/resource.h>

#include "check_interrupt.h"
#include "check_kernel.h"
#include "sockdiag.h"

#define FIRST 60000
#define LAST  61000

/* The kernel's messages are longer than these; room for one and two attributes. */
union bytes {
	struct nlmsghdr message;
	uint8_t bytes[256];
};

static struct sockdiag *diag;
static struct udp_sockets sockets;

static void begin(void)
{
	kernel_fresh();
	sockets = (struct udp_sockets){0};
	ck_assert_int_eq(sockdiag_open(FIRST, LAST, &diag), 0);
}

static void finish(void)
{
	free(sockets.items);
	free(sockets.hidden);
	sockdiag_close(diag);
}

static const struct udp_socket *dump_one(void)
{
	free(sockets.items);
	sockets = (struct udp_sockets){0};
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, 1);
	return &sockets.items[0];
}

static const struct {
	const char *bound, *expected;
	bool is_v6only, is_dual;
} bounds[] = {
	{"127.0.0.7", "127.0.0.7", false, false},
	{"0.0.0.0", "0.0.0.0", false, false},
	{SERVER6, SERVER6, false, false},
	{SERVER6, SERVER6, true, false},
	{"::", "::", false, true},
	{"::", "::", true, false},
	{"::ffff:127.0.0.7", "127.0.0.7", false, false},
	{"::ffff:0.0.0.0", "0.0.0.0", false, false},
};

static int open_bound(const char *bound, uint16_t port, int v6only)
{
	struct sockaddr_storage storage;
	socklen_t size = kernel_address(bound, port, &storage);
	int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (storage.ss_family == AF_INET6)
		ck_assert_int_eq(
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&storage, size), 0);
	return fd;
}

START_TEST(sockdiag_tells_socket)
{
	const struct udp_socket *found;
	char text[ADDRESS_TEXT_SIZE];
	int fd;

	begin();
	fd = open_bound(bounds[_i].bound, 60001, bounds[_i].is_v6only);
	found = dump_one();
	ck_assert_str_eq(address_format(&found->address, text), bounds[_i].expected);
	ck_assert_uint_eq(found->port, 60001);
	ck_assert_uint_eq(found->uid, geteuid());
	ck_assert_uint_eq(found->cookie, kernel_cookie(fd));
	ck_assert_int_eq(found->is_dual, bounds[_i].is_dual);
	ck_assert(!found->is_ecn);
	close(fd);
	finish();
}
END_TEST

/* What many receive is nobody's mosh-server's. */
START_TEST(sockdiag_passes_over_multicast)
{
	static const char *const groups[] = {"224.0.0.1", "255.255.255.255", "ff0e::1"};
	struct udp_sockets none = {0};
	int fd;

	begin();
	fd = open_bound(groups[_i], 60001, 0);
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &none), 0);
	ck_assert_uint_eq(none.count, 0);
	close(fd);
	finish();
}
END_TEST

/* Asked for one by one, each is found; and once it has ended, and another is there, it is not. */
START_TEST(sockdiag_finds_socket)
{
	struct udp_sockets found = {0};
	struct udp_socket wanted;
	int fd;

	begin();
	fd = open_bound(bounds[_i].bound, 60001, bounds[_i].is_v6only);
	wanted = *dump_one();
	ck_assert_int_eq(sockdiag_find(diag, &wanted, &found), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_mem_eq(&found.items[0], &wanted, sizeof(wanted));
	close(fd);
	ck_assert_int_eq(sockdiag_find(diag, &wanted, &found), 0);
	ck_assert_uint_eq(found.count, 1);
	fd = open_bound(bounds[_i].bound, 60001, bounds[_i].is_v6only);
	ck_assert_int_eq(sockdiag_find(diag, &wanted, &found), 0);
	ck_assert_uint_eq(found.count, 1);
	close(fd);
	free(found.items);
	finish();
}
END_TEST

static struct port_span span(const char *text, uint16_t first, uint16_t last)
{
	struct port_span made = {{0}, first, last};

	ck_assert_int_eq(address_parse(text, &made.address), 0);
	return made;
}

/* An address that differs in its last bit. */
static struct port_span neighbour(const char *text, uint16_t port)
{
	struct port_span made = span(text, port, port);

	made.address.bytes[15] ^= 1;
	return made;
}

static bool is_told(uint16_t port, const char *text)
{
	struct address address;

	ck_assert_int_eq(address_parse(text, &address), 0);
	for (size_t i = 0; i < sockets.count; i++)
		if (sockets.items[i].port == port &&
			address_equal(&sockets.items[i].address, &address))
			return true;
	return false;
}

static const struct {
	const char *bound;
	uint16_t port;
	bool is_told;
} excepted[] = {
	{"127.0.0.7", 60000, true},
	{"127.0.0.7", 60001, false},
	{"127.0.0.7", 60002, false},
	{"::ffff:127.0.0.7", 60003, false},
	{"127.0.0.7", 60004, true},
	{"127.0.0.8", 60002, true}, /* on another address */
	{"127.0.0.8", 60004, false},
	{SERVER6, 60002, true},
	{SERVER6, 61000, false},
	{"0.0.0.0", 60020, true},
	{"0.0.0.0", 60021, false},
	{"::", 60021, true}, /* of the other family */
	{"::", 60022, false},
};

/* What is not asked for is not told, and nothing but that. */
START_TEST(sockdiag_excepts)
{
	const struct port_spans except = {
		.items = {span("127.0.0.7", 60001, 60003), span("127.0.0.8", 60004, 60004),
			span(SERVER6, 60990, 61000), span("0.0.0.0", 60021, 60021),
			span("::", 60022, 60022), span("127.0.0.6", 60000, 60004),
			neighbour(SERVER6, 60002)},
		.count = 7,
	};
	int fds[ARRAY_LEN(excepted)];
	size_t told = 0;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(excepted); i++)
		fds[i] = open_bound(
			excepted[i].bound, excepted[i].port, strcmp(excepted[i].bound, "::") == 0);
	sockets.except = &except;
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	for (size_t i = 0; i < ARRAY_LEN(excepted); i++) {
		ck_assert_msg(is_told(excepted[i].port, excepted[i].bound) == excepted[i].is_told,
			"%s port %u", excepted[i].bound, excepted[i].port);
		told += excepted[i].is_told;
		close(fds[i]);
	}
	ck_assert_uint_eq(sockets.count, told);
	finish();
}
END_TEST

/* The longest question there is. */
START_TEST(sockdiag_excepts_many)
{
	struct port_spans except = {.count = PORT_SPANS_MAX};
	int fds[PORT_SPANS_MAX + 1];

	begin();
	for (uint16_t i = 0; i <= PORT_SPANS_MAX; i++) {
		if (i < PORT_SPANS_MAX)
			except.items[i] = span(SERVER6, 60000 + i, 60000 + i);
		fds[i] = open_bound(SERVER6, 60000 + i, true);
	}
	sockets.except = &except;
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, 1);
	ck_assert(is_told(60000 + PORT_SPANS_MAX, SERVER6));
	for (size_t i = 0; i <= PORT_SPANS_MAX; i++)
		close(fds[i]);
	finish();
}
END_TEST

/* One that is bound to an interface is found there alone. */
START_TEST(sockdiag_finds_on_interface)
{
	struct udp_sockets found = {0};
	struct udp_socket wanted;
	int fd;

	begin();
	fd = kernel_udp(SERVER4, 60001);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
	wanted = *dump_one();
	ck_assert_uint_ne(wanted.interface, 0);
	ck_assert_int_eq(sockdiag_find(diag, &wanted, &found), 0);
	ck_assert_uint_eq(found.count, 1);
	close(fd);
	free(found.items);
	finish();
}
END_TEST

#define SOME 50u

static bool is_known(uint32_t uid, const void *context)
{
	(void)uid;
	return *(const bool *)context;
}

static void raise_files(void)
{
	struct rlimit files;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	ck_assert_uint_gt(files.rlim_cur, SOCKDIAG_PER_UID + 100);
}

/* As many as one may have and some more; every fourth one is another uid's, where that can be. */
static void open_too_many(void)
{
	raise_files();
	for (unsigned int i = 0; i < SOCKDIAG_PER_UID + SOME; i++) {
		char address[ADDRESS_TEXT_SIZE];
		int fd;

		snprintf(address, sizeof(address), "127.0.%u.1", i / 1000);
		fd = open_bound(address, (uint16_t)(FIRST + i % 1000), 0);
		if (i % 4 == 0 && fchown(fd, 1000 + i, (gid_t)-1) < 0)
			ck_assert(errno == EPERM || errno == EINVAL);
	}
}

static bool has_cookie(uint64_t cookie)
{
	for (size_t i = 0; i < sockets.count; i++)
		if (sockets.items[i].cookie == cookie)
			return true;
	return false;
}

static void note_hidden(struct hidden_ports *hidden, const struct udp_socket *socket)
{
	if (has_cookie(socket->cookie))
		return;
	if (socket->address.family == 6)
		hidden->of6[socket->port] = true;
	if (socket->address.family == 4 || socket->is_dual)
		hidden->of4[socket->port] = true;
}

/* Ports are hidden where sockets are that are not told of, and nowhere else. */
static void assert_hidden(void)
{
	struct hidden_ports *hidden = calloc(1, sizeof(*hidden));
	struct udp_sockets all = {0};

	ck_assert_ptr_nonnull(hidden);
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &all), 0);
	ck_assert_uint_eq(all.count, SOCKDIAG_PER_UID + SOME);
	ck_assert_ptr_null(all.hidden);
	for (size_t i = 0; i < all.count; i++)
		note_hidden(hidden, &all.items[i]);
	ck_assert_ptr_nonnull(sockets.hidden);
	ck_assert_int_eq(memcmp(sockets.hidden, hidden, sizeof(*hidden)), 0);
	free(hidden);
	free(all.items);
}

/* One user's thousands are not told of beyond a number, and the next dump counts anew; nor are
 * those of any number of uids that nobody knows. */
START_TEST(sockdiag_most_of_a_user)
{
	bool is_everybody_known = false;
	const struct known_users known = {is_known, &is_everybody_known};

	begin();
	open_too_many();
	for (int i = 0; i < 2; i++) {
		sockets.count = 0;
		ck_assert_int_eq(sockdiag_dump(diag, &known, &sockets), 0);
		ck_assert_uint_eq(sockets.count, SOCKDIAG_PER_UID);
	}
	assert_hidden();
	free(sockets.hidden);
	sockets.hidden = NULL;
	is_everybody_known = true;
	sockets.count = 0;
	ck_assert_int_eq(sockdiag_dump(diag, &known, &sockets), 0);
	ck_assert_uint_ge(sockets.count, SOCKDIAG_PER_UID);
	sockets.count = 0;
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, SOCKDIAG_PER_UID + SOME);
	finish();
}
END_TEST

static void open_shared(uint16_t port, int v6only)
{
	struct sockaddr_storage storage;
	socklen_t size = kernel_address("::", port, &storage);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&storage, size), 0);
}

/* What is bound to any address of both families is hidden in both; a known user's as well. */
START_TEST(sockdiag_hides_in_both)
{
	bool is_everybody_known = false;
	const struct known_users known = {is_known, &is_everybody_known};
	size_t of4 = 0, of6 = 0;

	begin();
	raise_files();
	for (unsigned int i = 0; i < SOCKDIAG_PER_UID + SOME; i++)
		open_shared((uint16_t)(FIRST + i % 1000), i % 2);
	ck_assert_int_eq(sockdiag_dump(diag, &known, &sockets), 0);
	assert_hidden();
	for (unsigned int port = FIRST; port < FIRST + 1000; port++) {
		of4 += sockets.hidden->of4[port];
		of6 += sockets.hidden->of6[port];
	}
	ck_assert_uint_gt(of4, 0);
	ck_assert_uint_gt(of6, of4);
	/* A dump that is begun anew has forgotten what it hid. */
	sockets.hidden->of4[1] = sockets.hidden->of6[1] = true;
	sockets.count = 0;
	ck_assert_int_eq(sockdiag_dump(diag, &known, &sockets), 0);
	assert_hidden();
	free(sockets.hidden);
	sockets.hidden = NULL;
	is_everybody_known = true;
	sockets.count = 0;
	ck_assert_int_eq(sockdiag_dump(diag, &known, &sockets), 0);
	ck_assert_uint_eq(sockets.count, SOCKDIAG_PER_UID);
	assert_hidden();
	finish();
}
END_TEST

/* "Again", never "gone". A dump without any socket is one message and cannot be interrupted. */
START_TEST(sockdiag_interrupted)
{
	int fd;

	begin();
	fd = kernel_udp(SERVER4, 60001);
	interruptions = 4;
	ck_assert_uint_eq(dump_one()->port, 60001);
	ck_assert_int_eq(interruptions, 0);
	close(fd);
	finish();
}
END_TEST

/* Of a dead socket's number and a new one's at the same place, the cookie tells which. */
START_TEST(sockdiag_cookie_is_new)
{
	uint64_t first;
	int fd;

	begin();
	fd = kernel_udp(SERVER4, 60001);
	first = dump_one()->cookie;
	close(fd);
	fd = kernel_udp(SERVER4, 60001);
	ck_assert_uint_ne(dump_one()->cookie, first);
	close(fd);
	finish();
}
END_TEST

static const struct {
	const char *bound;
	int tos;
	bool is_ecn;
} marks[] = {
	{SERVER4, 0x02, true},
	{SERVER4, 0x92, true},
	{SERVER4, 0x00, false},
	{SERVER4, 0x90, false},
	{SERVER6, 0x02, true},
	{"::", 0x92, true},
};

START_TEST(sockdiag_tells_ecn)
{
	int fd;

	begin();
	fd = kernel_udp(marks[_i].bound, 60001);
	ck_assert_int_eq(
		setsockopt(fd, IPPROTO_IP, IP_TOS, &marks[_i].tos, sizeof(marks[_i].tos)), 0);
	ck_assert_int_eq(dump_one()->is_ecn, marks[_i].is_ecn);
	close(fd);
	finish();
}
END_TEST

/* The cgroup's id is its directory's inode number. */
START_TEST(sockdiag_tells_cgroup)
{
	uint64_t cgroup = kernel_own_cgroup();
	int fd;

	begin();
	fd = kernel_udp(SERVER4, 60001);
	if (cgroup != 0)
		ck_assert_uint_eq(dump_one()->cgroup, cgroup);
	else
		ck_assert_uint_le(dump_one()->cgroup, 1); /* the root's, or none */
	close(fd);
	finish();
}
END_TEST

static const struct {
	const char *bound;
	uint16_t port;
	bool is_connected, is_seen;
} scopes[] = {
	{SERVER4, 59999, false, false},
	{SERVER4, 60000, false, true},
	{SERVER4, 61000, false, true},
	{SERVER4, 61001, false, false},
	{SERVER4, 60001, true, false},
	{SERVER6, 59999, false, false},
	{SERVER6, 60000, false, true},
	{SERVER6, 61000, false, true},
	{SERVER6, 61001, false, false},
	{SERVER6, 60001, true, false},
};

START_TEST(sockdiag_range)
{
	int fd;

	begin();
	fd = kernel_udp(scopes[_i].bound, scopes[_i].port);
	if (scopes[_i].is_connected)
		kernel_connect(fd, scopes[_i].bound, 9);
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, scopes[_i].is_seen);
	close(fd);
	finish();
}
END_TEST

/* More than fit in one message of the kernel; both families; and a second dump appends. */
START_TEST(sockdiag_many)
{
	const size_t each = 400;

	begin();
	for (uint16_t i = 0; i < each; i++) {
		kernel_udp(SERVER4, (uint16_t)(FIRST + i));
		kernel_udp(SERVER6, (uint16_t)(FIRST + i));
	}
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, 2 * each);
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &sockets), 0);
	ck_assert_uint_eq(sockets.count, 4 * each);
	ck_assert_mem_eq(&sockets.items[0].cookie, &sockets.items[2 * each].cookie, 8);
	finish();
}
END_TEST

struct ended {
	uint64_t cookies[4];
	size_t count;
};

static void on_ended(uint64_t cookie, void *context)
{
	struct ended *ended = context;

	ck_assert_uint_lt(ended->count, 4);
	ended->cookies[ended->count++] = cookie;
}

static const char *const ended_at[] = {SERVER4, SERVER6, "0.0.0.0", "::"};

START_TEST(sockdiag_tells_end)
{
	struct ended ended = {0};
	uint64_t cookie;
	int fd;

	begin();
	fd = kernel_udp(ended_at[_i], 60001);
	cookie = kernel_cookie(fd);
	ck_assert_int_eq(sockdiag_read_ended(diag, on_ended, &ended), 0);
	ck_assert_uint_eq(ended.count, 0);
	close(fd);
	ck_assert(kernel_is_readable(sockdiag_ended_fd(diag)));
	ck_assert_int_eq(sockdiag_read_ended(diag, on_ended, &ended), 0);
	ck_assert_uint_eq(ended.count, 1);
	ck_assert_uint_eq(ended.cookies[0], cookie);
	finish();
}
END_TEST

/* Others' ends wake nobody. The notices come in order: the last one is there, so all would be. */
START_TEST(sockdiag_filters_ends)
{
	static const uint16_t ports[] = {59999, 60000, 61000, 61001};
	uint64_t cookies[4];
	struct ended ended = {0};
	int fds[4];

	begin();
	for (size_t i = 0; i < 4; i++) {
		fds[i] = kernel_udp(SERVER4, ports[i]);
		cookies[i] = kernel_cookie(fds[i]);
	}
	close(fds[0]);
	close(fds[3]);
	close(fds[1]);
	close(fds[2]);
	while (ended.count < 2) {
		ck_assert(kernel_is_readable(sockdiag_ended_fd(diag)));
		ck_assert_int_eq(sockdiag_read_ended(diag, on_ended, &ended), 0);
	}
	ck_assert_uint_eq(ended.cookies[0] + ended.cookies[1], cookies[1] + cookies[2]);
	ck_assert_uint_eq(ended.count, 2);
	finish();
}
END_TEST

/* Notices nobody reads: the kernel drops some, and we are told so. */
START_TEST(sockdiag_tells_loss)
{
	struct pollfd overrun = {.events = 0};
	int small = 1, error;
	struct ended ended = {0};

	begin();
	overrun.fd = sockdiag_ended_fd(diag);
	ck_assert_int_eq(setsockopt(overrun.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (int i = 0; i < 100; i++)
		close(kernel_udp(SERVER4, 60001));
	/* An error to be fetched: that is the loss. */
	ck_assert_int_eq(poll(&overrun, 1, KERNEL_WAIT_MS), 1);
	ck_assert_int_ne(overrun.revents & POLLERR, 0);
	error = sockdiag_read_ended(diag, on_ended, &ended);
	ck_assert_int_eq(error, -ENOBUFS);
	finish();
}
END_TEST

/* Adds an attribute whose length says claimed, and that has that many bytes of the value. */
static void put_attribute(union bytes *bytes, uint16_t type, uint16_t size, uint8_t value)
{
	struct nlattr *attribute = (void *)(bytes->bytes + bytes->message.nlmsg_len);

	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
	memset((uint8_t *)attribute + NLA_HDRLEN, value, size);
	bytes->message.nlmsg_len += NLA_ALIGN(attribute->nla_len);
}

static void make(union bytes *bytes, uint8_t family)
{
	struct inet_diag_msg *info;

	memset(bytes, 0, sizeof(*bytes));
	bytes->message.nlmsg_len = NLMSG_LENGTH(sizeof(*info));
	info = NLMSG_DATA(&bytes->message);
	info->idiag_family = family;
	info->idiag_uid = 1000;
	info->id.idiag_sport = htons(60001);
	info->id.idiag_cookie[0] = 0x11223344;
	info->id.idiag_cookie[1] = 0x55667788;
}

START_TEST(sockdiag_parses)
{
	struct udp_socket found;
	union bytes bytes;

	make(&bytes, AF_INET6);
	put_attribute(&bytes, INET_DIAG_TOS, 1, 0x02);
	put_attribute(&bytes, INET_DIAG_SKV6ONLY, 1, 0);
	put_attribute(&bytes, INET_DIAG_CGROUP_ID, 8, 0x01);
	put_attribute(&bytes, 0x3abc, 3, 0xff);
	ck_assert_int_eq(sockdiag_parse(&bytes.message, &found), 0);
	ck_assert_uint_eq(found.cookie, 0x5566778811223344);
	ck_assert_uint_eq(found.port, 60001);
	ck_assert_uint_eq(found.uid, 1000);
	ck_assert(found.is_ecn);
	ck_assert(found.is_dual);
	ck_assert_uint_eq(found.cgroup, 0x01010101); /* as of an inode of a 32-bit kernel */
}
END_TEST

/* Cut anywhere, with nothing behind it: ASan would see a byte read too far. */
START_TEST(sockdiag_truncated)
{
	struct udp_socket found = {.port = 7};
	struct nlmsghdr *copy;
	union bytes bytes;
	uint32_t whole;
	int result;

	make(&bytes, AF_INET);
	whole = bytes.message.nlmsg_len;
	put_attribute(&bytes, INET_DIAG_TOS, 1, 0x02);
	_i += NLMSG_HDRLEN;
	copy = malloc((size_t)_i);
	memcpy(copy, &bytes, (size_t)_i);
	copy->nlmsg_len = (uint32_t)_i;
	result = sockdiag_parse(copy, &found);
	if ((uint32_t)_i < whole) {
		ck_assert_int_eq(result, -EPROTO);
		ck_assert_uint_eq(found.port, 7);
	} else {
		ck_assert_int_eq(result, 0);
		ck_assert(!found.is_ecn);
	}
	free(copy);
}
END_TEST

static const struct {
	uint16_t type, size;
} bad_attributes[] = {
	{INET_DIAG_TOS, 0},
	{INET_DIAG_TOS, 2},
	{INET_DIAG_SKV6ONLY, 0},
	{INET_DIAG_SKV6ONLY, 4},
	{INET_DIAG_CGROUP_ID, 0},
	{INET_DIAG_CGROUP_ID, 4},
	{INET_DIAG_CGROUP_ID, 7},
	{INET_DIAG_CGROUP_ID, 12},
};

START_TEST(sockdiag_bad_attribute)
{
	struct udp_socket found = {.port = 7};
	union bytes bytes;

	make(&bytes, AF_INET);
	put_attribute(&bytes, bad_attributes[_i].type, bad_attributes[_i].size, 2);
	ck_assert_int_eq(sockdiag_parse(&bytes.message, &found), -EPROTO);
	ck_assert_uint_eq(found.port, 7);
}
END_TEST

/* One that says it is longer than its message. */
START_TEST(sockdiag_long_attribute)
{
	struct udp_socket found;
	struct nlmsghdr *copy;
	union bytes bytes;
	struct nlattr *attribute;

	make(&bytes, AF_INET);
	attribute = (void *)(bytes.bytes + bytes.message.nlmsg_len);
	put_attribute(&bytes, INET_DIAG_CGROUP_ID, 8, 1);
	attribute->nla_len = 200;
	copy = malloc(bytes.message.nlmsg_len);
	memcpy(copy, &bytes, bytes.message.nlmsg_len);
	ck_assert_int_eq(sockdiag_parse(copy, &found), 0);
	ck_assert_uint_eq(found.cgroup, 0);
	free(copy);
}
END_TEST

START_TEST(sockdiag_other_family)
{
	struct udp_socket found;
	union bytes bytes;

	make(&bytes, AF_UNIX);
	ck_assert_int_eq(sockdiag_parse(&bytes.message, &found), -EPROTO);
}
END_TEST

int main(void)
{
	const int header = NLMSG_HDRLEN, whole = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	const struct check_test tests[] = {
		LOOP(sockdiag_tells_socket, ARRAY_LEN(bounds)),
		LOOP(sockdiag_passes_over_multicast, 3),
		LOOP(sockdiag_finds_socket, ARRAY_LEN(bounds)),
		TEST(sockdiag_excepts),
		TEST(sockdiag_excepts_many),
		TEST(sockdiag_finds_on_interface),
		TEST(sockdiag_most_of_a_user),
		TEST(sockdiag_hides_in_both),
		TEST(sockdiag_cookie_is_new),
		TEST(sockdiag_interrupted),
		LOOP(sockdiag_tells_ecn, ARRAY_LEN(marks)),
		TEST(sockdiag_tells_cgroup),
		LOOP(sockdiag_range, ARRAY_LEN(scopes)),
		TEST(sockdiag_many),
		LOOP(sockdiag_tells_end, ARRAY_LEN(ended_at)),
		TEST(sockdiag_filters_ends),
		TEST(sockdiag_tells_loss),
		TEST(sockdiag_parses),
		LOOP(sockdiag_bad_attribute, ARRAY_LEN(bad_attributes)),
		TEST(sockdiag_long_attribute),
		TEST(sockdiag_other_family),
		LOOP(sockdiag_truncated, whole + NLA_HDRLEN - header + 1),
	};

	if (kernel_enter() < 0)
		return CHECK_SKIP;
	return check_status("sockdiag", tests, ARRAY_LEN(tests));
}
