/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft's JSON: what is found is a chain of the text, and neither our own table's nor of a family
 * that UDP does not pass. */
#include <errno.h>

#include "fuzz.h"
#include "ruleset.h"

static const struct ruleset_question question = {
	.table = "moshgate",
	.priority = -10,
	.first_port = 60000,
	.last_port = 61000,
	.mark = 7,
};

static void found(const struct ruleset_obstacle *obstacle, void *context)
{
	const char *family = obstacle->family;

	PROMISE(strcmp(family, "inet") == 0 || strcmp(family, "ip") == 0 ||
		strcmp(family, "ip6") == 0);
	PROMISE(strcmp(family, "inet") != 0 || strcmp(obstacle->table, question.table) != 0);
	PROMISE(strlen(obstacle->chain) < *(size_t *)context);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *json = fuzz_text(bytes, size);
	int error = ruleset_find_obstacles(json, &question, found, &size);

	PROMISE(error == 0 || error == -EPROTO);
	free(json);
	return 0;
}
