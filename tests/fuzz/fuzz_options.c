/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words behind the module's name, one a line: what is taken is in range, what is refused
 * changes nothing and is one of them. */
#include <errno.h>

#include "fuzz.h"
#include "options.h"

#define WORDS_MAX 8

static bool is_word(const char *word, int count, const char **words)
{
	for (int i = 0; i < count; i++)
		if (words[i] == word)
			return true;
	return false;
}

static void check(int count, const char **words)
{
	const struct options before = {"unchanged", -1, false};
	struct options options = before;
	const char *bad = NULL;
	int error = options_parse(count, words, &options, &bad);

	if (error == 0) {
		PROMISE(options.timeout_ms >= OPTIONS_TIMEOUT_MS_MIN);
		PROMISE(options.timeout_ms <= OPTIONS_TIMEOUT_MS_MAX);
		PROMISE(options.socket[0] == '/' && strlen(options.socket) < 108);
		return;
	}
	PROMISE(error == -EINVAL && is_word(bad, count, words));
	PROMISE(options.socket == before.socket && options.timeout_ms == -1 && !options.is_debug);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *words[WORDS_MAX], *text = fuzz_text(bytes, size), *rest = NULL;
	int count = 0;

	for (char *word = strtok_r(text, "\n", &rest); word && count < WORDS_MAX;
		word = strtok_r(NULL, "\n", &rest))
		words[count++] = fuzz_text((const uint8_t *)word, strlen(word));
	check(count, (const char **)words);
	while (count > 0)
		free(words[--count]);
	free(text);
	return 0;
}
