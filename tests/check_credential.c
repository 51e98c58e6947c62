/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <nettle/base64.h>

#include "check_main.h"
#include "credential.h"

#define LINE_SIZE 4096

/* Made with ssh-keygen, and so are their fingerprints; the certificates hold the keys above them.
 */
#define ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAIBzesMEmBSFgLeN9loU46MXVIN/84qh+0fZEFpJweU/i"
#define ED25519_CERT                                                                               \
	"AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIJHMg32mHnhq6mtdLMAg"                 \
	"oYS5kVGN/iXwaXIumU0hMwlhAAAAIBzesMEmBSFgLeN9loU46MXVIN/84qh+0fZEFpJweU/i"                 \
	"AAAAAAAAAAAAAAABAAAAAmlkAAAACAAAAARyb290AAAAAAAAAAD//////////wAAAAAAAACC"                 \
	"AAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRp"                 \
	"bmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAA"                 \
	"AAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAICLqYcpI"                 \
	"OJsfqYIEFIcyhIU5pamePsBvTUP2biZ5iEJ4AAAAUwAAAAtzc2gtZWQyNTUxOQAAAEB70+zc"                 \
	"JKYcijBgDAMRqTgleQB4mTZDnMNYXLtSuSPU6gAZzJoanCZyJkJ/RjO7xsTxP5yApbjRVzpl"                 \
	"W4zvoasI"
#define ECDSA                                                                                      \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLtRNQ0ZNyeVgoFFVTko"                 \
	"yVpe6GqYOUH3alMSXFF/NZY50xMalCZkFTvILHnRFu5xGT0iFkIckkkWTTQdvINenPY="
#define ECDSA_CERT                                                                                 \
	"AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgWL3IUd/B"                 \
	"vNguPiWkbnaDLLubr8G8DFJ2Mo3p8Wk9inUAAAAIbmlzdHAyNTYAAABBBLtRNQ0ZNyeVgoFF"                 \
	"VTkoyVpe6GqYOUH3alMSXFF/NZY50xMalCZkFTvILHnRFu5xGT0iFkIckkkWTTQdvINenPYA"                 \
	"AAAAAAAAAAAAAAEAAAACaWQAAAAIAAAABHJvb3QAAAAAAAAAAP//////////AAAAAAAAAIIA"                 \
	"AAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGlu"                 \
	"ZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAA"                 \
	"AAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgIuphykg4"                 \
	"mx+pggQUhzKEhTmlqZ4+wG9NQ/ZuJnmIQngAAABTAAAAC3NzaC1lZDI1NTE5AAAAQCrroXml"                 \
	"TuHslQgPrr0F2ALkwi+/7I8zbHRDHXGEjoA/b+MSQ3b2/M06PB92ypUhDBHaAUF3rhM9LZwp"                 \
	"vCitlAc="
#define RSA_CERT                                                                                   \
	"AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20AAAAg0qDokFBol+WU8oIUACGloWOQ"                 \
	"ZJnYHIRjFAW+mC99JXAAAAADAQABAAAAgQCv5KzsDl8INFlNA2QctfZsqYFZ7nqvZ9eobkqI"                 \
	"ZUxsW1LaZcDXH2OuZ54zy6Sg3Oaz8JRQ6luD1louuwTEsgav1Gc9baVXDGaHbANx5jTuxqjg"                 \
	"UXi7IhKf9jMnUlMZa6M0+onVJLVRqDQrzcj2SKLDMLm5RQHPdMTTCYtgDNPY/QAAAAAAAAAA"                 \
	"AAAAAQAAAAJpZAAAAAgAAAAEcm9vdAAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJt"                 \
	"aXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAA"                 \
	"ABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJt"                 \
	"aXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACAi6mHKSDibH6mCBBSH"                 \
	"MoSFOaWpnj7Ab01D9m4meYhCeAAAAFMAAAALc3NoLWVkMjU1MTkAAABAwz1W0045X0hG7AXo"                 \
	"zB8v+d28zpZ+SiTC0vPpBv/fCl/AwP2G9Z32qxg/q98jafJYgVj41i+oAdcRZzmQZW8BBg=="
#define ED25519_PRINT "SHA256:gJKq+N/J0FYAyJiQd/Esd8n4PGJT8gGAZQRRjvRx5A4"
#define ECDSA_PRINT   "SHA256:cke+hIy6DYP3IQh6mmsL9wARlJQQPyQDxphRVAeW8rc"
#define RSA_PRINT     "SHA256:7dk/7w5CtD2hvBwtFwnfHOWKZ0yfGJPPH3VFtKBxAVc"

#define PUBLICKEY_ED25519 "publickey ssh-ed25519 " ED25519
#define DESCRIBED_ED25519 "publickey ED25519 " ED25519_PRINT
#define CERT_TYPE         "ssh-ed25519-cert-v01@openssh.com"

static const struct {
	const char *info, *described;
} vectors[] = {
	{"", ""},
	{"\n", ""},
	{"password", "password"},
	{"password\n", "password"},
	{"keyboard-interactive/pam\n", "keyboard-interactive/pam"},
	{PUBLICKEY_ED25519, DESCRIBED_ED25519},
	{PUBLICKEY_ED25519 " comment\n", DESCRIBED_ED25519},
	{"hostbased ssh-ed25519 " ED25519, "hostbased ED25519 " ED25519_PRINT},
	{"publickey " CERT_TYPE " " ED25519_CERT, "publickey ED25519-CERT " ED25519_PRINT},
	{"publickey ecdsa-sha2-nistp256 " ECDSA, "publickey ECDSA " ECDSA_PRINT},
	{"publickey ecdsa-sha2-nistp256-cert-v01@openssh.com " ECDSA_CERT,
		"publickey ECDSA-CERT " ECDSA_PRINT},
	{"publickey ssh-rsa-cert-v01@openssh.com " RSA_CERT, "publickey RSA-CERT " RSA_PRINT},
	/* several lines */
	{PUBLICKEY_ED25519 "\npassword\n", DESCRIBED_ED25519 ", password"},
	{PUBLICKEY_ED25519 "\n\n" PUBLICKEY_ED25519 "\nkeyboard-interactive/pam\n",
		DESCRIBED_ED25519 ", " DESCRIBED_ED25519 ", keyboard-interactive/pam"},
	/* not understood: the type stays, the fingerprint goes */
	{"publickey ssh-new " ED25519, "publickey ssh-new"},
	{"publickey ssh-ed25519", "publickey ssh-ed25519"},
	{"publickey ssh-ed25519 ", "publickey ssh-ed25519"},
	{"publickey ssh-ed25519 !", "publickey ssh-ed25519"},
	{"publickey ssh-ed25519 AAA", "publickey ssh-ed25519"},
	{"publickey ssh-ed25519 AAAA=AAA", "publickey ssh-ed25519"},
	{"publickey ssh-ed25519 AAAA\xff\xff\xff\xff", "publickey ssh-ed25519"},
	{"publickey " CERT_TYPE " " ED25519, "publickey " CERT_TYPE},
	{"publickey " CERT_TYPE " AAAA", "publickey " CERT_TYPE},
	{"publickey " CERT_TYPE " /////w==", "publickey " CERT_TYPE},
	{"publickey ssh-new\npassword", "publickey ssh-new, password"},
};

/* Through buffers of just that size, so that ASan sees a byte too far. */
static void check_described(const char *info, const char *expected)
{
	char *exact = strdup(info), *text = malloc(CREDENTIAL_SIZE);

	memset(text, 'x', CREDENTIAL_SIZE);
	credential_describe(exact, text);
	ck_assert_str_eq(text, expected);
	free(exact);
	free(text);
}

START_TEST(fixed_vectors)
{
	check_described(vectors[_i].info, vectors[_i].described);
}
END_TEST

/* A certificate cut anywhere has its key or it has no fingerprint. */
START_TEST(truncated_certificate)
{
	static const char certificate[] = ED25519_CERT;
	size_t understood = 0, refused = 0;

	for (size_t length = 4; length < strlen(certificate); length += 4) {
		char info[LINE_SIZE], text[CREDENTIAL_SIZE];

		snprintf(info, sizeof(info), "publickey " CERT_TYPE " %.*s", (int)length,
			certificate);
		credential_describe(info, text);
		if (strcmp(text, "publickey " CERT_TYPE) == 0) {
			ck_assert_uint_eq(understood, 0);
			refused++;
			continue;
		}
		ck_assert_str_eq(text, "publickey ED25519-CERT " ED25519_PRINT);
		understood++;
	}
	/* type, nonce and key are 4 + 32 + 4 + 32 + 4 + 32 bytes */
	ck_assert_uint_eq(refused, 35);
	ck_assert_uint_gt(understood, 0);
}
END_TEST

START_TEST(overlong)
{
	char info[LINE_SIZE + 1] = "password\n";
	size_t length = strlen(info);

	memset(info + length, 'a', LINE_SIZE - 1 - length);
	check_described(info, "password"); /* what would not fit is left out */
	info[LINE_SIZE - 1] = 'a';
	check_described(info, "");
	memset(info, 'p', 300);
	info[300] = '\0';
	check_described(info, "");
	memcpy(info, "publickey ", 10);
	check_described(info, "");
}
END_TEST

START_TEST(too_many_lines)
{
	char info[LINE_SIZE] = "", expected[LINE_SIZE] = "", text[CREDENTIAL_SIZE];

	for (int i = 0; i < 100; i++)
		strcat(info, "keyboard-interactive/pam\n");
	credential_describe(info, text);
	for (int i = 0; strlen(expected) + 26 < CREDENTIAL_SIZE; i++)
		sprintf(expected + strlen(expected), "%skeyboard-interactive/pam", i ? ", " : "");
	ck_assert_str_eq(text, expected);
}
END_TEST

/* What ssh-keygen says of keys that it made. */

static char folder[CHECK_FOLDER_SIZE];

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void first_line(const char *name, char *text, size_t size)
{
	char path[CHECK_FOLDER_SIZE + 32];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, (int)size, file));
	fclose(file);
}

/* The public key file "<name>.pub" against "256 SHA256:... comment (NAME)". */
static void check_like_keygen(const char *name)
{
	char public[LINE_SIZE], info[LINE_SIZE + 16], said[512], print[128], kind[64], file[64];
	char expected[CREDENTIAL_SIZE];

	shell("cd %s && ssh-keygen -lf %s.pub >%s.said", folder, name, name);
	snprintf(file, sizeof(file), "%s.said", name);
	first_line(file, said, sizeof(said));
	ck_assert_int_eq(sscanf(said, "%*d %127s %*s (%63[^)])", print, kind), 2);
	snprintf(expected, sizeof(expected), "publickey %s %s", kind, print);
	snprintf(file, sizeof(file), "%s.pub", name);
	first_line(file, public, sizeof(public));
	snprintf(info, sizeof(info), "publickey %s", public);
	check_described(info, expected);
}

static void sign(const char *name)
{
	shell("cd %s && { test -f ca || ssh-keygen -q -t ed25519 -N '' -f ca; } && "
	      "ssh-keygen -q -s ca -I id -n root %s.pub",
		folder, name);
}

static const char *const kinds[] = {
	"ed25519", "rsa -b 2048", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"};

START_TEST(like_keygen)
{
	char name[16], certificate[32];

	snprintf(name, sizeof(name), "key%d", _i);
	snprintf(certificate, sizeof(certificate), "%s-cert", name);
	shell("cd %s && ssh-keygen -q -t %s -N '' -C c -f %s", folder, kinds[_i], name);
	sign(name);
	check_like_keygen(name);
	check_like_keygen(certificate);
}
END_TEST

static size_t add_string(uint8_t *blob, const void *bytes, size_t length)
{
	const uint8_t size[4] = {0, 0, (uint8_t)(length >> 8), (uint8_t)length};

	memcpy(blob, size, 4);
	memcpy(blob + 4, bytes, length);
	return 4 + length;
}

/* A security key's public key, which wants no device: the fields of a plain key, and one more. */
static void write_security_key(
	const char *name, const char *type, const char *plain, size_t skipped)
{
	uint8_t blob[512], key[512];
	struct base64_decode_ctx decode;
	size_t size = sizeof(key), length;
	char base64[BASE64_ENCODE_RAW_LENGTH(sizeof(blob)) + 1] = {0};

	base64_decode_init(&decode);
	ck_assert_int_eq(base64_decode_update(&decode, &size, key, strlen(plain), plain), 1);
	length = add_string(blob, type, strlen(type));
	memcpy(blob + length, key + skipped, size - skipped);
	length += size - skipped;
	length += add_string(blob + length, "ssh:", 4);
	base64_encode_raw(base64, length, blob);
	shell("cd %s && echo '%s %s c' >%s.pub", folder, type, base64, name);
}

static const struct {
	const char *name, *type, *plain;
	size_t skipped; /* its type */
} security_keys[] = {
	{"sk-ed", "sk-ssh-ed25519@openssh.com", ED25519, 4 + 11},
	{"sk-ec", "sk-ecdsa-sha2-nistp256@openssh.com", ECDSA, 4 + 19},
};

START_TEST(security_key_like_keygen)
{
	char certificate[32];
	const char *name = security_keys[_i].name;

	write_security_key(
		name, security_keys[_i].type, security_keys[_i].plain, security_keys[_i].skipped);
	snprintf(certificate, sizeof(certificate), "%s-cert", name);
	sign(name);
	check_like_keygen(name);
	check_like_keygen(certificate);
}
END_TEST

int main(void)
{
	const struct check_test tests[] = {LOOP(fixed_vectors, ARRAY_LEN(vectors)),
		TEST(truncated_certificate), TEST(overlong), TEST(too_many_lines),
		LOOP(like_keygen, ARRAY_LEN(kinds)),
		LOOP(security_key_like_keygen, ARRAY_LEN(security_keys))};
	bool has_keygen = system("command -v ssh-keygen >/dev/null") == 0;
	int status;

	check_make_folder(folder);
	status = check_status("credential", tests, ARRAY_LEN(tests) - (has_keygen ? 0 : 2));
	check_remove_folder(folder);
	return status;
}
