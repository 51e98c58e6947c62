/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_nft.h"
#include "ruleset.h"

#define MARK       7
#define TEXT_SIZE  8192
#define MUTATIONS  5000
#define FOUND_SIZE 1024

static const struct ruleset_question question = {
	.table = "moshgate",
	.priority = -10,
	.first_port = 60000,
	.last_port = 61000,
	.mark = MARK,
};

/* What was found, as "family table chain handle;" each: what drops for certain, and what perhaps,
 * with the handle of the rule that may have accepted before. */
static char found_text[FOUND_SIZE], perhaps_text[FOUND_SIZE];

static void found(const struct ruleset_obstacle *obstacle, void *context)
{
	bool is_certain = obstacle->unless.chain[0] == '\0';
	char *text = is_certain ? found_text : perhaps_text;
	size_t length = strlen(text);

	ck_assert_ptr_eq(context, found_text);
	ck_assert(is_certain == (obstacle->unless.handle == 0));
	length += (size_t)snprintf(text + length, FOUND_SIZE - length, "%s %s %s %lld;",
		obstacle->family, obstacle->table, obstacle->chain,
		is_certain ? obstacle->by.handle : obstacle->unless.handle);
	ck_assert_uint_lt(length, FOUND_SIZE);
}

static int find(const char *json)
{
	found_text[0] = perhaps_text[0] = '\0';
	return ruleset_find_obstacles(json, &question, found, found_text);
}

/* JSON is written with ' for ", to be read by people. */
static const char *quoted(const char *text)
{
	static char json[TEXT_SIZE];

	ck_assert_uint_lt(strlen(text), sizeof(json));
	strcpy(json, text);
	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	return json;
}

#define META                                                                                       \
	"{'metainfo':{'version':'1.0.6','release_name':'Lester Gooch "                             \
	"#5','json_schema_version':1}}"

/* Those of the text between the brackets. */
static const char *find_in(const char *objects)
{
	char json[TEXT_SIZE];
	int length = snprintf(
		json, sizeof(json), "{'nftables':[" META "%s%s]}", objects[0] ? "," : "", objects);

	ck_assert_int_lt(length, (int)sizeof(json));
	ck_assert_msg(find(quoted(json)) == 0, "%s", objects);
	return found_text;
}

#define CHAIN_OF(family, table, name, hook, type, prio, policy)                                    \
	"{'chain':{'family':'" family "','table':'" table "','name':'" name                        \
	"','handle':1,'type':'" type "','hook':'" hook "','prio':" prio ",'policy':'" policy "'}}"
#define CHAIN(policy) CHAIN_OF("inet", "filter", "input", "input", "filter", "0", policy)
#define PLAIN(name)   "{'chain':{'family':'inet','table':'filter','name':'" name "','handle':2}}"
#define RULE_OF(family, table, chain, handle, expr)                                                \
	"{'rule':{'family':'" family "','table':'" table "','chain':'" chain "','handle':" handle  \
	",'expr':[" expr "]}}"
#define RULE(chain, handle, expr) RULE_OF("inet", "filter", chain, handle, expr)
#define MATCH(op, left, right)    "{'match':{'op':'" op "','left':{" left "},'right':" right "}}"
#define DPORT(right)              MATCH("==", "'payload':{'protocol':'udp','field':'dport'}", right)
#define RANGE                     DPORT("{'range':[60000,61000]}")
#define XT                        "{'xt':null}"
#define ACCEPT                    "{'accept':null}"
#define DROP                      "{'drop':null}"
#define JUMP(target)              "{'jump':{'target':'" target "'}}"
#define GOTO(target)              "{'goto':{'target':'" target "'}}"

/* Which chains are asked about. */
static const struct {
	const char *objects, *expected;
} chains[] = {
	{"", ""},
	{CHAIN("accept"), ""},
	{CHAIN("drop"), "inet filter input 0;"},
	{CHAIN_OF("ip", "filter", "INPUT", "input", "filter", "0", "drop"), "ip filter INPUT 0;"},
	{CHAIN_OF("ip6", "filter", "INPUT", "input", "filter", "0", "drop"), "ip6 filter INPUT 0;"},
	{CHAIN_OF("bridge", "filter", "INPUT", "input", "filter", "0", "drop"), ""},
	{CHAIN_OF("arp", "filter", "INPUT", "input", "filter", "0", "drop"), ""},
	{CHAIN_OF("netdev", "filter", "in", "ingress", "filter", "0", "drop"), ""},
	/* ours, and others of its name */
	{CHAIN_OF("inet", "moshgate", "input", "input", "filter", "0", "drop"), ""},
	{CHAIN_OF("ip", "moshgate", "input", "input", "filter", "0", "drop"),
		"ip moshgate input 0;"},
	{CHAIN_OF("inet", "moshgate2", "input", "input", "filter", "0", "drop"),
		"inet moshgate2 input 0;"},
	/* earlier than ours, at its priority, later */
	{CHAIN_OF("inet", "filter", "input", "input", "filter", "-300", "drop"), ""},
	{CHAIN_OF("inet", "filter", "input", "input", "filter", "-11", "drop"), ""},
	{CHAIN_OF("inet", "filter", "input", "input", "filter", "-10", "drop"),
		"inet filter input 0;"},
	{CHAIN_OF("inet", "filter", "input", "input", "filter", "-9", "drop"),
		"inet filter input 0;"},
	/* chains that do not filter */
	{CHAIN_OF("inet", "filter", "input", "input", "nat", "100", "drop"), ""},
	/* other hooks, and none */
	{CHAIN_OF("inet", "filter", "x", "prerouting", "filter", "0", "drop"), ""},
	{CHAIN_OF("inet", "filter", "x", "forward", "filter", "0", "drop"), ""},
	{CHAIN_OF("inet", "filter", "x", "output", "filter", "0", "drop"), ""},
	{CHAIN_OF("inet", "filter", "x", "postrouting", "filter", "0", "drop"), ""},
	{PLAIN("input") "," RULE("input", "3", DROP), ""},
	/* several, in their order, each with what is its own */
	{CHAIN("drop") "," CHAIN_OF("ip", "filter", "INPUT", "input", "filter", "5", "drop"),
		"inet filter input 0;ip filter INPUT 0;"},
	{CHAIN("accept") "," CHAIN_OF("ip", "filter", "input", "input", "filter", "5",
		 "accept") "," RULE_OF("ip", "filter", "input", "9", DROP),
		"ip filter input 9;"},
	{CHAIN("accept") "," RULE("input", "9", DROP) "," CHAIN_OF(
		 "ip", "filter", "INPUT", "input", "filter", "5", "drop"),
		"inet filter input 9;ip filter INPUT 0;"},
	{CHAIN("accept") "," RULE_OF("inet", "other", "input", "9", DROP), ""},
	{CHAIN("accept") "," RULE("other", "9", DROP), ""},
	{CHAIN("accept") "," RULE("input", "9", DROP) "," RULE("input", "10", DROP),
		"inet filter input 9;"},
	{RULE("input", "9", DROP) "," CHAIN("accept"), "inet filter input 9;"},
};

START_TEST(ruleset_chains)
{
	ck_assert_msg(strcmp(find_in(chains[_i].objects), chains[_i].expected) == 0, "%s: \"%s\"",
		chains[_i].objects, found_text);
}
END_TEST

/* What the rules do, behind a chain input of each policy; 3, 4 ... are their handles. */
static const struct {
	const char *rules, *by_accept, *by_drop; /* by which the packet is dropped */
} rules[] = {
	/* what the kernel has and nft cannot say: xt is of iptables-nft */
	{RULE("input", "3", XT "," ACCEPT), "", ""},
	{RULE("input", "3", XT "," DROP), "", "0"},
	{RULE("input", "3", XT), "", "0"},
	{RULE("input", "3", XT "," JUMP("c")) "," RULE("c", "4", DROP) "," RULE("input", "5", DROP),
		"5", "5"},
	{RULE("input", "3", XT "," JUMP("c")) "," RULE("c", "4", DROP) "," RULE(
		 "input", "5", ACCEPT),
		"", ""},
	/* a rule's end, and what is behind it */
	{RULE("input", "3", ACCEPT "," DROP), "", ""},
	{RULE("input", "3", DROP "," ACCEPT), "3", "3"},
	{RULE("input", "3", ""), "", "0"},
	{RULE("input", "3", "{'counter':{'packets':1,'bytes':2}}"), "", "0"},
	{RULE("input", "3", RANGE "," ACCEPT) "," RULE("input", "4", DROP), "", ""},
	{RULE("input", "3", DROP) "," RULE("input", "4", RANGE "," ACCEPT), "3", "3"},
	/* jumps: the handle is that of the rule that drops, or of one that leads there */
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", DROP), "4", "4"},
	{RULE("input", "3", GOTO("c")) "," RULE("c", "4", DROP), "4", "4"},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", RANGE "," ACCEPT), "", ""},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", RANGE "," ACCEPT) "," RULE(
		 "input", "5", DROP),
		"", ""},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", "") "," RULE("input", "5", DROP), "5",
		"5"},
	{RULE("input", "3", JUMP("nowhere")), "", "0"},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", JUMP("d")) "," RULE("d", "5", DROP), "5",
		"5"},
	/* loops, which the kernel refuses, end */
	{RULE("input", "3", JUMP("input")), "", "0"},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", JUMP("d")) "," RULE("d", "5", GOTO("c")),
		"", "0"},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", JUMP("c")) "," RULE("input", "5", DROP),
		"5", "5"},
	/* what is no rule as nft writes it */
	{RULE("input", "3", "null,1,'drop',[],{}"), "", "0"},
	{"{'rule':{'family':'inet','table':'filter','chain':'input','expr':[" DROP "]}}", "0", "0"},
	{"{'rule':{'family':'inet','table':'filter','chain':'input','expr':" DROP "}}", "", "0"},
	{"{'rule':{'family':'inet','table':'filter','chain':'input'}}", "", "0"},
	{"{'rule':null},{'rule':[]},{'chain':1},null,7,'text',[],{}", "", "0"},
	{RULE("input", "3", "{'match':null}," DROP), "", "0"},
	{RULE("input", "3", "{'match':{}}," ACCEPT), "", ""},
	{RULE("input", "3", MATCH("==", "", "null") "," DROP), "", "0"},
	{RULE("input", "3", DPORT("null") "," DROP), "", "0"},
	{RULE("input", "3", DPORT("{'range':[]}") "," DROP), "", "0"},
	{RULE("input", "3", DPORT("{'range':[60000]}") "," DROP), "", "0"},
	{RULE("input", "3", DPORT("{'range':['a','b']}") "," DROP), "", "0"},
	{RULE("input", "3", DPORT("{'set':[]}") "," DROP), "", "0"},
	{RULE("input", "3", DPORT("{'set':{'set':[]}}") "," DROP), "", "0"},
	{RULE("input", "3", MATCH("in", "'ct':{'key':'state'}", "{'set':7}") "," DROP), "", "0"},
};

static void assert_rules(const char *policy, const char *text, const char *by)
{
	char objects[TEXT_SIZE], expected[64] = "";

	snprintf(objects, sizeof(objects), "%s,%s",
		policy[0] == 'd' ? CHAIN("drop") : CHAIN("accept"), text);
	if (by[0])
		snprintf(expected, sizeof(expected), "inet filter input %s;", by);
	ck_assert_msg(strcmp(find_in(objects), expected) == 0, "%s: %s: \"%s\"", policy, text,
		found_text);
}

START_TEST(ruleset_rules)
{
	assert_rules("accept", rules[_i].rules, rules[_i].by_accept);
	assert_rules("drop", rules[_i].rules, rules[_i].by_drop);
}
END_TEST

#define XT_NAMED(type, name) "{'xt':{'type':'" type "','name':'" name "'}}"
#define CONNTRACK            XT_NAMED("match", "conntrack")
#define MULTIPORT                                                                                  \
	MATCH("==", "'meta':{'key':'l4proto'}", "'udp'") "," XT_NAMED("match", "multiport")
#define COUNTER   "{'counter':{'packets':1,'bytes':2}}"
#define RETURN    "{'return':null}"
#define ELSEWHERE MATCH("==", "'payload':{'protocol':'ip','field':'saddr'}", "'192.0.2.1'")

/* The same behind a chain whose policy is drop, as above, and which rule may have accepted before.
 */
static const struct {
	const char *rules, *by, *unless;
} doubts[] = {
	/* what accepts perhaps, and did not mean mosh */
	{RULE("input", "3", XT "," ACCEPT), "", "3"},
	{RULE("input", "3", ELSEWHERE "," ACCEPT), "", "3"},
	{RULE("input", "3", MULTIPORT "," ACCEPT), "", "3"},
	{RULE("input", "3", ELSEWHERE "," ACCEPT) "," RULE("input", "4", XT "," ACCEPT), "", "3"},
	{RULE("input", "3", ELSEWHERE "," ACCEPT) "," RULE("input", "4", DROP), "", "3"},
	{RULE("input", "3", ELSEWHERE "," ACCEPT) "," RULE("input", "4", RANGE "," ACCEPT), "", ""},
	{RULE("input", "3", DROP) "," RULE("input", "4", XT "," ACCEPT), "3", ""},
	/* and what did */
	{RULE("input", "3", ELSEWHERE "," RANGE "," ACCEPT), "", ""},
	{RULE("input", "3", RANGE "," XT "," ACCEPT), "", ""},
	{RULE("input", "3", MATCH("==", "'meta':{'key':'mark'}", "7") "," XT "," ACCEPT), "", ""},
	{RULE("input", "3", MATCH("==", "'meta':{'key':'mark'}", "8") "," XT "," ACCEPT), "0", ""},
	{RULE("input", "3", ELSEWHERE "," DPORT("53") "," ACCEPT), "0", ""},
	/* by other chains: it is the rule that leads to the chain whose reason cannot be told */
	{RULE("input", "3", ELSEWHERE "," JUMP("c")) "," RULE("c", "4", ACCEPT), "", "3"},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", ELSEWHERE "," ACCEPT), "", "4"},
	{RULE("input", "3", ELSEWHERE "," JUMP("c")) "," RULE("c", "4", RANGE "," ACCEPT), "", ""},
	{RULE("input", "3", RANGE "," ELSEWHERE "," JUMP("c")) "," RULE("c", "4", ACCEPT), "", ""},
	{RULE("input", "3", RANGE "," JUMP("c")) "," RULE("c", "4", ACCEPT), "", ""},
	{RULE("input", "3", ELSEWHERE "," GOTO("c")) "," RULE("c", "4", DROP) "," RULE(
		 "input", "5", ACCEPT),
		"", ""},
	{RULE("input", "3", ELSEWHERE "," GOTO("c")) "," RULE("c", "4", ACCEPT) "," RULE(
		 "input", "5", GOTO("d")) "," RULE("d", "6", DROP),
		"", "3"},
	/* behind a perhaps, nothing drops for certain in that chain */
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", ELSEWHERE "," RETURN) "," RULE(
		 "c", "5", DROP) "," RULE("input", "6", ACCEPT),
		"", ""},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", XT "," RETURN) "," RULE(
		 "c", "5", DROP) "," RULE("input", "6", DROP),
		"6", ""},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", RETURN) "," RULE("c", "5", DROP) "," RULE(
		 "input", "6", ACCEPT),
		"", ""},
	{RULE("input", "3", JUMP("c")) "," RULE("c", "4", ELSEWHERE "," GOTO("d")) "," RULE(
		 "c", "5", DROP) "," RULE("input", "6", ACCEPT),
		"", ""},
	{RULE("input", "3", ELSEWHERE "," RETURN) "," RULE("input", "4", DROP) "," RULE(
		 "input", "5", ACCEPT),
		"", "5"},
	/* iptables: what is known of its matches and targets is their names */
	{RULE("input", "3", CONNTRACK "," COUNTER "," ACCEPT), "0", ""},
	{RULE("input", "3", XT_NAMED("match", "state") "," COUNTER "," ACCEPT), "0", ""},
	{RULE("input", "3", CONNTRACK "," DROP) "," RULE("input", "4", ACCEPT), "", ""},
	{RULE("input", "3", CONNTRACK "," ELSEWHERE "," ACCEPT), "", "3"},
	{RULE("input", "3", CONNTRACK "," XT_NAMED("match", "x") "," ACCEPT), "", "3"},
	{RULE("input", "3", CONNTRACK "," JUMP("c")) "," RULE("c", "4", RANGE "," ACCEPT), "", ""},
	{RULE("input", "3", CONNTRACK "," JUMP("c")) "," RULE("c", "4", ACCEPT), "", "3"},
	{RULE("input", "3", RANGE "," CONNTRACK "," DROP) "," RULE("input", "4", ACCEPT), "3", ""},
	{RULE("input", "3", CONNTRACK "," RANGE "," DROP) "," RULE("input", "4", ACCEPT), "3", ""},
	{RULE("input", "3", RANGE "," CONNTRACK "," ACCEPT), "", ""},
	{RULE("input", "3", XT_NAMED("match", "comment") "," DROP), "3", ""},
	{RULE("input", "3", XT_NAMED("match", "addrtype") "," DROP), "0", ""},
	{RULE("input", "3", XT_NAMED("target", "LOG")) "," RULE("input", "4", DROP), "4", ""},
	{RULE("input", "3", XT_NAMED("target", "REJECT")), "3", ""},
	{RULE("input", "3", DPORT("53") "," XT_NAMED("target", "REJECT")), "0", ""},
	{RULE("input", "3", XT_NAMED("match", "REJECT")), "0", ""},
	{RULE("input", "3",
		 RANGE "," MATCH("!=", "'meta':{'key':'mark'}", "8") "," CONNTRACK "," DROP),
		"3", ""},
	{RULE("input", "3",
		 RANGE "," MATCH("!=", "'meta':{'key':'mark'}", "7") "," CONNTRACK "," DROP),
		"0", ""},
	/* nobody translates what the guard has let through */
	{RULE("input", "3", MATCH("in", "'ct':{'key':'status'}", "'dnat'") "," ACCEPT), "0", ""},
	{RULE("input", "3", MATCH("in", "'ct':{'key':'status'}", "'seen-reply'") "," ACCEPT), "",
		"3"},
};

START_TEST(ruleset_doubts)
{
	char unless[64] = "";

	assert_rules("drop", doubts[_i].rules, doubts[_i].by);
	if (doubts[_i].unless[0])
		snprintf(unless, sizeof(unless), "inet filter input %s;", doubts[_i].unless);
	ck_assert_msg(
		strcmp(perhaps_text, unless) == 0, "%s: \"%s\"", doubts[_i].rules, perhaps_text);
}
END_TEST

/* As deep as the kernel has them, and no deeper. */
START_TEST(ruleset_depth)
{
	for (int depth = 1; depth <= 20; depth++) {
		char objects[TEXT_SIZE];
		size_t length = (size_t)sprintf(objects, CHAIN("accept"));

		for (int i = 0; i < depth; i++) {
			char from[16] = "input";

			if (i > 0)
				snprintf(from, sizeof(from), "c%d", i);
			length += (size_t)sprintf(objects + length,
				"," RULE("%s", "%d", JUMP("c%d")), from, i + 3, i + 1);
		}
		sprintf(objects + length, "," RULE("c%d", "99", DROP), depth);
		ck_assert_msg(
			strcmp(find_in(objects), depth <= 16 ? "inet filter input 99;" : "") == 0,
			"depth %d: \"%s\"", depth, found_text);
	}
}
END_TEST

#define BARE(family, table, hook) CHAIN_OF(family, table, "input", hook, "filter", "-10", "accept")
#define RULE_IN(family, table, chain)                                                              \
	"{'rule':{'family':'" family "','table':'" table "','chain':'" chain                       \
	"','handle':9,'expr':[{'drop':null}]}}"
#define GUARD(family, table, hook) BARE(family, table, hook) "," RULE_IN(family, table, "input")

static const struct {
	const char *json;
	bool is_guard;
} guards[] = {
	{"{'nftables':[" META "," GUARD("inet", "moshgate", "input") "]}", true},
	{"{'nftables':[" META "," CHAIN("drop") "," GUARD("inet", "moshgate", "input") "]}", true},
	{"{'nftables':[" META
	 "," RULE_IN("inet", "moshgate", "input") "," BARE("inet", "moshgate", "input") "]}",
		true},
	{"{'nftables':[" META "," BARE("inet", "moshgate", "input") "]}", false},
	{"{'nftables':[" META
	 "," BARE("inet", "moshgate", "input") "," RULE_IN("inet", "moshgate", "drops") "]}",
		false},
	{"{'nftables':[" META
	 "," BARE("inet", "moshgate", "input") "," RULE_IN("ip", "moshgate", "input") "]}",
		false},
	{"{'nftables':[" META
	 "," BARE("inet", "moshgate", "input") "," RULE_IN("inet", "other", "input") "]}",
		false},
	{"{'nftables':[" META "," GUARD("ip", "moshgate", "input") "]}", false},
	{"{'nftables':[" META "," GUARD("inet", "other", "input") "]}", false},
	{"{'nftables':[" META "," GUARD("inet", "moshgate", "output") "]}", false},
	{"{'nftables':[" META ",{'table':{'family':'inet','name':'moshgate','handle':1}}]}", false},
	{"{'nftables':[" META "]}", false},
	{"{'nftables':{'chain':7}}", false},
	{"no ruleset", false},
};

START_TEST(ruleset_guard)
{
	ck_assert(ruleset_has_guard(quoted(guards[_i].json), "moshgate") == guards[_i].is_guard);
}
END_TEST

#define SET_ALONE(family, table, name)                                                             \
	"{'set':{'family':'" family "','table':'" table "','name':'" name                          \
	"','type':'inet_service','handle':2}}"
#define SET(family, table, name) SET_ALONE(family, table, name) "," GUARD(family, table, "input")

static const struct {
	const char *json;
	bool has_grants;
} sets[] = {
	{"{'nftables':[" META "," SET("inet", "moshgate", "grants4") "]}", true},
	{"{'nftables':[" META
	 "," SET("inet", "own", "servers") "," SET("inet", "own", "grants4") "]}",
		true},
	{"{'nftables':[" META "," SET("inet", "moshgate.closed", "grants4") "]}", false},
	{"{'nftables':[" META "," SET("inet", "moshgate", "servers") "]}", false},
	{"{'nftables':[" META "," SET("ip", "moshgate", "grants4") "]}", false},
	{"{'nftables':[" META "," GUARD("inet", "moshgate", "input") "]}", false},
	{"{'nftables':[" META "," SET_ALONE("inet", "moshgate", "grants4") "]}", false},
	{"{'nftables':[" META
	 "," SET_ALONE("inet", "moshgate", "grants4") "," BARE("inet", "moshgate", "input") "]}",
		false},
	{"{'nftables':[" META
	 "," SET_ALONE("inet", "moshgate", "grants4") "," GUARD("inet", "other", "input") "]}",
		false},
	{"no ruleset", false},
};

START_TEST(ruleset_grants)
{
	ck_assert(ruleset_has_grants(quoted(sets[_i].json), "moshgate.closed") ==
		  sets[_i].has_grants);
}
END_TEST

static const char *const garbage[] = {
	"",
	" ",
	"nftables",
	"null",
	"[]",
	"{}",
	"7",
	"{'nftables':null}",
	"{'nftables':{}}",
	"{'nftables':'text'}",
	"{'nftables':[]",
	"{'nftables':[]}}",
	"{'nftables':[]} x",
	"{'nftables':[,]}",
	"{'NFTABLES':[]}",
	"[{'nftables':[]}]",
	"{'nftables':['\xff']}",
};

START_TEST(ruleset_garbage)
{
	ck_assert_int_eq(find(quoted(garbage[_i])), -EPROTO);
	ck_assert_str_eq(found_text, "");
}
END_TEST

/* Of every kind of statement one, as nft 1.0.6 lists them. */
static const char whole[] =
	"{'nftables':[" META ",{'table':{'family':'inet','name':'filter','handle':1}}," CHAIN(
		"drop") "," PLAIN("c") "," RULE("input", "3",
		MATCH("in", "'ct':{'key':'state'}",
			"['established','related']") "," ACCEPT) "," RULE("input", "4",
		MATCH("==", "'ct':{'key':'state'}", "{'set':['established','new']}") "," JUMP(
			"c")) "," RULE("input", "5",
		MATCH("==", "'payload':{'protocol':'ip','field':'saddr'}",
			"{'prefix':{'addr':'10.0.0.0','len':8}}") "," DPORT("{'set':[22,{"
									    "'range':["
									    "60000,61000]"
									    "}]}") "," DROP) "," RULE("input",
		"6",
		"{'vmap':{'key':{'payload':{'protocol':'udp','field':'dport'}},"
		"'data':{'set':[[22,{'accept':null}],[{'range':[60000,61000]},{'drop':"
		"null}]]}}}") "," RULE("input", "7",
		"{'limit':{'rate':3,'burst':5,'per':'second'}}," DROP) "," RULE("input", "8",
		MATCH("!=", "'meta':{'key':'iifname'}",
			"'lo'") ",{'counter':{'packets':0,'bytes':0}},{'reject':{'type':'"
				"icmpx','expr':'port-unreachable'}}") "]}";

START_TEST(ruleset_truncated)
{
	const char *json = quoted(whole);

	ck_assert_int_eq(find(json), 0);
	ck_assert_str_eq(found_text, "inet filter input 8;");
	for (size_t length = 0; length < strlen(json); length++) {
		char *cut = strndup(json, length);

		ck_assert_msg(find(cut) == -EPROTO, "%zu: %s", length, cut);
		ck_assert_str_eq(found_text, "");
		free(cut);
	}
}
END_TEST

/* A byte is another one: no crash, no more than the one chain there is, and no other result. */
START_TEST(ruleset_mutated)
{
	static const char bytes[] = "\"{}[]:,0123456789-ndxu\\ ";
	size_t results[2] = {0};

	srandom(1);
	for (int i = 0; i < MUTATIONS; i++) {
		char *json = strdup(quoted(whole));
		int error;

		json[(size_t)random() % strlen(json)] = bytes[(size_t)random() % strlen(bytes)];
		error = find(json);
		ck_assert_msg(error == 0 || error == -EPROTO, "%d: %s", error, json);
		ck_assert(strchr(found_text, ';') == strrchr(found_text, ';'));
		ck_assert(error == 0 || found_text[0] == '\0');
		results[error == 0]++;
		free(json);
	}
	ck_assert_uint_gt(results[0], 0);
	ck_assert_uint_gt(results[1], 0);
}
END_TEST

enum by { NOTHING, POLICY, RULE };

/* Rules of a chain input as nft reads them, and by what the packet is dropped in a chain whose
 * policy is accept and in one whose policy is drop. */
static const struct {
	const char *rules;
	enum by accept, drop;
} listed[] = {
	{"", NOTHING, POLICY},
	{"accept", NOTHING, NOTHING},
	{"drop", RULE, RULE},
	{"reject", RULE, RULE},
	{"reject with icmpx port-unreachable", RULE, RULE},
	{"counter log prefix \"x\" drop", RULE, RULE},
	/* ports */
	{"udp dport 60000-61000 accept", NOTHING, NOTHING},
	{"udp dport 60000-61000 drop", RULE, RULE},
	{"udp dport 1024-65535 accept", NOTHING, NOTHING},
	{"udp dport 60001-61000 accept", NOTHING, POLICY},
	{"udp dport 60000-60999 accept", NOTHING, POLICY},
	{"udp dport 60001 accept", NOTHING, POLICY},
	{"udp dport { 53, 60000-61000 } accept", NOTHING, NOTHING},
	{"udp dport { 53, 60000-61000 } drop", RULE, RULE},
	{"udp dport { 53, 123 } accept", NOTHING, POLICY},
	{"udp dport { 53, 123 } drop", NOTHING, POLICY},
	{"udp dport 53 drop", NOTHING, POLICY},
	{"udp dport != 60000-61000 drop", NOTHING, POLICY},
	{"udp dport != 60000-61000 accept", NOTHING, POLICY},
	{"udp dport != 53 drop", RULE, RULE},
	{"udp dport @ports accept", NOTHING, NOTHING},
	{"udp dport @ports drop", NOTHING, POLICY},
	{"udp sport 53 accept", NOTHING, NOTHING},
	{"udp sport 53 drop", NOTHING, POLICY},
	{"meta l4proto { tcp, udp } th dport 60000-61000 accept", NOTHING, NOTHING},
	/* protocols */
	{"meta l4proto udp accept", NOTHING, NOTHING},
	{"meta l4proto udp drop", RULE, RULE},
	{"meta l4proto tcp accept", NOTHING, POLICY},
	{"meta l4proto tcp drop", NOTHING, POLICY},
	{"meta l4proto != udp drop", NOTHING, POLICY},
	{"meta l4proto != tcp drop", RULE, RULE},
	{"meta l4proto { icmp, ipv6-icmp } accept", NOTHING, POLICY},
	{"meta l4proto { tcp, udp } drop", RULE, RULE},
	{"ip protocol { tcp, icmp } drop", NOTHING, POLICY},
	{"ip protocol { tcp, udp } accept", NOTHING, NOTHING},
	{"ip protocol udp accept", NOTHING, NOTHING},
	{"ip protocol tcp drop", NOTHING, POLICY},
	{"ip protocol != tcp drop", RULE, RULE},
	{"ip6 nexthdr udp drop", RULE, RULE},
	{"ip6 nexthdr ipv6-icmp accept", NOTHING, POLICY},
	{"tcp dport 22 accept", NOTHING, POLICY},
	{"tcp dport 60000-61000 accept", NOTHING, POLICY},
	{"tcp dport 22 drop", NOTHING, POLICY},
	{"icmp type echo-request accept", NOTHING, POLICY},
	{"icmpv6 type nd-neighbor-solicit accept", NOTHING, POLICY},
	/* the mark */
	{"meta mark 7 accept", NOTHING, NOTHING},
	{"meta mark 7 drop", RULE, RULE},
	{"meta mark 8 accept", NOTHING, POLICY},
	{"meta mark 8 drop", NOTHING, POLICY},
	{"meta mark != 7 drop", NOTHING, POLICY},
	{"meta mark != 8 drop", RULE, RULE},
	{"meta mark & 0xff == 8 drop", NOTHING, POLICY},
	/* connection tracking */
	{"ct state established,related accept", NOTHING, POLICY},
	{"ct state established accept", NOTHING, POLICY},
	{"ct state { established, related } accept", NOTHING, POLICY},
	{"ct state invalid drop", NOTHING, POLICY},
	{"ct state new accept", NOTHING, NOTHING},
	{"ct state new drop", RULE, RULE},
	{"ct state established,new accept", NOTHING, NOTHING},
	{"ct state { established, new } drop", RULE, RULE},
	{"ct state != established drop", RULE, RULE},
	{"ct state != new drop", NOTHING, POLICY},
	{"ct state new udp dport 60000-61000 accept", NOTHING, NOTHING},
	{"ct state established udp dport 60000-61000 accept", NOTHING, POLICY},
	{"ct mark 7 drop", NOTHING, POLICY},
	{"ct mark 7 accept", NOTHING, NOTHING},
	/* interfaces and addresses */
	{"iifname lo accept", NOTHING, POLICY},
	{"iifname lo drop", NOTHING, POLICY},
	{"iif lo accept", NOTHING, POLICY},
	{"iif != lo drop", RULE, RULE},
	{"iifname != lo drop", RULE, RULE},
	{"iifname eth0 accept", NOTHING, NOTHING},
	{"iifname eth0 drop", NOTHING, POLICY},
	{"iifname != eth0 drop", NOTHING, POLICY},
	{"iifname { lo, eth0 } accept", NOTHING, NOTHING},
	{"ip saddr 10.0.0.0/8 accept", NOTHING, NOTHING},
	{"ip saddr 10.0.0.0/8 drop", NOTHING, POLICY},
	{"ip saddr != 10.0.0.0/8 drop", NOTHING, POLICY},
	{"ip6 saddr fe80::/10 drop", NOTHING, POLICY},
	{"ip saddr 10.0.0.0/8 udp dport 60000-61000 accept", NOTHING, NOTHING},
	{"ip saddr 10.0.0.0/8 tcp dport 22 accept", NOTHING, POLICY},
	/* what cannot be told */
	{"limit rate 3/second accept", NOTHING, NOTHING},
	{"limit rate over 3/second drop", NOTHING, POLICY},
	{"udp dport vmap { 53 : accept, 60000-61000 : drop }", NOTHING, POLICY},
	{"meta pkttype broadcast drop", NOTHING, POLICY},
	/* one behind another */
	{"tcp dport 22 accept\nudp dport 60000-61000 accept\ndrop", NOTHING, NOTHING},
	{"tcp dport 22 accept\ndrop\nudp dport 60000-61000 accept", RULE, RULE},
	{"iifname eth0 drop\nudp dport 60000-61000 accept", NOTHING, NOTHING},
	/* other chains */
	{"jump accepting", NOTHING, NOTHING},
	{"jump dropping", RULE, RULE},
	{"goto dropping", RULE, RULE},
	{"jump silent", NOTHING, POLICY},
	{"jump silent\ndrop", RULE, RULE},
	{"udp dport 60000-61000 jump dropping", RULE, RULE},
	{"tcp dport 22 jump dropping", NOTHING, POLICY},
	{"tcp dport 22 jump accepting", NOTHING, POLICY},
	{"iifname eth0 jump accepting", NOTHING, NOTHING},
};

/* As the kernel has it, listed by nft; earlier chains and other hooks are there as well. */
static enum by listed_by(const char *policy, const char *text)
{
	char commands[TEXT_SIZE];
	struct nft_ctx *nft = nft_open();
	long long handle = -1;
	int fields;

	snprintf(commands, sizeof(commands),
		"flush ruleset\n"
		"table inet moshgate { chain input {\n"
		"type filter hook input priority -10; policy drop;\n}\n}\n"
		"table inet filter {\nset ports { type inet_service\n}\n"
		"chain early {\ntype filter hook input priority -11; policy drop;\n}\n"
		"chain forward {\ntype filter hook forward priority 0; policy drop;\n}\n"
		"chain raw {\ntype filter hook prerouting priority 0; policy drop;\n}\n"
		"chain accepting {\nudp dport 60000-61000 accept\n}\n"
		"chain dropping {\ncounter drop\n}\n"
		"chain silent {\ncounter\n}\n"
		"chain input {\ntype filter hook input priority 0; policy %s;\n%s\n}\n}\n",
		policy, text);
	nft_run(commands);
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	ck_assert_int_eq(nft_run_cmd_from_buffer(nft, "list ruleset"), 0);
	ck_assert_int_eq(find(nft_ctx_get_output_buffer(nft)), 0);
	nft_ctx_free(nft);
	if (found_text[0] == '\0')
		return NOTHING;
	fields = sscanf(found_text, "inet filter input %lld;", &handle);
	ck_assert_msg(fields == 1 && handle >= 0, "%s: \"%s\"", text, found_text);
	return handle == 0 ? POLICY : RULE;
}

START_TEST(ruleset_listed)
{
	enum by by = listed_by("accept", listed[_i].rules);

	ck_assert_msg(by == listed[_i].accept, "accept: %s: \"%s\"", listed[_i].rules, found_text);
	by = listed_by("drop", listed[_i].rules);
	ck_assert_msg(by == listed[_i].drop, "drop: %s: \"%s\"", listed[_i].rules, found_text);
}
END_TEST

/* Those without a mark of ours have none. */
START_TEST(ruleset_no_mark)
{
	struct ruleset_question markless = question;
	char json[TEXT_SIZE];

	markless.mark = 0;
	snprintf(json, sizeof(json),
		"{'nftables':[" CHAIN("drop") "," RULE("input", "3", "%s") "]}",
		MATCH("==", "'meta':{'key':'mark'}", "7") "," ACCEPT);
	ck_assert_int_eq(ruleset_find_obstacles(quoted(json), &markless, found, found_text), 0);
	ck_assert_str_eq(found_text, "inet filter input 0;");
}
END_TEST

/* What is read from text runs everywhere; what the kernel lists wants a network of its own. */
int main(void)
{
	const struct check_test tests[] = {LOOP(ruleset_chains, ARRAY_LEN(chains)),
		LOOP(ruleset_rules, ARRAY_LEN(rules)), LOOP(ruleset_doubts, ARRAY_LEN(doubts)),
		TEST(ruleset_depth), LOOP(ruleset_garbage, ARRAY_LEN(garbage)),
		LOOP(ruleset_guard, ARRAY_LEN(guards)), LOOP(ruleset_grants, ARRAY_LEN(sets)),
		TEST(ruleset_truncated), TEST(ruleset_mutated), TEST(ruleset_no_mark),
		/* the last one */
		LOOP(ruleset_listed, ARRAY_LEN(listed))};
	bool is_kernel = kernel_enter() == 0;
	int result = check_status("ruleset", tests, ARRAY_LEN(tests) - !is_kernel);

	return result == EXIT_SUCCESS && !is_kernel ? CHECK_SKIP : result;
}
