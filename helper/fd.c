/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fd.h"

int fd_spare(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

int fd_accept(int listening, int *spare)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd;
	fd_close(spare);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	fd_close(&fd);
	*spare = fd_spare();
	return -1;
}
