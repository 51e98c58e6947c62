/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "patient.h"
#include "table.h"

json_t *patient_fact(const struct patient *patient, const char *key)
{
	return json_object_get(patient->doctor->facts, key);
}

bool patient_owns(const struct patient *patient, json_t *object)
{
	return json_integer_value(json_object_get(object, "uid")) == patient->uid;
}

const char *patient_ago(
	const struct doctor *doctor, json_t *object, const char *key, char text[PATIENT_AGO_SIZE])
{
	table_ago(json_object_get(object, key), doctor->now, text);
	return text;
}

/* As the gate tells clients apart. */
static struct address masked(const struct doctor *doctor, const struct address *client)
{
	const char *key = client->family == 4 ? "prefix4" : "prefix6";

	return address_mask(client, (unsigned int)value_number(doctor->facts, key));
}

/* Is that the client's address or, with a prefix, network? */
bool patient_is_client(const struct doctor *doctor, json_t *object, const struct address *client)
{
	struct address address, wanted;

	if (client->family == 0)
		return true;
	if (address_parse(value_text(object, "addr"), &address) < 0)
		return false;
	wanted = masked(doctor, client);
	address = masked(doctor, &address);
	return address_equal(&address, &wanted);
}

/* The newest (last) of the patient's entries that has this port (0: any) and the asked client. */
json_t *patient_last(const struct patient *patient, json_t *entries, long long port)
{
	json_t *entry, *last = NULL;
	size_t index;

	json_array_foreach(entries, index, entry)
	{
		if (patient_owns(patient, entry) &&
			(port == 0 || value_number(entry, "port") == port) &&
			patient_is_client(patient->doctor, entry, patient->client))
			last = entry;
	}
	return last;
}

json_t *patient_denial(const struct patient *patient, long long port)
{
	json_t *entries = patient_fact(patient, "denied"), *entry, *newest = NULL;
	size_t index;

	json_array_foreach(entries, index, entry)
	{
		bool is_nobodys = json_is_null(json_object_get(entry, "addr"));

		if (!patient_owns(patient, entry) ||
			(port != 0 && value_number(entry, "port") != port) ||
			(!is_nobodys &&
				!patient_is_client(patient->doctor, entry, patient->client)))
			continue;
		if (!newest || table_time(json_object_get(entry, "time")) >=
				       table_time(json_object_get(newest, "time")))
			newest = entry;
	}
	return newest;
}

static void find_name(struct patient *patient, json_t *entries)
{
	json_t *entry;
	size_t index;

	json_array_foreach(entries, index, entry)
	{
		const char *user = value_text(entry, "user");

		if (patient_owns(patient, entry) && user[0] && strlen(user) < PATIENT_NAME_SIZE)
			strcpy(patient->name, user);
	}
}

void patient_name(struct patient *patient)
{
	const struct passwd *passwd = getpwuid(patient->uid);

	snprintf(patient->name, PATIENT_NAME_SIZE, "uid %u", (unsigned int)patient->uid);
	if (passwd && strlen(passwd->pw_name) < PATIENT_NAME_SIZE)
		strcpy(patient->name, passwd->pw_name);
	find_name(patient, patient_fact(patient, "ended"));
	find_name(patient, patient->doctor->grants);
	find_name(patient, patient->doctor->logins);
}
