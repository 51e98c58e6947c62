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
#include "config_value.h"
#include "fd.h"

/* Longest line that inih keeps whole (INI_MAX_LINE less newline and NUL). */
#define LINE_MAX_LENGTH 197

#define NO_MEANING "neither a [section], nor a key = value, nor a comment"

#define KEY(section, name, text, parse, least, most, field)                                        \
	{                                                                                          \
		{section, name, text}, parse, {least, most}, offsetof(struct config, field)        \
	}
#define YEARS (366 * 86400LL)

static const struct entry {
	struct config_key key;
	config_value_fn *parse;
	struct config_bounds bounds;
	size_t offset;
} entries[] = {
	KEY("gate", "ports", "60000-61000", config_value_ports, 1024, 65535, gate.first_port),
	KEY("gate", "server", "/usr/bin/mosh-server", config_value_paths, 1, CONFIG_PATHS_MAX,
		gate.servers),
	KEY("gate", "claim", "2min", config_value_duration, 1, 86400, gate.claim_s),
	KEY("gate", "idle", "1d", config_value_duration, 1, YEARS, gate.idle_s),
	KEY("gate", "max", "0", config_value_duration, 0, 10 * YEARS, gate.max_s),
	KEY("gate", "roam", "yes", config_value_bool, 0, 0, gate.is_roaming),
	KEY("gate", "supersede", "no", config_value_bool, 0, 0, gate.is_superseding),
	KEY("gate", "pending", "no", config_value_bool, 0, 0, gate.is_pending),
	KEY("gate", "prefix4", "32", config_value_integer, 8, 32, gate.prefix4),
	KEY("gate", "prefix6", "128", config_value_integer, 16, 128, gate.prefix6),
	KEY("limits", "logins-per-user", "64", config_value_integer, 1, 65535,
		limits.logins_per_user),
	KEY("limits", "grants-per-user", "256", config_value_integer, 1, 65535,
		limits.grants_per_user),
	KEY("limits", "grants", "65535", config_value_integer, 1, 65535, limits.grants),
	KEY("firewall", "table", "moshgate", config_value_name, 0, 0, firewall.table),
	KEY("firewall", "priority", "-10", config_value_integer, -400, 400, firewall.priority),
	KEY("firewall", "accept-mark", "0", config_value_integer, 0, UINT32_MAX,
		firewall.accept_mark),
	KEY("firewall", "conntrack", "yes", config_value_bool, 0, 0, firewall.is_conntrack),
	KEY("firewall", "log-drops", "no", config_value_bool, 0, 0, firewall.is_logging_drops),
	KEY("firewall", "exclusive", "no", config_value_bool, 0, 0, firewall.is_exclusive),
	KEY("helper", "user", "moshgate", config_value_name, 0, 0, helper.user),
	KEY("helper", "session-socket", SESSION_SOCKET, config_value_path, 0, 0,
		helper.session_socket),
	KEY("helper", "control-socket", CONTROL_SOCKET, config_value_path, 0, 0,
		helper.control_socket),
	KEY("helper", "state", STATE_DIR, config_value_path, 0, 0, helper.state),
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
		char text[CONFIG_WANTED_SIZE];
		const char *wanted;

		if (strcmp(entries[i].key.section, section) != 0 ||
			strcmp(entries[i].key.name, name) != 0)
			continue;
		wanted = set_value(&reading->config, &entries[i], value);
		if (!wanted)
			return 1;
		wanted = config_value_wanted(entries[i].parse, entries[i].bounds, wanted, text);
		return refuse(reading, "%s wants %s", name, wanted);
	}
	return refuse(reading, "no key \"%s\" in section [%s]", name, section);
}

/* inih would cut a longer line in two, and end one at a NUL; neither must become another value.
 * Returns the number of such a line, 0 if there is none; -EIO. */
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
	if (ferror(file))
		return -EIO;
	rewind(file);
	return 0;
}

#define BLANKS " \t\r\n\v\f"

static bool has_comment_behind(const char *line)
{
	for (const char *at = strchr(line, ';'); at; at = strchr(at + 1, ';'))
		if (at > line && strchr(BLANKS, at[-1]))
			return true;
	return false;
}

static bool is_section(const char *name, size_t length)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (strlen(entries[i].key.section) == length &&
			strncmp(entries[i].key.section, name, length) == 0)
			return true;
	return false;
}

/* inih does not tell of a section that has no keys. */
static const char *find_section_oddity(const char *name, const char *end)
{
	if (end[1 + strspn(end + 1, BLANKS)])
		return "something behind a section";
	return is_section(name, (size_t)(end - name)) ? NULL : "no such section";
}

/* What inih takes and nobody can mean: to it an indented line is one more value of the key before,
 * ":" is as good as "=", and what stands behind " ;" or a section is not there. Null: nothing. */
static const char *find_oddity(const char *line)
{
	const char *start = line + strspn(line, BLANKS), *end = line + strcspn(line, "]");

	if (!*start || *start == '#' || *start == ';')
		return NULL;
	if (start > line)
		return "a line that begins with white space";
	if (has_comment_behind(line))
		return "a comment that is no line of its own";
	if (*line == '[' && *end)
		return find_section_oddity(line + 1, end);
	return line[strcspn(line, "=:")] == ':' ? "key: value, not key = value" : NULL;
}

/* For inih: counts the lines, so that the handler knows where it is, and ends at an odd one. */
static char *read_line(char *line, int size, void *context)
{
	struct reading *reading = context;
	const char *oddity;

	reading->line++;
	if (!fgets(line, size, reading->file))
		return NULL;
	oddity = find_oddity(line);
	if (oddity)
		refuse(reading, "%s%s", oddity, "");
	return oddity ? NULL : line;
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

/* inih's own errors have a line and no reason; and to it a file that could not be read to its end
 * is a shorter one. */
static int parse(const char *path, struct reading *reading, char *error)
{
	int line = check_lines(reading->file);

	if (line > 0)
		return say(error, path, line, "line too long, or with a NUL in it");
	if (line < 0)
		return say(error, path, 0, strerror(-line));
	reading->line = 0;
	line = ini_parse_stream(read_line, reading, on_value, reading);
	if (line < 0 || ferror(reading->file))
		return say(error, path, 0, "cannot be read to its end");
	if (line > 0 && line != reading->error_line)
		return say(error, path, line, NO_MEANING);
	return reading->error[0] ? say(error, path, reading->error_line, reading->error) : 0;
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

const struct config_key *config_key(size_t i)
{
	return i < ENTRIES ? &entries[i].key : NULL;
}
