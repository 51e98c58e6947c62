/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "fd.h"
#include "hostcheck.h"
#include "log.h"
#include "ruleset.h"

#define SYSCTL_SIZE 16384

static bool is_reserved(const char *reserved, unsigned int port)
{
	for (const char *at = reserved; *at && *at != '\n';
		at += strcspn(at, ","), at += *at == ',') {
		unsigned int first, last;
		int fields = sscanf(at, "%u-%u", &first, &last);

		if (fields >= 1 && port >= first && port <= (fields == 2 ? last : first))
			return true;
	}
	return false;
}

bool hostcheck_is_ephemeral(
	const char *range, const char *reserved, uint16_t first_port, uint16_t last_port)
{
	unsigned int low, high;

	if (sscanf(range, "%u %u", &low, &high) != 2)
		return true;
	for (unsigned int port = first_port; port <= last_port; port++)
		if (port >= low && port <= high && !is_reserved(reserved, port))
			return true;
	return false;
}

static void read_sysctl(const char *path, char text[SYSCTL_SIZE])
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, SYSCTL_SIZE - 1);

	text[length > 0 ? length : 0] = '\0';
}

/* Without connection tracking the guard cannot tell an answer to the host's own packet. */
static void check_ephemeral(const struct config *config)
{
	char range[SYSCTL_SIZE], reserved[SYSCTL_SIZE];
	unsigned int first = config->gate.first_port, last = config->gate.last_port;

	read_sysctl("/proc/sys/net/ipv4/ip_local_port_range", range);
	read_sysctl("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved);
	if (hostcheck_is_ephemeral(range, reserved, (uint16_t)first, (uint16_t)last))
		log_warning("conntrack = no, and this host's own connections may use ports %u-%u: "
			    "set the sysctl net.ipv4.ip_local_reserved_ports = %u-%u",
			first, last, first, last);
}

static void tell_obstacle(const struct ruleset_obstacle *obstacle, void *context)
{
	const struct config *config = context;
	char by[64] = "by its policy";

	if (obstacle->handle != 0)
		snprintf(by, sizeof(by), "by its rule with handle %lld", obstacle->handle);
	log_warning("table %s %s, chain %s drops UDP %u-%u after the guard let it through, %s",
		obstacle->family, obstacle->table, obstacle->chain, config->gate.first_port,
		config->gate.last_port, by);
}

static void check_later_chains(const struct config *config, struct firewall *firewall)
{
	const struct ruleset_question question = {
		.table = config->firewall.table,
		.priority = config->firewall.priority,
		.first_port = config->gate.first_port,
		.last_port = config->gate.last_port,
		.mark = config->firewall.accept_mark,
	};
	auto_free char *json = NULL;

	if (firewall_list(firewall, &json) < 0 ||
		ruleset_find_obstacles(json, &question, tell_obstacle, (void *)config) < 0)
		log_warning("the ruleset cannot be looked at: %s", firewall_error(firewall));
}

void hostcheck(const struct config *config, struct firewall *firewall)
{
	if (!config->firewall.is_conntrack)
		check_ephemeral(config);
	check_later_chains(config, firewall);
}
