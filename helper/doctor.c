/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "doctor.h"
#include "fd.h"
#include "table.h"
#include "terminal.h"

static const struct {
	const char *name;
	enum terminal_style style;
} levels[] = {
	[DOCTOR_OK] = {"ok", TERMINAL_GREEN},
	[DOCTOR_WARNING] = {"warning", TERMINAL_YELLOW},
	[DOCTOR_ERROR] = {"error", TERMINAL_RED},
};

void *doctor_need(void *pointer)
{
	if (!pointer)
		ctl_exhausted();
	return pointer;
}

static char *write_text(const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	return doctor_need(text);
}

char *doctor_text(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = write_text(format, arguments);
	va_end(arguments);
	return text;
}

void doctor_note(
	struct doctor *doctor, enum doctor_level level, const char *check, const char *format, ...)
{
	size_t size = (doctor->count + 1) * sizeof(*doctor->findings);
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = write_text(format, arguments);
	va_end(arguments);
	table_make_harmless(text);
	doctor->findings = doctor_need(realloc(doctor->findings, size));
	doctor->findings[doctor->count++] =
		(struct doctor_finding){.level = level, .check = check, .text = text};
}

void doctor_advise(struct doctor *doctor, const char *format, ...)
{
	struct doctor_finding *last = &doctor->findings[doctor->count - 1];
	va_list arguments;

	free(last->advice);
	va_start(arguments, format);
	last->advice = write_text(format, arguments);
	va_end(arguments);
	table_make_harmless(last->advice);
}

char *doctor_path(const struct doctor *doctor, const char *path)
{
	return doctor_text("%s%s", doctor->root, path);
}

const char *doctor_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool doctor_has(const struct doctor *doctor, const char *path)
{
	auto_free char *full = doctor_path(doctor, path);

	return access(full, F_OK) == 0;
}

FILE *doctor_open(const struct doctor *doctor, const char *path)
{
	auto_free char *full = doctor_path(doctor, path);

	return fopen(full, "re");
}

void doctor_glob(struct doctor *doctor, const char *pattern,
	void (*visit)(struct doctor *doctor, const char *path, void *context), void *context)
{
	auto_free char *full = doctor_path(doctor, pattern);
	glob_t found;

	if (glob(full, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			visit(doctor, found.gl_pathv[i] + strlen(doctor->root), context);
	globfree(&found);
}

void doctor_check_host(struct doctor *doctor)
{
	static void (*const checks[])(struct doctor *) = {
		doctor_check_sshd,
		doctor_check_pam,
		doctor_check_mosh,
		doctor_check_logind,
		doctor_check_proc,
		doctor_check_helper,
		doctor_check_sockets,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](doctor);
}

enum doctor_level doctor_worst(const struct doctor *doctor)
{
	enum doctor_level worst = DOCTOR_OK;

	for (size_t i = 0; i < doctor->count; i++)
		if (doctor->findings[i].level > worst)
			worst = doctor->findings[i].level;
	return worst;
}

static void free_finding(struct doctor_finding *finding)
{
	free(finding->text);
	free(finding->advice);
}

void doctor_forget_fine(struct doctor *doctor)
{
	size_t kept = 0;

	for (size_t i = 0; i < doctor->count; i++) {
		if (doctor->findings[i].level == DOCTOR_OK)
			free_finding(&doctor->findings[i]);
		else
			doctor->findings[kept++] = doctor->findings[i];
	}
	doctor->count = kept;
}

static void print_level(FILE *file, const struct terminal *terminal, enum doctor_level level)
{
	terminal_begin(file, terminal, levels[level].style);
	fprintf(file, "%-7s", levels[level].name);
	terminal_end(file, terminal, levels[level].style);
	fputs("  ", file);
}

void doctor_print(FILE *file, const struct doctor *doctor)
{
	const struct terminal terminal = terminal_of(file);
	const char *between = terminal.is_terminal ? "\n         " : ": ";

	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		print_level(file, &terminal, finding->level);
		fputs(finding->text, file);
		if (finding->advice)
			fprintf(file, "%s%s", between, finding->advice);
		fputc('\n', file);
	}
}

/* JSON must be UTF-8: otherwise each non-ASCII byte becomes "?". */
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);
	auto_free char *plain = NULL;

	if (json)
		return json;
	plain = doctor_text("%s", text);
	for (char *c = plain; *c; c++)
		if ((unsigned char)*c > 0x7e)
			*c = '?';
	return doctor_need(json_string(plain));
}

static json_t *finding_json(const struct doctor_finding *finding)
{
	json_t *object = doctor_need(json_object());

	if (json_object_set_new(object, "level", text_json(levels[finding->level].name)) < 0 ||
		json_object_set_new(object, "check", text_json(finding->check)) < 0 ||
		json_object_set_new(object, "text", text_json(finding->text)) < 0 ||
		json_object_set_new(
			object, "advice", text_json(finding->advice ? finding->advice : "")) < 0)
		doctor_need(NULL);
	return object;
}

void doctor_print_json(FILE *file, const struct doctor *doctor)
{
	json_t *array = doctor_need(json_array());

	for (size_t i = 0; i < doctor->count; i++)
		if (json_array_append_new(array, finding_json(&doctor->findings[i])) < 0)
			doctor_need(NULL);
	if (json_dumpf(array, file, JSON_COMPACT) == 0)
		fputc('\n', file);
	json_decref(array);
}

void doctor_clear(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->count; i++)
		free_finding(&doctor->findings[i]);
	free(doctor->findings);
	doctor->findings = NULL;
	doctor->count = 0;
	json_decref(doctor->facts);
	json_decref(doctor->grants);
	json_decref(doctor->logins);
	json_decref(doctor->pending);
}
