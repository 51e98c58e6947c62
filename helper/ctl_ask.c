/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"
#include "fd.h"
#include "table.h"
#include "terminal.h"

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Sends, and reads the answer word: the stream is behind it then. -EPROTO: there was none. */
static int ask(const char *socket, const struct wire_control *request, enum wire_answer *word,
	FILE **stream)
{
	uint8_t bytes[WIRE_CONTROL_SIZE], answer[WIRE_ANSWER_SIZE];
	auto_fd int fd = connect_to(socket);
	FILE *opened;

	if (fd < 0)
		return fd;
	wire_control_encode(request, bytes);
	if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) != sizeof(bytes))
		return -EIO;
	opened = fdopen(fd, "r");
	if (!opened)
		return -ENOMEM;
	take_fd(&fd);
	if (fread(answer, sizeof(answer), 1, opened) != 1 ||
		wire_answer_decode(answer, sizeof(answer), word) < 0) {
		fclose(opened);
		return -EPROTO;
	}
	*stream = opened;
	return 0;
}

_Noreturn void ctl_exhausted(void)
{
	fputs("moshgatectl: out of memory\n", stderr);
	exit(CTL_NOTHING);
}

char *ctl_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		ctl_exhausted();
	return copy;
}

/* Prints a message that contains the helper's text. */
static void complain(const char *what, const char *reason)
{
	fprintf(stderr, "moshgatectl: %s", what);
	table_print_text(stderr, reason);
	fputc('\n', stderr);
}

const char *ctl_refusal(enum wire_answer word)
{
	static const char *const refusals[] = {
		[WIRE_REFUSED] = "refused: that is not yours, or too much at a time",
		[WIRE_MALFORMED] = "the helper did not understand",
		[WIRE_OTHER_VERSION] = "the helper is of another version: restart it",
		[WIRE_NOTHING] = "nothing matched",
		[WIRE_FAILED] = "the helper failed: see its log",
	};

	return refusals[word];
}

/* The helper's reason, where it gives one. */
static void complain_of_refusal(enum wire_answer word, FILE *stream)
{
	json_t *json = json_loadf(stream, JSON_DISABLE_EOF_CHECK, NULL);
	const char *reason = json_string_value(json_object_get(json, "error"));

	complain("", reason ? reason : ctl_refusal(word));
	json_decref(json);
}

enum ctl_status ctl_ask(const struct ctl_question *question, FILE **stream)
{
	enum wire_answer word;
	FILE *answer;
	int error = ask(question->socket, &question->request, &word, &answer);

	if (error == -EPROTO)
		fprintf(stderr, "moshgatectl: no answer from the helper at %s\n", question->socket);
	else if (error < 0)
		fprintf(stderr, "moshgatectl: no helper at %s: %s\n", question->socket,
			strerror(-error));
	if (error < 0)
		return CTL_NO_HELPER;
	if (word != WIRE_DONE) {
		complain_of_refusal(word, answer);
		fclose(answer);
		return CTL_NOTHING;
	}
	*stream = answer;
	return CTL_DONE;
}

enum ctl_status ctl_load(const struct ctl_question *question, json_t **json)
{
	json_error_t error;
	FILE *stream;
	enum ctl_status status = ctl_ask(question, &stream);

	if (status != CTL_DONE)
		return status;
	*json = json_loadf(stream, JSON_DISABLE_EOF_CHECK, &error);
	fclose(stream);
	if (*json)
		return CTL_DONE;
	complain("unreadable answer: ", error.text);
	return CTL_NOTHING;
}

enum ctl_status ctl_show(const struct ctl_question *question, void (*print)(json_t *json))
{
	json_t *json = NULL;
	enum ctl_status status = ctl_load(question, &json);

	if (status != CTL_DONE)
		return status;
	if (!question->is_json)
		print(json);
	else if (json_dumpf(json, stdout, terminal_json_flags(stdout)) < 0)
		status = CTL_NOTHING;
	else
		putchar('\n');
	if (status != CTL_DONE && !ferror(stdout))
		ctl_exhausted();
	json_decref(json);
	return status;
}

int ctl_fetch(
	const char *socket, enum wire_control_type type, enum wire_answer *word, json_t **json)
{
	const struct wire_control request = {.type = type};
	FILE *stream;
	int error = ask(socket, &request, word, &stream);

	if (error < 0)
		return error;
	*json = *word == WIRE_DONE ? json_loadf(stream, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	fclose(stream);
	return 0;
}
