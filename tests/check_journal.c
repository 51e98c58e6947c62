/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where lines go, by log.c and audit.c as they are: to a socket in the journal's place, or syslog.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit.h"
#include "check_main.h"
#include "journal.h"
#include "log.h"

/* In libc's place, by the names that compilers give it: what syslog was given, line by line. */
static char to_syslog[4096];

static void hear_syslog(int priority, const char *format, va_list arguments)
{
	size_t length = strlen(to_syslog);

	length +=
		(size_t)snprintf(to_syslog + length, sizeof(to_syslog) - length, "<%d>", priority);
	length += (size_t)vsnprintf(
		to_syslog + length, sizeof(to_syslog) - length, format, arguments);
	ck_assert_uint_lt(length + 1, sizeof(to_syslog));
	strcat(to_syslog, "\n");
}

void syslog(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	hear_syslog(priority, format, arguments);
	va_end(arguments);
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	hear_syslog(priority, format, arguments);
	va_end(arguments);
}

static char folder[CHECK_FOLDER_SIZE];    /* the program's */
static char path[CHECK_FOLDER_SIZE + 32]; /* of the test's journal */
static int journald = -1;

static void start_journald(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	journald = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(journald, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void stop_journald(void)
{
	close(journald);
	unlink(path);
}

static void begin(void)
{
	snprintf(path, sizeof(path), "%s/%d", folder, (int)getpid());
	log_open(false);
	ck_assert_int_eq(log_to_journal(path, false), 0);
	start_journald();
}

/* The next entry is this one. */
static void assert_entry(const char *expected)
{
	char entry[8192];
	ssize_t length = recv(journald, entry, sizeof(entry) - 1, MSG_DONTWAIT);

	ck_assert_int_ge(length, 0);
	entry[length] = '\0';
	ck_assert_str_eq(entry, expected);
}

static void assert_no_entry(void)
{
	char c;

	ck_assert_int_lt(recv(journald, &c, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

#define TAIL "SYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=moshgated\n"

START_TEST(journal_plain_line)
{
	begin();
	log_error("nftables refused %s", "a=b");
	assert_entry("MESSAGE=nftables refused a=b\nPRIORITY=3\n" TAIL);
	log_debug("not said");
	assert_no_entry();
	log_open(true);
	log_debug("said");
	assert_entry("MESSAGE=said\nPRIORITY=7\n" TAIL);
	ck_assert_str_eq(to_syslog, "");
}
END_TEST

START_TEST(journal_control_characters)
{
	begin();
	log_info("a\nMOSHGATE_EVENT=grant\n\nb\x1b[2Jc\x7f");
	assert_entry("MESSAGE=a?MOSHGATE_EVENT=grant??b?[2Jc?\nPRIORITY=6\n" TAIL);
	ck_assert_str_eq(to_syslog, "");
}
END_TEST

/* Each line as long as it can be. */
START_TEST(journal_long_line)
{
	static char text[5000], expected[8192];

	begin();
	memset(text, 'a', sizeof(text) - 1);
	log_info("%s", text);
	text[4095] = '\0';
	snprintf(expected, sizeof(expected), "MESSAGE=%s\nPRIORITY=6\n" TAIL, text);
	assert_entry(expected);
	ck_assert_str_eq(to_syslog, "");
}
END_TEST

static const struct {
	const char *user, *value;
} users[] = {
	{"alice", "alice"},
	{"", "\"\""},
	{"al ice", "\"al ice\""},
	{"alice\nMOSHGATE_UID=0", "\"alice\\x0aMOSHGATE_UID=0\""},
	{"alice\n\nMOSHGATE_UID\n\x01", "\"alice\\x0a\\x0aMOSHGATE_UID\\x0a\\x01\""},
	{"\"x\\\xff\x7f\t", "\"\\\"x\\\\\\xff\\x7f\\x09\""},
	{"MOSHGATE_UID=0", "\"MOSHGATE_UID=0\""},
};

START_TEST(journal_event)
{
	const struct audit audit = {0};
	struct grant grant = {.key = {{4, {203, 0, 113, 5}}, {4, {198, 51, 100, 7}}, 60001},
		.label = {.uid = 1001, .via = LABEL_LOGIN}};
	const char *value = users[_i].value;
	char expected[2048];

	label_set_user(&grant.label, users[_i].user);
	label_set_auth(&grant.label, "publickey ED25519 SHA256:Ab+/");
	begin();
	audit_grant(&audit, &grant);
	snprintf(expected, sizeof(expected),
		"MESSAGE=grant user=%s uid=1001 addr=203.0.113.5 port=60001 via=login "
		"server=198.51.100.7 auth=\"publickey ED25519 SHA256:Ab+/\"\n"
		"PRIORITY=6\n" TAIL "MOSHGATE_EVENT=grant\nMOSHGATE_USER=%s\nMOSHGATE_UID=1001\n"
		"MOSHGATE_ADDR=203.0.113.5\nMOSHGATE_PORT=60001\nMOSHGATE_VIA=login\n"
		"MOSHGATE_SERVER=198.51.100.7\n"
		"MOSHGATE_AUTH=\"publickey ED25519 SHA256:Ab+/\"\n",
		value, value);
	assert_entry(expected);
	assert_no_entry();
	ck_assert_str_eq(to_syslog, "");
}
END_TEST

/* Names as long as the module lets them be, escaped four to one, and all the same one entry. */
START_TEST(journal_longest_event)
{
	const struct audit audit = {0};
	char name[256], entry[8192];
	struct login login = {.uid = UINT32_MAX - 1, .user = name, .auth = name};
	ssize_t length;

	memset(name, '\n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	begin();
	audit_login(&audit, &login);
	length = recv(journald, entry, sizeof(entry) - 1, MSG_DONTWAIT);
	ck_assert_int_gt(length, (ssize_t)(16 * strlen(name)));
	entry[length] = '\0';
	ck_assert_ptr_nonnull(strstr(entry, "\nMOSHGATE_USER=\"\\x0a\\x0a"));
	ck_assert_ptr_nonnull(strstr(entry, "\nMOSHGATE_AUTH=\"\\x0a\\x0a"));
	ck_assert_str_eq(entry + length - 6, "\\x0a\"\n");
	ck_assert_str_eq(to_syslog, "");
}
END_TEST

/* No journald is there, then one, then another in its place: nothing is lost, nothing is twice. */
START_TEST(journal_restarts)
{
	begin();
	stop_journald();
	log_info("nobody");
	ck_assert_str_eq(to_syslog, "<6>nobody\n");
	for (int i = 0; i < 2; i++) {
		start_journald();
		log_info("somebody");
		assert_entry("MESSAGE=somebody\nPRIORITY=6\n" TAIL);
		assert_no_entry();
		stop_journald();
	}
	ck_assert_str_eq(to_syslog, "<6>nobody\n");
	audit_stop(&(struct audit){0});
	ck_assert_str_eq(to_syslog, "<6>nobody\n<6>stop\n");
}
END_TEST

/* One that has its hands full is not waited for. */
START_TEST(journal_is_full)
{
	int sent = 0;

	begin();
	while (!to_syslog[0] && sent < 100000)
		log_warning("line %d", ++sent);
	ck_assert_int_gt(sent, 1);
	ck_assert_int_lt(sent, 100000);
	for (int i = 1; i < sent; i++) {
		char entry[256];
		ssize_t length = recv(journald, entry, sizeof(entry) - 1, MSG_DONTWAIT);

		ck_assert_int_gt(length, 0);
	}
	assert_no_entry();
	log_info("again");
	assert_entry("MESSAGE=again\nPRIORITY=6\n" TAIL);
	ck_assert_int_eq(strncmp(to_syslog, "<4>line ", 8), 0);
	ck_assert_ptr_eq(strchr(to_syslog, '\n'), to_syslog + strlen(to_syslog) - 1);
}
END_TEST

START_TEST(journal_is_none)
{
	char too_long[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

	log_open(false);
	memset(too_long, '/', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	ck_assert_int_eq(log_to_journal(too_long, true), -ENAMETOOLONG);
	log_info("a line");
	ck_assert_str_eq(to_syslog, "<6>a line\n");
}
END_TEST

/* Standard error has every line once, wherever else it goes. */
START_TEST(journal_stderr_too)
{
	char output[256] = "", expected[256];
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t length;

	ck_assert_int_eq(pipe(ends), 0);
	begin();
	dup2(ends[1], STDERR_FILENO);
	log_info("to the journal");
	audit_stop(&(struct audit){0});
	stop_journald();
	log_info("to syslog");
	dup2(saved, STDERR_FILENO);
	length = read(ends[0], output, sizeof(output) - 1);
	ck_assert_int_gt(length, 0);
	snprintf(expected, sizeof(expected),
		"moshgated[%1$d]: to the journal\nmoshgated[%1$d]: stop\nmoshgated[%1$d]: to "
		"syslog\n",
		(int)getpid());
	ck_assert_str_eq(output, expected);
}
END_TEST

/* What is the journal's has no line twice. */
START_TEST(journal_is_stderr)
{
	int ends[2], saved = dup(STDERR_FILENO);
	char c;

	ck_assert_int_eq(pipe(ends), 0);
	begin();
	ck_assert_int_eq(log_to_journal(path, true), 0);
	dup2(ends[1], STDERR_FILENO);
	log_info("to the journal");
	stop_journald();
	log_info("to syslog");
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &c, 1), 0);
	ck_assert_str_eq(to_syslog, "<6>to syslog\n");
}
END_TEST

/* Where there is no journal to send to, standard error goes on, though it is one's. */
START_TEST(journal_is_stderr_alone)
{
	char output[64] = "", expected[64];
	int ends[2], saved = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe(ends), 0);
	log_open(false);
	ck_assert_int_eq(log_to_journal("/nowhere/socket", true), 0);
	dup2(ends[1], STDERR_FILENO);
	log_info("to both");
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	ck_assert_int_gt(read(ends[0], output, sizeof(output) - 1), 0);
	snprintf(expected, sizeof(expected), "moshgated[%d]: to both\n", (int)getpid());
	ck_assert_str_eq(output, expected);
	ck_assert_str_eq(to_syslog, "<6>to both\n");
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {TEST(journal_plain_line),
		TEST(journal_control_characters), TEST(journal_long_line),
		LOOP(journal_event, ARRAY_LEN(users)), TEST(journal_longest_event),
		TEST(journal_restarts), TEST(journal_is_full), TEST(journal_is_none),
		TEST(journal_stderr_too), TEST(journal_is_stderr), TEST(journal_is_stderr_alone)};
	int result;

	check_make_folder(folder);
	result = check_status("journal", tests, ARRAY_LEN(tests));
	check_remove_folder(folder);
	return result;
}
