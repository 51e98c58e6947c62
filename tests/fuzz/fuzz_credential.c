/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sshd's SSH_AUTH_INFO_0: always one line that fits, with nothing in it that is not of the text, of
 * a key's name or a fingerprint. */
#include "credential.h"
#include "fuzz.h"

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* Behind the name of a type that is known there is a whole fingerprint or nothing. */
static void check_print(const char *text)
{
	static const char name[] = "publickey ED25519 ";
	const char *print = text + sizeof(name) - 1;
	size_t length;

	if (strncmp(text, name, sizeof(name) - 1) != 0 || strncmp(print, "SHA256:", 7) != 0)
		return;
	length = strspn(print + 7, BASE64);
	PROMISE(length == 43 && (!print[7 + length] || print[7 + length] == ','));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *info = fuzz_text(bytes, size);
	char *text = malloc(CREDENTIAL_SIZE);

	PROMISE(text);
	memset(text, 'x', CREDENTIAL_SIZE);
	credential_describe(info, text);
	PROMISE(memchr(text, '\0', CREDENTIAL_SIZE) && !strchr(text, '\n'));
	PROMISE(text[0] != ' ');
	if (strncmp(info, "publickey ssh-ed25519 ", 22) == 0)
		check_print(text);
	free(text);
	free(info);
	return 0;
}
