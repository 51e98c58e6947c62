/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "match.h"

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
	if (value_is(left, "protocol", "udp") || value_is(left, "protocol", "th"))
		return value_is(left, "field", "dport") ? covers_ports(question, right)
							: MATCH_PERHAPS;
	if (value_is(left, "field", "protocol") || value_is(left, "field", "nexthdr"))
		return covers_udp(right);
	if (value_is(left, "protocol", "ip") || value_is(left, "protocol", "ip6"))
		return MATCH_PERHAPS; /* an address */
	return MATCH_NO;              /* another protocol */
}

static enum match match_meta(const struct ruleset_question *question, json_t *left, json_t *right)
{
	if (value_is(left, "key", "mark") && !json_is_integer(right))
		return MATCH_PERHAPS;
	if (value_is(left, "key", "mark"))
		return json_integer_value(right) == (json_int_t)question->mark ? MATCH_YES
									       : MATCH_NO;
	if (value_is(left, "key", "l4proto"))
		return covers_udp(right);
	if ((value_is(left, "key", "iifname") || value_is(left, "key", "iif")) &&
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

/* The guard saw the real port, so the packet was not translated. */
static bool is_translation(json_t *right)
{
	return json_is_string(right) && (strcmp(json_string_value(right), "dnat") == 0 ||
						strcmp(json_string_value(right), "snat") == 0);
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
	else if (ct && value_is(ct, "key", "state"))
		result = has_new(right) ? MATCH_YES : MATCH_NO;
	else if (ct && value_is(ct, "key", "status"))
		result = is_translation(right) ? MATCH_NO : MATCH_PERHAPS;
	return value_is(match, "op", "!=") ? negate(result) : result;
}

/* --- iptables ------------------------------------------------------------------------------------
 */

/* What nft has no words for has a type and a name, but not what it says; older nft has not even
 * those. */
static bool is_xt(json_t *statement, const char *type, const char *name)
{
	json_t *xt = json_object_get(statement, "xt");

	return value_is(xt, "type", type) && value_is(xt, "name", name);
}

bool match_is_target(json_t *statement, const char *name)
{
	return is_xt(statement, "target", name);
}

static bool is_conntrack(json_t *statement)
{
	return is_xt(statement, "match", "conntrack") || is_xt(statement, "match", "state");
}

static bool has_key(json_t *statement, const char *const keys[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (json_object_get(statement, keys[i]))
			return true;
	return false;
}

/* A rule that accepts or drops at once, and for connection tracking alone. */
static bool is_conntrack_alone(json_t *statements)
{
	static const char *const keys[] = {"counter", "accept", "drop"};
	json_t *statement;
	size_t index;

	json_array_foreach(statements, index, statement)
	{
		if (!is_conntrack(statement) &&
			!has_key(statement, keys, sizeof(keys) / sizeof(keys[0])))
			return false;
	}
	return true;
}

/* nft does not show the states. Alone, such a rule is taken for "established" or "invalid"; in a
 * rule naming the range, for "new". */
static enum match match_conntrack(const struct ruleset_question *question, json_t *statements)
{
	if (match_is_meant(question, statements))
		return MATCH_YES;
	return is_conntrack_alone(statements) ? MATCH_NO : MATCH_PERHAPS;
}

static enum match match_xt(
	const struct ruleset_question *question, json_t *statements, json_t *statement)
{
	if (is_conntrack(statement))
		return match_conntrack(question, statements);
	if (is_xt(statement, "match", "comment") || match_is_target(statement, "LOG") ||
		match_is_target(statement, "REJECT"))
		return MATCH_YES;
	return MATCH_PERHAPS;
}

/* --- statements ----------------------------------------------------------------------------------
 */

static bool is_meant(const struct ruleset_question *question, json_t *match)
{
	json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
	json_t *payload = json_object_get(left, "payload");

	if (value_is(json_object_get(left, "meta"), "key", "mark"))
		return question->mark != 0 && json_is_integer(right) &&
		       json_integer_value(right) == (json_int_t)question->mark;
	return value_is(payload, "field", "dport") && !value_is(match, "op", "!=") &&
	       match_payload(question, payload, right) != MATCH_NO;
}

bool match_is_meant(const struct ruleset_question *question, json_t *statements)
{
	json_t *statement;
	size_t index;

	json_array_foreach(statements, index, statement)
	{
		if (is_meant(question, json_object_get(statement, "match")))
			return true;
	}
	return false;
}

enum match match_statement(
	const struct ruleset_question *question, json_t *statements, json_t *statement)
{
	static const char *const notes[] = {"accept", "drop", "reject", "return", "jump", "goto",
		"counter", "log", "mangle", "notrack"};
	json_t *one = json_object_get(statement, "match");

	if (one)
		return match_one(question, one);
	if (json_object_get(statement, "xt"))
		return match_xt(question, statements, statement);
	return has_key(statement, notes, sizeof(notes) / sizeof(notes[0])) ? MATCH_YES
									   : MATCH_PERHAPS;
}
