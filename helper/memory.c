/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "memory.h"

/* Other C libraries give it back by themselves. */
void memory_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

_Noreturn void memory_exhausted(void)
{
	fputs("moshgated: out of memory\n", stderr);
	_Exit(EXIT_FAILURE);
}

void *memory_zeroed(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		memory_exhausted();
	return memory;
}

char *memory_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		memory_exhausted();
	return copy;
}

void *memory_grow(void *array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 16;
	array = reallocarray(array, *capacity, size);
	if (!array)
		memory_exhausted();
	return array;
}
