/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a helper that cannot start does to the firewall, by what it finds there; firewall and log
 * are this file's own. */
#include <errno.h>
#include <stdarg.h>
#include <syslog.h>

#include "check_main.h"
#include "contents.h"
#include "fallback.h"
#include "firewall.h"
#include "log.h"

#define NONE "{\"nftables\":[]}"
#define RULED(table)                                                                               \
	"{\"chain\":{\"family\":\"inet\",\"table\":\"" table                                       \
	"\",\"name\":\"input\",\"hook\":\"input\"}},"                                              \
	"{\"rule\":{\"family\":\"inet\",\"table\":\"" table "\",\"chain\":\"input\"}}"
#define SET(table)   "{\"set\":{\"family\":\"inet\",\"table\":\"" table "\",\"name\":\"grants4\"}}"
#define GUARD(table) SET(table) "," RULED(table)
#define LAST         "{\"nftables\":[" GUARD("own") "]}"
#define FLUSHED      "{\"nftables\":[" SET("own") "]}"
#define CLOSED       "{\"nftables\":[" GUARD(FALLBACK_TABLE) "]}"
#define BOTH         "{\"nftables\":[" GUARD(FALLBACK_TABLE) "," GUARD("own") "]}"

static struct {
	const char *lists[2]; /* null: it cannot be listed */
	int open_error, install_error, remove_error, count_error;
	unsigned int listed, installed, removed, closed;
	struct config config; /* the last that was opened */
	uint16_t first_port, last_port;
	char logged[256]; /* the last line */
	int priority;     /* its */
} host;

int firewall_open(const struct config *config, struct firewall **firewall)
{
	host.config = *config;
	*firewall = (struct firewall *)&host;
	return host.open_error;
}

void firewall_close(struct firewall *firewall)
{
	ck_assert_ptr_eq(firewall, &host);
	host.closed++;
}

int firewall_list(struct firewall *firewall, char **json)
{
	const char *list = host.lists[host.listed++];

	(void)firewall;
	if (!list)
		return -EIO;
	*json = strdup(list);
	return 0;
}

int firewall_install(struct firewall *firewall, const struct config *config, struct plan *plan)
{
	(void)firewall;
	ck_assert_uint_eq(plan->count, 0);
	ck_assert_str_eq(config->firewall.table, FALLBACK_TABLE);
	host.installed++;
	host.first_port = config->gate.first_port;
	host.last_port = config->gate.last_port;
	return host.install_error;
}

int firewall_remove(struct firewall *firewall)
{
	(void)firewall;
	host.removed++;
	return host.remove_error;
}

const char *firewall_error(const struct firewall *firewall)
{
	(void)firewall;
	return "no reason";
}

int contents_count(const char *table, uint32_t *count)
{
	ck_assert_str_eq(table, FALLBACK_TABLE);
	*count = 7;
	return host.count_error;
}

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(host.logged, sizeof(host.logged), format, arguments);
	va_end(arguments);
	host.priority = priority;
}

#define CLOSED_BY        " is closed to everybody, by table " FALLBACK_TABLE ", until moshgated starts"
#define CLOSED_DEFAULT   "UDP 60000-61000" CLOSED_BY
#define CLOSED_OWN       "UDP 60100-60200" CLOSED_BY
#define THE_LAST_STAYS   "the guard of the last moshgated stays as it is"
#define THE_CLOSED_STAYS "table " FALLBACK_TABLE " stays as it is"
#define REFUSED          "nftables refused the guard: no reason"

static const struct {
	const char *before, *after; /* null: it cannot be told */
	bool is_known;              /* the range that is wanted */
	int install_error, remove_error;
	bool is_installed, is_removed;
	const char *logged;
} starts[] = {
	/* at a boot */
	{NONE, CLOSED, false, 0, 0, true, false, CLOSED_DEFAULT},
	{NONE, CLOSED, true, 0, 0, true, false, CLOSED_OWN},
	/* as often as it fails */
	{CLOSED, CLOSED, true, 0, 0, true, false, CLOSED_OWN},
	{CLOSED, CLOSED, false, 0, 0, false, false, THE_CLOSED_STAYS},
	/* where the last helper's guard is */
	{LAST, NULL, false, 0, 0, false, false, THE_LAST_STAYS},
	{LAST, NULL, true, 0, 0, false, false, THE_LAST_STAYS},
	{BOTH, NULL, true, 0, 0, false, false, THE_LAST_STAYS},
	{FLUSHED, CLOSED, true, 0, 0, true, false, CLOSED_OWN},
	/* where one comes at the same moment */
	{NONE, BOTH, true, 0, 0, true, true, ""},
	{NONE, BOTH, false, 0, 0, true, true, ""},
	{NONE, BOTH, true, 0, -EIO, true, true, REFUSED},
	/* errors: what cannot be told is no reason to shut sessions out, nor to open */
	{NULL, NULL, true, 0, 0, false, false, REFUSED},
	{NULL, NULL, false, 0, 0, false, false, REFUSED},
	{NONE, NULL, true, 0, 0, true, false, CLOSED_OWN},
	{NONE, NULL, true, -EIO, 0, true, false, REFUSED},
	{"no ruleset", CLOSED, true, 0, 0, true, false, CLOSED_OWN},
};

START_TEST(fallback_installs)
{
	struct config wanted;

	config_defaults(&wanted);
	wanted.gate.first_port = 60100;
	wanted.gate.last_port = 60200;
	host.lists[0] = starts[_i].before;
	host.lists[1] = starts[_i].after;
	host.install_error = starts[_i].install_error;
	host.remove_error = starts[_i].remove_error;
	fallback_install(starts[_i].is_known ? &wanted : NULL);
	ck_assert_uint_eq(host.installed, starts[_i].is_installed);
	ck_assert_uint_eq(host.removed, starts[_i].is_removed);
	ck_assert_uint_eq(host.closed, 1);
	ck_assert_str_eq(host.config.firewall.table, FALLBACK_TABLE);
	if (host.installed > 0) {
		ck_assert_uint_eq(host.first_port, starts[_i].is_known ? 60100 : 60000);
		ck_assert_uint_eq(host.last_port, starts[_i].is_known ? 60200 : 61000);
	}
	ck_assert_str_eq(host.logged, starts[_i].logged);
}
END_TEST

START_TEST(fallback_without_nftables)
{
	host.open_error = -EPERM;
	fallback_install(NULL);
	ck_assert_uint_eq(host.listed + host.installed + host.removed, 0);
	ck_assert_str_eq(host.logged, "nftables: Operation not permitted");
	ck_assert_int_eq(host.priority, LOG_ERR);
	host.logged[0] = '\0';
	fallback_remove();
	ck_assert_uint_eq(host.removed, 0);
	ck_assert_str_eq(host.logged, "nftables: Operation not permitted");
}
END_TEST

static const struct {
	int count_error, remove_error;
	bool is_removed;
	const char *logged;
} removals[] = {
	{0, 0, true, ""},
	{0, -EIO, true, "table " FALLBACK_TABLE " cannot be removed: no reason"},
	{-ENOENT, 0, false, ""},
	{-EPERM, 0, false, "table " FALLBACK_TABLE ": Operation not permitted"},
};

START_TEST(fallback_removes)
{
	host.count_error = removals[_i].count_error;
	host.remove_error = removals[_i].remove_error;
	fallback_remove();
	ck_assert_uint_eq(host.removed, removals[_i].is_removed);
	ck_assert_uint_eq(host.closed, removals[_i].is_removed);
	ck_assert_uint_eq(host.installed, 0);
	ck_assert_str_eq(host.logged, removals[_i].logged);
}
END_TEST

CHECK_MAIN("fallback", LOOP(fallback_installs, ARRAY_LEN(starts)), TEST(fallback_without_nftables),
	LOOP(fallback_removes, ARRAY_LEN(removals)))
