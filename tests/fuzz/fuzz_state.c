/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of a login: one that is believed is of the process that its name says, and saved again
 * it has the same bytes; what is not is set aside. Inputs are without the zeros at their end, and
 * the id of this boot stands as zeros.
 */
#include <sys/stat.h>

#include "fuzz_folder.h"
#include "fuzz_log.h"
#include "state.h"

#define NAME         "4242"
#define FILE_SIZE    (64 + WIRE_SESSION_SIZE)
#define BOOT_ID_AT   24
#define BOOT_ID_SIZE 36

static struct state *state;
static struct state_login visited;
static bool is_visited;

/* Different bytes are those of another boot. */
static void put_boot_id(uint8_t *bytes)
{
	static char boot_id[BOOT_ID_SIZE];
	FILE *file = boot_id[0] ? NULL : fopen("/proc/sys/kernel/random/boot_id", "re");

	if (file) {
		PROMISE(fread(boot_id, sizeof(boot_id), 1, file) == 1);
		fclose(file);
	}
	for (size_t i = 0; i < BOOT_ID_SIZE; i++)
		bytes[BOOT_ID_AT + i] ^= (uint8_t)boot_id[i];
}

static void visit(const struct state_login *login, void *context)
{
	(void)context;
	is_visited = true;
	visited = *login;
}

static void save_again(const uint8_t *bytes)
{
	uint8_t again[FILE_SIZE + 1];
	int fd;

	PROMISE(visited.pid == 4242 && !visited.is_new && visited.session.type == WIRE_OPEN);
	PROMISE(state_save(state, &visited) == 0 && state_settle(state, 4242) == 0);
	fd = openat(fuzz_folder_fd(), "logins/" NAME, O_RDONLY | O_CLOEXEC);
	PROMISE(read(fd, again, sizeof(again)) == FILE_SIZE);
	PROMISE(memcmp(again, bytes, FILE_SIZE) == 0);
	close(fd);
}

/* A long input is the file as it is, and perhaps not whole. */
static size_t size_of(size_t size)
{
	return size < 1024 ? FILE_SIZE : size < FILE_SIZE ? size : FILE_SIZE + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint8_t file[FILE_SIZE + 1] = {0};
	bool is_good;

	PROMISE(state_open(fuzz_folder(), &state) == 0);
	memcpy(file, bytes, size < sizeof(file) ? size : sizeof(file));
	put_boot_id(file);
	fuzz_folder_write("logins/" NAME, file, size_of(size));
	is_visited = false;
	fuzz_log_lines = 0;
	PROMISE(state_load(state, visit, NULL) == 0);
	if (is_visited)
		save_again(file);
	state_close(state);
	is_good = unlinkat(fuzz_folder_fd(), "logins/" NAME, 0) == 0;
	PROMISE(is_good == is_visited && fuzz_log_lines == !is_good);
	PROMISE(is_good || unlinkat(fuzz_folder_fd(), "logins/bad-" NAME, 0) == 0);
	return 0;
}
