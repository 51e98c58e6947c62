/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "fd.h"

/* Longest line that inih keeps whole (INI_MAX_LINE less newline and NUL). */
#define LINE_MAX_LENGTH 197

struct bounds {
	int64_t least, most;
};

/* A parser writes the value into field, or gives what it wants instead. */
typedef const char *parse_fn(const char *value, struct bounds bounds, void *field);

static bool parse_number(const char *text, char **end, int64_t *number)
{
	errno = 0;
	*number = strtoll(text, end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return errno == 0 && *end != text && (*text == '-' || (*text >= '0' && *text <= '9'));
}

static const char *parse_integer(const char *value, struct bounds bounds, void *field)
{
	char *end;
	int64_t number;

	if (!parse_number(value, &end, &number) || *end)
		return "a whole number";
	if (number < bounds.least || number > bounds.most)
		return "a number within its range";
	*(uint32_t *)field = (uint32_t)number;
	return NULL;
}

static const char *parse_bool(const char *value, struct bounds bounds, void *field)
{
	(void)bounds;
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return "yes or no";
	*(bool *)field = strcmp(value, "yes") == 0;
	return NULL;
}

/* "90", "90s", "2min", "12h", "1d": seconds. */
static const char *parse_duration(const char *value, struct bounds bounds, void *field)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
	char *end;
	int64_t number;

	if (!parse_number(value, &end, &number) || number < 0 || number > UINT32_MAX)
		return "a time like 90s, 2min, 12h or 1d";
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		number *= units[i].seconds;
		if (number < bounds.least || number > bounds.most)
			return "a time within its range";
		*(uint32_t *)field = (uint32_t)number;
		return NULL;
	}
	return "a time like 90s, 2min, 12h or 1d";
}

static const char *parse_ports(const char *value, struct bounds bounds, void *field)
{
	uint16_t *ports = field;
	int64_t first, last;
	char *end;

	if (!parse_number(value, &end, &first) || *end != '-' ||
		!parse_number(end + 1, &end, &last) || *end)
		return "two ports like 60000-61000";
	if (first < bounds.least || last > bounds.most || first > last)
		return "two ports, the lower one first, of 1024-65535";
	ports[0] = (uint16_t)first;
	ports[1] = (uint16_t)last;
	return NULL;
}

static const char *parse_path(const char *value, struct bounds bounds, void *field)
{
	(void)bounds;
	if (value[0] != '/' || strlen(value) >= CONFIG_PATH_SIZE)
		return "an absolute path of at most 107 characters";
	strcpy(field, value);
	return NULL;
}

static const char *parse_paths(const char *value, struct bounds bounds, void *field)
{
	char(*paths)[CONFIG_PATH_SIZE] = field;
	char parsed[CONFIG_PATHS_MAX][CONFIG_PATH_SIZE] = {0};
	size_t count = 0;

	while (*value) {
		size_t length = strcspn(value, " \t");

		if (count == (size_t)bounds.most || value[0] != '/' || length >= CONFIG_PATH_SIZE)
			return "1 to 8 absolute paths of at most 107 characters";
		memcpy(parsed[count++], value, length);
		value += length + strspn(value + length, " \t");
	}
	if (count == 0)
		return "1 to 8 absolute paths of at most 107 characters";
	memcpy(paths, parsed, sizeof(parsed));
	return NULL;
}

/* A name that needs no quoting anywhere: it becomes part of what nft is told. */
static const char *parse_name(const char *value, struct bounds bounds, void *field)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-";
	size_t length = strlen(value);

	(void)bounds;
	if (length == 0 || length >= CONFIG_NAME_SIZE || !strchr(first, value[0]) ||
		strspn(value, rest) != length)
		return "a name of at most 31 letters, digits, - and _";
	strcpy(field, value);
	return NULL;
}

#define KEY(section, name, text, parse, least, most, field)                                        \
	{                                                                                          \
		{section, name, text}, parse, {least, most}, offsetof(struct config, field)        \
	}
#define YEARS (366 * 86400LL)

static const struct entry {
	struct config_key key;
	parse_fn *parse;
	struct bounds bounds;
	size_t offset;
} entries[] = {
	KEY("gate", "ports", "60000-61000", parse_ports, 1024, 65535, gate.first_port),
	KEY("gate", "server", "/usr/bin/mosh-server", parse_paths, 1, CONFIG_PATHS_MAX,
		gate.servers),
	KEY("gate", "claim", "2min", parse_duration, 1, 86400, gate.claim_s),
	KEY("gate", "idle", "1d", parse_duration, 1, YEARS, gate.idle_s),
	KEY("gate", "max", "0", parse_duration, 0, 10 * YEARS, gate.max_s),
	KEY("gate", "roam", "yes", parse_bool, 0, 0, gate.is_roaming),
	KEY("gate", "supersede", "no", parse_bool, 0, 0, gate.is_superseding),
	KEY("gate", "prefix4", "32", parse_integer, 8, 32, gate.prefix4),
	KEY("gate", "prefix6", "128", parse_integer, 16, 128, gate.prefix6),
	KEY("limits", "logins-per-user", "64", parse_integer, 1, 65535, limits.logins_per_user),
	KEY("limits", "grants-per-user", "256", parse_integer, 1, 65535, limits.grants_per_user),
	KEY("limits", "grants", "65535", parse_integer, 1, 65535, limits.grants),
	KEY("firewall", "table", "moshgate", parse_name, 0, 0, firewall.table),
	KEY("firewall", "priority", "-10", parse_integer, -400, 400, firewall.priority),
	KEY("firewall", "accept-mark", "0", parse_integer, 0, UINT32_MAX, firewall.accept_mark),
	KEY("firewall", "conntrack", "yes", parse_bool, 0, 0, firewall.is_conntrack),
	KEY("firewall", "log-drops", "no", parse_bool, 0, 0, firewall.is_logging_drops),
	KEY("firewall", "exclusive", "no", parse_bool, 0, 0, firewall.is_exclusive),
	KEY("helper", "user", "moshgate", parse_name, 0, 0, helper.user),
	KEY("helper", "session-socket", SESSION_SOCKET, parse_path, 0, 0, helper.session_socket),
	KEY("helper", "control-socket", CONTROL_SOCKET, parse_path, 0, 0, helper.control_socket),
	KEY("helper", "state", STATE_DIR, parse_path, 0, 0, helper.state),
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const char *set_value(struct config *config, const struct entry *entry, const char *value)
{
	return entry->parse(value, entry->bounds, (char *)config + entry->offset);
}

/* What inih's handler needs. inih goes on after an error, so the first one is kept. */
struct reading {
	struct config config;
	FILE *file;
	int line; /* that is being read */
	int error_line;
	char error[CONFIG_ERROR_SIZE / 2];
};

static int refuse(struct reading *reading, const char *format, const char *a, const char *b)
{
	if (reading->error[0] != '\0')
		return 0;
	reading->error_line = reading->line;
	snprintf(reading->error, sizeof(reading->error), format, a, b);
	return 0;
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;

	for (size_t i = 0; i < ENTRIES; i++) {
		const char *wanted;

		if (strcmp(entries[i].key.section, section) != 0 ||
			strcmp(entries[i].key.name, name) != 0)
			continue;
		wanted = set_value(&reading->config, &entries[i], value);
		return wanted ? refuse(reading, "%s wants %s", name, wanted) : 1;
	}
	return refuse(reading, "no key \"%s\" in section [%s]", name, section);
}

/* inih would cut a longer line in two, and end one at a NUL; neither must become another value. */
static int check_lines(FILE *file)
{
	int number = 1, length = 0, c;

	while ((c = getc(file)) != EOF) {
		if (c == '\n') {
			number++;
			length = 0;
		} else if (c == '\0' || ++length > LINE_MAX_LENGTH) {
			return number;
		}
	}
	rewind(file);
	return 0;
}

/* For inih: counts the lines, so that the handler knows where it is. */
static char *read_line(char *line, int size, void *context)
{
	struct reading *reading = context;

	reading->line++;
	return fgets(line, size, reading->file);
}

static int check_file(FILE *file, struct reading *reading)
{
	struct stat status;

	if (fstat(fileno(file), &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IWGRP | S_IWOTH)) ||
		(status.st_uid != 0 && status.st_uid != geteuid())) {
		refuse(reading, "%s%s",
			"not a plain file of root or the helper that only its owner can write", "");
		return -EPERM;
	}
	return 0;
}

static int say(char *error, const char *path, int line, const char *reason)
{
	if (line > 0)
		snprintf(error, CONFIG_ERROR_SIZE, "%.500s:%d: %.500s", path, line, reason);
	else
		snprintf(error, CONFIG_ERROR_SIZE, "%.500s: %.500s", path, reason);
	return -EINVAL;
}

/* inih's own errors have a line and no reason. */
static int parse(const char *path, struct reading *reading, char *error)
{
	int line = check_lines(reading->file);

	if (line > 0)
		return say(error, path, line, "line too long, or with a NUL in it");
	reading->line = 0;
	line = ini_parse_stream(read_line, reading, on_value, reading);
	if (line > 0 && line != reading->error_line)
		return say(error, path, line, "no key = value");
	return line != 0 ? say(error, path, line, reading->error) : 0;
}

static int read_file(const char *path, struct reading *reading, char *error)
{
	/* What is no plain file is refused, not waited for. */
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int result;

	reading->file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!reading->file) {
		result = -errno;
		say(error, path, 0, strerror(errno));
		return result;
	}
	take_fd(&fd);
	result = check_file(reading->file, reading);
	result = result < 0 ? say(error, path, 0,
				      reading->error[0] ? reading->error : strerror(-result))
			    : parse(path, reading, error);
	fclose(reading->file);
	return result;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int read_named(const char *folder, const char *name, struct reading *reading, char *error)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return say(error, folder, 0, "name too long");
	return read_file(path, reading, error);
}

/* No folder, no drop-ins. */
static int read_drop_ins(const char *path, struct reading *reading, char *error)
{
	char folder[4096];
	struct dirent **found;
	int count, result = 0;

	if (snprintf(folder, sizeof(folder), "%s.d", path) >= (int)sizeof(folder))
		return say(error, path, 0, "name too long");
	count = scandir(folder, &found, is_drop_in, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : say(error, folder, 0, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (result == 0)
			result = read_named(folder, found[i]->d_name, reading, error);
		free(found[i]);
	}
	free(found);
	return result;
}

void config_defaults(struct config *config)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < ENTRIES; i++)
		set_value(config, &entries[i], entries[i].key.default_text);
}

int config_read(const char *path, struct config *config, char error[CONFIG_ERROR_SIZE])
{
	struct reading reading = {0};
	const char *file = path ? path : CONFIG_FILE;
	int result;

	config_defaults(&reading.config);
	result = read_file(file, &reading, error);
	if (result < 0 && (path || result != -ENOENT))
		return result;
	result = read_drop_ins(file, &reading, error);
	if (result < 0)
		return result;
	*config = reading.config;
	return 0;
}

const char *config_needs_restart(const struct config *running, const struct config *wanted)
{
	if (strcmp(running->firewall.table, wanted->firewall.table) != 0)
		return "[firewall] table";
	if (running->gate.first_port != wanted->gate.first_port ||
		running->gate.last_port != wanted->gate.last_port)
		return "[gate] ports";
	if (running->gate.prefix4 != wanted->gate.prefix4 ||
		running->gate.prefix6 != wanted->gate.prefix6)
		return "[gate] prefix4 or prefix6";
	if (running->firewall.is_exclusive != wanted->firewall.is_exclusive)
		return "[firewall] exclusive";
	if (strcmp(running->helper.user, wanted->helper.user) != 0 ||
		strcmp(running->helper.session_socket, wanted->helper.session_socket) != 0 ||
		strcmp(running->helper.control_socket, wanted->helper.control_socket) != 0 ||
		strcmp(running->helper.state, wanted->helper.state) != 0)
		return "section [helper]";
	return NULL;
}

unsigned int config_prefix(const struct config *config, const struct address *address)
{
	return address->family == 4 ? config->gate.prefix4 : config->gate.prefix6;
}

const struct config_key *config_keys(void)
{
	static struct config_key keys[ENTRIES + 1];

	for (size_t i = 0; i < ENTRIES; i++)
		keys[i] = entries[i].key;
	return keys;
}
