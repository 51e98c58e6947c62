/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_OPTIONS_H
#define MOSHGATE_OPTIONS_H

#include <stdbool.h>

#define OPTIONS_TIMEOUT_MS_DEFAULT 500
#define OPTIONS_TIMEOUT_MS_MIN     1
#define OPTIONS_TIMEOUT_MS_MAX     10000

/* The words after the module's name in a PAM file. */
struct options {
	const char *socket; /* absolute path of the helper's session socket */
	int timeout_ms;     /* how long to wait for the helper */
	bool is_debug;
};

/* Fills options with the defaults and then from argv, whose strings it points into. Anything that
 * is not exactly socket=PATH, timeout=MS or debug gives -EINVAL and *bad, the word at fault. */
int options_parse(int argc, const char **argv, struct options *options, const char **bad);

#endif
