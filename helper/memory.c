/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "memory.h"

/* What is only read comes back from its file when it is wanted: code that began the service, or
 * made a guard of text, is wanted once in weeks. */
static int give_back_file(struct dl_phdr_info *object, size_t size, void *context)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			// NOLINTNEXTLINE(performance-no-int-to-ptr): the linker gives numbers
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void memory_trim(void)
{
#ifdef __GLIBC__ /* other C libraries give free memory back by themselves */
	malloc_trim(0);
#endif
	dl_iterate_phdr(give_back_file, NULL);
}

/* Standard error may be nobody's, or the journal's as well: twice is better than not at all. */
_Noreturn void memory_exhausted(void)
{
	fputs("moshgated: out of memory\n", stderr);
	syslog(LOG_AUTHPRIV | LOG_CRIT, "out of memory");
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
