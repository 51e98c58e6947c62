/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "clock.h"
#include "control.h"
#include "fd.h"
#include "hash.h"
#include "log.h"
#include "refusal.h"

#define PEERS_MAX          64 /* all users together */
#define PEERS_PER_USER_MAX 16
#define WATCH_MAX          32 /* of these */
#define WATCH_PER_USER_MAX 4
#define UID_UNKNOWN        UINT32_MAX   /* no uid is that */
#define UNREAD_MAX         (256 * 1024) /* bytes that a watcher may leave unread */
#define PATIENCE_S         5 /* for a whole request to come, and for each part of an answer to go */
#define ANSWER_S           60 /* for a whole answer */

enum reason { CROWDED, LATE, SLOW, MALFORMED, OTHER_VERSION, NOT_ALLOWED, REASONS };

static const char *const reasons[REASONS] = {
	[CROWDED] = "has too many connections, or all users have",
	[LATE] = "sent no whole request in time",
	[SLOW] = "did not take its answer in time",
	[MALFORMED] = "sent what is no request",
	[OTHER_VERSION] = "sent a request of another version",
	[NOT_ALLOWED] = "asked for what is not his",
};

struct peer {
	uint32_t uid;
	uint32_t user; /* its uid, or that of all whom nobody knows */
	bool is_watching, is_answered;
	struct bufferevent *stream;
	struct event *late; /* when the request is to be here, or the answer gone */
	struct control *control;
	struct peer *prev, *next;
};

struct control {
	struct event_base *base;
	int fd;
	int spare;
	struct event *event;
	struct control_calls calls;
	void *context;
	struct peer *peers;
	struct refusal refusals[REASONS];
};

/* Control requests come after everything that affects packets. */
static int lowest_priority(const struct control *control)
{
	return event_base_get_npriorities(control->base) - 1;
}

static void free_peer(struct peer *peer)
{
	DL_DELETE(peer->control->peers, peer);
	event_free(peer->late);
	bufferevent_free(peer->stream);
	free(peer);
}

static void refuse(struct control *control, enum reason reason, uint32_t uid)
{
	struct refusal *refusal = &control->refusals[reason];

	if (refusal_count(refusal, clock_boot_ms(), 1))
		log_warning("control socket: uid %lu %s: refused (%llu so far)", (unsigned long)uid,
			reasons[reason], (unsigned long long)refusal->count);
}

/* A request that comes byte by byte is late too. */
static void on_late(evutil_socket_t fd, short what, void *context)
{
	struct peer *peer = context;

	(void)fd;
	(void)what;
	refuse(peer->control, peer->is_answered ? SLOW : LATE, peer->uid);
	free_peer(peer);
}

static void on_written(struct bufferevent *stream, void *context)
{
	(void)stream;
	free_peer(context);
}

static void on_end(struct bufferevent *stream, short what, void *context)
{
	(void)stream;
	(void)what;
	free_peer(context);
}

static void on_chatter(struct bufferevent *stream, void *context)
{
	struct peer *peer = context;

	(void)stream;
	refuse(peer->control, MALFORMED, peer->uid);
	free_peer(peer);
}

struct crowd {
	size_t all, of_user;
};

static struct crowd count_watching(const struct control *control, uint32_t user)
{
	struct crowd crowd = {0};

	for (struct peer *peer = control->peers; peer; peer = peer->next) {
		if (!peer->is_watching || peer->uid == 0)
			continue;
		crowd.all++;
		crowd.of_user += peer->user == user;
	}
	return crowd;
}

static bool may_watch(const struct peer *peer)
{
	struct crowd crowd = count_watching(peer->control, peer->user);

	return peer->uid == 0 || (crowd.all < WATCH_MAX && crowd.of_user < WATCH_PER_USER_MAX);
}

/* From now on only its hanging up is of interest. */
static void start_watching(struct peer *peer)
{
	peer->is_watching = true;
	event_del(peer->late);
	bufferevent_set_timeouts(peer->stream, NULL, NULL);
	bufferevent_setwatermark(peer->stream, EV_READ, 0, 0);
	bufferevent_setcb(peer->stream, on_chatter, NULL, on_end, peer);
}

/* The answer is gone by then, or never: libevent may have failed to tell anybody of it. */
static void stop_reading(struct peer *peer)
{
	peer->is_answered = true;
	if (event_add(peer->late, &(struct timeval){ANSWER_S, 0}) < 0)
		memory_exhausted();
	bufferevent_disable(peer->stream, EV_READ);
	bufferevent_setcb(peer->stream, NULL, on_written, on_end, peer);
}

static enum wire_answer act(struct peer *peer, const uint8_t *bytes, size_t length, char **json)
{
	struct control *control = peer->control;
	struct wire_control request;
	enum wire_answer answer;
	int error = wire_control_decode(bytes, length, &request);

	if (error == 0 && request.type == WIRE_WATCH && may_watch(peer)) {
		start_watching(peer);
		return WIRE_DONE;
	}
	stop_reading(peer);
	if (error == 0 && request.type == WIRE_WATCH) {
		refuse(control, CROWDED, peer->uid);
		return WIRE_REFUSED;
	}
	/* Who only looks whether somebody is here has asked for nothing. */
	if (error < 0 && length > 0)
		refuse(control, error == -EPROTO ? MALFORMED : OTHER_VERSION, peer->uid);
	if (error < 0)
		return error == -EPROTO ? WIRE_MALFORMED : WIRE_OTHER_VERSION;
	answer = control->calls.answer(&request, peer->uid, json, control->context);
	if (answer == WIRE_REFUSED)
		refuse(control, NOT_ALLOWED, peer->uid);
	return answer;
}

static void on_request(struct bufferevent *stream, void *context)
{
	const struct control *control = ((struct peer *)context)->control;
	uint8_t bytes[WIRE_CONTROL_SIZE], word[WIRE_ANSWER_SIZE];
	size_t length = bufferevent_read(stream, bytes, sizeof(bytes));
	auto_free char *json = NULL;

	wire_answer_encode(act(context, bytes, length, &json), word);
	if (bufferevent_write(stream, word, sizeof(word)) < 0 ||
		(json && bufferevent_write(stream, json, strlen(json)) < 0))
		memory_exhausted();
	control->calls.worked(control->context);
}

/* No more will come: one of an earlier version may be shorter, and is to be told so. */
static void on_cut(struct bufferevent *stream, short what, void *context)
{
	if (what & BEV_EVENT_EOF)
		on_request(stream, context);
	else
		free_peer(context);
}

static void tell_peer(struct peer *peer, const char *line)
{
	struct evbuffer *unread = bufferevent_get_output(peer->stream);

	if (evbuffer_get_length(unread) > UNREAD_MAX)
		free_peer(peer);
	else if (evbuffer_add_printf(unread, "%s\n", line) < 0)
		memory_exhausted();
}

void control_tell(struct control *control, const char *line, uint32_t uid)
{
	struct peer *peer, *next;

	DL_FOREACH_SAFE(control->peers, peer, next)
	{
		if (peer->is_watching && (peer->uid == 0 || peer->uid == uid))
			tell_peer(peer, line);
	}
}

static bool is_crowded(const struct control *control, uint32_t user)
{
	struct crowd crowd = {0};

	for (struct peer *peer = control->peers; peer; peer = peer->next) {
		crowd.all++;
		crowd.of_user += peer->user == user;
	}
	return user != 0 && (crowd.all >= PEERS_MAX || crowd.of_user >= PEERS_PER_USER_MAX);
}

static uint32_t user_of(const struct control *control, uint32_t uid)
{
	return uid == 0 || control->calls.is_known(uid, control->context) ? uid : UID_UNKNOWN;
}

static void add_peer(struct control *control, int fd, uint32_t uid, uint32_t user)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct peer *peer = memory_zeroed(sizeof(*peer));

	peer->uid = uid;
	peer->user = user;
	peer->control = control;
	DL_APPEND(control->peers, peer);
	peer->stream = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!peer->stream)
		memory_exhausted();
	bufferevent_setcb(peer->stream, on_request, NULL, on_cut, peer);
	bufferevent_setwatermark(peer->stream, EV_READ, WIRE_CONTROL_SIZE, WIRE_CONTROL_SIZE);
	bufferevent_priority_set(peer->stream, lowest_priority(control));
	bufferevent_set_timeouts(peer->stream, NULL, &patience);
	peer->late = event_new(control->base, -1, 0, on_late, peer);
	if (!peer->late || event_priority_set(peer->late, lowest_priority(control)) < 0 ||
		event_add(peer->late, &patience) < 0)
		memory_exhausted();
	if (bufferevent_enable(peer->stream, EV_READ | EV_WRITE) < 0)
		memory_exhausted();
}

static void accept_peer(struct control *control)
{
	struct ucred ucred;
	socklen_t size = sizeof(ucred);
	auto_fd int fd = fd_accept(control->fd, &control->spare);
	uint32_t user;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0)
		return;
	user = user_of(control, ucred.uid);
	if (is_crowded(control, user))
		refuse(control, CROWDED, ucred.uid);
	else
		add_peer(control, take_fd(&fd), ucred.uid, user);
}

static void on_connect(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;

	(void)fd;
	(void)what;
	accept_peer(control);
	control->calls.worked(control->context);
}

struct control *control_new(
	struct event_base *base, int fd, const struct control_calls *calls, void *context)
{
	struct control *control = memory_zeroed(sizeof(*control));

	control->base = base;
	control->fd = fd;
	control->spare = fd_spare();
	control->calls = *calls;
	control->context = context;
	control->event = event_new(base, fd, EV_READ | EV_PERSIST, on_connect, control);
	if (!control->event || event_priority_set(control->event, lowest_priority(control)) < 0 ||
		event_add(control->event, NULL) < 0)
		memory_exhausted();
	return control;
}

uint64_t control_refused(const struct control *control)
{
	uint64_t count = 0;

	for (size_t i = 0; i < REASONS; i++)
		count += control->refusals[i].count;
	return count;
}

/* The loop sends no more: one try, which does not wait, for what stands in the queue. */
static void flush_peer(struct peer *peer)
{
	struct evbuffer *unread = bufferevent_get_output(peer->stream);

	evbuffer_unfreeze(unread, 1);
	evbuffer_write(unread, bufferevent_getfd(peer->stream));
}

void control_free(struct control *control)
{
	struct peer *peer, *next;

	if (!control)
		return;
	DL_FOREACH_SAFE(control->peers, peer, next)
	{
		if (peer->is_watching)
			flush_peer(peer);
		free_peer(peer);
	}
	event_free(control->event);
	close(control->fd);
	fd_close(&control->spare);
	free(control);
}
