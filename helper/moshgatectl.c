/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "event.h"
#include "fd.h"
#include "table.h"
#include "wire.h"

enum status { STATUS_DONE = 0, STATUS_NOTHING = 1, STATUS_USAGE = 2, STATUS_NO_HELPER = 3 };

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

static void print_list(json_t *json)
{
	if (json_array_size(json) == 0)
		puts("Nobody may reach a mosh-server now.");
	else
		table_print(stdout, list_columns, json, time(NULL));
}

static void print_logins(json_t *json)
{
	if (json_array_size(json) == 0)
		puts("Nobody is logged in by ssh.");
	else
		table_print(stdout, login_columns, json, time(NULL));
}

static long long number(json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

static const char *text(json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "-";
}

static void print_status(json_t *json)
{
	char since[256];

	table_ago(json_object_get(json, "since"), time(NULL), since);
	printf("moshgated %s, started %s\n", text(json, "version"), since);
	printf("guard     table inet %s closes UDP ports %lld-%lld\n", text(json, "table"),
		number(json, "first_port"), number(json, "last_port"));
	printf("logins    %lld\n", number(json, "logins"));
	printf("servers   %lld\n", number(json, "servers"));
	printf("grants    %lld\n", number(json, "grants"));
}

static void print_revoked(json_t *json)
{
	printf("Revoked: %lld.\n", number(json, "revoked"));
}

static void print_nothing(json_t *json)
{
	(void)json;
}

static int select_none(const char *selector, struct wire_control *request)
{
	(void)request;
	return selector ? -EINVAL : 0;
}

/* "all", an address, a port, or a user's name or number as uid:N. */
static int select_grants(const char *selector, struct wire_control *request)
{
	const struct passwd *passwd;
	unsigned int number;
	char behind;

	if (!selector)
		return -EINVAL;
	if (strcmp(selector, "all") == 0 || address_parse(selector, &request->client) == 0)
		return 0;
	if (sscanf(selector, "%u%c", &number, &behind) == 1) {
		request->port = (uint16_t)number;
		return number >= 1 && number <= UINT16_MAX ? 0 : -EINVAL;
	}
	request->is_of_user = 1;
	if (sscanf(selector, "uid:%u%c", &request->uid, &behind) == 1)
		return 0;
	passwd = getpwnam(selector);
	if (!passwd) {
		fprintf(stderr, "moshgatectl: no user, address or port \"%s\"\n", selector);
		return -EINVAL;
	}
	request->uid = passwd->pw_uid;
	return 0;
}

static const struct command {
	const char *name;
	enum wire_control_type type;
	int (*select)(const char *selector, struct wire_control *request);
	void (*print)(json_t *json);
	const char *what;
} commands[] = {
	{"status", WIRE_STATUS, select_none, print_status, "what the helper is doing"},
	{"list", WIRE_LIST, select_none, print_list, "who may reach which mosh-server"},
	{"logins", WIRE_LOGINS, select_none, print_logins, "who is logged in by ssh, from where"},
	{"revoke", WIRE_REVOKE, select_grants, print_revoked,
		"close now: all, USER, uid:N, ADDRESS or PORT"},
	{"watch", WIRE_WATCH, select_none, print_nothing, "events as they happen"},
	{"reload", WIRE_RELOAD, select_none, print_nothing, "read the configuration anew"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *file)
{
	fputs("usage: moshgatectl [-s SOCKET] [--json] COMMAND [SELECTOR]\n", file);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-8s %s\n", commands[i].name, commands[i].what);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Connects and sends; the stream is read from then on. */
static int ask(const char *path, const struct wire_control *request, FILE **stream)
{
	uint8_t bytes[WIRE_CONTROL_SIZE];
	auto_fd int fd = connect_to(path);

	if (fd < 0)
		return fd;
	wire_control_encode(request, bytes);
	if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) != sizeof(bytes))
		return -EIO;
	*stream = fdopen(fd, "r");
	if (!*stream)
		return -ENOMEM;
	take_fd(&fd);
	return 0;
}

static const char *const refusals[] = {
	[WIRE_REFUSED] = "refused: that is not yours",
	[WIRE_MALFORMED] = "the helper did not understand",
	[WIRE_OTHER_VERSION] = "the helper is of another version: restart it",
	[WIRE_NOTHING] = "nothing matched",
	[WIRE_FAILED] = "the helper failed: see its log",
};

static enum status show(const struct command *command, FILE *stream, bool is_json)
{
	json_error_t error;
	json_t *json = json_loadf(stream, JSON_DISABLE_EOF_CHECK, &error);

	if (!json && command->type == WIRE_RELOAD)
		return STATUS_DONE;
	if (!json) {
		fprintf(stderr, "moshgatectl: unreadable answer: %s\n", error.text);
		return STATUS_NOTHING;
	}
	if (is_json && json_dumpf(json, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	else
		command->print(json);
	json_decref(json);
	return STATUS_DONE;
}

/* One line each, flushed, so that another program can follow. */
static enum status follow(FILE *stream, bool is_json)
{
	char line[8192];

	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = '\0';
		if (is_json)
			event_print_json(stdout, line, time(NULL));
		else
			event_print(stdout, line, time(NULL));
		if (fflush(stdout) != 0)
			return STATUS_NOTHING;
	}
	fputs("moshgatectl: the helper is gone\n", stderr);
	return STATUS_NO_HELPER;
}

/* The helper's reason, where it gives one. */
static enum status refuse(enum wire_answer word, FILE *stream)
{
	json_t *json = json_loadf(stream, JSON_DISABLE_EOF_CHECK, NULL);
	const char *reason = json_string_value(json_object_get(json, "error"));

	fprintf(stderr, "moshgatectl: %s\n", reason ? reason : refusals[word]);
	json_decref(json);
	return STATUS_NOTHING;
}

static enum status run(const char *path, const struct command *command,
	const struct wire_control *request, bool is_json)
{
	uint8_t bytes[WIRE_ANSWER_SIZE];
	enum wire_answer word;
	enum status status;
	FILE *stream;
	int error = ask(path, request, &stream);

	if (error < 0) {
		fprintf(stderr, "moshgatectl: no helper at %s: %s\n", path, strerror(-error));
		return STATUS_NO_HELPER;
	}
	if (fread(bytes, sizeof(bytes), 1, stream) != 1 ||
		wire_answer_decode(bytes, sizeof(bytes), &word) < 0) {
		fprintf(stderr, "moshgatectl: no answer from the helper at %s\n", path);
		status = STATUS_NO_HELPER;
	} else if (word != WIRE_DONE) {
		status = refuse(word, stream);
	} else if (command->type == WIRE_WATCH) {
		status = follow(stream, is_json);
	} else {
		status = show(command, stream, is_json);
	}
	fclose(stream);
	return status;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static enum status usage_error(void)
{
	print_usage(stderr);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"json", no_argument, NULL, 'j'},
		{"socket", required_argument, NULL, 's'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *path = CONTROL_SOCKET;
	struct wire_control request = {0};
	const struct command *command;
	bool is_json = false;
	int option;

	while ((option = getopt_long(argc, argv, "s:jVh", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			path = optarg;
			break;
		case 'j':
			is_json = true;
			break;
		case 'V':
			puts("moshgatectl " VERSION);
			return STATUS_DONE;
		case 'h':
			print_usage(stdout);
			return STATUS_DONE;
		default:
			return usage_error();
		}
	}
	command = optind < argc ? find_command(argv[optind]) : NULL;
	if (!command || argc - optind > 2)
		return usage_error();
	request.type = command->type;
	if (command->select(argv[optind + 1], &request) < 0)
		return usage_error();
	return run(path, command, &request, is_json);
}
