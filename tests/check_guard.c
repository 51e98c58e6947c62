/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard does with packets: real ones, over the loopback of a network of the test's own. */
#include "check_nft.h"
#include "clock.h"
#include "firewall.h"
#include "pending.h"

#define PORT   60001
#define MARKER 4000 /* a port outside the range */

struct side {
	const char *client, *other, *server;
};

static const struct side sides[] = {{CLIENT4, OTHER4, SERVER4}, {CLIENT6, OTHER6, SERVER6}};

static struct config config;
static struct firewall *firewall;
static const struct side *side;

static void install(void)
{
	struct plan nothing = {0};

	ck_assert_int_eq(firewall_install(firewall, &config, &nothing), 0);
}

static void begin(int which)
{
	kernel_fresh();
	side = &sides[which];
	config_defaults(&config);
	ck_assert_int_eq(firewall_open(&config, &firewall), 0);
}

static void finish(void)
{
	firewall_close(firewall);
}

static void apply(enum change_kind kind, const char *client, uint16_t port)
{
	struct grant grant = {0};
	struct change change = {.kind = kind, .grant = &grant};
	struct plan plan = {.changes = &change, .count = 1};

	if (client)
		change.key = nft_key(client, side->server, port);
	change.key.port = port;
	if (kind == CHANGE_OPEN) {
		change.timeout_s = 100;
		strcpy(change.comment, "1 u=3e8 c=1 s=5 v=l");
	}
	ck_assert_int_eq(firewall_apply(firewall, &plan), 0);
}

static void send_to(int fd, const char *address, uint16_t port, const char *text)
{
	struct sockaddr_storage storage;
	socklen_t size = kernel_address(address, port, &storage);

	ck_assert_int_eq(
		sendto(fd, text, strlen(text), 0, (struct sockaddr *)&storage, size), strlen(text));
}

/* Whether a packet from one socket comes to the other, which has that address and port. After it
 * one is sent that nothing stops: when that has come, the first would have, too. */
static bool comes(int from, int to, const char *address, uint16_t port)
{
	int marker = kernel_udp(address, MARKER);
	char text[8] = "";
	bool has_come;

	send_to(from, address, port, "packet");
	send_to(from, address, MARKER, "marker");
	ck_assert(kernel_is_readable(marker));
	has_come = recv(to, text, sizeof(text), MSG_DONTWAIT) == 6;
	if (has_come)
		ck_assert_mem_eq(text, "packet", 6);
	close(marker);
	return has_come;
}

/* From that client's address to the server's port. */
static bool passes(const char *client, uint16_t port)
{
	int from = kernel_udp(client, 0), to = kernel_udp(side->server, port);
	bool has_passed = comes(from, to, side->server, port);

	close(from);
	close(to);
	return has_passed;
}

START_TEST(guard_lets_in_the_granted)
{
	begin(_i);
	ck_assert(passes(side->client, PORT));
	install();
	ck_assert(!passes(side->client, PORT));
	apply(CHANGE_OPEN, side->client, PORT);
	ck_assert(passes(side->client, PORT));
	ck_assert(passes(side->client, PORT));
	ck_assert(!passes(side->other, PORT));
	ck_assert(!passes(side->client, PORT + 1));
	apply(CHANGE_SHUT, side->client, PORT);
	ck_assert(!passes(side->client, PORT));
	finish();
}
END_TEST

/* The server's own address is part of it. */
START_TEST(guard_other_address_of_ours)
{
	int from, to;

	begin(_i);
	install();
	apply(CHANGE_OPEN, side->client, PORT);
	from = kernel_udp(side->client, 0);
	to = kernel_udp(side->other, PORT);
	ck_assert(!comes(from, to, side->other, PORT));
	close(from);
	close(to);
	finish();
}
END_TEST

static const struct {
	uint16_t port;
	bool is_guarded;
} edges[] = {{59999, false}, {60000, true}, {61000, true}, {61001, false}};

START_TEST(guard_range)
{
	begin(_i & 1);
	install();
	ck_assert_int_eq(passes(side->client, edges[_i / 2].port), !edges[_i / 2].is_guarded);
	finish();
}
END_TEST

/* A flow that this host began from a port of the range gets its answers, unless a mosh-server has
 * that port. */
static bool is_answered(uint16_t own_port)
{
	int own = kernel_udp(side->server, own_port), peer = kernel_udp(side->other, 53);
	bool has_come;

	send_to(own, side->other, 53, "query");
	ck_assert(kernel_is_readable(peer));
	has_come = comes(peer, own, side->server, own_port);
	close(own);
	close(peer);
	return has_come;
}

START_TEST(guard_replies)
{
	begin(_i);
	install();
	ck_assert(is_answered(60500));
	ck_assert(!passes(side->other, 60501));
	apply(CHANGE_PORT_OPEN, NULL, 60502);
	ck_assert(!is_answered(60502));
	ck_assert(is_answered(60503));
	apply(CHANGE_PORT_SHUT, NULL, 60502);
	ck_assert(is_answered(60502));
	finish();
}
END_TEST

START_TEST(guard_without_conntrack)
{
	begin(_i);
	config.firewall.is_conntrack = false;
	install();
	ck_assert(!is_answered(60500));
	apply(CHANGE_OPEN, side->client, PORT);
	ck_assert(passes(side->client, PORT));
	finish();
}
END_TEST

/* A revoked client's flow is established; that does not help it. */
START_TEST(guard_cuts_off)
{
	int client, server;

	begin(_i);
	install();
	apply(CHANGE_OPEN, side->client, PORT);
	apply(CHANGE_PORT_OPEN, NULL, PORT);
	client = kernel_udp(side->client, 5000);
	server = kernel_udp(side->server, PORT);
	ck_assert(comes(client, server, side->server, PORT));
	ck_assert(comes(server, client, side->client, 5000));
	apply(CHANGE_SHUT, side->client, PORT);
	ck_assert(comes(server, client, side->client, 5000));
	ck_assert(!comes(client, server, side->server, PORT));
	close(client);
	close(server);
	finish();
}
END_TEST

/* Each packet makes it stay idle longer, and is counted. */
START_TEST(guard_renews)
{
	struct elements elements = {0};
	uint64_t now_ms;

	begin(_i);
	config.gate.idle_s = 5000;
	install();
	apply(CHANGE_OPEN, side->client, PORT);
	for (int i = 0; i < 3; i++)
		ck_assert(passes(side->client, PORT));
	ck_assert(!passes(side->other, PORT));
	now_ms = clock_awake_ms();
	ck_assert_int_eq(firewall_read(firewall, &elements), 0);
	ck_assert_uint_eq(elements.count, 1);
	ck_assert_uint_eq(elements.items[0].use.packets, 3);
	ck_assert_uint_gt(elements.items[0].use.bytes, 3 * strlen("packet"));
	ck_assert_uint_gt(elements.items[0].use.expires_ms, now_ms + 5000000 - KERNEL_WAIT_MS);
	ck_assert_uint_le(elements.items[0].use.expires_ms, clock_awake_ms() + 5000000);
	ck_assert_str_eq(elements.items[0].comment, "1 u=3e8 c=1 s=5 v=l");
	free(elements.items);
	finish();
}
END_TEST

/* Who is not granted makes no element. */
START_TEST(guard_adds_nobody)
{
	struct elements elements = {0};

	begin(_i);
	install();
	ck_assert(!passes(side->client, PORT));
	ck_assert_int_eq(firewall_read(firewall, &elements), 0);
	ck_assert_uint_eq(elements.count, 0);
	finish();
}
END_TEST

/* Their number; the first is of that client, if there is one. */
static size_t pending(struct element *first)
{
	struct elements elements = {0};
	size_t count;

	ck_assert_int_eq(firewall_read_pending(firewall, &elements), 0);
	count = elements.count;
	if (count > 0)
		*first = elements.items[0];
	free(elements.items);
	return count;
}

START_TEST(guard_keeps_who_knocked)
{
	struct element element;
	struct grant_key key;
	uint64_t now_ms;

	begin(_i);
	config.gate.is_pending = true;
	install();
	apply(CHANGE_PORT_OPEN, NULL, PORT);
	apply(CHANGE_OPEN, side->client, PORT);
	ck_assert(passes(side->client, PORT));
	ck_assert(!passes(side->other, PORT + 1));
	ck_assert_uint_eq(pending(&element), 0);
	now_ms = clock_awake_ms();
	ck_assert(!passes(side->other, PORT));
	ck_assert(!passes(side->other, PORT));
	ck_assert_uint_eq(pending(&element), 1);
	key = nft_key(side->other, side->server, PORT);
	ck_assert_mem_eq(&element.key, &key, sizeof(key));
	ck_assert_uint_eq(element.use.packets, 2);
	ck_assert_uint_gt(element.use.expires_ms, now_ms + PENDING_KEEP_S * 1000 - 1000);
	/* It stays while the guard is made anew, and goes when it is not wanted any more. */
	install();
	ck_assert_uint_eq(pending(&element), 1);
	config.gate.is_pending = false;
	install();
	ck_assert_uint_eq(pending(&element), 0);
	ck_assert(!passes(side->other, PORT));
	ck_assert(passes(side->client, PORT));
	finish();
}
END_TEST

/* With as many of others as there can be. */
static void fill_pending(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(file);
	fprintf(file, "add element inet moshgate pending%d {", side == sides ? 4 : 6);
	for (unsigned int i = 0; i < PENDING_MAX; i++)
		fprintf(file,
			side == sides ? " 10.0.%d.%d . %s . %d," : " 2001:db8:%x::%x . %s . %d,",
			i / 256, i % 256, side->server, PORT);
	fputs(" }\n", file);
	ck_assert_int_eq(fclose(file), 0);
	nft_run(text);
	free(text);
}

START_TEST(guard_full_of_who_knocked)
{
	struct element element;

	begin(_i);
	config.gate.is_pending = true;
	install();
	apply(CHANGE_PORT_OPEN, NULL, PORT);
	fill_pending();
	ck_assert(!passes(side->other, PORT));
	ck_assert_uint_eq(pending(&element), PENDING_MAX);
	apply(CHANGE_OPEN, side->client, PORT);
	ck_assert(passes(side->client, PORT));
	finish();
}
END_TEST

/* The prefixes at which 5 and 6 are neighbours; SERVER's 7 is one, too. */
START_TEST(guard_masks_client)
{
	begin(_i);
	config.gate.prefix4 = 30;
	config.gate.prefix6 = 126;
	install();
	apply(CHANGE_OPEN, _i == 0 ? "127.0.0.4" : "2001:db8::4", PORT);
	ck_assert(passes(side->client, PORT));
	ck_assert(passes(side->other, PORT));
	ck_assert(!passes(_i == 0 ? "127.0.0.8" : "::1", PORT));
	finish();
}
END_TEST

static void add_host_firewall(void)
{
	nft_run("add table inet host\n"
		"add chain inet host input { type filter hook input priority 0; policy accept; }\n"
		"add rule inet host input udp dport 60000-61000 meta mark != 0x10 drop\n");
}

START_TEST(guard_marks_accepted)
{
	begin(_i);
	add_host_firewall();
	install();
	apply(CHANGE_OPEN, side->client, PORT);
	ck_assert(!passes(side->client, PORT));
	config.firewall.accept_mark = 0x10;
	install();
	ck_assert(passes(side->client, PORT));
	ck_assert(!passes(side->other, PORT));
	finish();
}
END_TEST

/* While it is made anew, and after its maker went. */
START_TEST(guard_stays)
{
	begin(_i);
	install();
	apply(CHANGE_OPEN, side->client, PORT);
	install();
	ck_assert(passes(side->client, PORT));
	firewall_close(firewall);
	ck_assert(passes(side->client, PORT));
	ck_assert(!passes(side->other, PORT));
	ck_assert_int_eq(firewall_open(&config, &firewall), 0);
	ck_assert_int_eq(firewall_remove(firewall), 0);
	ck_assert(passes(side->other, PORT));
	finish();
}
END_TEST

#define BOTH(test) LOOP(test, ARRAY_LEN(sides))

CHECK_KERNEL_MAIN("guard", BOTH(guard_lets_in_the_granted), BOTH(guard_other_address_of_ours),
	LOOP(guard_range, 2 * ARRAY_LEN(edges)), BOTH(guard_replies), BOTH(guard_without_conntrack),
	BOTH(guard_cuts_off), BOTH(guard_renews), BOTH(guard_adds_nobody),
	BOTH(guard_keeps_who_knocked), BOTH(guard_full_of_who_knocked), BOTH(guard_masks_client),
	BOTH(guard_marks_accepted), BOTH(guard_stays))
