/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logins, each a process of its own: crowd SERVICE COUNT PER_SECOND HOLD_MS USERS [PROGRAM...]
 * Begins so many a second, as "crowd0", "crowd1" and so on, again from the first after USERS of
 * them. Each opens its session, runs the program if there is one, closes after HOLD_MS and ends;
 * with a HOLD_MS of "ever" all stay until stdin ends. Prints its port, waits for one connection,
 * from the client; then, for each login, how many ns it took to open, or "failed"; and "done" in
 * the end.
 */
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "pam.h"

struct crowd {
	const char *service, *client;
	unsigned int count, per_second, users;
	int hold_ms; /* -1: for ever */
	char **program;
	int report;
};

/* As the user, whose the program's sockets are to be. */
static void run_program(char **program, const char *user)
{
	const struct passwd *passwd = getpwnam(user);
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		if (!passwd || setgid(passwd->pw_gid) < 0 || setuid(passwd->pw_uid) < 0)
			die(user);
		execv(program[0], program);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

_Noreturn static void log_in(const struct crowd *crowd, unsigned int which)
{
	char user[32], line[32];
	uint64_t start_ns;
	pam_handle_t *pam;
	int length = snprintf(line, sizeof(line), "failed\n");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	snprintf(user, sizeof(user), "crowd%u", which % crowd->users);
	pam = begin(crowd->service, user, crowd->client);
	start_ns = now_ns();
	if (pam_open_session(pam, 0) == PAM_SUCCESS)
		length = snprintf(
			line, sizeof(line), "%llu\n", (unsigned long long)(now_ns() - start_ns));
	if (write(crowd->report, line, (size_t)length) != length)
		die("write");
	close(crowd->report);
	if (crowd->program[0])
		run_program(crowd->program, user);
	poll(NULL, 0, crowd->hold_ms);
	pam_close_session(pam, 0);
	pam_end(pam, PAM_SUCCESS);
	_exit(0);
}

static void wait_until(uint64_t at_ns)
{
	const struct timespec at = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void begin_all(const struct crowd *crowd)
{
	uint64_t start_ns = now_ns();

	for (unsigned int i = 0; i < crowd->count; i++) {
		wait_until(start_ns + (uint64_t)i * 1000000000 / crowd->per_second);

		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			log_in(crowd, i);
	}
}

/* What the logins report comes by a pipe, since each line has to be whole. */
static void pass_on(int from)
{
	char buffer[4096];
	ssize_t length;

	while ((length = read(from, buffer, sizeof(buffer))) > 0)
		fwrite(buffer, 1, (size_t)length, stdout);
}

int main(int argc, char **argv)
{
	char client[INET_ADDRSTRLEN];
	int ends[2];

	if (argc < 6) {
		fprintf(stderr,
			"usage: crowd SERVICE COUNT PER_SECOND HOLD_MS USERS [PROGRAM...]\n");
		return 2;
	}
	if (pipe(ends) < 0)
		die("pipe");

	const struct crowd crowd = {argv[1], client, number(argv[2]), number(argv[3]),
		number(argv[5]), strcmp(argv[4], "ever") == 0 ? -1 : (int)number(argv[4]), &argv[6],
		ends[1]};

	signal(SIGCHLD, SIG_IGN); /* nobody waits for each */
	accept_client(client);
	if (fork() == 0) {
		close(ends[1]);
		pass_on(ends[0]);
		puts("done");
		fflush(stdout);
		_exit(0);
	}
	close(ends[0]);
	begin_all(&crowd);
	close(ends[1]);
	if (crowd.hold_ms < 0)
		while (getchar() != EOF)
			;
	else
		while (wait(NULL) > 0)
			;
	return 0;
}
