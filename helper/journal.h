/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_JOURNAL_H
#define MOSHGATE_JOURNAL_H

#include <sys/un.h>

/*
 * Lines for systemd-journald, with fields of our own, by its native protocol: a datagram is an
 * entry, and each line of it "FIELD=value". (https://systemd.io/JOURNAL_NATIVE_PROTOCOL)
 */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal {
	int fd; /* -1: there is none */
	struct sockaddr_un address;
};

/* Whether anybody is at that path is not asked yet. -errno. */
int journal_open(const char *path, struct journal *journal);

/* At once or not at all: whoever listens may be another one by now, or none, or slow. The message
 * has no newline, fields one at the end of each. -errno: there is no entry. */
int journal_send(
	const struct journal *journal, int priority, const char *message, const char *fields);

#endif
