/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into the helper: as if the host had been suspended, or somebody had set its clock. Time
 * since boot is ahead of the time awake, and the time of day of what it is, by as many milliseconds
 * as stand, twice 8 bytes of them, in the file that $SUSPENDED names.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct offsets {
	int64_t suspended_ms, stepped_ms;
};

static const volatile struct offsets *offsets;

/* Before the program confines itself. */
__attribute__((constructor)) static void map(void)
{
	int fd = open(getenv("SUSPENDED"), O_RDONLY | O_CLOEXEC);
	void *mapped = mmap(NULL, sizeof(*offsets), PROT_READ, MAP_SHARED, fd, 0);

	if (fd < 0 || mapped == MAP_FAILED)
		abort();
	close(fd);
	offsets = mapped;
}

static int64_t offset_ms(clockid_t clock)
{
	if (offsets && clock == CLOCK_BOOTTIME)
		return offsets->suspended_ms;
	return offsets && clock == CLOCK_REALTIME ? offsets->stepped_ms : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);
	int64_t ms = offset_ms(clock);

	if (result == 0 && ms != 0) {
		ms += (int64_t)now->tv_sec * 1000 + now->tv_nsec / 1000000;
		now->tv_sec = (time_t)(ms / 1000);
		now->tv_nsec = (long)(ms % 1000) * 1000000 + now->tv_nsec % 1000000;
	}
	return result;
}
