/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PAM_RHOST and what people select by: an address that is taken is in its one form, and its text is
 * an address that is equal. */
#include <errno.h>

#include "address.h"
#include "fuzz.h"

static void check_taken(const struct address *address)
{
	static const uint8_t zero[12], mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct address again = {0};
	char text[ADDRESS_TEXT_SIZE];

	PROMISE(address->family == 4 || address->family == 6);
	if (address->family == 4)
		PROMISE(memcmp(address->bytes + 4, zero, sizeof(zero)) == 0);
	else
		PROMISE(memcmp(address->bytes, mapped, sizeof(mapped)) != 0);
	PROMISE(address_parse(address_format(address, text), &again) == 0);
	PROMISE(address_equal(address, &again));
}

static void check_masked(const struct address *address, unsigned int prefix)
{
	const unsigned int bits = address->family == 4 ? 32 : 128;
	struct address masked = address_mask(address, prefix % (bits + 1));

	PROMISE(masked.family == address->family);
	for (unsigned int i = 0; i < bits; i++) {
		unsigned int bit = 0x80u >> i % 8, kept = i < prefix % (bits + 1) ? bit : 0;

		PROMISE((masked.bytes[i / 8] & bit) == (address->bytes[i / 8] & kept));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct address address = {.family = 0x5a};
	char *text = fuzz_text(bytes, size);
	int error = address_parse(text, &address);

	if (error < 0) {
		PROMISE(error == -EINVAL && address.family == 0x5a);
	} else {
		check_taken(&address);
		check_masked(&address, (unsigned int)size);
	}
	free(text);
	return 0;
}
