/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "journal.h"
#include "log.h"

#define LINE_SIZE 4096

static int least_priority = LOG_INFO;
static struct journal journal = {.fd = -1};
static bool is_stderr_journal;

void log_open(bool is_debug)
{
	least_priority = is_debug ? LOG_DEBUG : LOG_INFO;
	openlog("moshgated", LOG_NDELAY | LOG_PID, LOG_AUTHPRIV);
}

int log_to_journal(const char *path, bool is_stderr)
{
	int error = journal_open(path, &journal);

	/* A container may have the one and not the other. */
	is_stderr_journal = error == 0 && is_stderr && access(path, W_OK) == 0;
	return error;
}

/* As LOG_PERROR, which knows of no line that syslog() is not given. */
static void tell_stderr(const char *line)
{
	char text[LINE_SIZE + 32];
	int length = snprintf(text, sizeof(text), "moshgated[%d]: %s\n", (int)getpid(), line);

	if (length > 0 && (size_t)length < sizeof(text))
		(void)!write(STDERR_FILENO, text, (size_t)length);
}

/* To each one once: syslog has what the journal does not take. */
static void tell(int priority, const char *line, const char *fields)
{
	if (!is_stderr_journal)
		tell_stderr(line);
	if (journal.fd < 0 || journal_send(&journal, priority, line, fields) < 0)
		syslog(priority, "%s", line);
}

void log_line(int priority, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;

	if (priority > least_priority)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *c = line; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	tell(priority, line, "");
}

void log_event(int priority, const char *line, const char *fields)
{
	tell(priority, line, fields);
}
