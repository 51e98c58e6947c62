/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's own guard has counted, of real packets. */
#include "check_nft.h"
#include "drops.h"
#include "firewall.h"

static struct config config;
static struct firewall *firewall;
static struct drops drops;

static void begin(bool is_logging_drops)
{
	struct plan nothing = {0};

	kernel_fresh();
	config_defaults(&config);
	config.firewall.is_logging_drops = is_logging_drops;
	ck_assert_int_eq(firewall_open(&config, &firewall), 0);
	ck_assert_int_eq(firewall_install(firewall, &config, &nothing), 0);
	drops = (struct drops){0};
}

/* So many datagrams of 4 bytes to that port, 32 with their heads. */
static void send_to(uint16_t port, int count)
{
	struct sockaddr_storage storage;
	socklen_t size = kernel_address(SERVER4, port, &storage);
	int fd = kernel_udp(CLIENT4, 0);

	for (int i = 0; i < count; i++)
		ck_assert_int_eq(sendto(fd, "text", 4, 0, (struct sockaddr *)&storage, size), 4);
	close(fd);
}

START_TEST(counts)
{
	begin(_i == 1);
	ck_assert_int_eq(drops_read("moshgate", &drops), 0);
	ck_assert_uint_eq(drops.servers.packets + drops.others.packets, 0);
	nft_run("add element inet moshgate servers { 60001 }");
	send_to(60001, 3);
	send_to(60002, 2);
	send_to(59999, 1);
	ck_assert_int_eq(drops_read("moshgate", &drops), 0);
	ck_assert_uint_eq(drops.servers.packets, 3);
	ck_assert_uint_eq(drops.servers.bytes, 3 * 32);
	ck_assert_uint_eq(drops.others.packets, 2);
	ck_assert_uint_eq(drops.others.bytes, 2 * 32);
	firewall_close(firewall);
}
END_TEST

/* Others' rules are not the guard's, whatever they count. */
START_TEST(of_others)
{
	begin(false);
	nft_run("add table inet other; add chain inet other guard;"
		"add rule inet other guard counter packets 7 bytes 8 drop;"
		"add chain inet moshgate theirs;"
		"add rule inet moshgate theirs counter packets 7 bytes 8 drop");
	ck_assert_int_eq(drops_read("moshgate", &drops), 0);
	ck_assert_uint_eq(drops.servers.packets + drops.others.packets, 0);
	firewall_close(firewall);
}
END_TEST

START_TEST(no_guard)
{
	begin(false);
	drops.others.packets = 5;
	nft_run("flush chain inet moshgate guard");
	ck_assert_int_eq(drops_read("moshgate", &drops), -ENOENT);
	nft_run("flush ruleset");
	ck_assert_int_eq(drops_read("moshgate", &drops), -ENOENT);
	ck_assert_uint_eq(drops.others.packets, 5);
	firewall_close(firewall);
}
END_TEST

CHECK_KERNEL_MAIN("drops", LOOP(counts, 2), TEST(of_others), TEST(no_guard))
