// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/spec.c and lvs/stats.c: equal keys, matches, and everything that has a name. */
#include "lvs/stats.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct service_key key(const char *addr, uint16_t port, uint8_t protocol, uint32_t fwmark)
{
	return (struct service_key){.af = build_af(addr),
				    .protocol = protocol,
				    .port = htons(port),
				    .fwmark = fwmark,
				    .addr = build_addr(addr)};
}

Test(spec, keys_compare_as_ipvs_does)
{
	const struct {
		const char *name;
		struct service_key a, b;
		bool equal;
	} rows[] = {
		{"same", key("10.0.0.1", 80, 6, 0), key("10.0.0.1", 80, 6, 0), true},
		{"same, IPv6", key("fd00::1", 80, 6, 0), key("fd00::1", 80, 6, 0), true},
		{"address", key("10.0.0.1", 80, 6, 0), key("10.0.0.2", 80, 6, 0), false},
		{"end of address", key("fd00::1", 80, 6, 0), key("fd00::2", 80, 6, 0), false},
		{"port", key("10.0.0.1", 80, 6, 0), key("10.0.0.1", 81, 6, 0), false},
		{"protocol", key("10.0.0.1", 80, 6, 0), key("10.0.0.1", 80, 17, 0), false},
		{"family", key("0.0.0.0", 80, 6, 0), key("::", 80, 6, 0), false},
		{"mark alone counts", key("10.0.0.1", 80, 6, 7), key("10.0.0.2", 9, 17, 7), true},
		{"mark", key("0.0.0.0", 0, 0, 7), key("0.0.0.0", 0, 0, 8), false},
		{"mark and none", key("10.0.0.1", 80, 6, 7), key("10.0.0.1", 80, 6, 0), false},
		{"mark, family", key("0.0.0.0", 0, 0, 7), key("::", 0, 0, 7), false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		cr_assert_eq(service_key_equal(&rows[i].a, &rows[i].b), rows[i].equal, "%s",
			     rows[i].name);
		cr_assert_eq(service_key_equal(&rows[i].b, &rows[i].a), rows[i].equal, "%s",
			     rows[i].name);
	}
}

Test(spec, keys_in_messages)
{
	const struct {
		struct service_key key;
		const char *want;
	} rows[] = {
		{key("10.0.0.1", 80, IPPROTO_TCP, 0), "tcp 10.0.0.1:80"},
		{key("10.0.0.1", 0, IPPROTO_UDP, 0), "udp 10.0.0.1:0"},
		{key("2001:db8::1", 53, IPPROTO_UDP, 0), "udp [2001:db8::1]:53"},
		{key("0.0.0.0", 0, 0, 7), "fwmark 7"},
		{key("::", 0, 0, 4294967295u), "fwmark 4294967295 IPv6"},
		{key("1111:2222:3333:4444:5555:6666:7777:8888", 65535, IPPROTO_ICMPV6, 0),
		 "ipv6-icmp [1111:2222:3333:4444:5555:6666:7777:8888]:65535"},
	};
	char buf[SERVICE_KEY_STRLEN];

	for (size_t i = 0; i < ROWS(rows); i++) {
		cr_assert_eq(service_key_format(buf, &rows[i].key), buf);
		cr_assert_str_eq(buf, rows[i].want);
	}
}

Test(spec, matches)
{
	const struct match match = {.af = AF_INET,
				    .protocol = IPPROTO_TCP,
				    .first = 8000,
				    .last = 8100,
				    .addr = build_addr("10.0.0.1")};
	static const struct {
		const char *addr;
		uint8_t protocol;
		uint16_t port;
		bool want;
	} rows[] = {
		{"10.0.0.1", IPPROTO_TCP, 7999, false}, {"10.0.0.1", IPPROTO_TCP, 8000, true},
		{"10.0.0.1", IPPROTO_TCP, 8064, true},	{"10.0.0.1", IPPROTO_TCP, 8100, true},
		{"10.0.0.1", IPPROTO_TCP, 8101, false}, {"10.0.0.1", IPPROTO_UDP, 8000, false},
		{"10.0.0.2", IPPROTO_TCP, 8000, false}, {"a00:1::", IPPROTO_TCP, 8000, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		union addr addr = build_addr(rows[i].addr);

		cr_assert_eq(match_contains(&match, build_af(rows[i].addr), rows[i].protocol, &addr,
					    htons(rows[i].port)),
			     rows[i].want, "row %zu", i);
	}
}

Test(spec, names)
{
	cr_assert_str_eq(forward_method_name(FORWARD_NAT), "nat");
	cr_assert_str_eq(forward_method_name(FORWARD_DR), "dr");
	cr_assert_str_eq(forward_method_name(FORWARD_TUN), "tun");
	cr_assert_str_eq(forward_method_title(FORWARD_NAT), "Masq");
	cr_assert_str_eq(forward_method_title(FORWARD_DR), "Route");
	cr_assert_str_eq(forward_method_title(FORWARD_TUN), "Tunnel");
	cr_assert_str_eq(tunnel_type_name(TUNNEL_IPIP), "ipip");
	cr_assert_str_eq(tunnel_type_name(TUNNEL_GUE), "gue");
	cr_assert_str_eq(tunnel_type_name(TUNNEL_GRE), "gre");
	cr_assert_str_eq(tunnel_checksum_name(0), "none");
	cr_assert_str_eq(tunnel_checksum_name(TUNNEL_CSUM), "full");
	cr_assert_str_eq(tunnel_checksum_name(TUNNEL_REMCSUM), "remote");
	cr_assert_eq(netmask_full(AF_INET), 0xffffffff);
	cr_assert_eq(netmask_full(AF_INET6), 128);
}

/* Every reason has a name of its own that can be a key in JSON. */
Test(spec, reasons_have_names)
{
	for (enum reason r = REASON_NONE; r < REASON_MAX; r++) {
		const char *name = reason_name(r);

		cr_assert_not_null(name, "reason %d", (int)r);
		cr_assert(*name);
		for (const char *c = name; *c; c++)
			cr_assert(islower((unsigned char)*c) || *c == '_', "%s", name);
		for (enum reason other = REASON_NONE; other < r; other++)
			cr_assert_str_neq(name, reason_name(other));
	}
	cr_assert_str_eq(reason_name(REASON_TRUNCATED), "truncated");
	cr_assert_str_eq(reason_name(REASON_HEADER), "header");
	cr_assert_str_eq(reason_name(REASON_NO_SERVER), "no_server");
	cr_assert_str_eq(reason_name(REASON_NO_CONN), "no_conn");
}

/* Every kind of tunnel with every checksum, with a port and without. */
Test(spec, tunnels_that_cannot_be)
{
	static const char *const faults[TUNNEL_MAX][3][2] = {
		[TUNNEL_IPIP] = {{NULL, "tunnel_port"},
				 {"tunnel_checksum", "tunnel_port"},
				 {"tunnel_checksum", "tunnel_port"}},
		[TUNNEL_GUE] = {{"tunnel", NULL}, {"tunnel", NULL}, {"tunnel", NULL}},
		[TUNNEL_GRE] = {{NULL, "tunnel_port"},
				{NULL, "tunnel_port"},
				{"tunnel_checksum", "tunnel_port"}},
	};

	for (uint8_t type = 0; type < TUNNEL_MAX; type++) {
		for (uint8_t flags = 0; flags <= TUNNEL_REMCSUM; flags++) {
			for (uint16_t port = 0; port <= 1; port++) {
				const char *want = faults[type][flags][port], *why = NULL;
				struct tunnel tunnel = {type, flags, htons(port)};
				const char *got = tunnel_fault(&tunnel, &why);

				cr_expect_str_eq(got ? got : "", want ? want : "", "%d %d %d", type,
						 flags, port);
				cr_expect_eq(!got, !why);
			}
		}
	}
}
