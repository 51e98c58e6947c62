/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "credential.h"

#define LINE_SIZE 4096
#define BLOB_SIZE 3072

/* The formats of PROTOCOL.certkeys and RFC 4253: a certificate is its type, a nonce, then the
 * fields of the plain key. */
static const struct {
	const char *type, *name;
	const char *plain; /* of a certificate: the type of the key in it */
	unsigned int fields;
} keys[] = {
	{"ssh-ed25519", "ED25519", NULL, 0},
	{"ssh-rsa", "RSA", NULL, 0},
	{"ecdsa-sha2-nistp256", "ECDSA", NULL, 0},
	{"ecdsa-sha2-nistp384", "ECDSA", NULL, 0},
	{"ecdsa-sha2-nistp521", "ECDSA", NULL, 0},
	{"sk-ssh-ed25519@openssh.com", "ED25519-SK", NULL, 0},
	{"sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK", NULL, 0},
	{"ssh-ed25519-cert-v01@openssh.com", "ED25519-CERT", "ssh-ed25519", 1},
	{"ssh-rsa-cert-v01@openssh.com", "RSA-CERT", "ssh-rsa", 2},
	{"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ECDSA-CERT", "ecdsa-sha2-nistp256", 2},
	{"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ECDSA-CERT", "ecdsa-sha2-nistp384", 2},
	{"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ECDSA-CERT", "ecdsa-sha2-nistp521", 2},
	{"sk-ssh-ed25519-cert-v01@openssh.com", "ED25519-SK-CERT", "sk-ssh-ed25519@openssh.com", 2},
	{"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "ECDSA-SK-CERT",
		"sk-ecdsa-sha2-nistp256@openssh.com", 3},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* The bytes from a string field of ssh's format on: its four bytes of length and what they say. */
static int field_size(const uint8_t *blob, size_t size, size_t *length)
{
	uint32_t stated;

	if (size < 4)
		return -EPROTO;
	stated = (uint32_t)blob[0] << 24 | (uint32_t)blob[1] << 16 | (uint32_t)blob[2] << 8 |
		 blob[3];
	if (stated > size - 4)
		return -EPROTO;
	*length = 4 + stated;
	return 0;
}

/* The key fields of a certificate's blob. */
static int find_fields(
	const uint8_t *blob, size_t size, unsigned int count, size_t *at, size_t *end)
{
	const unsigned int before = 2; /* type and nonce */

	*end = 0;
	for (unsigned int i = 0; i < before + count; i++) {
		size_t length;

		if (i == before)
			*at = *end;
		if (field_size(blob + *end, size - *end, &length) < 0)
			return -EPROTO;
		*end += length;
	}
	return 0;
}

static void hash_certified(
	struct sha256_ctx *hash, const char *plain, const uint8_t *fields, size_t size)
{
	const uint8_t length[4] = {0, 0, 0, (uint8_t)strlen(plain)};

	sha256_update(hash, sizeof(length), length);
	sha256_update(hash, strlen(plain), (const uint8_t *)plain);
	sha256_update(hash, size, fields);
}

static int hash_key(size_t key, const char *base64, uint8_t digest[SHA256_DIGEST_SIZE])
{
	struct base64_decode_ctx decode;
	struct sha256_ctx hash;
	uint8_t blob[BLOB_SIZE + 3];
	size_t size = BLOB_SIZE, at = 0, end = 0;

	if (BASE64_DECODE_LENGTH(strlen(base64)) > BLOB_SIZE)
		return -EMSGSIZE;
	base64_decode_init(&decode);
	if (!base64_decode_update(&decode, &size, blob, strlen(base64), base64) ||
		!base64_decode_final(&decode))
		return -EPROTO;
	sha256_init(&hash);
	if (!keys[key].plain)
		sha256_update(&hash, size, blob);
	else if (find_fields(blob, size, keys[key].fields, &at, &end) == 0)
		hash_certified(&hash, keys[key].plain, blob + at, end - at);
	else
		return -EPROTO;
	sha256_digest(&hash, SHA256_DIGEST_SIZE, digest);
	return 0;
}

static void describe_key(
	const char *method, const char *type, const char *base64, char text[CREDENTIAL_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	char print[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1] = {0};

	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(type, keys[i].type) != 0)
			continue;
		if (hash_key(i, base64, digest) < 0)
			break;
		base64_encode_raw(print, sizeof(digest), digest);
		print[strcspn(print, "=")] = '\0';
		snprintf(text, CREDENTIAL_SIZE, "%s %s SHA256:%s", method, keys[i].name, print);
		return;
	}
	snprintf(text, CREDENTIAL_SIZE, "%s %s", method, type);
}

static void describe_line(char *line, char text[CREDENTIAL_SIZE])
{
	char *rest = NULL;
	const char *method = strtok_r(line, " ", &rest);
	const char *type = strtok_r(NULL, " ", &rest);
	const char *base64 = strtok_r(NULL, " ", &rest);

	if (method && type && base64)
		describe_key(method, type, base64, text);
	else
		snprintf(text, CREDENTIAL_SIZE, "%s%s%s", method ? method : "", type ? " " : "",
			type ? type : "");
}

void credential_describe(const char *info, char text[CREDENTIAL_SIZE])
{
	char copy[LINE_SIZE], *rest = NULL;

	text[0] = '\0';
	if (strlen(info) >= sizeof(copy))
		return;
	strcpy(copy, info);
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char method[CREDENTIAL_SIZE];
		size_t used = strlen(text);

		describe_line(line, method);
		if (used + 2 + strlen(method) >= CREDENTIAL_SIZE)
			return;
		if (used > 0) {
			memcpy(text + used, ", ", 2);
			used += 2;
		}
		strcpy(text + used, method);
	}
}
