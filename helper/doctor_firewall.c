/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other tables that drop what the guard lets through, whose they are, and what to tell them. */
#include <string.h>

#include "doctor.h"
#include "fd.h"

#define MARK 0x4d534700 /* of the examples */

static bool is_firewalld(const struct doctor *doctor, json_t *obstacle)
{
	(void)doctor;
	return value_is(obstacle, "table", "firewalld");
}

static bool is_iptables(const struct doctor *doctor, json_t *obstacle)
{
	(void)doctor;
	return value_is(obstacle, "table", "filter") && value_is(obstacle, "chain", "INPUT");
}

static bool is_ufw(const struct doctor *doctor, json_t *obstacle)
{
	FILE *file =
		is_iptables(doctor, obstacle) ? doctor_open(doctor, "/etc/ufw/ufw.conf") : NULL;
	char line[1024];
	bool is_enabled = false;

	while (file && fgets(line, sizeof(line), file))
		is_enabled |= strncmp(line, "ENABLED=yes", 11) == 0;
	if (file)
		fclose(file);
	return is_enabled;
}

static bool is_any(const struct doctor *doctor, json_t *obstacle)
{
	(void)doctor;
	(void)obstacle;
	return true;
}

/* Where the mark is accepted, the range is closed without the guard. */
static const char *first_set_mark(const struct doctor *doctor)
{
	return value_number(doctor->facts, "accept_mark") != 0
		       ? ""
		       : "set accept-mark = 0x4d534700 in moshgate.conf; ";
}

static unsigned int mark(const struct doctor *doctor)
{
	long long mark = value_number(doctor->facts, "accept_mark");

	return mark != 0 ? (unsigned int)mark : MARK;
}

static void advise_firewalld(struct doctor *doctor, json_t *obstacle)
{
	(void)obstacle;
	doctor_advise(doctor,
		"firewall-cmd --permanent --add-port=%lld-%lld/udp && firewall-cmd "
		"--reload (with --zone= if the interface's is not the default one: firewall-cmd "
		"--get-active-zones); " EXAMPLES_DIR
		"/firewall/firewalld.sh keeps the range closed without the guard, too",
		value_number(doctor->facts, "first_port"),
		value_number(doctor->facts, "last_port"));
}

static void advise_ufw(struct doctor *doctor, json_t *obstacle)
{
	const char *six = value_is(obstacle, "family", "ip6") ? "6" : "";

	doctor_advise(doctor,
		"%sadd \"-A ufw%s-before-input -m mark --mark 0x%x -j ACCEPT\" to "
		"/etc/ufw/before%s.rules, and run ufw reload (" EXAMPLES_DIR "/firewall/ufw.sh)",
		first_set_mark(doctor), six, mark(doctor), six);
}

static void advise_iptables(struct doctor *doctor, json_t *obstacle)
{
	doctor_advise(doctor,
		"%s%s -I INPUT -m mark --mark 0x%x -j ACCEPT, and save it "
		"(" EXAMPLES_DIR "/firewall/iptables.sh)",
		first_set_mark(doctor),
		value_is(obstacle, "family", "ip6") ? "ip6tables" : "iptables", mark(doctor));
}

static void advise_nftables(struct doctor *doctor, json_t *obstacle)
{
	doctor_advise(doctor,
		"%slet \"meta mark 0x%x accept\" come before in that table (nft -a list table %s "
		"%s)",
		first_set_mark(doctor), mark(doctor), value_text(obstacle, "family"),
		value_text(obstacle, "table"));
}

/* First match wins. */
static const struct {
	bool (*is_it)(const struct doctor *doctor, json_t *obstacle);
	const char *whose;
	void (*advise)(struct doctor *doctor, json_t *obstacle);
} tools[] = {
	{is_firewalld, "firewalld's ", advise_firewalld},
	{is_ufw, "ufw's ", advise_ufw},
	{is_iptables, "iptables' ", advise_iptables},
	{is_any, "", advise_nftables},
};

static size_t find_tool(const struct doctor *doctor, json_t *obstacle)
{
	size_t tool = 0;

	while (!tools[tool].is_it(doctor, obstacle))
		tool++;
	return tool;
}

/* "by its rule with handle 7 in chain public", or its policy. */
static char *write_rule(json_t *obstacle, const char *key, const char *otherwise)
{
	json_t *rule = json_object_get(obstacle, key);
	long long handle = value_number(rule, "handle");

	if (handle == 0)
		return doctor_text("%s", otherwise);
	if (value_is(rule, "chain", value_text(obstacle, "chain")))
		return doctor_text("its rule with handle %lld", handle);
	return doctor_text(
		"its rule with handle %lld in chain %s", handle, value_text(rule, "chain"));
}

static void note_obstacle(struct doctor *doctor, json_t *obstacle)
{
	const char *family = value_text(obstacle, "family"), *table = value_text(obstacle, "table"),
		   *chain = value_text(obstacle, "chain");
	long long first = value_number(doctor->facts, "first_port"),
		  last = value_number(doctor->facts, "last_port");
	auto_free char *by = write_rule(obstacle, "by", "its policy");
	auto_free char *unless = write_rule(obstacle, "unless", "");
	size_t tool = find_tool(doctor, obstacle);

	if (unless[0])
		doctor_note(doctor, DOCTOR_WARNING, "firewall",
			"%stable %s %s, chain %s drops UDP %lld-%lld behind the guard, by %s, but "
			"for "
			"what %s lets through, which cannot be told",
			tools[tool].whose, family, table, chain, first, last, by, unless);
	else
		doctor_note(doctor, DOCTOR_ERROR, "firewall",
			"%stable %s %s, chain %s drops UDP %lld-%lld behind the guard, by %s",
			tools[tool].whose, family, table, chain, first, last, by);
	tools[tool].advise(doctor, obstacle);
}

static size_t note_each(struct doctor *doctor, const char *key)
{
	json_t *obstacle;
	size_t index;

	json_array_foreach(json_object_get(doctor->facts, key), index, obstacle)
	{
		note_obstacle(doctor, obstacle);
	}
	return index;
}

/* Older than nftables, in the kernel beside it, and not in its ruleset. */
static size_t note_legacy(struct doctor *doctor, const char *names, const char *tool)
{
	FILE *file = doctor_open(doctor, names);
	char line[64];
	bool has_filter = false;

	while (file && fgets(line, sizeof(line), file))
		has_filter |= strcmp(line, "filter\n") == 0;
	if (file)
		fclose(file);
	if (!has_filter)
		return 0;
	doctor_note(doctor, DOCTOR_WARNING, "firewall",
		"there is a table of %s-legacy, into which nftables does not see", tool);
	doctor_advise(doctor, "look yourself: %s-legacy -S INPUT", tool);
	return 1;
}

void doctor_check_firewall(struct doctor *doctor)
{
	size_t found = note_each(doctor, "obstacles") + note_each(doctor, "suspects") +
		       note_legacy(doctor, "/proc/net/ip_tables_names", "iptables") +
		       note_legacy(doctor, "/proc/net/ip6_tables_names", "ip6tables");

	if (json_is_array(json_object_get(doctor->facts, "obstacles"))) {
		if (found == 0)
			doctor_note(doctor, DOCTOR_OK, "firewall",
				"no other table is seen to drop what the guard lets through");
	} else if (doctor->is_root) {
		doctor_note(doctor, DOCTOR_WARNING, "firewall",
			"moshgated cannot look at other tables");
		doctor_advise(doctor, "look yourself: nft list ruleset");
	} else if (found == 0) {
		doctor_note(doctor, DOCTOR_OK, "firewall",
			"other tables were not looked at: root's doctor can");
	}
}
