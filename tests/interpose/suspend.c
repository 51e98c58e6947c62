/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into the helper: as if the host had been suspended. Time since boot is ahead of the time
 * awake by as many milliseconds as stand, 8 bytes of them, in the file that $SUSPENDED names.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile uint64_t *suspended_ms;

/* Before the program confines itself. */
__attribute__((constructor)) static void map(void)
{
	int fd = open(getenv("SUSPENDED"), O_RDONLY | O_CLOEXEC);
	void *mapped = mmap(NULL, sizeof(*suspended_ms), PROT_READ, MAP_SHARED, fd, 0);

	if (fd < 0 || mapped == MAP_FAILED)
		abort();
	close(fd);
	suspended_ms = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && clock == CLOCK_BOOTTIME && suspended_ms) {
		now->tv_sec += (time_t)(*suspended_ms / 1000);
		now->tv_nsec += (long)(*suspended_ms % 1000) * 1000000;
		now->tv_sec += now->tv_nsec / 1000000000;
		now->tv_nsec %= 1000000000;
	}
	return result;
}
