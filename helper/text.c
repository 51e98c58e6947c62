/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static bool is_plain(const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.:_+/@,%-";

	return value[0] && value[strspn(value, plain)] == '\0';
}

static size_t escape(unsigned char c, char *to)
{
	if (c == '"' || c == '\\')
		return (size_t)sprintf(to, "\\%c", c);
	if (c < 0x20 || c > 0x7e)
		return (size_t)sprintf(to, "\\x%02x", c);
	to[0] = (char)c;
	return 1;
}

void text_quote(const char *value, char quoted[TEXT_QUOTED_SIZE])
{
	size_t length = 0;

	if (strlen(value) >= TEXT_QUOTED_SIZE / 4)
		value = "";
	if (is_plain(value)) {
		strcpy(quoted, value);
		return;
	}
	quoted[length++] = '"';
	for (; *value; value++)
		length += escape((unsigned char)*value, quoted + length);
	quoted[length++] = '"';
	quoted[length] = '\0';
}

static const char *const vias[] = {
	[LABEL_LOGIN] = "login",
	[LABEL_ROAM] = "roam",
	[LABEL_ALLOW] = "allow",
};

const char *text_via(enum label_via via)
{
	return vias[via];
}

static const char *const reasons[] = {
	[GRANT_EXIT] = "exit",
	[GRANT_IDLE] = "idle",
	[GRANT_UNCLAIMED] = "unclaimed",
	[GRANT_MAX] = "max",
	[GRANT_ADMIN] = "admin",
	[GRANT_STALE] = "stale",
};

const char *text_reason(enum grant_reason reason)
{
	return reasons[reason];
}

static const char *const denials[] = {
	[DENIAL_NO_LOGIN] = "no-login",
	[DENIAL_FAMILY] = "family",
	[DENIAL_NO_ADDRESS] = "no-address",
	[DENIAL_TAKEN] = "taken",
	[DENIAL_LIMIT_USER] = "grants-per-user",
	[DENIAL_LIMIT] = "grants",
};

const char *text_denial(enum grant_denial_reason reason)
{
	return denials[reason];
}
