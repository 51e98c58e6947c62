/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_ELEMENTS_H
#define MOSHGATE_ELEMENTS_H

#include "grant.h"

struct nlmsghdr;
struct kernel_sets;

/* The kernel's sets as the kernel tells them (nfnetlink), parsed by libnftnl: read as a whole, and
 * the last word on each element that is deleted, which has its counters. */

/* table: the name of our table. -errno if a socket cannot be had. */
int elements_open(const char *table, struct kernel_sets **sets);
void elements_close(struct kernel_sets *sets);

/* Appends every element of grants4 and grants6; none if the table or a set is not there. -errno;
 * the items are the caller's to free. */
int elements_read(struct kernel_sets *sets, struct elements *elements);

/* The same of pending4 and pending6. */
int elements_read_pending(struct kernel_sets *sets, struct elements *elements);

/* The same of the set of servers' ports; of their keys only the port means anything. */
int elements_read_ports(struct kernel_sets *sets, struct elements *elements);

/* Reads one element. -ENOENT: it is not there (or has expired); else -errno. */
int elements_get(struct kernel_sets *sets, const struct grant_key *key, struct element *element);

/* Changes that come from this netlink port are our own, too. */
void elements_know_port(struct kernel_sets *sets, uint32_t port);

/* Becomes readable when anything in any ruleset changes. */
int elements_notice_fd(const struct kernel_sets *sets);

/* Reads all notices there are and calls deleted with each grant's element that was deleted (one
 * that expires is not). *is_touched becomes true if anybody else changed anything in our table.
 * -ENOBUFS: the kernel had to drop some, so that may be; else -errno. */
int elements_read_notices(struct kernel_sets *sets,
	void (*deleted)(const struct element *element, void *context), void *context,
	bool *is_touched);

/* After a transaction of ours: the same, and the sender's netlink port counts as ours from now on.
 * *is_touched becomes true if there were notices of two. */
int elements_learn_port(struct kernel_sets *sets,
	void (*deleted)(const struct element *element, void *context), void *context,
	bool *is_touched);

/* The socket that was learned of is closed: its port may become anybody's. */
void elements_forget_port(struct kernel_sets *sets);

#endif
