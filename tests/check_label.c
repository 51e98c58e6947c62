/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "label.h"

#define ROUNDS 20000

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_+/-";
static const char alphabet[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_+/=%- ";

static struct label sample(void)
{
	struct label label = {
		.uid = 0x3e9, .cookie = 0x5f, .since_ms = 0x1c1f4, .via = LABEL_LOGIN};

	label_set_user(&label, "alice");
	label_set_auth(&label, "publickey ED25519 SHA256:AbC+/x");
	return label;
}

static void check_equal(const struct label *a, const struct label *b)
{
	ck_assert_uint_eq(a->uid, b->uid);
	ck_assert_uint_eq(a->cookie, b->cookie);
	ck_assert_uint_eq(a->since_ms, b->since_ms);
	ck_assert_int_eq(a->via, b->via);
	ck_assert_str_eq(a->user, b->user);
	ck_assert_str_eq(a->auth, b->auth);
}

START_TEST(writes)
{
	struct label label = sample(), read;
	char text[LABEL_TEXT_SIZE];

	label_write(&label, text);
	ck_assert_str_eq(
		text, "1 u=3e9 c=5f s=1c1f4 v=l n=alice a=publickey%20ED25519%20SHA256:AbC+/x");
	ck_assert_int_eq(label_read(text, &read), 0);
	check_equal(&read, &label);
}
END_TEST

START_TEST(writes_without_texts)
{
	struct label label = {.uid = UINT32_MAX - 1,
		.cookie = UINT64_MAX,
		.since_ms = UINT64_MAX,
		.via = LABEL_ROAM};
	char text[LABEL_TEXT_SIZE];
	struct label read;

	label_write(&label, text);
	ck_assert_str_eq(text, "1 u=fffffffe c=ffffffffffffffff s=ffffffffffffffff v=r");
	ck_assert_int_eq(label_read(text, &read), 0);
	check_equal(&read, &label);
}
END_TEST

static uint64_t random_number(void)
{
	uint64_t number = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();

	return number >> random() % 64;
}

/* Half of the texts are plain, the others any bytes. */
static void random_text(char *text, size_t size)
{
	size_t length = (size_t)random() % size;
	bool is_plain = random() % 2;

	memset(text, 0, size);
	for (size_t i = 0; i < length; i++)
		text[i] = is_plain ? plain[(size_t)random() % (sizeof(plain) - 1)]
				   : (char)(random() % 255 + 1);
}

static struct label random_label(void)
{
	struct label label = {
		.uid = (uint32_t)random_number() % UINT32_MAX,
		.cookie = random_number(),
		.since_ms = random_number(),
		.via = (enum label_via)(random() % LABEL_VIAS),
	};

	random_text(label.user, sizeof(label.user));
	random_text(label.auth, sizeof(label.auth));
	return label;
}

/* The bytes that the field of a text takes. */
static size_t field_size(const char *value)
{
	size_t size = *value ? strlen(" n=") : 0;

	for (; *value; value++)
		size += strchr(plain, *value) ? 1 : 3;
	return size;
}

/* What has to come back: a text that does not fit is gone as a whole, the other may stay. */
static struct label without_misfits(const struct label *label)
{
	struct label expected = *label;
	int size = snprintf(NULL, 0, "1 u=%" PRIx32 " c=%" PRIx64 " s=%" PRIx64 " v=x", label->uid,
		label->cookie, label->since_ms);
	size_t used = (size_t)size + field_size(label->user);

	if (used >= LABEL_TEXT_SIZE) {
		label_set_user(&expected, "");
		used = (size_t)size;
	}
	if (used + field_size(label->auth) >= LABEL_TEXT_SIZE)
		label_set_auth(&expected, "");
	return expected;
}

START_TEST(round_trip)
{
	size_t whole = 0, cut = 0;

	srandom(1);
	for (int i = 0; i < ROUNDS; i++) {
		struct label label = random_label(), expected = without_misfits(&label), read;
		char text[LABEL_TEXT_SIZE];

		memset(text, 'x', sizeof(text));
		label_write(&label, text);
		ck_assert_uint_lt(strnlen(text, sizeof(text)), LABEL_TEXT_SIZE);
		ck_assert_uint_eq(strspn(text, alphabet), strlen(text));
		ck_assert_int_eq(label_read(text, &read), 0);
		check_equal(&read, &expected);
		if (strcmp(label.user, read.user) == 0 && strcmp(label.auth, read.auth) == 0)
			whole++;
		else
			cut++;
	}
	ck_assert_uint_gt(whole, ROUNDS / 50);
	ck_assert_uint_gt(cut, ROUNDS / 50);
}
END_TEST

START_TEST(too_long_texts)
{
	char longer[LABEL_AUTH_SIZE + 1] = {0};
	struct label label = sample();

	memset(longer, 'u', LABEL_USER_SIZE - 1);
	label_set_user(&label, longer);
	ck_assert_str_eq(label.user, longer);
	longer[LABEL_USER_SIZE - 1] = 'u';
	label_set_user(&label, longer);
	ck_assert_str_eq(label.user, "");
	memset(longer, 'a', LABEL_AUTH_SIZE - 1);
	label_set_auth(&label, longer);
	ck_assert_str_eq(label.auth, longer);
	longer[LABEL_AUTH_SIZE - 1] = 'a';
	label_set_auth(&label, longer);
	ck_assert_str_eq(label.auth, "");
}
END_TEST

#define NUMBERS  "1 u=3e9 c=5f s=1 v=l"
#define NAME63   "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
#define UNKNOWN9 " z=123456"

static const char *const bad[] = {
	"", " ", "1", "2 u=3e9 c=5f s=1 v=l", "0 u=3e9 c=5f s=1 v=l", "11 u=3e9 c=5f s=1 v=l",
	"u=3e9 c=5f s=1 v=l", "a saved comment", "1 c=5f s=1 v=l", /* each of the four is needed */
	"1 u=3e9 s=1 v=l", "1 u=3e9 c=5f v=l", "1 u=3e9 c=5f s=1",
	"1 u= c=5f s=1 v=l", /* numbers */
	"1 u=-1 c=5f s=1 v=l", "1 u=+1 c=5f s=1 v=l", "1 u=3g9 c=5f s=1 v=l",
	"1 u=0x1 c=5f s=1 v=l", "1 u=ffffffff c=5f s=1 v=l", "1 u=100000000 c=5f s=1 v=l",
	"1 u=3e9 c=10000000000000000 s=1 v=l", "1 u=3e9 c=5f s=10000000000000000 v=l",
	"1 u=3e9 c=5f s=1, v=l", "1 u=3e9 c=5f s=1 v=",                /* via */
	"1 u=3e9 c=5f s=1 v=x", "1 u=3e9 c=5f s=1 v=ll", NUMBERS " n", /* fields */
	NUMBERS " nalice", NUMBERS " z", NUMBERS " =", NUMBERS " u=3e9", NUMBERS " n=alice n=bob",
	NUMBERS " n=al%", /* texts */
	NUMBERS " n=al%4", NUMBERS " n=al%4g", NUMBERS " n=al%g4", NUMBERS " n=al%+4",
	NUMBERS " n=al%00ice", NUMBERS " a=%zz", NUMBERS " n=al\"ice", NUMBERS " n=al\nice",
	NUMBERS " n=al\xc3\xa9", NUMBERS " n=" NAME63 "u",
	NUMBERS UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9
		UNKNOWN9 UNKNOWN9 " z=123456", /* 128 characters */
};

START_TEST(refuses)
{
	struct label label, before;

	memset(&label, 0xa5, sizeof(label));
	memset(&before, 0xa5, sizeof(before));
	ck_assert_int_eq(label_read(bad[_i], &label), -EINVAL);
	ck_assert_mem_eq(&label, &before, sizeof(before));
}
END_TEST

static const struct {
	const char *text, *user, *auth;
} good[] = {
	{NUMBERS, "", ""},
	{NUMBERS " x=1", "", ""},
	{NUMBERS " x= y=%zz n=al%20ice", "al ice", ""},
	{"1 v=l s=1 c=5f a=b n=alice u=3e9", "alice", "b"},
	{NUMBERS " n=" NAME63, NAME63, ""},
	{NUMBERS " n=%41%7f%ff%0a", "A\x7f\xff\n", ""},
	{NUMBERS UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9 UNKNOWN9
			UNKNOWN9 UNKNOWN9 " z=12345", /* 127 characters */
		"", ""},
};

START_TEST(reads)
{
	const struct label numbers = {0x3e9, 0x5f, 1, LABEL_LOGIN, "", ""};
	struct label label, expected = numbers;

	memset(&label, 0xa5, sizeof(label));
	label_set_user(&expected, good[_i].user);
	label_set_auth(&expected, good[_i].auth);
	ck_assert_int_eq(label_read(good[_i].text, &label), 0);
	check_equal(&label, &expected);
}
END_TEST

/* Whatever a changed comment says, it is refused or means just what writing it again says. */
START_TEST(byte_flips)
{
	struct label label = sample(), read, again;
	char text[LABEL_TEXT_SIZE], rewritten[LABEL_TEXT_SIZE], *exact;
	size_t refused = 0, accepted = 0;

	label_write(&label, text);
	for (size_t bit = 0; bit < strlen(text) * 8; bit++) {
		exact = strdup(text);
		exact[bit / 8] ^= (char)(1 << bit % 8);
		if (label_read(exact, &read) == 0) {
			label_write(&read, rewritten);
			ck_assert_int_eq(label_read(rewritten, &again), 0);
			check_equal(&again, &read);
			accepted++;
		} else {
			refused++;
		}
		free(exact);
	}
	ck_assert_uint_gt(refused, 30);
	ck_assert_uint_gt(accepted, 30);
}
END_TEST

CHECK_MAIN("label", TEST(writes), TEST(writes_without_texts), TEST(round_trip),
	TEST(too_long_texts), LOOP(refuses, ARRAY_LEN(bad)), LOOP(reads, ARRAY_LEN(good)),
	TEST(byte_flips))
