/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "refusal.h"

bool refusal_count(struct refusal *refusal, uint64_t now_ms, unsigned int most)
{
	refusal->count++;
	if (refusal->count == 1 || now_ms - refusal->since_ms >= REFUSAL_QUIET_MS) {
		refusal->since_ms = now_ms;
		refusal->told = 0;
	}
	if (refusal->told == most)
		return false;
	refusal->told++;
	return true;
}
