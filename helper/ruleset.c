/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "match.h"
#include "ruleset.h"

#define DEPTH_MAX 16 /* of jumps, as in the kernel */

/* Accepted by a rule that meant mosh's packets, or by one that accepts whatever comes by. */
enum fate {
	FATE_GOES_ON,
	FATE_RETURNS,
	FATE_PERHAPS_RETURNS,
	FATE_MEANT,
	FATE_ACCEPTED,
	FATE_DROPPED
};

struct outcome {
	enum fate fate;
	json_t *by;     /* the rule that drops */
	json_t *unless; /* the first rule that has perhaps accepted before */
};

struct walk {
	const struct ruleset_question *question;
	json_t *families; /* of tables of chains: their rules and, once walked, their outcome */
	json_t *chains;   /* of the table that is being walked */
};

static struct outcome walk_chain(struct walk *walk, const char *name, int depth);

/* What is left of an outcome for packets that perhaps get there: a drop is not certain; accepting
 * counts where mosh was meant, since who lets the range in from some addresses knows it. */
static struct outcome doubt(struct outcome outcome, json_t *rule)
{
	if (outcome.fate == FATE_RETURNS)
		outcome.fate = FATE_PERHAPS_RETURNS;
	if (outcome.fate == FATE_ACCEPTED && !outcome.unless)
		outcome.unless = rule;
	if (outcome.fate == FATE_ACCEPTED || outcome.fate == FATE_DROPPED)
		outcome = (struct outcome){.fate = FATE_GOES_ON, .unless = outcome.unless};
	return outcome;
}

/* What becomes of packets that get to one statement of a rule. */
static struct outcome follow(struct walk *walk, json_t *rule, json_t *statement, int depth)
{
	json_t *jump = json_object_get(statement, "jump"), *go = json_object_get(statement, "goto");
	bool is_meant = match_is_meant(walk->question, json_object_get(rule, "expr"));
	struct outcome outcome = {.fate = FATE_GOES_ON};

	if (json_object_get(statement, "accept"))
		outcome.fate = FATE_ACCEPTED;
	else if (json_object_get(statement, "drop") || json_object_get(statement, "reject") ||
		 match_is_target(statement, "REJECT"))
		outcome = (struct outcome){.fate = FATE_DROPPED, .by = rule};
	else if (json_object_get(statement, "return"))
		outcome.fate = FATE_RETURNS;
	else if (jump || go)
		outcome = walk_chain(walk, value_text(jump ? jump : go, "target"), depth + 1);
	if (outcome.fate == FATE_ACCEPTED && is_meant)
		outcome.fate = FATE_MEANT;
	if (go && outcome.fate == FATE_GOES_ON)
		outcome.fate = FATE_RETURNS; /* not to the chain that it came from */
	return outcome;
}

/* A rule that packets get to, for certain or perhaps. */
static struct outcome walk_rule(struct walk *walk, json_t *rule, enum match match, int depth)
{
	json_t *statements = json_object_get(rule, "expr"), *statement;
	struct outcome outcome = {.fate = FATE_GOES_ON};
	size_t index;

	json_array_foreach(statements, index, statement)
	{
		enum match result = match_statement(walk->question, statements, statement);

		if (result < match)
			match = result;
		if (match == MATCH_NO)
			break;
		outcome = follow(walk, rule, statement, depth);
		if (match == MATCH_PERHAPS)
			outcome = doubt(outcome, rule);
		if (outcome.fate != FATE_GOES_ON || outcome.unless)
			break;
	}
	return outcome;
}

static struct outcome walk_rules(struct walk *walk, json_t *rules, int depth)
{
	struct outcome outcome = {.fate = FATE_GOES_ON};
	enum match match = MATCH_YES;
	json_t *rule, *unless = NULL;
	size_t index;

	json_array_foreach(rules, index, rule)
	{
		outcome = walk_rule(walk, rule, match, depth);
		if (!unless)
			unless = outcome.unless;
		if (outcome.fate == FATE_PERHAPS_RETURNS)
			match = MATCH_PERHAPS;
		else if (outcome.fate != FATE_GOES_ON)
			break;
	}
	if (outcome.fate == FATE_RETURNS || outcome.fate == FATE_PERHAPS_RETURNS)
		outcome.fate = FATE_GOES_ON;
	outcome.unless = unless;
	return outcome;
}

static void remember(json_t *chain, struct outcome outcome)
{
	json_object_set_new(chain, "fate", json_integer(outcome.fate));
	json_object_set(chain, "by", outcome.by);
	json_object_set(chain, "unless", outcome.unless);
}

/* The same whoever jumps there, so each chain is walked once: what is reached by many ways would be
 * walked for ever. One that is being walked goes on; but the kernel has no loops. */
static struct outcome walk_chain(struct walk *walk, const char *name, int depth)
{
	json_t *chain = json_object_get(walk->chains, name);
	json_t *known = json_object_get(chain, "fate");
	struct outcome outcome = {.fate = FATE_GOES_ON};

	if (known)
		return (struct outcome){(enum fate)json_integer_value(known),
			json_object_get(chain, "by"), json_object_get(chain, "unless")};
	if (depth > DEPTH_MAX)
		return outcome;
	remember(chain, outcome);
	outcome = walk_rules(walk, json_object_get(chain, "rules"), depth);
	remember(chain, outcome);
	return outcome;
}

static bool is_later(json_t *chain, const struct ruleset_question *question)
{
	if (!value_is(chain, "hook", "input") || !value_is(chain, "type", "filter") ||
		json_integer_value(json_object_get(chain, "prio")) < question->priority)
		return false;
	if (value_is(chain, "family", "inet"))
		return !value_is(chain, "table", question->table);
	return value_is(chain, "family", "ip") || value_is(chain, "family", "ip6");
}

static struct outcome walk_hook(json_t *chain, struct walk *walk)
{
	struct outcome outcome;

	walk->chains = json_object_get(json_object_get(walk->families, value_text(chain, "family")),
		value_text(chain, "table"));
	outcome = walk_chain(walk, value_text(chain, "name"), 0);
	if (outcome.fate == FATE_GOES_ON && value_is(chain, "policy", "drop"))
		outcome.fate = FATE_DROPPED;
	return outcome;
}

/* What an object has by that name, made if it is not there; null for want of memory. */
static json_t *get_or_make(json_t *object, const char *key, json_t *(*make)(void))
{
	if (!json_object_get(object, key))
		json_object_set_new(object, key, make());
	return json_object_get(object, key);
}

static int sort_rules(json_t *objects, json_t *families)
{
	json_t *object;
	size_t index;

	json_array_foreach(objects, index, object)
	{
		json_t *rule = json_object_get(object, "rule"), *tables, *chains, *chain;

		if (!rule)
			continue;
		tables = get_or_make(families, value_text(rule, "family"), json_object);
		chains = get_or_make(tables, value_text(rule, "table"), json_object);
		chain = get_or_make(chains, value_text(rule, "chain"), json_object);
		if (json_array_append(get_or_make(chain, "rules", json_array), rule) < 0)
			return -ENOMEM;
	}
	return 0;
}

static struct ruleset_rule rule_of(json_t *rule)
{
	return (struct ruleset_rule){
		value_text(rule, "chain"), json_integer_value(json_object_get(rule, "handle"))};
}

static void find(struct walk *walk, json_t *objects,
	void (*found)(const struct ruleset_obstacle *obstacle, void *context), void *context)
{
	json_t *object;
	size_t index;

	json_array_foreach(objects, index, object)
	{
		json_t *chain = json_object_get(object, "chain");
		struct ruleset_obstacle obstacle;
		struct outcome outcome;

		if (!chain || !is_later(chain, walk->question))
			continue;
		outcome = walk_hook(chain, walk);
		if (outcome.fate != FATE_DROPPED)
			continue;
		obstacle = (struct ruleset_obstacle){value_text(chain, "family"),
			value_text(chain, "table"), value_text(chain, "name"), rule_of(outcome.by),
			rule_of(outcome.unless)};
		found(&obstacle, context);
	}
}

int ruleset_find_obstacles(const char *json, const struct ruleset_question *question,
	void (*found)(const struct ruleset_obstacle *obstacle, void *context), void *context)
{
	json_t *root = json_loads(json, 0, NULL), *objects = json_object_get(root, "nftables");
	struct walk walk = {.question = question, .families = json_object()};
	int error = json_is_array(objects) ? sort_rules(objects, walk.families) : -EPROTO;

	if (error == 0)
		find(&walk, objects, found, context);
	json_decref(walk.families);
	json_decref(root);
	return error;
}

static bool has_rule(json_t *objects, const char *table, const char *chain)
{
	json_t *object;
	size_t index;

	json_array_foreach(objects, index, object)
	{
		json_t *rule = json_object_get(object, "rule");

		if (value_is(rule, "family", "inet") && value_is(rule, "table", table) &&
			value_is(rule, "chain", chain))
			return true;
	}
	return false;
}

static bool has_guard(json_t *objects, const char *table)
{
	json_t *object;
	size_t index;

	json_array_foreach(objects, index, object)
	{
		json_t *chain = json_object_get(object, "chain");

		if (value_is(chain, "family", "inet") && value_is(chain, "table", table) &&
			value_is(chain, "hook", "input") &&
			has_rule(objects, table, value_text(chain, "name")))
			return true;
	}
	return false;
}

bool ruleset_has_guard(const char *json, const char *table)
{
	json_t *root = json_loads(json, 0, NULL);
	bool has = has_guard(json_object_get(root, "nftables"), table);

	json_decref(root);
	return has;
}

static bool has_grants(json_t *set, const char *but)
{
	return value_is(set, "family", "inet") && value_is(set, "name", "grants4") &&
	       !value_is(set, "table", but);
}

bool ruleset_has_grants(const char *json, const char *but)
{
	json_t *root = json_loads(json, 0, NULL), *objects = json_object_get(root, "nftables");
	json_t *object;
	bool has = false;
	size_t index;

	json_array_foreach(objects, index, object)
	{
		json_t *set = json_object_get(object, "set");

		has |= has_grants(set, but) && has_guard(objects, value_text(set, "table"));
	}
	json_decref(root);
	return has;
}
