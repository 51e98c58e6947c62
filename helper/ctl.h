/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_CTL_H
#define MOSHGATE_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "value.h"
#include "wire.h"

/* The commands of moshgatectl: what each asks the helper, and what it makes of the answer. */

/* Exit statuses. */
enum ctl_status { CTL_DONE = 0, CTL_NOTHING = 1, CTL_USAGE = 2, CTL_NO_HELPER = 3 };

struct ctl_question {
	const char *socket;
	struct wire_control request;
	bool is_json;
};

/* Selectors, null if there is none. -EINVAL: wrong usage; -ENOENT: there is no such thing, and that
 * was said. */
int ctl_select_none(const char *selector, struct wire_control *request);
/* "all", an address, a port, or a user's name or number as uid:N. */
int ctl_select_grants(const char *selector, struct wire_control *request);
/* An address. */
int ctl_select_address(const char *selector, struct wire_control *request);
/* A user or an address, or nobody in particular. */
int ctl_select_person(const char *selector, struct wire_control *request);

/* Asks. On CTL_DONE, *stream is behind the answer word; otherwise the reason was printed. */
enum ctl_status ctl_ask(const struct ctl_question *question, FILE **stream);

/* Asks, and reads the answer, which is the caller's to decref. Unless CTL_DONE, the reason was
 * printed. */
enum ctl_status ctl_load(const struct ctl_question *question, json_t **json);

/* Asks, and prints the answer as JSON or for people. */
enum ctl_status ctl_show(const struct ctl_question *question, void (*print)(json_t *json));

/* The answer as a whole, null if the word is not that it was done. -errno if there is none. */
int ctl_fetch(
	const char *socket, enum wire_control_type type, enum wire_answer *word, json_t **json);

/* Out of memory: says so and ends. */
_Noreturn void ctl_exhausted(void);

/* A copy. */
char *ctl_text(const char *text);

/* A word that is not WIRE_DONE, for people. */
const char *ctl_refusal(enum wire_answer word);

/* The commands. */
enum ctl_status ctl_allow(const struct ctl_question *question);
enum ctl_status ctl_doctor(const struct ctl_question *question);
enum ctl_status ctl_list(const struct ctl_question *question);
enum ctl_status ctl_logins(const struct ctl_question *question);
enum ctl_status ctl_metrics(const struct ctl_question *question);
enum ctl_status ctl_pending(const struct ctl_question *question);
enum ctl_status ctl_reload(const struct ctl_question *question);
enum ctl_status ctl_revoke(const struct ctl_question *question);
enum ctl_status ctl_status(const struct ctl_question *question);
enum ctl_status ctl_watch(const struct ctl_question *question);

#endif
