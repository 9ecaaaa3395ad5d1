// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/addr.c: text to address and back, networks, order, names of protocols. */
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

Test(addr, read_and_written)
{
	static const struct {
		const char *text, *canonical, *with_port;
		uint8_t af;
	} rows[] = {
		{"10.0.0.1", "10.0.0.1", "10.0.0.1:80", AF_INET},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0:80", AF_INET},
		{"255.255.255.255", "255.255.255.255", "255.255.255.255:80", AF_INET},
		{"2001:DB8:0:0::1", "2001:db8::1", "[2001:db8::1]:80", AF_INET6},
		{"::", "::", "[::]:80", AF_INET6},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80", AF_INET6},
		{"1111:2222:3333:4444:5555:6666:7777:8888",
		 "1111:2222:3333:4444:5555:6666:7777:8888",
		 "[1111:2222:3333:4444:5555:6666:7777:8888]:80", AF_INET6},
	};
	char buf[ADDR_STRLEN];

	for (size_t i = 0; i < ROWS(rows); i++) {
		union addr addr;
		uint8_t af = 0;

		memset(&addr, 0xff, sizeof(addr));
		cr_assert_eq(addr_parse(rows[i].text, &af, &addr), 0, "%s", rows[i].text);
		cr_assert_eq(af, rows[i].af, "%s", rows[i].text);
		cr_assert_eq(addr_format(buf, af, &addr), buf);
		cr_assert_str_eq(buf, rows[i].canonical);
		cr_assert_eq(addr_format_port(buf, af, &addr, htons(80)), buf);
		cr_assert_str_eq(buf, rows[i].with_port);
		for (size_t b = addr_size(af); b < sizeof(addr); b++)
			cr_assert_eq(addr.bytes[b], 0, "%s: byte %zu", rows[i].text, b);
	}
}

Test(addr, that_a_server_can_have)
{
	static const struct {
		const char *text;
		bool unicast;
	} rows[] = {
		{"10.0.0.1", true},
		{"1.0.0.0", true},
		{"127.0.0.1", true},
		{"223.255.255.255", true},
		{"240.0.0.1", true},
		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"224.0.0.0", false},
		{"239.255.255.255", false},
		{"255.255.255.255", false},
		{"fd00::1", true},
		{"2001:db8::1", true},
		{"::1", true},
		{"::10.0.0.1", true},
		{"::", false},
		{"fe80::1", false},
		{"febf::1", false},
		{"fec0::1", true},
		{"ff02::1", false},
		{"::ffff:1.2.3.4", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		union addr addr;
		uint8_t af;

		cr_assert_eq(addr_parse(rows[i].text, &af, &addr), 0);
		cr_assert_eq(addr_is_unicast(af, &addr), rows[i].unicast, "%s", rows[i].text);
	}
}

Test(addr, the_longest_fits)
{
	union addr addr;
	char buf[ADDR_STRLEN];

	memset(&addr, 0xee, sizeof(addr));
	addr_format_port(buf, AF_INET6, &addr, htons(65535));
	cr_assert_str_eq(buf, "[eeee:eeee:eeee:eeee:eeee:eeee:eeee:eeee]:65535");
	addr = build_addr("10.255.255.255");
	addr_format_port(buf, AF_INET, &addr, 0);
	cr_assert_str_eq(buf, "10.255.255.255:0");
}

Test(addr, refused_and_untouched)
{
	static const char *const rows[] = {
		"",	      " 10.0.0.1",  "10.0.0.1 ",   "10.0.0",
		"10.0.0.256", "10.0.0.1.2", "10.0.0.1:80", "10.0.0.0/8",
		"host",	      "::1::2",	    "[::1]",	   "fe80::1%lo",
		"12345::",    ":",	    "0x0a000001",  "1:2:3:4:5:6:7:8:9",
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		union addr addr = build_addr("fd00::7"), before = addr;
		uint8_t af = 77;

		cr_assert_eq(addr_parse(rows[i], &af, &addr), -EINVAL, "\"%s\"", rows[i]);
		cr_assert_eq(af, 77, "\"%s\"", rows[i]);
		cr_assert(addr_equal(&addr, &before), "\"%s\"", rows[i]);
	}
}

Test(addr, network)
{
	static const struct {
		const char *addr;
		uint32_t prefix;
		const char *want;
	} rows[] = {
		{"10.1.2.3", 32, "10.1.2.3"},
		{"10.1.2.3", 24, "10.1.2.0"},
		{"10.1.255.3", 17, "10.1.128.0"},
		{"10.1.2.3", 0, "0.0.0.0"},
		{"1111:2222:3333:4444:5555:6666:7777:8888", 128,
		 "1111:2222:3333:4444:5555:6666:7777:8888"},
		{"1111:2222:3333:4444:5555:6666:7777:ffff", 127,
		 "1111:2222:3333:4444:5555:6666:7777:fffe"},
		{"1111:2222:3333:4444:5555:6666:7777:8888", 96, "1111:2222:3333:4444:5555:6666::"},
		{"1111:2222:3333:4444:5555:ffff:7777:8888", 81, "1111:2222:3333:4444:5555:8000::"},
		{"1111:2222:3333:4444:5555:6666:7777:8888", 64, "1111:2222:3333:4444::"},
		{"1111:2222:ffff:4444:5555:6666:7777:8888", 33, "1111:2222:8000::"},
		{"ffff:2222::1", 32, "ffff:2222::"},
		{"ffff:ffff::1", 31, "ffff:fffe::"},
		{"ffff:2222::1", 1, "8000::"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t af = build_af(rows[i].addr);
		union addr addr = build_addr(rows[i].addr), want = build_addr(rows[i].want);
		uint32_t mask = rows[i].prefix;
		char buf[ADDR_STRLEN];

		if (af == AF_INET)
			mask = mask ? htonl(UINT32_MAX << (32 - mask)) : 0;
		addr = addr_network(af, &addr, mask);
		cr_assert(addr_equal(&addr, &want), "%s/%u: %s", rows[i].addr, rows[i].prefix,
			  addr_format(buf, af, &addr));
	}
}

/* Of each pair the first is less. */
Test(addr, order_is_by_value)
{
	static const char *const rows[][2] = {
		{"10.0.0.1", "10.0.0.2"},    {"9.255.255.255", "10.0.0.0"},
		{"127.0.0.1", "128.0.0.1"},  {"10.0.0.255", "10.0.1.0"},
		{"10.1.0.0", "10.2.0.0"},    {"::1", "::2"},
		{"::ff", "::100"},	     {"7fff::", "8000::"},
		{"fd00::ffff", "fd00::1:0"}, {"fd00:0:0:1::", "fd00:0:1::"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		union addr a = build_addr(rows[i][0]), b = build_addr(rows[i][1]);

		cr_assert_lt(addr_compare(&a, &b), 0, "%s < %s", rows[i][0], rows[i][1]);
		cr_assert_gt(addr_compare(&b, &a), 0, "%s > %s", rows[i][1], rows[i][0]);
		cr_assert_eq(addr_compare(&a, &a), 0, "%s", rows[i][0]);
		cr_assert_not(addr_equal(&a, &b), "%s, %s", rows[i][0], rows[i][1]);
		cr_assert(addr_equal(&b, &b), "%s", rows[i][1]);
	}
}

Test(addr, equality_looks_at_every_byte)
{
	union addr zero = {.ip6 = {0}};

	cr_assert(addr_equal(&zero, &(union addr){.ip6 = {0}}));
	for (size_t b = 0; b < sizeof(zero); b++) {
		union addr addr = {.ip6 = {0}};

		addr.bytes[b] = 1;
		cr_assert_not(addr_equal(&addr, &zero), "byte %zu", b);
	}
	cr_assert_eq(addr_size(AF_INET), 4);
	cr_assert_eq(addr_size(AF_INET6), 16);
}

Test(addr, names_of_protocols)
{
	for (unsigned int n = 0; n < 256; n++) {
		const char *name = protocol_name((uint8_t)n);
		char number[16];

		snprintf(number, sizeof(number), "proto-%u", n);
		cr_assert_str_eq(name, n == 6	  ? "tcp"
				       : n == 17  ? "udp"
				       : n == 132 ? "sctp"
				       : n == 1	  ? "icmp"
				       : n == 58  ? "ipv6-icmp"
						  : number);
	}
}

Test(addr, protocols_read)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"tcp", IPPROTO_TCP}, {"TCP", IPPROTO_TCP},   {"Udp", IPPROTO_UDP},
		{"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}, {"SCTP", IPPROTO_SCTP},
		{"icmp", -EINVAL},    {"", -EINVAL},	      {"tcp ", -EINVAL},
		{"tc", -EINVAL},      {"6", -EINVAL},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_assert_eq(protocol_parse(rows[i].text), rows[i].want, "\"%s\"", rows[i].text);
}
