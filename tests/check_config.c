/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"
#include "config.h"

static char folder[CHECK_FOLDER_SIZE], path[CHECK_FOLDER_SIZE + 16];

/* A file of the folder, "" the configuration itself and else a drop-in. */
static void name_file(const char *drop_in, char name[256])
{
	snprintf(name, 256, "%s%s%s", path, *drop_in ? ".d/" : "", drop_in);
}

static void write_bytes(const char *drop_in, const void *bytes, size_t length, mode_t mode)
{
	char name[256];
	int fd;

	snprintf(name, sizeof(name), "%s.d", path);
	mkdir(name, 0755);
	name_file(drop_in, name);
	unlink(name);
	fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void write_file(const char *drop_in, const char *text)
{
	write_bytes(drop_in, text, strlen(text), 0644);
}

/* Tests share the folder, one after the other. */
static void clear(void)
{
	char drop_ins[256];

	snprintf(drop_ins, sizeof(drop_ins), "%s.d", path);
	check_remove_folder(drop_ins);
	check_remove_folder(path);
}

/* Of that file, and of the drop-ins that are there. */
static struct config accepted(const char *text)
{
	char error[CONFIG_ERROR_SIZE] = "";
	struct config config;

	write_file("", text);
	ck_assert_msg(config_read(path, &config, error) == 0, "%s: %s", text, error);
	return config;
}

/* Fails so, begins its reason with the file and, unless it is 0, the line; nothing is changed. */
static void check_error(const char *drop_in, int line, const char *reason)
{
	char error[CONFIG_ERROR_SIZE] = "", name[256], start[300];
	struct config config, before;

	memset(&config, 0xa5, sizeof(config));
	memset(&before, 0xa5, sizeof(before));
	ck_assert_int_lt(config_read(path, &config, error), 0);
	ck_assert_mem_eq(&config, &before, sizeof(before));
	name_file(drop_in, name);
	if (line > 0)
		snprintf(start, sizeof(start), "%s:%d: ", name, line);
	else
		snprintf(start, sizeof(start), "%s: ", name);
	ck_assert_msg(strncmp(error, start, strlen(start)) == 0, "%s, not %s", error, start);
	ck_assert_msg(strstr(error, reason) != NULL, "%s, not %s", error, reason);
	ck_assert_ptr_null(strchr(error, '\n'));
}

START_TEST(defaults)
{
	struct config config;

	config_defaults(&config);
	ck_assert_uint_eq(config.gate.first_port, 60000);
	ck_assert_uint_eq(config.gate.last_port, 61000);
	ck_assert_str_eq(config.gate.servers[0], "/usr/bin/mosh-server");
	ck_assert_str_eq(config.gate.servers[1], "");
	ck_assert_uint_eq(config.gate.claim_s, 120);
	ck_assert_uint_eq(config.gate.idle_s, 86400);
	ck_assert_uint_eq(config.gate.max_s, 0);
	ck_assert(config.gate.is_roaming && !config.gate.is_superseding);
	ck_assert_uint_eq(config.gate.prefix4, 32);
	ck_assert_uint_eq(config.gate.prefix6, 128);
	ck_assert_uint_eq(config.limits.logins_per_user, 64);
	ck_assert_uint_eq(config.limits.grants_per_user, 256);
	ck_assert_uint_eq(config.limits.grants, 65535);
	ck_assert_str_eq(config.firewall.table, "moshgate");
	ck_assert_int_eq(config.firewall.priority, -10);
	ck_assert_uint_eq(config.firewall.accept_mark, 0);
	ck_assert(config.firewall.is_conntrack && !config.firewall.is_logging_drops);
	ck_assert(!config.firewall.is_exclusive);
	ck_assert_str_eq(config.helper.user, "moshgate");
	ck_assert_str_eq(config.helper.session_socket, SESSION_SOCKET);
	ck_assert_str_eq(config.helper.control_socket, CONTROL_SOCKET);
	ck_assert_str_eq(config.helper.state, STATE_DIR);
}
END_TEST

START_TEST(defaults_written_out)
{
	char text[4096] = "";
	struct config expected, config;
	const struct config_key *key;

	for (size_t i = 0; (key = config_key(i)); i++)
		sprintf(text + strlen(text), "[%s]\n%s = %s\n", key->section, key->name,
			key->default_text);
	config_defaults(&expected);
	config = accepted(text);
	ck_assert_mem_eq(&config, &expected, sizeof(config));
	config = accepted("");
	ck_assert_mem_eq(&config, &expected, sizeof(config));
	config = accepted("# nothing\n\n; at all\n \t# a: b ; c\n \t\r\n  ; d\n[gate] \t\r\n");
	ck_assert_mem_eq(&config, &expected, sizeof(config));
}
END_TEST

#define PATH9   "/23456789"
#define PATH99  PATH9 PATH9 PATH9 PATH9 PATH9 PATH9 PATH9 PATH9 PATH9 PATH9 PATH9
#define PATH107 PATH99 "/2345678"
#define NAME31  "a234567890123456789012345678901"

enum kind { NUMBER, BOOL, TEXT };
#define FIELD(field, kind) offsetof(struct config, field), kind

static const struct {
	const char *section, *line;
	size_t offset;
	enum kind kind;
	int64_t number;
	const char *text;
} good[] = {
	{"gate", "claim = 1", FIELD(gate.claim_s, NUMBER), 1, NULL},
	{"gate", "claim = 90s", FIELD(gate.claim_s, NUMBER), 90, NULL},
	{"gate", "claim = 1440min", FIELD(gate.claim_s, NUMBER), 86400, NULL},
	{"gate", "idle = 1s", FIELD(gate.idle_s, NUMBER), 1, NULL},
	{"gate", "idle = 366d", FIELD(gate.idle_s, NUMBER), 366 * 86400, NULL},
	{"gate", "max = 12h", FIELD(gate.max_s, NUMBER), 43200, NULL},
	{"gate", "max = 0", FIELD(gate.max_s, NUMBER), 0, NULL},
	{"gate", "max = 3660d", FIELD(gate.max_s, NUMBER), 3660 * 86400, NULL},
	{"gate", "roam = no", FIELD(gate.is_roaming, BOOL), 0, NULL},
	{"gate", "supersede = yes", FIELD(gate.is_superseding, BOOL), 1, NULL},
	{"gate", "pending = yes", FIELD(gate.is_pending, BOOL), 1, NULL},
	{"gate", "prefix4 = 8", FIELD(gate.prefix4, NUMBER), 8, NULL},
	{"gate", "prefix4 = 32", FIELD(gate.prefix4, NUMBER), 32, NULL},
	{"gate", "prefix6 = 16", FIELD(gate.prefix6, NUMBER), 16, NULL},
	{"gate", "prefix6 = 128", FIELD(gate.prefix6, NUMBER), 128, NULL},
	{"gate", "server = " PATH107, FIELD(gate.servers, TEXT), 0, PATH107},
	{"limits", "logins-per-user = 1", FIELD(limits.logins_per_user, NUMBER), 1, NULL},
	{"limits", "logins-per-user = 65535", FIELD(limits.logins_per_user, NUMBER), 65535, NULL},
	{"limits", "grants-per-user = 1", FIELD(limits.grants_per_user, NUMBER), 1, NULL},
	{"limits", "grants-per-user = 65535", FIELD(limits.grants_per_user, NUMBER), 65535, NULL},
	{"limits", "grants = 1", FIELD(limits.grants, NUMBER), 1, NULL},
	{"limits", "grants = 65535", FIELD(limits.grants, NUMBER), 65535, NULL},
	{"firewall", "table = " NAME31, FIELD(firewall.table, TEXT), 0, NAME31},
	{"firewall", "table = _A-z9", FIELD(firewall.table, TEXT), 0, "_A-z9"},
	{"firewall", "priority = -400", FIELD(firewall.priority, NUMBER), (uint32_t)-400, NULL},
	{"firewall", "priority = 400", FIELD(firewall.priority, NUMBER), 400, NULL},
	{"firewall", "accept-mark = 4294967295", FIELD(firewall.accept_mark, NUMBER), UINT32_MAX,
		NULL},
	{"firewall", "accept-mark = 0x10", FIELD(firewall.accept_mark, NUMBER), 16, NULL},
	{"firewall", "accept-mark = 010", FIELD(firewall.accept_mark, NUMBER), 10, NULL},
	{"firewall", "conntrack = no", FIELD(firewall.is_conntrack, BOOL), 0, NULL},
	{"firewall", "log-drops = yes", FIELD(firewall.is_logging_drops, BOOL), 1, NULL},
	{"firewall", "exclusive = yes", FIELD(firewall.is_exclusive, BOOL), 1, NULL},
	{"helper", "user = root", FIELD(helper.user, TEXT), 0, "root"},
	{"helper", "session-socket = " PATH107, FIELD(helper.session_socket, TEXT), 0, PATH107},
	{"helper", "control-socket = /a b", FIELD(helper.control_socket, TEXT), 0, "/a b"},
	{"helper", "state = /a;b:c", FIELD(helper.state, TEXT), 0, "/a;b:c"},
	{"helper", "state=/\t\r", FIELD(helper.state, TEXT), 0, "/"},
	{"helper", "state = /", FIELD(helper.state, TEXT), 0, "/"},
};

START_TEST(accepts)
{
	char text[512];
	struct config config;
	const char *field = (const char *)&config + good[_i].offset;

	snprintf(text, sizeof(text), "[%s]\n%s\n", good[_i].section, good[_i].line);
	config = accepted(text);
	if (good[_i].kind == NUMBER)
		ck_assert_uint_eq(*(const uint32_t *)(const void *)field, good[_i].number);
	else if (good[_i].kind == BOOL)
		ck_assert_int_eq(*(const bool *)field, good[_i].number);
	else
		ck_assert_str_eq(field, good[_i].text);
}
END_TEST

START_TEST(accepts_several)
{
	struct config config = accepted("[gate]\nports = 1024-65535\n"
					"server = /a /b\t/c  /d /e /f /g /h\n");

	ck_assert_uint_eq(config.gate.first_port, 1024);
	ck_assert_uint_eq(config.gate.last_port, 65535);
	ck_assert_str_eq(config.gate.servers[2], "/c");
	ck_assert_str_eq(config.gate.servers[7], "/h");
	config = accepted("[gate]\nports = 60001-60001\nserver = /a /b\nserver = /c\n");
	ck_assert_uint_eq(config.gate.first_port, 60001);
	ck_assert_uint_eq(config.gate.last_port, 60001);
	ck_assert_str_eq(config.gate.servers[0], "/c");
	ck_assert_str_eq(config.gate.servers[1], "");
}
END_TEST

#define NUMBERS(name, low, high)                                                                   \
	name " =", name " = x", name " = 1x", name " = 1 1", name " = +20", name " = 20.0",        \
		name " = 0x", name " = " low, name " = " high, name " = 99999999999999999999999"
#define TIMES(name, high)                                                                          \
	name " =", name " = x", name " = -1", name " = +1", name " = 1 min", name " = 1m",         \
		name " = 1mins", name " = 1.5h", name " = " high, name " = 4294967296",            \
		name " = 99999999999999999999999"
#define BOOLS(name)                                                                                \
	name " =", name " = true", name " = 1", name " = Yes", name " = yess", name " = yes no"
#define NAMES(name)                                                                                \
	name " =", name " = 9a", name " = -a", name " = a b", name " = a;b", name " = a\"b",       \
		name " = a{", name " = \xc3\xa4", name " = " NAME31 "2"
#define PATHS(name) name " =", name " = relative", name " = " PATH107 "9"
#define SECTION(name, ...)                                                                         \
	{                                                                                          \
		name,                                                                              \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct {
	const char *section, *lines[64];
} bad[] = {
	SECTION("gate", "ports =", "ports = 60000", "ports = 60000-", "ports = -61000",
		"ports = 1023-61000", "ports = 60000-65536", "ports = 61000-60000",
		"ports = 60000:61000", "ports = 60000-61000 x", "ports = 60000 - 61000",
		"ports = 60000--61000", "ports = a-b", PATHS("server"), "server = /a b",
		"server = /a " PATH107 "9", "server = /1 /2 /3 /4 /5 /6 /7 /8 /9"),
	SECTION("gate", TIMES("claim", "86401"), "claim = 0"),
	SECTION("gate", TIMES("idle", "367d"), "idle = 0"),
	SECTION("gate", TIMES("max", "3661d"), BOOLS("roam"), BOOLS("supersede"), BOOLS("pending")),
	SECTION("gate", NUMBERS("prefix4", "7", "33"), NUMBERS("prefix6", "15", "129")),
	SECTION("limits", NUMBERS("logins-per-user", "0", "65536"),
		NUMBERS("grants-per-user", "0", "65536"), NUMBERS("grants", "0", "65536")),
	SECTION("firewall", NAMES("table"), NUMBERS("priority", "-401", "401"),
		NUMBERS("accept-mark", "-1", "4294967296"), BOOLS("conntrack"), BOOLS("log-drops"),
		BOOLS("exclusive")),
	SECTION("helper", NAMES("user"), PATHS("session-socket"), PATHS("control-socket"),
		PATHS("state")),
	SECTION("gate", "unknown = 1", "Roam = yes", "roam", "grants = 1", "[gate", "= yes"),
	SECTION("gate", " roam = yes", "\troam = yes", "\v1h", "  1h", " [limits]", " = 1",
		"roam: yes", "roam : yes", "roam:", "roam = yes ; as ever", "roam = yes\t;",
		"roam ; = yes", "server = /a ;b", "[limits] # too", "[limits] grants = 1",
		"[limits]x"),
};

START_TEST(refuses)
{
	char text[512];

	for (size_t i = 0; bad[_i].lines[i]; i++) {
		snprintf(text, sizeof(text), "[gate]\nmax = 1h\n[%s]\n%s\nnothing = else\n",
			bad[_i].section, bad[_i].lines[i]);
		write_file("", text);
		check_error("", 4, "");
	}
}
END_TEST

START_TEST(key_outside_sections)
{
	write_file("", "roam = yes\n");
	check_error("", 1, "roam");
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *reason;
} wrong[] = {
	{"[gate]\nnonsense\nclaim = never\n", 2, "neither a [section], nor a key"},
	{"[gate]\nclaim = never\nnonsense\n", 2, "claim wants a time"},
	{"[gate]\nnonsense = 1\nclaim = never\n", 2, "no key \"nonsense\" in section [gate]"},
	{"[gate]\nclaim = never\n 1h\n", 2, "claim wants a time"},
	{"[gate]\nnonsense\n 1h\n", 2, "neither a [section], nor a key"},
	{"[gate]\nclaim = 1min\n\n  5min\nnonsense\n", 4, "begins with white space"},
	{"[gate]\nclaim: 1min\nnonsense\n", 2, "not key = value"},
	{"[gate]\nclaim = 1min ; short\n", 2, "a comment"},
	{"[gate] claim = 1min\n", 1, "behind a section"},
	{"[gate\nclaim = 1min\n", 1, "neither a [section], nor a key"},
	{"[gates]\n", 1, "no such section"},
	{"[gate]\nclaim = 1min\n[]\n", 3, "no such section"},
	{"[ gate]\nclaim = 1min\n", 1, "no such section"},
	{"[gates]\nclaim = 1min\n", 1, "no such section"},
	{"[Gate]\nclaim = 1min\n", 1, "no such section"},
	{"[gate]\nclaim = 2d\n", 2, "claim wants a time of 1s to 1d, like 90s"},
	{"[gate]\nmax = x\n", 2, "max wants a time of 0s to 3660d, like"},
	{"[gate]\nprefix4 = 33\n", 2, "prefix4 wants a whole number of 8 to 32"},
	{"[firewall]\npriority = x\n", 2, "priority wants a whole number of -400 to 400"},
};

START_TEST(reason_belongs_to_line)
{
	write_file("", wrong[_i].text);
	check_error("", wrong[_i].line, wrong[_i].reason);
}
END_TEST

/* A line that is longer than what is read at once must not become two, or a shorter value. */
START_TEST(long_lines)
{
	char text[1000];

	for (int padding = 1; padding < 400; padding++) {
		struct config config;
		char error[CONFIG_ERROR_SIZE];

		snprintf(text, sizeof(text), "[gate]\nroam = no\nserver = %*s/b\nroam = yes\n",
			padding, "/a ");
		write_file("", text);
		if (config_read(path, &config, error) < 0) {
			ck_assert_int_gt(padding + 11, 197);
			check_error("", 3, "line too long");
			continue;
		}
		ck_assert_int_le(padding + 11, 198);
		ck_assert_str_eq(config.gate.servers[1], "/b");
		ck_assert(config.gate.is_roaming);
	}
	memset(text, '#', sizeof(text));
	write_bytes("", text, sizeof(text), 0644);
	check_error("", 1, "line too long");
}
END_TEST

START_TEST(nul_in_line)
{
	static const char text[] = "[gate]\nmax = 1h\0garbage\n";

	write_bytes("", text, sizeof(text) - 1, 0644);
	check_error("", 2, "");
}
END_TEST

START_TEST(later_wins)
{
	struct config config;

	clear();
	write_file("10-b.conf", "[gate]\nclaim = 10\nidle = 10\n");
	write_file("9-a.conf", "[gate]\nidle = 9\nmax = 9\n");
	write_file("a.conf", "[gate]\nmax = 5\n");
	write_file(".hidden.conf", "nonsense");
	write_file("a.conf~", "nonsense");
	write_file("a.conf.bak", "nonsense");
	write_file("README", "nonsense");
	config = accepted("[gate]\nclaim = 1\nclaim = 2\nidle = 1\nmax = 1\nprefix4 = 24\n");
	ck_assert_uint_eq(config.gate.claim_s, 10);
	ck_assert_uint_eq(config.gate.idle_s, 9);
	ck_assert_uint_eq(config.gate.max_s, 5);
	ck_assert_uint_eq(config.gate.prefix4, 24);
	clear();
	config = accepted("[gate]\nclaim = 1\n[limits]\ngrants = 1\n[gate]\nclaim = 2\n");
	ck_assert_uint_eq(config.gate.claim_s, 2);
}
END_TEST

START_TEST(bad_drop_in)
{
	char name[256];

	clear();
	write_file("", "[gate]\nclaim = 1\n");
	write_file("b.conf", "[gate]\nclaim = 2\n");
	write_file("c.conf", "[gate]\n\nclaim = x\n");
	check_error("c.conf", 3, "claim");
	write_bytes("c.conf", "", 0, 0664);
	check_error("c.conf", 0, "only its owner");
	name_file("c.conf", name);
	unlink(name);
	ck_assert_int_eq(symlink("nowhere", name), 0);
	check_error("c.conf", 0, strerror(ENOENT));
	unlink(name);
	ck_assert_int_eq(mkdir(name, 0755), 0);
	check_error("c.conf", 0, "plain file");
}
END_TEST

START_TEST(drop_ins_are_a_folder)
{
	char name[256], error[CONFIG_ERROR_SIZE] = "";
	struct config config;

	clear();
	write_file("", "");
	snprintf(name, sizeof(name), "%s.d", path);
	ck_assert_int_eq(rmdir(name), 0);
	ck_assert_int_eq(symlink("moshgate.conf", name), 0);
	ck_assert_int_eq(config_read(path, &config, error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "moshgate.conf.d: "));
}
END_TEST

static const mode_t modes[] = {0664, 0646, 0622, 0666, 0620, 0602};

START_TEST(writable_by_others)
{
	write_bytes("", "", 0, modes[_i]);
	check_error("", 0, "only its owner");
}
END_TEST

/* A file that cannot be read to its end is none that ends there. */
START_TEST(read_error)
{
	char error[CONFIG_ERROR_SIZE] = "";
	struct config config;

	ck_assert_int_lt(config_read("/proc/self/mem", &config, error), 0);
	ck_assert_str_eq(error, "/proc/self/mem: Input/output error");
}
END_TEST

START_TEST(no_plain_file)
{
	clear();
	check_error("", 0, strerror(ENOENT));
	ck_assert_int_eq(mkdir(path, 0755), 0);
	check_error("", 0, "plain file");
	rmdir(path);
	write_file("a.conf", "[gate]\nclaim = 2\n"); /* without the file that it belongs to */
	check_error("", 0, strerror(ENOENT));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	alarm(10); /* it is not waited for */
	check_error("", 0, "plain file");
	alarm(0);
}
END_TEST

START_TEST(prefix)
{
	struct config config = accepted("[gate]\nprefix4 = 24\nprefix6 = 64\n");

	ck_assert_uint_eq(config_prefix(&config, &(struct address){4, {1}}), 24);
	ck_assert_uint_eq(config_prefix(&config, &(struct address){6, {1}}), 64);
}
END_TEST

static const struct {
	const char *text, *reason;
} changes[] = {
	{"[gate]\nclaim = 1\nroam = no\n[limits]\ngrants = 1\n", NULL},
	{"[firewall]\naccept-mark = 1\nlog-drops = yes\nconntrack = no\npriority = 1\n", NULL},
	{"[gate]\nports = 60000-60999\n", "[gate] ports"},
	{"[gate]\nports = 60001-61000\n", "[gate] ports"},
	{"[gate]\nprefix4 = 24\n", "[gate] prefix4 or prefix6"},
	{"[gate]\nprefix6 = 64\n", "[gate] prefix4 or prefix6"},
	{"[firewall]\ntable = other\n", "[firewall] table"},
	{"[firewall]\nexclusive = yes\n", "[firewall] exclusive"},
	{"[helper]\nuser = other\n", "section [helper]"},
	{"[helper]\nsession-socket = /other\n", "section [helper]"},
	{"[helper]\ncontrol-socket = /other\n", "section [helper]"},
	{"[helper]\nstate = /other\n", "section [helper]"},
};

START_TEST(needs_restart)
{
	struct config wanted = accepted(changes[_i].text), running = accepted("");
	const char *reason = config_needs_restart(&running, &wanted);

	ck_assert_pstr_eq(reason, changes[_i].reason);
	ck_assert_ptr_null(config_needs_restart(&wanted, &wanted));
}
END_TEST

static const struct config_key *find_key(const char *section, const char *name)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key(i)); i++)
		if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
			break;
	return key;
}

/* The file that is installed: every key, commented out, in its section, with the code's default. */
START_TEST(example_is_the_code)
{
	const char *top = getenv("top_srcdir");
	char name[512], line[256], section[64] = "", seen[64];
	const struct config_key *key;
	size_t count = 0, wanted = 0;
	FILE *file;

	snprintf(name, sizeof(name), "%s/examples/moshgate.conf", top ? top : ".");
	file = fopen(name, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "[%63[a-z]]", section) == 1 || line[0] != '#' || line[1] == ' ' ||
			sscanf(line, "#%63[a-z0-9-] =", seen) != 1)
			continue;
		key = find_key(section, seen);
		ck_assert_msg(key != NULL, "[%s] %s is no key", section, seen);
		line[strcspn(line, "\n")] = '\0';
		ck_assert_str_eq(strstr(line, " = ") + 3, key->default_text);
		count++;
	}
	fclose(file);
	while (config_key(wanted))
		wanted++;
	ck_assert_uint_eq(count, wanted);
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {TEST(example_is_the_code), TEST(defaults),
		TEST(defaults_written_out), LOOP(accepts, ARRAY_LEN(good)), TEST(accepts_several),
		LOOP(refuses, ARRAY_LEN(bad)), TEST(key_outside_sections),
		LOOP(reason_belongs_to_line, ARRAY_LEN(wrong)), TEST(long_lines), TEST(nul_in_line),
		TEST(later_wins), TEST(bad_drop_in), TEST(drop_ins_are_a_folder),
		LOOP(writable_by_others, ARRAY_LEN(modes)), TEST(read_error), TEST(no_plain_file),
		TEST(prefix), LOOP(needs_restart, ARRAY_LEN(changes))};
	int status;

	check_make_folder(folder);
	snprintf(path, sizeof(path), "%s/moshgate.conf", folder);
	status = check_status("config", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return status;
}
