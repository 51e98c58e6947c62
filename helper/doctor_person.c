/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom it is about: a user, or all who were seen at an address. */
#include "patient.h"

#define UIDS_MAX 64

static void examine(struct doctor *doctor, uint32_t uid, const struct address *client)
{
	struct patient patient = {.doctor = doctor, .uid = uid, .client = client};
	json_t *servers = json_object_get(doctor->facts, "servers"), *server;
	bool has_server = false;
	size_t index;

	address_format(client, patient.from);
	patient_name(&patient);
	json_array_foreach(servers, index, server)
	{
		if (!patient_owns(&patient, server))
			continue;
		patient_note_server(&patient, server);
		has_server = true;
	}
	if (!has_server)
		patient_note_no_server(&patient);
}

struct uids {
	uint32_t items[UIDS_MAX];
	size_t count;
};

static void add_uid(struct uids *uids, uint32_t uid)
{
	for (size_t i = 0; i < uids->count; i++)
		if (uids->items[i] == uid)
			return;
	if (uids->count < UIDS_MAX)
		uids->items[uids->count++] = uid;
}

static void add_uids(const struct doctor *doctor, struct uids *uids, json_t *entries,
	const struct address *client)
{
	json_t *entry;
	size_t index;

	json_array_foreach(entries, index, entry)
	{
		if (patient_is_client(doctor, entry, client))
			add_uid(uids, (uint32_t)value_number(entry, "uid"));
	}
}

/* Who else is there, for an address that has never been. */
static void note_nobody(struct doctor *doctor, const struct address *client)
{
	char from[ADDRESS_TEXT_SIZE], since[PATIENT_AGO_SIZE];

	doctor_note(doctor, DOCTOR_ERROR, PATIENT_CHECK,
		"nobody has logged in from %s since moshgated started %s",
		address_format(client, from), patient_ago(doctor, doctor->facts, "since", since));
	doctor_advise(doctor, "log in from there: ssh -S none host true; if that was done, ssh and "
			      "mosh come from "
			      "different addresses, see moshgatectl list");
}

void doctor_check_person(struct doctor *doctor, const struct doctor_person *person)
{
	struct uids uids = {0};

	if (person->is_user) {
		add_uid(&uids, person->uid);
	} else {
		add_uids(doctor, &uids, doctor->grants, &person->client);
		add_uids(doctor, &uids, doctor->logins, &person->client);
		add_uids(doctor, &uids, doctor->pending, &person->client);
		add_uids(doctor, &uids, json_object_get(doctor->facts, "ended"), &person->client);
		add_uids(doctor, &uids, json_object_get(doctor->facts, "denied"), &person->client);
	}
	if (uids.count == 0)
		note_nobody(doctor, &person->client);
	for (size_t i = 0; i < uids.count; i++)
		examine(doctor, uids.items[i], &person->client);
}
