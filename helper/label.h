/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_LABEL_H
#define MOSHGATE_LABEL_H

#include <stdint.h>

/* Room for an element's comment, as long as the kernel's users agreed on, and its NUL. */
#define LABEL_TEXT_SIZE 128
#define LABEL_USER_SIZE 64
#define LABEL_AUTH_SIZE 96

enum label_via { LABEL_LOGIN, LABEL_ROAM, LABEL_ALLOW, LABEL_VIAS };

/* Whose a grant is: kept in the comment of its element, so that the next helper can read it back.
 */
struct label {
	uint32_t uid;
	uint64_t cookie;   /* of the server's socket */
	uint64_t since_ms; /* boot time */
	enum label_via via;
	char user[LABEL_USER_SIZE]; /* empty: not known */
	char auth[LABEL_AUTH_SIZE]; /* empty: not known */
};

/* A text that fits the buffer is copied, one that does not is left out as a whole. */
void label_set_user(struct label *label, const char *user);
void label_set_auth(struct label *label, const char *auth);

/* The label as text of letters, digits and ".:_+/=%- " alone. First the credential and then the
 * name is left out if it would not fit. */
void label_write(const struct label *label, char text[LABEL_TEXT_SIZE]);

/* -EINVAL: not written by label_write(), of this version or a later one that only adds fields. */
int label_read(const char *text, struct label *label);

#endif
