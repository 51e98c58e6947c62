/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LOOP_H
#define MOSHGATE_LOOP_H

#include "gate.h"
#include "priority.h"

struct event;
struct event_base;

#define LOOP_SIGNALS 3

/* The running helper: who is called when, and no policy. */
struct helper {
	struct config config;
	const char *file; /* that the configuration came from; null: the installed one */
	struct gate gate;
	uint64_t started_ms;
	int session_fd, control_fd; /* listening; taken over by loop_set_up() */
	bool has_passed_sockets;    /* some of them are the service manager's */
	int ready;                  /* as of daemon_fork(); -1: nobody waits */

	struct priority priority;
	uint64_t settled_ms;   /* when something was last changed in the kernel */
	uint64_t unsettled_ms; /* since when something waits to be settled; 0: nothing does */
	struct event_base *base;
	struct event *watchdog, *settle, *due, *exec, *ended, *notice;
	struct event *signals[LOOP_SIGNALS];
	struct listener *listener;
	struct news *news;
	struct control *control;
};

/* Connects all that can happen with what is to be done then. The gate has been started. -errno if
 * the processes of earlier logins cannot be looked at. */
int loop_set_up(struct helper *helper);

/* Returns when SIGTERM or SIGINT ends it; -EIO if it cannot go on. */
int loop_run(struct helper *helper);

/* Gives back all that loop_set_up() made, and the gate. */
void loop_clear(struct helper *helper);

/* For gate_init(): who watches by the control socket hears of it. context is the helper. */
void loop_hear(const char *line, uint32_t uid, void *context);

/* For answer.c: what comes of a request is to be put into effect when no more events are to be
 * read; and the configuration anew. -errno with the reason in error, already logged, and then
 * everything is as it was. */
void loop_plan_turn_end(struct helper *helper);
int loop_reload(struct helper *helper, char error[CONFIG_ERROR_SIZE]);

#endif
