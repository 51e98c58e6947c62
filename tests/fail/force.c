/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#include "force.h"
#include "news.h"

#define NEWS_CODE 2048 /* bytes; all of news.c, and perhaps a little of its neighbours */

/* The linker's: where the program begins, and where its code ends. */
extern const char __executable_start, etext;

static struct force_file *file;

/* More than one, since what a register still has is not lost. */
__attribute__((noinline)) static void lose(void)
{
	for (size_t size = 100; size < 110; size++) {
		void *volatile lost = malloc(size);

		(void)lost;
	}
}

/* Before the program confines itself: later it could not open the file. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FORCED");
	void *mapped;
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	mapped = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || mapped == MAP_FAILED)
		abort();
	close(fd);
	file = mapped;
	file->order.finds = __lsan_do_leak_check != NULL;
	if (file->order.loses)
		lose();
}

/* A compiler's profiler is linked into the program, so its calls come here as well; it writes when
 * the program's other destructors have run. */
__attribute__((destructor)) void force_end(void)
{
	file = NULL;
}

/* What was put off is done when the next thing happens, and what that is time decides. */
static bool is_in_news(const char *at)
{
	ptrdiff_t distance = at - (const char *)(uintptr_t)news_catch_up;

	return distance > -NEWS_CODE && distance < NEWS_CODE;
}

struct stack {
	const char *frames[64];
	int depth;
};

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *data)
{
	struct stack *stack = data;

	if (stack->depth == sizeof(stack->frames) / sizeof(stack->frames[0]))
		return _URC_END_OF_STACK;
	stack->frames[stack->depth++] = (const char *)_Unwind_GetIP(context);
	return _URC_NO_REASON;
}

/* The helper's own part of the stack: what called the wrapper, what called that, and so on, up to
 * what was put off. */
__attribute__((noinline)) static void look_back(uint32_t offsets[FORCE_DEPTH])
{
	struct stack stack = {.depth = 0};
	int used = 0;

	_Unwind_Backtrace(add_frame, &stack);
	memset(offsets, 0, FORCE_DEPTH * sizeof(offsets[0]));
	/* but for this function, force() and the wrapper */
	for (int i = 3; i < stack.depth && used < FORCE_DEPTH; i++) {
		const char *at = stack.frames[i];

		if (is_in_news(at) && used > 0)
			return;
		if (at >= &__executable_start && at < &etext)
			offsets[used++] = (uint32_t)(at - &__executable_start);
	}
}

static uint64_t hash(const uint32_t offsets[FORCE_DEPTH])
{
	uint64_t value = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < FORCE_DEPTH; i++)
		value = (value ^ offsets[i]) * 1099511628211u;
	return value;
}

static struct force_record *find(uint64_t call)
{
	for (uint32_t i = 0; i < file->order.used; i++)
		if (file->records[i].call == call)
			return &file->records[i];
	if (file->order.used == FORCE_RECORDS) {
		file->order.lost++;
		return NULL;
	}
	return &file->records[file->order.used++];
}

static uint32_t count_of(const int *ways)
{
	uint32_t count = 0;

	while (ways[count])
		count++;
	return count;
}

__attribute__((noinline)) int force(const char *name, const int *ways)
{
	uint32_t offsets[FORCE_DEPTH];
	struct force_record *record;
	uint64_t call;

	if (!file)
		return 0;
	look_back(offsets);
	call = hash(offsets);
	file->order.total++;
	record = find(call);
	if (!record)
		return 0;
	record->call = call;
	record->ways = count_of(ways);
	memcpy(record->offsets, offsets, sizeof(offsets));
	strncpy(record->name, name, sizeof(record->name) - 1);
	if (++record->count != file->order.occurrence || call != file->order.call)
		return 0;
	file->order.forced++;
	return ways[file->order.way % record->ways];
}
