/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "past.h"

struct key {
	uint32_t uid, kind;
	struct address client;
	uint16_t port;
};

struct past_entry {
	struct key key;
	struct past_event event;
	UT_hash_handle hh;
};

static void drop(struct past *past, struct past_entry *entry)
{
	tally_add(&past->per_uid, entry->key.uid, 0, -1);
	HASH_DEL(past->entries, entry);
	free(entry);
}

static struct past_entry *oldest_of(const struct past *past, uint32_t uid)
{
	struct past_entry *entry = past->entries;

	while (entry && entry->key.uid != uid)
		entry = entry->hh.next;
	return entry;
}

static void make_room(struct past *past, uint32_t uid)
{
	if (tally_of(&past->per_uid, uid, 0) >= PAST_PER_USER)
		drop(past, oldest_of(past, uid));
	else if (HASH_COUNT(past->entries) >= PAST_MOST)
		drop(past, past->entries);
}

/* What is added last comes last, also in place of an earlier one. */
static void add(struct past *past, const struct past_event *event)
{
	struct past_entry *entry;
	struct key key;

	memset(&key, 0, sizeof(key));
	key.uid = event->uid;
	key.kind = event->kind;
	key.client = event->client;
	key.port = event->key.port;
	HASH_FIND(hh, past->entries, &key, sizeof(key), entry);
	if (entry)
		drop(past, entry);
	make_room(past, event->uid);
	entry = memory_zeroed(sizeof(*entry));
	entry->key = key;
	entry->event = *event;
	HASH_ADD(hh, past->entries, key, sizeof(entry->key), entry);
	tally_add(&past->per_uid, event->uid, 0, 1);
}

/* A name that does not fit is left out. */
static void set_user(struct past_event *event, const char *user)
{
	if (strlen(user) < sizeof(event->user))
		strcpy(event->user, user);
}

void past_add_login(
	struct past *past, enum past_kind kind, const struct login *login, uint64_t now_ms)
{
	struct past_event event = {
		.kind = kind,
		.uid = login->uid,
		.client = login->client,
		.since_ms = login->since_ms,
		.ended_ms = now_ms,
	};

	set_user(&event, login->user);
	add(past, &event);
}

void past_add_grant(struct past *past, const struct grant *grant, uint64_t now_ms)
{
	struct past_event event = {
		.kind = PAST_REVOKE,
		.uid = grant->label.uid,
		.client = grant->key.client,
		.key = grant->key,
		.reason = grant->reason,
		.since_ms = grant->label.since_ms,
		.ended_ms = now_ms,
	};

	if (grant->label.cookie == 0)
		return;
	set_user(&event, grant->label.user);
	add(past, &event);
}

void past_each(const struct past *past,
	void (*visit)(const struct past_event *event, void *context), void *context)
{
	for (const struct past_entry *entry = past->entries; entry; entry = entry->hh.next)
		visit(&entry->event, context);
}

void past_clear(struct past *past)
{
	while (past->entries)
		drop(past, past->entries);
	tally_clear(&past->per_uid);
}
