/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "peer.h"

struct connection {
	struct address client;
	struct address server;
};

/* 1 and the two ends of a connected TCP socket; 0 for any other descriptor; -errno if it cannot be
 * known what it is. */
static int get_connection(int fd, struct connection *connection)
{
	struct sockaddr_storage peer = {0}, own = {0};
	socklen_t peer_size = sizeof(peer), own_size = sizeof(own), type_size = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0)
		return errno == ENOTSOCK || errno == EBADF ? 0 : -errno;
	if (type != SOCK_STREAM)
		return 0;
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return errno == ENOTCONN ? 0 : -errno;
	if (getsockname(fd, (struct sockaddr *)&own, &own_size) < 0)
		return -errno;
	return address_from_sockaddr((struct sockaddr *)&peer, &connection->client) == 0 &&
	       address_from_sockaddr((struct sockaddr *)&own, &connection->server) == 0;
}

/* The same for the next descriptor that is one; 0 after the last. */
static int next_connection(DIR *fds, struct connection *connection)
{
	struct dirent *entry;
	int got;

	do {
		errno = 0;
		entry = readdir(fds);
		if (!entry)
			return -errno;
		// NOLINTNEXTLINE(cert-err34-c): "." is 0, which does no harm
		got = get_connection(atoi(entry->d_name), connection);
	} while (got == 0);
	return got;
}

static bool is_same(const struct connection *a, const struct connection *b)
{
	return address_equal(&a->client, &b->client) && address_equal(&a->server, &b->server);
}

/* The one connection of this process, or the one to client if that has a family. sshd may hold
 * it more than once; a second, different one (to a directory server, say) makes it ambiguous, and
 * so does one that cannot be seen. */
static int find_connection(const struct address *client, struct connection *found)
{
	DIR *fds = opendir("/proc/self/fd");
	struct connection connection;
	int got, count = 0;

	if (!fds)
		return errno == ENOENT ? -ENOTCONN : -errno; /* no /proc */
	while ((got = next_connection(fds, &connection)) > 0) {
		if (client->family != 0 && !address_equal(&connection.client, client))
			continue;
		if (count == 0 || !is_same(&connection, found))
			count++;
		*found = connection;
	}
	closedir(fds);
	if (got < 0)
		return got;
	return count == 1 ? 0 : -ENOTCONN;
}

int peer_find(const char *rhost, struct address *client, struct address *server)
{
	struct address named = {0};
	struct connection connection = {0};
	bool is_numeric = address_parse(rhost, &named) == 0;
	int error = find_connection(&named, &connection);

	if (!is_numeric && error < 0)
		return error;
	*client = is_numeric ? named : connection.client;
	*server = error == 0 ? connection.server : (struct address){0};
	return 0;
}
