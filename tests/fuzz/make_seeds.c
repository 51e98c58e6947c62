/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the binary seeds of the fuzz targets into the folder that is named, which has a folder for
 * each target: messages and state files by the code that writes them, netlink messages and
 * inotify's records as this kernel gives them. The other seeds are text, and written by hand, but
 * for rulesets, which are what nft -j list ruleset says.
 *
 *	make tests/fuzz/make_seeds && tests/fuzz/make_seeds .../tests/fuzz/seeds
 */
#include <dirent.h>
#include <sys/inotify.h>

#include "../check_nft.h"
#include "batch.h"
#include "contents.h"
#include "drops.h"
#include "elements.h"
#include "observer.h"
#include "sockdiag.h"
#include "state.h"

#include <dlfcn.h>
#include <libmnl/libmnl.h>

#define BOOT_ID_AT   24
#define BOOT_ID_SIZE 36
#define OTHER_PORT   7 /* as in fuzz_netlink.h */

static int seeds; /* the folder */
static FILE *recorded;
static bool is_numbered; /* what is recorded keeps its messages' numbers */

static FILE *create(const char *name)
{
	int fd = openat(seeds, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	ck_assert_msg(file, "%s: %s", name, strerror(errno));
	return file;
}

static const char *path_in(const char *folder, const char *name)
{
	static char paths[2][CHECK_FOLDER_SIZE + 16];
	static unsigned int next;
	char *path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* Without the zeros at its end, which the target adds. */
static void write_short(const char *name, const uint8_t *bytes, size_t size)
{
	FILE *file = create(name);

	while (size > 0 && bytes[size - 1] == 0)
		size--;
	fwrite(bytes, 1, size, file);
	fclose(file);
}

static struct wire_session a_session(void)
{
	return (struct wire_session){
		.type = WIRE_OPEN,
		.uid = 1001,
		.client = {4, {203, 0, 113, 5}},
		.server = {4, {198, 51, 100, 7}},
		.user = "alice",
		.auth = "publickey ssh-ed25519 AAAA\n",
	};
}

static void write_session(const char *name, const struct wire_session *session)
{
	uint8_t bytes[WIRE_SESSION_SIZE];

	ck_assert_int_eq(wire_session_encode(session, bytes), 0);
	write_short(name, bytes, sizeof(bytes));
}

static void write_control(const char *name, const struct wire_control *control)
{
	uint8_t bytes[WIRE_CONTROL_SIZE];
	FILE *file = create(name);

	wire_control_encode(control, bytes);
	fwrite(bytes, 1, sizeof(bytes), file);
	fclose(file);
}

static void write_answer(const char *name, enum wire_answer answer)
{
	uint8_t bytes[WIRE_ANSWER_SIZE];
	FILE *file = create(name);

	wire_answer_encode(answer, bytes);
	fwrite(bytes, 1, sizeof(bytes), file);
	fclose(file);
}

START_TEST(messages)
{
	struct wire_session session = a_session();

	write_session("wire/open4", &session);
	write_session("wire/close", &(struct wire_session){.type = WIRE_CLOSE});
	session.client = (struct address){6, {0x20, 1, 0xd, 0xb8, [15] = 5}};
	session.server.family = 0;
	memset(session.server.bytes, 0, sizeof(session.server.bytes));
	write_session("wire/open6", &session);
	write_control("wire/status", &(struct wire_control){.type = WIRE_STATUS});
	write_control("wire/revoke-all", &(struct wire_control){.type = WIRE_REVOKE});
	write_control("wire/revoke-user",
		&(struct wire_control){.type = WIRE_REVOKE, .is_of_user = 1, .uid = 1001});
	write_control("wire/revoke-one",
		&(struct wire_control){
			.type = WIRE_REVOKE, .client = {4, {203, 0, 113, 5}}, .port = 60001});
	write_control("wire/allow",
		&(struct wire_control){.type = WIRE_ALLOW, .client = {4, {203, 0, 113, 6}}});
	write_answer("wire/done", WIRE_DONE);
	write_answer("wire/failed", WIRE_FAILED);
}
END_TEST

/* The id of this boot becomes zeros. */
START_TEST(state)
{
	struct state_login login = {
		.pid = 4242, .start = 1234567, .since_ms = 12345670, .session = a_session()};
	char folder[CHECK_FOLDER_SIZE];
	uint8_t bytes[64 + WIRE_SESSION_SIZE];
	struct state *opened;
	FILE *file;

	check_make_folder(folder);
	ck_assert_int_eq(state_open(folder, &opened), 0);
	ck_assert_int_eq(state_save(opened, &login), 0);
	file = fopen(path_in(folder, "logins/4242.new"), "re");
	ck_assert_uint_eq(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	fclose(file);
	memset(bytes + BOOT_ID_AT, 0, BOOT_ID_SIZE);
	write_short("state/login", bytes, sizeof(bytes));
	state_close(opened);
	check_remove_folder(folder);
}
END_TEST

/* To any port, and if it is not said otherwise to any request: a message's number and port are 0,
 * but for whose a change is. */
static void write_datagram(FILE *file, uint8_t *bytes, size_t size, uint32_t port)
{
	struct nlmsghdr *message = (struct nlmsghdr *)bytes;
	int left = (int)size;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (!is_numbered)
			message->nlmsg_seq = 0;
		message->nlmsg_pid = port;
	}
	fputc((int)(size & 0xff), file);
	fputc((int)(size >> 8), file);
	fwrite(bytes, 1, size, file);
}

/* In libmnl's place: what a dump answers is written down. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	ssize_t (*real)(const struct mnl_socket *, void *, size_t);
	uint8_t copy[65536];
	ssize_t length;

	*(void **)&real = dlsym(RTLD_NEXT, "mnl_socket_recvfrom");
	length = real(socket, buffer, size);
	if (recorded && length > 0) {
		memcpy(copy, buffer, (size_t)length);
		write_datagram(recorded, copy, (size_t)length, 0);
	}
	return length;
}

static void record(const char *name, char kind)
{
	recorded = create(name);
	fputc(kind, recorded);
}

static void finish(void)
{
	fclose(recorded);
	recorded = NULL;
}

/* What waits on fd, each as its own datagram. */
static void write_waiting(const char *name, char kind, int fd, uint32_t port)
{
	static uint8_t bytes[65536];
	FILE *file = create(name);
	ssize_t length;

	fputc(kind, file);
	while ((length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		write_datagram(file, bytes, (size_t)length, port);
	fclose(file);
}

START_TEST(sockets)
{
	struct udp_sockets found = {0};
	struct sockdiag *diag;
	int one = 2, fd4, fd6;

	ck_assert_int_eq(sockdiag_open(60000, 61000, &diag), 0);
	fd4 = kernel_udp(SERVER4, 60001);
	ck_assert_int_eq(setsockopt(fd4, IPPROTO_IP, IP_TOS, &one, sizeof(one)), 0);
	fd6 = kernel_udp("::", 60002);
	record("sockdiag/dump", 'd');
	ck_assert_int_eq(sockdiag_dump(diag, NULL, &found), 0);
	finish();
	ck_assert_uint_ge(found.count, 1);
	record("sockdiag/find", 'f');
	ck_assert_int_eq(sockdiag_find(diag, &found.items[0], &found), 0);
	finish();
	close(fd4);
	close(fd6);
	ck_assert(kernel_is_readable(sockdiag_ended_fd(diag)));
	write_waiting("sockdiag/ended", 'e', sockdiag_ended_fd(diag), 0);
	sockdiag_close(diag);
}
END_TEST

#define SETS                                                                                       \
	"add table inet moshgate\n"                                                                \
	"add set inet moshgate grants4 { type ipv4_addr . ipv4_addr . inet_service;"               \
	" flags dynamic,timeout; counter; }\n"                                                     \
	"add set inet moshgate grants6 { type ipv6_addr . ipv6_addr . inet_service;"               \
	" flags dynamic,timeout; counter; }\n"                                                     \
	"add set inet moshgate servers { type inet_service; }\n"                                   \
	"add element inet moshgate servers { 60001, 60002 }\n"                                     \
	"add element inet moshgate grants4 { " ELEMENT4                                            \
	" counter packets 6 bytes 600 timeout 100s comment \"1 u=3e9 c=5f s=1c1 v=l\" }\n"         \
	"add element inet moshgate grants6 { 2001:db8::1 . 2001:db8::7 . 60002 timeout 200s }\n"
#define ELEMENT4 "192.0.2.1 . 192.0.2.7 . 60001"

static struct kernel_sets *sets;

/* The one of grants, whose comment says that it is longer than its element's data. */
static void write_long_comment(void)
{
	static const char comment[] = "1 u=3e9";
	uint8_t bytes[4096], *found;
	FILE *file = fdopen(openat(seeds, "elements/grants", O_RDONLY | O_CLOEXEC), "r");
	size_t size = fread(bytes, 1, sizeof(bytes), file);

	fclose(file);
	found = memmem(bytes, size, comment, strlen(comment));
	ck_assert_ptr_nonnull(found);
	found[-1] = 0xff;
	file = create("elements/long-comment");
	fwrite(bytes, 1, size, file);
	fclose(file);
}

/* Somebody else's change, ours, and that somebody's again. */
static void write_mixed(void)
{
	static uint8_t bytes[65536];
	FILE *file = create("elements/mixed");

	fputc('l', file);
	for (uint32_t i = 0; i < 3; i++) {
		ssize_t length;

		nft_run("add element inet moshgate servers { 60003 }\n"
			"delete element inet moshgate servers { 60003 }");
		while ((length = recv(
				elements_notice_fd(sets), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
			write_datagram(file, bytes, (size_t)length, OTHER_PORT + i % 2);
	}
	fclose(file);
}

static void make_change(const char *name, char kind, const char *commands)
{
	nft_run(commands);
	write_waiting(name, kind, elements_notice_fd(sets), OTHER_PORT);
}

START_TEST(elements)
{
	struct grant_key key = nft_key("192.0.2.1", "192.0.2.7", 60001);
	struct elements found = {0};
	struct element element;
	char commands[512];

	ck_assert_int_eq(elements_open("moshgate", &sets), 0);
	make_change("elements/learned", 'l', SETS);
	record("elements/grants", 'g');
	ck_assert_int_eq(elements_read(sets, &found), 0);
	finish();
	record("elements/ports", 'p');
	ck_assert_int_eq(elements_read_ports(sets, &found), 0);
	finish();
	record("elements/one", 'e');
	ck_assert_int_eq(elements_get(sets, &key, &element), 0);
	finish();
	write_long_comment();
	write_mixed();
	make_change("elements/deleted", 'n', "delete element inet moshgate grants4 {" ELEMENT4 "}");
	make_change("elements/flushed", 'n', "flush ruleset");
	record("elements/none", 'g');
	ck_assert_int_eq(elements_read(sets, &found), 0);
	finish();
	snprintf(commands, sizeof(commands),
		"add element inet moshgate grants4 { " ELEMENT4 " comment \"%0128d\" }", 0);
	nft_run(SETS "delete element inet moshgate grants4 { " ELEMENT4 " }");
	nft_run(commands);
	record("elements/longest-comment", 'g');
	ck_assert_int_eq(elements_read(sets, &found), 0);
	finish();
	nft_run("flush ruleset");
	nft_run("add table inet moshgate\n"
		"add set inet moshgate grants4 { type inet_service; }\n"
		"add element inet moshgate grants4 { 60001 }\n");
	record("elements/other-type", 'g');
	found.count = 0;
	ck_assert_int_eq(elements_read(sets, &found), 0);
	ck_assert_uint_eq(found.count, 0);
	finish();
	elements_close(sets);
}
END_TEST

START_TEST(drops)
{
	struct drops found;

	nft_run("add table inet moshgate\n"
		"add set inet moshgate servers { type inet_service; }\n"
		"add chain inet moshgate guard\n"
		"add rule inet moshgate guard udp dport @servers counter packets 3 bytes 96 drop\n"
		"add rule inet moshgate guard limit rate 10/minute log prefix \"moshgate drop \"\n"
		"add rule inet moshgate guard counter packets 2 bytes 64 drop\n");
	record("drops/guard", 'r');
	ck_assert_int_eq(drops_read("moshgate", &found), 0);
	finish();
	nft_run("flush ruleset");
	record("drops/none", 'r');
	ck_assert_int_eq(drops_read("moshgate", &found), -ENOENT);
	finish();
}
END_TEST

START_TEST(contents)
{
	uint32_t count;

	nft_run("add table inet moshgate\n"
		"add set inet moshgate servers { type inet_service; }\n"
		"add chain inet moshgate guard\n");
	record("contents/two", 't');
	ck_assert_int_eq(contents_count("moshgate", &count), 0);
	ck_assert_uint_eq(count, 2);
	finish();
	nft_run("flush ruleset");
	record("contents/none", 't');
	ck_assert_int_eq(contents_count("moshgate", &count), -ENOENT);
	finish();
}
END_TEST

/* As in fuzz_batch.c. */
static int run_batch(void)
{
	struct change change = {.kind = CHANGE_PORT_SHUT, .key = {.port = 60001}};
	const struct plan plan = {.changes = &change, .count = 1};
	struct batch *batch;
	int result;

	ck_assert_int_eq(batch_open(&batch), 0);
	result = batch_run(batch, "moshgate", &plan);
	batch_close(batch);
	return result;
}

START_TEST(batch)
{
	is_numbered = true;
	record("batch/refused", 'b');
	ck_assert_int_eq(run_batch(), -ENOENT);
	finish();
	record("batch/refused-and-done", 'b');
	ck_assert_int_eq(run_batch(), -ENOENT);
	nft_run("add table inet moshgate\n"
		"add set inet moshgate servers { type inet_service; }\n");
	ck_assert_int_eq(run_batch(), 0);
	finish();
	record("batch/done", 'b');
	ck_assert_int_eq(run_batch(), 0);
	finish();
	is_numbered = false;
	record("batch/of-another", 'b');
	ck_assert_int_eq(run_batch(), 0);
	finish();
	nft_run("flush ruleset");
}
END_TEST

static void touch(const char *folder, const char *name)
{
	fclose(fopen(path_in(folder, name), "we"));
}

START_TEST(records)
{
	char folder[CHECK_FOLDER_SIZE];
	uint8_t bytes[1024];
	struct config config;
	struct observer *observer;
	const char *what;
	ssize_t length;
	FILE *file;

	check_make_folder(folder);
	config_defaults(&config);
	snprintf(config.gate.servers[0], CONFIG_PATH_SIZE, "%s/mosh-server", folder);
	touch(folder, "mosh-server");
	ck_assert_int_eq(observer_open(&config, &observer, &what), 0);
	touch(folder, "mosh-server");
	touch(folder, "new");
	ck_assert_int_eq(rename(path_in(folder, "new"), path_in(folder, "mosh-server")), 0);
	length = read(observer_exec_fd(observer), bytes, sizeof(bytes));
	ck_assert_int_gt(length, 0);
	file = create("observer/exec");
	fwrite(bytes, 1, (size_t)length, file);
	fclose(file);
	observer_close(observer);
	check_remove_folder(folder);
}
END_TEST

/* Each is another one with one byte changed. */
static const struct {
	const char *name, *of;
	size_t at;
	uint8_t byte;
} changes[] = {
	{"wire/other-version", "wire/done", 0, 2},
	{"wire/unknown", "wire/done", 2, 9},
	{"wire/unknown-family", "wire/open4", 8, 5},
	{"wire/no-user", "wire/open4", 44, 0},
	{"wire/behind-user", "wire/open4", 60, 1},
	{"wire/reserved", "wire/open4", 10, 1},
	{"wire/unknown-request", "wire/status", 2, 9},
	{"wire/of-nobody", "wire/status", 9, 1},
	{"wire/of-two", "wire/revoke-user", 9, 2},
	{"wire/revoke-family", "wire/revoke-all", 8, 5},
	{"state/other-boot", "state/login", BOOT_ID_AT, 1},
	{"state/other-process", "state/login", 4, 1},
	{"sockdiag/other-family", "sockdiag/dump", 19, AF_UNIX},
	{"sockdiag/out-of-range", "sockdiag/dump", 23, 0},
	{"sockdiag/attribute", "sockdiag/dump", 91, 4},
	{"sockdiag/short", "sockdiag/ended", 3, 80},
	{"elements/other-table", "elements/grants", 27, 'x'},
	{"elements/other-set", "elements/grants", 43, 'x'},
	{"elements/no-table", "elements/deleted", 25, 9},
	{"batch/other-type", "batch/done", 7, NLMSG_DONE},
	{"batch/short", "batch/done", 3, 19},
	{"batch/long", "batch/done", 4, 1},
	{"batch/not-the-last", "batch/done", 11, 2},
	{"batch/refused-by-nothing", "batch/done", 19, 1},
	{"batch/refused-oddly", "batch/done", 22, 0x80},
	{"batch/refused-another", "batch/of-another", 22, 0xff},
	{"observer/torn", "observer/exec", 12, 1},
	{"observer/overflow", "observer/exec", 5, IN_Q_OVERFLOW >> 8},
};

static void write_changed(size_t i)
{
	uint8_t bytes[4096];
	FILE *file = fdopen(openat(seeds, changes[i].of, O_RDONLY | O_CLOEXEC), "r");
	size_t size = fread(bytes, 1, sizeof(bytes), file);

	fclose(file);
	ck_assert_uint_lt(changes[i].at, size);
	ck_assert_uint_ne(bytes[changes[i].at], changes[i].byte);
	bytes[changes[i].at] = changes[i].byte;
	file = create(changes[i].name);
	fwrite(bytes, 1, size, file);
	fclose(file);
}

/* What recvfrom() fails with, as fuzz_netlink.h has it. */
static const struct {
	const char *name;
	char kind;
	uint8_t errors[3];
} failures[] = {
	{"sockdiag/again", 'd', {EINTR, EINTR}},
	{"sockdiag/failed", 'd', {EIO}},
	{"sockdiag/ended-again", 'e', {EINTR}},
	{"sockdiag/lost", 'e', {ENOBUFS}},
	{"batch/none", 'b', {EAGAIN}},
	{"batch/again", 'b', {EINTR, EINTR}},
	{"batch/lost", 'b', {ENOBUFS}},
	{"contents/failed", 't', {EIO}},
	{"drops/again", 'r', {EINTR, EINTR}},
	{"drops/failed", 'r', {EIO}},
	{"elements/again", 'g', {EINTR, EINTR}},
	{"elements/lost", 'n', {EINTR, ENOBUFS}},
	{"elements/failed", 'n', {EIO}},
};

static void write_failure(size_t i)
{
	FILE *file = create(failures[i].name);

	fputc(failures[i].kind, file);
	for (const uint8_t *error = failures[i].errors; *error; error++)
		fprintf(file, "%c\xff", *error);
	fclose(file);
}

START_TEST(others)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		write_changed(i);
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		write_failure(i);
}
END_TEST

int main(int argc, char **argv)
{
	const struct check_test tests[] = {TEST(messages), TEST(state), TEST(sockets), TEST(drops),
		TEST(contents), TEST(elements), TEST(batch), TEST(records), TEST(others)};

	seeds = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (seeds < 0) {
		fputs("usage: make_seeds FOLDER\n", stderr);
		return 2;
	}
	if (kernel_enter() < 0)
		return CHECK_SKIP;
	return check_status("seeds", tests, ARRAY_LEN(tests));
}
