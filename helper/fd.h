/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_FD_H
#define MOSHGATE_FD_H

#include <stdlib.h>
#include <unistd.h>

/* Scope cleanup: auto_fd int fd = -1; auto_free char *text = NULL; */

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void fd_free(void *pointer)
{
	free(*(void **)pointer);
}

#define auto_fd   __attribute__((cleanup(fd_close)))
#define auto_free __attribute__((cleanup(fd_free)))

/* Accepts a connection, non-blocking; -1 if there is none to have. When the process has no
 * descriptor left the one in *spare makes room, so that the connection can be hung up on instead of
 * being reported as waiting for ever. */
int fd_accept(int listening, int *spare);

/* A descriptor to spare for that. */
int fd_spare(void);

/* Hands an auto_fd over to the caller. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
