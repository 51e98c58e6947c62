/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LOG_H
#define MOSHGATE_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* Opens syslog (facility authpriv, identifier "moshgated"); every line goes to stderr as well. */
void log_open(bool is_debug);

/* One line; control characters in it are replaced by "?", so that no text can start another. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

#endif
