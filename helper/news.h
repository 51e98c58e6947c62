/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_NEWS_H
#define MOSHGATE_NEWS_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire.h"

/*
 * Sessions that were opened and closed, and what is to be done about them once who said so has gone
 * on: for so long the helper leaves him the processor, which it has before sshd otherwise. They
 * come in the order in which they were said. (check_news.c)
 *
 * A user's client does not wait for his session's end, and may send at once; at its beginning there
 * are milliseconds until anybody can. And a timer that is due before the kernel's next tick takes a
 * virtual machine as long to set as an answer takes.
 */

#define NEWS_OPENED_US 5000
#define NEWS_CLOSED_US 300

struct event_base;
struct news;

struct news_calls {
	void (*opened)(const struct wire_session *session, pid_t pid, void *context);
	void (*closed)(pid_t pid, void *context);
};

/* Never null. */
struct news *news_new(
	struct event_base *base, const struct news_calls *calls, int priority, void *context);

void news_opened(struct news *news, const struct wire_session *session, pid_t pid);
void news_closed(struct news *news, pid_t pid);

/* Tells all of them now: whatever else is done knows who is logged in. True if there were some. */
bool news_catch_up(struct news *news);

/* What was not told is not told any more. */
void news_free(struct news *news);

#endif
