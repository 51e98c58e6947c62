/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_ANSWER_H
#define MOSHGATE_ANSWER_H

#include "loop.h"

/* What the control socket is answered, and who may ask for what: everybody for what is one's own,
 * and root for everything. context is the struct helper; *json is the caller's to free. */
enum wire_answer answer_request(
	const struct wire_control *request, uint32_t uid, char **json, void *context);

/* Whether the uid is somebody's who has a login or a grant. */
bool answer_is_known(uint32_t uid, void *context);

#endif
