/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CLOCK_H
#define MOSHGATE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Milliseconds since boot, suspend included: what every "now" and "since" in the helper is. */
static inline uint64_t clock_boot_ms(void)
{
	return clock_us(CLOCK_BOOTTIME) / 1000;
}

/* The same without suspend, which is how the kernel counts an element's timeout: while the host
 * sleeps nobody can reach it, and nobody's time runs out. */
static inline uint64_t clock_awake_ms(void)
{
	return clock_us(CLOCK_MONOTONIC) / 1000;
}

/* A moment in seconds since the epoch, for people; rounded, so that it is told alike at any
 * time. */
static inline time_t clock_wall_time(uint64_t boot_ms)
{
	struct timespec now;
	int64_t wall_ms;

	clock_gettime(CLOCK_REALTIME, &now);
	wall_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	return (time_t)((wall_ms - (int64_t)(clock_boot_ms() - boot_ms) + 500) / 1000);
}

#endif
