/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a server of the patient's gets nothing: the first reason that holds. With a grant:
 *
 * - nothing arrives, but from elsewhere
 * - nothing arrives
 * - it arrives and is dropped behind the guard
 * - nothing arrives any more
 * - all is well here
 *
 * Without one:
 *
 * - who is asked about knocks
 * - it was denied
 * - it was closed, and why
 * - it is of the other family
 * - somebody knocks
 * - it is open to others
 */
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "patient.h"
#include "table.h"

#define QUIET_S 15

static const struct {
	const char *reason, *text, *advice;
} denials[] = {
	{"no-login", "its user was not logged in by ssh", "log in, as ssh -S none host true does"},
	{"family", "its socket is of the other family than the login",
		"log in with ssh -4 or ssh -6, as the mosh-server listens"},
	{"no-address", "its own address is not known",
		"start it by mosh, which says on which address it is to listen"},
	{"taken", "another server or user has that address and port, perhaps on another interface",
		"end the other one, or use mosh -p"},
	{"grants-per-user", "the user has as many grants as grants-per-user allows",
		"end old mosh-servers, or raise grants-per-user"},
	{"grants", "there are as many grants as grants allows", "raise grants in moshgate.conf"},
};

void patient_note_denial(const struct patient *patient, json_t *denial)
{
	const char *reason = value_text(denial, "reason");
	char when[PATIENT_AGO_SIZE];

	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++) {
		if (strcmp(denials[i].reason, reason) != 0)
			continue;
		doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
			"%s: port %lld was denied %s (%s): %s", patient->name,
			value_number(denial, "port"),
			patient_ago(patient->doctor, denial, "time", when), reason,
			denials[i].text);
		doctor_advise(patient->doctor, "%s", denials[i].advice);
	}
}

/* By what a grant ended while its server went on. */
static const struct {
	const char *reason, *text;
} ends[] = {
	{"unclaimed", "nothing came from there within claim"},
	{"idle", "nothing came from there for idle"},
	{"max", "it was open for max"},
	{"admin", "somebody revoked it"},
};

static bool note_end(const struct patient *patient, json_t *end)
{
	const char *reason = value_text(end, "reason");
	char when[PATIENT_AGO_SIZE];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(ends[i].reason, reason) != 0)
			continue;
		doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
			"%s: port %lld was closed to %s %s (%s): %s", patient->name,
			value_number(end, "port"), value_text(end, "addr"),
			patient_ago(patient->doctor, end, "time", when), reason, ends[i].text);
		doctor_advise(patient->doctor, "log in again from there: ssh -S none host true");
		return true;
	}
	return false;
}

static void note_dropped(const struct patient *patient, json_t *grant)
{
	json_t *obstacle = json_array_get(patient_fact(patient, "obstacles"), 0);

	doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
		"%s: packets from %s reach port %lld and are dropped behind the guard, by table %s "
		"%s, chain %s",
		patient->name, value_text(grant, "addr"), value_number(grant, "port"),
		value_text(obstacle, "family"), value_text(obstacle, "table"),
		value_text(obstacle, "chain"));
	doctor_advise(patient->doctor, "moshgatectl doctor says how to let them through");
}

static void note_silent(const struct patient *patient, json_t *grant)
{
	char since[PATIENT_AGO_SIZE];

	doctor_note(patient->doctor, DOCTOR_WARNING, PATIENT_CHECK,
		"%s: port %lld was opened to %s %s, and nothing has come from there", patient->name,
		value_number(grant, "port"), value_text(grant, "addr"),
		patient_ago(patient->doctor, grant, "since", since));
	doctor_advise(patient->doctor,
		"let UDP %lld-%lld through what is before this host (a cloud's security group, a "
		"router); or the client's UDP comes from another address than its ssh, for which "
		"see pending in moshgate.conf(5)",
		value_number(patient->doctor->facts, "first_port"),
		value_number(patient->doctor->facts, "last_port"));
}

static void note_well(const struct patient *patient, json_t *grant)
{
	char seen[PATIENT_AGO_SIZE];

	doctor_note(patient->doctor, DOCTOR_OK, PATIENT_CHECK,
		"%s: port %lld is open to %s, its last packet came %s, and all is well as far as "
		"can be seen here",
		patient->name, value_number(grant, "port"), value_text(grant, "addr"),
		patient_ago(patient->doctor, grant, "last_seen", seen));
	doctor_advise(patient->doctor, "if it hangs all the same, what this host sends is lost on "
				       "the way: look at what is "
				       "before it");
}

static void note_quiet(const struct patient *patient, json_t *grant)
{
	char seen[PATIENT_AGO_SIZE];

	doctor_note(patient->doctor, DOCTOR_WARNING, PATIENT_CHECK,
		"%s: port %lld is open to %s, and its last packet came %s", patient->name,
		value_number(grant, "port"), value_text(grant, "addr"),
		patient_ago(patient->doctor, grant, "last_seen", seen));
	doctor_advise(patient->doctor, "the client is off, or has another address now: log in from "
				       "there, ssh -S none host true");
}

/* Its client comes from another address than it logged in from, or than before. */
static bool note_elsewhere(const struct patient *patient, json_t *grant)
{
	static const struct address any = {0};
	struct patient anywhere = *patient;

	anywhere.client = &any;
	return patient_note_knock(
		&anywhere, value_number(grant, "port"), value_text(grant, "addr"));
}

/* A client that runs sends every 3 seconds; a few may be lost. */
static bool is_quiet(const struct patient *patient, json_t *grant)
{
	time_t seen = table_time(json_object_get(grant, "last_seen"));

	return seen >= 0 && patient->doctor->now - seen >= QUIET_S;
}

static void note_grant(const struct patient *patient, json_t *grant)
{
	bool is_silent = json_is_null(json_object_get(grant, "last_seen")) &&
			 value_number(grant, "packets") == 0;
	bool has_obstacle = json_array_size(patient_fact(patient, "obstacles")) > 0;

	if ((is_silent || (!has_obstacle && is_quiet(patient, grant))) &&
		note_elsewhere(patient, grant))
		return;
	if (is_silent)
		note_silent(patient, grant);
	else if (has_obstacle)
		note_dropped(patient, grant);
	else if (is_quiet(patient, grant))
		note_quiet(patient, grant);
	else
		note_well(patient, grant);
}

static bool note_grants(const struct patient *patient, long long port)
{
	bool is_open = false;
	json_t *grant;
	size_t index;

	json_array_foreach(patient->doctor->grants, index, grant)
	{
		if (!patient_owns(patient, grant) || value_number(grant, "port") != port ||
			!patient_is_client(patient->doctor, grant, patient->client))
			continue;
		note_grant(patient, grant);
		is_open = true;
	}
	return is_open;
}

static uint8_t family_of(json_t *object)
{
	struct address address;

	return address_parse(value_text(object, "addr"), &address) < 0 ? 0 : address.family;
}

/* The addresses that a port is open to, as one text; null if there are none. */
static char *open_to(const struct patient *patient, long long port)
{
	json_t *grant;
	char *text = NULL;
	size_t index;

	json_array_foreach(patient->doctor->grants, index, grant)
	{
		char *before = text;

		if (!patient_owns(patient, grant) || value_number(grant, "port") != port)
			continue;
		text = doctor_text("%s%s%s", before ? before : "", before ? ", " : "",
			value_text(grant, "addr"));
		free(before);
	}
	return text;
}

/* The family in which the person is, of the address or of a login; 0 if there is neither. */
static uint8_t family_asked(const struct patient *patient)
{
	json_t *login = patient_last(patient, patient->doctor->logins, 0);

	if (!login)
		login = patient_last(patient, patient_fact(patient, "ended"), 0);
	return patient->client->family ? patient->client->family : family_of(login);
}

static bool note_family(const struct patient *patient, json_t *server)
{
	uint8_t family = family_of(server), asked = family_asked(patient);

	if (asked == 0 || family == asked || json_is_true(json_object_get(server, "dual")))
		return false;
	doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
		"%s: the mosh-server on port %lld listens on IPv%d, and a login by IPv%d opens "
		"none "
		"of it",
		patient->name, value_number(server, "port"), family, asked);
	doctor_advise(patient->doctor, "log in by ssh -%d, from the address that mosh comes from",
		family);
	return true;
}

static bool note_others(const struct patient *patient, long long port)
{
	auto_free char *others = open_to(patient, port);
	bool is_roaming = json_is_true(patient_fact(patient, "roam"));

	if (!others)
		return false;
	doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
		"%s: port %lld is open to %s and not to %s%s", patient->name, port, others,
		patient->from, is_roaming ? "" : ", and roam = no keeps it so");
	doctor_advise(
		patient->doctor, is_roaming ? "log in from there: ssh -S none host true"
					    : "start a new session from there, or set roam = yes");
	return true;
}

void patient_note_server(const struct patient *patient, json_t *server)
{
	long long port = value_number(server, "port");
	json_t *end, *denial;

	if (note_grants(patient, port) ||
		(patient->client->family && patient_note_knock(patient, port, NULL)))
		return;
	denial = patient_denial(patient, port);
	end = patient_last(patient, patient_fact(patient, "ended"), port);
	if (denial && (!end || table_time(json_object_get(denial, "time")) >=
				       table_time(json_object_get(end, "time")))) {
		patient_note_denial(patient, denial);
		return;
	}
	if ((end && note_end(patient, end)) || note_family(patient, server) ||
		patient_note_knock(patient, port, NULL) || note_others(patient, port))
		return;
	doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK, "%s: port %lld is open to nobody",
		patient->name, port);
	doctor_advise(patient->doctor, "log in again: ssh -S none host true");
}
