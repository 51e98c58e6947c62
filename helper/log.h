/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LOG_H
#define MOSHGATE_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* Opens syslog (facility authpriv, identifier "moshgated"); every line goes to stderr as well. */
void log_open(bool is_debug);

/* From now on lines go to the journal that listens at that path, and to syslog only those that it
 * does not take; and to stderr none if that is the journal's, too, and the path is there. -errno:
 * all as before. */
int log_to_journal(const char *path, bool is_stderr);

/* One line; control characters in it are replaced by "?", so that no text can start another. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of the audit, which has no control characters, and what the journal has besides: lines
 * "FIELD=value". */
void log_event(int priority, const char *line, const char *fields);

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

#endif
