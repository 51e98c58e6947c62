/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration: what is taken is in range, and its names need no quoting for nft; what is
 * refused changes nothing and has one line of reason. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "fuzz.h"

/* As read through its descriptor, there is never a folder of drop-ins. */
static void write_file(const uint8_t *bytes, size_t size, char path[64])
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	PROMISE(fd >= 0 && fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0);
	PROMISE(pwrite(fd, bytes, size, 0) == (ssize_t)size);
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
	char path[64], error[CONFIG_ERROR_SIZE] = "";
	int result;

	memset(&config, 0x5a, sizeof(config));
	memset(&before, 0x5a, sizeof(before));
	write_file(bytes, size, path);
	result = config_read(path, &config, error);
	if (result == 0) {
		check_taken(&config);
		return 0;
	}
	PROMISE(result == -EINVAL && memcmp(&config, &before, sizeof(config)) == 0);
	PROMISE(strncmp(error, path, strlen(path)) == 0 && !strchr(error, '\n'));
	return 0;
}
