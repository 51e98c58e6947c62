/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CLOCK_H
#define MOSHGATE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since boot, suspend included: what every "now" and "since" in the helper is. */
static inline uint64_t clock_boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The same moment in seconds since the epoch, for people. */
static inline time_t clock_wall_time(uint64_t boot_ms)
{
	return time(NULL) - (time_t)((clock_boot_ms() - boot_ms) / 1000);
}

#endif
