/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why the patient has no server. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "patient.h"
#include "table.h"

/* A process of the user's that runs mosh-server, and its program if that can be seen. */
struct process {
	long pid;
	char program[4096];
};

static bool is_mosh(const struct patient *patient, long pid, struct process *found)
{
	auto_free char *folder = doctor_text("%s/proc/%ld", patient->doctor->root, pid);
	auto_free char *link = doctor_text("%s/exe", folder);
	auto_free char *path = doctor_text("/proc/%ld/comm", pid);
	FILE *file = doctor_open(patient->doctor, path);
	char name[32] = "";
	struct stat status;
	ssize_t length;

	if (file && !fgets(name, sizeof(name), file))
		name[0] = '\0';
	if (file)
		fclose(file);
	if (strcmp(name, "mosh-server\n") != 0 || stat(folder, &status) < 0 ||
		status.st_uid != patient->uid)
		return false;
	length = readlink(link, found->program, sizeof(found->program) - 1);
	if (length < 0 && errno == ENOENT) /* it has ended, and waits for its parent to notice */
		return false;
	found->program[length > 0 ? length : 0] = '\0';
	found->pid = pid;
	return true;
}

static bool find_process(const struct patient *patient, struct process *found)
{
	auto_free char *path = doctor_path(patient->doctor, "/proc");
	DIR *folder = opendir(path);
	bool is_found = false;
	struct dirent *entry;

	while (folder && !is_found && (entry = readdir(folder)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		is_found = pid > 0 && is_mosh(patient, pid, found);
	}
	if (folder)
		closedir(folder);
	return is_found;
}

static bool is_watched(const struct patient *patient, const char *program)
{
	json_t *paths = patient_fact(patient, "paths"), *path;
	size_t index;

	json_array_foreach(paths, index, path)
	{
		if (json_is_string(path) && strcmp(json_string_value(path), program) == 0)
			return true;
	}
	return false;
}

static bool note_process(const struct patient *patient)
{
	struct process process;

	if (!find_process(patient, &process))
		return false;
	doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
		"%s: process %ld is a mosh-server (%s), and moshgated knows of no port of it",
		patient->name, process.pid, process.program[0] ? process.program : "?");
	if (process.program[0] && !is_watched(patient, process.program))
		doctor_advise(patient->doctor,
			"add its path to server in moshgate.conf, and log in again");
	else
		doctor_advise(patient->doctor,
			"give it a port of %lld-%lld in this host's own network, and log in again",
			value_number(patient->doctor->facts, "first_port"),
			value_number(patient->doctor->facts, "last_port"));
	return true;
}

static bool is_refused(json_t *end)
{
	return value_is(end, "reason", "refused");
}

/* A denial is the reason if nothing has happened since; of the same second, a refused login has. */
static bool note_last_denial(const struct patient *patient, json_t *end)
{
	json_t *denial = patient_denial(patient, 0);

	if (!denial || (end && table_time(json_object_get(denial, "time")) <
				       table_time(json_object_get(end, "time")) + is_refused(end)))
		return false;
	patient_note_denial(patient, denial);
	return true;
}

static bool note_login(const struct patient *patient)
{
	json_t *login = patient_last(patient, patient->doctor->logins, 0);
	char since[PATIENT_AGO_SIZE];

	if (!login)
		return false;
	doctor_note(patient->doctor, DOCTOR_WARNING, PATIENT_CHECK,
		"%s logged in from %s %s, and has no mosh-server", patient->name,
		value_text(login, "addr"), patient_ago(patient->doctor, login, "since", since));
	doctor_advise(patient->doctor, "start one: mosh host");
	return true;
}

static void note_ended(const struct patient *patient, json_t *end)
{
	const char *reason = value_text(end, "reason");
	char when[PATIENT_AGO_SIZE];

	patient_ago(patient->doctor, end, "time", when);
	if (strcmp(reason, "refused") == 0) {
		doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
			"%s: a login from %s was one too many %s (logins-per-user)", patient->name,
			value_text(end, "addr"), when);
		doctor_advise(patient->doctor, "end other logins, or raise logins-per-user");
	} else if (strcmp(reason, "logout") == 0) {
		doctor_note(patient->doctor, DOCTOR_WARNING, PATIENT_CHECK,
			"%s was logged in from %s, logged out %s, and has no mosh-server",
			patient->name, value_text(end, "addr"), when);
		doctor_advise(patient->doctor, "start one: mosh host");
	} else {
		doctor_note(patient->doctor, DOCTOR_WARNING, PATIENT_CHECK,
			"%s: the mosh-server on port %lld ended %s, and there is no other",
			patient->name, value_number(end, "port"), when);
		doctor_advise(patient->doctor,
			"start a new one: mosh host; if they always end at once, see "
			"KillUserProcesses in logind.conf(5)");
	}
}

static void note_stranger(const struct patient *patient)
{
	char since[PATIENT_AGO_SIZE];

	doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
		"%s has not logged in by ssh%s%s since moshgated started %s", patient->name,
		patient->client->family ? " from " : "",
		patient->client->family ? patient->from : "",
		patient_ago(patient->doctor, patient->doctor->facts, "since", since));
	doctor_advise(patient->doctor,
		"run mosh again; if ssh works, sshd does not tell moshgated: see its PAM stack");
}

void patient_note_no_server(const struct patient *patient)
{
	json_t *end = patient_last(patient, patient_fact(patient, "ended"), 0);

	if (note_process(patient) || note_last_denial(patient, end))
		return;
	if (!(end && is_refused(end)) && note_login(patient))
		return;
	if (end)
		note_ended(patient, end);
	else
		note_stranger(patient);
}
