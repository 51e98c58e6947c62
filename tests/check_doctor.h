/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of the doctor share: a host of files in a folder, and what was found on it. */
#ifndef CHECK_DOCTOR_H
#define CHECK_DOCTOR_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"
#include "doctor.h"

#define CHECK_NOW 1800000000 /* 2027-01-15T08:00:00Z */

static char host[CHECK_FOLDER_SIZE];
static struct doctor doctor;

/* Tests run in children, each with a host of its own. */
static inline void check_begin(void)
{
	check_make_folder(host);
	doctor = (struct doctor){.root = host, .is_root = true, .now = CHECK_NOW};
}

static inline void check_end(void)
{
	doctor_clear(&doctor);
	check_remove_folder(host);
}

static inline void check_make_folders(char *path)
{
	for (char *slash = path + strlen(host) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static inline void check_put(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", host, path);
	check_make_folders(full);
	file = fopen(full, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(full, 0755), 0);
}

static inline void check_forget(void)
{
	struct doctor kept = doctor;

	doctor.facts = doctor.grants = doctor.logins = doctor.pending = NULL;
	doctor_clear(&doctor);
	doctor.facts = kept.facts;
	doctor.grants = kept.grants;
	doctor.logins = kept.logins;
	doctor.pending = kept.pending;
}

/* JSON with ' for ", which is none in C's strings. */
static inline json_t *check_json(const char *text)
{
	char quoted[8192];
	json_error_t error;
	json_t *json;

	ck_assert_uint_lt(strlen(text), sizeof(quoted));
	strcpy(quoted, text);
	for (char *c = quoted; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(quoted, 0, &error);
	ck_assert_msg(json != NULL, "%s: %s", error.text, quoted);
	return json;
}

/* There is that one finding, and what is wrong has advice; level DOCTOR_OK and a null text: no
 * finding. */
static inline void check_found(enum doctor_level level, const char *text)
{
	size_t expected = text ? 1 : 0;

	for (size_t i = 0; i < doctor.count; i++)
		printf("# %d %s: %s\n", (int)doctor.findings[i].level, doctor.findings[i].text,
			doctor.findings[i].advice ? doctor.findings[i].advice : "-");
	ck_assert_uint_eq(doctor.count, expected);
	if (!text)
		return;
	ck_assert_int_eq(doctor.findings[0].level, level);
	ck_assert_msg(strstr(doctor.findings[0].text, text) != NULL, "\"%s\" is not in \"%s\"",
		text, doctor.findings[0].text);
	ck_assert(level == DOCTOR_OK || doctor.findings[0].advice);
}

#endif
