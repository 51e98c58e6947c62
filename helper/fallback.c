/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "contents.h"
#include "fallback.h"
#include "fd.h"
#include "firewall.h"
#include "log.h"
#include "ruleset.h"

static int open_firewall(struct config *config, struct firewall **firewall)
{
	int error;

	config_defaults(config);
	strcpy(config->firewall.table, FALLBACK_TABLE);
	error = firewall_open(config, firewall);
	if (error < 0)
		log_error("nftables: %s", strerror(-error));
	return error;
}

struct guards {
	bool has_last;     /* that of the last helper */
	bool has_fallback; /* of an earlier start that failed */
};

/* -errno: nobody can tell. */
static int look(struct firewall *firewall, struct guards *guards)
{
	auto_free char *json = NULL;
	int error = firewall_list(firewall, &json);

	*guards = (struct guards){false, false};
	if (error < 0)
		return error;
	guards->has_last = ruleset_has_grants(json, FALLBACK_TABLE);
	guards->has_fallback = ruleset_has_guard(json, FALLBACK_TABLE);
	return 0;
}

static int shut_range(struct firewall *firewall, const struct config *config)
{
	struct plan nothing = {0};
	struct guards guards;
	int error = firewall_install(firewall, config, &nothing);

	/* A helper may have come, or put its guard back, since there was none. */
	if (error == 0 && look(firewall, &guards) == 0 && guards.has_last)
		error = firewall_remove(firewall);
	else if (error == 0)
		log_warning("UDP %u-%u is closed to everybody, by table %s, until moshgated starts",
			config->gate.first_port, config->gate.last_port, FALLBACK_TABLE);
	return error;
}

/* An earlier start may have closed another range than the default one: who knows none leaves it. */
static void install(struct firewall *firewall, const struct config *config, bool is_known)
{
	struct guards guards;
	int error = look(firewall, &guards);

	if (guards.has_last)
		log_info("the guard of the last moshgated stays as it is");
	else if (guards.has_fallback && !is_known)
		log_info("table %s stays as it is", FALLBACK_TABLE);
	else if (error == 0)
		error = shut_range(firewall, config);
	if (error < 0)
		log_error("nftables refused the guard: %s", firewall_error(firewall));
}

void fallback_install(const struct config *wanted)
{
	struct firewall *firewall;
	struct config config;

	if (open_firewall(&config, &firewall) < 0)
		return;
	if (wanted) {
		config.gate.first_port = wanted->gate.first_port;
		config.gate.last_port = wanted->gate.last_port;
	}
	install(firewall, &config, wanted);
	firewall_close(firewall);
}

void fallback_remove(void)
{
	struct firewall *firewall;
	struct config config;
	uint32_t count;
	int error = contents_count(FALLBACK_TABLE, &count);

	if (error < 0 && error != -ENOENT)
		log_warning("table %s: %s", FALLBACK_TABLE, strerror(-error));
	if (error < 0 || open_firewall(&config, &firewall) < 0)
		return;
	if (firewall_remove(firewall) < 0)
		log_error(
			"table %s cannot be removed: %s", FALLBACK_TABLE, firewall_error(firewall));
	firewall_close(firewall);
}
