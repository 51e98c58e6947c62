/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host's files say: sshd, mosh-server, logind, /proc, and our own sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "fd.h"

#define BLANK       " \t\r\n"
#define INCLUDE_MAX 16 /* files within files, as in sshd */

/* What was to be looked at and could not be. */
static void note_unreadable(struct doctor *doctor, const char *check, const char *path, int error)
{
	doctor_note(doctor, DOCTOR_WARNING, check, "%s cannot be read: %s", path, strerror(error));
	if (error == EACCES)
		doctor_advise(doctor, "run this as root");
}

/* --- sshd_config ---------------------------------------------------------------------------------
 */

struct sshd {
	int depth;
	char *value, *where; /* of the first UsePAM, which counts */
};

/* The next word, which may stand in quotes; null at the end. *rest is what comes behind. */
static char *next_word(char **rest, const char *between)
{
	char *word = *rest + strspn(*rest, between), *end;
	bool is_quoted = *word == '"';

	if (!*word || *word == '#')
		return NULL;
	word += is_quoted;
	end = word + strcspn(word, is_quoted ? "\"\n" : between);
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static void read_sshd(struct doctor *doctor, const char *path, void *context);

static void include(struct doctor *doctor, char *patterns, struct sshd *sshd)
{
	char *pattern;

	while (sshd->depth < INCLUDE_MAX && (pattern = next_word(&patterns, BLANK)) != NULL) {
		auto_free char *whole =
			doctor_text("%s%s", pattern[0] == '/' ? "" : "/etc/ssh/", pattern);

		sshd->depth++;
		doctor_glob(doctor, whole, read_sshd, sshd);
		sshd->depth--;
	}
}

/* False at a Match: what follows is for some logins, and cannot be UsePAM. */
static bool read_sshd_line(struct doctor *doctor, const char *path, char *line, struct sshd *sshd)
{
	char *keyword = next_word(&line, BLANK "="), *value;

	if (!keyword)
		return true;
	if (strcasecmp(keyword, "Match") == 0)
		return false;
	if (strcasecmp(keyword, "Include") == 0)
		include(doctor, line, sshd);
	else if (strcasecmp(keyword, "UsePAM") == 0 && !sshd->value &&
		 (value = next_word(&line, BLANK "=")) != NULL) {
		sshd->value = doctor_text("%s", value);
		sshd->where = doctor_text("%s", path);
	}
	return true;
}

static void read_sshd(struct doctor *doctor, const char *path, void *context)
{
	FILE *file = doctor_open(doctor, path);
	auto_free char *line = NULL;
	size_t size = 0;

	if (!file) {
		note_unreadable(doctor, "sshd", path, errno);
		return;
	}
	while (getline(&line, &size, file) >= 0 && read_sshd_line(doctor, path, line, context))
		;
	fclose(file);
}

/* The admin's file, or where there is none the distribution's. */
static const char *find_sshd_config(const struct doctor *doctor)
{
	static const char *const paths[] = {"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (doctor_has(doctor, paths[i]))
			return paths[i];
	return NULL;
}

void doctor_check_sshd(struct doctor *doctor)
{
	const char *path = find_sshd_config(doctor);
	size_t before = doctor->count;
	struct sshd sshd = {0};

	if (!path) {
		doctor_note(doctor, DOCTOR_WARNING, "sshd", "there is no /etc/ssh/sshd_config");
		doctor_advise(doctor, "look whether sshd runs with UsePAM yes (sshd -T)");
		return;
	}
	read_sshd(doctor, path, &sshd);
	if (sshd.value && strcasecmp(sshd.value, "yes") == 0) {
		doctor_note(doctor, DOCTOR_OK, "sshd", "sshd uses PAM (%s)", sshd.where);
	} else if (sshd.value) {
		doctor_note(doctor, DOCTOR_ERROR, "sshd", "sshd does not use PAM: UsePAM %s in %s",
			sshd.value, sshd.where);
		doctor_advise(doctor, "set UsePAM yes there, and restart sshd");
	} else if (doctor->count == before) {
		doctor_note(doctor, DOCTOR_ERROR, "sshd",
			"sshd does not use PAM: %s has no UsePAM, and the default is no", path);
		doctor_advise(doctor, "add UsePAM yes before any Match, and restart sshd");
	}
	free(sshd.value);
	free(sshd.where);
}

/* --- mosh-server ---------------------------------------------------------------------------------
 */

/* The default of server, for when there is no helper to ask. */
static json_t *watched_paths(const struct doctor *doctor)
{
	return doctor->facts ? json_incref(json_object_get(doctor->facts, "paths"))
			     : json_pack("[s]", "/usr/bin/mosh-server");
}

#define OTHERS_MAX 32

struct programs {
	json_t *paths;
	size_t found;
	struct stat others[OTHERS_MAX]; /* that were told of: /bin may be /usr/bin */
	size_t others_count;
};

static bool is_program(const struct doctor *doctor, const char *path, struct stat *status)
{
	auto_free char *full = doctor_path(doctor, path);

	return stat(full, status) == 0 && S_ISREG(status->st_mode) && (status->st_mode & 0111);
}

static bool is_watched(const struct doctor *doctor, json_t *paths, const struct stat *status)
{
	struct stat watched;
	json_t *path;
	size_t index;

	json_array_foreach(paths, index, path)
	{
		if (is_program(doctor, json_string_value(path), &watched) &&
			watched.st_dev == status->st_dev && watched.st_ino == status->st_ino)
			return true;
	}
	return false;
}

static bool is_first(struct programs *programs, const struct stat *status)
{
	for (size_t i = 0; i < programs->others_count; i++)
		if (programs->others[i].st_dev == status->st_dev &&
			programs->others[i].st_ino == status->st_ino)
			return false;
	if (programs->others_count < OTHERS_MAX)
		programs->others[programs->others_count++] = *status;
	return true;
}

static void note_other(struct doctor *doctor, const char *path, void *context)
{
	struct programs *programs = context;
	struct stat status;

	if (!is_program(doctor, path, &status) || is_watched(doctor, programs->paths, &status) ||
		!is_first(programs, &status))
		return;
	doctor_note(doctor, DOCTOR_WARNING, "mosh-server",
		"%s is not watched, so its ports open only when ssh has closed", path);
	doctor_advise(doctor, "add it to server in moshgate.conf, if it is used");
	programs->found++;
}

/* Could the helper not reach it? */
static bool is_out_of_reach(const struct doctor *doctor, const char *path)
{
	json_t *unwatched;
	size_t index;

	json_array_foreach(json_object_get(doctor->facts, "unwatched"), index, unwatched)
	{
		if (strcmp(path, json_string_value(unwatched)) == 0)
			return true;
	}
	return false;
}

static void note_program(struct doctor *doctor, const char *path)
{
	if (!is_out_of_reach(doctor, path)) {
		doctor_note(doctor, DOCTOR_OK, "mosh-server", "%s is there and watched", path);
		return;
	}
	doctor_note(doctor, DOCTOR_ERROR, "mosh-server",
		"moshgated cannot watch %s, so its ports open only when ssh has closed", path);
	doctor_advise(doctor,
		"let moshgated's user into its folders, the unit into /home (ProtectHome=), and "
		"AppArmor read it (/etc/apparmor.d/local/usr.sbin.moshgated); then moshgatectl "
		"reload");
}

static void note_watched(struct doctor *doctor, struct programs *programs)
{
	struct stat status;
	json_t *path;
	size_t index;

	json_array_foreach(programs->paths, index, path)
	{
		if (!is_program(doctor, json_string_value(path), &status))
			continue;
		note_program(doctor, json_string_value(path));
		programs->found++;
	}
}

void doctor_check_mosh(struct doctor *doctor)
{
	static const char *const others[] = {
		"/usr/bin/mosh-server",
		"/bin/mosh-server",
		"/usr/local/bin/mosh-server",
		"/opt/bin/mosh-server",
		"/opt/*/bin/mosh-server",
		"/usr/pkg/bin/mosh-server",
		"/snap/bin/mosh-server",
		"/home/linuxbrew/.linuxbrew/bin/mosh-server",
		"/run/current-system/sw/bin/mosh-server",
	};
	struct programs programs = {.paths = watched_paths(doctor)};

	note_watched(doctor, &programs);
	if (programs.found == 0) {
		doctor_note(doctor, DOCTOR_ERROR, "mosh-server",
			"there is no mosh-server where moshgated looks for it");
		doctor_advise(doctor, "install mosh, or set server in moshgate.conf");
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		doctor_glob(doctor, others[i], note_other, &programs);
	json_decref(programs.paths);
}

/* --- /proc ---------------------------------------------------------------------------------------
 */

/* Which group sees all the same, if one does, and whether the helper is in it, only that can tell.
 */
static bool is_hidden(const char *options)
{
	const char *hide = strstr(options, "hidepid=");

	return hide && !strstr(options, "gid=") && strncmp(hide, "hidepid=0", 9) != 0 &&
	       strncmp(hide, "hidepid=off", 11) != 0;
}

static bool has_hidden_proc(const struct doctor *doctor)
{
	FILE *file = doctor_open(doctor, "/proc/mounts");
	char line[4096], options[4096];
	bool has_hidden = false;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s /proc proc %4095s", options) == 1)
			has_hidden = is_hidden(options);
	if (file)
		fclose(file);
	return has_hidden;
}

void doctor_check_proc(struct doctor *doctor)
{
	json_t *blind = json_object_get(doctor->facts, "blind");

	if (blind ? !json_is_true(blind) : !has_hidden_proc(doctor))
		return;
	doctor_note(doctor, DOCTOR_WARNING, "proc",
		"/proc is mounted with hidepid, and moshgated sees no mosh-servers");
	doctor_advise(doctor,
		"mount it with gid= of a group that moshgated is in (SupplementaryGroups= in its "
		"unit; when root starts it, its primary group), and restart moshgated");
}

/* --- sockets -------------------------------------------------------------------------------------
 */

/* One of our files: who may own it besides root, and what its mode is to have and to lack. */
struct own_file {
	const char *what, *path;
	mode_t type, wanted, unwanted;
	const char *harm, *advice;
};

static bool look_at(
	const struct doctor *doctor, const struct own_file *own, struct stat *status, int *error)
{
	auto_free char *full = doctor_path(doctor, own->path);

	*error = lstat(full, status) == 0 ? 0 : errno;
	return *error == 0 && (status->st_mode & S_IFMT) == own->type;
}

static bool check_own(struct doctor *doctor, const struct own_file *own, uid_t owner)
{
	struct stat status;
	int error;

	if (!look_at(doctor, own, &status, &error)) {
		doctor_note(doctor, DOCTOR_ERROR, "sockets", "%s %s: %s", own->what, own->path,
			error ? strerror(error) : "something else is there");
		doctor_advise(doctor, "restart moshgated");
		return false;
	}
	if (status.st_uid != 0 && status.st_uid != owner) {
		doctor_note(doctor, DOCTOR_ERROR, "sockets", "%s %s is user %u's", own->what,
			own->path, (unsigned int)status.st_uid);
		doctor_advise(doctor, "remove it and restart moshgated");
		return false;
	}
	if ((status.st_mode & own->wanted) == own->wanted && !(status.st_mode & own->unwanted))
		return true;
	doctor_note(doctor, DOCTOR_ERROR, "sockets", "%s %s has mode %04o, and %s", own->what,
		own->path, (unsigned int)status.st_mode & 07777, own->harm);
	doctor_advise(doctor, "%s", own->advice);
	return false;
}

/* Only while there is a helper: without one there need not be any of them. The folder's owner is
 * the helper's user. */
void doctor_check_sockets(struct doctor *doctor)
{
	const char *folder = value_text(doctor->facts, "state");
	const struct own_file files[] = {
		{"the run-time directory", folder, S_IFDIR, 0755, 022,
			"others may change what is in it", "chmod 755, and look who changed it"},
		{"the session socket", value_text(doctor->facts, "session_socket"), S_IFSOCK, 0600,
			077, "others than root may write to it", "restart moshgated"},
		{"the control socket", doctor->socket, S_IFSOCK, 0666, 0,
			"not everybody may ask the helper", "restart moshgated"},
	};
	auto_free char *full = doctor_path(doctor, folder);
	struct stat status = {0};
	bool is_fine = true;

	if (!doctor->facts)
		return;
	(void)!lstat(full, &status);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		is_fine &= check_own(doctor, &files[i], status.st_uid);
	if (is_fine)
		doctor_note(doctor, DOCTOR_OK, "sockets",
			"both sockets and %s have their owners and modes", folder);
}
