/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libnftnl ends the program, or reads what is not there, if an attribute is not what the kernel
 * always says. So it gets messages about elements only if they are made of these, with any values.
 * For one file of a program.
 */
#ifndef FUZZ_NFTNL_H
#define FUZZ_NFTNL_H

#include <dlfcn.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <libnftnl/set.h>

enum nest { NONE, MESSAGE, ELEMENTS, ELEMENT, DATA, EXPRESSIONS, EXPRESSION, COUNTER };

static const struct {
	enum nest in;
	unsigned int type;
	enum mnl_attr_data_type kind;
	enum nest inner; /* of a nested one */
} attributes[] = {
	{MESSAGE, NFTA_SET_ELEM_LIST_TABLE, MNL_TYPE_NUL_STRING, NONE},
	{MESSAGE, NFTA_SET_ELEM_LIST_SET, MNL_TYPE_NUL_STRING, NONE},
	{MESSAGE, NFTA_SET_ELEM_LIST_ELEMENTS, MNL_TYPE_NESTED, ELEMENTS},
	{ELEMENTS, NFTA_LIST_ELEM, MNL_TYPE_NESTED, ELEMENT},
	{ELEMENT, NFTA_SET_ELEM_KEY, MNL_TYPE_NESTED, DATA},
	{ELEMENT, NFTA_SET_ELEM_FLAGS, MNL_TYPE_U32, NONE},
	{ELEMENT, NFTA_SET_ELEM_TIMEOUT, MNL_TYPE_U64, NONE},
	{ELEMENT, NFTA_SET_ELEM_EXPIRATION, MNL_TYPE_U64, NONE},
	{ELEMENT, NFTA_SET_ELEM_USERDATA, MNL_TYPE_BINARY, NONE},
	{ELEMENT, NFTA_SET_ELEM_EXPR, MNL_TYPE_NESTED, EXPRESSION},
	{ELEMENT, NFTA_SET_ELEM_EXPRESSIONS, MNL_TYPE_NESTED, EXPRESSIONS},
	{DATA, NFTA_DATA_VALUE, MNL_TYPE_BINARY, NONE},
	{EXPRESSIONS, NFTA_LIST_ELEM, MNL_TYPE_NESTED, EXPRESSION},
	{EXPRESSION, NFTA_EXPR_NAME, MNL_TYPE_NUL_STRING, NONE},
	{EXPRESSION, NFTA_EXPR_DATA, MNL_TYPE_NESTED, COUNTER},
	{COUNTER, NFTA_COUNTER_BYTES, MNL_TYPE_U64, NONE},
	{COUNTER, NFTA_COUNTER_PACKETS, MNL_TYPE_U64, NONE},
};

static size_t fuzz_longest_key; /* of all elements so far */

static bool are_known(const struct nlattr *nested, enum nest in);

static bool is_known(const struct nlattr *attribute, enum nest in)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (attributes[i].in == in && attributes[i].type == mnl_attr_get_type(attribute) &&
			mnl_attr_validate(attribute, attributes[i].kind) == 0)
			return !attributes[i].inner || are_known(attribute, attributes[i].inner);
	return false;
}

/* An expression begins with its name, and has values if it is a counter. */
static bool is_expression(const struct nlattr *nested)
{
	const struct nlattr *name = mnl_attr_get_payload(nested);

	return mnl_attr_ok(name, mnl_attr_get_payload_len(nested)) &&
	       mnl_attr_get_type(name) == NFTA_EXPR_NAME &&
	       mnl_attr_validate(name, MNL_TYPE_NUL_STRING) == 0 &&
	       (strcmp(mnl_attr_get_str(name), "counter") == 0 ||
		       mnl_attr_get_len(name) == mnl_attr_get_payload_len(nested));
}

static bool are_known(const struct nlattr *nested, enum nest in)
{
	const struct nlattr *attribute;

	if (in == EXPRESSION && !is_expression(nested))
		return false;
	if (in == DATA && mnl_attr_get_payload_len(nested) > fuzz_longest_key + NLA_HDRLEN)
		fuzz_longest_key = mnl_attr_get_payload_len(nested) - NLA_HDRLEN;
	mnl_attr_for_each_nested(attribute, nested)
	{
		if (!is_known(attribute, in))
			return false;
	}
	return true;
}

/* In libnftnl's place. */
int nftnl_set_elems_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_set *set)
{
	static int (*real)(const struct nlmsghdr *, struct nftnl_set *);
	const struct nlattr *attribute;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "nftnl_set_elems_nlmsg_parse");
	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		if (!is_known(attribute, MESSAGE))
			return -1;
	}
	return real(message, set);
}

#endif
