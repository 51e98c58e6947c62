/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <sys/wait.h>

#include "check_interrupt.h"
#include "check_nft.h"
#include "clock.h"
#include "elements.h"

#define MANY 3000

#define SETS                                                                                       \
	"add table inet moshgate\n"                                                                \
	"add set inet moshgate grants4 { type ipv4_addr . ipv4_addr . inet_service;"               \
	" flags dynamic,timeout; size 65535; counter; }\n"                                         \
	"add set inet moshgate grants6 { type ipv6_addr . ipv6_addr . inet_service;"               \
	" flags dynamic,timeout; size 65535; counter; }\n"
#define ELEMENT4 "192.0.2.1 . 192.0.2.7 . 60001"
#define ELEMENT6 "2001:db8::1 . 2001:db8::7 . 60002"

static struct kernel_sets *sets;
static struct elements elements;

static void begin(void)
{
	kernel_fresh();
	elements = (struct elements){0};
	ck_assert_int_eq(elements_open("moshgate", &sets), 0);
}

static void finish(void)
{
	free(elements.items);
	elements_close(sets);
}

static size_t read_all(void)
{
	elements.count = 0;
	ck_assert_int_eq(elements_read(sets, &elements), 0);
	return elements.count;
}

/* A counter that says so many packets counted each of them twice. */
static void check_element(const struct element *element, const struct grant_key *key,
	const char *comment, uint64_t left_ms)
{
	uint64_t now_ms = clock_awake_ms();

	ck_assert_ptr_nonnull(element);
	ck_assert_mem_eq(&element->key, key, sizeof(*key));
	ck_assert_str_eq(element->comment, comment);
	ck_assert_uint_le(element->use.expires_ms, now_ms + left_ms);
	ck_assert_uint_gt(element->use.expires_ms, now_ms + left_ms - KERNEL_WAIT_MS);
}

START_TEST(elements_none)
{
	struct grant_key key = nft_key("192.0.2.1", "192.0.2.7", 60001);
	struct element element;

	begin();
	ck_assert_uint_eq(read_all(), 0);
	ck_assert_int_eq(elements_get(sets, &key, &element), -ENOENT);
	nft_run(SETS);
	ck_assert_uint_eq(read_all(), 0);
	ck_assert_int_eq(elements_get(sets, &key, &element), -ENOENT);
	finish();
}
END_TEST

START_TEST(elements_of_both_families)
{
	struct grant_key key4 = nft_key("192.0.2.1", "192.0.2.7", 60001);
	struct grant_key key6 = nft_key("2001:db8::1", "2001:db8::7", 60002);
	struct element element;

	begin();
	nft_run(SETS "add element inet moshgate grants4 { " ELEMENT4
		     " counter packets 6 bytes 600 timeout 100s comment \"one\" }\n"
		     "add element inet moshgate grants6 { " ELEMENT6
		     " counter packets 8 bytes 800 timeout 200s comment \"two\" }\n");
	ck_assert_uint_eq(read_all(), 2);
	check_element(nft_find(&elements, &key4), &key4, "one", 100000);
	ck_assert_uint_eq(nft_find(&elements, &key4)->use.packets, 3);
	ck_assert_uint_eq(nft_find(&elements, &key4)->use.bytes, 300);
	check_element(nft_find(&elements, &key6), &key6, "two", 200000);
	ck_assert_uint_eq(nft_find(&elements, &key6)->use.packets, 4);
	ck_assert_int_eq(elements_get(sets, &key4, &element), 0);
	check_element(&element, &key4, "one", 100000);
	ck_assert_int_eq(elements_get(sets, &key6, &element), 0);
	check_element(&element, &key6, "two", 200000);
	ck_assert_uint_eq(element.use.packets, 4);
	key4.port++;
	ck_assert_int_eq(elements_get(sets, &key4, &element), -ENOENT);
	/* What is there already stays. */
	ck_assert_int_eq(elements_read(sets, &elements), 0);
	ck_assert_uint_eq(elements.count, 4);
	finish();
}
END_TEST

START_TEST(elements_plain)
{
	begin();
	nft_run(SETS "add element inet moshgate grants4 { " ELEMENT4 " }\n");
	ck_assert_uint_eq(read_all(), 1);
	ck_assert_str_eq(elements.items[0].comment, "");
	ck_assert_uint_eq(elements.items[0].use.expires_ms, UINT64_MAX);
	ck_assert_uint_eq(elements.items[0].use.packets, 0);
	finish();
}
END_TEST

/* The longest label there is. */
START_TEST(elements_long_comment)
{
	char comment[LABEL_TEXT_SIZE], command[512];

	begin();
	memset(comment, 'x', sizeof(comment));
	comment[sizeof(comment) - 1] = '\0';
	snprintf(command, sizeof(command),
		SETS "add element inet moshgate grants4 { " ELEMENT4 " comment \"%s\" }\n",
		comment);
	nft_run(SETS);
	nft_run(command);
	ck_assert_uint_eq(read_all(), 1);
	ck_assert_str_eq(elements.items[0].comment, comment);
	finish();
}
END_TEST

START_TEST(elements_of_others)
{
	begin();
	nft_run(SETS "add set inet moshgate other { type ipv4_addr . ipv4_addr . inet_service; }\n"
		     "add element inet moshgate other { " ELEMENT4 " }\n"
		     "add table inet host\n"
		     "add set inet host grants4 { type ipv4_addr . ipv4_addr . inet_service; }\n"
		     "add element inet host grants4 { " ELEMENT4 " }\n");
	ck_assert_uint_eq(read_all(), 0);
	finish();
}
END_TEST

static void fill(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	fputs(SETS "add element inet moshgate grants4 { ", file);
	for (unsigned int i = 0; i < MANY; i++)
		fprintf(file, "192.0.%u.%u . 192.0.2.7 . 60001 comment \"number %u\",", 2 + i / 250,
			1 + i % 250, i);
	fputs(" }\n", file);
	fclose(file);
	nft_run(text);
	free(text);
}

/* Of sets that have our names and are not like ours nothing is ours; and the rest is read. */
START_TEST(elements_of_other_types)
{
	begin();
	nft_run("add table inet moshgate\n"
		"add set inet moshgate grants4 { type ipv4_addr; }\n"
		"add element inet moshgate grants4 { 203.0.113.5 }\n"
		"add set inet moshgate grants6 { type ipv6_addr . ipv6_addr . inet_service; }\n"
		"add element inet moshgate grants6 { 2001:db8::5 . 2001:db8::7 . 60001 }\n"
		"add set inet moshgate servers { type inet_service . inet_service; }\n"
		"add element inet moshgate servers { 60001 . 60002 }\n");
	ck_assert_uint_eq(read_all(), 1);
	ck_assert_int_eq(elements.items[0].key.client.family, 6);
	ck_assert_int_eq(elements_read_ports(sets, &elements), 0);
	ck_assert_uint_eq(elements.count, 1);
	finish();
}
END_TEST

START_TEST(elements_many)
{
	begin();
	fill();
	ck_assert_uint_eq(read_all(), MANY);
	finish();
}
END_TEST

_Noreturn static void change_always(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	while (nft &&
		nft_run_cmd_from_buffer(nft,
			"add table inet busy\nadd chain inet busy c\ndelete table inet busy\n") ==
			0)
		;
	_exit(1);
}

/* While others change their tables: all of them, or an error that says to ask again; and once it
 * is quiet nothing of what was cut short is in the way. */
START_TEST(elements_under_change)
{
	pid_t pid;
	int status;

	begin();
	fill();
	pid = fork();
	if (pid == 0)
		change_always();
	for (int i = 0; i < 40; i++) {
		int error;

		elements.count = 0;
		error = elements_read(sets, &elements);
		ck_assert_msg(error == 0 || error == -EINTR, "%s", strerror(-error));
		if (error == 0)
			ck_assert_uint_eq(elements.count, MANY);
	}
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_uint_eq(read_all(), MANY);
	finish();
}
END_TEST

/* "Again", never "gone"; and the rest of what was given up is in nobody's way. */
START_TEST(elements_interrupted)
{
	begin();
	fill();
	interruptions = 5;
	ck_assert_uint_eq(read_all(), MANY);
	ck_assert_int_eq(interruptions, 0);
	interruptions = 1000000;
	elements.count = 0;
	ck_assert_int_eq(elements_read(sets, &elements), -EINTR);
	interruptions = 0;
	ck_assert_uint_eq(read_all(), MANY);
	finish();
}
END_TEST

struct deleted {
	struct element elements[4];
	size_t count;
	bool is_touched;
};

static void on_deleted(const struct element *element, void *context)
{
	struct deleted *deleted = context;

	ck_assert_uint_lt(deleted->count, 4);
	deleted->elements[deleted->count++] = *element;
}

/* When a transaction returns its notices are there. */
static struct deleted read_notices(void)
{
	struct deleted deleted = {.count = 0};

	ck_assert_int_eq(elements_read_notices(sets, on_deleted, &deleted, &deleted.is_touched), 0);
	return deleted;
}

START_TEST(elements_last_word)
{
	struct grant_key key4 = nft_key("192.0.2.1", "192.0.2.7", 60001);
	struct deleted deleted;

	begin();
	nft_run(SETS "add element inet moshgate grants4 { " ELEMENT4
		     " counter packets 6 bytes 600 timeout 100s comment \"one\" }\n"
		     "add element inet moshgate grants6 { " ELEMENT6 " comment \"two\" }\n");
	ck_assert_uint_eq(read_notices().count, 0);
	nft_run("delete element inet moshgate grants4 { " ELEMENT4 " }");
	ck_assert(kernel_is_readable(elements_notice_fd(sets)));
	deleted = read_notices();
	ck_assert_uint_eq(deleted.count, 1);
	check_element(&deleted.elements[0], &key4, "one", 100000);
	ck_assert_uint_eq(deleted.elements[0].use.packets, 3);
	ck_assert_uint_eq(deleted.elements[0].use.bytes, 300);
	nft_run("delete element inet moshgate grants6 { " ELEMENT6 " }");
	deleted = read_notices();
	ck_assert_uint_eq(deleted.count, 1);
	ck_assert_str_eq(deleted.elements[0].comment, "two");
	finish();
}
END_TEST

/* Nothing of other tables, though their sets have the same names. */
START_TEST(elements_others_last_word)
{
	struct deleted deleted;

	begin();
	nft_run(SETS);
	read_notices();
	nft_run("add table inet host\n"
		"add set inet host grants4 { type ipv4_addr . ipv4_addr . inet_service; }\n"
		"add element inet host grants4 { " ELEMENT4 " comment \"one\" }\n"
		"delete element inet host grants4 { " ELEMENT4 " }\n"
		"add chain inet host c\n"
		"add rule inet host c accept\n"
		"add table ip moshgate2\n"
		"delete table inet host\n");
	ck_assert(kernel_is_readable(elements_notice_fd(sets)));
	deleted = read_notices();
	ck_assert_uint_eq(deleted.count, 0);
	ck_assert(!deleted.is_touched);
	finish();
}
END_TEST

static const char *const touches[] = {
	"add chain inet moshgate c",
	"add rule inet moshgate c accept",
	"flush chain inet moshgate c",
	"delete chain inet moshgate c",
	"add element inet moshgate grants4 { " ELEMENT4 " }",
	"delete element inet moshgate grants4 { " ELEMENT4 " }",
	"add set inet moshgate s { type inet_service; }",
	"delete set inet moshgate grants6",
	"delete table inet moshgate",
};

static void ignore(const struct element *element, void *context)
{
	(void)element;
	(void)context;
}

static int learn_port(void)
{
	bool is_touched = false;
	int result = elements_learn_port(sets, ignore, NULL, &is_touched);

	ck_assert(!is_touched);
	return result;
}

/* Our own changes, by the netlink port that they come from, are not somebody else's. */
START_TEST(elements_touched)
{
	struct nft_ctx *own;

	begin();
	own = nft_open();
	ck_assert_int_eq(nft_run_cmd_from_buffer(own, SETS), 0);
	ck_assert_int_eq(learn_port(), 0);
	ck_assert(!read_notices().is_touched);
	for (size_t i = 0; i < ARRAY_LEN(touches); i++) {
		ck_assert_int_eq(nft_run_cmd_from_buffer(own, touches[i]), 0);
		ck_assert_msg(!read_notices().is_touched, "%s", touches[i]);
	}
	ck_assert_int_eq(nft_run_cmd_from_buffer(own, SETS), 0);
	ck_assert(!read_notices().is_touched);
	for (size_t i = 0; i < ARRAY_LEN(touches); i++) {
		nft_run(touches[i]);
		ck_assert_msg(read_notices().is_touched, "%s", touches[i]);
	}
	nft_ctx_free(own);
	finish();
}
END_TEST

/* Who gets the port of a socket that is closed is somebody else. */
START_TEST(elements_forgotten_port)
{
	struct nft_ctx *nft;
	struct deleted deleted = {0};
	bool is_touched = false;

	begin();
	nft = nft_open();
	ck_assert_int_eq(nft_run_cmd_from_buffer(nft, SETS), 0);
	ck_assert_int_eq(elements_learn_port(sets, on_deleted, &deleted, &is_touched), 0);
	for (int forgotten = 0; forgotten < 2; forgotten++) {
		ck_assert(!is_touched);
		ck_assert_int_eq(nft_run_cmd_from_buffer(nft, "add chain inet moshgate x"), 0);
		ck_assert_int_eq(elements_read_notices(sets, on_deleted, &deleted, &is_touched), 0);
		ck_assert_int_eq(is_touched, forgotten);
		elements_forget_port(sets);
	}
	nft_ctx_free(nft);
	finish();
}
END_TEST

START_TEST(elements_flushed)
{
	struct nft_ctx *own;

	begin();
	own = nft_open();
	ck_assert_int_eq(nft_run_cmd_from_buffer(own, SETS), 0);
	ck_assert_int_eq(learn_port(), 0);
	nft_run("flush ruleset");
	ck_assert(read_notices().is_touched);
	nft_ctx_free(own);
	finish();
}
END_TEST

START_TEST(elements_notices_lost)
{
	struct deleted deleted = {.count = 0};
	int small = 1;

	begin();
	nft_run(SETS);
	read_notices();
	ck_assert_int_eq(
		setsockopt(elements_notice_fd(sets), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)),
		0);
	for (int i = 0; i < 50; i++)
		nft_run("add table inet busy\nadd chain inet busy c\ndelete table inet busy\n");
	ck_assert_int_eq(
		elements_read_notices(sets, on_deleted, &deleted, &deleted.is_touched), -ENOBUFS);
	/* And goes on after that. */
	nft_run("add chain inet moshgate c");
	ck_assert(read_notices().is_touched);
	finish();
}
END_TEST

CHECK_KERNEL_MAIN("elements", TEST(elements_none), TEST(elements_of_both_families),
	TEST(elements_plain), TEST(elements_long_comment), TEST(elements_of_others),
	TEST(elements_of_other_types), TEST(elements_many), TEST(elements_under_change),
	TEST(elements_interrupted), TEST(elements_last_word), TEST(elements_others_last_word),
	TEST(elements_touched), TEST(elements_forgotten_port), TEST(elements_flushed),
	TEST(elements_notices_lost))
