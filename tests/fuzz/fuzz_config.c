/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration and, behind a line "%", a drop-in: what is taken is in range, and its names need
 * no quoting for nft; what is refused changes nothing and has one line of reason. */
#include <errno.h>
#include <sys/stat.h>

#include "config.h"
#include "fuzz_folder.h"

#define FILE_NAME "config"
#define DROP_IN   FILE_NAME ".d/drop-in.conf"

/* Writes what stands before the line. */
static void write_file(const char *name, struct fuzz_input *input)
{
	static const char line[] = "\n%\n";
	const uint8_t *start = input->at, *end = NULL;
	size_t size = input->left;

	if (input->left)
		end = memmem(start, input->left, line, strlen(line));
	if (end)
		size = (size_t)(end - start) + 1; /* with its newline */
	fuzz_folder_write(name, start, size);
	input->at += size;
	input->left -= size;
	if (end) {
		input->at += 2;
		input->left -= 2;
	}
}

static void write_files(const uint8_t *bytes, size_t size, char path[96])
{
	struct fuzz_input input = {bytes, size};

	snprintf(path, 96, "%s/" FILE_NAME, fuzz_folder());
	mkdirat(fuzz_folder_fd(), FILE_NAME ".d", 0700);
	unlinkat(fuzz_folder_fd(), DROP_IN, 0);
	write_file(FILE_NAME, &input);
	if (input.left)
		write_file(DROP_IN, &input);
}

static void check_range(int64_t least, int64_t value, int64_t most)
{
	PROMISE(least <= value && value <= most);
}

static void check_name(const char *name)
{
	size_t length = strnlen(name, CONFIG_NAME_SIZE);

	PROMISE(length > 0 && length < CONFIG_NAME_SIZE && name[0] != '-');
	PROMISE(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "0123456789_-") == length);
}

static void check_path(const char *path)
{
	PROMISE(path[0] == '/' && strnlen(path, CONFIG_PATH_SIZE) < CONFIG_PATH_SIZE);
}

static void check_taken(const struct config *config)
{
	check_range(1024, config->gate.first_port, config->gate.last_port);
	check_range(1, config->gate.claim_s, 86400);
	check_range(1, config->gate.idle_s, 366 * 86400);
	check_range(0, config->gate.max_s, 3660 * 86400);
	check_range(8, config->gate.prefix4, 32);
	check_range(16, config->gate.prefix6, 128);
	check_range(1, config->limits.logins_per_user, 65535);
	check_range(1, config->limits.grants_per_user, 65535);
	check_range(1, config->limits.grants, 65535);
	check_range(-400, config->firewall.priority, 400);
	check_name(config->firewall.table);
	check_name(config->helper.user);
	check_path(config->gate.servers[0]);
	for (size_t i = 1; i < CONFIG_PATHS_MAX && config->gate.servers[i][0]; i++)
		check_path(config->gate.servers[i]);
	check_path(config->helper.session_socket);
	check_path(config->helper.control_socket);
	check_path(config->helper.state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct config config, before;
	char path[96], error[CONFIG_ERROR_SIZE] = "";
	int result;

	memset(&config, 0x5a, sizeof(config));
	memset(&before, 0x5a, sizeof(before));
	write_files(bytes, size, path);
	result = config_read(path, &config, error);
	if (result == 0) {
		check_taken(&config);
		return 0;
	}
	PROMISE(result == -EINVAL && memcmp(&config, &before, sizeof(config)) == 0);
	PROMISE(strncmp(error, path, strlen(path)) == 0 && !strchr(error, '\n'));
	return 0;
}
