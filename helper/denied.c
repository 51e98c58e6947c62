/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "denied.h"
#include "hash.h"
#include "refusal.h"

struct key {
	uint32_t uid, reason;
};

struct denied {
	struct key key;
	struct refusal refusal;
	struct denied_last last;
	UT_hash_handle hh;
};

bool denied_count(
	struct denied **denied, const struct grant_denial *denial, uint64_t now_ms, uint64_t *count)
{
	const struct key key = {denial->uid, denial->reason};
	struct denied *found;
	bool is_told;

	// NOLINTNEXTLINE(clang-analyzer-core.*): uthash
	HASH_FIND(hh, *denied, &key, sizeof(key), found);
	if (!found) {
		found = memory_zeroed(sizeof(*found));
		found->key = key;
		HASH_ADD(hh, *denied, key, sizeof(found->key), found);
	}
	is_told = refusal_count(&found->refusal, now_ms, DENIED_LINES);
	*count = found->refusal.count;
	found->last = (struct denied_last){
		denial->uid, denial->reason, denial->port, denial->client, now_ms, *count};
	return is_told;
}

void denied_each(const struct denied *denied,
	void (*visit)(const struct denied_last *last, void *context), void *context)
{
	for (; denied; denied = denied->hh.next)
		visit(&denied->last, context);
}

void denied_clear(struct denied **denied)
{
	struct denied *entry, *next;

	HASH_ITER(hh, *denied, entry, next)
	{
		HASH_DEL(*denied, entry); // NOLINT(clang-analyzer-unix.Malloc): uthash
		free(entry);
	}
}
