/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

int ctl_select_none(const char *selector, struct wire_control *request)
{
	(void)request;
	return selector ? -EINVAL : 0;
}

/* Decimal digits and nothing else. -EINVAL: other text; -ERANGE: more than most. */
static int parse_decimal(const char *text, uint32_t most, uint32_t *number)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long parsed;

	if (digits == 0 || text[digits])
		return -EINVAL;
	errno = 0;
	parsed = strtoull(text, NULL, 10);
	if (errno != 0 || parsed > most)
		return -ERANGE;
	*number = (uint32_t)parsed;
	return 0;
}

static int refuse_selector(const char *wanted, const char *selector)
{
	fprintf(stderr, "moshgatectl: no %s: \"%s\"\n", wanted, selector);
	return -ENOENT;
}

static int select_user(const char *selector, const char *wanted, struct wire_control *request)
{
	const struct passwd *passwd;

	request->is_of_user = 1;
	if (strncmp(selector, "uid:", 4) == 0)
		return parse_decimal(selector + 4, UINT32_MAX - 1, &request->uid) == 0
			       ? 0
			       : refuse_selector("uid of 0 to 4294967294", selector);
	passwd = getpwnam(selector);
	if (!passwd)
		return refuse_selector(wanted, selector);
	request->uid = passwd->pw_uid;
	return 0;
}

int ctl_select_grants(const char *selector, struct wire_control *request)
{
	uint32_t port = 0;
	int error;

	if (!selector)
		return -EINVAL;
	if (strcmp(selector, "all") == 0 || address_parse(selector, &request->client) == 0)
		return 0;
	error = parse_decimal(selector, UINT16_MAX, &port);
	if (error == -EINVAL)
		return select_user(selector, "user, address or port", request);
	request->port = (uint16_t)port;
	return port > 0 ? 0 : refuse_selector("port of 1 to 65535", selector);
}

int ctl_select_address(const char *selector, struct wire_control *request)
{
	if (!selector)
		return -EINVAL;
	if (address_parse(selector, &request->client) == 0 &&
		!address_is_wildcard(&request->client))
		return 0;
	return refuse_selector("address", selector);
}

int ctl_select_person(const char *selector, struct wire_control *request)
{
	if (!selector)
		return 0;
	if (address_parse(selector, &request->client) == 0)
		return 0;
	return select_user(selector, "user or address", request);
}
