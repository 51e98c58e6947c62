/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "pending.h"
#include "script.h"

static void write_key(FILE *file, const struct change *change)
{
	char client[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE];

	if (!plan_is_port(change))
		fprintf(file, "%s . %s . ", address_format(&change->key.client, client),
			address_format(&change->key.server, server));
	fprintf(file, "%u", change->key.port);
}

/* A ruleset that was saved is refused as a whole if an element has more left than its timeout, as
 * it would have after a packet. So its timeout is what a packet gives it. */
static void write_timeout(FILE *file, uint32_t left_s, uint32_t renewed_s)
{
	if (renewed_s > left_s)
		fprintf(file, " timeout %us expires %us", renewed_s, left_s);
	else
		fprintf(file, " timeout %us", left_s);
}

/* One command: the verb with those elements of the set that the plan's changes of that kind have.
 */
struct list {
	const char *table, *verb, *set;
	enum change_kind kind;
};

static void write_list(FILE *file, const struct plan *plan, const struct list *list)
{
	bool is_first = true;

	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->changes[i];

		if (change->kind != list->kind || strcmp(plan_set(change), list->set) != 0)
			continue;
		if (is_first)
			fprintf(file, "%s element inet %s %s {", list->verb, list->table,
				list->set);
		else
			fputc(',', file);
		is_first = false;
		fputc(' ', file);
		write_key(file, change);
		if (change->timeout_s > 0) {
			write_timeout(file, change->timeout_s, change->renewed_s);
			fprintf(file, " comment \"%s\"", change->comment);
		}
	}
	if (!is_first)
		fputs(" }\n", file);
}

/* Of a table that is new only what is to be there in the end: there is nothing to be deleted. */
static void write_verbs(FILE *file, const struct plan *plan, struct list list, bool is_new)
{
	const enum plan_verb *verbs = plan_verbs(list.kind);

	for (size_t i = 0; i < PLAN_VERBS && verbs[i] != VERB_NONE; i++) {
		bool is_last = i + 1 == PLAN_VERBS || verbs[i + 1] == VERB_NONE;

		if (is_new && (!is_last || verbs[i] == VERB_DELETE))
			continue;
		list.verb = verbs[i] == VERB_ADD ? "add" : "delete";
		write_list(file, plan, &list);
	}
}

void script_plan(FILE *file, const char *table, const struct plan *plan, bool is_new)
{
	static const char *const sets[] = {"grants4", "grants6", "servers"};

	for (enum change_kind kind = CHANGE_SHUT; kind < CHANGE_LAPSED; kind++)
		for (size_t set = 0; set < sizeof(sets) / sizeof(sets[0]); set++)
			write_verbs(
				file, plan, (struct list){table, NULL, sets[set], kind}, is_new);
}

/* "ip saddr . ip daddr . udp dport" or, with a shorter prefix, "ip saddr & 255.255.255.0 . ...". */
static void write_tuple(FILE *file, const struct config *config, uint8_t family)
{
	const char *protocol = family == 4 ? "ip" : "ip6";
	char text[ADDRESS_TEXT_SIZE];
	struct address mask = {.family = family};
	unsigned int prefix = config_prefix(config, &mask);

	fprintf(file, "%s saddr", protocol);
	if (prefix != (family == 4 ? 32 : 128)) {
		memset(mask.bytes, 0xff, family == 4 ? 4 : 16);
		mask = address_mask(&mask, prefix);
		fprintf(file, " & %s", address_format(&mask, text));
	}
	fprintf(file, " . %s daddr . udp dport", protocol);
}

static void write_rule(FILE *file, const struct config *config, uint8_t family)
{
	fprintf(file, "add rule inet %s guard ", config->firewall.table);
	write_tuple(file, config, family);
	fprintf(file, " @grants%u update @grants%u { ", family, family);
	write_tuple(file, config, family);
	fprintf(file, " timeout %us }", config->gate.idle_s);
	if (config->firewall.accept_mark != 0)
		fprintf(file, " meta mark set 0x%x", config->firewall.accept_mark);
	fputs(" accept\n", file);
}

/* Nothing is added to servers by packets, but a set of ports that is not dynamic is a bitmap to the
 * kernel, in which it looks for the ports that come and go one after the other. */
void script_sets(FILE *file, const char *table)
{
	fprintf(file,
		"add set inet %s grants4 { type ipv4_addr . ipv4_addr . inet_service;"
		" flags dynamic,timeout; size 65535; counter; }\n"
		"add set inet %s grants6 { type ipv6_addr . ipv6_addr . inet_service;"
		" flags dynamic,timeout; size 65535; counter; }\n"
		"add set inet %s servers { type inet_service; flags dynamic; size 65535; }\n"
		"flush set inet %s servers\n",
		table, table, table, table);
}

static void write_drop(FILE *file, const struct config *config, const char *match)
{
	const char *table = config->firewall.table;

	if (config->firewall.is_logging_drops)
		fprintf(file,
			"add rule inet %s guard %slimit rate 10/minute log prefix \"moshgate drop "
			"\"\n",
			table, match);
	fprintf(file, "add rule inet %s guard %scounter drop\n", table, match);
}

/* Added in any case, since one that is not there cannot be deleted. */
static void write_pending_set(FILE *file, const struct config *config, uint8_t family)
{
	const char *table = config->firewall.table;

	fprintf(file,
		"add set inet %s pending%u { type ipv%u_addr . ipv%u_addr . inet_service;"
		" flags dynamic,timeout; size %u; counter; }\n",
		table, family, family, family, PENDING_MAX);
	if (!config->gate.is_pending)
		fprintf(file, "delete set inet %s pending%u\n", table, family);
}

/* Who knocks on a server's port and may not reach it. Where the set is full the rule ends there;
 * the packet is dropped by the next one in any case. */
static void write_pending_rule(FILE *file, const struct config *config, uint8_t family)
{
	if (!config->gate.is_pending)
		return;
	fprintf(file, "add rule inet %s guard udp dport @servers update @pending%u { ",
		config->firewall.table, family);
	write_tuple(file, config, family);
	fprintf(file, " timeout %us }\n", PENDING_KEEP_S);
}

void script_clear(FILE *file, const char *table)
{
	static const char *const chains[] = {"input", "guard"};

	for (size_t i = 0; i < 2; i++)
		fprintf(file,
			"add chain inet %s %s\n"
			"flush chain inet %s %s\n",
			table, chains[i], table, chains[i]);
	fprintf(file, "delete chain inet %s input\n", table);
}

/* Any user may send over IPv6 from whatever address he likes, and to the host itself, too. Of a
 * link-local one the kernel looks on the loopback alone whether it is the host's. */
static void write_forged(FILE *file, const char *table)
{
	fprintf(file,
		"add rule inet %s guard ip6 saddr != fe80::/10 meta iiftype loopback"
		" fib saddr type != local counter drop\n",
		table);
}

/* Without connection tracking IPv6 fragments pass as they came. The first is to have all headers
 * (RFC 8200, 4.5); of one that has not nobody can tell here where it goes, but the kernel can once
 * they are put together. */
static void write_fragments(FILE *file, const struct config *config)
{
	const char *table = config->firewall.table;

	fprintf(file,
		"add rule inet %s input meta l4proto != udp accept\n"
		"add rule inet %s input udp dport != %u-%u accept\n"
		"add rule inet %s input frag frag-off 0 counter drop\n",
		table, table, config->gate.first_port, config->gate.last_port, table);
}

/* The jump stands behind the guard's rules: nobody passes one that is not yet whole. */
void script_guard(FILE *file, const struct config *config, bool has_fib)
{
	const char *table = config->firewall.table;

	fprintf(file,
		"add chain inet %s guard\n"
		"add chain inet %s input { type filter hook input priority %d; policy accept; }\n",
		table, table, config->firewall.priority);
	write_pending_set(file, config, 4);
	write_pending_set(file, config, 6);
	if (has_fib)
		write_forged(file, table);
	write_rule(file, config, 4);
	write_rule(file, config, 6);
	write_pending_rule(file, config, 4);
	write_pending_rule(file, config, 6);
	write_drop(file, config, "udp dport @servers ");
	if (config->firewall.is_conntrack)
		fprintf(file, "add rule inet %s guard ct direction reply accept\n", table);
	write_drop(file, config, "");
	fprintf(file, "add rule inet %s input udp dport %u-%u jump guard\n", table,
		config->gate.first_port, config->gate.last_port);
	if (!config->firewall.is_conntrack)
		write_fragments(file, config);
}

unsigned int script_contents(const struct config *config)
{
	return config->gate.is_pending ? 7 : 5;
}

/* What looks an element up and then updates it counts each packet twice. */
#define COUNTED_TIMES 2

/* An element as the kernel has it, into a table that is made anew; with its counters, which are not
 * to begin anew. */
void script_element(
	FILE *file, const struct config *config, const struct element *element, uint64_t awake_ms)
{
	struct change change = {.kind = CHANGE_OPEN, .key = element->key};
	uint64_t expires_ms = element->use.expires_ms;

	fprintf(file, "add element inet %s %s { ", config->firewall.table, plan_set(&change));
	write_key(file, &change);
	fprintf(file, " counter packets %llu bytes %llu",
		(unsigned long long)element->use.packets * COUNTED_TIMES,
		(unsigned long long)element->use.bytes * COUNTED_TIMES);
	if (expires_ms != UINT64_MAX)
		write_timeout(file,
			expires_ms > awake_ms ? (uint32_t)((expires_ms - awake_ms + 999) / 1000)
					      : 1,
			config->gate.idle_s);
	if (label_read(element->comment, &(struct label){0}) == 0)
		fprintf(file, " comment \"%s\"", element->comment);
	fputs(" }\n", file);
}
