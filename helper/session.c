/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <string.h>

#include "listener.h"
#include "news.h"
#include "session.h"

/* Whoever has logged out must not count any more. */
static enum wire_answer on_session_opened(
	const struct wire_session *session, pid_t pid, void *context)
{
	struct helper *helper = context;

	news_catch_up(helper->news);
	return gate_on_login(&helper->gate, session, pid);
}

static bool is_sessions_own(const struct wire_session *session, pid_t pid, void *context)
{
	struct helper *helper = context;
	const struct login *login;

	news_catch_up(helper->news);
	login = login_find(helper->gate.logins, pid);
	return login && login->uid == session->uid &&
	       address_equal(&login->client, &session->client) &&
	       strcmp(login->user, session->user) == 0;
}

static void on_session_welcomed(const struct wire_session *session, pid_t pid, void *context)
{
	struct helper *helper = context;

	news_opened(helper->news, session, pid);
}

static void on_session_closed(pid_t pid, void *context)
{
	struct helper *helper = context;

	news_closed(helper->news, pid);
}

static void on_login(const struct wire_session *session, pid_t pid, void *context)
{
	struct helper *helper = context;

	gate_welcome(&helper->gate, session, pid);
	loop_plan_turn_end(helper);
}

/* The client does not wait for sshd to close, and its first packet comes soon: what the last look
 * found is put into effect before anything else. */
static void on_logout(pid_t pid, void *context)
{
	struct helper *helper = context;

	gate_on_logout(&helper->gate, pid);
	gate_settle(&helper->gate);
	loop_plan_turn_end(helper);
}

struct adopting {
	struct helper *helper;
	int error;
};

static void adopt(const struct login *login, void *context)
{
	struct adopting *adopting = context;
	int error = listener_adopt(adopting->helper->listener, login->pid);

	if (error < 0)
		adopting->error = error;
}

/* Only when something holds their pids these cannot become others'. */
static int adopt_logins(struct helper *helper)
{
	struct adopting adopting = {.helper = helper};

	login_each(helper->gate.logins, adopt, &adopting);
	news_catch_up(helper->news);
	return adopting.error < 0 ? adopting.error : gate_check_logins(&helper->gate);
}

int session_set_up(struct helper *helper, int priority)
{
	static const struct listener_calls calls = {on_session_opened, is_sessions_own,
		on_session_welcomed, on_session_closed, on_session_closed};
	static const struct news_calls news_calls = {on_login, on_logout};

	helper->news = news_new(helper->base, &news_calls, priority, helper);
	helper->listener = listener_new(helper->base, helper->session_fd, &calls, helper);
	return adopt_logins(helper);
}

void session_clear(struct helper *helper)
{
	listener_free(helper->listener);
	news_free(helper->news);
}
