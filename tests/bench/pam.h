/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A login as sshd makes one: a TCP connection, and a PAM handle that names its peer. */
#ifndef BENCH_PAM_H
#define BENCH_PAM_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "bench.h"

static inline int no_talk(int count, const struct pam_message **messages,
	struct pam_response **answers, void *context)
{
	(void)count;
	(void)messages;
	(void)answers;
	(void)context;
	return PAM_CONV_ERR;
}

/* Prints its port, and waits for the client. */
static inline void accept_client(char client[INET_ADDRSTRLEN])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listening < 0 || bind(listening, (struct sockaddr *)&address, size) < 0 ||
		listen(listening, 1) < 0 ||
		getsockname(listening, (struct sockaddr *)&address, &size) < 0)
		die("listening");
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	if (accept4(listening, (struct sockaddr *)&address, &size, SOCK_CLOEXEC) < 0)
		die("accept");
	close(listening);
	inet_ntop(AF_INET, &address.sin_addr, client, INET_ADDRSTRLEN);
}

static inline pam_handle_t *begin(const char *service, const char *user, const char *client)
{
	static const struct pam_conv conversation = {no_talk, NULL};
	pam_handle_t *pam = NULL;

	if (pam_start(service, user, &conversation, &pam) != PAM_SUCCESS ||
		pam_set_item(pam, PAM_RHOST, client) != PAM_SUCCESS) {
		fprintf(stderr, "PAM does not start\n");
		exit(EXIT_FAILURE);
	}
	return pam;
}

#endif
