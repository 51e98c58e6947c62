/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

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

static const struct command {
	const char *name;
	enum wire_control_type type;
	void (*print)(json_t *json);
	const char *what;
} commands[] = {
	{"status", WIRE_STATUS, print_status, "what the helper is doing"},
	{"list", WIRE_LIST, print_list, "who may reach which mosh-server"},
	{"logins", WIRE_LOGINS, print_logins, "who is logged in by ssh, and from where"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *file)
{
	fputs("usage: moshgatectl [-s SOCKET] [--json] COMMAND\n", file);
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

/* The whole answer, ended by a NUL, of malloc(). */
static int read_all(int fd, char **answer, size_t *length)
{
	size_t size = 0;
	FILE *stream = open_memstream(answer, &size);
	char buffer[65536];
	ssize_t part;

	if (!stream)
		return -ENOMEM;
	while ((part = read(fd, buffer, sizeof(buffer))) > 0)
		fwrite(buffer, 1, (size_t)part, stream);
	if (fclose(stream) != 0 || part < 0) {
		free(*answer);
		*answer = NULL;
		return -EIO;
	}
	*length = size;
	return 0;
}

static int ask(const char *path, const struct command *command, char **answer, size_t *length)
{
	const struct wire_control request = {.type = command->type};
	uint8_t bytes[WIRE_CONTROL_SIZE];
	auto_fd int fd = connect_to(path);

	if (fd < 0)
		return fd;
	wire_control_encode(&request, bytes);
	if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) != sizeof(bytes))
		return -EIO;
	return read_all(fd, answer, length);
}

static const char *const refusals[] = {
	[WIRE_REFUSED] = "refused",
	[WIRE_MALFORMED] = "the helper did not understand",
	[WIRE_OTHER_VERSION] = "the helper is of another version: restart it",
	[WIRE_NOTHING] = "nothing matched",
	[WIRE_FAILED] = "the helper failed: see its log",
};

static enum status show(const struct command *command, const char *body, bool is_json)
{
	json_error_t error;
	json_t *json;

	if (is_json)
		return puts(body) < 0 ? STATUS_NOTHING : STATUS_DONE;
	json = json_loads(body, 0, &error);
	if (!json) {
		fprintf(stderr, "moshgatectl: unreadable answer: %s\n", error.text);
		return STATUS_NOTHING;
	}
	command->print(json);
	json_decref(json);
	return STATUS_DONE;
}

static enum status run(const char *path, const struct command *command, bool is_json)
{
	auto_free char *answer = NULL;
	enum wire_answer word;
	size_t length;
	int error = ask(path, command, &answer, &length);

	if (error < 0) {
		fprintf(stderr, "moshgatectl: no helper at %s: %s\n", path, strerror(-error));
		return STATUS_NO_HELPER;
	}
	if (length < WIRE_ANSWER_SIZE ||
		wire_answer_decode((const uint8_t *)answer, WIRE_ANSWER_SIZE, &word) < 0) {
		fprintf(stderr, "moshgatectl: no answer from the helper at %s\n", path);
		return STATUS_NO_HELPER;
	}
	if (word != WIRE_DONE) {
		fprintf(stderr, "moshgatectl: %s\n", refusals[word]);
		return STATUS_NOTHING;
	}
	return show(command, answer + WIRE_ANSWER_SIZE, is_json);
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
	command = optind + 1 == argc ? find_command(argv[optind]) : NULL;
	return command ? run(path, command, is_json) : usage_error();
}
