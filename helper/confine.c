/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cap-ng.h>

#include "confine.h"

/* libcap-ng numbers the sets by bits. */
static const capng_type_t working[] = {CAPNG_EFFECTIVE, CAPNG_PERMITTED};

static int become(uid_t uid, gid_t gid)
{
	return capng_change_id((int)uid, (int)gid,
		       CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT) < 0
		       ? -EPERM
		       : 0;
}

/* A service manager that gave CAP_NET_ADMIN alone may have filtered capset(), and then there is
 * nothing to give up by it; verify() sees what is so. */
static void give_up(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	(void)!capng_apply(CAPNG_SELECT_CAPS);
}

/* Asks the kernel what is really left. What can be inherited is nothing to a process that executes
 * nothing, and no more than what it has. The bounding set is a service manager's to empty. */
static int verify(bool was_root, const char **what)
{
	*what = "giving up capabilities (CAP_NET_ADMIN is needed)";
	if (capng_get_caps_process() < 0)
		return -errno;
	for (unsigned int capability = 0; capability <= CAP_LAST_CAP; capability++) {
		bool is_wanted = capability == CAP_NET_ADMIN;

		for (size_t i = 0; i < 2; i++)
			if (capng_have_capability(working[i], capability) != is_wanted)
				return -EPERM;
		if (was_root && capng_have_capability(CAPNG_BOUNDING_SET, capability))
			return -EPERM;
		if (capng_have_capability(CAPNG_AMBIENT, capability) ||
			(!is_wanted && capng_have_capability(CAPNG_INHERITABLE, capability)))
			return -EPERM;
	}
	return geteuid() == 0 || getuid() == 0 ? -EPERM : 0;
}

int confine(uid_t uid, gid_t gid, const char **what)
{
	bool was_root = geteuid() == 0;
	int error = 0;

	capng_clear(CAPNG_SELECT_ALL);
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	*what = "changing to the helper's user";
	if (was_root)
		error = become(uid, gid);
	else
		give_up();
	if (error < 0)
		return error;
	*what = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	*what = "PR_SET_DUMPABLE";
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return verify(was_root, what);
}
