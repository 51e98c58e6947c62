/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LOOP_H
#define MOSHGATE_LOOP_H

#include "gate.h"

struct event;
struct event_base;

/* The running helper: who is called when, and no policy. */
struct helper {
	struct config config;
	const char *file; /* that the configuration came from; null: the installed one */
	struct gate gate;
	uint64_t started_ms;
	int session_fd, control_fd; /* listening; taken over by loop_set_up() */
	int ready;                  /* as of daemon_fork(); -1: nobody waits */

	uint64_t unsettled_ms; /* since when something waits to be settled; 0: nothing does */
	struct event_base *base;
	struct event *settle, *due, *exec, *ended;
	struct listener *listener;
	struct control *control;
};

/* Connects all that can happen with what is to be done then. The gate has been started. */
void loop_set_up(struct helper *helper);

/* Returns when SIGTERM or SIGINT ends it. */
void loop_run(struct helper *helper);

/* For gate_init(): who watches by the control socket hears of it. context is the helper. */
void loop_hear(const char *line, uint32_t uid, void *context);

#endif
