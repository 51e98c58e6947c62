/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What manual.test compares the pages with, told by the code itself, a fact a line:
 *
 *	key SECTION NAME DEFAULT	of the configuration
 *	timeout LEAST MOST DEFAULT	of the module, in ms
 *	socket DEFAULT			of the module
 *	audit EVENT KEY=VALUE...	every line that can be said, with every word
 *	json COMMAND TEXT		an answer of the helper
 *
 * With a FILE: exits 0 if that is a right configuration, and else says what is wrong with it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "doctor.h"
#include "log.h"
#include "options.h"
#include "report.h"

/* Link-time stand-in for log.c: it is not syslog's business. */
void log_event(int priority, const char *line, const char *fields)
{
	(void)priority, (void)fields;
	printf("audit %s\n", line);
}

static const struct audit audit = {0};
static const struct address client = {4, {203, 0, 113, 5}}, server = {4, {198, 51, 100, 7}};
static struct login login = {
	.pid = 150, .uid = 1001, .user = (char *)"alice", .auth = (char *)"password"};
static struct server owned = {
	.socket = {.address = {4, {198, 51, 100, 7}}, .port = 60001, .uid = 1001, .cookie = 1},
	.role = SERVER_OWNED,
	.user = (char *)"alice"};
static struct element knock = {.key = {{4, {203, 0, 113, 6}}, {4, {198, 51, 100, 7}}, 60001}};
static const struct elements knocked = {&knock, 1, 1};
static struct grant grant = {
	.label = {.uid = 1001, .cookie = 1, .user = "alice", .auth = "password"},
	.is_counted = true,
};

/* Whatever is added to an enumeration and not here is a warning (-Wswitch). */
static bool is_reason(enum grant_reason reason)
{
	switch (reason) {
	case GRANT_EXIT:
	case GRANT_IDLE:
	case GRANT_UNCLAIMED:
	case GRANT_MAX:
	case GRANT_ADMIN:
	case GRANT_STALE:
		return true;
	}
	return false;
}

static bool is_denial(enum grant_denial_reason reason)
{
	switch (reason) {
	case DENIAL_NO_LOGIN:
	case DENIAL_FAMILY:
	case DENIAL_NO_ADDRESS:
	case DENIAL_TAKEN:
	case DENIAL_LIMIT_USER:
	case DENIAL_LIMIT:
		return true;
	}
	return false;
}

static void tell_keys(void)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key(i)); i++)
		printf("key %s %s %s\n", key->section, key->name, key->default_text);
	printf("timeout %d %d %d\n", OPTIONS_TIMEOUT_MS_MIN, OPTIONS_TIMEOUT_MS_MAX,
		OPTIONS_TIMEOUT_MS_DEFAULT);
}

static void tell_socket(void)
{
	struct options options;
	const char *bad;

	if (options_parse(0, NULL, &options, &bad) < 0)
		exit(EXIT_FAILURE);
	printf("socket %s\n", options.socket);
}

static void tell_audit(void)
{
	struct grant_denial denial = {.uid = 1001, .client = client, .user = login.user};

	audit_start(&audit, VERSION);
	audit_stop(&audit);
	audit_login(&audit, &login);
	audit_logout(&audit, &login, 0);
	audit_limit_logins(&audit, &login, 64, 2);
	for (enum label_via via = 0; via < LABEL_VIAS; via++) {
		grant.label.via = via;
		audit_grant(&audit, &grant);
	}
	for (grant.reason = 0; is_reason(grant.reason); grant.reason++)
		audit_revoke(&audit, &grant, 0);
	for (denial.reason = 0; is_denial(denial.reason); denial.reason++)
		audit_deny(&audit, &denial, 2);
}

static void tell_json(const char *command, char *text)
{
	printf("json %s %s\n", command, text);
	free(text);
}

static void tell_reports(void)
{
	struct config config;
	struct grant_table *grants;
	struct login_table *logins = login_table_new();
	const struct totals totals = {0};
	const struct drops drops = {0};
	struct report_status status = {.logins = logins, .totals = &totals, .drops = &drops};
	struct login *added;

	config_defaults(&config);
	status.grants = grants = grant_table_new(&config);
	if (login_add(logins, &login, 1, &added) < 0)
		exit(EXIT_FAILURE);
	DL_APPEND(grants->lists[GRANT_OPEN], &grant);
	tell_json("list", report_grants(grants, 0));
	tell_json("logins", report_logins(logins, 0));
	tell_json("status", report_status(&status, 0));
	HASH_ADD(hh, grants->servers.servers, socket.cookie, sizeof(owned.socket.cookie), &owned);
	tell_json("pending", report_pending(grants, &knocked, 0));
	HASH_DEL(grants->servers.servers, &owned);
	grants->lists[GRANT_OPEN] = NULL;
	grant_table_free(grants);
	login_table_free(logins);
}

static void tell_doctor(void)
{
	struct doctor doctor = {.root = ""};

	doctor_note(&doctor, DOCTOR_OK, "sshd", "text");
	fputs("json doctor ", stdout);
	doctor_print_json(stdout, &doctor);
	doctor_clear(&doctor);
}

static int check_config(const char *file)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	if (config_read(file, &config, error) == 0)
		return EXIT_SUCCESS;
	puts(error);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return check_config(argv[1]);
	grant.key = (struct grant_key){client, server, 60001};
	login.client = client;
	login.server = server;
	tell_keys();
	tell_socket();
	tell_audit();
	tell_reports();
	tell_doctor();
	return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
