/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "hostcheck.h"
#include "log.h"
#include "ruleset.h"

#define SYSCTL_SIZE 16384

#define PORTS 65536

/* One pass over a text that may have thousands of ports, since a login may wait for it. */
static void read_reserved(const char *reserved, bool is_reserved[PORTS])
{
	for (const char *at = reserved; *at && *at != '\n';
		at += strcspn(at, ","), at += *at == ',') {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (end == at || first >= PORTS)
			continue;
		if (end[0] == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, NULL, 10);
		if (last >= PORTS)
			last = PORTS - 1;
		if (first <= last)
			memset(is_reserved + first, true, last - first + 1);
	}
}

bool hostcheck_is_ephemeral(
	const char *range, const char *reserved, uint16_t first_port, uint16_t last_port)
{
	bool is_reserved[PORTS] = {false};
	unsigned int low, high;

	// NOLINTNEXTLINE(cert-err34-c): of the kernel, whose ports fit
	if (sscanf(range, "%u %u", &low, &high) != 2)
		return true;
	read_reserved(reserved, is_reserved);
	for (unsigned int port = first_port; port <= last_port; port++)
		if (port >= low && port <= high && !is_reserved[port])
			return true;
	return false;
}

static void read_sysctl(const char *path, char text[SYSCTL_SIZE])
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, SYSCTL_SIZE - 1);

	text[length > 0 ? length : 0] = '\0';
}

static bool look_at_ports(const struct config *config)
{
	char range[SYSCTL_SIZE], reserved[SYSCTL_SIZE];

	read_sysctl("/proc/sys/net/ipv4/ip_local_port_range", range);
	read_sysctl("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved);
	return hostcheck_is_ephemeral(
		range, reserved, config->gate.first_port, config->gate.last_port);
}

static bool copy(char *to, size_t size, const char *from)
{
	return snprintf(to, size, "%s", from) < (int)size;
}

static bool copy_rule(struct hostcheck_rule *to, const struct ruleset_rule *from)
{
	to->handle = from->handle;
	return copy(to->chain, sizeof(to->chain), from->chain);
}

static void add_obstacle(const struct ruleset_obstacle *from, void *context)
{
	struct hostcheck *found = context;
	struct hostcheck_obstacle *obstacle = &found->obstacles[found->count];

	if (found->count == HOSTCHECK_OBSTACLES_MAX)
		return;
	found->count += copy(obstacle->family, sizeof(obstacle->family), from->family) &&
			copy(obstacle->table, sizeof(obstacle->table), from->table) &&
			copy(obstacle->chain, sizeof(obstacle->chain), from->chain) &&
			copy_rule(&obstacle->by, &from->by) &&
			copy_rule(&obstacle->unless, &from->unless);
}

static int look_at_ruleset(
	const struct config *config, struct firewall *firewall, struct hostcheck *found)
{
	const struct ruleset_question question = {
		.table = config->firewall.table,
		.priority = config->firewall.priority,
		.first_port = config->gate.first_port,
		.last_port = config->gate.last_port,
		.mark = config->firewall.accept_mark,
	};
	auto_free char *json = NULL;
	int error = firewall_list(firewall, &json);

	if (error < 0)
		return error;
	found->has_guard = ruleset_has_guard(json, question.table);
	return ruleset_find_obstacles(json, &question, add_obstacle, found);
}

void hostcheck_look(const struct config *config, struct firewall *firewall, struct hostcheck *found)
{
	*found = (struct hostcheck){.is_ephemeral = look_at_ports(config)};
	found->error = look_at_ruleset(config, firewall, found);
}

static void tell_obstacle(const struct hostcheck_obstacle *obstacle, const struct config *config)
{
	char by[64] = "by its policy";

	if (obstacle->unless.chain[0])
		return; /* it may be as the admin wants it; doctor tells it to who asks */
	if (obstacle->by.chain[0])
		snprintf(by, sizeof(by), "by its rule with handle %lld", obstacle->by.handle);
	log_warning("table %s %s, chain %s drops UDP %u-%u after the guard let it through, %s",
		obstacle->family, obstacle->table, obstacle->chain, config->gate.first_port,
		config->gate.last_port, by);
}

void hostcheck(const struct config *config, struct firewall *firewall)
{
	unsigned int first = config->gate.first_port, last = config->gate.last_port;
	struct hostcheck found;

	hostcheck_look(config, firewall, &found);
	/* Without connection tracking the guard cannot tell an answer to the host's own packet. */
	if (!config->firewall.is_conntrack && found.is_ephemeral)
		log_warning("conntrack = no, and this host's own connections may use ports %u-%u: "
			    "set the sysctl net.ipv4.ip_local_reserved_ports = %u-%u",
			first, last, first, last);
	if (found.error < 0)
		log_warning("the ruleset cannot be looked at: %s",
			found.error == -EIO ? firewall_error(firewall) : strerror(-found.error));
	for (size_t i = 0; i < found.count; i++)
		tell_obstacle(&found.obstacles[i], config);
}
