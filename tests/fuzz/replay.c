/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main() of a fuzz target that is not linked with libFuzzer: calls it with the contents of each
 * file that is named, and of each file in a folder that is; without any, with its own seeds. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz.h"

#define SIZE_MAX_INPUT (1 << 20)

static _Noreturn void die(const char *path)
{
	perror(path);
	exit(EXIT_FAILURE);
}

/* In memory that ends where the input does. */
static void run(const char *path)
{
	static uint8_t buffer[SIZE_MAX_INPUT];
	FILE *file = fopen(path, "re");
	uint8_t *bytes;
	size_t size;

	if (!file)
		die(path);
	size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	bytes = malloc(size + !size);
	PROMISE(bytes);
	memcpy(bytes, buffer, size);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
}

static unsigned int run_all(const char *path)
{
	char name[PATH_MAX];
	unsigned int count = 0;
	DIR *folder = opendir(path);

	if (!folder && errno == ENOTDIR) {
		run(path);
		return 1;
	}
	if (!folder)
		die(path);
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		run(name);
		count++;
	}
	closedir(folder);
	return count;
}

/* fuzz_wire has its seeds in seeds/wire. */
static unsigned int run_seeds(void)
{
	const char *top = getenv("top_srcdir"), *name = strchr(program_invocation_short_name, '_');
	char path[PATH_MAX];

	PROMISE(name);
	snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/%s", top ? top : ".", name + 1);
	return run_all(path);
}

int main(int argc, char **argv)
{
	unsigned int count = argc > 1 ? 0 : run_seeds();

	for (int i = 1; i < argc; i++)
		count += run_all(argv[i]);
	printf("%u inputs\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
