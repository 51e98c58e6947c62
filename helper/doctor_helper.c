/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper says of itself and its guard. */
#include <string.h>

#include "doctor.h"
#include "fd.h"
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

static char *tell_restored(const struct doctor *doctor, long long restored)
{
	char last[256];

	table_ago(json_object_get(doctor->facts, "restored_last"), doctor->now, last);
	return restored == 1 ? doctor_text("once, %s", last)
			     : doctor_text("%lld times, the last time %s", restored, last);
}

static void check_guard(struct doctor *doctor)
{
	const char *table = value_text(doctor->facts, "table");
	long long restored = value_number(doctor->facts, "restored");
	auto_free char *how_often = tell_restored(doctor, restored);
	char since[256];

	table_ago(json_object_get(doctor->facts, "guard_since"), doctor->now, since);
	if (!json_is_true(json_object_get(doctor->facts, "guard"))) {
		doctor_note(doctor, DOCTOR_ERROR, "guard", "the guard, table inet %s, is not there",
			table);
		doctor_advise(doctor, "see moshgated's log for why nftables refuses it");
	} else if (restored == 0) {
		doctor_note(doctor, DOCTOR_OK, "guard", "the guard, table inet %s, stands, made %s",
			table, since);
	} else if (!is_recent(doctor)) {
		doctor_note(doctor, DOCTOR_OK, "guard",
			"the guard, table inet %s, stands; somebody took it away or changed it %s",
			table, how_often);
	} else {
		doctor_note(doctor, DOCTOR_WARNING, "guard",
			"somebody took the guard, table inet %s, away or changed it %s, and it was "
			"put back",
			table, how_often);
		doctor_advise(doctor,
			"keep \"flush ruleset\" out of what runs again and again, or set "
			"exclusive = yes");
	}
}

/* The kernel ends each grant by itself, also without a helper. One that has no end, although it was
 * used, is not of the guard's making. */
static void check_clock(struct doctor *doctor)
{
	json_t *grant;
	size_t index;

	json_array_foreach(doctor->grants, index, grant)
	{
		if (!json_is_null(json_object_get(grant, "expires_in")) ||
			value_number(grant, "packets") == 0)
			continue;
		doctor_note(doctor, DOCTOR_ERROR, "clock",
			"port %lld is open to %s for ever: its element in the kernel has no "
			"timeout",
			value_number(grant, "port"), value_text(grant, "addr"));
		doctor_advise(doctor, "moshgatectl revoke %s; a login opens it anew",
			value_text(grant, "addr"));
		return;
	}
	doctor_note(doctor, DOCTOR_OK, "clock", "each grant ends by itself if nothing comes");
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
	check_clock(doctor);
	doctor_check_firewall(doctor);
	check_ephemeral(doctor);
}
