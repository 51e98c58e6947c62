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

/* The two ends of a connected TCP socket; false for any other descriptor. */
static bool get_connection(int fd, struct connection *connection)
{
	struct sockaddr_storage peer = {0}, own = {0};
	socklen_t peer_size = sizeof(peer), own_size = sizeof(own), type_size = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 &&
	       getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 &&
	       address_from_sockaddr((struct sockaddr *)&peer, &connection->client) == 0 &&
	       address_from_sockaddr((struct sockaddr *)&own, &connection->server) == 0;
}

static bool is_same(const struct connection *a, const struct connection *b)
{
	return address_equal(&a->client, &b->client) && address_equal(&a->server, &b->server);
}

/* The one connection of this process, or the one to client if that has a family. sshd may hold
 * it more than once; a second, different one (to a directory server, say) makes it ambiguous. */
static int find_connection(const struct address *client, struct connection *found)
{
	DIR *fds = opendir("/proc/self/fd");
	struct connection connection;
	int count = 0;

	if (!fds)
		return -errno;
	for (struct dirent *entry; (entry = readdir(fds));) {
		if (!get_connection(atoi(entry->d_name), &connection))
			continue;
		if (client->family != 0 && !address_equal(&connection.client, client))
			continue;
		if (count == 0 || !is_same(&connection, found))
			count++;
		*found = connection;
	}
	closedir(fds);
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
