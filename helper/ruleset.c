/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "ruleset.h"

#define DEPTH_MAX 16 /* of jumps, as in the kernel */

enum match { MATCH_NO, MATCH_PERHAPS, MATCH_YES };
enum fate { FATE_GOES_ON, FATE_RETURNS, FATE_ACCEPTED, FATE_DROPPED };

struct walk {
	const struct ruleset_question *question;
	json_t *objects; /* the ruleset */
	const char *family, *table;
	long long dropped_by; /* the handle of the rule */
};

static const char *text(json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static bool is_text(json_t *object, const char *key, const char *value)
{
	return strcmp(text(object, key), value) == 0;
}

/* Does a value of a port cover the whole range? */
static enum match covers_ports(const struct ruleset_question *question, json_t *right)
{
	json_t *range = json_object_get(right, "range"), *set = json_object_get(right, "set"),
	       *item;
	size_t index;

	if (json_is_string(right))
		return MATCH_PERHAPS; /* a named set */
	if (range)
		return json_integer_value(json_array_get(range, 0)) <= question->first_port &&
				       json_integer_value(json_array_get(range, 1)) >=
					       question->last_port
			       ? MATCH_YES
			       : MATCH_NO;
	json_array_foreach(set, index, item)
	{
		if (covers_ports(question, item) == MATCH_YES)
			return MATCH_YES;
	}
	return MATCH_NO;
}

/* Does a value of a protocol (a name, a number, a set of them) hold UDP? */
static enum match covers_udp(json_t *right)
{
	json_t *set = json_is_object(right) ? json_object_get(right, "set") : right, *item;
	size_t index;

	if (json_is_string(right))
		return strcmp(json_string_value(right), "udp") == 0 ? MATCH_YES
		       : json_string_value(right)[0] == '@'         ? MATCH_PERHAPS
								    : MATCH_NO;
	if (json_is_integer(right))
		return json_integer_value(right) == 17 ? MATCH_YES : MATCH_NO;
	if (!json_is_array(set))
		return MATCH_PERHAPS;
	json_array_foreach(set, index, item)
	{
		if (covers_udp(item) == MATCH_YES)
			return MATCH_YES;
	}
	return MATCH_NO;
}

static enum match match_payload(
	const struct ruleset_question *question, json_t *left, json_t *right)
{
	if (is_text(left, "protocol", "udp") || is_text(left, "protocol", "th"))
		return is_text(left, "field", "dport") ? covers_ports(question, right)
						       : MATCH_PERHAPS;
	if (is_text(left, "field", "protocol") || is_text(left, "field", "nexthdr"))
		return covers_udp(right);
	if (is_text(left, "protocol", "ip") || is_text(left, "protocol", "ip6"))
		return MATCH_PERHAPS; /* an address */
	return MATCH_NO;              /* another protocol */
}

static enum match match_meta(const struct ruleset_question *question, json_t *left, json_t *right)
{
	if (is_text(left, "key", "mark") && !json_is_integer(right))
		return MATCH_PERHAPS;
	if (is_text(left, "key", "mark"))
		return json_integer_value(right) == (json_int_t)question->mark ? MATCH_YES
									       : MATCH_NO;
	if (is_text(left, "key", "l4proto"))
		return covers_udp(right);
	if ((is_text(left, "key", "iifname") || is_text(left, "key", "iif")) &&
		json_is_string(right))
		return strcmp(json_string_value(right), "lo") == 0 ? MATCH_NO : MATCH_PERHAPS;
	return MATCH_PERHAPS;
}

static bool has_new(json_t *right)
{
	json_t *item;
	size_t index;

	if (json_is_string(right))
		return strcmp(json_string_value(right), "new") == 0;
	if (json_is_object(right))
		right = json_object_get(right, "set");
	json_array_foreach(right, index, item)
	{
		if (has_new(item))
			return true;
	}
	return false;
}

static enum match negate(enum match match)
{
	return match == MATCH_YES ? MATCH_NO : match == MATCH_NO ? MATCH_YES : MATCH_PERHAPS;
}

/* A client's first packet is new to connection tracking. */
static enum match match_one(const struct ruleset_question *question, json_t *match)
{
	json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
	json_t *ct = json_object_get(left, "ct");
	enum match result = MATCH_PERHAPS;

	if (json_object_get(left, "payload"))
		result = match_payload(question, json_object_get(left, "payload"), right);
	else if (json_object_get(left, "meta"))
		result = match_meta(question, json_object_get(left, "meta"), right);
	else if (ct && is_text(ct, "key", "state"))
		result = has_new(right) ? MATCH_YES : MATCH_NO;
	return is_text(match, "op", "!=") ? negate(result) : result;
}

static enum fate walk_chain(struct walk *walk, const char *chain, int depth);

/* What a chain makes of a packet that perhaps gets there: a drop is not certain. */
static enum fate perhaps(struct walk *walk, enum fate fate, enum match match)
{
	if (match == MATCH_YES || fate == FATE_ACCEPTED)
		return fate;
	walk->dropped_by = 0;
	return FATE_GOES_ON;
}

/* What becomes of a packet at one statement. */
static enum fate follow(struct walk *walk, json_t *statement, enum match match, int depth)
{
	json_t *jump = json_object_get(statement, "jump"), *go = json_object_get(statement, "goto");
	enum fate fate = FATE_GOES_ON;

	if (json_object_get(statement, "accept"))
		return FATE_ACCEPTED;
	if (json_object_get(statement, "drop") || json_object_get(statement, "reject"))
		return match == MATCH_YES ? FATE_DROPPED : FATE_GOES_ON;
	if (json_object_get(statement, "return"))
		return match == MATCH_YES ? FATE_RETURNS : FATE_GOES_ON;
	if (jump || go)
		fate = walk_chain(walk, text(jump ? jump : go, "target"), depth + 1);
	if (go && fate == FATE_GOES_ON)
		fate = FATE_RETURNS; /* not to the chain that it came from */
	return perhaps(walk, fate, match);
}

/* Statements that only note something; any other but a match may hold for some packets alone. */
static bool is_note(json_t *statement)
{
	static const char *const notes[] = {"accept", "drop", "reject", "return", "jump", "goto",
		"counter", "log", "mangle", "notrack"};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (json_object_get(statement, notes[i]))
			return true;
	return false;
}

static enum match match_statement(const struct ruleset_question *question, json_t *statement)
{
	json_t *one = json_object_get(statement, "match");

	if (one)
		return match_one(question, one);
	return is_note(statement) ? MATCH_YES : MATCH_PERHAPS;
}

static enum fate walk_rule(struct walk *walk, json_t *rule, int depth)
{
	json_t *expressions = json_object_get(rule, "expr"), *statement;
	enum match match = MATCH_YES;
	size_t index;

	json_array_foreach(expressions, index, statement)
	{
		enum match result = match_statement(walk->question, statement);
		enum fate fate;

		if (result < match)
			match = result;
		if (match == MATCH_NO)
			return FATE_GOES_ON;
		fate = follow(walk, statement, match, depth);
		if (fate == FATE_DROPPED && walk->dropped_by == 0)
			walk->dropped_by = json_integer_value(json_object_get(rule, "handle"));
		if (fate != FATE_GOES_ON)
			return fate;
	}
	return FATE_GOES_ON;
}

static enum fate walk_chain(struct walk *walk, const char *chain, int depth)
{
	json_t *object;
	size_t index;

	if (depth > DEPTH_MAX)
		return FATE_GOES_ON;
	json_array_foreach(walk->objects, index, object)
	{
		json_t *rule = json_object_get(object, "rule");
		enum fate fate;

		if (!rule || !is_text(rule, "family", walk->family) ||
			!is_text(rule, "table", walk->table) || !is_text(rule, "chain", chain))
			continue;
		fate = walk_rule(walk, rule, depth);
		if (fate == FATE_RETURNS)
			return FATE_GOES_ON;
		if (fate != FATE_GOES_ON)
			return fate;
	}
	return FATE_GOES_ON;
}

static bool is_later(json_t *chain, const struct ruleset_question *question)
{
	if (!is_text(chain, "hook", "input") || !is_text(chain, "type", "filter") ||
		json_integer_value(json_object_get(chain, "prio")) < question->priority)
		return false;
	if (is_text(chain, "family", "inet"))
		return !is_text(chain, "table", question->table);
	return is_text(chain, "family", "ip") || is_text(chain, "family", "ip6");
}

static bool is_closed(json_t *chain, struct walk *walk)
{
	enum fate fate;

	walk->family = text(chain, "family");
	walk->table = text(chain, "table");
	walk->dropped_by = 0;
	fate = walk_chain(walk, text(chain, "name"), 0);
	if (fate == FATE_GOES_ON && is_text(chain, "policy", "drop"))
		fate = FATE_DROPPED;
	return fate == FATE_DROPPED;
}

int ruleset_find_obstacles(const char *json, const struct ruleset_question *question,
	void (*found)(const struct ruleset_obstacle *obstacle, void *context), void *context)
{
	json_t *root = json_loads(json, 0, NULL), *object;
	struct walk walk = {.question = question, .objects = json_object_get(root, "nftables")};
	size_t index;

	if (!json_is_array(walk.objects)) {
		json_decref(root);
		return -EPROTO;
	}
	json_array_foreach(walk.objects, index, object)
	{
		json_t *chain = json_object_get(object, "chain");
		struct ruleset_obstacle obstacle;

		if (!chain || !is_later(chain, question) || !is_closed(chain, &walk))
			continue;
		obstacle = (struct ruleset_obstacle){
			walk.family, walk.table, text(chain, "name"), walk.dropped_by};
		found(&obstacle, context);
	}
	json_decref(root);
	return 0;
}
