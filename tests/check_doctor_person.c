/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_doctor.h"

#define ALICE 1001u
#define BOB   1002u

/* What the helper says, of one user with at most one server. */
struct example {
	const char *servers, *grants, *logins, *ended, *denied;
	const char *extra;  /* facts */
	const char *client; /* null: of the user */
	enum doctor_level level;
	const char *text;
};

#define SERVER4 "{'user':'alice','uid':1001,'addr':'198.51.100.7','port':60001,'dual':false}"
#define SERVER6 "{'user':'alice','uid':1001,'addr':'2001:db8::7','port':60001,'dual':false}"
#define DUAL    "{'user':'alice','uid':1001,'addr':'::','port':60001,'dual':true}"
#define GRANT   "{'user':'alice','uid':1001,'addr':'203.0.113.5','port':60001,"
#define USED    GRANT "'packets':9,'last_seen':'2027-01-15T07:59:57Z'}"
#define QUIET   GRANT "'packets':9,'last_seen':'2027-01-15T07:30:00Z'}"
#define STILL   GRANT "'packets':9,'last_seen':'2027-01-15T07:59:46Z'}"
#define GONE    GRANT "'packets':9,'last_seen':'2027-01-15T07:59:45Z'}"
#define SILENT  GRANT "'packets':0,'last_seen':null,'since':'2027-01-15T07:59:50Z'}"
#define LOGIN   "{'user':'alice','uid':1001,'addr':'203.0.113.5','since':'2027-01-15T07:59:00Z'}"
#define AT(reason, port, time)                                                                     \
	"{'user':'alice','uid':1001,'addr':'203.0.113.5','port':" port ",'reason':'" reason        \
	"','time':'2027-01-15T07:" time "Z'}"
#define DENIED(reason, addr, time)                                                                 \
	"{'uid':1001,'addr':" addr ",'port':60001,'reason':'" reason                               \
	"','count':1,'time':'2027-01-15T07:" time "Z'}"
#define OBSTACLE                                                                                   \
	",'obstacles':[{'family':'inet','table':'host','chain':'in','by':{'chain':'in','handle':"  \
	"3}}]"
#define HOME "203.0.113.5"
#define ELSE "203.0.113.6"

static const struct example examples[] = {
	/* with a grant */
	{SERVER4, USED, "", "", "", "", NULL, DOCTOR_OK, "all is well"},
	{SERVER4, USED, "", "", "", "", HOME, DOCTOR_OK, "all is well"},
	{SERVER4, USED, "", "", "", OBSTACLE, NULL, DOCTOR_ERROR,
		"dropped behind the guard, by table inet host, chain in"},
	{SERVER4, QUIET, "", "", "", "", NULL, DOCTOR_WARNING, "its last packet came 30 min ago"},
	{SERVER4, STILL, "", "", "", "", NULL, DOCTOR_OK, "all is well"},
	{SERVER4, GONE, "", "", "", "", NULL, DOCTOR_WARNING, "its last packet came 15 s ago"},
	{SERVER4, SILENT, "", "", "", "", NULL, DOCTOR_WARNING,
		"opened to " HOME " 10 s ago, and nothing"},
	{SERVER4, SILENT, "", "", "", OBSTACLE, NULL, DOCTOR_WARNING,
		"nothing has come from there"},
	/* what was before does not matter then */
	{SERVER4, USED, "", AT("idle", "60001", "59:00"), DENIED("family", "null", "59:00"), "",
		NULL, DOCTOR_OK, "all is well"},
	/* a server without a grant */
	{SERVER4, "", "", "", "", "", NULL, DOCTOR_ERROR, "open to nobody"},
	{SERVER4, "", "", AT("idle", "60001", "50:00"), "", "", NULL, DOCTOR_ERROR,
		"closed to " HOME " 10 min ago (idle)"},
	{SERVER4, "", "", AT("unclaimed", "60001", "50:00"), "", "", HOME, DOCTOR_ERROR,
		"(unclaimed)"},
	{SERVER4, "", "", AT("max", "60001", "50:00"), "", "", NULL, DOCTOR_ERROR, "(max)"},
	{SERVER4, "", "", AT("admin", "60001", "50:00"), "", "", NULL, DOCTOR_ERROR, "(admin)"},
	{SERVER4, "", "", AT("exit", "60001", "50:00"), "", "", NULL, DOCTOR_ERROR,
		"open to nobody"}, /* another one, that had the port */
	{SERVER4, "", "", AT("idle", "60002", "50:00"), "", "", NULL, DOCTOR_ERROR,
		"open to nobody"},
	{SERVER4, "", "", AT("idle", "60001", "50:00"), DENIED("taken", "null", "51:00"), "", NULL,
		DOCTOR_ERROR, "(taken)"},
	{SERVER4, "", "", AT("idle", "60001", "50:00"), DENIED("taken", "null", "49:00"), "", NULL,
		DOCTOR_ERROR, "(idle)"},
	{SERVER4, "", "", "", DENIED("no-login", "null", "50:00"), "", NULL, DOCTOR_ERROR,
		"port 60001 was denied 10 min ago (no-login)"},
	{SERVER4, "", "", "", DENIED("no-login", "null", "50:00"), "", NULL, DOCTOR_ERROR,
		"(no-login)"},
	{SERVER4, "", "", "", DENIED("no-address", "'203.0.113.5'", "50:00"), "", HOME,
		DOCTOR_ERROR, "(no-address)"},
	{SERVER4, "", "", "", DENIED("grants-per-user", "'203.0.113.5'", "50:00"), "", NULL,
		DOCTOR_ERROR, "(grants-per-user)"},
	{SERVER4, "", "", "", DENIED("grants", "'203.0.113.5'", "50:00"), "", NULL, DOCTOR_ERROR,
		"(grants)"},
	{SERVER6, "", "", "", DENIED("family", "'203.0.113.5'", "50:00"), "", NULL, DOCTOR_ERROR,
		"(family)"},
	/* another family, another address */
	{SERVER6, "", LOGIN, "", "", "", NULL, DOCTOR_ERROR,
		"listens on IPv6, and a login by IPv4"},
	{SERVER6, "", "", AT("logout", "0", "50:00"), "", "", HOME, DOCTOR_ERROR,
		"listens on IPv6"},
	{DUAL, "", LOGIN, "", "", "", NULL, DOCTOR_ERROR, "open to nobody"},
	{SERVER4, USED, LOGIN, "", "", "", ELSE, DOCTOR_ERROR, "nobody has logged in from " ELSE},
	/* with a prefix a neighbour is the same */
	{SERVER4, USED, "", "", "", ",'prefix4':24", ELSE, DOCTOR_OK, "all is well"},
	/* no server */
	{"", "", "", "", "", "", NULL, DOCTOR_ERROR, "has not logged in by ssh since moshgated"},
	{"", "", "", "", "", "", HOME, DOCTOR_ERROR, "nobody has logged in from " HOME},
	{"", "", LOGIN, "", "", "", NULL, DOCTOR_WARNING, "alice logged in from " HOME " 60 s ago"},
	{"", "", LOGIN, "", "", "", HOME, DOCTOR_WARNING, "alice logged in from"},
	{"", "", LOGIN, AT("exit", "60001", "50:00"), "", "", NULL, DOCTOR_WARNING,
		"alice logged in from"},
	{"", "", "", AT("logout", "0", "50:00"), "", "", NULL, DOCTOR_WARNING,
		"logged out 10 min ago"},
	{"", "", "", AT("logout", "0", "49:00") "," AT("exit", "60001", "50:00"), "", "", NULL,
		DOCTOR_WARNING, "the mosh-server on port 60001 ended 10 min ago"},
	{"", "", LOGIN, AT("refused", "0", "50:00"), "", "", NULL, DOCTOR_ERROR, "one too many"},
	{"", "", LOGIN, AT("refused", "0", "50:00"), DENIED("family", "null", "50:00"), "", NULL,
		DOCTOR_ERROR, "one too many"},
	{"", "", LOGIN, AT("logout", "0", "50:00"), DENIED("family", "null", "50:00"), "", NULL,
		DOCTOR_ERROR, "(family)"},
	{"", "", LOGIN, "", DENIED("no-login", "null", "50:00"), "", NULL, DOCTOR_ERROR,
		"(no-login)"},
	{"", "", "", AT("exit", "60001", "51:00"), DENIED("no-login", "null", "50:00"), "", NULL,
		DOCTOR_WARNING, "ended"},
};

static json_t *array_of(const char *items)
{
	char text[2048];

	snprintf(text, sizeof(text), "[%s]", items);
	return check_json(text);
}

static void tell(const struct example *example)
{
	char text[512];

	check_begin();
	snprintf(text, sizeof(text),
		"{'since':'2027-01-15T07:00:00Z','first_port':60000,'last_port':61000,'roam':true,"
		"'prefix6':128,'paths':['/usr/bin/mosh-server']%s%s}",
		strstr(example->extra, "prefix4") ? "" : ",'prefix4':32", example->extra);
	doctor.facts = check_json(text);
	json_object_set_new(doctor.facts, "servers", array_of(example->servers));
	json_object_set_new(doctor.facts, "ended", array_of(example->ended));
	json_object_set_new(doctor.facts, "denied", array_of(example->denied));
	doctor.grants = array_of(example->grants);
	doctor.logins = array_of(example->logins);
}

static struct doctor_person person_of(const struct example *example)
{
	struct doctor_person person = {.is_user = !example->client, .uid = ALICE};

	if (example->client)
		ck_assert_int_eq(address_parse(example->client, &person.client), 0);
	return person;
}

START_TEST(person_reasons)
{
	const struct example *example = &examples[_i];
	const struct doctor_person person = person_of(example);

	tell(example);
	doctor_check_person(&doctor, &person);
	check_found(example->level, example->text);
	check_end();
}
END_TEST

/* What is one's is not another's reason. */
START_TEST(person_own_only)
{
	const struct example example = {SERVER4, USED, LOGIN, AT("idle", "60001", "50:00"),
		DENIED("no-login", "null", "50:00"), "", NULL, DOCTOR_OK, ""};
	const struct doctor_person bob = {.is_user = true, .uid = BOB};

	tell(&example);
	doctor_check_person(&doctor, &bob);
	check_found(DOCTOR_ERROR, "has not logged in by ssh since");
	check_end();
}
END_TEST

/* Of each server, and of each user who was at an address. */
START_TEST(person_several)
{
	const char *two = SERVER4 ",{'user':'alice','uid':1001,'addr':'198.51.100.7','port':60002}";
	const char *bobs = LOGIN ",{'user':'bob','uid':1002,'addr':'203.0.113.5'}";
	const struct example example = {two, USED, bobs, "", "", "", HOME, DOCTOR_OK, ""};
	const struct doctor_person person = person_of(&example);

	tell(&example);
	doctor_check_person(&doctor, &person);
	ck_assert_uint_eq(doctor.count, 3);
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].text, "alice: port 60001"));
	ck_assert_ptr_nonnull(strstr(doctor.findings[1].text, "alice: port 60002"));
	ck_assert_ptr_nonnull(strstr(doctor.findings[2].text, "bob logged in"));
	check_end();
}
END_TEST

/* A port that is open to others: logging in helps, unless roam = no. */
START_TEST(person_elsewhere)
{
	const struct example example = {SERVER4, USED,
		"{'user':'alice','uid':1001,'addr':'203.0.113.6'}", "", "", "", ELSE, DOCTOR_OK,
		""};
	const struct doctor_person person = person_of(&example);

	tell(&example);
	doctor_check_person(&doctor, &person);
	check_found(DOCTOR_ERROR, "open to 203.0.113.5 and not to 203.0.113.6");
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].advice, "log in from there"));
	check_forget();
	json_object_set_new(doctor.facts, "roam", json_false());
	doctor_check_person(&doctor, &person);
	check_found(DOCTOR_ERROR, "and roam = no keeps it so");
	check_end();
}
END_TEST

#define KNOCK(addr, uid, port)                                                                     \
	"{'user':'alice','uid':" uid ",'addr':'" addr "','server':'198.51.100.7','port':" port     \
	",'packets':4}"
#define MOBILE KNOCK(ELSE, "1001", "60001")
#define FOUR                                                                                       \
	MOBILE "," KNOCK("192.0.2.1", "1001", "60001") "," KNOCK(                                  \
		"192.0.2.2", "1001", "60001") "," KNOCK("192.0.2.3", "1001", "60001")

/* Who knocks, and what is said then. */
static const struct {
	const char *grants, *knocks;
	const char *client; /* null: of the user */
	const char *text, *advice;
} knocks[] = {
	{SILENT, MOBILE, NULL,
		"open to " HOME ", from where nothing comes, and " ELSE " knocks at it",
		"moshgatectl allow " ELSE},
	{QUIET, MOBILE, NULL, "and " ELSE " knocks at it", "moshgatectl allow " ELSE},
	{SILENT, FOUR, NULL, ELSE ", 192.0.2.1, 192.0.2.2 and others knock at it",
		"moshgatectl allow ADDRESS"},
	{SILENT, MOBILE, ELSE, "alice: " ELSE " knocks at port 60001 and is dropped",
		"moshgatectl allow " ELSE},
	{SILENT, MOBILE, HOME, ELSE " knocks at it", "moshgatectl allow " ELSE},
	{"", MOBILE, NULL, ELSE " knocks at port 60001", "moshgatectl allow " ELSE},
	/* as if nobody had */
	{USED, MOBILE, NULL, "all is well", ""},
	{SILENT, KNOCK(ELSE, "1002", "60001"), NULL, "nothing has come from there", "cloud"},
	{SILENT, KNOCK(ELSE, "1001", "60002"), NULL, "nothing has come from there", "cloud"},
	{SILENT, KNOCK("192.0.2.1", "1001", "60001"), ELSE, "nobody has logged in from", ""},
};

START_TEST(person_knocks)
{
	const struct example example = {
		SERVER4, knocks[_i].grants, "", "", "", "", knocks[_i].client, DOCTOR_OK, ""};
	const struct doctor_person person = person_of(&example);

	tell(&example);
	doctor.pending = array_of(knocks[_i].knocks);
	doctor_check_person(&doctor, &person);
	ck_assert_uint_eq(doctor.count, 1);
	check_found(doctor.findings[0].level, knocks[_i].text);
	ck_assert_msg(strstr(doctor.findings[0].advice, knocks[_i].advice) != NULL, "%s",
		doctor.findings[0].advice);
	check_end();
}
END_TEST

/* A mosh-server of which the helper knows no port. */
START_TEST(person_process)
{
	const struct example example = {"", "", LOGIN, "", "", "", NULL, DOCTOR_OK, ""};
	const struct doctor_person person = {.is_user = true, .uid = getuid()};
	char link[64];

	tell(&example);
	check_put("/proc/77/comm", "mosh-server\n");
	check_put("/proc/78/comm", "mosh-client\n");
	snprintf(link, sizeof(link), "%s/proc/77/exe", host);
	ck_assert_int_eq(symlink("/opt/bin/mosh-server", link), 0);
	doctor_check_person(&doctor, &person);
	check_found(DOCTOR_ERROR, "process 77 is a mosh-server (/opt/bin/mosh-server)");
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].advice, "add its path"));
	check_forget();
	json_object_set_new(doctor.facts, "paths", check_json("[1, '/opt/bin/mosh-server']"));
	doctor_check_person(&doctor, &person);
	ck_assert_ptr_nonnull(strstr(doctor.findings[0].advice, "give it a port"));
	check_forget();
	ck_assert_int_eq(unlink(link), 0);
	doctor_check_person(&doctor, &person);
	check_found(DOCTOR_ERROR, "has not logged in by ssh since"); /* 77 has ended */
	check_forget();
	check_put("/proc/77/exe", "not a link");
	doctor_check_person(&doctor, &person);
	check_found(DOCTOR_ERROR, "process 77 is a mosh-server (?)");
	check_end();
}
END_TEST

CHECK_MAIN("doctor_person", LOOP(person_reasons, ARRAY_LEN(examples)), TEST(person_own_only),
	TEST(person_several), TEST(person_elsewhere), LOOP(person_knocks, ARRAY_LEN(knocks)),
	TEST(person_process))
