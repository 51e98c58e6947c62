/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of nftables share: somebody else's nft, and keys. Wants a network of the test's own.
 */
#ifndef CHECK_NFT_H
#define CHECK_NFT_H

#include <nftables/libnftables.h>

#include "check_kernel.h"
#include "grant.h"

static inline struct nft_ctx *nft_open(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	ck_assert_ptr_nonnull(nft);
	ck_assert_int_eq(nft_ctx_buffer_error(nft), 0);
	ck_assert_int_eq(nft_ctx_buffer_output(nft), 0);
	return nft;
}

/* Runs commands as another process would. */
static inline void nft_run(const char *commands)
{
	struct nft_ctx *nft = nft_open();

	ck_assert_msg(nft_run_cmd_from_buffer(nft, commands) == 0, "%s: %s", commands,
		nft_ctx_get_error_buffer(nft));
	nft_ctx_free(nft);
}

/* What the command says, of those flags; the caller's to free. */
static inline char *nft_say(const char *command, unsigned int flags)
{
	struct nft_ctx *nft = nft_open();
	char *text;

	nft_ctx_output_set_flags(nft, flags);
	ck_assert_msg(nft_run_cmd_from_buffer(nft, command) == 0, "%s: %s", command,
		nft_ctx_get_error_buffer(nft));
	text = strdup(nft_ctx_get_output_buffer(nft));
	nft_ctx_free(nft);
	return text;
}

/* The same without what changes by itself. */
static inline char *nft_ask(const char *command)
{
	return nft_say(command, NFT_CTX_OUTPUT_STATELESS);
}

static inline struct grant_key nft_key(const char *client, const char *server, uint16_t port)
{
	struct grant_key key;

	memset(&key, 0, sizeof(key));
	ck_assert_int_eq(address_parse(client, &key.client), 0);
	ck_assert_int_eq(address_parse(server, &key.server), 0);
	key.port = port;
	return key;
}

static inline const struct element *nft_find(
	const struct elements *elements, const struct grant_key *key)
{
	for (size_t i = 0; i < elements->count; i++)
		if (memcmp(&elements->items[i].key, key, sizeof(*key)) == 0)
			return &elements->items[i];
	return NULL;
}

#endif
