/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main() of every test program, from a table:
 *
 *	CHECK_MAIN("wire", TEST(round_trip), LOOP(bad_field, ARRAY_LEN(bad_fields)))
 *
 * LOOP runs its test once for each value of _i in 0 .. count-1. What may have to skip writes its
 * own main, which returns check_status(...) or CHECK_SKIP. CK_FORK=no in the environment keeps
 * the tests in one process, for a debugger.
 */
#ifndef CHECK_MAIN_H
#define CHECK_MAIN_H

#include <check.h>
#include <ftw.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_SKIP       77
#define CHECK_TIMEOUT_S  60 /* for a slow machine under a sanitizer; nothing waits that long */
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

struct check_test {
	const TTest *test;
	int loops;
};

#define TEST(function)                                                                             \
	{                                                                                          \
		(function), 1                                                                      \
	}
#define LOOP(function, count)                                                                      \
	{                                                                                          \
		(function), (int)(count)                                                           \
	}

static inline int check_status(const char *name, const struct check_test *tests, size_t count)
{
	Suite *suite = suite_create(name);
	for (size_t i = 0; i < count; i++) {
		TCase *tcase = tcase_create(tests[i].test->name);
		tcase_set_timeout(tcase, CHECK_TIMEOUT_S);
		tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].loops);
		suite_add_tcase(suite, tcase);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	int ran = srunner_ntests_run(runner);
	srunner_free(runner);
	return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A folder of the program's own, for main(): tests run in children, and a failed one cleans
 * nothing. */
#define CHECK_FOLDER_SIZE 32

static inline void check_make_folder(char folder[CHECK_FOLDER_SIZE])
{
	strcpy(folder, "/tmp/moshgate-check.XXXXXX");
	if (!mkdtemp(folder)) {
		perror(folder);
		exit(EXIT_FAILURE);
	}
}

static inline int check_remove_one(
	const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(path);
}

static inline void check_remove_folder(const char *folder)
{
	nftw(folder, check_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define CHECK_MAIN(name, ...)                                                                      \
	int main(void)                                                                             \
	{                                                                                          \
		const struct check_test tests[] = {__VA_ARGS__};                                   \
		return check_status((name), tests, ARRAY_LEN(tests));                              \
	}

#endif
