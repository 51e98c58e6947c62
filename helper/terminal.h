/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOSHGATE_TERMINAL_H
#define MOSHGATE_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* What a stream leads to, if that is a terminal; all zero: it is none. */
struct terminal {
	bool is_terminal;
	bool is_coloured; /* neither NO_COLOR nor TERM=dumb says otherwise */
	size_t width;     /* in columns; 0: not known */
};

struct terminal terminal_of(FILE *file);

enum terminal_style {
	TERMINAL_PLAIN,
	TERMINAL_BOLD,
	TERMINAL_FAINT,
	TERMINAL_RED,
	TERMINAL_GREEN,
	TERMINAL_YELLOW,
};

/* What is written in between has that style, on a coloured terminal. */
void terminal_begin(FILE *file, const struct terminal *terminal, enum terminal_style style);
void terminal_end(FILE *file, const struct terminal *terminal, enum terminal_style style);

/* Flags for jansson: in one line, and to a terminal without what it could obey. */
size_t terminal_json_flags(FILE *file);

#endif
