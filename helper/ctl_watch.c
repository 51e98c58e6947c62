/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "ctl.h"
#include "event.h"

/* One line each, flushed, so that another program can follow. */
static enum ctl_status follow(FILE *stream, bool is_json)
{
	const struct terminal terminal = terminal_of(stdout);
	struct event_columns columns = {0};
	char line[8192];

	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = '\0';
		if (is_json)
			event_print_json(stdout, line, time(NULL));
		else if (terminal.is_terminal)
			event_print_aligned(stdout, &terminal, &columns, line, time(NULL));
		else
			event_print(stdout, line, time(NULL));
		if (fflush(stdout) != 0)
			return CTL_NOTHING;
	}
	fputs("moshgatectl: the helper is gone\n", stderr);
	return CTL_NO_HELPER;
}

enum ctl_status ctl_watch(const struct ctl_question *question)
{
	FILE *stream;
	enum ctl_status status = ctl_ask(question, &stream);

	if (status != CTL_DONE)
		return status;
	status = follow(stream, question->is_json);
	fclose(stream);
	return status;
}
