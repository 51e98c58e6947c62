/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "doctor.h"

/* All that the helper has to say, or why it does not. The logins first: one that ends meanwhile is
 * then among those that have ended. The grants last: a server that comes meanwhile has its own. */
static enum ctl_status ask_helper(struct doctor *doctor)
{
	enum wire_answer word = WIRE_DONE;
	int error = ctl_fetch(doctor->socket, WIRE_LOGINS, &word, &doctor->logins);

	if (error < 0) {
		doctor_note(doctor, DOCTOR_ERROR, "helper", "no helper at %s: %s", doctor->socket,
			strerror(-error));
		doctor_advise(doctor, "start moshgated, or see its log for why it ended");
		return CTL_NO_HELPER;
	}
	if (word == WIRE_DONE &&
		ctl_fetch(doctor->socket, WIRE_DIAGNOSE, &word, &doctor->facts) == 0 &&
		ctl_fetch(doctor->socket, WIRE_LIST, &word, &doctor->grants) == 0 &&
		doctor->logins && doctor->facts && doctor->grants)
		return CTL_DONE;
	doctor_note(doctor, DOCTOR_ERROR, "helper", "no answer from the helper at %s: %s",
		doctor->socket, word != WIRE_DONE ? ctl_refusal(word) : "it is gone");
	doctor_advise(doctor, "restart moshgated");
	json_decref(doctor->facts);
	doctor->facts = NULL;
	return CTL_NO_HELPER;
}

/* Without pending = yes, or with a helper of before there was that, there is no answer. */
static void ask_who_knocked(struct doctor *doctor)
{
	enum wire_answer word;

	(void)ctl_fetch(doctor->socket, WIRE_PENDING, &word, &doctor->pending);
}

/* With a person, of the host only what is wrong. */
enum ctl_status ctl_doctor(const struct ctl_question *question)
{
	const struct wire_control *request = &question->request;
	const struct doctor_person person = {
		request->is_of_user == 1, request->uid, request->client};
	struct doctor doctor = {.root = "",
		.socket = question->socket,
		.is_root = geteuid() == 0,
		.now = time(NULL)};
	bool is_person = person.is_user || person.client.family != 0;
	enum ctl_status status;

	if (person.is_user && !doctor.is_root && person.uid != geteuid()) {
		fprintf(stderr, "moshgatectl: %s\n", ctl_refusal(WIRE_REFUSED));
		return CTL_NOTHING;
	}
	status = ask_helper(&doctor);
	doctor_check_host(&doctor);
	if (is_person)
		doctor_forget_fine(&doctor);
	if (is_person && status == CTL_DONE) {
		ask_who_knocked(&doctor);
		doctor_check_person(&doctor, &person);
	}
	if (question->is_json)
		doctor_print_json(stdout, &doctor);
	else
		doctor_print(stdout, &doctor);
	if (status == CTL_DONE && doctor_worst(&doctor) > DOCTOR_OK)
		status = CTL_NOTHING;
	doctor_clear(&doctor);
	return status;
}
