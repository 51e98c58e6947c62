/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module: its line in sshd's PAM stack, its place there, and its file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "fd.h"

#define MODULE      "pam_moshgate.so"
#define PROFILE     "/usr/share/pam-configs/moshgate" /* for pam-auth-update, of Debian's package */
#define BLANK       " \t\r\n"
#define INCLUDE_MAX 16                      /* files within files */
#define MARK        "pam_moshgate version " /* in the module, with the version behind */
#define MODULE_MAX  (16 << 20)              /* bytes; it has some 30000 */

/* What is found on the way through the stack. */
struct stack {
	int depth;
	char *module, *control, *arguments, *file; /* of our line; null before it was seen */
	char *other;             /* the type of a line of ours that is no session's */
	bool is_env_before;      /* pam_env.so user_readenv=1 */
	char *registered_behind; /* the module that does, behind it */
};

struct line {
	char *type, *control, *module, *arguments;
};

static bool is_module(const struct line *line, const char *name)
{
	return strcmp(doctor_base_name(line->module), name) == 0;
}

/* What gives the login a cgroup or an audit session of its own. */
static bool is_registering(const struct line *line)
{
	static const char *const names[] = {"pam_systemd.so", "pam_elogind.so", "pam_loginuid.so"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_module(line, names[i]))
			return true;
	return false;
}

static void see_our_line(struct stack *stack, const struct line *line, const char *file)
{
	if (stack->module)
		return;
	stack->module = doctor_text("%s", line->module);
	stack->control = doctor_text("%s", line->control);
	stack->arguments = doctor_text("%s", line->arguments);
	stack->file = doctor_text("%s", file);
}

static void see_session(struct stack *stack, const struct line *line, const char *file)
{
	if (is_module(line, MODULE))
		see_our_line(stack, line, file);
	else if (is_module(line, "pam_env.so") && strstr(line->arguments, "user_readenv=1"))
		stack->is_env_before |= !stack->module;
	else if (is_registering(line) && stack->module && !stack->registered_behind)
		stack->registered_behind = doctor_text("%s", doctor_base_name(line->module));
}

static void read_stack(struct doctor *doctor, const char *path, struct stack *stack);

/* A name is of a file beside sshd's. */
static void include(struct doctor *doctor, const char *name, struct stack *stack)
{
	static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"};

	if (stack->depth >= INCLUDE_MAX)
		return;
	if (name[0] == '/') {
		read_stack(doctor, name, stack);
		return;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		auto_free char *path = doctor_text("%s/%s", folders[i], name);

		if (!doctor_has(doctor, path))
			continue;
		read_stack(doctor, path, stack);
		return;
	}
}

/* The next word, or all that stands in [ ]; "" at the end. *rest is what comes behind. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, BLANK), *end;

	end = *word == '[' ? word + strcspn(word, "]\n") : word + strcspn(word, BLANK);
	if (*word == '[' && *end == ']')
		end++;
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static void read_line(struct doctor *doctor, const char *path, char *text, struct stack *stack)
{
	struct line line = {.type = next_word(&text)};

	line.type += line.type[0] == '-'; /* may be missing */
	if (strcmp(line.type, "@include") == 0) {
		include(doctor, next_word(&text), stack);
		return;
	}
	line.control = next_word(&text);
	line.module = next_word(&text);
	line.arguments = text;
	if (strcasecmp(line.type, "session") != 0) {
		if (!stack->other && is_module(&line, MODULE))
			stack->other = doctor_text("%s", line.type);
	} else if (strcmp(line.control, "include") == 0 || strcmp(line.control, "substack") == 0) {
		include(doctor, line.module, stack);
	} else {
		see_session(stack, &line, path);
	}
}

/* A line that ends in a backslash goes on in the next; what is behind "#" is a comment. */
static bool read_whole(FILE *file, char **whole)
{
	auto_free char *part = NULL;
	size_t size = 0;

	*whole = NULL;
	while (getline(&part, &size, file) >= 0) {
		char *before = *whole;
		size_t length;

		part[strcspn(part, "#\n")] = '\0';
		length = strlen(part);
		*whole = doctor_text("%s%s", before ? before : "", part);
		free(before);
		if (length == 0 || part[length - 1] != '\\')
			return true;
		(*whole)[strlen(*whole) - 1] = ' ';
	}
	return *whole != NULL;
}

static void read_stack(struct doctor *doctor, const char *path, struct stack *stack)
{
	FILE *file = doctor_open(doctor, path);
	char *line;

	if (!file) {
		doctor_note(doctor, DOCTOR_WARNING, "pam", "%s cannot be read: %s", path,
			strerror(errno));
		return;
	}
	stack->depth++;
	while (read_whole(file, &line)) {
		read_line(doctor, path, line, stack);
		free(line);
	}
	stack->depth--;
	fclose(file);
}

/* --- its line ------------------------------------------------------------------------------------
 */

/* socket= of our line, or the default. */
static void check_socket(struct doctor *doctor, const struct stack *stack)
{
	const char *helper = value_text(doctor->facts, "session_socket");
	const char *option = strstr(stack->arguments, "socket=");
	const char *at = option ? option + strlen("socket=") : SESSION_SOCKET;
	size_t length = strcspn(at, BLANK);

	if (!doctor->facts || (strlen(helper) == length && strncmp(at, helper, length) == 0))
		return;
	doctor_note(doctor, DOCTOR_ERROR, "pam",
		"the module writes to %.*s, and the helper listens at %s", (int)length, at, helper);
	doctor_advise(
		doctor, "make socket= in %s the session-socket of moshgate.conf", stack->file);
}

static void check_place(struct doctor *doctor, const struct stack *stack)
{
	if (stack->registered_behind) {
		doctor_note(doctor, DOCTOR_WARNING, "pam",
			"the line of " MODULE " in %s comes before that of %s", stack->file,
			stack->registered_behind);
		doctor_advise(doctor, "move it behind, so that the login's own session is known");
	}
	if (stack->is_env_before) {
		doctor_note(doctor, DOCTOR_WARNING, "pam",
			"the line of " MODULE " in %s comes after pam_env.so with user_readenv=1",
			stack->file);
		doctor_advise(doctor,
			"move it before, so that users cannot choose the credential that is shown");
	}
	if (strncmp(stack->control, "requi", 5) == 0) {
		doctor_note(doctor, DOCTOR_WARNING, "pam", "the control of " MODULE " is %s",
			stack->control);
		doctor_advise(doctor, "make it optional, so that no login depends on its file");
	}
}

static bool is_file(const struct doctor *doctor, const char *path)
{
	auto_free char *full = doctor_path(doctor, path);
	struct stat status;

	return stat(full, &status) == 0 && S_ISREG(status.st_mode);
}

static void note_no_line(struct doctor *doctor, const struct stack *stack)
{
	if (stack->other)
		doctor_note(doctor, DOCTOR_ERROR, "pam",
			"the line of " MODULE " in sshd's PAM stack is of type %s", stack->other);
	else
		doctor_note(doctor, DOCTOR_ERROR, "pam",
			"there is no line of " MODULE " in sshd's PAM stack");
	if (is_file(doctor, PROFILE))
		doctor_advise(doctor, "pam-auth-update --enable moshgate");
	else
		doctor_advise(doctor, "put \"session optional " MODULE
				      "\" into /etc/pam.d/sshd, see pam_moshgate(8)");
}

/* --- its file ------------------------------------------------------------------------------------
 */

struct search {
	const char *name;
	char *path;   /* that was found first */
	char *folder; /* one that PAM looks in */
};

/* A folder that holds pam_permit.so is one that PAM loads modules from. */
static void look_in(struct doctor *doctor, const char *path, void *context)
{
	struct search *search = context;
	auto_free char *folder =
		doctor_text("%.*s", (int)(doctor_base_name(path) - path - 1), path);
	auto_free char *module = doctor_text("%s/%s", folder, search->name);

	if (!search->folder)
		search->folder = doctor_text("%s", folder);
	if (!search->path && is_file(doctor, module))
		search->path = doctor_text("%s", module);
}

static void search_folders(struct doctor *doctor, struct search *search)
{
	static const char *const patterns[] = {
		PAM_DIR,
		"/usr/lib/*/security",
		"/lib/*/security",
		"/usr/lib64/security",
		"/lib64/security",
		"/usr/lib/security",
		"/lib/security",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		auto_free char *pattern = doctor_text("%s/pam_permit.so", patterns[i]);

		doctor_glob(doctor, pattern, look_in, search);
	}
}

/* The version that stands in the file; null if none does. */
static char *read_version(const struct doctor *doctor, const char *path)
{
	FILE *file = doctor_open(doctor, path);
	char *bytes = calloc(1, MODULE_MAX), *version = NULL;
	size_t length = file && bytes ? fread(bytes, 1, MODULE_MAX - 1, file) : 0;
	const char *mark = length > 0 ? memmem(bytes, length, MARK, strlen(MARK)) : NULL;

	if (mark)
		version = doctor_text("%.32s", mark + strlen(MARK));
	if (file)
		fclose(file);
	free(bytes);
	return version;
}

static void check_version(struct doctor *doctor, const char *path)
{
	const char *helper = doctor->facts ? value_text(doctor->facts, "version") : VERSION;
	auto_free char *version = read_version(doctor, path);

	if (version && strcmp(version, helper) == 0) {
		doctor_note(doctor, DOCTOR_OK, "module", "%s has version %s", path, version);
		return;
	}
	doctor_note(doctor, DOCTOR_ERROR, "module", "%s is of version %s, and %s is of %s", path,
		version ? version : "unknown", doctor->facts ? "the helper" : "moshgatectl",
		helper);
	doctor_advise(doctor, "install both anew and restart moshgated");
}

static void note_missing(struct doctor *doctor, const struct search *search)
{
	const char *folder = search->folder ? search->folder : PAM_DIR;
	auto_free char *other = doctor_text("%s/%s", PAM_DIR, search->name);

	if (strcmp(folder, PAM_DIR) != 0 && is_file(doctor, other))
		doctor_note(doctor, DOCTOR_ERROR, "module",
			"%s is where PAM does not look: its modules are in %s", other, folder);
	else
		doctor_note(doctor, DOCTOR_ERROR, "module", "there is no %s in %s", search->name,
			folder);
	doctor_advise(doctor, "install it there (configure --with-pamdir=%s)", folder);
}

static void check_file(struct doctor *doctor, const struct stack *stack)
{
	struct search search = {.name = stack->module};

	if (stack->module[0] != '/')
		search_folders(doctor, &search);
	else if (is_file(doctor, stack->module))
		search.path = doctor_text("%s", stack->module);
	if (search.path) {
		check_version(doctor, search.path);
	} else if (stack->module[0] == '/') {
		doctor_note(doctor, DOCTOR_ERROR, "module", "there is no %s", stack->module);
		doctor_advise(doctor, "install it, or correct the path in %s", stack->file);
	} else {
		note_missing(doctor, &search);
	}
	free(search.path);
	free(search.folder);
}

void doctor_check_pam(struct doctor *doctor)
{
	size_t before = doctor->count;
	struct stack stack = {0};

	include(doctor, "sshd", &stack);
	if (!stack.module) {
		if (doctor->count == before)
			note_no_line(doctor, &stack);
	} else {
		check_place(doctor, &stack);
		check_socket(doctor, &stack);
		if (doctor->count == before)
			doctor_note(doctor, DOCTOR_OK, "pam",
				"the line of " MODULE " is in its place (%s)", stack.file);
		check_file(doctor, &stack);
	}
	free(stack.module);
	free(stack.control);
	free(stack.arguments);
	free(stack.file);
	free(stack.other);
	free(stack.registered_behind);
}
