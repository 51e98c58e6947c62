/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's answers to a transaction: it is done if its last message was acknowledged, and what
 * it was refused for is an answer's or the socket's own word; both of this transaction. */
#include <stdbool.h>

#include "batch.h"
#include "fuzz_netlink.h"

/* The numbers of its messages: BEGIN, one that adds, one that deletes. */
#define FIRST 1
#define LAST  3

struct answer {
	struct nlmsghdr head;
	struct nlmsgerr error;
};

/* Is one there, with one of these numbers? */
static bool read_answer(const uint8_t *bytes, size_t size, uint32_t first, struct answer *answer)
{
	if (size < sizeof(*answer))
		return false;
	memcpy(answer, bytes, sizeof(*answer));
	return answer->head.nlmsg_type == NLMSG_ERROR &&
	       answer->head.nlmsg_len >= sizeof(*answer) && answer->head.nlmsg_len <= size &&
	       answer->head.nlmsg_seq >= first && answer->head.nlmsg_seq <= LAST;
}

/* Is there one with this error, wherever? */
static bool has_answer(const uint8_t *bytes, size_t size, uint32_t first, int error)
{
	struct answer answer;

	for (size_t at = 0; at < size; at++)
		if (read_answer(bytes + at, size - at, first, &answer) &&
			answer.error.error == error)
			return true;
	return false;
}

/* The first datagram alone, behind the byte that is the call and two that are its size. */
static bool begins_with_refusal(const uint8_t *bytes, size_t size)
{
	struct answer answer;
	size_t stated;

	if (size < 3)
		return false;
	stated = (size_t)(bytes[1] | bytes[2] << 8);
	return stated <= size - 3 && read_answer(bytes + 3, stated, FIRST, &answer) &&
	       answer.error.error < 0;
}

/* Did the socket say so? */
static bool has_failed(const uint8_t *bytes, size_t size, int error)
{
	const uint8_t failure[] = {(uint8_t)error, FUZZ_NETLINK_ERRORS >> 8};

	return error <= UINT8_MAX && size > 0 && memmem(bytes, size, failure, sizeof(failure));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct change change = {.kind = CHANGE_PORT_SHUT, .key = {.port = 60001}};
	const struct plan plan = {.changes = &change, .count = 1};
	struct batch *batch;
	int result;

	fuzz_datagrams = (struct fuzz_input){bytes, size};
	fuzz_byte(&fuzz_datagrams);
	PROMISE(batch_open(&batch) == 0);
	result = batch_run(batch, "moshgate", &plan);
	batch_close(batch);
	PROMISE(result <= 0 && result > INT32_MIN);
	PROMISE(result != 0 || has_answer(bytes, size, LAST, 0));
	PROMISE(result != 0 || !begins_with_refusal(bytes, size));
	PROMISE(result == 0 || result == -EPROTO || result == -ENOSPC ||
		has_failed(bytes, size, -result) || has_answer(bytes, size, FIRST, result));
	return 0;
}
