/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "options.h"

static int parse_socket(const char *value, struct options *options)
{
	if (value[0] != '/' || strlen(value) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -EINVAL;
	options->socket = value;
	return 0;
}

static int parse_timeout(const char *value, struct options *options)
{
	char *end;
	long timeout_ms;

	if (value[0] < '0' || value[0] > '9')
		return -EINVAL;
	timeout_ms = strtol(value, &end, 10);
	if (*end != '\0' || timeout_ms < OPTIONS_TIMEOUT_MS_MIN ||
		timeout_ms > OPTIONS_TIMEOUT_MS_MAX)
		return -EINVAL;
	options->timeout_ms = (int)timeout_ms;
	return 0;
}

static int parse_debug(const char *value, struct options *options)
{
	(void)value;
	options->is_debug = true;
	return 0;
}

static const struct {
	const char *name; /* with its "=" if it takes a value */
	int (*parse)(const char *value, struct options *options);
} words[] = {
	{"socket=", parse_socket},
	{"timeout=", parse_timeout},
	{"debug", parse_debug},
};

static int parse_word(const char *word, struct options *options)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i].name);

		if (strncmp(word, words[i].name, length) != 0)
			continue;
		if (words[i].name[length - 1] != '=' && word[length] != '\0')
			continue;
		return words[i].parse(word + length, options);
	}
	return -EINVAL;
}

int options_parse(int argc, const char **argv, struct options *options, const char **bad)
{
	struct options parsed = {
		.socket = SESSION_SOCKET,
		.timeout_ms = OPTIONS_TIMEOUT_MS_DEFAULT,
	};

	for (int i = 0; i < argc; i++) {
		if (parse_word(argv[i], &parsed) < 0) {
			*bad = argv[i];
			return -EINVAL;
		}
	}
	*options = parsed;
	return 0;
}
