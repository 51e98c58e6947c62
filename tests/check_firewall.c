/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <netdb.h>

#include "check_nft.h"
#include "clock.h"
#include "firewall.h"

#define CHANGES_MAX 4

/* All that nft may be told, whatever users are called. */
#define ALLOWED "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;{}@&=!%_+/\"\n-"

static struct config config;
static struct firewall *firewall;
static struct elements elements;
static struct grant grants[CHANGES_MAX];
static struct change changes[CHANGES_MAX];
static struct plan plan;
static size_t command_count;

static bool is_allowed(const char *commands)
{
	bool is_quoted = false;

	for (const char *c = commands; *c; c++) {
		if (*c == '"')
			is_quoted = !is_quoted;
		if (!strchr(ALLOWED, *c) || (is_quoted && strchr(";{}\n", *c)))
			return false;
	}
	return !is_quoted;
}

static bool is_without_fib; /* a kernel that lacks that expression */

/* Stands before the library's own: all that it is told passes here. */
int nft_run_cmd_from_buffer(struct nft_ctx *nft, const char *buffer)
{
	int (*run)(struct nft_ctx * nft, const char *buffer);

	*(void **)&run = dlsym(RTLD_NEXT, "nft_run_cmd_from_buffer");
	ck_assert_msg(is_allowed(buffer), "%s", buffer);
	command_count++;
	return is_without_fib && strstr(buffer, " fib ") ? -1 : run(nft, buffer);
}

static bool is_asked; /* the C library, for a name */

struct protoent *getprotobynumber(int number)
{
	(void)number;
	is_asked = true;
	return NULL;
}

static void begin(void)
{
	kernel_fresh();
	config_defaults(&config);
	config.gate.idle_s = 86400;
	elements = (struct elements){0};
	plan = (struct plan){.changes = changes};
	ck_assert_int_eq(firewall_open(&config, &firewall), 0);
}

static void install(void)
{
	struct plan nothing = {0};

	ck_assert_int_eq(firewall_install(firewall, &config, &nothing), 0);
}

static void begin_installed(void)
{
	begin();
	install();
}

static void finish(void)
{
	free(elements.items);
	firewall_close(firewall);
}

static const struct element *read_one(const struct change *change)
{
	elements.count = 0;
	ck_assert_int_eq(firewall_read(firewall, &elements), 0);
	return nft_find(&elements, &change->key);
}

static struct change *add_change(
	enum change_kind kind, const char *client, const char *server, uint16_t port)
{
	struct change *change = &changes[plan.count];

	memset(change, 0, sizeof(*change));
	change->kind = kind;
	change->grant = &grants[plan.count++];
	if (client)
		change->key = nft_key(client, server, port);
	change->key.port = port;
	if (kind == CHANGE_OPEN) {
		change->timeout_s = 120;
		strcpy(change->comment, "1 u=3e8 c=1 s=5 v=l n=alice");
	}
	return change;
}

static int apply(void)
{
	int result = firewall_apply(firewall, &plan);

	plan.count = 0;
	return result;
}

static struct change *open_one(const char *client, const char *server, uint16_t port)
{
	struct change *change = add_change(CHANGE_OPEN, client, server, port);

	ck_assert_int_eq(apply(), 0);
	ck_assert_ptr_nonnull(read_one(change));
	return change;
}

static const char *const sets_text = "	set grants4 {\n"
				     "		type ipv4_addr . ipv4_addr . inet_service\n"
				     "		size 65535\n"
				     "		flags dynamic,timeout\n"
				     "		counter\n"
				     "	}\n"
				     "\n"
				     "	set grants6 {\n"
				     "		type ipv6_addr . ipv6_addr . inet_service\n"
				     "		size 65535\n"
				     "		flags dynamic,timeout\n"
				     "		counter\n"
				     "	}\n"
				     "\n"
				     "	set servers {\n"
				     "		type inet_service\n"
				     "		size 65535\n"
				     "		flags dynamic\n"
				     "	}\n"
				     "\n";

/* Newer nft says what the kernel's default is. */
static void drop_burst(char *line)
{
	char *burst = strstr(line, " burst 5 packets");

	if (burst)
		memmove(burst, burst + 16, strlen(burst + 16) + 1);
}

/* The design's section 4, as nft lists it; line by line, to see where it differs. */
static void check_ruleset(const char *rules)
{
	char expected[4096], *listed = nft_ask("list ruleset"), *rest = NULL, *wanted_rest = NULL;
	char *line, *wanted;

	snprintf(expected, sizeof(expected), "table inet %s {\n%s%s}\n", config.firewall.table,
		sets_text, rules);
	line = strtok_r(listed, "\n", &rest);
	wanted = strtok_r(expected, "\n", &wanted_rest);
	while (line && wanted) {
		drop_burst(line);
		ck_assert_str_eq(line, wanted);
		line = strtok_r(NULL, "\n", &rest);
		wanted = strtok_r(NULL, "\n", &wanted_rest);
	}
	ck_assert_ptr_null(line);
	ck_assert_ptr_null(wanted);
	free(listed);
}

#define FORGED_RULE                                                                                \
	"		ip6 saddr != fe80::/10 meta iiftype loopback fib saddr type != local "                  \
	"counter drop\n"

static const char default_rules[] =
	"	chain guard {\n" FORGED_RULE
	"		ip saddr . ip daddr . udp dport @grants4 update @grants4 { ip saddr . ip "
	"daddr . udp "
	"dport timeout 1d } accept\n"
	"		ip6 saddr . ip6 daddr . udp dport @grants6 update @grants6 { ip6 saddr . "
	"ip6 daddr . "
	"udp dport timeout 1d } accept\n"
	"		udp dport @servers counter drop\n"
	"		ct direction reply accept\n"
	"		counter drop\n"
	"	}\n"
	"\n"
	"	chain input {\n"
	"		type filter hook input priority filter - 10; policy accept;\n"
	"		udp dport 60000-61000 jump guard\n"
	"	}\n";

START_TEST(firewall_installs)
{
	begin_installed();
	check_ruleset(default_rules);
	install();
	check_ruleset(default_rules);
	finish();
}
END_TEST

START_TEST(firewall_installs_all_options)
{
	begin();
	firewall_close(firewall);
	strcpy(config.firewall.table, "my-table_1");
	config.firewall.priority = 20;
	config.firewall.accept_mark = 0x10;
	config.firewall.is_conntrack = false;
	config.firewall.is_logging_drops = true;
	config.gate.first_port = 50000;
	config.gate.last_port = 50010;
	config.gate.prefix4 = 25;
	config.gate.prefix6 = 60;
	config.gate.idle_s = 90;
	ck_assert_int_eq(firewall_open(&config, &firewall), 0);
	install();
	check_ruleset(
		"	chain guard {\n" FORGED_RULE
		"		ip saddr & 255.255.255.128 . ip daddr . udp dport @grants4 update "
		"@grants4 { ip "
		"saddr & 255.255.255.128 . ip daddr . udp dport timeout 1m30s } meta mark set "
		"0x00000010 accept\n"
		"		ip6 saddr & ffff:ffff:ffff:fff0:: . ip6 daddr . udp dport @grants6 "
		"update "
		"@grants6 { ip6 saddr & ffff:ffff:ffff:fff0:: . ip6 daddr . udp dport timeout "
		"1m30s } "
		"meta mark set 0x00000010 accept\n"
		"		udp dport @servers limit rate 10/minute log prefix "
		"\"moshgate "
		"drop \"\n"
		"		udp dport @servers counter drop\n"
		"		limit rate 10/minute log prefix \"moshgate drop "
		"\"\n"
		"		counter drop\n"
		"	}\n"
		"\n"
		"	chain input {\n"
		"		type filter hook input priority 20; policy accept;\n"
		"		udp dport 50000-50010 jump guard\n"
		"		meta l4proto != 17 accept\n"
		"		udp dport != 50000-50010 accept\n"
		"		frag frag-off 0 counter drop\n"
		"	}\n");
	finish();
}
END_TEST

/* The guard is as good as that kernel has it; what is refused for another reason is refused. */
START_TEST(firewall_without_fib)
{
	char rules[sizeof(default_rules)], *forged;

	begin();
	strcpy(rules, default_rules);
	forged = strstr(rules, FORGED_RULE);
	memmove(forged, forged + strlen(FORGED_RULE), strlen(forged + strlen(FORGED_RULE)) + 1);
	is_without_fib = true;
	install();
	check_ruleset(rules);
	install();
	check_ruleset(rules);
	is_without_fib = false; /* it was for another reason */
	install();
	check_ruleset(default_rules);
	finish();
}
END_TEST

/* What somebody did to the guard is gone after installing, what is granted stays. */
static const char *const damages[] = {
	"flush chain inet moshgate input",
	"flush chain inet moshgate guard",
	"insert rule inet moshgate guard accept",
	"insert rule inet moshgate input accept",
	"add rule inet moshgate guard accept",
	"flush chain inet moshgate input\ndelete chain inet moshgate input",
	("flush chain inet moshgate input\ndelete chain inet moshgate input\n"
	 "add chain inet moshgate input { type filter hook input priority 50; policy accept; }"),
	"add chain inet moshgate input { policy drop; }",
	"add element inet moshgate servers { 60009 }",
	"add chain inet moshgate x { type filter hook input priority -5; policy drop; }",
	("add set inet moshgate y { type ipv4_addr; }\n"
	 "add chain inet moshgate x\nadd rule inet moshgate x jump guard"),
	"add table inet moshgate { flags dormant; }",
	("add table inet moshgate { flags dormant; }\n"
	 "flush chain inet moshgate input\ndelete chain inet moshgate input"),
};

START_TEST(firewall_repairs)
{
	struct change *change;

	begin_installed();
	change = open_one(CLIENT4, SERVER4, 60001);
	nft_run(damages[_i]);
	install();
	change = read_one(change) ? change : NULL;
	ck_assert_ptr_nonnull(change);
	ck_assert_str_eq(read_one(change)->comment, change->comment);
	nft_run("flush set inet moshgate grants4");
	check_ruleset(default_rules);
	finish();
}
END_TEST

/* What was counted is not counted from nothing. */
START_TEST(firewall_makes_anew)
{
	const struct element *element;
	struct change change = {.key = nft_key(CLIENT4, SERVER4, 60001)};

	begin_installed();
	nft_run("add element inet moshgate grants4 { 127.0.0.5 . 127.0.0.7 . 60001"
		" counter packets 6 bytes 600 timeout 100s comment \"1 u=3e8 c=1 s=5 v=l\" }\n"
		"add table inet moshgate { flags dormant; }");
	install();
	element = read_one(&change);
	ck_assert_ptr_nonnull(element);
	ck_assert_str_eq(element->comment, "1 u=3e8 c=1 s=5 v=l");
	ck_assert_uint_eq(element->use.packets, 3);
	ck_assert_uint_eq(element->use.bytes, 300);
	ck_assert_uint_le(element->use.expires_ms, clock_awake_ms() + 100000);
	ck_assert_uint_gt(element->use.expires_ms, clock_awake_ms() + 90000);
	finish();
}
END_TEST

/* A set that is not as ours cannot be changed, nor can the table be used with it. */
static const char *const other_sets[] = {
	"add set inet moshgate grants4 { type ipv4_addr . ipv4_addr . inet_service;"
	" flags dynamic,timeout; size 65535; }",
	"add set inet moshgate grants4 { type ipv4_addr . ipv4_addr . inet_service;"
	" flags dynamic,timeout; size 10; counter; }",
	"add set inet moshgate servers { type inet_service; flags interval; }",
	("add set inet moshgate grants4 { type ipv4_addr; }\n"
	 "add element inet moshgate grants4 { 203.0.113.5 }"),
};

START_TEST(firewall_replaces_sets)
{
	begin();
	nft_run("add table inet moshgate");
	nft_run(other_sets[_i]);
	install();
	check_ruleset(default_rules);
	finish();
}
END_TEST

/* The kernel may tell of a port twice, while it makes a set smaller from which something was
 * deleted. */
static bool has_port(uint16_t port)
{
	char *listed = nft_ask("list set inet moshgate servers"), wanted[sizeof("60001")];
	bool has;

	snprintf(wanted, sizeof(wanted), "%u", port);
	has = strstr(listed, wanted) != NULL;
	free(listed);
	return has;
}

/* What cannot be done at all keeps neither the guard away nor what can be done. */
START_TEST(firewall_refuses_one)
{
	const struct grant_key mixed = nft_key(CLIENT4, SERVER6, 60001);

	begin_installed();
	open_one(CLIENT4, SERVER4, 60005);
	plan.count = 0;
	nft_run("flush chain inet moshgate guard");
	add_change(CHANGE_SHUT, CLIENT4, SERVER4, 60005);
	add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60002);
	add_change(CHANGE_RESTORE, CLIENT4, SERVER4, 60009)->key = mixed;
	add_change(CHANGE_PORT_OPEN, NULL, NULL, 60002);
	ck_assert_int_eq(firewall_install(firewall, &config, &plan), 0);
	ck_assert_int_eq(changes[0].error, 0);
	ck_assert(changes[0].is_counted);
	ck_assert_int_eq(changes[1].error, 0);
	ck_assert_int_eq(changes[3].error, 0);
	ck_assert_ptr_null(read_one(&changes[0]));
	ck_assert_ptr_nonnull(read_one(&changes[1]));
	ck_assert(has_port(60002));
	nft_run("flush set inet moshgate grants4");
	nft_run("flush set inet moshgate servers");
	check_ruleset(default_rules);
	finish();
}
END_TEST

/* Of all ways that were tried in vain the error is that of the one that should have worked. */
START_TEST(firewall_tells_why)
{
	begin_installed();
	strcpy(config.firewall.table, "another");
	ck_assert_int_eq(firewall_install(firewall, &config, &plan), -EIO);
	ck_assert_msg(strstr(firewall_error(firewall), "No such file") != NULL, "%s",
		firewall_error(firewall));
	finish();
}
END_TEST

/* After the whole ruleset was flushed, in one transaction with what has to be in it. */
START_TEST(firewall_installs_with_plan)
{
	struct change *change;

	begin_installed();
	nft_run("flush ruleset");
	change = add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60001);
	add_change(CHANGE_PORT_OPEN, NULL, NULL, 60001);
	command_count = 0;
	ck_assert_int_eq(firewall_install(firewall, &config, &plan), 0);
	ck_assert_uint_eq(command_count, 1);
	ck_assert_int_eq(change->error, 0);
	ck_assert_ptr_nonnull(read_one(change));
	finish();
}
END_TEST

static const struct {
	const char *client, *server;
} families[] = {{CLIENT4, SERVER4}, {CLIENT6, SERVER6}};

START_TEST(firewall_opens_and_shuts)
{
	const char *client = families[_i].client, *server = families[_i].server;
	struct change *change;
	const struct element *element;
	struct element got;

	begin_installed();
	change = open_one(client, server, 60001);
	element = read_one(change);
	ck_assert_uint_eq(elements.count, 1);
	ck_assert_str_eq(element->comment, change->comment);
	ck_assert_uint_le(element->use.expires_ms, clock_awake_ms() + 120000);
	ck_assert_uint_gt(element->use.expires_ms, clock_awake_ms() + 110000);
	ck_assert_int_eq(firewall_get(firewall, &change->key, &got), 0);
	ck_assert_str_eq(got.comment, change->comment);
	change = add_change(CHANGE_SHUT, client, server, 60001);
	ck_assert_int_eq(apply(), 0);
	ck_assert_int_eq(change->error, 0);
	ck_assert_ptr_null(read_one(change));
	ck_assert_int_eq(firewall_get(firewall, &change->key, &got), -ENOENT);
	/* What is not there is shut, too. */
	change = add_change(CHANGE_SHUT, client, server, 60001);
	ck_assert_int_eq(apply(), 0);
	ck_assert_int_eq(change->error, 0);
	ck_assert(!change->is_counted);
	ck_assert_ptr_null(read_one(change));
	finish();
}
END_TEST

START_TEST(firewall_ports)
{
	begin_installed();
	add_change(CHANGE_PORT_OPEN, NULL, NULL, 60001);
	add_change(CHANGE_PORT_OPEN, NULL, NULL, 60003);
	ck_assert_int_eq(apply(), 0);
	ck_assert(has_port(60001));
	ck_assert(has_port(60003));
	add_change(CHANGE_PORT_SHUT, NULL, NULL, 60001);
	add_change(CHANGE_PORT_SHUT, NULL, NULL, 60002);
	ck_assert_int_eq(apply(), 0);
	ck_assert(!has_port(60001));
	ck_assert(has_port(60003));
	finish();
}
END_TEST

/* A key that goes and comes in one plan ends up there, with the new one's label; and what the old
 * one counted is told. */
START_TEST(firewall_shuts_before_opening)
{
	struct change *open, *shut;

	begin_installed();
	nft_run("add element inet moshgate grants4 { 127.0.0.5 . 127.0.0.7 . 60001"
		" counter packets 6 bytes 600 timeout 100s comment \"old\" }");
	open = add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60001);
	shut = add_change(CHANGE_SHUT, CLIENT4, SERVER4, 60001);
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(read_one(open)->comment, open->comment);
	ck_assert_uint_eq(read_one(open)->use.packets, 0);
	ck_assert(shut->is_counted);
	ck_assert_uint_eq(shut->use.packets, 3);
	ck_assert_uint_eq(shut->use.bytes, 300);
	ck_assert(!open->is_counted);
	finish();
}
END_TEST

static const enum change_kind renewals[] = {CHANGE_SHORTEN, CHANGE_RESTORE};

/* In place of one that is there or not. */
START_TEST(firewall_renews)
{
	struct change *change;

	begin_installed();
	for (int again = 0; again < 2; again++) {
		change = add_change(renewals[_i], CLIENT4, SERVER4, 60001);
		change->timeout_s = 50;
		snprintf(change->comment, sizeof(change->comment), "%d u=3e8", again);
		ck_assert_int_eq(apply(), 0);
		ck_assert_int_eq(change->error, 0);
		ck_assert_str_eq(read_one(change)->comment, change->comment);
		ck_assert_uint_le(read_one(change)->use.expires_ms, clock_awake_ms() + 50000);
	}
	finish();
}
END_TEST

/* The plan: opens one of IPv4 and one of IPv6, shuts one of IPv4, opens a port. */
static void make_mixed_plan(void)
{
	open_one(CLIENT4, SERVER4, 60001);
	add_change(CHANGE_SHUT, CLIENT4, SERVER4, 60001);
	add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60002);
	add_change(CHANGE_OPEN, CLIENT6, SERVER6, 60003);
	add_change(CHANGE_PORT_OPEN, NULL, NULL, 60002);
}

START_TEST(firewall_refused)
{
	begin_installed();
	make_mixed_plan();
	nft_run("flush chain inet moshgate guard\ndelete set inet moshgate grants6");
	ck_assert_int_eq(apply(), -EIO);
	ck_assert_int_eq(changes[0].error, 0);
	ck_assert_int_eq(changes[1].error, 0);
	ck_assert_int_lt(changes[2].error, 0);
	ck_assert_int_eq(changes[3].error, 0);
	ck_assert_str_ne(firewall_error(firewall), "");
	ck_assert_ptr_null(strchr(firewall_error(firewall), '\n'));
	ck_assert_ptr_null(read_one(&changes[0]));
	ck_assert_ptr_nonnull(read_one(&changes[1]));
	ck_assert_ptr_null(read_one(&changes[2]));
	ck_assert(has_port(60002));
	finish();
}
END_TEST

/* An element that is there already, of somebody else, is not ours for having been added. */
START_TEST(firewall_refused_not_ours)
{
	begin_installed();
	nft_run("add element inet moshgate grants4 { 127.0.0.5 . 127.0.0.7 . 60001"
		" timeout 100s comment \"old\" }\n"
		"flush chain inet moshgate guard\ndelete set inet moshgate grants6");
	add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60001);
	add_change(CHANGE_OPEN, CLIENT6, SERVER6, 60001);
	ck_assert_int_eq(apply(), -EIO);
	ck_assert_int_lt(changes[0].error, 0);
	ck_assert_int_lt(changes[1].error, 0);
	ck_assert_str_eq(read_one(&changes[0])->comment, "old");
	finish();
}
END_TEST

/* Shut is what is not there; nothing else is done. */
START_TEST(firewall_refused_without_table)
{
	begin_installed();
	make_mixed_plan();
	nft_run("delete table inet moshgate");
	ck_assert_int_eq(apply(), -EIO);
	ck_assert_int_eq(changes[0].error, 0);
	ck_assert_int_lt(changes[1].error, 0);
	ck_assert_int_lt(changes[2].error, 0);
	ck_assert_int_lt(changes[3].error, 0);
	finish();
}
END_TEST

/* A set without room: what goes makes it, though it cannot in one transaction. */
START_TEST(firewall_refused_by_full_set)
{
	begin_installed();
	nft_run("flush chain inet moshgate guard\n"
		"delete set inet moshgate grants4\n"
		"add set inet moshgate grants4 { type ipv4_addr . ipv4_addr . inet_service;"
		" flags dynamic,timeout; size 2; counter; }\n");
	open_one(CLIENT4, SERVER4, 60001);
	open_one(CLIENT4, SERVER4, 60002);
	add_change(CHANGE_SHUT, CLIENT4, SERVER4, 60001);
	add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60003);
	add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60004);
	ck_assert_int_eq(apply(), -EIO);
	ck_assert_int_eq(changes[0].error, 0);
	ck_assert_int_eq(changes[1].error, 0);
	ck_assert_int_lt(changes[2].error, 0);
	ck_assert_ptr_null(read_one(&changes[0]));
	ck_assert_ptr_nonnull(read_one(&changes[1]));
	ck_assert_ptr_null(read_one(&changes[2]));
	finish();
}
END_TEST

static const char *const evil[] = {
	"a\" }; flush ruleset; add table inet x { \"",
	"a\n\tdelete table inet moshgate",
	"$(reboot)`reboot`\\",
	"\xc3\xa4\xff\x01\x7f",
	"include \"/etc/passwd\"",
};

static int apply_by_install(void)
{
	int result = firewall_install(firewall, &config, &plan);

	plan.count = 0;
	return result;
}

/* Whatever a user is called, it is one comment of one element: of a plan that nft is told with the
 * guard, and of one by itself. */
START_TEST(firewall_evil_names)
{
	struct label label = {.uid = 1000, .cookie = 1, .since_ms = 5, .via = LABEL_LOGIN}, got;
	int (*const ways[])(void) = {apply_by_install, apply};
	struct change *change;

	begin_installed();
	label_set_user(&label, evil[_i]);
	for (unsigned int way = 0; way < ARRAY_LEN(ways); way++) {
		change = add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60001);
		label_write(&label, change->comment);
		command_count = 0;
		ck_assert_int_eq(ways[way](), 0);
		/* The table is there: first as if it were not, then as it is. */
		ck_assert_uint_eq(command_count, way == 0 ? 2 : 0);
		ck_assert_int_eq(label_read(read_one(change)->comment, &got), 0);
		ck_assert_str_eq(got.user, evil[_i]);
		for (size_t i = 0; i < elements.count; i++)
			ck_assert_mem_eq(&elements.items[i].key, &change->key, sizeof(change->key));
		nft_run("flush set inet moshgate grants4");
	}
	check_ruleset(default_rules);
	finish();
}
END_TEST

static void save_and_load(void)
{
	char *saved = nft_say("list ruleset", 0);

	for (char *tab = saved; (tab = strchr(tab, '\t'));)
		*tab = ' ';
	nft_run("flush ruleset");
	nft_run(saved);
	free(saved);
}

/* A ruleset that was saved can be loaded: no element has more left than its timeout, also when the
 * rule has renewed it; and until then it has what the plan says. */
START_TEST(firewall_saved)
{
	int (*const ways[])(void) = {apply_by_install, apply};
	struct change *change;
	int fd;

	begin_installed();
	fd = kernel_udp(CLIENT4, 0);
	change = add_change(CHANGE_OPEN, CLIENT4, SERVER4, 60001);
	change->renewed_s = config.gate.idle_s;
	ck_assert_int_eq(ways[_i](), 0);
	ck_assert_uint_le(read_one(change)->use.expires_ms, clock_awake_ms() + 120000);
	kernel_connect(fd, SERVER4, 60001);
	ck_assert_int_eq(send(fd, "text", 4, 0), 4);
	close(fd);
	ck_assert_uint_gt(read_one(change)->use.expires_ms, clock_awake_ms() + 86000000);
	save_and_load();
	ck_assert_uint_gt(read_one(change)->use.expires_ms, clock_awake_ms() + 86000000);
	/* The same of a table that was made anew in between. */
	nft_run("add table inet moshgate { flags dormant; }");
	install();
	save_and_load();
	ck_assert_str_eq(read_one(change)->comment, change->comment);
	finish();
}
END_TEST

START_TEST(firewall_removes)
{
	char *listed;

	begin_installed();
	open_one(CLIENT4, SERVER4, 60001);
	nft_run("add table inet host");
	ck_assert_int_eq(firewall_remove(firewall), 0);
	listed = nft_ask("list ruleset");
	ck_assert_str_eq(listed, "table inet host {\n}\n");
	free(listed);
	ck_assert_int_eq(firewall_remove(firewall), 0);
	finish();
}
END_TEST

START_TEST(firewall_touched)
{
	begin_installed();
	ck_assert(!firewall_is_touched(firewall));
	make_mixed_plan();
	ck_assert_int_eq(apply(), 0);
	install();
	ck_assert(!firewall_is_touched(firewall));
	nft_run("add table inet host");
	ck_assert(kernel_is_readable(firewall_notice_fd(firewall)));
	ck_assert(!firewall_is_touched(firewall));
	nft_run("add rule inet moshgate guard accept");
	ck_assert(kernel_is_readable(firewall_notice_fd(firewall)));
	ck_assert(firewall_is_touched(firewall));
	ck_assert(!firewall_is_touched(firewall));
	/* What was changed before is made good by making the guard. */
	nft_run("flush ruleset");
	install();
	ck_assert(!firewall_is_touched(firewall));
	finish();
}
END_TEST

/* Where nft and the kernel can, nobody else can change the table; else it is as ever. */
START_TEST(firewall_exclusive)
{
	struct change *change;
	struct nft_ctx *other;

	begin_installed();
	change = open_one(CLIENT4, SERVER4, 60001);
	config.firewall.is_exclusive = true;
	install();
	ck_assert_str_eq(read_one(change)->comment, change->comment);
	other = nft_open();
	ck_assert_int_eq(nft_run_cmd_from_buffer(other, "delete table inet moshgate") != 0,
		firewall_is_exclusive(firewall));
	nft_ctx_free(other);
	install();
	config.firewall.is_exclusive = false;
	install();
	ck_assert(!firewall_is_exclusive(firewall));
	nft_run("flush set inet moshgate grants4");
	check_ruleset(default_rules);
	finish();
}
END_TEST

/* Which may want to load a module for it, and the helper may load nothing. */
START_TEST(firewall_lists_numbers)
{
	char *json;

	begin_installed();
	nft_run("add table inet host; add chain inet host c;"
		"add rule inet host c meta l4proto { tcp, udp } ip protocol icmp drop");
	is_asked = false;
	ck_assert_int_eq(firewall_list(firewall, &json), 0);
	ck_assert(!is_asked);
	ck_assert_ptr_nonnull(strstr(json, "{\"set\": [6, 17]}"));
	free(json);
	finish();
}
END_TEST

/* Somebody's set may have a million elements. */
START_TEST(firewall_lists_no_elements)
{
	char *json;

	begin_installed();
	nft_run("add table inet host; add set inet host s { type inet_service; };"
		"add element inet host s { 4711 }");
	ck_assert_int_eq(firewall_list(firewall, &json), 0);
	ck_assert_ptr_nonnull(strstr(json, "\"s\""));
	ck_assert_ptr_null(strstr(json, "4711"));
	free(json);
	finish();
}
END_TEST

CHECK_KERNEL_MAIN("firewall", TEST(firewall_installs), TEST(firewall_installs_all_options),
	LOOP(firewall_repairs, ARRAY_LEN(damages)), TEST(firewall_without_fib),
	TEST(firewall_makes_anew), LOOP(firewall_replaces_sets, ARRAY_LEN(other_sets)),
	TEST(firewall_refuses_one), TEST(firewall_tells_why), TEST(firewall_installs_with_plan),
	LOOP(firewall_opens_and_shuts, ARRAY_LEN(families)), TEST(firewall_ports),
	TEST(firewall_shuts_before_opening), LOOP(firewall_renews, ARRAY_LEN(renewals)),
	TEST(firewall_refused), TEST(firewall_refused_not_ours), TEST(firewall_refused_not_ours),
	TEST(firewall_refused_without_table), TEST(firewall_refused_by_full_set),
	LOOP(firewall_evil_names, ARRAY_LEN(evil)), LOOP(firewall_saved, 2),
	LOOP(firewall_saved, 2), TEST(firewall_removes), TEST(firewall_touched),
	TEST(firewall_exclusive), TEST(firewall_lists_numbers), TEST(firewall_lists_no_elements))
