/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_NFTABLES_H
#define MOSHGATE_NFTABLES_H

#include <stdio.h>

struct nft_ctx;

/* libnftables: text in its language, run as one transaction. The caller's struct begins as zeros.
 */
struct nftables {
	struct nft_ctx *context; /* null: not started, which the next use does */
	char error[256];         /* what it said of the last thing that was refused; one line */
};

/* -ENOMEM if libnftables does not start. */
int nftables_open(struct nftables *nftables);
void nftables_close(struct nftables *nftables);

/* Commands are written to memory; out of memory ends the helper. */
struct nftables_script {
	FILE *file;
	char *text;
	size_t size;
};

void nftables_begin(struct nftables_script *script);

/* Runs what was written since nftables_begin() and frees it. -EIO if it was refused: see error. */
int nftables_run(struct nftables *nftables, struct nftables_script *script);

/* The whole ruleset as nft -j lists it, text of malloc(). -EIO or -ENOMEM. */
int nftables_list(struct nftables *nftables, char **json);

#endif
