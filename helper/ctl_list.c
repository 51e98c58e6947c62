/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "ctl.h"
#include "table.h"

static const struct column list_columns[] = {
	{"USER", "user", NULL},
	{"FROM", "addr", NULL},
	{"SERVER", "server", NULL},
	{"PORT", "port", NULL},
	{"VIA", "via", NULL},
	{"SINCE", "since", table_ago},
	{"LAST SEEN", "last_seen", table_ago},
	{"EXPIRES IN", "expires_in", table_span},
	{"PACKETS", "packets", NULL},
	{"BYTES", "bytes", table_bytes},
	{"CREDENTIAL", "auth", NULL},
	{NULL, NULL, NULL},
};

static const struct column login_columns[] = {
	{"USER", "user", NULL},
	{"FROM", "addr", NULL},
	{"SERVER", "server", NULL},
	{"PID", "pid", NULL},
	{"SINCE", "since", table_ago},
	{"CREDENTIAL", "auth", NULL},
	{NULL, NULL, NULL},
};

/* Who, from where, and to which port stay. */
static const struct table_step list_steps[] = {
	{"auth", 24},
	{"bytes", 0},
	{"packets", 0},
	{"auth", 0},
	{"expires_in", 0},
	{"since", 0},
	{"via", 0},
	{"server", 0},
	{"user", 8},
	{"last_seen", 0},
	{"addr", 16},
	{NULL, 0},
};

static const struct table_step login_steps[] = {
	{"auth", 24},
	{"pid", 0},
	{"auth", 0},
	{"server", 0},
	{"user", 8},
	{"since", 0},
	{"addr", 16},
	{NULL, 0},
};

static const struct column pending_columns[] = {
	{"USER", "user", NULL},
	{"FROM", "addr", NULL},
	{"SERVER", "server", NULL},
	{"PORT", "port", NULL},
	{"LAST SEEN", "last_seen", table_ago},
	{"PACKETS", "packets", NULL},
	{"BYTES", "bytes", table_bytes},
	{NULL, NULL, NULL},
};

static const struct table_step pending_steps[] = {
	{"bytes", 0},
	{"server", 0},
	{"user", 8},
	{"last_seen", 0},
	{"addr", 16},
	{NULL, 0},
};

static void print_table(const struct table *table, json_t *rows)
{
	const struct terminal terminal = terminal_of(stdout);

	table_print(stdout, &terminal, table, rows, time(NULL));
}

/* Who is not root is told of what is his own. */
static const char *of_yours(void)
{
	return geteuid() == 0 ? "" : " of yours";
}

static void print_list(json_t *json)
{
	if (json_array_size(json) == 0)
		printf("Nobody may reach a mosh-server%s now.\n", of_yours());
	else
		print_table(&(struct table){list_columns, list_steps}, json);
}

static void print_logins(json_t *json)
{
	if (json_array_size(json) == 0)
		puts(geteuid() == 0 ? "Nobody is logged in by ssh."
				    : "You are not logged in by ssh.");
	else
		print_table(&(struct table){login_columns, login_steps}, json);
}

static void print_pending(json_t *json)
{
	if (json_array_size(json) == 0)
		printf("Nobody knocked lately at a mosh-server%s who may not come in.\n",
			of_yours());
	else
		print_table(&(struct table){pending_columns, pending_steps}, json);
}

enum ctl_status ctl_list(const struct ctl_question *question)
{
	return ctl_show(question, print_list);
}

enum ctl_status ctl_logins(const struct ctl_question *question)
{
	return ctl_show(question, print_logins);
}

enum ctl_status ctl_pending(const struct ctl_question *question)
{
	return ctl_show(question, print_pending);
}
