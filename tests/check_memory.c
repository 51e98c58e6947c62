/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "check_main.h"
#include "memory.h"

static int heard = -1;

/* In libc's place, by the names that compilers give it. */
void syslog(int priority, const char *format, ...)
{
	dprintf(heard, "%d %s", priority, format);
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	(void)flag;
	dprintf(heard, "%d %s", priority, format);
}

/* A service has nowhere else to say it: its standard error is closed, or nobody's. */
START_TEST(memory_exhausted_tells_syslog)
{
	char said[64] = "", expected[64];
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	heard = ends[1];
	pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		memory_exhausted();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	close(ends[1]);
	ck_assert_int_gt(read(ends[0], said, sizeof(said) - 1), 0);
	snprintf(expected, sizeof(expected), "%d out of memory", LOG_AUTHPRIV | LOG_CRIT);
	ck_assert_str_eq(said, expected);
	close(ends[0]);
}
END_TEST

START_TEST(memory_grows)
{
	size_t capacity = 0;
	int *numbers = NULL;

	for (int i = 0; i < 1000; i++) {
		numbers = memory_grow(numbers, (size_t)i, &capacity, sizeof(*numbers));
		ck_assert_uint_gt(capacity, (size_t)i);
		numbers[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(numbers[i], i);
	free(numbers);
}
END_TEST

CHECK_MAIN("memory", TEST(memory_exhausted_tells_syslog), TEST(memory_grows))
