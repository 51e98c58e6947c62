/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "denied.h"
#include "hash.h"

struct key {
	uint32_t uid, reason;
};

struct denied_entry {
	struct key key;
	struct refusal refusal;
	struct denied_last last;
	UT_hash_handle hh;
};

static void discard(struct denied_entry **entries, struct denied_entry *entry)
{
	HASH_DEL(*entries, entry); // NOLINT(clang-analyzer-unix.Malloc): uthash
	free(entry);
}

/* The hash is in the order in which they were counted last. */
static struct denied_entry *take_out(struct denied_entry **entries, const struct key *key)
{
	struct denied_entry *entry;

	// NOLINTNEXTLINE(clang-analyzer-core.*): uthash
	HASH_FIND(hh, *entries, key, sizeof(*key), entry);
	if (entry) {
		HASH_DEL(*entries, entry);
		return entry;
	}
	entry = memory_zeroed(sizeof(*entry));
	entry->key = *key;
	return entry;
}

bool denied_count(
	struct denied *denied, const struct grant_denial *denial, uint64_t now_ms, uint64_t *count)
{
	bool is_stranger = denial->reason == DENIAL_NO_LOGIN, is_told;
	struct denied_entry **entries = is_stranger ? &denied->strangers : &denied->users;
	const struct key key = {denial->uid, denial->reason};
	struct denied_entry *entry = take_out(entries, &key);
	struct refusal *refusal = is_stranger ? &denied->all_strangers : &entry->refusal;

	HASH_ADD(hh, *entries, key, sizeof(entry->key), entry);
	if (is_stranger && HASH_COUNT(*entries) > DENIED_STRANGERS)
		discard(entries, *entries);
	is_told = refusal_count(refusal, now_ms, DENIED_LINES);
	*count = refusal->count;
	entry->last = (struct denied_last){denial->uid, denial->reason, denial->port,
		denial->client, now_ms, entry->last.count + 1};
	return is_told;
}

bool denied_count_login(struct denied *denied, uint32_t uid, enum denied_login kind,
	uint64_t now_ms, uint64_t *count)
{
	const struct key key = {uid, kind};
	struct denied_entry *entry = take_out(&denied->logins, &key);
	bool is_told = refusal_count(&entry->refusal, now_ms, DENIED_LINES);

	HASH_ADD(hh, denied->logins, key, sizeof(entry->key), entry);
	*count = entry->refusal.count;
	return is_told;
}

void denied_each(const struct denied *denied,
	void (*visit)(const struct denied_last *last, void *context), void *context)
{
	const struct denied_entry *entry;

	for (entry = denied->users; entry; entry = entry->hh.next)
		visit(&entry->last, context);
	for (entry = denied->strangers; entry; entry = entry->hh.next)
		visit(&entry->last, context);
}

void denied_clear(struct denied *denied)
{
	// NOLINTBEGIN(clang-analyzer-unix.Malloc): uthash
	while (denied->users)
		discard(&denied->users, denied->users);
	while (denied->strangers)
		discard(&denied->strangers, denied->strangers);
	while (denied->logins)
		discard(&denied->logins, denied->logins);
	// NOLINTEND(clang-analyzer-unix.Malloc)
}
