/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder of the program's own, with files that the fuzzer writes. */
#ifndef FUZZ_FOLDER_H
#define FUZZ_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "fuzz.h"

static char fuzz_folder_path[64];

static inline int fuzz_folder_remove_one(
	const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(path);
}

static inline void fuzz_folder_remove(void)
{
	nftw(fuzz_folder_path, fuzz_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Its path; on the first call it is made, to be removed at the program's end. */
static inline const char *fuzz_folder(void)
{
	const char *parent = getenv("TMPDIR");

	if (fuzz_folder_path[0])
		return fuzz_folder_path;
	if (!parent || strlen(parent) > 32)
		parent = "/tmp";
	sprintf(fuzz_folder_path, "%s/moshgate-fuzz.XXXXXX", parent);
	PROMISE(mkdtemp(fuzz_folder_path));
	atexit(fuzz_folder_remove);
	return fuzz_folder_path;
}

static inline int fuzz_folder_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(fuzz_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	PROMISE(fd >= 0);
	return fd;
}

/* A file of that name, with the mode 0600 if it is new. */
static inline void fuzz_folder_write(const char *name, const void *bytes, size_t size)
{
	int fd = openat(fuzz_folder_fd(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	PROMISE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

#endif
