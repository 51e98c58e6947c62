/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_filter.h"
#include "check_main.h"
#include "confine.h"

#define NOBODY 65534

/* Confines a child and then asks it; its exit status is the answer. Nothing of the test's own runs
 * in it, since it cannot be undone. */
static int in_child(int (*ask)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(ask());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "child ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* The line of /proc/self/status that starts so, without that and its white space. */
static int is_line(const char *name, const char *wanted)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256], *value = NULL;

	while (!value && file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			value = line + strlen(name);
	if (file)
		fclose(file);
	if (!value)
		return 0;
	value += strspn(value, ":\t ");
	value[strcspn(value, "\n")] = '\0';
	if (strcmp(value, wanted) == 0)
		return 1;
	fprintf(stderr, "%s is \"%s\", not \"%s\"\n", name, value, wanted);
	return 0;
}

static int ask_status(void)
{
	static const struct {
		const char *name, *value;
	} lines[] = {
		{"Uid", "65534\t65534\t65534\t65534"},
		{"Gid", "65534\t65534\t65534\t65534"},
		{"Groups", ""},
		{"CapInh", "0000000000000000"},
		{"CapPrm", "0000000000001000"},
		{"CapEff", "0000000000001000"},
		{"CapBnd", "0000000000000000"},
		{"CapAmb", "0000000000000000"},
		{"NoNewPrivs", "1"},
	};
	const gid_t groups[] = {4, 27};
	const char *what;
	int wrong = 0;

	if (setgroups(ARRAY_LEN(groups), groups) < 0 || confine(NOBODY, NOBODY, &what) < 0)
		return 100;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		wrong += !is_line(lines[i].name, lines[i].value);
	return wrong;
}

START_TEST(confine_keeps_one_capability)
{
	ck_assert_int_eq(in_child(ask_status), 0);
}
END_TEST

static int ask_dumpable(void)
{
	const char *what;

	if (confine(NOBODY, NOBODY, &what) < 0)
		return 100;
	return prctl(PR_GET_DUMPABLE);
}

START_TEST(confine_not_dumpable)
{
	ck_assert_int_eq(in_child(ask_dumpable), 0);
}
END_TEST

static int ask_way_back(void)
{
	const char *what;

	if (confine(NOBODY, NOBODY, &what) < 0)
		return 100;
	return setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0;
}

START_TEST(confine_no_way_back)
{
	ck_assert_int_eq(in_child(ask_way_back), 0);
}
END_TEST

static int ask_root(void)
{
	const char *what = NULL;
	int error = confine(0, 0, &what);

	return error < 0 && what ? -error : 0;
}

START_TEST(confine_refuses_root)
{
	ck_assert_int_eq(in_child(ask_root), EPERM);
}
END_TEST

static int set_capabilities(uint32_t low, uint32_t inheritable)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{low, low, inheritable}, {0, 0, 0}};

	return (int)syscall(SYS_capset, &header, data);
}

static int become_nobody(uint32_t capabilities, uint32_t inheritable)
{
	return prctl(PR_SET_KEEPCAPS, 1) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
			       set_capabilities(capabilities, inheritable) < 0 ||
			       prctl(PR_SET_DUMPABLE, 1) < 0
		       ? -1
		       : 0;
}

/* As anybody but root, with these capabilities. */
static int ask_as_nobody(uint32_t capabilities)
{
	const char *what = NULL;

	if (become_nobody(capabilities, 0) < 0)
		return 100;
	return -confine(NOBODY, NOBODY, &what);
}

static int ask_missing(void)
{
	return ask_as_nobody(1u << CAP_SYS_PTRACE | 1u << CAP_NET_RAW);
}

START_TEST(confine_needs_its_capability)
{
	ck_assert_int_eq(in_child(ask_missing), EPERM);
}
END_TEST

/* As systemd starts it: somebody else already, and with more than is needed. */
static int ask_given(void)
{
	int error = ask_as_nobody(1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW);

	if (error != 0)
		return error;
	return !is_line("CapPrm", "0000000000001000") + !is_line("CapEff", "0000000000001000") +
	       !is_line("CapInh", "0000000000000000") + !is_line("CapAmb", "0000000000000000") +
	       !is_line("NoNewPrivs", "1") + prctl(PR_GET_DUMPABLE);
}

START_TEST(confine_as_given)
{
	ck_assert_int_eq(in_child(ask_given), 0);
}
END_TEST

/* With capset() failing, as a service manager's filter has it. */
static int ask_filtered(uint32_t more)
{
	const char *what = NULL;
	uint32_t one = 1u << CAP_NET_ADMIN;

	if (become_nobody(one, one | more) < 0 ||
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0 ||
		filter_call(SYS_capset, FILTER_ANY, EPERM) < 0)
		return 100;
	return -confine(NOBODY, NOBODY, &what);
}

/* What systemd gives, and no way to give up what is too much. */
static int ask_exact(void)
{
	int error = ask_filtered(0);

	return error != 0 ? error
			  : !is_line("CapPrm", "0000000000001000") +
				    !is_line("CapEff", "0000000000001000") +
				    !is_line("CapInh", "0000000000001000") +
				    !is_line("CapAmb", "0000000000000000");
}

static int ask_too_much(void)
{
	return ask_filtered(1u << CAP_NET_RAW);
}

START_TEST(confine_under_a_filter)
{
	ck_assert_int_eq(in_child(ask_exact), 0);
	ck_assert_int_eq(in_child(ask_too_much), EPERM);
}
END_TEST

static int ask_bounded(void)
{
	const char *what = NULL;

	if (filter_call(SYS_prctl, PR_CAPBSET_DROP, EPERM) < 0)
		return 100;
	return -confine(NOBODY, NOBODY, &what);
}

/* The library says nothing of a bounding set that stays as it was. */
START_TEST(confine_empties_the_bounding_set)
{
	ck_assert_int_eq(in_child(ask_bounded), EPERM);
}
END_TEST

static int ask_plain_user(void)
{
	const char *what = NULL;
	int error = confine(geteuid(), getegid(), &what);

	return error < 0 && what ? -error : 0;
}

START_TEST(confine_needs_privilege)
{
	ck_assert_int_eq(in_child(ask_plain_user), EPERM);
}
END_TEST

int main(void)
{
	const struct check_test as_root[] = {
		TEST(confine_keeps_one_capability),
		TEST(confine_not_dumpable),
		TEST(confine_no_way_back),
		TEST(confine_refuses_root),
		TEST(confine_needs_its_capability),
		TEST(confine_as_given),
		TEST(confine_under_a_filter),
		TEST(confine_empties_the_bounding_set),
	};
	const struct check_test as_user[] = {TEST(confine_needs_privilege)};

	if (geteuid() != 0)
		return check_status("confine, no root", as_user, ARRAY_LEN(as_user));
	return check_status("confine", as_root, ARRAY_LEN(as_root));
}
