/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include <event2/event.h>

#include "hash.h"
#include "news.h"

/* Thousands may close at once, so what only one that opened has is apart. */
struct item {
	pid_t pid;
	struct wire_session *session; /* null: it closed */
	struct item *prev, *next;
};

struct news {
	struct event *timer;
	bool is_urgent; /* it is set for one that closed */
	struct news_calls calls;
	void *context;
	struct item *items;
};

static void on_time(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	news_catch_up(context);
}

struct news *news_new(
	struct event_base *base, const struct news_calls *calls, int priority, void *context)
{
	struct news *news = memory_zeroed(sizeof(*news));

	news->calls = *calls;
	news->context = context;
	news->timer = event_new(base, -1, 0, on_time, news);
	if (!news->timer || event_priority_set(news->timer, priority) < 0)
		memory_exhausted();
	return news;
}

/* The earliest time that any of them sets. */
static void set_timer(struct news *news, bool is_urgent)
{
	const struct timeval delay = {.tv_usec = is_urgent ? NEWS_CLOSED_US : NEWS_OPENED_US};

	if (event_pending(news->timer, EV_TIMEOUT, NULL) && (news->is_urgent || !is_urgent))
		return;
	news->is_urgent = is_urgent;
	if (event_add(news->timer, &delay) < 0)
		memory_exhausted();
}

static void free_item(struct item *item)
{
	free(item->session);
	free(item);
}

static struct item *add(struct news *news, pid_t pid)
{
	struct item *item = memory_zeroed(sizeof(*item));

	item->pid = pid;
	DL_APPEND(news->items, item);
	return item;
}

void news_opened(struct news *news, const struct wire_session *session, pid_t pid)
{
	struct item *item = add(news, pid);

	item->session = memory_zeroed(sizeof(*item->session));
	*item->session = *session;
	set_timer(news, false);
}

void news_closed(struct news *news, pid_t pid)
{
	add(news, pid);
	set_timer(news, true);
}

static void tell(const struct news *news, const struct item *item)
{
	if (item->session)
		news->calls.opened(item->session, item->pid, news->context);
	else
		news->calls.closed(item->pid, news->context);
}

/* Who is told may catch up, too, or have more to tell. */
bool news_catch_up(struct news *news)
{
	bool has_told = news->items != NULL;
	struct item *item;

	while ((item = news->items) != NULL) {
		DL_DELETE(news->items, item);
		tell(news, item);
		free_item(item);
	}
	event_del(news->timer);
	return has_told;
}

void news_free(struct news *news)
{
	struct item *item, *next;

	if (!news)
		return;
	DL_FOREACH_SAFE(news->items, item, next)
	{
		free_item(item);
	}
	event_free(news->timer);
	free(news);
}
