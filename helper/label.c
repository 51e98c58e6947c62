/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "1 u=3e9 c=5f s=1c1f4 v=l n=alice a=publickey%20ED25519%20SHA256:..."
 *
 * The version, then fields of one letter each. Numbers are hexadecimal; since is in milliseconds.
 * Unknown fields are passed over, so a later version may add some without a new number.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "label.h"

#define LABEL_VERSION "1"

/* What stands for itself in a text, and what else there is in a label. */
#define LABEL_PLAIN    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_+/-"
#define LABEL_ALPHABET LABEL_PLAIN " =%"

static const char via_letters[LABEL_VIAS] = {
	[LABEL_LOGIN] = 'l', [LABEL_ROAM] = 'r', [LABEL_ALLOW] = 'a'};
static const char hex_digits[] = "0123456789abcdef";

static void set_text(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	memset(to, 0, size);
	if (length < size)
		memcpy(to, from, length); // NOLINT(bugprone-not-null-terminated-result): memset
}

void label_set_user(struct label *label, const char *user)
{
	set_text(label->user, sizeof(label->user), user);
}

void label_set_auth(struct label *label, const char *auth)
{
	set_text(label->auth, sizeof(label->auth), auth);
}

static bool is_plain(char c)
{
	return c && strchr(LABEL_PLAIN, c);
}

/* Adds " x=value" if it fits as a whole. */
static void add_text(char text[LABEL_TEXT_SIZE], char name, const char *value)
{
	char field[LABEL_TEXT_SIZE * 4] = {' ', name, '='};
	size_t length = 3, used = strlen(text);

	if (!value[0])
		return;
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (is_plain(*value)) {
			field[length++] = *value;
		} else {
			field[length++] = '%';
			field[length++] = hex_digits[c >> 4];
			field[length++] = hex_digits[c & 15];
		}
	}
	field[length] = '\0';
	if (used + length < LABEL_TEXT_SIZE)
		memcpy(text + used, field, length + 1);
}

void label_write(const struct label *label, char text[LABEL_TEXT_SIZE])
{
	snprintf(text, LABEL_TEXT_SIZE, LABEL_VERSION " u=%lx c=%llx s=%llx v=%c",
		(unsigned long)label->uid, (unsigned long long)label->cookie,
		(unsigned long long)label->since_ms, via_letters[label->via]);
	add_text(text, 'n', label->user);
	add_text(text, 'a', label->auth);
}

static int read_number(const char *value, uint64_t most, uint64_t *number)
{
	char *end;

	if (!value[0] || value[strspn(value, "0123456789abcdef")])
		return -EINVAL;
	errno = 0;
	*number = strtoull(value, &end, 16);
	return *end || errno || *number > most ? -EINVAL : 0;
}

static int read_text(const char *value, size_t size, char *text)
{
	size_t length = 0;

	for (; *value; value++) {
		unsigned int code;

		if (length + 1 >= size)
			return -EINVAL;
		if (*value != '%') {
			text[length++] = *value;
			continue;
		}
		if (!isxdigit((unsigned char)value[1]) || !isxdigit((unsigned char)value[2]) ||
			// NOLINTNEXTLINE(cert-err34-c): two digits, as just seen
			sscanf(value + 1, "%2x", &code) != 1 || code == 0)
			return -EINVAL;
		text[length++] = (char)code;
		value += 2;
	}
	text[length] = '\0';
	return 0;
}

static int read_via(const char *value, enum label_via *via)
{
	const char *letter = memchr(via_letters, value[0], LABEL_VIAS);

	if (!letter || value[1])
		return -EINVAL;
	*via = (enum label_via)(letter - via_letters);
	return 0;
}

static int read_field(const char *field, struct label *label, unsigned int *seen)
{
	static const char names[] = "ucsvna";
	const char *name = field[0] ? strchr(names, field[0]) : NULL;
	const char *value = field + 2;
	uint64_t uid = 0;
	int error = 0;

	if (!field[0] || field[1] != '=')
		return -EINVAL;
	if (!name)
		return 0;
	if (*seen & 1u << (name - names))
		return -EINVAL;
	*seen |= 1u << (name - names);
	switch (field[0]) {
	case 'u':
		error = read_number(value, UINT32_MAX - 1, &uid);
		label->uid = (uint32_t)uid;
		return error;
	case 'c':
		return read_number(value, UINT64_MAX, &label->cookie);
	case 's':
		return read_number(value, UINT64_MAX, &label->since_ms);
	case 'v':
		return read_via(value, &label->via);
	case 'n':
		return read_text(value, sizeof(label->user), label->user);
	default:
		return read_text(value, sizeof(label->auth), label->auth);
	}
}

int label_read(const char *text, struct label *label)
{
	char copy[LABEL_TEXT_SIZE], *rest = NULL, *field;
	struct label read = {0};
	unsigned int seen = 0;
	const unsigned int needed = 0xf; /* u, c, s and v */

	if (strlen(text) >= sizeof(copy) || text[strspn(text, LABEL_ALPHABET)])
		return -EINVAL;
	strcpy(copy, text);
	field = strtok_r(copy, " ", &rest);
	if (!field || strcmp(field, LABEL_VERSION) != 0)
		return -EINVAL;
	while ((field = strtok_r(NULL, " ", &rest)))
		if (read_field(field, &read, &seen) < 0)
			return -EINVAL;
	if ((seen & needed) != needed)
		return -EINVAL;
	*label = read;
	return 0;
}
