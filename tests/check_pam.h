/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PAM application around the module as it is installed: a stack of our own, a helper that is a
 * process of its own, and a picture of all that is the application's. */
#ifndef CHECK_PAM_H
#define CHECK_PAM_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "check_main.h"
#include "wire.h"

static char folder[CHECK_FOLDER_SIZE], path[CHECK_FOLDER_SIZE + 8], builddir[PATH_MAX],
	module[PATH_MAX + 64];

/* Stacks whose calls succeed if the module returns PAM_SUCCESS, or that or PAM_IGNORE. */
#define MODULE  "session required %1$s socket=%2$s %3$s\n"
#define PERMIT  "session required pam_permit.so\n"
#define SUCCEED MODULE
#define EITHER  MODULE PERMIT

/* For main(): PAM wants absolute paths. */
static inline void pam_prepare(void)
{
	const char *top_builddir = getenv("top_builddir");

	if (!realpath(top_builddir ? top_builddir : ".", builddir)) {
		perror(top_builddir);
		exit(EXIT_FAILURE);
	}
	snprintf(module, sizeof(module), "%s/.libs/pam_moshgate.so", builddir);
	if (access(module, R_OK) < 0) {
		perror(module);
		exit(EXIT_FAILURE);
	}
	check_make_folder(folder);
	snprintf(path, sizeof(path), "%s/sock", folder);
}

static inline int bound_at(const char *name, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	unlink(name);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	return fd;
}

static inline int listening(void)
{
	int fd = bound_at(path, SOCK_SEQPACKET);

	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

/* The application has no conversation, and nobody has a reason to start one. */
static inline int no_conversation(int count, const struct pam_message **messages,
	struct pam_response **responses, void *context)
{
	(void)count, (void)messages, (void)responses, (void)context;
	abort();
}

static inline void write_service(const char *name, const char *stack, const char *options)
{
	char file[CHECK_FOLDER_SIZE + 16];
	FILE *service;

	snprintf(file, sizeof(file), "%s/%s", folder, name);
	service = fopen(file, "we");
	ck_assert_ptr_nonnull(service);
	fprintf(service, stack, module, path, options, builddir);
	fclose(service);
}

static inline pam_handle_t *begin(
	const char *stack, const char *user, const char *rhost, const char *options)
{
	static const struct pam_conv conversation = {no_conversation, NULL};
	pam_handle_t *pamh = NULL;

	write_service("service", stack, options);
	ck_assert_int_eq(pam_start_confdir("service", user, &conversation, folder, &pamh), 0);
	if (rhost)
		ck_assert_int_eq(pam_set_item(pamh, PAM_RHOST, rhost), PAM_SUCCESS);
	return pamh;
}

static inline void end(pam_handle_t *pamh)
{
	ck_assert_int_eq(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
}

/* --- what is the application's own ------------------------------------------------------------ */

#define PORTRAIT_SIZE 65536

struct portrait {
	char text[PORTRAIT_SIZE];
};

/* A descriptor of the test's own. */
static int not_in_picture = -1;

/* libc's connection to syslog is the application's as well: whoever logs first opens it. */
static inline bool is_syslog(int fd)
{
	struct sockaddr_un peer = {0};
	socklen_t size = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
	       peer.sun_family == AF_UNIX && strstr(peer.sun_path, "/dev/log");
}

static inline void draw_descriptors(FILE *out)
{
	DIR *fds = opendir("/proc/self/fd");
	char target[256];

	for (struct dirent *entry; (entry = readdir(fds));) {
		int fd = atoi(entry->d_name);
		ssize_t length = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		if (length < 0 || fd == dirfd(fds) || fd == not_in_picture || is_syslog(fd))
			continue;
		target[length] = '\0';
		fprintf(out, "fd %d %s %x %x\n", fd, target, fcntl(fd, F_GETFD),
			fcntl(fd, F_GETFL));
	}
	closedir(fds);
}

static inline void draw_signals(FILE *out)
{
	struct sigaction action;
	struct itimerval timer;
	sigset_t blocked;

	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int i = 1; i < NSIG; i++) {
		if (sigaction(i, NULL, &action) < 0)
			continue;
		fprintf(out, "signal %d %p %x %d", i, (void *)action.sa_handler,
			(unsigned int)action.sa_flags, sigismember(&blocked, i));
		for (int j = 1; j < NSIG; j++)
			fputc(sigismember(&action.sa_mask, j) == 1 ? '1' : '0', out);
		fputc('\n', out);
	}
	getitimer(ITIMER_REAL, &timer);
	fprintf(out, "timer every %ld us\n", (long)timer.it_interval.tv_usec);
}

static inline void draw_limits(FILE *out)
{
	struct rlimit limit;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (getrlimit((__rlimit_resource_t)i, &limit) == 0)
			fprintf(out, "limit %d %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
				(unsigned long long)limit.rlim_max);
}

static inline void draw_rest(FILE *out)
{
	char cwd[4096] = "none";
	mode_t mask = umask(0);

	umask(mask);
	fprintf(out, "umask %o\ncwd %s\nlocale %s\n", mask, getcwd(cwd, sizeof(cwd)),
		setlocale(LC_ALL, NULL));
	fprintf(out, "ids %d %d %d %d\nno new privileges %d\ndumpable %d\n", getuid(), geteuid(),
		getgid(), getegid(), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
		prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	for (char **variable = environ; *variable; variable++)
		fprintf(out, "%p %s\n", (void *)*variable, *variable);
}

static inline void draw_pam(FILE *out, pam_handle_t *pamh)
{
	static const int items[] = {PAM_SERVICE, PAM_USER, PAM_USER_PROMPT, PAM_TTY, PAM_RUSER,
		PAM_RHOST, PAM_AUTHTOK, PAM_OLDAUTHTOK, PAM_CONV, PAM_FAIL_DELAY, PAM_XDISPLAY,
		PAM_XAUTHDATA, PAM_AUTHTOK_TYPE};
	char **list = pam_getenvlist(pamh);

	for (char **variable = list; *variable; free(*variable++))
		fprintf(out, "PAM %s\n", *variable);
	free(list);
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		const void *item = NULL;

		pam_get_item(pamh, items[i], &item);
		fprintf(out, "item %d %p\n", items[i], item);
	}
}

/* pamh may be NULL. */
static inline void draw(struct portrait *portrait, pam_handle_t *pamh)
{
	FILE *out = fmemopen(portrait->text, sizeof(portrait->text), "w");

	draw_descriptors(out);
	draw_signals(out);
	draw_limits(out);
	draw_rest(out);
	if (pamh)
		draw_pam(out, pamh);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_lt(strlen(portrait->text), sizeof(portrait->text) - 1);
}

static inline void check_unchanged(const struct portrait *before, pam_handle_t *pamh)
{
	static struct portrait after;

	draw(&after, pamh);
	ck_assert_str_eq(after.text, before->text);
}

/* --- a helper --------------------------------------------------------------------------------- */

/* What was asked, by everybody, since the helper started. */
struct asked {
	volatile unsigned int count;
	uint8_t last[WIRE_SESSION_SIZE];
};

struct answerer {
	pid_t pid;
	struct asked *asked;
};

/* What the helper does with one connection; it closes it afterwards. */
typedef void (*serving)(int fd, struct asked *asked);

/* Reads a request, which has to be one. */
static inline void take_request(int fd, struct asked *asked)
{
	uint8_t bytes[WIRE_SESSION_SIZE + 1];
	ssize_t length = recv(fd, bytes, sizeof(bytes), 0);
	struct wire_session session;

	if (length <= 0)
		return;
	if (wire_session_decode(bytes, (size_t)length, &session) < 0)
		_exit(EXIT_FAILURE);
	memcpy(asked->last, bytes, sizeof(asked->last));
	asked->count++;
}

static inline void say(int fd, enum wire_answer answer)
{
	uint8_t bytes[WIRE_ANSWER_SIZE];

	wire_answer_encode(answer, bytes);
	send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

static inline void say_done(int fd, struct asked *asked)
{
	take_request(fd, asked);
	say(fd, WIRE_DONE);
}

static inline void answerer_run(int listener, serving manner, struct asked *asked)
{
	signal(SIGPIPE, SIG_IGN);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
		manner(fd, asked);
	_exit(EXIT_FAILURE);
}

/* Ends with the process that started it, at the latest. */
static inline struct answerer answerer_start(serving manner)
{
	struct answerer answerer;
	int listener = listening();
	pid_t parent = getpid();

	answerer.asked = mmap(NULL, sizeof(*answerer.asked), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(answerer.asked, MAP_FAILED);
	answerer.pid = fork();
	if (answerer.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			answerer_run(listener, manner, answerer.asked);
		_exit(EXIT_FAILURE);
	}
	close(listener);
	return answerer;
}

/* It was there until now, so it understood all that was asked. */
static inline void answerer_stop(struct answerer *answerer)
{
	int status;

	ck_assert_int_eq(kill(answerer->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(answerer->pid, &status, 0), answerer->pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	munmap(answerer->asked, sizeof(*answerer->asked));
}

/* How often it was asked, when it has come to all that is in its queue: who closes waits for no
 * answer. Where it cannot be reached any more, nothing is. */
static inline unsigned int asked_count(const struct answerer *answerer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char byte;

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		shutdown(fd, SHUT_WR);
		while (recv(fd, &byte, 1, 0) > 0)
			;
	}
	close(fd);
	return answerer->asked->count;
}

static inline struct wire_session last_asked(const struct answerer *answerer)
{
	struct wire_session session;

	ck_assert_int_eq(
		wire_session_decode(answerer->asked->last, sizeof(answerer->asked->last), &session),
		0);
	return session;
}

/* --- the rest --------------------------------------------------------------------------------- */

static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What went to syslog. */
struct log_lines {
	volatile unsigned int count;
	volatile unsigned int bad; /* of these with characters that a line should not have */
};

static inline bool is_one_line(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static inline void read_log(int log, struct log_lines *lines)
{
	char text[32768];

	for (ssize_t length; (length = recv(log, text, sizeof(text), 0)) >= 0; lines->count++)
		if (!is_one_line(text, (size_t)length))
			lines->bad++;
	_exit(EXIT_FAILURE);
}

/* For main(): a /dev that has a log of our own and nothing else, so that syslog() is the real one
 * and the host's log stays clean. NULL if that is not permitted. */
static inline struct log_lines *own_log(void)
{
	char dev[CHECK_FOLDER_SIZE + 8], name[CHECK_FOLDER_SIZE + 16];
	struct log_lines *lines = mmap(
		NULL, sizeof(*lines), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int log;

	snprintf(dev, sizeof(dev), "%s/dev", folder);
	snprintf(name, sizeof(name), "%s/log", dev);
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return NULL;
	mkdir(dev, 0700);
	log = bound_at(name, SOCK_DGRAM);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		read_log(log, lines);
	}
	close(log);
	return mount("", "/", "", MS_REC | MS_PRIVATE, NULL) == 0 &&
			       mount(dev, "/dev", "", MS_BIND, NULL) == 0
		       ? lines
		       : NULL;
}

#endif
