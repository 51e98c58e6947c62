/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that can open only so many more files. */
#ifndef CHECK_LIMIT_H
#define CHECK_LIMIT_H

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check_main.h"

static struct rlimit limit_before;

/* left: how many more there can be; the lowest free number is taken first. */
static inline void limit_descriptors(int left)
{
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit limit;

	ck_assert_int_ge(next, 0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
	limit = limit_before;
	limit.rlim_cur = (rlim_t)(next + left);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static inline void limit_lift(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
}

#endif
