/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

static int least_priority = LOG_INFO;

void log_open(bool is_debug)
{
	least_priority = is_debug ? LOG_DEBUG : LOG_INFO;
	openlog("moshgated", LOG_NDELAY | LOG_PID | LOG_PERROR, LOG_AUTHPRIV);
}

void log_line(int priority, const char *format, ...)
{
	char line[4096];
	va_list arguments;

	if (priority > least_priority)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *c = line; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	syslog(priority, "%s", line);
}
