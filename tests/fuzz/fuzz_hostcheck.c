/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sysctls of ephemeral ports: a port that nothing is said of is not one, and one that is inside
 * the range and not reserved is. Behind them nft's JSON: what is found in it has names with an end,
 * and is logged once. */
#include <errno.h>

#include "fuzz.h"
#include "fuzz_log.h"
#include "hostcheck.h"

static const char *ruleset;

/* In firewall.c's place. */
int firewall_list(struct firewall *firewall, char **json)
{
	(void)firewall;
	*json = strdup(ruleset);
	return *json ? 0 : -ENOMEM;
}

const char *firewall_error(const struct firewall *firewall)
{
	(void)firewall;
	return "";
}

static void check_rule(const struct hostcheck_rule *rule)
{
	PROMISE(memchr(rule->chain, '\0', sizeof(rule->chain)));
}

static void check_ruleset(void)
{
	struct hostcheck found;
	struct config config;

	config_defaults(&config);
	hostcheck_look(&config, NULL, &found);
	PROMISE(found.count <= HOSTCHECK_OBSTACLES_MAX);
	for (size_t i = 0; i < found.count; i++) {
		const struct hostcheck_obstacle *obstacle = &found.obstacles[i];

		PROMISE(memchr(obstacle->family, '\0', sizeof(obstacle->family)));
		PROMISE(memchr(obstacle->table, '\0', sizeof(obstacle->table)));
		PROMISE(memchr(obstacle->chain, '\0', sizeof(obstacle->chain)));
		check_rule(&obstacle->by);
		check_rule(&obstacle->unless);
	}
	fuzz_log_lines = 0;
	hostcheck(&config, NULL);
	PROMISE(fuzz_log_lines <= found.count + (found.error < 0));
}

static void check_ports(const char *range, const char *reserved)
{
	unsigned int low, high;
	bool is_ephemeral = hostcheck_is_ephemeral(range, reserved, 60000, 61000);

	if (sscanf(range, "%u %u", &low, &high) != 2)
		PROMISE(is_ephemeral);
	else if (low > 61000 || high < 60000)
		PROMISE(!is_ephemeral);
	else if (low <= high && !reserved[0])
		PROMISE(is_ephemeral);
	if (!is_ephemeral)
		PROMISE(!hostcheck_is_ephemeral(range, reserved, 60500, 60500));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = {bytes, size};
	char *range = fuzz_part(&input), *reserved = fuzz_part(&input), *json = fuzz_part(&input);

	check_ports(range, reserved);
	ruleset = json;
	if (json[0])
		check_ruleset();
	free(json);
	free(range);
	free(reserved);
	return 0;
}
