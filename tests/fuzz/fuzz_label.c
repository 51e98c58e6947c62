/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comments of elements: what is read is written in plain characters and read again as the same,
 * with name and credential as they were or not at all. */
#include <errno.h>

#include "fuzz.h"
#include "label.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_+/=%- "

static void check_written(const struct label *label)
{
	struct label again;
	char text[LABEL_TEXT_SIZE];

	label_write(label, text);
	PROMISE(strnlen(text, sizeof(text)) < sizeof(text) && text[strspn(text, PLAIN)] == '\0');
	PROMISE(label_read(text, &again) == 0);
	PROMISE(again.uid == label->uid && again.cookie == label->cookie);
	PROMISE(again.since_ms == label->since_ms && again.via == label->via);
	PROMISE(!again.user[0] || strcmp(again.user, label->user) == 0);
	PROMISE(!again.auth[0] || strcmp(again.auth, label->auth) == 0);
}

/* Nothing is said twice, and nothing hidden behind an end. */
static void check_plain(const char *text, const struct label *label)
{
	for (const char *name = "ucsvna"; *name; name++) {
		const char field[] = {' ', *name, '=', '\0'}, *first = strstr(text, field);

		PROMISE(!first || !strstr(first + 1, field));
	}
	for (size_t i = strlen(label->user); i < sizeof(label->user); i++)
		PROMISE(label->user[i] == '\0');
	for (size_t i = strlen(label->auth); i < sizeof(label->auth); i++)
		PROMISE(label->auth[i] == '\0');
}

static void check_read(const char *text)
{
	struct label label, before;
	int error;

	memset(&label, 0x5a, sizeof(label));
	memset(&before, 0x5a, sizeof(before));
	error = label_read(text, &label);
	if (error < 0) {
		PROMISE(error == -EINVAL && memcmp(&label, &before, sizeof(label)) == 0);
		return;
	}
	check_plain(text, &label);
	PROMISE(label.uid != UINT32_MAX && label.via < LABEL_VIAS);
	check_written(&label);
}

/* Of any name and credential. */
static void check_set(const char *user, const char *auth)
{
	struct label label = {.uid = UINT32_MAX - 1,
		.cookie = UINT64_MAX,
		.since_ms = (uint64_t)strlen(user),
		.via = LABEL_ROAM};

	label_set_user(&label, user);
	label_set_auth(&label, auth);
	PROMISE(!label.user[0] || strcmp(label.user, user) == 0);
	PROMISE(!label.auth[0] || strcmp(label.auth, auth) == 0);
	check_written(&label);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = {bytes, size};
	char *first = fuzz_part(&input), *second = fuzz_part(&input);

	check_read(first);
	check_set(first, second);
	free(first);
	free(second);
	return 0;
}
