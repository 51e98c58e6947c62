/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify's records: an execution is told if, and only if, one says so or cannot be read, and a
 * program is watched anew if one names it or some were lost. */
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fuzz_netlink.h"
#include "observer.h"

#define RECORDS_MAX 8192 /* bytes that are read at a time; the kernel gives whole records */
#define NAME        "mosh-server"

enum watch { FOLDER = 1, PROGRAM = 2 };

static int records[2]; /* a pipe */
static unsigned int watched;

/* In libc's place. */
int inotify_init1(int flags)
{
	PROMISE(pipe2(records, flags) == 0);
	return records[0];
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	(void)fd, (void)path;
	watched += (mask & IN_OPEN) != 0;
	return mask & IN_OPEN ? PROGRAM : FOLDER;
}

static struct observer *open_observer(void)
{
	struct config config = {.gate = {.servers = {"/tmp/" NAME}}};
	struct observer *observer;
	const char *what;

	PROMISE(observer_open(&config, &observer, &what) == 0);
	return observer;
}

/* What one record says, read with care; how long it is, or 0 if it is none. */
static size_t read_record(const uint8_t *bytes, size_t size, bool *is_exec, unsigned int *news)
{
	struct inotify_event event;
	const uint8_t *name = bytes + sizeof(event);
	bool is_lost;

	if (size < sizeof(event))
		return 0;
	memcpy(&event, bytes, sizeof(event));
	if (event.len > size - sizeof(event) || event.len % sizeof(event) != 0)
		return 0;
	is_lost = (event.mask & IN_Q_OVERFLOW) != 0;
	*is_exec |= is_lost || (event.wd == PROGRAM && (event.mask & IN_OPEN));
	*news += is_lost || (event.wd == FOLDER && event.len >= sizeof(NAME) &&
				    memcmp(name, NAME, sizeof(NAME)) == 0);
	return sizeof(event) + event.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct observer *observer;
	unsigned int news = 0;
	bool is_exec = false;
	size_t length;

	if (!observer)
		observer = open_observer();
	if (size == 0 || size > RECORDS_MAX)
		return 0;
	watched = 0;
	PROMISE(write(records[1], bytes, size) == (ssize_t)size);
	while (size > 0 && (length = read_record(bytes, size, &is_exec, &news)) > 0) {
		bytes += length;
		size -= length;
	}
	is_exec |= size > 0;
	PROMISE(observer_read_execs(observer) == is_exec);
	PROMISE(watched == news);
	PROMISE(!observer_read_execs(observer));
	return 0;
}
