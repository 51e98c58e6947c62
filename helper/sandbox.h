/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_SANDBOX_H
#define MOSHGATE_SANDBOX_H

#include <stdbool.h>

/*
 * What the process can still ask of the kernel, after it gave up its privileges.
 *
 * 1. System calls that are not in sandbox.c's table end it: no program is executed, no process
 * made, none traced or signalled; of sockets none is made but netlink's and unix ones, and none
 * that somebody passes becomes more than it was. (sandbox_kills,
 * sandbox_kills_all_others)
 * 2. Where the kernel has Landlock, files can be written and made in the state folder alone, and
 * the two sockets removed from theirs; nothing can be executed. Without Landlock that is up to the
 * permissions of files, for the helper's own user, and of mounts. (sandbox_writes)
 */

/* Bytes of memory that can be written: a full table of 65535 grants takes a third of it. */
#define SANDBOX_MEMORY (512u << 20)

/* One for each login, and some. */
#define SANDBOX_DESCRIPTORS 65536

/* 3. No core dumps, no more memory than SANDBOX_MEMORY and no more descriptors than
 * SANDBOX_DESCRIPTORS; nor can that be raised again. -errno. (sandbox_limits_all) */
int sandbox_limits(void);

/* Folders, each list ended by a null. */
struct sandbox_files {
	const char *const *written; /* files may be made, written and removed there */
	const char *const *emptied; /* files may be removed there */
	bool is_abstract_needed;    /* it may speak to unix sockets without a path */
};

/* -EOPNOTSUPP: this kernel has no Landlock, which is no reason to stop; else -errno, which is. */
int sandbox_files(const struct sandbox_files *rules);

/* The filter of system calls. -errno. */
int sandbox_calls(void);

#endif
