/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's rules: nothing is told of a guard that was not read to its end. */
#include "drops.h"
#include "fuzz_netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct drops none = {0};
	struct drops drops = none;
	int error;

	fuzz_datagrams = (struct fuzz_input){bytes, size};
	fuzz_byte(&fuzz_datagrams);
	error = drops_read("moshgate", &drops);
	PROMISE(error <= 0);
	PROMISE(error == 0 || memcmp(&drops, &none, sizeof(none)) == 0);
	PROMISE(error != 0 || memmem(bytes, size, "counter", sizeof("counter")));
	return 0;
}
