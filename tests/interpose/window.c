/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PAM module for the lines before and after ours: with the argument "open" it calls the program's
 * window_open(), with "close" its window_close(). What a test has fail, it has fail in between, and
 * not in libpam's own work around the stack.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_modules.h>

static int call(int argc, const char **argv)
{
	void (*hook)(void);

	if (argc != 1)
		abort();
	*(void **)&hook =
		dlsym(RTLD_DEFAULT, strcmp(argv[0], "open") == 0 ? "window_open" : "window_close");
	if (!hook)
		abort();
	hook();
	return PAM_SUCCESS;
}

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags;
	return call(argc, argv);
}

int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags;
	return call(argc, argv);
}
