/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's answer about our table: nothing is told of one that was not read to its end. */
#include "contents.h"
#include "fuzz_netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint32_t count = UINT32_MAX - 7;
	int error;

	fuzz_datagrams = (struct fuzz_input){bytes, size};
	fuzz_byte(&fuzz_datagrams);
	error = contents_count("moshgate", &count);
	PROMISE(error <= 0);
	PROMISE(error == 0 || count == UINT32_MAX - 7);
	return 0;
}
