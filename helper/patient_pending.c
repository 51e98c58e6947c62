/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who knocks at a server of the patient's and is dropped, where the helper keeps that. */
#include <stdlib.h>

#include "fd.h"
#include "patient.h"

#define NAMED_MAX 3 /* strangers knock, too, and there may be thousands */

struct knockers {
	char *names; /* of malloc(); null: nobody */
	const char *one;
	size_t count;
};

static void add(struct knockers *knockers, const char *addr)
{
	char *before = knockers->names;

	if (knockers->count++ >= NAMED_MAX)
		return;
	knockers->one = addr;
	knockers->names = doctor_text("%s%s%s", before ? before : "", before ? ", " : "", addr);
	free(before);
}

static struct knockers find_knockers(const struct patient *patient, long long port)
{
	struct knockers knockers = {0};
	json_t *knock;
	size_t index;

	json_array_foreach(patient->doctor->pending, index, knock)
	{
		if (patient_owns(patient, knock) && value_number(knock, "port") == port &&
			patient_is_client(patient->doctor, knock, patient->client))
			add(&knockers, value_text(knock, "addr"));
	}
	return knockers;
}

static void advise(const struct patient *patient, const struct knockers *knockers)
{
	if (knockers->count == 1)
		doctor_advise(patient->doctor,
			"if that is the client: moshgatectl allow %s, or log in from there",
			knockers->one);
	else
		doctor_advise(patient->doctor,
			"if the client is among them: moshgatectl allow ADDRESS, or log in from "
			"there");
}

bool patient_note_knock(const struct patient *patient, long long port, const char *open_to)
{
	struct knockers knockers = find_knockers(patient, port);
	auto_free char *names = knockers.names;
	const char *more = knockers.count > NAMED_MAX ? " and others" : "";
	const char *verb = knockers.count > 1 ? "knock" : "knocks";

	if (knockers.count == 0)
		return false;
	if (open_to)
		doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
			"%s: port %lld is open to %s, from where nothing comes, and %s%s %s at it",
			patient->name, port, open_to, names, more, verb);
	else
		doctor_note(patient->doctor, DOCTOR_ERROR, PATIENT_CHECK,
			"%s: %s%s %s at port %lld and %s dropped", patient->name, names, more, verb,
			port, knockers.count > 1 ? "are" : "is");
	advise(patient, &knockers);
	return true;
}
