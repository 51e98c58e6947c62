/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CONFIG_H
#define MOSHGATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define CONFIG_PATHS_MAX  8
#define CONFIG_PATH_SIZE  108 /* sun_path of a unix socket, with its NUL */
#define CONFIG_NAME_SIZE  32
#define CONFIG_ERROR_SIZE 1024

/* moshgate.conf(5) says what each one is for; its defaults and ranges are in config.c's table. */
struct config {
	struct {
		uint16_t first_port, last_port;
		char servers[CONFIG_PATHS_MAX][CONFIG_PATH_SIZE]; /* ends at an empty one */
		uint32_t claim_s, idle_s, max_s;                  /* max_s 0: no limit */
		bool is_roaming, is_superseding, is_pending;
		uint32_t prefix4, prefix6;
	} gate;
	struct {
		uint32_t logins_per_user, grants_per_user, grants;
	} limits;
	struct {
		char table[CONFIG_NAME_SIZE];
		int32_t priority;
		uint32_t accept_mark; /* 0: none */
		bool is_conntrack, is_logging_drops, is_exclusive;
	} firewall;
	struct {
		char user[CONFIG_NAME_SIZE];
		char session_socket[CONFIG_PATH_SIZE], control_socket[CONFIG_PATH_SIZE];
		char state[CONFIG_PATH_SIZE];
	} helper;
};

/* Reads the file and then path.d/<name>.conf in the order of their names, over the defaults. A null
 * path is the installed one, which may be missing. On failure returns -errno (-EINVAL for the
 * contents) with one line of reason, naming file and line, in error; *config is untouched. */
int config_read(const char *path, struct config *config, char error[CONFIG_ERROR_SIZE]);

/* The defaults alone. */
void config_defaults(struct config *config);

/* The section or key that differs and cannot change while the helper runs; null if none does. */
const char *config_needs_restart(const struct config *running, const struct config *wanted);

/* The prefix length at which clients of this address's family are told apart. */
unsigned int config_prefix(const struct config *config, const struct address *address);

/* One key of the table, as moshgate.conf(5) has to say it. */
struct config_key {
	const char *section, *name, *default_text;
};

/* The table's key with that index; null behind the last. */
const struct config_key *config_key(size_t i);

#endif
