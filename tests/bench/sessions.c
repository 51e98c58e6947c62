/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long PAM sessions take: sessions USER COUNT SERVICE[:EVERY]...
 * The service "limit" is what a module costs at the least that asks another process: an exchange,
 * and a message when the session closes, of as many bytes as pam_moshgate.so's, with one that only
 * answers; and before that, if it is loading, to load it, as libpam does when a session is opened.
 * Each service in turn, COUNT times in this one process; a slow one only each so many times. Prints
 * its port, waits for one connection, from the client, and then prints for each session: "loading"
 * if libpam has to load the modules for it or "loaded", service, nanoseconds to open it,
 * nanoseconds to close it. Like sshd it has no priority of its own.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/un.h>

#include "pam.h"
#include "wire.h"

#define PAUSE_NS 1000000

struct service {
	char *name;
	unsigned int every;
};

static void parse(char *text, struct service *service)
{
	char *colon = strchr(text, ':');

	service->name = text;
	service->every = 1;
	if (!colon)
		return;
	*colon = '\0';
	service->every = number(colon + 1);
}

/* Nobody closes a session in the microsecond in which he opened it. Awake, as sshd then is. */
static void pause_awake(void)
{
	uint64_t end_ns = now_ns() + PAUSE_NS;

	while (now_ns() < end_ns)
		;
}

static struct sockaddr_un answering = {.sun_family = AF_UNIX, .sun_path = "\0moshgate-bench"};

/* As the helper, with its priority. */
static void start_answering(void)
{
	const struct sched_param priority = {.sched_priority = 1};
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	static char bytes[WIRE_SESSION_SIZE];

	if (bind(listening, (struct sockaddr *)&answering, sizeof(answering)) < 0 ||
		listen(listening, 1) < 0)
		die("answering");
	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setscheduler(0, SCHED_RR, &priority);
	for (;;) {
		int fd = accept(listening, NULL, NULL);

		(void)!recv(fd, bytes, sizeof(bytes), 0);
		(void)!send(fd, bytes, WIRE_ANSWER_SIZE, MSG_NOSIGNAL);
		close(fd);
	}
}

static int tell(void)
{
	static const char bytes[WIRE_SESSION_SIZE];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&answering, sizeof(answering)) < 0 ||
		send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
		die("telling");
	return fd;
}

static void *load_module(void)
{
	const char *build = getenv("top_builddir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/.libs/pam_moshgate.so", build ? build : ".");
	return dlopen(path, RTLD_NOW);
}

/* A session from start_ns on. */
static void limit(const char *name, uint64_t start_ns)
{
	char answer[WIRE_ANSWER_SIZE];
	uint64_t opened_ns, before_ns, closed_ns;
	int fd = tell();

	if (recv(fd, answer, sizeof(answer), 0) != sizeof(answer))
		die("exchange");
	close(fd);
	opened_ns = now_ns();
	pause_awake();
	before_ns = now_ns();
	close(tell());
	closed_ns = now_ns();
	pause_awake();
	printf("%s limit %llu %llu\n", name, (unsigned long long)(opened_ns - start_ns),
		(unsigned long long)(closed_ns - before_ns));
}

static void measure_limit(void)
{
	uint64_t start_ns = now_ns();
	void *module = load_module();

	if (!module)
		die("pam_moshgate.so");
	limit("loading", start_ns);
	limit("loaded", now_ns());
	dlclose(module);
	pause_awake();
}

static void open_and_close(const char *name, const char *service, pam_handle_t *pam)
{
	uint64_t start_ns = now_ns(), opened_ns, before_ns, closed_ns;
	int opened = pam_open_session(pam, 0), closed;

	opened_ns = now_ns();
	pause_awake();
	before_ns = now_ns();
	closed = pam_close_session(pam, 0);
	closed_ns = now_ns();
	if (opened != PAM_SUCCESS || closed != PAM_SUCCESS) {
		fprintf(stderr, "%s: %s\n", service, pam_strerror(pam, opened ? opened : closed));
		exit(EXIT_FAILURE);
	}
	pause_awake();
	printf("%s %s %llu %llu\n", name, service, (unsigned long long)(opened_ns - start_ns),
		(unsigned long long)(closed_ns - before_ns));
}

/* With a new handle libpam loads the service's modules; the second time they are there. */
static void measure(const char *service, const char *user, const char *client)
{
	pam_handle_t *pam = begin(service, user, client);

	open_and_close("loading", service, pam);
	open_and_close("loaded", service, pam);
	pam_end(pam, PAM_SUCCESS);
	pause_awake();
}

static void measure_one(const char *service, const char *user, const char *client)
{
	if (strcmp(service, "limit") == 0)
		measure_limit();
	else
		measure(service, user, client);
}

int main(int argc, char **argv)
{
	struct service services[8];
	int count = argc - 3;
	char client[INET_ADDRSTRLEN];

	if (count < 1 || count > 8) {
		fprintf(stderr, "usage: sessions USER COUNT SERVICE[:EVERY]...\n");
		return 2;
	}
	for (int i = 0; i < count; i++)
		parse(argv[3 + i], &services[i]);
	accept_client(client);
	start_answering();
	for (unsigned int turn = 0; turn < number(argv[2]); turn++)
		for (int i = 0; i < count; i++)
			if (turn % services[i].every == 0)
				measure_one(services[i].name, argv[1], client);
	return 0;
}
