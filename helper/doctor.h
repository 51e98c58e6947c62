/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_DOCTOR_H
#define MOSHGATE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "address.h"
#include "value.h"

/*
 * What keeps mosh from working: checks look and note what they find, and nothing is changed. Each
 * finding is a line that says what is so and, if it is wrong, what to do.
 *
 * Files are read as whoever runs it. What only the helper knows is in its answers.
 */

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };

struct doctor_finding {
	enum doctor_level level;
	const char *check;   /* a word for what was looked at */
	char *text, *advice; /* of malloc(); advice: null if there is nothing to do */
};

struct doctor {
	const char *root;   /* in front of each path: "", or a test's folder */
	const char *socket; /* the helper's control socket */
	bool is_root;       /* may see everything */
	time_t now;
	/* The helper's answers to WIRE_DIAGNOSE, WIRE_LIST and WIRE_LOGINS; null: there is no
	 * helper. That to WIRE_PENDING; null: it does not keep who knocked. */
	json_t *facts, *grants, *logins, *pending;

	struct doctor_finding *findings;
	size_t count;
};

/* Whose mosh it is about. */
struct doctor_person {
	bool is_user;
	uint32_t uid;          /* of a user */
	struct address client; /* family 0: any */
};

/* Adds a finding. */
void doctor_note(struct doctor *doctor, enum doctor_level level, const char *check,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds to the last one what to do. */
void doctor_advise(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Not null: the program ends for want of memory instead. */
void *doctor_need(void *pointer);

/* Whole texts of malloc(), never null. */
char *doctor_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* root and path in one. */
char *doctor_path(const struct doctor *doctor, const char *path);

/* The last part of a path. */
const char *doctor_base_name(const char *path);

/* True if there is anything at that path below root. */
bool doctor_has(const struct doctor *doctor, const char *path);

/* Opens a file below root; null with errno. */
FILE *doctor_open(const struct doctor *doctor, const char *path);

/* Calls visit with each path (as it is below root) that the pattern matches, in order. */
void doctor_glob(struct doctor *doctor, const char *pattern,
	void (*visit)(struct doctor *doctor, const char *path, void *context), void *context);

/* The checks, by theme. */
void doctor_check_sshd(struct doctor *doctor);
void doctor_check_pam(struct doctor *doctor);
void doctor_check_mosh(struct doctor *doctor);
void doctor_check_logind(struct doctor *doctor);
void doctor_check_proc(struct doctor *doctor);
void doctor_check_sockets(struct doctor *doctor);
void doctor_check_helper(struct doctor *doctor);
void doctor_check_firewall(struct doctor *doctor);

/* All of them. */
void doctor_check_host(struct doctor *doctor);

/* Why that person's mosh gets no answer, of what the helper knows. */
void doctor_check_person(struct doctor *doctor, const struct doctor_person *person);

enum doctor_level doctor_worst(const struct doctor *doctor);

/* A line for each finding; for a terminal in colour, unless it is not wanted, and the advice in a
 * line of its own. */
void doctor_print(FILE *file, const struct doctor *doctor);

/* An array of objects in one line. */
void doctor_print_json(FILE *file, const struct doctor *doctor);

/* Leaves out what is fine. */
void doctor_forget_fine(struct doctor *doctor);

/* Frees findings and answers. */
void doctor_clear(struct doctor *doctor);

#endif
