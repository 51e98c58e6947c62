/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "hash.h"
#include "tally.h"

struct key {
	uint64_t group, part;
};

struct tally_entry {
	struct key key;
	int64_t count;
	UT_hash_handle hh;
};

static struct tally_entry *find(const struct tally *tally, uint64_t group, uint64_t part)
{
	const struct key key = {group, part};
	struct tally_entry *entry;

	// NOLINTNEXTLINE(clang-analyzer-core.*): uthash
	HASH_FIND(hh, tally->entries, &key, sizeof(key), entry);
	return entry;
}

int64_t tally_add(struct tally *tally, uint64_t group, uint64_t part, int64_t change)
{
	struct tally_entry *entry = find(tally, group, part);

	if (!entry) {
		entry = memory_zeroed(sizeof(*entry));
		entry->key = (struct key){group, part};
		HASH_ADD(hh, tally->entries, key, sizeof(entry->key), entry);
	}
	entry->count += change;
	return entry->count;
}

int64_t tally_of(const struct tally *tally, uint64_t group, uint64_t part)
{
	const struct tally_entry *entry = find(tally, group, part);

	return entry ? entry->count : 0;
}

void tally_clear(struct tally *tally)
{
	struct tally_entry *entry, *next;

	HASH_ITER(hh, tally->entries, entry, next)
	{
		HASH_DEL(tally->entries, entry); // NOLINT(clang-analyzer-unix.Malloc): uthash
		free(entry);
	}
}
