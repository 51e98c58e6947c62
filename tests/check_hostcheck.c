/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "check_main.h"
#include "hostcheck.h"
#include "log.h"

#define DEFAULT_RANGE "32768\t60999\n"

static const struct {
	const char *range, *reserved;
	uint16_t first, last;
	bool is_ephemeral;
} examples[] = {
	/* as Linux has them */
	{DEFAULT_RANGE, "\n", 60000, 61000, true},
	{DEFAULT_RANGE, "", 60000, 61000, true},
	{DEFAULT_RANGE, "60000-61000\n", 60000, 61000, false},
	{DEFAULT_RANGE, "60000-61000", 60000, 61000, false},
	{"32768\t59999\n", "\n", 60000, 61000, false},
	{"32768\t60000\n", "\n", 60000, 61000, true},
	{"61000\t65535\n", "\n", 60000, 61000, true},
	{"61001\t65535\n", "\n", 60000, 61000, false},
	{"1024 65535", "", 60000, 61000, true},
	{"60500 60500", "", 60000, 61000, true},
	/* what is reserved in part */
	{DEFAULT_RANGE, "60000-60999\n", 60000, 61000, false},
	{DEFAULT_RANGE, "60000-60998\n", 60000, 61000, true},
	{DEFAULT_RANGE, "60001-61000\n", 60000, 61000, true},
	{DEFAULT_RANGE, "8080,60000-60500,60501-61000\n", 60000, 61000, false},
	{DEFAULT_RANGE, "60501-61000,8080,60000-60500\n", 60000, 61000, false},
	{DEFAULT_RANGE, "60000-60500,60502-61000\n", 60000, 61000, true},
	{DEFAULT_RANGE, "60000-60500,60501,60502-61000\n", 60000, 61000, false},
	{DEFAULT_RANGE, "8080,9148\n", 60000, 61000, true},
	{DEFAULT_RANGE, "1-65535\n", 60000, 61000, false},
	/* one port, and the ends of all */
	{DEFAULT_RANGE, "60001", 60001, 60001, false},
	{DEFAULT_RANGE, "60001\n", 60001, 60002, true},
	{DEFAULT_RANGE, "6000", 60000, 60000, true},
	{DEFAULT_RANGE, "600000", 60000, 60000, true},
	{"1\t65535", "", 65535, 65535, true},
	{"1\t65535", "65535", 65535, 65535, false},
	{"1\t65535", "1-65534", 1, 65535, true},
	{"1\t65535", "2-65535", 1, 65535, true},
	{"1\t65535", "1-65535", 1, 65535, false},
	/* unreadable: cannot be told, so it can */
	{"", "", 60000, 61000, true},
	{"\n", "60000-61000", 60000, 61000, true},
	{"32768", "60000-61000", 60000, 61000, true},
	{"none", "60000-61000", 60000, 61000, true},
	{"32768 none", "60000-61000", 60000, 61000, true},
	/* odd ones reserve nothing but what they say */
	{DEFAULT_RANGE, "none", 60000, 60001, true},
	{DEFAULT_RANGE, ",", 60000, 60001, true},
	{DEFAULT_RANGE, ",,,60000-60001,,", 60000, 60001, false},
	{DEFAULT_RANGE, "none,60000-60001", 60000, 60001, false},
	{DEFAULT_RANGE, "60000-", 60000, 60001, true},
	{DEFAULT_RANGE, "-60001", 60000, 60001, true},
	{DEFAULT_RANGE, "60000-4294967297", 60000, 61000, false},
	{DEFAULT_RANGE, "4294967296-60001", 60000, 60001, true},
	{DEFAULT_RANGE, "0-99999999999999999999", 60000, 61000, false},
	{DEFAULT_RANGE, "65535-65536", 60000, 60001, true},
	{DEFAULT_RANGE, "60000--60001", 60000, 60001, true},
	{DEFAULT_RANGE, "60001-60000", 60000, 60001, true},
	{DEFAULT_RANGE, "\n60000-60001", 60000, 60001, true},
	{"60999\t32768\n", "", 60000, 61000, false},
};

START_TEST(ephemeral)
{
	bool is_ephemeral = hostcheck_is_ephemeral(
		examples[_i].range, examples[_i].reserved, examples[_i].first, examples[_i].last);

	ck_assert_msg(is_ephemeral == examples[_i].is_ephemeral, "\"%s\", reserved \"%s\"",
		examples[_i].range, examples[_i].reserved);
}
END_TEST

/* As many single ports as the helper reads at most. */
START_TEST(long_text)
{
	static char reserved[16384];
	size_t length = 0;

	for (unsigned int port = 58275; port < 61000; port++)
		length += (size_t)sprintf(reserved + length, "%u,", port);
	ck_assert_uint_lt(length + 6, sizeof(reserved));
	ck_assert(hostcheck_is_ephemeral("1 65535", reserved, 60000, 61000));
	strcpy(reserved + length, "61000");
	ck_assert(!hostcheck_is_ephemeral("1 65535", reserved, 60000, 61000));
	ck_assert(!hostcheck_is_ephemeral("1 65535", reserved, 58275, 61000));
	ck_assert(hostcheck_is_ephemeral("1 65535", reserved, 58274, 61000));
}
END_TEST

/* Every port is reserved, by as many ranges as there is room for; looking through all of them for
 * each port takes minutes. */
START_TEST(long_text_in_no_time)
{
	static char reserved[16384];
	size_t length = 0;

	for (unsigned int port = 1; port < 65535; port += 51)
		length += (size_t)sprintf(reserved + length, "%u-%u,", port, port + 50);
	ck_assert_uint_lt(length, sizeof(reserved));
	alarm(10);
	for (int i = 0; i < 20; i++)
		ck_assert(!hostcheck_is_ephemeral("1 65535", reserved, 1, 65535));
	alarm(0);
	reserved[2] = '4'; /* 1-41, so that 42 is free */
	ck_assert(hostcheck_is_ephemeral("1 65535", reserved, 1, 65535));
}
END_TEST

/* These are the linker's instead of firewall.c's and log.c's. */
static const char *listed; /* null: nftables refuses */
static char logged[256];

int firewall_list(struct firewall *firewall, char **json)
{
	(void)firewall;
	if (!listed)
		return -EIO;
	*json = strdup(listed);
	return 0;
}

const char *firewall_error(const struct firewall *firewall)
{
	(void)firewall;
	return "refused";
}

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	(void)priority;
	va_start(arguments, format);
	vsnprintf(logged, sizeof(logged), format, arguments);
	va_end(arguments);
}

static const struct {
	const char *listed, *logged;
} rulesets[] = {
	{NULL, "the ruleset cannot be looked at: refused"},
	{"no ruleset", "the ruleset cannot be looked at: Protocol error"},
	{"{\"nftables\": []}", ""},
};

START_TEST(reason_is_told)
{
	struct config config;

	config_defaults(&config);
	listed = rulesets[_i].listed;
	hostcheck(&config, NULL);
	ck_assert_str_eq(logged, rulesets[_i].logged);
}
END_TEST

CHECK_MAIN("hostcheck", LOOP(ephemeral, ARRAY_LEN(examples)), TEST(long_text),
	TEST(long_text_in_no_time), LOOP(reason_is_told, ARRAY_LEN(rulesets)))
