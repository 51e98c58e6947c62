/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "contents.h"
#include "fd.h"
#include "firewall_part.h"
#include "log.h"
#include "script.h"

/* Ways to have the table: the first that the kernel and libnftables take is it. A table that is
 * there cannot become exclusive or cease to be, nor can one that somebody put to sleep (dormant)
 * get a base chain, or a set another definition: so it may have to be made anew, with the elements
 * that it had, in the same transaction. */
static const struct way {
	const char *remove; /* how the table that is there is taken, to remove it; null: it stays */
	const char *flags;  /* null: there are no more ways */
	bool is_exclusive;
	bool is_new; /* it is not there: to clear it all the same makes the kernel wait 10 ms */
} exclusive_ways[] = {{NULL, EXCLUSIVE, true, true}, {NULL, EXCLUSIVE, true, false},
	{"", EXCLUSIVE, true, false}, {EXCLUSIVE, EXCLUSIVE, true, false}, {NULL, "", false, false},
	{"", "", false, false}, {.flags = NULL}},
  plain_ways[] = {{NULL, "", false, true}, {NULL, "", false, false}, {"", "", false, false},
	  {EXCLUSIVE, "", false, false}, {.flags = NULL}};

/* What is to be installed, and what the table had when that began. */
struct installing {
	const struct config *config;
	const struct plan *plan;
	struct elements elements;
	bool is_anew; /* nothing else of the table that is there may stay */
};

static int install(
	struct firewall *firewall, const struct way *way, const struct installing *installing)
{
	const struct elements *elements = &installing->elements;
	const char *table = firewall->table;
	struct nftables_script script;
	int result;

	nftables_begin(&script);
	if (way->remove)
		fprintf(script.file, "add table inet %s%s\ndelete table inet %s\n", table,
			way->remove, table);
	fprintf(script.file, "%s table inet %s%s\n", way->is_new ? "create" : "add", table,
		way->flags);
	script_sets(script.file, table);
	for (size_t i = 0; way->remove && i < elements->count; i++)
		script_element(
			script.file, installing->config, &elements->items[i], clock_awake_ms());
	if (!way->is_new)
		script_clear(script.file, table);
	script_guard(script.file, installing->config, !firewall->is_without_fib);
	script_plan(script.file, table, installing->plan, way->is_new);
	result = nftables_run(&firewall->nft, &script);
	if (result == 0)
		firewall->is_exclusive = way->is_exclusive;
	return result;
}

/* Others fail also where nothing is wrong, with an old libnftables by what it calls their syntax:
 * what it says of this one is what people are to read. */
static bool is_telling(const struct way *way)
{
	return !way->remove && !way->is_new && way->flags[0] == '\0';
}

static int try_ways(
	struct firewall *firewall, const struct way *ways, const struct installing *installing)
{
	char error[sizeof(firewall->nft.error)] = "";
	int result = -EIO;

	for (; ways->flags && result < 0; ways++) {
		if (installing->is_anew && !ways->remove)
			continue;
		result = install(firewall, ways, installing);
		if (result < 0 && is_telling(ways))
			strcpy(error, firewall->nft.error);
	}
	if (result < 0 && error[0])
		strcpy(firewall->nft.error, error);
	return result;
}

/* A chain of somebody else's in our table goes on dropping or accepting, whatever ours do. */
static bool has_others(const struct firewall *firewall, const struct config *config)
{
	uint32_t count;

	return contents_count(firewall->table, &count) == 0 && count != script_contents(config);
}

static int read_and_try(
	struct firewall *firewall, const struct way *ways, struct installing *installing)
{
	auto_free void *items = NULL;
	int result = elements_read(firewall->sets, &installing->elements);

	items = installing->elements.items;
	if (result == 0)
		result = try_ways(firewall, ways, installing);
	installing->elements = (struct elements){0};
	return result;
}

/* If there is no table there is nothing to be read, nor of others. */
static int make(struct firewall *firewall, const struct config *config, const struct plan *plan)
{
	const struct way *ways = config->firewall.is_exclusive ? exclusive_ways : plain_ways;
	struct installing installing = {.config = config, .plan = plan};
	int result = install(firewall, &ways[0], &installing);

	if (result == 0)
		return 0;
	result = read_and_try(firewall, ways + 1, &installing);
	if (result < 0 || !has_others(firewall, config))
		return result;
	installing.is_anew = true;
	return read_and_try(firewall, ways + 1, &installing);
}

/* A kernel may be without the module nft_fib_inet. What else is refused is refused again. */
int firewall_make(struct firewall *firewall, const struct config *config, const struct plan *plan)
{
	int result = make(firewall, config, plan);

	if (result == 0)
		return 0;
	firewall->is_without_fib = true;
	result = make(firewall, config, plan);
	firewall->is_without_fib = false;
	if (result < 0 || firewall->is_fib_told)
		return result;
	firewall->is_fib_told = true;
	log_warning(
		"nftables takes the guard only without fib (the module nft_fib_inet): this host's "
		"users can send to mosh-servers over IPv6 in a client's name");
	return 0;
}
