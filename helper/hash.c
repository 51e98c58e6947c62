/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

#include <nettle/sha2.h>

#include "hash.h"

#define RANDOM_SIZE 16 /* of what the kernel gives each program, see getauxval(3) */
#define WORDS       19 /* of the longest key; beyond it they begin anew */

/* The first one is added; the others are each word's. */
static uint64_t factors[1 + WORDS];
_Static_assert(sizeof(factors) % SHA256_DIGEST_SIZE == 0, "they are whole digests");

/* No call that can fail or wait. The random bytes have other uses, from which they stay hidden. */
static void make_factors(void)
{
	// NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives addresses as numbers
	const uint8_t *random = (const uint8_t *)getauxval(AT_RANDOM);
	uint8_t *bytes = (uint8_t *)factors, number = 0;

	for (size_t at = 0; at < sizeof(factors); at += SHA256_DIGEST_SIZE, number++) {
		struct sha256_ctx hash;

		sha256_init(&hash);
		if (random)
			sha256_update(&hash, RANDOM_SIZE, random);
		sha256_update(&hash, sizeof(number), &number);
		sha256_digest(&hash, SHA256_DIGEST_SIZE, bytes + at);
	}
}

unsigned int hash_of(const void *key, size_t size)
{
	const uint8_t *bytes = key;
	uint64_t sum;

	if (factors[0] == 0)
		make_factors();
	sum = factors[0];
	for (size_t at = 0, i = 0; at < size; at += sizeof(uint32_t), i++) {
		uint32_t word = 0;

		memcpy(&word, bytes + at, size - at < sizeof(word) ? size - at : sizeof(word));
		sum += factors[1 + i % WORDS] * word;
	}
	return (unsigned int)(sum >> 32);
}
