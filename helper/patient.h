/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_PATIENT_H
#define MOSHGATE_PATIENT_H

#include "doctor.h"

/* One user of those whom doctor_check_person() is about. */

#define PATIENT_CHECK     "person" /* the findings' word */
#define PATIENT_NAME_SIZE 64
#define PATIENT_AGO_SIZE  256

struct patient {
	struct doctor *doctor;
	uint32_t uid;
	char name[PATIENT_NAME_SIZE];
	const struct address *client; /* family 0: any */
	char from[ADDRESS_TEXT_SIZE];
};

/* One of the helper's facts. */
json_t *patient_fact(const struct patient *patient, const char *key);

/* Sets the name, from what the helper has or the host's users. */
void patient_name(struct patient *patient);

/* Is the entry of that user? */
bool patient_owns(const struct patient *patient, json_t *entry);

/* Is the entry's address that client's or, with a prefix, of his network? True for any of family 0.
 */
bool patient_is_client(const struct doctor *doctor, json_t *entry, const struct address *client);

/* The last of the patient's entries of that port (0: any) and client; null: there is none. */
json_t *patient_last(const struct patient *patient, json_t *entries, long long port);

/* The same of what was denied. */
json_t *patient_denial(const struct patient *patient, long long port);

/* "3 min ago". */
const char *patient_ago(
	const struct doctor *doctor, json_t *object, const char *key, char text[PATIENT_AGO_SIZE]);

/* True with a finding if somebody (if a client is asked for, that one) knocks at the port in vain,
 * while it is open to open_to (null: nobody of whom it is asked). */
bool patient_note_knock(const struct patient *patient, long long port, const char *open_to);

/* Findings: of one that was denied; of a server; why there is no server. */
void patient_note_denial(const struct patient *patient, json_t *denial);
void patient_note_server(const struct patient *patient, json_t *server);
void patient_note_no_server(const struct patient *patient);

#endif
