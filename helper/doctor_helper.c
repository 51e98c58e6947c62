/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper says of itself and its guard. */
#include <string.h>

#include "doctor.h"
#include "table.h"

#define RECENT_S 3600 /* whoever took the guard away in this time may do so again */

static void check_version(struct doctor *doctor)
{
	const char *version = value_text(doctor->facts, "version");
	char since[256];

	table_ago(json_object_get(doctor->facts, "since"), doctor->now, since);
	if (strcmp(version, VERSION) == 0) {
		doctor_note(doctor, DOCTOR_OK, "helper", "moshgated %s runs, started %s", version,
			since);
		return;
	}
	doctor_note(doctor, DOCTOR_WARNING, "helper",
		"moshgated %s runs, started %s, and moshgatectl is %s", version, since, VERSION);
	doctor_advise(doctor, "restart moshgated");
}

/* When somebody took the guard away last; true if that is not long ago. */
static bool is_recent(const struct doctor *doctor)
{
	time_t last = table_time(json_object_get(doctor->facts, "restored_last"));

	return last >= 0 && doctor->now - last < RECENT_S;
}

static void check_guard(struct doctor *doctor)
{
	const char *table = value_text(doctor->facts, "table");
	long long restored = value_number(doctor->facts, "restored");
	char since[256], last[256];

	table_ago(json_object_get(doctor->facts, "guard_since"), doctor->now, since);
	table_ago(json_object_get(doctor->facts, "restored_last"), doctor->now, last);
	if (!json_is_true(json_object_get(doctor->facts, "guard"))) {
		doctor_note(doctor, DOCTOR_ERROR, "guard", "the guard, table inet %s, is not there",
			table);
		doctor_advise(doctor, "see moshgated's log for why nftables refuses it");
	} else if (restored == 0) {
		doctor_note(doctor, DOCTOR_OK, "guard", "the guard, table inet %s, stands, made %s",
			table, since);
	} else if (!is_recent(doctor)) {
		doctor_note(doctor, DOCTOR_OK, "guard",
			"the guard, table inet %s, stands; somebody took it away or changed it "
			"%lld "
			"times, the last time %s",
			table, restored, last);
	} else {
		doctor_note(doctor, DOCTOR_WARNING, "guard",
			"somebody took the guard, table inet %s, away or changed it %lld times, "
			"the "
			"last time %s, and it was put back",
			table, restored, last);
		doctor_advise(doctor,
			"keep \"flush ruleset\" out of what runs again and again, or set "
			"exclusive = yes");
	}
}

/* With connection tracking answers to the host's own packets pass. */
static void check_ephemeral(struct doctor *doctor)
{
	if (json_is_true(json_object_get(doctor->facts, "conntrack")) ||
		!json_is_true(json_object_get(doctor->facts, "ephemeral")))
		return;
	doctor_note(doctor, DOCTOR_WARNING, "ports",
		"conntrack = no, and answers to this host's own connections may be dropped");
	doctor_advise(doctor, "set the sysctl net.ipv4.ip_local_reserved_ports = %lld-%lld",
		value_number(doctor->facts, "first_port"),
		value_number(doctor->facts, "last_port"));
}

void doctor_check_helper(struct doctor *doctor)
{
	if (!doctor->facts)
		return;
	check_version(doctor);
	check_guard(doctor);
	doctor_check_firewall(doctor);
	check_ephemeral(doctor);
}
