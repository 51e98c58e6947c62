/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "priority.h"

#define NICE      (-10)
#define SECOND_US 1000000

void priority_take(void)
{
	const struct sched_param lowest = {.sched_priority = 1};

	if (geteuid() != 0)
		return;
	setpriority(PRIO_PROCESS, 0, NICE);
	/* By its number, since not every C library has it. */
	if (syscall(SYS_sched_setscheduler, 0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) < 0)
		log_info("no real-time priority: %s", strerror(errno));
}

uint64_t priority_account(struct priority *priority, uint64_t now_us, uint64_t used_us)
{
	uint64_t worked_us = used_us - priority->used_us;

	priority->used_us = used_us;
	if (now_us - priority->second_us >= SECOND_US) {
		priority->second_us = now_us;
		priority->used_before_us = used_us;
	}
	if (used_us - priority->used_before_us <= PRIORITY_BUDGET_MS * 1000)
		return 0;
	return worked_us < PRIORITY_REST_MS * 1000 ? worked_us : PRIORITY_REST_MS * 1000;
}
