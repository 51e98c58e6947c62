/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sysctls of ephemeral ports: a port that nothing is said of is not one, and one that is inside
 * the range and not reserved is. */
#include "fuzz.h"
#include "hostcheck.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = {bytes, size};
	char *range = fuzz_part(&input), *reserved = fuzz_part(&input);
	unsigned int low, high;
	bool is_ephemeral = hostcheck_is_ephemeral(range, reserved, 60000, 61000);

	if (sscanf(range, "%u %u", &low, &high) != 2)
		PROMISE(is_ephemeral);
	else if (low > 61000 || high < 60000)
		PROMISE(!is_ephemeral);
	else if (low <= high && !reserved[0])
		PROMISE(is_ephemeral);
	if (!is_ephemeral)
		PROMISE(!hostcheck_is_ephemeral(range, reserved, 60500, 60500));
	free(range);
	free(reserved);
	return 0;
}
