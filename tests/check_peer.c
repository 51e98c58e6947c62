/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real TCP connections, whose other end is a child's, on the loopback of a network of our own. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_main.h"
#include "peer.h"

#define NAME "client.example.org"

static struct address untouched = {.family = 77, .bytes = {7, 7, 7}};

/* Linux's struct in6_ifreq, whose header does not go together with netinet/in.h. */
struct address6_request {
	struct in6_addr address;
	uint32_t prefix;
	int index;
};

static bool enter_own_network(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK};
	struct address6_request local = {.prefix = 64};
	int fd4, fd6;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd4 = socket(AF_INET, SOCK_DGRAM, 0);
	fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	local.index = (int)if_nametoindex("lo");
	inet_pton(AF_INET6, "fe80::1", &local.address);
	bool is_up = ioctl(fd4, SIOCSIFFLAGS, &up) == 0 && ioctl(fd6, SIOCSIFADDR, &local) == 0;
	close(fd4);
	close(fd6);
	return is_up;
}

static void network(void)
{
	ck_assert_msg(enter_own_network(), "no network of our own: %s", strerror(errno));
}

static socklen_t fill(const char *text, struct sockaddr_storage *name)
{
	struct sockaddr_in *ip4 = (struct sockaddr_in *)name;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)name;

	memset(name, 0, sizeof(*name));
	if (inet_pton(AF_INET, text, &ip4->sin_addr) == 1) {
		name->ss_family = AF_INET;
		return sizeof(*ip4);
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &ip6->sin6_addr), 1);
	name->ss_family = AF_INET6;
	if (IN6_IS_ADDR_LINKLOCAL(&ip6->sin6_addr))
		ip6->sin6_scope_id = if_nametoindex("lo");
	return sizeof(*ip6);
}

static int bound(const char *text, int type)
{
	struct sockaddr_storage name;
	socklen_t size = fill(text, &name);
	int fd = socket(name.ss_family, type, 0);

	ck_assert_int_ge(fd, 0);
	/* A worker of the kernel's makes a new IPv6 address usable: at once, but not in our time.
	 */
	while (bind(fd, (struct sockaddr *)&name, size) < 0) {
		ck_assert_int_eq(errno, EADDRNOTAVAIL);
		sched_yield();
	}
	return fd;
}

/* A child connects and stays connected until the test's process is gone. It must not assert:
 * Check's pipe is its parent's. */
static void connect_child(const char *own, const char *client, in_port_t port)
{
	struct sockaddr_storage name;
	socklen_t size = fill(own, &name);
	int fd = bound(client, SOCK_STREAM);
	pid_t parent = getpid();

	((struct sockaddr_in *)&name)->sin_port = port; /* at the same place as IPv6's */
	if (fork() != 0) {
		close(fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || connect(fd, (struct sockaddr *)&name, size) < 0)
		_exit(EXIT_FAILURE);
	for (;;)
		pause();
}

/* Our end of a new connection from client to listen_on, reached as own. */
static int accepted(const char *listen_on, const char *own, const char *client)
{
	int listener = bound(listen_on, SOCK_STREAM), fd;
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);

	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
	connect_child(own, client, ((struct sockaddr_in *)&name)->sin_port);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	close(listener);
	return fd;
}

static int from(const char *client, const char *own)
{
	return accepted(own, own, client);
}

static size_t count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(fds))
		count++;
	closedir(fds);
	return count;
}

static void check_address(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_str_eq(address_format(address, text), expected);
}

static void check_found(const char *rhost, const char *client, const char *server)
{
	struct address found_client = untouched, found_server = untouched;
	size_t fds = count_fds();

	ck_assert_int_eq(peer_find(rhost, &found_client, &found_server), 0);
	check_address(&found_client, client);
	check_address(&found_server, server);
	ck_assert_uint_eq(count_fds(), fds);
}

static void check_unknown(const char *rhost, int error)
{
	struct address client = untouched, server = untouched;
	size_t fds = count_fds();

	ck_assert_int_eq(peer_find(rhost, &client, &server), error);
	ck_assert_mem_eq(&client, &untouched, sizeof(client));
	ck_assert_mem_eq(&server, &untouched, sizeof(server));
	ck_assert_uint_eq(count_fds(), fds);
}

START_TEST(peer_numeric_rhost)
{
	check_found("192.0.2.1", "192.0.2.1", "none");
	network();
	from("127.0.0.2", "127.0.0.1");
	check_found("127.0.0.2", "127.0.0.2", "127.0.0.1");
	check_found("192.0.2.1", "192.0.2.1", "none");
}
END_TEST

START_TEST(peer_name)
{
	network();
	from("127.0.0.2", "127.0.0.1");
	check_found(NAME, "127.0.0.2", "127.0.0.1");
	check_found("localhost", "127.0.0.2", "127.0.0.1");
	check_found("1.2.3", "127.0.0.2", "127.0.0.1");
}
END_TEST

START_TEST(name_without_connection)
{
	network();
	check_unknown(NAME, -ENOTCONN);
}
END_TEST

START_TEST(peer_ambiguous)
{
	network();
	from("127.0.0.2", "127.0.0.1");
	from("127.0.0.3", "127.0.0.1");
	check_unknown(NAME, -ENOTCONN);
}
END_TEST

START_TEST(ambiguous_around)
{
	int first;

	network();
	first = from("127.0.0.2", "127.0.0.1");
	from("127.0.0.2", "127.0.0.9");
	ck_assert_int_ge(dup(first), 0);
	check_unknown(NAME, -ENOTCONN);
	check_found("127.0.0.2", "127.0.0.2", "none");
}
END_TEST

START_TEST(duplicated_connection)
{
	int fd;

	network();
	fd = from("127.0.0.2", "127.0.0.1");
	ck_assert_int_ge(dup(fd), 0);
	ck_assert_int_ge(dup(fd), 0);
	check_found(NAME, "127.0.0.2", "127.0.0.1");
	check_found("127.0.0.2", "127.0.0.2", "127.0.0.1");
}
END_TEST

START_TEST(numeric_rhost_of_several)
{
	network();
	from("127.0.0.2", "127.0.0.1");
	from("127.0.0.3", "127.0.0.4");
	from("127.0.0.5", "127.0.0.6");
	check_found("127.0.0.2", "127.0.0.2", "127.0.0.1");
	check_found("127.0.0.3", "127.0.0.3", "127.0.0.4");
	check_found("127.0.0.5", "127.0.0.5", "127.0.0.6");
	check_found("127.0.0.7", "127.0.0.7", "none");
}
END_TEST

START_TEST(mapped)
{
	network();
	accepted("::", "127.0.0.1", "127.0.0.2");
	check_found(NAME, "127.0.0.2", "127.0.0.1");
	check_found("127.0.0.2", "127.0.0.2", "127.0.0.1");
	check_found("::ffff:127.0.0.2", "127.0.0.2", "127.0.0.1");
	check_found("::ffff:192.0.2.1", "192.0.2.1", "none");
}
END_TEST

START_TEST(zone)
{
	check_found("fe80::1%nowhere", "fe80::1", "none");
	network();
	from("fe80::1", "fe80::1");
	check_found("fe80::1%lo", "fe80::1", "fe80::1");
	check_found(NAME, "fe80::1", "fe80::1");
}
END_TEST

START_TEST(other_sockets)
{
	struct sockaddr_storage name;
	int udp, pair[2];

	network();
	udp = bound("127.0.0.2", SOCK_DGRAM);
	socklen_t size = fill("127.0.0.1", &name);
	((struct sockaddr_in *)&name)->sin_port = htons(9);
	ck_assert_int_eq(connect(udp, (struct sockaddr *)&name, size), 0);
	ck_assert_int_eq(listen(bound("127.0.0.1", SOCK_STREAM), 1), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	check_unknown(NAME, -ENOTCONN);
	check_found("127.0.0.1", "127.0.0.1", "none");
	from("127.0.0.2", "127.0.0.1");
	check_found(NAME, "127.0.0.2", "127.0.0.1");
}
END_TEST

/* The environment and names that look like a path or an option mean nothing. */
START_TEST(hostile_names)
{
	static char huge[10001];

	memset(huge, '1', sizeof(huge) - 1);
	setenv("SSH_CONNECTION", "192.0.2.66 1 192.0.2.67 22", 1);
	setenv("SSH_CLIENT", "192.0.2.66 1 22", 1);
	network();
	check_unknown(huge, -ENOTCONN);
	check_unknown("", -ENOTCONN);
	check_unknown("192.0.2.1 ", -ENOTCONN);
	check_unknown("../../etc/hosts", -ENOTCONN);
}
END_TEST

/* To none at all; gives what it was. */
static void lower_limit(struct rlimit *limit)
{
	struct rlimit none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, limit), 0);
	none = (struct rlimit){0, limit->rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

START_TEST(no_descriptor_left)
{
	struct rlimit limit;
	struct address client = untouched, server = untouched, numeric = untouched;

	lower_limit(&limit);
	int error = peer_find(NAME, &client, &server);
	int error_of_numeric = peer_find("192.0.2.1", &numeric, &server);
	setrlimit(RLIMIT_NOFILE, &limit);

	ck_assert_int_eq(error, -EMFILE);
	ck_assert_mem_eq(&client, &untouched, sizeof(client));
	ck_assert_int_eq(error_of_numeric, 0);
	check_address(&numeric, "192.0.2.1");
	check_address(&server, "none");
}
END_TEST

static bool is_permitted(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(enter_own_network() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	const struct check_test tests[] = {TEST(peer_numeric_rhost), TEST(peer_name),
		TEST(name_without_connection), TEST(peer_ambiguous), TEST(ambiguous_around),
		TEST(duplicated_connection), TEST(numeric_rhost_of_several), TEST(mapped),
		TEST(zone), TEST(other_sockets), TEST(hostile_names), TEST(no_descriptor_left)};

	if (!is_permitted())
		return CHECK_SKIP;
	return check_status("peer", tests, ARRAY_LEN(tests));
}
