/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl.h"
#include "table.h"

/* Prints prefix, value, suffix. */
static void print_text(const char *before, json_t *json, const char *key, const char *behind)
{
	const char *value = json_string_value(json_object_get(json, key));

	fputs(before, stdout);
	table_print_text(stdout, value ? value : "-");
	fputs(behind, stdout);
}

static void print_status(json_t *json)
{
	char since[256];

	table_ago(json_object_get(json, "since"), time(NULL), since);
	print_text("moshgated ", json, "version", ", started ");
	puts(since);
	print_text("guard     table inet ", json, "table", " closes UDP ports ");
	printf("%lld-%lld\n", value_number(json, "first_port"), value_number(json, "last_port"));
	printf("logins    %lld\n", value_number(json, "logins"));
	printf("servers   %lld\n", value_number(json, "servers"));
	printf("grants    %lld\n", value_number(json, "grants"));
	if (json_object_get(json, "refused"))
		printf("refused   %lld connections and requests\n", value_number(json, "refused"));
}

static void print_revoked(json_t *json)
{
	printf("Revoked: %lld.\n", value_number(json, "revoked"));
}

static void print_allowed(json_t *json)
{
	printf("Allowed: %lld.\n", value_number(json, "allowed"));
}

enum ctl_status ctl_status(const struct ctl_question *question)
{
	return ctl_show(question, print_status);
}

enum ctl_status ctl_revoke(const struct ctl_question *question)
{
	return ctl_show(question, print_revoked);
}

enum ctl_status ctl_allow(const struct ctl_question *question)
{
	return ctl_show(question, print_allowed);
}

/* That it was done is all there is. */
enum ctl_status ctl_reload(const struct ctl_question *question)
{
	FILE *stream;
	enum ctl_status status = ctl_ask(question, &stream);

	if (status == CTL_DONE)
		fclose(stream);
	return status;
}
