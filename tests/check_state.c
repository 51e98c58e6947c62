/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check_limit.h"
#include "check_main.h"
#include "log.h"
#include "state.h"

/* Of a file, as state.c says it. */
#define HEAD_SIZE 64
#define FILE_SIZE (HEAD_SIZE + WIRE_SESSION_SIZE)

#define NOBODY       65534
#define LOGINS_MAX   8
#define LISTING_SIZE 4096
#define FLIPS        4000

/* Link-time stand-ins for log.c: how often something was said. */
static int warnings;

void log_open(bool is_debug)
{
	(void)is_debug;
}

void log_line(int priority, const char *format, ...)
{
	(void)format;
	ck_assert_int_eq(priority, LOG_WARNING);
	warnings++;
}

static char folder[CHECK_FOLDER_SIZE];    /* the program's */
static char path[CHECK_FOLDER_SIZE + 16]; /* the test's own, which the helper would have */
static int logins;                        /* path/logins */
static struct state *state;

static void begin(void)
{
	char name[sizeof(path) + 8];

	snprintf(path, sizeof(path), "%s/XXXXXX", folder);
	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(state_open(path, &state), 0);
	snprintf(name, sizeof(name), "%s/logins", path);
	logins = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(logins, 0);
	warnings = 0;
}

static void finish(void)
{
	state_close(state);
	close(logins);
}

static struct state_login a_login(pid_t pid)
{
	struct state_login login = {.pid = pid,
		.start = 0x1122334455667788,
		.since_ms = 0x99aabbccddeeff,
		.session = {.type = WIRE_OPEN,
			.uid = 1001,
			.client = {4, {203, 0, 113, 5}},
			.server = {4, {198, 51, 100, 7}},
			.user = "alice",
			.auth = "publickey ED25519 SHA256:Ab+/\n"}};

	return login;
}

/* One that is not new any more. */
static void save(pid_t pid)
{
	struct state_login login = a_login(pid);

	ck_assert_int_eq(state_save(state, &login), 0);
	ck_assert_int_eq(state_settle(state, pid), 0);
}

static void assert_same(const struct state_login *a, const struct state_login *b)
{
	static uint8_t bytes_a[WIRE_SESSION_SIZE], bytes_b[WIRE_SESSION_SIZE];

	ck_assert_int_eq(a->pid, b->pid);
	ck_assert_uint_eq(a->start, b->start);
	ck_assert_uint_eq(a->since_ms, b->since_ms);
	ck_assert_int_eq(wire_session_encode(&a->session, bytes_a), 0);
	ck_assert_int_eq(wire_session_encode(&b->session, bytes_b), 0);
	ck_assert_mem_eq(bytes_a, bytes_b, WIRE_SESSION_SIZE);
}

static struct {
	struct state_login logins[LOGINS_MAX];
	size_t count;
} seen;

static void visit(const struct state_login *login, void *context)
{
	ck_assert_ptr_eq(context, &seen);
	ck_assert_uint_lt(seen.count, LOGINS_MAX);
	seen.logins[seen.count++] = *login;
}

/* As the next helper does it. */
static void load(void)
{
	struct state *next;

	seen.count = 0;
	ck_assert_int_eq(state_open(path, &next), 0);
	ck_assert_int_eq(state_load(next, visit, &seen), 0);
	state_close(next);
}

static const struct state_login *seen_login(pid_t pid)
{
	for (size_t i = 0; i < seen.count; i++)
		if (seen.logins[i].pid == pid)
			return &seen.logins[i];
	ck_abort_msg("login %d is not visited", (int)pid);
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The names in path/logins, each with a space behind it. */
static const char *listing(void)
{
	static char text[LISTING_SIZE];
	struct dirent **names;
	int count = scandirat(logins, ".", &names, NULL, compare);

	ck_assert_int_ge(count, 2);
	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
			ck_assert_uint_lt(
				strlen(text) + strlen(names[i]->d_name) + 2, sizeof(text));
			strcat(strcat(text, names[i]->d_name), " ");
		}
		free(names[i]);
	}
	free(names);
	return text;
}

static ssize_t read_name(int where, const char *name, uint8_t bytes[FILE_SIZE + 1])
{
	int fd = openat(where, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t length = read(fd, bytes, FILE_SIZE + 1);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return length;
}

static void write_name(const char *name, const uint8_t *bytes, size_t length)
{
	int fd = openat(logins, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
	ck_assert_int_eq(write(fd, bytes, length), length);
	close(fd);
}

/* What the file of a sound login has. */
static const uint8_t *sound_bytes(pid_t pid)
{
	static uint8_t bytes[FILE_SIZE + 1];
	char name[16];

	save(pid);
	snprintf(name, sizeof(name), "%d", (int)pid);
	ck_assert_int_eq(read_name(logins, name, bytes), FILE_SIZE);
	ck_assert_int_eq(unlinkat(logins, name, 0), 0);
	return bytes;
}

START_TEST(state_round_trip)
{
	struct state_login first = a_login(4242), second = a_login(1);
	struct stat status;

	begin();
	second.session.client = (struct address){6, {0x20, 1, 0xd, 0xb8, [15] = 1}};
	second.session.server = (struct address){0};
	memset(second.session.user, 'u', WIRE_USER_SIZE - 1);
	memset(second.session.auth, '\xff', WIRE_AUTH_SIZE - 1);
	second.start = second.since_ms = UINT64_MAX;
	ck_assert_int_eq(state_save(state, &first), 0);
	ck_assert_int_eq(state_save(state, &second), 0);
	ck_assert_str_eq(listing(), "1.new 4242.new ");
	ck_assert_int_eq(fstatat(logins, "4242.new", &status, 0), 0);
	ck_assert_int_eq(status.st_mode, S_IFREG | 0600);
	load();
	ck_assert_uint_eq(seen.count, 2);
	assert_same(seen_login(4242), &first);
	assert_same(seen_login(1), &second);
	ck_assert_str_eq(listing(), "1.new 4242.new ");
	ck_assert_int_eq(warnings, 0);
	finish();
}
END_TEST

START_TEST(state_saves_again)
{
	struct state_login login = a_login(4242);

	begin();
	save(4242);
	login.start++;
	strcpy(login.session.user, "bob");
	ck_assert_int_eq(state_save(state, &login), 0);
	ck_assert_int_eq(state_settle(state, 4242), 0);
	ck_assert_str_eq(listing(), "4242 ");
	load();
	ck_assert_uint_eq(seen.count, 1);
	assert_same(&seen.logins[0], &login);
	finish();
}
END_TEST

START_TEST(state_settles)
{
	struct state_login login = a_login(4242);

	begin();
	save(17);
	ck_assert_int_eq(state_save(state, &login), 0);
	ck_assert_int_eq(state_settle(state, 424), 0);
	ck_assert_int_eq(state_settle(state, 17), 0);
	ck_assert_str_eq(listing(), "17 4242.new ");
	load();
	ck_assert_uint_eq(seen.count, 2);
	ck_assert(seen_login(4242)->is_new);
	ck_assert(!seen_login(17)->is_new);
	ck_assert_int_eq(state_settle(state, 4242), 0);
	ck_assert_int_eq(state_settle(state, 4242), 0);
	ck_assert_str_eq(listing(), "17 4242 ");
	load();
	ck_assert_uint_eq(seen.count, 2);
	ck_assert(!seen_login(4242)->is_new);
	assert_same(seen_login(4242), &login);
	ck_assert_int_eq(warnings, 0);
	finish();
}
END_TEST

/* One that cannot be settled does not stay new. */
START_TEST(state_settles_or_forgets)
{
	struct state_login login = a_login(4242);

	begin();
	ck_assert_int_eq(mkdirat(logins, "4242", 0700), 0);
	ck_assert_int_eq(state_save(state, &login), 0);
	ck_assert_int_eq(state_settle(state, 4242), -EISDIR);
	ck_assert_str_eq(listing(), "4242 ");
	finish();
}
END_TEST

START_TEST(state_removes)
{
	struct state_login login = a_login(4242);

	begin();
	save(4242);
	save(17);
	state_remove(state, 424);
	ck_assert_str_eq(listing(), "17 4242 ");
	ck_assert_int_eq(state_save(state, &login), 0);
	ck_assert_str_eq(listing(), "17 4242 4242.new ");
	state_remove(state, 4242);
	ck_assert_str_eq(listing(), "17 ");
	ck_assert_int_eq(state_save(state, &login), 0);
	state_remove(state, 4242);
	state_remove(state, 4242);
	ck_assert_str_eq(listing(), "17 ");
	load();
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(seen.logins[0].pid, 17);
	ck_assert_int_eq(warnings, 0);
	finish();
}
END_TEST

START_TEST(state_folder)
{
	char name[sizeof(path) + 8];
	struct stat status;

	begin();
	ck_assert_int_eq(fstat(logins, &status), 0);
	ck_assert_int_eq(status.st_mode, S_IFDIR | 0700);
	state_close(state);
	state_close(NULL);
	state = NULL;
	snprintf(name, sizeof(name), "%s/logins", path);
	ck_assert_int_eq(state_open(name + 1, &state), -ENOENT);
	ck_assert_int_eq(rmdir(name), 0);
	ck_assert_int_eq(symlink("/tmp", name), 0);
	ck_assert_int_eq(state_open(path, &state), -ENOTDIR);
	ck_assert_int_eq(unlink(name), 0);
	ck_assert_int_eq(mknod(name, S_IFREG | 0600, 0), 0);
	ck_assert_int_eq(state_open(path, &state), -ENOTDIR);
	ck_assert_int_eq(state_open(name, &state), -ENOTDIR);
	ck_assert_ptr_null(state);
	close(logins);
}
END_TEST

/* A part that a crash left, whole or not, is no login, and in nobody's way. */
START_TEST(state_whole)
{
	const uint8_t *bytes;
	struct state_login login = a_login(4242);

	begin();
	bytes = sound_bytes(4242);
	write_name("4242.part", bytes, FILE_SIZE);
	write_name("17.part", bytes, FILE_SIZE / 2);
	ck_assert_int_eq(state_save(state, &login), 0);
	ck_assert_str_eq(listing(), "17.part 4242.new ");
	write_name("4242.part", bytes, FILE_SIZE);
	load();
	ck_assert_uint_eq(seen.count, 1);
	assert_same(&seen.logins[0], &login);
	ck_assert_str_eq(listing(), "4242.new ");
	ck_assert_int_eq(warnings, 0);
	finish();
}
END_TEST

/* A file that cannot be written to its end leaves the one that was there. */
START_TEST(state_whole_or_not)
{
	const struct rlimit small = {HEAD_SIZE + 1, RLIM_INFINITY};
	const struct rlimit enough = {RLIM_INFINITY, RLIM_INFINITY};
	struct state_login login = a_login(4242);

	begin();
	save(4242);
	login.start++;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	errno = 0;
	ck_assert_int_eq(state_save(state, &login), -EIO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &enough), 0);
	ck_assert_str_eq(listing(), "4242 ");
	load();
	ck_assert_uint_eq(seen.count, 1);
	login.start--;
	assert_same(&seen.logins[0], &login);
	finish();
}
END_TEST

START_TEST(state_refuses)
{
	struct state_login login = a_login(4242);

	begin();
	login.session.user[0] = '\0';
	ck_assert_int_eq(state_save(state, &login), -EINVAL);
	ck_assert_str_eq(listing(), "");
	login = a_login(4242);
	ck_assert_int_eq(mkdirat(logins, "4242.new", 0700), 0);
	ck_assert_int_eq(state_save(state, &login), -EISDIR);
	ck_assert_str_eq(listing(), "4242.new ");
	login.pid = 5;
	ck_assert_int_eq(symlinkat("target", logins, "5.part"), 0);
	ck_assert_int_eq(state_save(state, &login), -ELOOP);
	ck_assert_str_eq(listing(), "4242.new 5.part ");
	finish();
}
END_TEST

START_TEST(state_unwritable)
{
	struct state_login login = a_login(4242);
	uid_t uid = geteuid();

	begin();
	ck_assert_int_eq(uid == 0 ? seteuid(NOBODY) : fchmod(logins, 0500), 0);
	ck_assert_int_eq(state_save(state, &login), -EACCES);
	ck_assert_int_eq(uid == 0 ? seteuid(0) : fchmod(logins, 0700), 0);
	ck_assert_str_eq(listing(), "");
	ck_assert_int_eq(unlinkat(AT_FDCWD, strcat(path, "/logins"), AT_REMOVEDIR), 0);
	ck_assert_int_eq(state_save(state, &login), -ENOENT);
	finish();
}
END_TEST

/* After one of the name was made: it is set aside, the sound one beside it is visited, and the
 * warning is one. The next helper has nothing to say. */
static void assert_set_aside(const char *name)
{
	char expected[LISTING_SIZE];

	for (int times = 0; times < 2; times++) {
		save(17);
		load();
		ck_assert_uint_eq(seen.count, 1);
		ck_assert_int_eq(seen.logins[0].pid, 17);
		snprintf(expected, sizeof(expected), "17 bad-%s ", name);
		ck_assert_str_eq(listing(), expected);
		ck_assert_int_eq(warnings, 1);
	}
}

static const struct {
	const char *what;
	size_t at, length;
	int byte;
} damages[] = {
	{"version 0", 0, 4, 0},
	{"version 2", 0, 1, 2},
	{"version, last byte", 3, 1, 2},
	{"pid, first byte", 4, 1, 0x93},
	{"pid, last byte", 7, 1, 0x80},
	{"pid 0", 4, 4, 0},
	{"boot id, first byte", 24, 1, '!'},
	{"boot id, last byte", 59, 1, '!'},
	{"boot id", 24, 36, 0},
	{"zero, first byte", 60, 1, 1},
	{"zero, last byte", 63, 1, 1},
	{"message: version 0", 64, 2, 0},
	{"message: version 2", 64, 1, 2},
	{"message: version, last byte", 65, 1, 1},
	{"message: type 0", 66, 1, 0},
	{"message: type 3", 66, 1, 3},
	{"message: type, last byte", 67, 1, 1},
	{"message: no uid", 68, 4, 0xff},
	{"message: client of no family", 72, 1, 0},
	{"message: client of an unknown family", 72, 1, 5},
	{"message: client of another family than the server", 72, 1, 6},
	{"message: server of an unknown family", 73, 1, 5},
	{"message: server of another family than the client", 73, 1, 6},
	{"message: server of no family with an address", 73, 1, 0},
	{"message: reserved, first byte", 74, 1, 1},
	{"message: reserved, last byte", 75, 1, 1},
	{"message: client is a wildcard", 76, 4, 0},
	{"message: bytes behind the client", 80, 1, 1},
	{"message: last byte behind the client", 91, 1, 1},
	{"message: bytes behind the server", 96, 1, 1},
	{"message: last byte behind the server", 107, 1, 1},
	{"message: no user", 108, 256, 0},
	{"message: user cut short", 110, 1, 0},
	{"message: user without end", 108, 256, 'x'},
	{"message: last byte behind the user", 363, 1, 1},
	{"message: auth cut short", 370, 1, 0},
	{"message: auth without end", 364, 3796, 'x'},
	{"message: last byte behind auth", 4159, 1, 1},
	{"all zero", 0, FILE_SIZE, 0},
};

START_TEST(state_damaged)
{
	uint8_t bytes[FILE_SIZE];

	begin();
	memcpy(bytes, sound_bytes(4242), FILE_SIZE);
	memset(bytes + damages[_i].at, damages[_i].byte, damages[_i].length);
	ck_assert_mem_ne(bytes, sound_bytes(4242), FILE_SIZE);
	write_name("4242", bytes, FILE_SIZE);
	assert_set_aside("4242");
	finish();
}
END_TEST

/* A whole message that is of the other kind. */
START_TEST(state_damaged_close)
{
	const struct wire_session session = {.type = WIRE_CLOSE};
	uint8_t bytes[FILE_SIZE];

	begin();
	memcpy(bytes, sound_bytes(4242), HEAD_SIZE);
	ck_assert_int_eq(wire_session_encode(&session, bytes + HEAD_SIZE), 0);
	write_name("4242", bytes, FILE_SIZE);
	assert_set_aside("4242");
	finish();
}
END_TEST

static const size_t lengths[] = {0, 1, HEAD_SIZE - 1, HEAD_SIZE, FILE_SIZE - 1, FILE_SIZE + 1};

START_TEST(state_damaged_length)
{
	uint8_t bytes[FILE_SIZE + 1] = {0};

	begin();
	memcpy(bytes, sound_bytes(4242), FILE_SIZE);
	write_name("4242", bytes, lengths[_i]);
	assert_set_aside("4242");
	finish();
}
END_TEST

static void make_folder(void)
{
	ck_assert_int_eq(mkdirat(logins, "4242", 0700), 0);
}

static void make_link(void)
{
	char name[sizeof(path) + 8], sound[sizeof(path) + 16];

	snprintf(name, sizeof(name), "%s/sound", path);
	snprintf(sound, sizeof(sound), "%s/logins/4242", path);
	ck_assert_int_eq(rename(sound, name), 0);
	ck_assert_int_eq(symlinkat("../sound", logins, "4242"), 0);
}

static void make_dangling_link(void)
{
	ck_assert_int_eq(symlinkat("nowhere", logins, "4242"), 0);
}

static void make_fifo(void)
{
	ck_assert_int_eq(mkfifoat(logins, "4242", 0600), 0);
}

/* One that a writer holds, with all that a sound file has. */
static void make_full_fifo(void)
{
	const uint8_t *bytes = sound_bytes(4242);
	int fd;

	make_fifo();
	fd = openat(logins, "4242", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(write(fd, bytes, FILE_SIZE), FILE_SIZE);
}

static void make_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/logins/4242", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void make_group_readable(void)
{
	ck_assert_int_eq(fchmodat(logins, "4242", 0640, 0), 0);
}

static void make_group_writable(void)
{
	ck_assert_int_eq(fchmodat(logins, "4242", 0620, 0), 0);
}

static void make_others_readable(void)
{
	ck_assert_int_eq(fchmodat(logins, "4242", 0604, 0), 0);
}

static void make_others_executable(void)
{
	ck_assert_int_eq(fchmodat(logins, "4242", 0601, 0), 0);
}

static void make_of_another(void)
{
	ck_assert_int_eq(fchownat(logins, "4242", NOBODY, 0, 0), 0);
}

static const struct {
	void (*make)(void);
	bool is_changed; /* a sound file, which it changes */
} kinds[] = {
	{make_folder, false}, {make_link, true}, {make_dangling_link, false}, {make_fifo, false},
	{make_full_fifo, false}, {make_socket, false}, {make_group_readable, true},
	{make_group_writable, true}, {make_others_readable, true}, {make_others_executable, true},
	{make_of_another, true}, /* the last one: for root alone */
};

START_TEST(state_damaged_kind)
{
	begin();
	if (kinds[_i].is_changed)
		save(4242);
	kinds[_i].make();
	assert_set_aside("4242");
	finish();
}
END_TEST

static const char *const names[] = {
	"4242.parts",
	"4242.news",
	"4242.new.new",
	"4242.new ",
	"4242.NEW",
	"4242.ne",
	"4242.",
	"04242.new",
	"424.new",
	"new",
	"4242x",
	"x4242",
	"04242",
	"+4242",
	"-4242",
	" 4242",
	"4242 ",
	"4242\n",
	"0x1092",
	"4242.0",
	"BAD-4242",
	"bad4242",
	"424",
	"42420",
	"99999999999999999999999999999999999999",
	"\xff",
};

START_TEST(state_damaged_name)
{
	begin();
	write_name(names[_i], sound_bytes(4242), FILE_SIZE);
	assert_set_aside(names[_i]);
	finish();
}
END_TEST

static const struct {
	uint32_t pid;
	const char *name;
} no_pids[] = {{0, "0"}, {0x80000000, "2147483648"}, {UINT32_MAX, "4294967295"}};

START_TEST(state_damaged_pid)
{
	uint8_t bytes[FILE_SIZE];

	begin();
	memcpy(bytes, sound_bytes(4242), FILE_SIZE);
	memcpy(bytes + 4, &no_pids[_i].pid, sizeof(no_pids[_i].pid));
	write_name(no_pids[_i].name, bytes, FILE_SIZE);
	assert_set_aside(no_pids[_i].name);
	finish();
}
END_TEST

START_TEST(state_loads_again)
{
	begin();
	save(1);
	save(4242);
	for (int time = 0; time < 3; time++) {
		seen.count = 0;
		ck_assert_int_eq(state_load(state, visit, &seen), 0);
		ck_assert_uint_eq(seen.count, 2);
	}
	finish();
}
END_TEST

/* One whose new name would be too long is not read again either. */
START_TEST(state_damaged_long_name)
{
	char name[NAME_MAX + 1];

	begin();
	memset(name, '4', NAME_MAX);
	name[NAME_MAX] = '\0';
	write_name(name, sound_bytes(4242), FILE_SIZE);
	load();
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_str_eq(listing(), "");
	ck_assert_int_eq(warnings, 1);
	finish();
}
END_TEST

START_TEST(state_damaged_many)
{
	const uint8_t *bytes;

	begin();
	bytes = sound_bytes(4242);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		write_name(names[i], bytes, FILE_SIZE);
	save(17);
	save(18);
	load();
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_int_eq(warnings, 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_int_ne(faccessat(logins, names[i], F_OK, 0), 0);
	load();
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_int_eq(warnings, 1);
	finish();
}
END_TEST

/* What is set aside stays as it is, though it be sound; the newer one takes its place. */
START_TEST(state_set_aside)
{
	uint8_t bytes[FILE_SIZE + 1];

	begin();
	write_name("bad-4242", sound_bytes(4242), FILE_SIZE);
	write_name("bad-", sound_bytes(4242), FILE_SIZE);
	write_name(".4242", sound_bytes(4242), FILE_SIZE);
	load();
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_int_eq(warnings, 0);
	ck_assert_str_eq(listing(), ".4242 bad- bad-4242 ");
	ck_assert_int_eq(read_name(logins, "bad-4242", bytes), FILE_SIZE);
	write_name("4242", (const uint8_t *)"new", 3);
	load();
	ck_assert_str_eq(listing(), ".4242 bad- bad-4242 ");
	ck_assert_int_eq(read_name(logins, "bad-4242", bytes), 3);
	finish();
}
END_TEST

/* Nothing but path/logins is looked at. */
START_TEST(state_keeps_to_itself)
{
	static const char *const beside[] = {"17", "moshgated.pid", "session.sock"};
	char name[sizeof(path) + 16], text[8];

	begin();
	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		snprintf(name, sizeof(name), "../%s", beside[i]);
		write_name(name, (const uint8_t *)"beside", 6);
	}
	write_name("17", (const uint8_t *)"bad", 3);
	load();
	save(17);
	state_remove(state, 17);
	ck_assert_str_eq(listing(), "bad-17 ");
	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		int fd;

		snprintf(name, sizeof(name), "../%s", beside[i]);
		fd = openat(logins, name, O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(read(fd, text, sizeof(text)), 6);
		ck_assert_mem_eq(text, "beside", 6);
		close(fd);
	}
	finish();
}
END_TEST

/* Without descriptors nothing is known of a file, so it is kept as it is. */
START_TEST(state_out_of_descriptors)
{
	begin();
	save(4711);
	for (int left = 0; left < 2; left++) {
		seen.count = 0;
		limit_descriptors(left);
		ck_assert_int_eq(state_load(state, visit, &seen), -EMFILE);
		limit_lift();
		ck_assert_uint_eq(seen.count, 0);
	}
	ck_assert_int_eq(warnings, 0);
	load();
	ck_assert_uint_eq(seen.count, 1);
	finish();
}
END_TEST

/* Those of which every value is one of a login: start and since. */
static bool is_free(size_t at)
{
	return at >= 8 && at < 24;
}

/* There is no checksum: a file that is visited says exactly what was visited, byte for byte. */
static void assert_flipped(const uint8_t *bytes, size_t at)
{
	uint8_t again[FILE_SIZE + 1];

	if (seen.count == 0) {
		ck_assert_msg(!is_free(at), "byte %zu", at);
		ck_assert_str_eq(listing(), "bad-4242 ");
		ck_assert_int_eq(unlinkat(logins, "bad-4242", 0), 0);
		return;
	}
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_msg(is_free(at) || at >= HEAD_SIZE, "byte %zu", at);
	ck_assert_str_eq(listing(), "4242 ");
	ck_assert_int_eq(unlinkat(logins, "4242", 0), 0);
	ck_assert_int_eq(state_save(state, &seen.logins[0]), 0);
	ck_assert_int_eq(state_settle(state, 4242), 0);
	ck_assert_int_eq(read_name(logins, "4242", again), FILE_SIZE);
	ck_assert_msg(memcmp(again, bytes, FILE_SIZE) == 0, "byte %zu", at);
	ck_assert_int_eq(unlinkat(logins, "4242", 0), 0);
}

START_TEST(state_flipped)
{
	uint8_t bytes[FILE_SIZE], sound[FILE_SIZE];
	int visited = 0;

	begin();
	memcpy(sound, sound_bytes(4242), FILE_SIZE);
	srandom(1);
	for (int i = 0; i < FLIPS; i++) {
		/* Every byte up to the end of the user's name, and any one. */
		size_t at = (size_t)(i % 2 ? (i / 2) % 400 : random() % FILE_SIZE);

		memcpy(bytes, sound, FILE_SIZE);
		bytes[at] ^= (uint8_t)(1 + random() % 255);
		write_name("4242", bytes, FILE_SIZE);
		load();
		visited += (int)seen.count;
		assert_flipped(bytes, at);
	}
	ck_assert_int_gt(visited, 0);
	ck_assert_int_lt(visited, FLIPS);
	finish();
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {TEST(state_round_trip), TEST(state_saves_again),
		TEST(state_settles), TEST(state_settles_or_forgets), TEST(state_removes),
		TEST(state_folder), TEST(state_whole), TEST(state_whole_or_not),
		TEST(state_refuses), TEST(state_unwritable),
		LOOP(state_damaged, ARRAY_LEN(damages)), TEST(state_damaged_close),
		LOOP(state_damaged_length, ARRAY_LEN(lengths)),
		LOOP(state_damaged_kind, ARRAY_LEN(kinds) - (geteuid() != 0)),
		LOOP(state_damaged_name, ARRAY_LEN(names)),
		LOOP(state_damaged_pid, ARRAY_LEN(no_pids)), TEST(state_loads_again),
		TEST(state_damaged_long_name), TEST(state_damaged_many), TEST(state_set_aside),
		TEST(state_keeps_to_itself), TEST(state_out_of_descriptors), TEST(state_flipped)};
	int result;

	check_make_folder(folder);
	result = check_status("state", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return result;
}
