/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "fd.h"
#include "hash.h"
#include "listener.h"
#include "log.h"
#include "refusal.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* since Linux 6.5 */
#endif

#define CONNECTIONS_MAX 256
#define PATIENCE_S      2 /* for a message to come */

enum reason { NOT_ROOT, SILENT, MALFORMED, OTHER_VERSION, ANOTHER, REASONS };

static const char *const reasons[REASONS] = {
	[NOT_ROOT] = "is not root here",
	[SILENT] = "says nothing",
	[MALFORMED] = "sent what is no message",
	[OTHER_VERSION] = "sent a message of another version",
	[ANOTHER] = "opened another session than it has",
};

/* A process whose session is open. */
struct watch {
	pid_t pid;
	int pidfd;
	struct event *event;
	struct listener *listener;
	UT_hash_handle hh;
};

struct connection {
	int fd;
	pid_t pid;
	struct event *event; /* null: nobody waits for a message yet */
	struct listener *listener;
	struct connection *prev, *next;
};

struct listener {
	struct event_base *base;
	int fd;
	int spare;
	struct event *event;
	struct listener_calls calls;
	void *context;
	struct connection *connections;
	size_t connection_count;
	struct watch *watches;
	struct refusal refusals[REASONS];
};

/* Who is called, for which descriptor. */
struct on {
	struct listener *listener;
	int fd;
	event_callback_fn call;
	void *context;
};

/* All of these come before anything else that the helper does. */
static struct event *add_event(const struct on *on, short what, const struct timeval *patience)
{
	struct event *event = event_new(on->listener->base, on->fd, what, on->call, on->context);

	if (!event || event_priority_set(event, 0) < 0 || event_add(event, patience) < 0)
		memory_exhausted();
	return event;
}

static void free_watch(struct watch *watch)
{
	HASH_DEL(watch->listener->watches, watch);
	event_free(watch->event);
	close(watch->pidfd);
	free(watch);
}

static void free_connection(struct connection *connection)
{
	struct listener *listener = connection->listener;

	DL_DELETE(listener->connections, connection);
	listener->connection_count--;
	if (connection->event)
		event_free(connection->event);
	close(connection->fd);
	free(connection);
}

static void refuse(struct listener *listener, enum reason reason, pid_t pid)
{
	struct refusal *refusal = &listener->refusals[reason];

	if (refusal_count(refusal, clock_boot_ms(), 1))
		log_warning("session socket: pid %d %s: refused (%llu so far)", (int)pid,
			reasons[reason], (unsigned long long)refusal->count);
}

static struct watch *find_watch(struct listener *listener, pid_t pid)
{
	struct watch *watch;

	HASH_FIND(hh, listener->watches, &pid, sizeof(pid), watch);
	return watch;
}

static void on_death(evutil_socket_t fd, short what, void *context)
{
	struct watch *watch = context;
	struct listener *listener = watch->listener;
	pid_t pid = watch->pid;

	(void)fd;
	(void)what;
	free_watch(watch);
	listener->calls.died(pid, listener->context);
}

/* Newer libcs have a function for it. */
static int open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* An older kernel gives no pidfd of the peer; then one of its number, if the peer has not hung up
 * since: as long as it holds its end it is alive, so the number is still its own. */
static int open_pidfd(int fd, pid_t pid)
{
	auto_fd int pidfd = -1;
	socklen_t size = sizeof(pidfd);
	struct pollfd peer = {.fd = fd, .events = POLLRDHUP};

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
		return take_fd(&pidfd);
	pidfd = open_pid(pid);
	if (pidfd < 0)
		return -errno;
	if (poll(&peer, 1, 0) != 0)
		return -ESRCH;
	return take_fd(&pidfd);
}

static void add_watch(struct listener *listener, pid_t pid, int pidfd)
{
	struct watch *watch = memory_zeroed(sizeof(*watch));

	watch->pid = pid;
	watch->pidfd = pidfd;
	watch->listener = listener;
	watch->event = add_event(&(struct on){listener, pidfd, on_death, watch}, EV_READ, NULL);
	HASH_ADD(hh, listener->watches, pid, sizeof(watch->pid), watch);
}

static enum wire_answer on_again(
	const struct connection *connection, const struct wire_session *session)
{
	struct listener *listener = connection->listener;

	if (listener->calls.is_its(session, connection->pid, listener->context))
		return WIRE_DONE;
	refuse(listener, ANOTHER, connection->pid);
	return WIRE_REFUSED;
}

static enum wire_answer on_open(
	struct connection *connection, const struct wire_session *session, bool *is_news)
{
	struct listener *listener = connection->listener;
	struct watch *known = find_watch(listener, connection->pid);
	enum wire_answer word;
	int pidfd;

	/* The same process once more (a module that stands twice in the stack), or a new one of
	 * the same number, whose predecessor's end stands to be read. */
	if (known && poll(&(struct pollfd){.fd = known->pidfd, .events = POLLIN}, 1, 0) == 0)
		return on_again(connection, session);
	if (known)
		on_death(known->pidfd, EV_READ, known);
	pidfd = open_pidfd(connection->fd, connection->pid);
	if (pidfd < 0) {
		log_warning("login of pid %d not registered: %s", (int)connection->pid,
			strerror(-pidfd));
		return WIRE_FAILED;
	}
	word = listener->calls.opened(session, connection->pid, listener->context);
	if (word != WIRE_DONE) {
		close(pidfd);
		return word;
	}
	add_watch(listener, connection->pid, pidfd);
	*is_news = true;
	return WIRE_DONE;
}

static enum wire_answer on_close(struct connection *connection, bool *is_news)
{
	struct watch *watch = find_watch(connection->listener, connection->pid);

	if (!watch)
		return WIRE_NOTHING;
	free_watch(watch);
	*is_news = true;
	return WIRE_DONE;
}

static void drop_silent(struct connection *connection)
{
	refuse(connection->listener, SILENT, connection->pid);
	free_connection(connection);
}

static void answer(struct connection *connection, enum wire_answer word)
{
	uint8_t bytes[WIRE_ANSWER_SIZE];

	wire_answer_encode(word, bytes);
	/* A peer that does not wait for it any more needs none. */
	(void)!send(connection->fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_open_message(struct connection *connection, const struct wire_session *session)
{
	struct listener *listener = connection->listener;
	bool is_news = false;

	answer(connection, on_open(connection, session, &is_news));
	if (is_news)
		listener->calls.welcomed(session, connection->pid, listener->context);
}

static void on_close_message(struct connection *connection)
{
	struct listener *listener = connection->listener;
	bool is_news = false;

	answer(connection, on_close(connection, &is_news));
	if (is_news)
		listener->calls.closed(connection->pid, listener->context);
}

static void on_message(struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct wire_session session;
	int error = wire_session_decode(bytes, length, &session);

	if (error < 0) {
		refuse(connection->listener, error == -EPROTO ? MALFORMED : OTHER_VERSION,
			connection->pid);
		answer(connection, error == -EPROTO ? WIRE_MALFORMED : WIRE_OTHER_VERSION);
	} else if (session.type == WIRE_OPEN) {
		on_open_message(connection, &session);
	} else {
		on_close_message(connection);
	}
}

/* False if the message has not come yet. */
static bool serve(struct connection *connection)
{
	uint8_t bytes[WIRE_SESSION_SIZE + 1];
	/* Not recvmsg(): descriptors that come with a message stay with the kernel. */
	ssize_t length = recv(connection->fd, bytes, sizeof(bytes), 0);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* An empty message looks like a peer that has hung up, and he needs no answer. */
	if (length > 0)
		on_message(connection, bytes, (size_t)length);
	free_connection(connection);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	if (what & EV_READ)
		serve(context);
	else
		drop_silent(context);
}

static int get_peer(int fd, struct ucred *peer)
{
	socklen_t size = sizeof(*peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) < 0 ? -errno : 0;
}

static void on_connect(evutil_socket_t listening, short what, void *context)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct listener *listener = context;
	struct connection *connection;
	auto_fd int fd = -1;
	struct ucred peer;

	(void)what;
	fd = fd_accept(listening, &listener->spare);
	if (fd < 0 || get_peer(fd, &peer) < 0)
		return;
	if (peer.uid != 0 || peer.pid <= 0) {
		refuse(listener, NOT_ROOT, peer.pid);
		return;
	}
	/* The module says all it has to say at once, so the one that waits longest is not it. */
	if (listener->connection_count >= CONNECTIONS_MAX)
		drop_silent(listener->connections);
	connection = memory_zeroed(sizeof(*connection));
	connection->pid = peer.pid;
	connection->fd = take_fd(&fd);
	connection->listener = listener;
	DL_APPEND(listener->connections, connection);
	listener->connection_count++;
	/* The module sends as soon as it has connected: mostly the message is there by now. */
	if (serve(connection))
		return;
	connection->event =
		add_event(&(struct on){listener, connection->fd, on_readable, connection},
			EV_READ | EV_PERSIST, &patience);
}

struct listener *listener_new(
	struct event_base *base, int fd, const struct listener_calls *calls, void *context)
{
	struct listener *listener = memory_zeroed(sizeof(*listener));

	listener->base = base;
	listener->fd = fd;
	listener->spare = fd_spare();
	listener->calls = *calls;
	listener->context = context;
	listener->event = add_event(
		&(struct on){listener, fd, on_connect, listener}, EV_READ | EV_PERSIST, NULL);
	return listener;
}

int listener_adopt(struct listener *listener, pid_t pid)
{
	int pidfd = open_pid(pid);

	if (pidfd >= 0)
		add_watch(listener, pid, pidfd);
	else if (errno == ESRCH || errno == EINVAL) /* no process, or not one that could log in */
		listener->calls.died(pid, listener->context);
	else
		return -errno;
	return 0;
}

uint64_t listener_refused(const struct listener *listener)
{
	uint64_t count = 0;

	for (size_t i = 0; i < REASONS; i++)
		count += listener->refusals[i].count;
	return count;
}

void listener_free(struct listener *listener)
{
	struct watch *watch, *next_watch;
	struct connection *connection, *next;

	if (!listener)
		return;
	HASH_ITER(hh, listener->watches, watch, next_watch)
	{
		free_watch(watch);
	}
	DL_FOREACH_SAFE(listener->connections, connection, next)
	{
		free_connection(connection);
	}
	event_free(listener->event);
	close(listener->fd);
	fd_close(&listener->spare);
	free(listener);
}
