/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include "journal.h"

/* More than log.c's longest line and audit.c's fields together. */
#define ENTRY_SIZE 8192

int journal_open(const char *path, struct journal *journal)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*journal = (struct journal){fd, address};
	return 0;
}

/* Not connected, so that the next journald is as good as the one before. */
int journal_send(
	const struct journal *journal, int priority, const char *message, const char *fields)
{
	char entry[ENTRY_SIZE];
	int length = snprintf(entry, sizeof(entry),
		"MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=moshgated\n%s",
		message, priority, LOG_FAC(LOG_AUTHPRIV), fields);

	if (length < 0 || (size_t)length >= sizeof(entry))
		return -EMSGSIZE;
	if (sendto(journal->fd, entry, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)&journal->address, sizeof(journal->address)) < 0)
		return -errno;
	return 0;
}
