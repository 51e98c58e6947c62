/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TEXT_H
#define MOSHGATE_TEXT_H

#include "grant.h"

/* How the values that people and programs read are written, in audit lines and in lists alike. */

/* Room for the longest value (a user's name or a credential), every byte escaped, and its quotes.
 */
#define TEXT_QUOTED_SIZE (4 * 256 + 3)

/* value as it is if it is plain (letters, digits and ".:_+/@,%-"), else in double quotes with "
 * and \ as \" and \\ and every byte that is not printable ASCII as \xHH. An empty or too long value
 * gives "". */
void text_quote(const char *value, char quoted[TEXT_QUOTED_SIZE]);

/* "login", "roam" or "allow". */
const char *text_via(enum label_via via);

/* Why a grant ended ("idle"), or was denied ("no-login"). */
const char *text_reason(enum grant_reason reason);
const char *text_denial(enum grant_denial_reason reason);

#endif
