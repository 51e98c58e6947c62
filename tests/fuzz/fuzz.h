/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzz target is a program of one function, which libFuzzer calls with bytes of its own making:
 * whatever they are, what the function promises has to hold. Without libFuzzer replay.c calls it
 * with each seed.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* As assert(), with NDEBUG too. */
#define PROMISE(claim) ((claim) ? (void)0 : fuzz_broken(#claim, __FILE__, __LINE__))

_Noreturn static inline void fuzz_broken(const char *claim, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, claim);
	abort();
}

/* What of the bytes is not used yet. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* One that says it is there when it is not would hide a bug, so there are zeros behind the end. */
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* The bytes as text: with a NUL behind them, in memory that ends there, so that ASan sees the first
 * byte read too far. The caller's to free. */
static inline char *fuzz_text(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	PROMISE(text);
	if (size > 0)
		memcpy(text, bytes, size);
	text[size] = '\0';
	return text;
}

/* The text up to a line "%", which parts the texts of one input; the caller's to free. */
static inline char *fuzz_part(struct fuzz_input *input)
{
	static const char line[] = "\n%\n";
	const size_t length = sizeof(line) - 1;
	const uint8_t *end = input->left ? memmem(input->at, input->left, line, length) : NULL;
	size_t size = end ? (size_t)(end - input->at) : input->left;
	char *text = fuzz_text(input->at, size);

	if (end)
		size += length;
	input->at += size;
	input->left -= size;
	return text;
}

#endif
