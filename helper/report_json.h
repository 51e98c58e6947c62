/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_REPORT_JSON_H
#define MOSHGATE_REPORT_JSON_H

#include <stdint.h>

#include <jansson.h>

#include "address.h"

/* What reports are made of. Out of memory ends the helper, so that nothing here fails. */

/* json, which is there. */
json_t *report_json_need(json_t *json);

/* Text that is not UTF-8 is given quoted, as in audit lines. */
json_t *report_json_text(const char *text);

json_t *report_json_address(const struct address *address);

/* A boot time as RFC 3339 in UTC; null if it is 0. */
json_t *report_json_time(uint64_t boot_ms);

/* These take the value over. */
void report_json_set(json_t *object, const char *key, json_t *value);
void report_json_set_number(json_t *object, const char *key, uint64_t value);
void report_json_append(json_t *array, json_t *value);

/* As text of malloc(); frees json. */
char *report_json_write(json_t *json);

#endif
