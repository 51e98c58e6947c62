/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's sets and its notices of changes: an element has addresses of a family and a comment
 * with an end, and none is ours that has not our table's name. */
#include "elements.h"
#include "fuzz_netlink.h"
#include "fuzz_nftnl.h"

#define TABLE "moshgate"

static bool is_named; /* is our table's name anywhere in the input? */

static void check_element(const struct element *element, void *context)
{
	const struct grant_key *key = &element->key;

	(void)context;
	PROMISE(is_named);
	PROMISE(memchr(element->comment, '\0', sizeof(element->comment)));
	PROMISE((key->client.family == 0) == (key->server.family == 0)); /* of a port alone */
	PROMISE(fuzz_longest_key >= (key->client.family == 0 ? 2 : 4 + 4 + 2));
	PROMISE(element->use.packets <= UINT64_MAX / 2 && element->use.bytes <= UINT64_MAX / 2);
}

static void check_elements(struct elements *elements)
{
	for (size_t i = 0; i < elements->count; i++)
		check_element(&elements->items[i], NULL);
	free(elements->items);
}

static void read_grants(struct kernel_sets *sets)
{
	struct elements elements = {0};

	PROMISE(elements_read(sets, &elements) <= 0);
	check_elements(&elements);
}

static void read_ports(struct kernel_sets *sets)
{
	struct elements elements = {0};

	PROMISE(elements_read_ports(sets, &elements) <= 0);
	check_elements(&elements);
}

static void get_grant(struct kernel_sets *sets)
{
	const struct grant_key key = {{4, {192, 0, 2, 1}}, {4, {192, 0, 2, 7}}, 60001};
	struct element element;

	if (elements_get(sets, &key, &element) == 0)
		check_element(&element, NULL);
}

static void read_notices(struct kernel_sets *sets)
{
	bool is_touched = false;

	PROMISE(elements_read_notices(sets, check_element, NULL, &is_touched) <= 0);
	PROMISE(!is_touched || is_named);
}

/* What comes from the port that was learned is not somebody else's. */
static void learn_port(struct kernel_sets *sets)
{
	const struct fuzz_input all = fuzz_datagrams;
	bool is_touched = false;

	if (elements_learn_port(sets, check_element, NULL, &is_touched) < 0 || is_touched)
		return;
	fuzz_datagrams = all;
	PROMISE(elements_read_notices(sets, check_element, NULL, &is_touched) == 0);
	PROMISE(!is_touched);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static void (*const calls[])(struct kernel_sets *) = {
		['g' & 7] = read_grants,
		['p' & 7] = read_ports,
		['e' & 7] = get_grant,
		['n' & 7] = read_notices,
		['l' & 7] = learn_port,
	};
	struct kernel_sets *sets;
	unsigned int call;

	is_named = size > 0 && memmem(bytes, size, TABLE, sizeof(TABLE));
	fuzz_datagrams = (struct fuzz_input){bytes, size};
	fuzz_longest_key = 0;
	call = fuzz_byte(&fuzz_datagrams) & 7;
	if (call >= sizeof(calls) / sizeof(calls[0]) || !calls[call])
		return 0;
	PROMISE(elements_open(TABLE, &sets) == 0);
	calls[call](sets);
	elements_close(sets);
	return 0;
}
