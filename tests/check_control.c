/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "check_main.h"
#include "clock.h"
#include "control.h"

#define NOBODY   65534
#define WAIT_MS  5000 /* for what comes at once, on a slow machine */
#define HUNG_UP  (-1) /* in place of an answer */
#define OF_USER  16   /* connections of one user */
#define WATCHING 4    /* of these */
#define LATE_MS  5000 /* the time for a whole request */
#define BIG      (4 << 20)
#define BIG_LINE 8192

/* What the caller was asked, and what it says. */
struct asked {
	int count, worked;
	struct wire_control request;
	uint32_t uid;
	enum wire_answer answer;
	size_t size; /* of the text, when it is not "{}" */
};

static struct event_base *base;
static struct control *control;
static struct asked asked;
static struct sockaddr_un at;
static socklen_t at_size;

static enum wire_answer on_asked(
	const struct wire_control *request, uint32_t uid, char **json, void *context)
{
	ck_assert_ptr_eq(context, &asked);
	asked.count++;
	asked.request = *request;
	asked.uid = uid;
	if (asked.answer != WIRE_DONE)
		return asked.answer;
	*json = asked.size ? calloc(1, asked.size + 1) : strdup("{}");
	if (asked.size)
		memset(*json, 'x', asked.size);
	return WIRE_DONE;
}

/* All of them, but in the test of those whom nobody knows. */
static bool is_anybody_known;

static bool on_known(uint32_t uid, void *context)
{
	ck_assert_ptr_eq(context, &asked);
	ck_assert_uint_ne(uid, 0);
	return is_anybody_known;
}

static void on_worked(void *context)
{
	ck_assert_ptr_eq(context, &asked);
	asked.worked++;
}

static void begin(void)
{
	static const struct control_calls calls = {on_asked, on_known, on_worked};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* The kernel finds it a name that nobody else has. */
	at = (struct sockaddr_un){.sun_family = AF_UNIX};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(sa_family_t)), 0);
	at_size = sizeof(at);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &at_size), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	asked = (struct asked){.answer = WIRE_DONE};
	signal(SIGPIPE, SIG_IGN); /* as main() does */
	base = event_base_new();
	is_anybody_known = true;
	control = control_new(base, fd, &calls, &asked);
}

/* libevent lets go of its streams in the loop alone. */
static void finish(void)
{
	control_free(control);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	libevent_global_shutdown();
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, at_size), 0);
	return fd;
}

static void work(void)
{
	for (int turn = 0; turn < 4; turn++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void work_until_readable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	for (int ms = 0; poll(&wanted, 1, 1) == 0 && ms < WAIT_MS; ms++)
		work();
}

static void say(int fd, enum wire_control_type type)
{
	const struct wire_control request = {.type = type};
	uint8_t bytes[WIRE_CONTROL_SIZE];

	wire_control_encode(&request, bytes);
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
}

/* Reads exactly that much, or less if the other side hangs up before. */
static size_t read_all(int fd, char *text, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t part;

		work_until_readable(fd);
		part = recv(fd, text + length, size - length, MSG_DONTWAIT);
		if (part <= 0)
			break;
		length += (size_t)part;
	}
	return length;
}

/* The answer word, and what text follows it. */
static int get_answer(int fd, char *text, size_t size)
{
	uint8_t word[WIRE_ANSWER_SIZE];
	enum wire_answer answer;
	size_t length = read_all(fd, (char *)word, sizeof(word));

	if (length == 0)
		return HUNG_UP;
	ck_assert_int_eq(wire_answer_decode(word, length, &answer), 0);
	length = read_all(fd, text, size - 1);
	text[length] = '\0';
	return (int)answer;
}

/* Starts to watch, and reads the word that says so. */
static int start_watch(void)
{
	char word[WIRE_ANSWER_SIZE];
	int fd = dial();

	say(fd, WIRE_WATCH);
	ck_assert_uint_eq(read_all(fd, word, sizeof(word)), sizeof(word));
	ck_assert_int_eq(word[2], WIRE_DONE);
	ck_assert_int_eq(asked.count, 0);
	return fd;
}

static const enum wire_control_type types[] = {WIRE_STATUS, WIRE_LIST, WIRE_LOGINS};

START_TEST(control_asks)
{
	char text[16];
	int fd;

	begin();
	fd = dial();
	say(fd, types[_i]);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	ck_assert_str_eq(text, "{}");
	ck_assert_int_eq(asked.count, 1);
	ck_assert_int_eq(asked.request.type, types[_i]);
	ck_assert_uint_eq(asked.uid, geteuid());
	ck_assert_int_eq(recv(fd, text, 1, 0), 0);
	close(fd);
	finish();
}
END_TEST

/* The uid is the kernel's word: of who connected, not of who listens. */
START_TEST(control_tells_uid)
{
	char text[16];
	int fd;

	begin();
	ck_assert_int_eq(seteuid(NOBODY), 0);
	fd = dial();
	ck_assert_int_eq(seteuid(0), 0);
	say(fd, WIRE_LIST);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	ck_assert_uint_eq(asked.uid, NOBODY);
	close(fd);
	finish();
}
END_TEST

START_TEST(control_tells_refusal)
{
	char text[16];
	int fd;

	begin();
	asked.answer = WIRE_FAILED;
	fd = dial();
	say(fd, WIRE_LIST);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_FAILED);
	ck_assert_str_eq(text, "");
	ck_assert_uint_eq(control_refused(control), 0);
	close(fd);
	asked.answer = WIRE_REFUSED;
	fd = dial();
	say(fd, WIRE_RELOAD);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_REFUSED);
	ck_assert_uint_eq(control_refused(control), 1);
	close(fd);
	finish();
}
END_TEST

/* That byte, changed to this. */
static const struct {
	size_t at;
	uint8_t value;
	int answer;
} malformed[] = {
	{0, 77, WIRE_OTHER_VERSION},
	{2, 0, WIRE_MALFORMED},
	{2, 200, WIRE_MALFORMED},
	{3, 1, WIRE_MALFORMED},
	{4, 1, WIRE_MALFORMED},
	{WIRE_CONTROL_SIZE - 1, 1, WIRE_MALFORMED},
};

START_TEST(control_malformed)
{
	const struct wire_control request = {.type = WIRE_LIST};
	uint8_t bytes[WIRE_CONTROL_SIZE];
	char text[16];
	int fd;

	begin();
	wire_control_encode(&request, bytes);
	bytes[malformed[_i].at] = malformed[_i].value;
	fd = dial();
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), malformed[_i].answer);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(asked.count, 0);
	ck_assert_uint_eq(control_refused(control), 1);
	close(fd);
	finish();
}
END_TEST

START_TEST(control_request_in_pieces)
{
	const struct wire_control request = {.type = WIRE_LIST};
	uint8_t bytes[WIRE_CONTROL_SIZE];
	char text[16];
	int fd;

	begin();
	wire_control_encode(&request, bytes);
	fd = dial();
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ck_assert_int_eq(asked.count, 0);
		ck_assert_int_eq(send(fd, bytes + i, 1, 0), 1);
		work();
	}
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	ck_assert_int_eq(asked.count, 1);
	close(fd);
	finish();
}
END_TEST

/* Byte after byte, never too late for the next one: the whole is. */
START_TEST(control_drips)
{
	struct pollfd peer = {.events = POLLIN};
	uint64_t begin_ms = clock_boot_ms();
	int waited_ms;

	begin();
	peer.fd = dial();
	for (int i = 0; i < WIRE_CONTROL_SIZE - 1 && poll(&peer, 1, 0) == 0; i++) {
		ck_assert_int_eq(send(peer.fd, "", 1, MSG_NOSIGNAL), 1);
		for (uint64_t end_ms = clock_boot_ms() + 400; clock_boot_ms() < end_ms;) {
			poll(&peer, 1, 10);
			work();
		}
	}
	ck_assert_int_eq(recv(peer.fd, &(char){0}, 1, MSG_DONTWAIT), 0);
	waited_ms = (int)(clock_boot_ms() - begin_ms);
	ck_assert_int_ge(waited_ms, LATE_MS / 2);
	ck_assert_int_le(waited_ms, LATE_MS * 4);
	ck_assert_int_eq(asked.count, 0);
	ck_assert_uint_eq(control_refused(control), 1);
	close(peer.fd);
	finish();
}
END_TEST

/* Who has been heard is not late afterwards. */
START_TEST(control_not_late)
{
	char text[16] = "";
	int fd, waited_ms = 0;

	begin();
	fd = start_watch();
	for (; waited_ms < LATE_MS + 500; waited_ms += 10) {
		poll(NULL, 0, 10);
		work();
	}
	control_tell(control, "one", geteuid());
	ck_assert_uint_eq(read_all(fd, text, 4), 4);
	ck_assert_str_eq(text, "one\n");
	ck_assert_uint_eq(control_refused(control), 0);
	close(fd);
	finish();
}
END_TEST

/* Told so as soon as no more will come; what it says of its version counts. */
static const struct {
	const char *bytes;
	int length, answer;
} shorts[] = {
	{"", 0, WIRE_MALFORMED},
	{"\1", 1, WIRE_MALFORMED},
	{"\1\0\2", 3, WIRE_MALFORMED},
	{"\2\0", 2, WIRE_OTHER_VERSION},
	{"\2\0\2\0", 4, WIRE_OTHER_VERSION},
};

START_TEST(control_short_request)
{
	char text[16];
	int fd;

	begin();
	fd = dial();
	ck_assert_int_eq(send(fd, shorts[_i].bytes, shorts[_i].length, 0), shorts[_i].length);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), shorts[_i].answer);
	ck_assert_int_eq(asked.count, 0);
	close(fd);
	finish();
}
END_TEST

START_TEST(control_one_request_each)
{
	char text[64];
	int fd;

	begin();
	fd = dial();
	say(fd, WIRE_LIST);
	say(fd, WIRE_LIST);
	get_answer(fd, text, sizeof(text));
	ck_assert_int_eq(asked.count, 1);
	close(fd);
	finish();
}
END_TEST

/* An answer that goes in many parts holds up nobody, and comes whole. */
START_TEST(control_slow_reader)
{
	char *text = malloc(BIG + 2), other[16];
	int slow, fast;

	begin();
	asked.size = BIG;
	slow = dial();
	say(slow, WIRE_LIST);
	work_until_readable(slow);
	asked.size = 0;
	fast = dial();
	say(fast, WIRE_STATUS);
	ck_assert_int_eq(get_answer(fast, other, sizeof(other)), WIRE_DONE);
	ck_assert_str_eq(other, "{}");
	ck_assert_int_eq(get_answer(slow, text, BIG + 2), WIRE_DONE);
	ck_assert_uint_eq(strlen(text), BIG);
	ck_assert_uint_eq(strspn(text, "x"), BIG);
	free(text);
	close(slow);
	close(fast);
	finish();
}
END_TEST

START_TEST(control_reader_gone)
{
	char text[16];
	int fd;

	begin();
	asked.size = BIG;
	fd = dial();
	say(fd, WIRE_LIST);
	work_until_readable(fd);
	close(fd);
	work();
	asked.size = 0;
	fd = dial();
	say(fd, WIRE_LIST);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	close(fd);
	finish();
}
END_TEST

static void drop_root(void)
{
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(NOBODY), 0);
}

START_TEST(control_per_user)
{
	int fds[OF_USER], fd;
	char text[16];

	drop_root();
	begin();
	for (size_t i = 0; i < OF_USER; i++)
		fds[i] = dial();
	work();
	fd = dial();
	work_until_readable(fd);
	ck_assert_int_eq(recv(fd, text, 1, MSG_DONTWAIT), 0);
	ck_assert_uint_eq(control_refused(control), 1);
	close(fd);
	say(fds[0], WIRE_LIST);
	ck_assert_int_eq(get_answer(fds[0], text, sizeof(text)), WIRE_DONE);
	fd = dial();
	say(fd, WIRE_LIST);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	close(fd);
	for (size_t i = 0; i < OF_USER; i++)
		close(fds[i]);
	finish();
}
END_TEST

/* Users can be in each other's way, but not in root's. */
START_TEST(control_root_always)
{
	int fds[OF_USER * 5], fd;
	char text[16];

	begin();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert_int_eq(seteuid((uid_t)(NOBODY - i / OF_USER)), 0);
		fds[i] = dial();
		ck_assert_int_eq(seteuid(0), 0);
	}
	work();
	/* Four users fill it. */
	ck_assert_int_eq(recv(fds[4 * OF_USER - 1], text, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(recv(fds[4 * OF_USER], text, 1, MSG_DONTWAIT), 0);
	fd = dial();
	say(fd, WIRE_LIST);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	finish();
}
END_TEST

/* One user may have thousands of uids, but not thousands of connections by that. */
START_TEST(control_strangers_in_common)
{
	int fds[OF_USER + 1], fd;
	char text[16];

	begin();
	is_anybody_known = false;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert_int_eq(seteuid((uid_t)(NOBODY - i)), 0);
		fds[i] = dial();
		ck_assert_int_eq(seteuid(0), 0);
	}
	work();
	ck_assert_int_eq(recv(fds[OF_USER - 1], text, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(recv(fds[OF_USER], text, 1, MSG_DONTWAIT), 0);
	is_anybody_known = true;
	ck_assert_int_eq(seteuid(NOBODY - OF_USER), 0);
	fd = dial();
	ck_assert_int_eq(seteuid(0), 0);
	say(fd, WIRE_LIST);
	ck_assert_int_eq(get_answer(fd, text, sizeof(text)), WIRE_DONE);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	finish();
}
END_TEST

START_TEST(control_watch)
{
	char text[16] = "";
	int fd, silent;

	begin();
	silent = dial();
	fd = start_watch();
	control_tell(control, "one", geteuid());
	control_tell(control, "two", geteuid());
	ck_assert_uint_eq(read_all(fd, text, 8), 8);
	ck_assert_str_eq(text, "one\ntwo\n");
	close(fd);
	work();
	control_tell(control, "three", geteuid());
	work();
	/* Who did not ask is told nothing. */
	ck_assert_int_eq(recv(silent, text, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(silent);
	finish();
}
END_TEST

/* What else he says is no request. */
START_TEST(control_watcher_speaks)
{
	char text[16];
	int fd, other;

	begin();
	other = start_watch();
	fd = start_watch();
	say(fd, WIRE_LIST);
	work();
	ck_assert_int_eq(asked.count, 0);
	ck_assert_int_eq(recv(fd, text, 1, MSG_DONTWAIT), 0);
	ck_assert_uint_eq(control_refused(control), 1);
	control_tell(control, "one", geteuid());
	ck_assert_uint_eq(read_all(other, text, 4), 4);
	close(fd);
	close(other);
	finish();
}
END_TEST

static void work_until(const int *count, int wanted)
{
	for (int turn = 0; turn < 1000 && *count < wanted; turn++)
		work();
	ck_assert_int_eq(*count, wanted);
}

/* Whatever comes of a connection or a request, it has cost something. */
START_TEST(control_tells_of_work)
{
	uint8_t garbage[WIRE_CONTROL_SIZE];
	int fds[OF_USER + 1];

	drop_root();
	begin();
	memset(garbage, 0xff, sizeof(garbage));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	work_until(&asked.worked, OF_USER + 1);
	ck_assert_uint_eq(control_refused(control), 1); /* the last one */
	say(fds[0], WIRE_LIST);
	work_until(&asked.worked, OF_USER + 2);
	ck_assert_int_eq(send(fds[1], garbage, sizeof(garbage), 0), sizeof(garbage));
	work_until(&asked.worked, OF_USER + 3);
	shutdown(fds[2], SHUT_WR);
	work_until(&asked.worked, OF_USER + 4);
	ck_assert_int_eq(asked.count, 1);
	ck_assert_uint_eq(control_refused(control), 2);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	finish();
}
END_TEST

START_TEST(control_watch_own_only)
{
	char text[16] = "";
	int fd;

	drop_root();
	begin();
	fd = start_watch();
	control_tell(control, "other", geteuid() + 1);
	control_tell(control, "root", 0);
	control_tell(control, "own", geteuid());
	ck_assert_uint_eq(read_all(fd, text, 4), 4);
	ck_assert_str_eq(text, "own\n");
	close(fd);
	finish();
}
END_TEST

START_TEST(control_watch_as_root)
{
	char text[16] = "";
	int fd;

	begin();
	fd = start_watch();
	control_tell(control, "other", NOBODY);
	ck_assert_uint_eq(read_all(fd, text, 6), 6);
	ck_assert_str_eq(text, "other\n");
	close(fd);
	finish();
}
END_TEST

/* One who does not read is let go of, and with him all that was kept for him. */
START_TEST(control_watcher_does_not_read)
{
	char line[BIG_LINE];
	struct pollfd peer = {.events = POLLRDHUP};

	begin();
	peer.fd = start_watch();
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (size_t sent = 0; sent < BIG && poll(&peer, 1, 0) == 0; sent += sizeof(line)) {
		control_tell(control, line, geteuid());
		work();
	}
	ck_assert_int_eq(poll(&peer, 1, 0), 1);
	close(peer.fd);
	finish();
}
END_TEST

/* What is said last, when the loop has ended; one who has no room for it is not waited for. */
START_TEST(control_watcher_hears_the_end)
{
	char line[BIG_LINE], text[16] = "";
	int fd, full;

	begin();
	full = start_watch();
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (size_t sent = 0; sent < 32 * sizeof(line); sent += sizeof(line))
		control_tell(control, line, geteuid());
	work();
	for (size_t sent = 0; sent < 16 * sizeof(line); sent += sizeof(line))
		control_tell(control, line, geteuid());
	fd = start_watch();
	control_tell(control, "stop", geteuid());
	alarm(10);
	control_free(control);
	alarm(0);
	control = NULL;
	ck_assert_int_eq(recv(fd, text, sizeof(text), MSG_DONTWAIT), 5);
	ck_assert_str_eq(text, "stop\n");
	work();
	ck_assert_int_eq(recv(fd, text, sizeof(text), MSG_DONTWAIT), 0);
	close(full);
	close(fd);
	finish();
}
END_TEST

/* What is left is there for requests. */
START_TEST(control_few_watch)
{
	char text[16];
	int fds[OF_USER];

	drop_root();
	begin();
	for (int i = 0; i < WATCHING; i++)
		fds[i] = start_watch();
	fds[WATCHING] = dial();
	say(fds[WATCHING], WIRE_WATCH);
	ck_assert_int_eq(get_answer(fds[WATCHING], text, sizeof(text)), WIRE_REFUSED);
	close(fds[WATCHING]);
	fds[WATCHING] = dial();
	say(fds[WATCHING], WIRE_LIST);
	ck_assert_int_eq(get_answer(fds[WATCHING], text, sizeof(text)), WIRE_DONE);
	close(fds[WATCHING]);
	ck_assert_uint_eq(control_refused(control), 1);
	close(fds[0]);
	work();
	asked.count = 0;
	fds[0] = start_watch();
	for (int i = 0; i < WATCHING; i++)
		close(fds[i]);
	finish();
}
END_TEST

START_TEST(control_ends_in_between)
{
	char text[16];
	int fd;

	begin();
	fd = dial();
	close(start_watch());
	control_free(control);
	control = NULL;
	work();
	ck_assert_int_eq(recv(fd, text, 1, MSG_DONTWAIT), 0);
	close(fd);
	finish();
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {
		LOOP(control_asks, ARRAY_LEN(types)),
		TEST(control_tells_refusal),
		LOOP(control_malformed, ARRAY_LEN(malformed)),
		TEST(control_request_in_pieces),
		TEST(control_drips),
		TEST(control_not_late),
		LOOP(control_short_request, ARRAY_LEN(shorts)),
		TEST(control_one_request_each),
		TEST(control_slow_reader),
		TEST(control_reader_gone),
		TEST(control_per_user),
		TEST(control_watch),
		TEST(control_watcher_speaks),
		TEST(control_tells_of_work),
		TEST(control_few_watch),
		TEST(control_watch_own_only),
		TEST(control_watcher_does_not_read),
		TEST(control_watcher_hears_the_end),
		TEST(control_ends_in_between),
		/* As root only: who else could be two users? */
		TEST(control_tells_uid),
		TEST(control_root_always),
		TEST(control_strangers_in_common),
		TEST(control_watch_as_root),
	};

	return check_status("control", tests, ARRAY_LEN(tests) - (geteuid() == 0 ? 0 : 4));
}
