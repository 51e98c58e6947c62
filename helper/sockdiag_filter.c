/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "netlink.h"
#include "sockdiag_filter.h"

/*
 * A filter in inet_diag's own bytecode, of words: an operation says by how many bytes to go on if
 * it is true, and if not. To come to the end is "yes", to jump one word behind it "no".
 */
#define WORD         sizeof(struct inet_diag_bc_op)
#define PORT_SIZE    (2 * WORD) /* a comparison, and what with */
#define PORTS_SIZE   (2 * PORT_SIZE)
#define HOST_SIZE    (WORD + sizeof(struct inet_diag_hostcond)) /* without the address */
#define ADDRESS_SIZE 16                                         /* at most */
#define SPAN_SIZE    (HOST_SIZE + ADDRESS_SIZE + PORTS_SIZE + WORD)
#define FILTER_SIZE  (PORTS_SIZE + PORT_SPANS_MAX * SPAN_SIZE)

_Static_assert(NLMSG_SPACE(sizeof(struct inet_diag_req_v2)) + NLA_HDRLEN + FILTER_SIZE <=
		       sizeof(union netlink_request),
	"the longest filter fits into a request");

struct filter {
	uint8_t bytes[FILTER_SIZE];
	size_t size;
};

static void put(struct filter *filter, const void *bytes, size_t size)
{
	memcpy(filter->bytes + filter->size, bytes, size);
	filter->size += size;
}

static void put_operation(struct filter *filter, uint8_t code, size_t yes, size_t no)
{
	const struct inet_diag_bc_op operation = {code, (uint8_t)yes, (uint16_t)no};

	put(filter, &operation, sizeof(operation));
}

/* "The port is from first to last"; no: by how much to go on from here if it is not. */
static void put_ports(struct filter *filter, uint16_t first, uint16_t last, size_t no)
{
	put_operation(filter, INET_DIAG_BC_S_GE, PORT_SIZE, no);
	put_operation(filter, INET_DIAG_BC_NOP, 0, first);
	put_operation(filter, INET_DIAG_BC_S_LE, PORT_SIZE, no - PORT_SIZE);
	put_operation(filter, INET_DIAG_BC_NOP, 0, last);
}

static size_t address_size(const struct address *address)
{
	return address->family == 4 ? 4 : ADDRESS_SIZE;
}

static size_t condition_size(const struct port_span *span)
{
	return HOST_SIZE + address_size(&span->address);
}

static size_t span_size(const struct port_span *span)
{
	return condition_size(span) + PORTS_SIZE + WORD;
}

/* "Not one of that span"; left: the size of the filter from here. An IPv4 address stands for its
 * IPv4-mapped one, too. */
static void put_span(struct filter *filter, const struct port_span *span, size_t left)
{
	size_t size = address_size(&span->address), condition = condition_size(span);
	const struct inet_diag_hostcond host = {
		.family = span->address.family == 4 ? AF_INET : AF_INET6,
		.prefix_len = (uint8_t)(8 * size),
		.port = -1,
	};

	put_operation(filter, INET_DIAG_BC_S_COND, condition, span_size(span));
	put(filter, &host, sizeof(host));
	put(filter, span->address.bytes, size);
	put_ports(filter, span->first, span->last, span_size(span) - condition);
	put_operation(filter, INET_DIAG_BC_JMP, WORD, left - span_size(span) + 2 * WORD);
}

void sockdiag_filter_put(struct nlmsghdr *message, uint16_t first_port, uint16_t last_port,
	const struct port_spans *except)
{
	struct filter filter = {.size = 0};
	size_t count = except ? except->count : 0, left = PORTS_SIZE;

	for (size_t i = 0; i < count; i++)
		left += span_size(&except->items[i]);
	put_ports(&filter, first_port, last_port, left + WORD);
	left -= PORTS_SIZE;
	for (size_t i = 0; i < count; i++) {
		put_span(&filter, &except->items[i], left);
		left -= span_size(&except->items[i]);
	}
	mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, filter.size, filter.bytes);
}
