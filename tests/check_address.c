/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "address.h"
#include "check_main.h"

static struct address parsed(const char *text)
{
	struct address address;

	ck_assert_int_eq(address_parse(text, &address), 0);
	return address;
}

static const struct {
	const char *text, *formatted;
	uint8_t family;
} good[] = {
	{"192.0.2.1", "192.0.2.1", 4},
	{"0.0.0.0", "0.0.0.0", 4},
	{"255.255.255.255", "255.255.255.255", 4},
	{"2001:DB8::1", "2001:db8::1", 6},
	{"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1", 6},
	{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		6},
	{"::", "::", 6},
	{"::ffff:203.0.113.5", "203.0.113.5", 4},
	{"::ffff:203.0.113.5%eth0", "203.0.113.5", 4},
	{"::fffe:203.0.113.5", "::fffe:cb00:7105", 6},
	{"fe80::1%eth0", "fe80::1", 6},
	{"fe80::1%a-very-long-zone-that-does-not-fit-anywhere-at-all-but-is-dropped", "fe80::1", 6},
};

START_TEST(parses)
{
	struct address address = parsed(good[_i].text);
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_uint_eq(address.family, good[_i].family);
	ck_assert_str_eq(address_format(&address, text), good[_i].formatted);
	ck_assert(address_equal(&address, &(struct address){0}) == false);
}
END_TEST

static const char *const bad[] = {
	"", "%", "%eth0", "localhost", "client.example.org", "192.0.2", "192.0.2.1.1",
	"192.0.2.256", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1:22", "192.0.2.1%eth0", "192.0.2.01x",
	"0xc0000201", "3221225985", "[::1]", "::1 ", "1::2::3", "12345::1", "2001:db8::1/64",
	"UNKNOWN",
	"00000000000000000000000000000000000000000000:1", /* one more than there is room for */
};

START_TEST(refuses)
{
	struct address address, before;

	memset(&address, 0xa5, sizeof(address));
	before = address;
	ck_assert_int_eq(address_parse(bad[_i], &address), -EINVAL);
	ck_assert_mem_eq(&address, &before, sizeof(before));
}
END_TEST

START_TEST(from_bytes_keeps_one_form)
{
	const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	const uint8_t plain[16] = {192, 0, 2, 1, 5, 6, 7, 8};
	struct address from_mapped = address_from_bytes(6, mapped);
	struct address from_plain = address_from_bytes(4, plain);
	struct address none = address_from_bytes(0, plain);

	ck_assert_uint_eq(from_mapped.family, 4);
	ck_assert(address_equal(&from_mapped, &from_plain));
	ck_assert_mem_eq(&none, &(struct address){0}, sizeof(none));
}
END_TEST

START_TEST(from_sockaddr)
{
	struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = 22};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3};
	struct address address, expected = parsed("192.0.2.1");

	inet_pton(AF_INET, "192.0.2.1", &ip4.sin_addr);
	ck_assert_int_eq(address_from_sockaddr((struct sockaddr *)&ip4, &address), 0);
	ck_assert(address_equal(&address, &expected));
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &ip6.sin6_addr);
	ck_assert_int_eq(address_from_sockaddr((struct sockaddr *)&ip6, &address), 0);
	ck_assert(address_equal(&address, &expected));
	inet_pton(AF_INET6, "fe80::1", &ip6.sin6_addr);
	expected = parsed("fe80::1");
	ck_assert_int_eq(address_from_sockaddr((struct sockaddr *)&ip6, &address), 0);
	ck_assert(address_equal(&address, &expected));
}
END_TEST

START_TEST(from_other_sockaddr)
{
	const struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct address address = parsed("192.0.2.1"), before = address;

	ck_assert_int_eq(
		address_from_sockaddr((const struct sockaddr *)&local, &address), -EAFNOSUPPORT);
	ck_assert(address_equal(&address, &before));
}
END_TEST

START_TEST(none_is_formatted)
{
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_str_eq(address_format(&(struct address){0}, text), "none");
}
END_TEST

START_TEST(compares)
{
	struct address any4 = parsed("0.0.0.0"), any6 = parsed("::"), none = {0};
	struct address one = parsed("192.0.2.1"), other = parsed("192.0.2.2");
	struct address last = parsed("2001:db8::1"), differs = parsed("2001:db8::2");

	ck_assert(!address_equal(&any4, &any6));
	ck_assert(!address_equal(&any4, &none));
	ck_assert(!address_equal(&one, &other));
	ck_assert(!address_equal(&last, &differs));
	ck_assert(address_equal(&last, &last));
	ck_assert(address_is_wildcard(&any4));
	ck_assert(address_is_wildcard(&any6));
	ck_assert(!address_is_wildcard(&none));
	ck_assert(!address_is_wildcard(&one));
	ck_assert(!address_is_wildcard(&last));
}
END_TEST

static const struct {
	const char *text;
	bool is_multicast;
} groups[] = {
	{"223.255.255.255", false},
	{"224.0.0.0", true},
	{"239.255.255.255", true},
	{"240.0.0.0", false},
	{"255.255.255.254", false},
	{"255.255.255.255", true},
	{"0.0.0.0", false},
	{"::ffff:224.0.0.1", true},
	{"ff02::1", true},
	{"fe80::1", false},
	{"::", false},
};

START_TEST(finds_multicast)
{
	struct address address = parsed(groups[_i].text);

	ck_assert_int_eq(address_is_multicast(&address), groups[_i].is_multicast);
	address.family = 0;
	ck_assert(!address_is_multicast(&address));
}
END_TEST

static const struct {
	const char *text;
	bool is_loopback;
} loops[] = {
	{"127.0.0.1", true},
	{"127.255.255.255", true},
	{"126.255.255.255", false},
	{"128.0.0.0", false},
	{"0.0.0.0", false},
	{"::1", true},
	{"::", false},
	{"7f00::1", false},
	{"::ffff:127.0.0.1", true},
};

START_TEST(finds_loopback)
{
	struct address address = parsed(loops[_i].text);

	ck_assert_int_eq(address_is_loopback(&address), loops[_i].is_loopback);
	address.family = 0;
	ck_assert(!address_is_loopback(&address));
}
END_TEST

static const struct {
	const char *text;
	unsigned int prefix;
	const char *masked;
} masks[] = {
	{"255.255.255.255", 32, "255.255.255.255"},
	{"255.255.255.255", 31, "255.255.255.254"},
	{"255.255.255.255", 24, "255.255.255.0"},
	{"255.255.255.255", 17, "255.255.128.0"},
	{"255.255.255.255", 8, "255.0.0.0"},
	{"255.255.255.255", 0, "0.0.0.0"},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 127, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
	{"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
	{"2001:db8:1:2:3:4:5:6", 63, "2001:db8:1:2::"},
	{"2001:db8:1:3:3:4:5:6", 63, "2001:db8:1:2::"},
	{"2001:db8:1:2:3:4:5:6", 16, "2001::"},
	{"2001:db8:1:2:3:4:5:6", 0, "::"},
};

START_TEST(masks_bits)
{
	struct address address = parsed(masks[_i].text), expected = parsed(masks[_i].masked);
	struct address masked = address_mask(&address, masks[_i].prefix);

	ck_assert(address_equal(&masked, &expected));
}
END_TEST

CHECK_MAIN("address", LOOP(parses, ARRAY_LEN(good)), LOOP(refuses, ARRAY_LEN(bad)),
	TEST(from_bytes_keeps_one_form), TEST(from_sockaddr), TEST(from_other_sockaddr),
	TEST(none_is_formatted), TEST(compares), LOOP(finds_multicast, ARRAY_LEN(groups)),
	LOOP(finds_loopback, ARRAY_LEN(loops)), LOOP(masks_bits, ARRAY_LEN(masks)))
