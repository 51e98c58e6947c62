/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the measuring programs share: one clock for all of them, and an end with a reason. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

_Noreturn static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* A whole number that is not 0. */
static inline unsigned int number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value == 0 || value > UINT32_MAX) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return (unsigned int)value;
}

/* Before whatever else wants the processor, the helper included: who measures must not wait. */
static inline void go_first(void)
{
	const struct sched_param priority = {.sched_priority = 50};

	if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0)
		die("sched_setscheduler");
}

#endif
