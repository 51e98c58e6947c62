/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/socket.h>
#include <sys/un.h>

#include "check_doctor.h"

#define FILES_MAX 5

/* A host's files and what is found on it. */
struct example {
	const char *files[FILES_MAX][2];
	enum doctor_level level;
	const char *text;
};

static void run(const struct example *example, void (*check)(struct doctor *))
{
	check_begin();
	for (size_t i = 0; i < FILES_MAX && example->files[i][0]; i++)
		check_put(example->files[i][0], example->files[i][1]);
	check(&doctor);
	check_found(example->level, example->text);
	check_end();
}

#define SSHD "/etc/ssh/sshd_config"

static const struct example sshds[] = {
	{{{NULL}}, DOCTOR_WARNING, "there is no /etc/ssh/sshd_config"},
	{{{SSHD, "UsePAM yes\n"}}, DOCTOR_OK, "uses PAM"},
	{{{SSHD, "usepam=\"YES\""}}, DOCTOR_OK, "uses PAM"},
	{{{SSHD, "\tUsePAM = yes # as it should be\n"}}, DOCTOR_OK, "uses PAM"},
	{{{SSHD, "UsePAM no\nUsePAM yes\n"}}, DOCTOR_ERROR, "UsePAM no in " SSHD},
	{{{SSHD, "UsePAM yes\nUsePAM no\n"}}, DOCTOR_OK, "uses PAM"},
	{{{SSHD, "#UsePAM yes\nPort 22\n\n"}}, DOCTOR_ERROR, "the default is no"},
	{{{SSHD, "UsePAM\n"}}, DOCTOR_ERROR, "the default is no"},
	{{{SSHD, "Match User alice\nUsePAM yes\n"}}, DOCTOR_ERROR, "the default is no"},
	{{{SSHD, ""}}, DOCTOR_ERROR, "the default is no"},
	{{{"/usr" SSHD, "UsePAM yes"}}, DOCTOR_OK, "/usr/etc/ssh/sshd_config"},
	{{{SSHD, "UsePAM no"}, {"/usr" SSHD, "UsePAM yes"}}, DOCTOR_ERROR, "UsePAM no"},
	{{{SSHD, "Include sshd_config.d/*.conf\nUsePAM no\n"},
		 {"/etc/ssh/sshd_config.d/50-x.conf", "UsePAM yes\n"}},
		DOCTOR_OK, "/etc/ssh/sshd_config.d/50-x.conf"},
	{{{SSHD, "Include /etc/ssh/a \"b\"\n"}, {"/etc/ssh/a", "Match all\n"},
		 {"/etc/ssh/b", "UsePAM yes\n"}},
		DOCTOR_OK, "(/etc/ssh/b)"},
	{{{SSHD, "Include sshd_config.d/*.conf\n"},
		 {"/etc/ssh/sshd_config.d/2.conf", "UsePAM yes\n"},
		 {"/etc/ssh/sshd_config.d/1.conf", "UsePAM no\n"}},
		DOCTOR_ERROR, "UsePAM no in /etc/ssh/sshd_config.d/1.conf"},
	{{{SSHD, "Match User bob\nInclude more\n"}, {"/etc/ssh/more", "UsePAM yes\n"}},
		DOCTOR_ERROR, "the default is no"},
	{{{SSHD, "Include sshd_config\nUsePAM yes\n"}}, DOCTOR_OK, "uses PAM"}, /* itself */
	{{{SSHD, "Include nothing.d/*\nUsePAM yes\n"}}, DOCTOR_OK, "uses PAM"},
	{{{SSHD, "UsePAM \033[31mno\n"}}, DOCTOR_ERROR, "UsePAM ?[31mno"},
};

START_TEST(doctor_sshd)
{
	run(&sshds[_i], doctor_check_sshd);
}
END_TEST

#define STACK  "/etc/pam.d/sshd"
#define LINE   "session optional pam_moshgate.so\n"
#define FOLDER "/usr/lib/x86_64-linux-gnu/security/"
#define PERMIT                                                                                     \
	{                                                                                          \
		FOLDER "pam_permit.so", ""                                                         \
	}
#define MODULE                                                                                     \
	{                                                                                          \
		FOLDER "pam_moshgate.so", "ELF pam_moshgate version " VERSION                      \
	}

/* What is wrong with the line; the module is where it belongs. */
static const struct example lines[] = {
	{{PERMIT}, DOCTOR_ERROR, "there is no line"},
	{{PERMIT, {STACK, "session required pam_permit.so\n"}}, DOCTOR_ERROR, "there is no line"},
	{{PERMIT, {STACK, "# " LINE}}, DOCTOR_ERROR, "there is no line"},
	{{PERMIT, {STACK, "auth optional pam_moshgate.so\n"}}, DOCTOR_ERROR, "is of type auth"},
	{{PERMIT, {STACK, "@include sshd\n"}}, DOCTOR_ERROR, "there is no line"},
	{{PERMIT, {STACK, "session include sshd\n"}}, DOCTOR_ERROR, "there is no line"},
};

START_TEST(doctor_pam_no_line)
{
	run(&lines[_i], doctor_check_pam);
}
END_TEST

/* What the Debian package brings puts the line in its place, and takes it away again. */
START_TEST(doctor_pam_advice)
{
	check_begin();
	check_put(STACK, "session required pam_permit.so\n");
	doctor_check_pam(&doctor);
	check_found(DOCTOR_ERROR, "there is no line");
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].advice, "into /etc/pam.d/sshd"));
	check_forget();
	check_put("/usr/share/pam-configs/moshgate", "Name: x\n");
	doctor_check_pam(&doctor);
	check_found(DOCTOR_ERROR, "there is no line");
	ck_assert_str_eq(doctor.findings[0].advice, "pam-auth-update --enable moshgate");
	check_end();
}
END_TEST

/* Each with a module that is in order; the first finding of two. */
static const struct example stacks[] = {
	{{{STACK, LINE}}, DOCTOR_OK, "in its place (" STACK ")"},
	{{{STACK, "-session\t[success=ok default=ignore]  pam_moshgate.so debug"}}, DOCTOR_OK,
		"in its place"},
	{{{STACK, "session optional \\\n  pam_moshgate.so # ours\n"}}, DOCTOR_OK, "in its place"},
	{{{STACK, "@include common-session\n" LINE},
		 {"/etc/pam.d/common-session", "session optional pam_systemd.so\n"}},
		DOCTOR_OK, "in its place"},
	{{{STACK, LINE "@include common-session\n"},
		 {"/etc/pam.d/common-session", "session optional pam_systemd.so\n"}},
		DOCTOR_WARNING, "comes before that of pam_systemd.so"},
	{{{STACK, LINE "session required pam_loginuid.so\n"}}, DOCTOR_WARNING,
		"before that of pam_loginuid.so"},
	{{{STACK, LINE "auth include common-session\n"},
		 {"/etc/pam.d/common-session", "session optional pam_systemd.so\n"}},
		DOCTOR_OK, "in its place"},
	{{{STACK, "session substack more\n"}, {"/usr/lib/pam.d/more", LINE}}, DOCTOR_OK,
		"in its place (/usr/lib/pam.d/more)"},
	{{{"/usr/lib/pam.d/sshd", LINE}}, DOCTOR_OK, "in its place (/usr/lib/pam.d/sshd)"},
	{{{STACK, "session required pam_env.so user_readenv=1\n" LINE}}, DOCTOR_WARNING,
		"after pam_env.so"},
	{{{STACK, LINE "session required pam_env.so user_readenv=1\n"}}, DOCTOR_OK, "in its place"},
	{{{STACK, "session required pam_env.so\n" LINE}}, DOCTOR_OK, "in its place"},
	{{{STACK, "session required pam_moshgate.so\n"}}, DOCTOR_WARNING, "is required"},
	{{{STACK, "session optional pam_moshgate.so socket=/run/other.sock\n"}}, DOCTOR_ERROR,
		"writes to /run/other.sock"},
	{{{STACK, "session optional pam_moshgate.so debug socket=/run/x.sock timeout=5\n"}},
		DOCTOR_ERROR, "writes to /run/x.sock, and the helper"},
};

START_TEST(doctor_pam_line)
{
	struct example example = stacks[_i];

	check_begin();
	doctor.facts = json_pack("{ss ss}", "version", VERSION, "session_socket", SESSION_SOCKET);
	check_put(FOLDER "pam_permit.so", "");
	check_put(FOLDER "pam_moshgate.so", "ELF pam_moshgate version " VERSION);
	for (size_t i = 0; i < FILES_MAX && example.files[i][0]; i++)
		check_put(example.files[i][0], example.files[i][1]);
	doctor_check_pam(&doctor);
	ck_assert_uint_eq(doctor.count, 2);
	ck_assert_int_eq(doctor.findings[1].level, DOCTOR_OK); /* the module */
	free(doctor.findings[1].text);
	doctor.count = 1;
	check_found(example.level, example.text);
	check_end();
}
END_TEST

#define GOOD                                                                                       \
	{                                                                                          \
		STACK, LINE                                                                        \
	}

static const struct example modules[] = {
	{{GOOD, PERMIT, MODULE}, DOCTOR_OK, "has version " VERSION},
	{{GOOD, PERMIT}, DOCTOR_ERROR, "there is no pam_moshgate.so in /usr/lib/x86_64-linux-gnu/"},
	{{GOOD, PERMIT, {PAM_DIR "/pam_moshgate.so", ""}}, DOCTOR_ERROR, "where PAM does not look"},
	{{GOOD}, DOCTOR_ERROR, "there is no pam_moshgate.so in " PAM_DIR},
	{{GOOD, PERMIT, {FOLDER "pam_moshgate.so", "pam_moshgate version 0.0.1"}}, DOCTOR_ERROR,
		"is of version 0.0.1"},
	{{GOOD, PERMIT, {FOLDER "pam_moshgate.so", "ELF"}}, DOCTOR_ERROR, "of version unknown"},
	{{GOOD, PERMIT, {FOLDER "pam_moshgate.so", ""}}, DOCTOR_ERROR, "of version unknown"},
	{{{STACK, "session optional /opt/m.d/pam_moshgate.so\n"},
		 {"/opt/m.d/pam_moshgate.so", "pam_moshgate version " VERSION}},
		DOCTOR_OK, "/opt/m.d/pam_moshgate.so has version"},
	{{{STACK, "session optional /opt/m.d/pam_moshgate.so\n"}}, DOCTOR_ERROR,
		"there is no /opt/m.d/pam_moshgate.so"},
};

START_TEST(doctor_pam_module)
{
	const struct example *example = &modules[_i];

	check_begin();
	for (size_t i = 0; i < FILES_MAX && example->files[i][0]; i++)
		check_put(example->files[i][0], example->files[i][1]);
	doctor_check_pam(&doctor);
	ck_assert_uint_eq(doctor.count, 2);
	free(doctor.findings[0].text);
	doctor.findings[0] = doctor.findings[1];
	doctor.count = 1;
	check_found(example->level, example->text);
	check_end();
}
END_TEST

#define LOGIND "/etc/systemd/logind.conf"
#define KILLS  "[Login]\nKillUserProcesses=yes\n"
#define KEEPS  "[Login]\nKillUserProcesses=no\n"

static const struct example loginds[] = {
	{{{NULL}}, DOCTOR_OK, "lets"},
	{{{LOGIND, KEEPS}}, DOCTOR_OK, "lets"},
	{{{LOGIND, KILLS}}, DOCTOR_ERROR, "KillUserProcesses=yes (" LOGIND ")"},
	{{{LOGIND, "[Login]\n KillUserProcesses = true\n"}}, DOCTOR_ERROR, "KillUserProcesses"},
	{{{LOGIND, "[Other]\nKillUserProcesses=yes\n"}}, DOCTOR_OK, "lets"},
	{{{LOGIND, "[Login]\n#KillUserProcesses=yes\n"}}, DOCTOR_ERROR, "the default in " LOGIND},
	{{{LOGIND, "[Login]\n#KillUserProcesses=no\n"}}, DOCTOR_OK, "lets"},
	{{{LOGIND, KEEPS "#KillUserProcesses=yes\n"}}, DOCTOR_OK, "lets"},
	{{{LOGIND, KEEPS}, {LOGIND ".d/a.conf", KILLS}}, DOCTOR_ERROR, "logind.conf.d/a.conf"},
	{{{LOGIND, KILLS}, {LOGIND ".d/a.conf", KEEPS}}, DOCTOR_OK, "lets"},
	{{{LOGIND ".d/b.conf", KILLS}, {"/usr/lib/systemd/logind.conf.d/a.conf", KEEPS}},
		DOCTOR_ERROR, "/etc/systemd/logind.conf.d/b.conf"},
	{{{LOGIND ".d/a.conf", KEEPS}, {"/usr/lib/systemd/logind.conf.d/a.conf", KILLS}}, DOCTOR_OK,
		"lets"},
	{{{LOGIND ".d/a.conf", KEEPS}, {"/run/systemd/logind.conf.d/z.conf", KILLS}}, DOCTOR_ERROR,
		"/run/systemd/logind.conf.d/z.conf"},
	{{{"/usr/lib/systemd/logind.conf", KILLS}}, DOCTOR_ERROR, "(/usr/lib/systemd/logind.conf)"},
	{{{LOGIND, KEEPS}, {"/usr/lib/systemd/logind.conf", KILLS}}, DOCTOR_OK, "lets"},
};

START_TEST(doctor_logind)
{
	run(&loginds[_i], doctor_check_logind);
}
END_TEST

static const struct example programs[] = {
	{{{"/usr/bin/mosh-server", ""}}, DOCTOR_OK, "/usr/bin/mosh-server is there"},
	{{{NULL}}, DOCTOR_ERROR, "there is no mosh-server"},
};

START_TEST(doctor_mosh)
{
	run(&programs[_i], doctor_check_mosh);
}
END_TEST

START_TEST(doctor_mosh_others)
{
	char link[64];

	check_begin();
	doctor.facts = json_pack("{s[ss]}", "paths", "/opt/mosh/bin/mosh-server", "/nowhere");
	check_put("/opt/mosh/bin/mosh-server", "");
	check_put("/usr/bin/x", "");
	snprintf(link, sizeof(link), "%s/usr/bin/mosh-server", host);
	ck_assert_int_eq(symlink("../../opt/mosh/bin/mosh-server", link), 0); /* the same */
	doctor_check_mosh(&doctor);
	check_found(DOCTOR_OK, "/opt/mosh/bin/mosh-server is there");
	check_put("/usr/local/bin/mosh-server", "");
	check_forget();
	doctor_check_mosh(&doctor);
	ck_assert_uint_eq(doctor.count, 2);
	ck_assert_int_eq(doctor.findings[1].level, DOCTOR_WARNING);
	ck_assert_ptr_nonnull(strstr(doctor.findings[1].text, "/usr/local/bin/mosh-server is not"));
	check_end();
}
END_TEST

/* Where /bin is /usr/bin, one file has two paths. */
START_TEST(doctor_mosh_merged)
{
	char link[64];

	check_begin();
	doctor.facts = json_pack("{s[s]}", "paths", "/opt/mosh/bin/mosh-server");
	check_put("/opt/mosh/bin/mosh-server", "");
	check_put("/usr/bin/mosh-server", "");
	snprintf(link, sizeof(link), "%s/bin", host);
	ck_assert_int_eq(symlink("usr/bin", link), 0);
	doctor_check_mosh(&doctor);
	ck_assert_uint_eq(doctor.count, 2);
	ck_assert_ptr_nonnull(
		strstr(doctor.findings[1].text, "/usr/bin/mosh-server is not watched"));
	check_end();
}
END_TEST

/* The helper could not reach the one that it was told of. */
START_TEST(doctor_mosh_unwatched)
{
	check_begin();
	doctor.facts = json_pack("{s[sss] s[ss]}", "paths", "/opt/a/mosh-server",
		"/usr/bin/mosh-server", "/nowhere", "unwatched", "/opt/a/mosh-server", "/nowhere");
	check_put("/opt/a/mosh-server", "");
	doctor_check_mosh(&doctor);
	check_found(DOCTOR_ERROR, "moshgated cannot watch /opt/a/mosh-server");
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].advice, "apparmor.d/local"));
	check_forget();
	check_put("/usr/bin/mosh-server", "");
	doctor_check_mosh(&doctor);
	ck_assert_uint_eq(doctor.count, 2);
	ck_assert_int_eq(doctor.findings[1].level, DOCTOR_OK);
	check_end();
}
END_TEST

#define MOUNT "proc /proc proc rw,nosuid"

static const struct example mounts[] = {
	{{{NULL}}, DOCTOR_OK, NULL},
	{{{"/proc/mounts", MOUNT " 0 0\n"}}, DOCTOR_OK, NULL},
	{{{"/proc/mounts", MOUNT ",hidepid=2 0 0\n"}}, DOCTOR_WARNING, "hidepid"},
	{{{"/proc/mounts", MOUNT ",hidepid=invisible 0 0\n"}}, DOCTOR_WARNING, "hidepid"},
	{{{"/proc/mounts", MOUNT ",hidepid=0 0 0\n"}}, DOCTOR_OK, NULL},
	{{{"/proc/mounts", MOUNT ",gid=5,hidepid=2 0 0\n"}}, DOCTOR_OK, NULL},
	{{{"/proc/mounts", "proc /other/proc proc rw,hidepid=2 0 0\n"}}, DOCTOR_OK, NULL},
	{{{"/proc/mounts", MOUNT ",hidepid=2 0 0\n" MOUNT " 0 0\n"}}, DOCTOR_OK, NULL},
};

START_TEST(doctor_proc)
{
	run(&mounts[_i], doctor_check_proc);
}
END_TEST

/* Where there is a helper, it is its word that counts. */
START_TEST(doctor_proc_of_helper)
{
	check_begin();
	check_put("/proc/mounts", MOUNT ",gid=5,hidepid=2 0 0\n");
	doctor.facts = json_pack("{sb}", "blind", 1);
	doctor_check_proc(&doctor);
	check_found(DOCTOR_WARNING, "hidepid");
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].advice, "SupplementaryGroups="));
	check_forget();
	json_decref(doctor.facts);
	check_put("/proc/mounts", MOUNT ",hidepid=2 0 0\n");
	doctor.facts = json_pack("{sb}", "blind", 0);
	doctor_check_proc(&doctor);
	check_found(DOCTOR_OK, NULL);
	check_end();
}
END_TEST

static void check_legacy(struct doctor *with)
{
	with->facts = check_json("{'obstacles':[]}");
	doctor_check_firewall(with);
}

static const struct example legacies[] = {
	{{{"/proc/net/ip_tables_names", "nat\nfilter\n"}}, DOCTOR_WARNING, "of iptables-legacy"},
	{{{"/proc/net/ip6_tables_names", "filter\n"}}, DOCTOR_WARNING, "of ip6tables-legacy"},
	{{{"/proc/net/ip_tables_names", "nat\nraw\n"}}, DOCTOR_OK, "no other table"},
};

/* Tables that are not in nftables' list. */
START_TEST(doctor_legacy)
{
	run(&legacies[_i], check_legacy);
}
END_TEST

static void listen_at(const char *name, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/%s", host, name);
	unlink(address.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(address.sun_path, mode), 0);
	close(fd);
}

/* Modes of folder and sockets; 0: not there. */
static const struct {
	mode_t folder, session, control;
	const char *text;
} sockets[] = {
	{0755, 0600, 0666, NULL},
	{0700, 0600, 0666, "the run-time directory /run has mode 0700"},
	{0777, 0600, 0666, "the run-time directory /run has mode 0777"},
	{0755, 0660, 0666, "the session socket /run/session.sock has mode 0660"},
	{0755, 0600, 0600, "the control socket /run/control.sock has mode 0600"},
	{0755, 0, 0666, "the session socket /run/session.sock: No such file"},
	{0755, 0600, 0, "the control socket /run/control.sock: No such file"},
};

START_TEST(doctor_sockets)
{
	char folder[64];

	check_begin();
	doctor.socket = "/run/control.sock";
	doctor.facts = json_pack("{ss ss}", "state", "/run", "session_socket", "/run/session.sock");
	check_put("/run/x", "");
	if (sockets[_i].session)
		listen_at("session.sock", sockets[_i].session);
	if (sockets[_i].control)
		listen_at("control.sock", sockets[_i].control);
	snprintf(folder, sizeof(folder), "%s/run", host);
	ck_assert_int_eq(chmod(folder, sockets[_i].folder), 0);
	doctor_check_sockets(&doctor);
	if (sockets[_i].text)
		check_found(DOCTOR_ERROR, sockets[_i].text);
	else
		check_found(DOCTOR_OK, "have their owners and modes");
	check_end();
}
END_TEST

START_TEST(doctor_sockets_other_file)
{
	check_begin();
	doctor.socket = "/run/x";
	doctor.facts = json_pack("{ss ss}", "state", "/run", "session_socket", "/run/session.sock");
	check_put("/run/x", "");
	listen_at("session.sock", 0600);
	doctor_check_sockets(&doctor);
	check_found(DOCTOR_ERROR, "/run/x: something else is there");
	check_end();
	check_begin();
	doctor_check_sockets(&doctor); /* no helper, no sockets */
	check_found(DOCTOR_OK, NULL);
	check_end();
}
END_TEST

#define FACTS                                                                                      \
	"{'version':'" VERSION "','since':'2027-01-15T07:50:00Z','table':'moshgate',"              \
	"'first_port':60000,'last_port':61000,'guard_since':'2027-01-15T07:50:00Z'"
#define FINE ",'guard':true,'restored':0,'restored_last':null,'conntrack':true,'obstacles':[]}"

/* What is not fine. */
static const struct {
	const char *facts;
	enum doctor_level level;
	const char *text;
} helpers[] = {
	{FACTS FINE, DOCTOR_OK, NULL},
	{"{'version':'0.0.1','since':'2027-01-15T07:50:00Z','table':'moshgate'" FINE,
		DOCTOR_WARNING, "moshgated 0.0.1 runs, started 10 min ago, and moshgatectl is"},
	{FACTS ",'guard':false,'conntrack':true,'obstacles':[]}", DOCTOR_ERROR, "is not there"},
	{FACTS ",'guard':true,'restored':3,'restored_last':'2027-01-15T07:59:00Z','conntrack':true,"
	       "'obstacles':[]}",
		DOCTOR_WARNING, "away or changed it 3 times, the last time 60 s ago"},
	{FACTS ",'guard':true,'restored':3,'restored_last':'2027-01-15T05:00:00Z','conntrack':true,"
	       "'obstacles':[]}",
		DOCTOR_OK, NULL},
	{FACTS ",'guard':true,'restored':1,'restored_last':'2027-01-15T07:59:00Z','conntrack':true,"
	       "'obstacles':[]}",
		DOCTOR_WARNING, "away or changed it once, 60 s ago, and it was put back"},
	{FACTS ",'guard':true,'conntrack':false,'ephemeral':true,'obstacles':[]}", DOCTOR_WARNING,
		"conntrack = no"},
	{FACTS ",'guard':true,'conntrack':false,'ephemeral':false,'obstacles':[]}", DOCTOR_OK,
		NULL},
	{FACTS ",'guard':true,'conntrack':true,'obstacles':null}", DOCTOR_WARNING,
		"cannot look at other tables"},
	{FACTS ",'guard':true,'conntrack':true,'obstacles':[{'family':'ip','table':'filter',"
	       "'chain':'INPUT','by':{'chain':'INPUT','handle':7}}]}",
		DOCTOR_ERROR,
		"table ip filter, chain INPUT drops UDP 60000-61000 behind the guard, "
		"by its rule with handle 7"},
	{FACTS ",'guard':true,'conntrack':true,'obstacles':[{'family':'inet','table':'f\\u001bw',"
	       "'chain':'in','by':{'chain':'','handle':0}}]}",
		DOCTOR_ERROR,
		"table inet f?w, chain in drops UDP 60000-61000 behind the guard, by "
		"its policy"},
};

START_TEST(doctor_helper)
{
	check_begin();
	doctor.facts = check_json(helpers[_i].facts);
	doctor_check_helper(&doctor);
	doctor_forget_fine(&doctor);
	check_found(helpers[_i].level, helpers[_i].text);
	check_end();
}
END_TEST

#define GRANT(packets, expires)                                                                    \
	"{'addr':'203.0.113.5','port':60001,'packets':" packets ",'expires_in':" expires "}"

/* An element without a timeout; one that was made this very moment is not read back yet. */
static const struct {
	const char *grants;
	enum doctor_level level;
	const char *text;
} clocks[] = {
	{"[]", DOCTOR_OK, NULL},
	{"[" GRANT("9", "86400") "," GRANT("0", "null") "]", DOCTOR_OK, NULL},
	{"[" GRANT("9", "86400") "," GRANT("9", "null") "," GRANT("9", "null") "]", DOCTOR_ERROR,
		"port 60001 is open to 203.0.113.5 for ever"},
};

START_TEST(doctor_clock)
{
	check_begin();
	doctor.facts = check_json(FACTS FINE);
	doctor.grants = check_json(clocks[_i].grants);
	doctor_check_helper(&doctor);
	doctor_forget_fine(&doctor);
	check_found(clocks[_i].level, clocks[_i].text);
	check_end();
}
END_TEST

#define UFW "/etc/ufw/ufw.conf"

/* Whose a table is, what it does, and what to tell them; the files are ufw's. */
static const struct {
	const char *ufw, *facts, *text, *advice;
	enum doctor_level level;
} firewalls[] = {
	{"",
		"'obstacles':[{'family':'inet','table':'firewalld','chain':'filter_INPUT',"
		"'by':{'chain':'filter_IN_public','handle':72}}]",
		"firewalld's table inet firewalld, chain filter_INPUT drops UDP 60000-61000 behind "
		"the "
		"guard, by its rule with handle 72 in chain filter_IN_public",
		"firewall-cmd --permanent --add-port=60000-61000/udp && firewall-cmd "
		"--reload (with --zone= if the interface's is not the default one: firewall-cmd "
		"--get-active-zones); " EXAMPLES_DIR "/firewall/firewalld.sh",
		DOCTOR_ERROR},
	{"# x\nENABLED=yes\n", "'obstacles':[{'family':'ip','table':'filter','chain':'INPUT'}]",
		"ufw's table ip filter, chain INPUT drops UDP 60000-61000 behind the guard, by its "
		"policy",
		"\"-A ufw-before-input -m mark --mark 0x4d534700 -j ACCEPT\" to "
		"/etc/ufw/before.rules, and run ufw reload (" EXAMPLES_DIR "/firewall/ufw.sh)",
		DOCTOR_ERROR},
	{"ENABLED=yes\n",
		"'accept_mark':7,'obstacles':[{'family':'ip6','table':'filter','chain':'INPUT'}]",
		"ufw's table ip6 filter",
		"add \"-A ufw6-before-input -m mark --mark 0x7 -j ACCEPT\" to "
		"/etc/ufw/before6.rules",
		DOCTOR_ERROR},
	{"ENABLED=no\n", "'obstacles':[{'family':'ip','table':'filter','chain':'INPUT'}]",
		"iptables' table ip filter",
		"set accept-mark = 0x4d534700 in moshgate.conf; iptables -I INPUT -m mark",
		DOCTOR_ERROR},
	{"", "'accept_mark':7,'obstacles':[{'family':'ip6','table':'filter','chain':'INPUT'}]",
		"iptables' table ip6 filter",
		"ip6tables -I INPUT -m mark --mark 0x7 -j ACCEPT, and save it (" EXAMPLES_DIR
		"/firewall/iptables.sh)",
		DOCTOR_ERROR},
	{"ENABLED=yes\n",
		"'accept_mark':7,'obstacles':[{'family':'inet','table':'filter','chain':'in'}]",
		"table inet filter, chain in", "let \"meta mark 0x7 accept\" come before",
		DOCTOR_ERROR},
	{"",
		"'suspects':[{'family':'inet','table':'f','chain':'in','unless':{'chain':'c','"
		"handle':8}}]",
		"by its policy, but for what its rule with handle 8 in chain c lets through",
		"set accept-mark", DOCTOR_WARNING},
	{"",
		"'suspects':[{'family':'inet','table':'f','chain':'in','by':{'chain':'in','handle':"
		"3},"
		"'unless':{'chain':'in','handle':2}}]",
		"by its rule with handle 3, but for what its rule with handle 2 lets",
		"set accept-mark", DOCTOR_WARNING},
};

START_TEST(doctor_firewall)
{
	char facts[1024];

	check_begin();
	if (firewalls[_i].ufw[0])
		check_put(UFW, firewalls[_i].ufw);
	snprintf(facts, sizeof(facts), "{'first_port':60000,'last_port':61000,%s}",
		firewalls[_i].facts);
	doctor.facts = check_json(facts);
	doctor.is_root = false; /* nothing is said of what was not told */
	doctor_check_firewall(&doctor);
	check_found(firewalls[_i].level, firewalls[_i].text);
	ck_assert_msg(strstr(doctor.findings[0].advice, firewalls[_i].advice) != NULL, "%s",
		doctor.findings[0].advice);
	check_end();
}
END_TEST

START_TEST(doctor_helper_not_root)
{
	check_begin();
	doctor.is_root = false;
	doctor.facts = check_json(FACTS ",'guard':true,'conntrack':true,'obstacles':null}");
	doctor_check_firewall(&doctor);
	check_found(DOCTOR_OK, "other tables were not looked at");
	doctor_check_helper(&doctor);
	doctor_forget_fine(&doctor);
	check_found(DOCTOR_OK, NULL);
	check_forget();
	json_decref(doctor.facts);
	doctor.facts = NULL;
	doctor_check_helper(&doctor);
	check_found(DOCTOR_OK, NULL);
	check_end();
}
END_TEST

/* Nothing at all: every check says something sensible, or nothing. */
START_TEST(doctor_empty_host)
{
	check_begin();
	doctor_check_host(&doctor);
	ck_assert_int_eq(doctor_worst(&doctor), DOCTOR_ERROR);
	ck_assert_uint_eq(doctor.count, 4); /* sshd, PAM, mosh-server, logind */
	check_end();
}
END_TEST

static void print_to(char *text, size_t size, void (*print)(FILE *, const struct doctor *))
{
	FILE *file = fmemopen(text, size, "w");

	print(file, &doctor);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(doctor_prints)
{
	char text[512];

	check_begin();
	ck_assert_int_eq(doctor_worst(&doctor), DOCTOR_OK);
	doctor_note(&doctor, DOCTOR_OK, "one", "it is \"fine\" %d", 5);
	doctor_note(&doctor, DOCTOR_WARNING, "two", "hm\xff\033");
	doctor_advise(&doctor, "do %s", "this");
	ck_assert_int_eq(doctor_worst(&doctor), DOCTOR_WARNING);
	print_to(text, sizeof(text), doctor_print);
	ck_assert_str_eq(text, "ok       it is \"fine\" 5\nwarning  hm\xff?: do this\n");
	print_to(text, sizeof(text), doctor_print_json);
	ck_assert_str_eq(text,
		"[{\"level\":\"ok\",\"check\":\"one\",\"text\":\"it is \\\"fine\\\" 5\","
		"\"advice\":\"\"},{\"level\":\"warning\",\"check\":\"two\",\"text\":\"hm??\","
		"\"advice\":\"do this\"}]\n");
	doctor_forget_fine(&doctor);
	ck_assert_uint_eq(doctor.count, 1);
	check_end();
}
END_TEST

CHECK_MAIN("doctor", LOOP(doctor_sshd, ARRAY_LEN(sshds)),
	LOOP(doctor_pam_no_line, ARRAY_LEN(lines)), TEST(doctor_pam_advice),
	LOOP(doctor_pam_line, ARRAY_LEN(stacks)), LOOP(doctor_pam_module, ARRAY_LEN(modules)),
	LOOP(doctor_logind, ARRAY_LEN(loginds)), LOOP(doctor_mosh, ARRAY_LEN(programs)),
	TEST(doctor_mosh_others), TEST(doctor_mosh_merged), TEST(doctor_mosh_unwatched),
	TEST(doctor_proc_of_helper), LOOP(doctor_legacy, ARRAY_LEN(legacies)),
	LOOP(doctor_proc, ARRAY_LEN(mounts)), LOOP(doctor_sockets, ARRAY_LEN(sockets)),
	TEST(doctor_sockets_other_file), LOOP(doctor_helper, ARRAY_LEN(helpers)),
	LOOP(doctor_clock, ARRAY_LEN(clocks)), LOOP(doctor_firewall, ARRAY_LEN(firewalls)),
	TEST(doctor_helper_not_root), TEST(doctor_empty_host), TEST(doctor_prints))
