/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <jansson.h>

#include "terminal.h"

/* See no-color.org. */
static bool is_colour_wanted(void)
{
	const char *wish = getenv("NO_COLOR"), *kind = getenv("TERM");

	return !(wish && wish[0]) && !(kind && strcmp(kind, "dumb") == 0);
}

struct terminal terminal_of(FILE *file)
{
	struct winsize size = {0};
	struct terminal terminal = {0};

	if (!isatty(fileno(file)))
		return terminal;
	terminal.is_terminal = true;
	terminal.is_coloured = is_colour_wanted();
	if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
		terminal.width = size.ws_col;
	return terminal;
}

static const char *const styles[] = {
	[TERMINAL_BOLD] = "\033[1m",
	[TERMINAL_FAINT] = "\033[2m",
	[TERMINAL_RED] = "\033[31m",
	[TERMINAL_GREEN] = "\033[32m",
	[TERMINAL_YELLOW] = "\033[33m",
};

void terminal_begin(FILE *file, const struct terminal *terminal, enum terminal_style style)
{
	if (terminal->is_coloured && style != TERMINAL_PLAIN)
		fputs(styles[style], file);
}

void terminal_end(FILE *file, const struct terminal *terminal, enum terminal_style style)
{
	if (terminal->is_coloured && style != TERMINAL_PLAIN)
		fputs("\033[0m", file);
}

/* JSON escapes the controls of ASCII alone, but there are more in Unicode. */
size_t terminal_json_flags(FILE *file)
{
	return JSON_COMPACT | (isatty(fileno(file)) ? JSON_ENSURE_ASCII : 0);
}
