/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "memory.h"
#include "nftables.h"

void nftables_close(struct nftables *nftables)
{
	if (nftables->context)
		nft_ctx_free(nftables->context);
	nftables->context = NULL;
}

int nftables_open(struct nftables *nftables)
{
	if (nftables->context)
		return 0;
	nftables->context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (nftables->context && nft_ctx_buffer_error(nftables->context) == 0 &&
		nft_ctx_buffer_output(nftables->context) == 0)
		return 0;
	nftables_close(nftables);
	return -ENOMEM;
}

static int run(struct nftables *nftables, const char *commands)
{
	const char *error;
	size_t length;

	if (nftables_open(nftables) < 0) {
		strcpy(nftables->error, "libnftables does not start");
		return -EIO;
	}
	if (nft_run_cmd_from_buffer(nftables->context, commands) == 0)
		return 0;
	error = nft_ctx_get_error_buffer(nftables->context);
	length = strcspn(error, "\n");
	if (length >= sizeof(nftables->error))
		length = sizeof(nftables->error) - 1;
	snprintf(nftables->error, sizeof(nftables->error), "%.*s", (int)length, error);
	return -EIO;
}

void nftables_begin(struct nftables_script *script)
{
	*script = (struct nftables_script){0};
	script->file = open_memstream(&script->text, &script->size);
	if (!script->file)
		memory_exhausted();
}

int nftables_run(struct nftables *nftables, struct nftables_script *script)
{
	int result;

	/* glibc's fclose() does not tell that it could not make the text as long as it is. */
	if (ferror(script->file) || fclose(script->file) != 0 || !script->text)
		memory_exhausted();
	result = script->size > 0 ? run(nftables, script->text) : 0;
	free(script->text);
	return result;
}

int nftables_list(struct nftables *nftables, char **json)
{
	int result = nftables_open(nftables);

	if (result < 0)
		return result;
	/* For the name of a protocol a C library may load a module, which the sandbox forbids; and
	 * others' sets may have millions of elements, of which nothing is wanted here. */
	nft_ctx_output_set_flags(nftables->context,
		NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_PROTO | NFT_CTX_OUTPUT_TERSE);
	result = run(nftables, "list ruleset");
	nft_ctx_output_set_flags(nftables->context, 0);
	if (result == 0)
		*json = memory_text(nft_ctx_get_output_buffer(nftables->context));
	return result;
}
