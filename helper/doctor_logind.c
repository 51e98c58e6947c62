/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logind's KillUserProcesses, from logind.conf and its drop-ins as systemd reads them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "fd.h"

/* Earlier ones take precedence. */
static const char *const folders[] = {
	"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"};
#define FOLDERS (sizeof(folders) / sizeof(folders[0]))

struct logind {
	bool is_known;   /* set, or told as the default */
	bool kills;      /* the last value that was set */
	char *where;     /* there */
	bool is_section; /* in [Login] */
};

static bool is_yes(const char *value)
{
	static const char *const words[] = {"yes", "y", "true", "t", "on", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return false;
}

/* A line with "#" tells the default that systemd was built with, if nothing is set. */
static void read_line(struct logind *logind, const char *path, char *line)
{
	char value[16];
	bool is_default = line[0] == '#';

	if (line[0] == '[')
		logind->is_section = strncmp(line, "[Login]", 7) == 0;
	if (!logind->is_section || (is_default && logind->is_known) ||
		sscanf(line + is_default, " KillUserProcesses = %15[A-Za-z0-9]", value) != 1)
		return;
	logind->is_known = true;
	logind->kills = is_yes(value);
	free(logind->where);
	logind->where = doctor_text("%s%s", is_default ? "the default in " : "", path);
}

static void read_file(struct doctor *doctor, const char *path, void *context)
{
	FILE *file = doctor_open(doctor, path);
	struct logind *logind = context;
	auto_free char *line = NULL;
	size_t size = 0;

	logind->is_section = false;
	while (file && getline(&line, &size, file) >= 0)
		read_line(logind, path, line);
	if (file)
		fclose(file);
}

static void read_main(struct doctor *doctor, struct logind *logind)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		auto_free char *path = doctor_text("%s/logind.conf", folders[i]);

		if (!doctor_has(doctor, path))
			continue;
		read_file(doctor, path, logind);
		return;
	}
}

/* The drop-ins of all folders, in the order of their names. */
struct drop_ins {
	char **paths;
	size_t count;
};

static void gather(struct doctor *doctor, const char *path, void *context)
{
	struct drop_ins *all = context;
	(void)doctor;
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(doctor_base_name(all->paths[i]), doctor_base_name(path)) == 0)
			return; /* one of a folder with precedence masks it */
	all->paths = doctor_need(realloc(all->paths, (all->count + 1) * sizeof(*all->paths)));
	all->paths[all->count++] = doctor_text("%s", path);
}

static int compare(const void *left, const void *right)
{
	return strcmp(
		doctor_base_name(*(char *const *)left), doctor_base_name(*(char *const *)right));
}

static void read_drop_ins(struct doctor *doctor, struct logind *logind)
{
	struct drop_ins all = {0};

	for (size_t i = 0; i < FOLDERS; i++) {
		auto_free char *pattern = doctor_text("%s/logind.conf.d/*.conf", folders[i]);

		doctor_glob(doctor, pattern, gather, &all);
	}
	if (all.count > 0)
		qsort(all.paths, all.count, sizeof(*all.paths), compare);
	for (size_t i = 0; i < all.count; i++) {
		read_file(doctor, all.paths[i], logind);
		free(all.paths[i]);
	}
	free(all.paths);
}

/* Where nothing is set or told there is no logind, or one with the default of most. */
void doctor_check_logind(struct doctor *doctor)
{
	struct logind logind = {0};

	read_main(doctor, &logind);
	read_drop_ins(doctor, &logind);
	if (logind.kills) {
		doctor_note(doctor, DOCTOR_ERROR, "logind",
			"logind ends mosh-servers at logout: KillUserProcesses=yes (%s)",
			logind.where);
		doctor_advise(doctor,
			"set KillUserProcesses=no in logind.conf, or KillExcludeUsers= for users "
			"of mosh");
	} else {
		doctor_note(doctor, DOCTOR_OK, "logind", "logind lets mosh-servers live");
	}
	free(logind.where);
}
