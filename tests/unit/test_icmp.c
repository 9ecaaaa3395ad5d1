// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/icmp.c: errors about packets, as a client can read them; and what no error may be about. */
#include "lvs/icmp.h"
#include "tests/unit/pkt_build.h"

#include <criterion/criterion.h>

#define C4 "10.1.0.2"
#define V4 "10.1.0.100"
#define C6 "fd00:1::2"
#define V6 "fd00:1::100"

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

static uint8_t packet[BUILD_MAX];

/* About a copy that ends where its memory ends, into a buffer of just the room that is promised. */
static size_t error(uint8_t *got, size_t len, uint8_t type, uint8_t code, uint32_t info)
{
	uint8_t *buf = malloc(ICMP_ERROR_MAX), *copy = malloc(len ? len : 1);
	size_t size;

	memcpy(copy, packet, len);
	size = icmp_error_build(buf, copy, len, type, code, info);
	memcpy(got, buf, size);
	free(copy);
	free(buf);
	return size;
}

Test(icmp, errors)
{
	static const struct {
		const char *name;
		bool v6;
		uint16_t payload;
		uint8_t type, code;
		uint32_t info;
		size_t quoted; /* of the packet */
	} rows[] = {
		{"port unreachable", false, 10, 3, 3, 0, 38},
		{"time exceeded", false, 0, 11, 0, 0, 28},
		{"fragmentation needed", false, 1472, 3, 4, 1480, 548},
		{"all that has room", false, 520, 3, 4, 1480, 548},
		{"one byte less", false, 519, 3, 4, 1480, 547},
		{"one byte more", false, 521, 3, 4, 1480, 548},
		{"IPv6 port unreachable", true, 11, 1, 4, 0, 59},
		{"IPv6 time exceeded", true, 0, 3, 0, 0, 48},
		{"packet too big", true, 1400, 2, 0, 1460, 1232},
		{"IPv6 all that has room", true, 1184, 2, 0, 70000, 1232},
		{"IPv6 one byte less", true, 1183, 2, 0, 1280, 1231},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		bool v6 = rows[i].v6;
		struct build b = {.protocol = IPPROTO_UDP,
				  FROM_TO(v6 ? C6 : C4, 4000, v6 ? V6 : V4, 53),
				  .payload = rows[i].payload};
		size_t len = build_packet(packet, &b), ip = v6 ? 40 : 20, size;
		uint8_t got[ICMP_ERROR_MAX];

		size = error(got, len, rows[i].type, rows[i].code, rows[i].info);
		cr_assert(size == ip + 8 + rows[i].quoted, "%s: %zu", rows[i].name, size);
		cr_expect(packet_layout(got).end == size, "%s: length", rows[i].name);
		cr_expect(packet_wrong_sum(got) == NULL, "%s: checksum", rows[i].name);
		cr_expect(packet_runs(got, v6 ? V6 : V4, 0, v6 ? C6 : C4, 0), "%s: addresses",
			  rows[i].name);
		cr_expect(got[v6 ? 6 : 9] == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP));
		cr_expect(got[v6 ? 7 : 8] == 64, "%s: TTL", rows[i].name);
		cr_expect(got[ip] == rows[i].type && got[ip + 1] == rows[i].code);
		cr_expect(((uint32_t)get_be16(got + ip + 4) << 16 | get_be16(got + ip + 6)) ==
				  rows[i].info,
			  "%s: second word", rows[i].name);
		cr_expect_arr_eq(got + ip + 8, packet, rows[i].quoted, "%s: quote", rows[i].name);
	}
}

/* Made with scapy: IP(tos=0xc0, id=0)/ICMP(3, 4, nexthopmtu=1480)/... */
Test(icmp, bytes)
{
	static const uint8_t expected[] = {
		0x45, 0xc0, 0x00, 0x38, 0x00, 0x00, 0x00, 0x00, 0x40, 0x01, 0x65, 0x9e, 0x0a, 0x01,
		0x00, 0x64, 0x0a, 0x01, 0x00, 0x02, 0x03, 0x04, 0x0b, 0xb5, 0x00, 0x00, 0x05, 0xc8,
	};
	struct build b = {.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53)};
	uint8_t got[ICMP_ERROR_MAX];
	size_t len = build_packet(packet, &b);

	cr_assert(error(got, len, 3, 4, 1480) == sizeof(expected) + len);
	cr_expect_arr_eq(got, expected, sizeof(expected));
}

/* icmp_send(): precedence "internetwork control", the rest of TOS as it came. */
Test(icmp, type_of_service)
{
	static const struct {
		uint8_t tos, want;
	} rows[] = {{0x00, 0xc0}, {0x10, 0xd0}, {0xb8, 0xd8}, {0x1f, 0xde}, {0xff, 0xde}};
	struct build b = {.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53)};
	uint8_t got[ICMP_ERROR_MAX];
	size_t len = build_packet(packet, &b);

	for (size_t i = 0; i < LEN(rows); i++) {
		packet[1] = rows[i].tos;
		cr_assert(error(got, len, 3, 3, 0) > 0);
		cr_expect(got[1] == rows[i].want, "%02x: %02x", rows[i].tos, got[1]);
	}
	b = (struct build){.protocol = IPPROTO_UDP, FROM_TO(C6, 4000, V6, 53)};
	len = build_packet(packet, &b);
	put_be16(packet, 0x6ff5);
	cr_assert(error(got, len, 1, 4, 0) > 0);
	cr_expect(get_be16(got) == 0x6000 && get_be16(got + 2) == 0);
}

/* A quote that a router cut, as it comes out of a tunnel error: told on as far as it goes. */
Test(icmp, of_a_cut_packet)
{
	struct build b = {.protocol = IPPROTO_TCP, FROM_TO(C4, 4000, V4, 80), .payload = 1000};
	uint8_t got[ICMP_ERROR_MAX];

	build_packet(packet, &b);
	cr_expect(error(got, 28, 3, 4, 1400) == 20 + 8 + 28);
	cr_expect(packet_wrong_sum(got) == NULL);
	cr_expect(error(got, 20, 3, 4, 1400) == 20 + 8 + 20);
	b = (struct build){.protocol = IPPROTO_TCP, FROM_TO(C6, 4000, V6, 80), .payload = 1000};
	build_packet(packet, &b);
	cr_expect(error(got, 48, 2, 0, 1400) == 40 + 8 + 48);
	cr_expect(packet_wrong_sum(got) == NULL);
}

/* What lies behind the packet, as on a link with a minimal frame, is not quoted. */
Test(icmp, no_padding)
{
	struct build b = {.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53)};
	uint8_t got[ICMP_ERROR_MAX];
	size_t len = build_packet(packet, &b);

	cr_expect(error(got, len + 18, 3, 3, 0) == 28 + len);
	b = (struct build){.protocol = IPPROTO_UDP, FROM_TO(C6, 4000, V6, 53)};
	len = build_packet(packet, &b);
	cr_expect(error(got, len + 18, 1, 4, 0) == 48 + len);
}

#define ICMP4(t) .protocol = IPPROTO_ICMP, .saddr = C4, .daddr = V4, .type = (t), .payload = 28
#define ICMP6(t) .protocol = IPPROTO_ICMPV6, .saddr = C6, .daddr = V6, .type = (t), .payload = 48
#define UDP(from, to) \
	.protocol = IPPROTO_UDP, .saddr = (from), .daddr = (to), .sport = 1, .dport = 2
#define EXT(...) .ext = {__VA_ARGS__}, .ext_len = sizeof((uint8_t[]){__VA_ARGS__})

Test(icmp, refuses)
{
	static const struct {
		const char *name;
		struct build about;
		bool answered;
	} rows[] = {
		{"unreachable", {ICMP4(3)}, false},
		{"source quench", {ICMP4(4)}, false},
		{"redirect", {ICMP4(5)}, false},
		{"time exceeded", {ICMP4(11)}, false},
		{"parameter problem", {ICMP4(12)}, false},
		{"unknown type", {ICMP4(200)}, false},
		{"echo", {ICMP4(8)}, true},
		{"echo reply", {ICMP4(0)}, true},
		{"timestamp", {ICMP4(13)}, true},
		{"IPv6 unreachable", {ICMP6(1)}, false},
		{"IPv6 too big", {ICMP6(2)}, false},
		{"IPv6 unknown error", {ICMP6(127)}, false},
		{"IPv6 redirect", {ICMP6(137)}, false},
		{"IPv6 echo", {ICMP6(128)}, true},
		{"IPv6 neighbour solicitation", {ICMP6(135)}, true},
		{"IPv6 error behind options",
		 {ICMP6(3), EXT(IPPROTO_HOPOPTS, IPPROTO_DSTOPTS)},
		 false},
		{"IPv6 error in an atomic fragment", {ICMP6(3), EXT(IPPROTO_FRAGMENT)}, false},
		{"IPv6 echo behind options", {ICMP6(128), EXT(IPPROTO_DSTOPTS)}, true},
		{"UDP behind all",
		 {UDP(C6, V6),
		  EXT(IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS)},
		 true},
		{"from a group", {UDP("224.0.0.1", V4)}, false},
		{"to a group", {UDP(C4, "239.1.2.3")}, false},
		{"from broadcast", {UDP("255.255.255.255", V4)}, false},
		{"to broadcast", {UDP(C4, "255.255.255.255")}, false},
		{"from nowhere", {UDP("0.0.0.0", V4)}, false},
		{"from this network", {UDP("0.1.2.3", V4)}, false},
		{"from the machine itself", {UDP("127.0.0.1", V4)}, true},
		{"IPv6 from a group", {UDP("ff02::1", V6)}, false},
		{"IPv6 to a group", {UDP(C6, "ff0e::7")}, false},
		{"IPv6 from nowhere", {UDP("::", V6)}, false},
		{"IPv6 from the link", {UDP("fe80::2", V6)}, true},
	};
	uint8_t got[ICMP_ERROR_MAX];

	for (size_t i = 0; i < LEN(rows); i++) {
		size_t len = build_packet(packet, &rows[i].about);
		size_t size =
			packet[0] >> 4 == 6 ? error(got, len, 1, 4, 0) : error(got, len, 3, 3, 0);

		cr_expect(!size == !rows[i].answered, "%s: %zu", rows[i].name, size);
	}
}

/* The first fragment may be answered, no other one. */
Test(icmp, fragments)
{
	struct build b4 = {.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .payload = 64};
	struct build b6 = {.protocol = IPPROTO_UDP,
			   FROM_TO(C6, 1, V6, 2),
			   .ext = {IPPROTO_FRAGMENT},
			   .ext_len = 1,
			   .payload = 64};
	uint8_t got[ICMP_ERROR_MAX];
	size_t len = build_packet(packet, &b4);

	put_be16(packet + 6, 0x2000);
	cr_expect(error(got, len, 11, 0, 0) > 0);
	put_be16(packet + 6, 0x2001);
	cr_expect(error(got, len, 11, 0, 0) == 0);
	put_be16(packet + 6, 0x0001);
	cr_expect(error(got, len, 11, 0, 0) == 0);
	len = build_packet(packet, &b6);
	put_be16(packet + 42, 1);
	cr_expect(error(got, len, 3, 0, 0) > 0);
	put_be16(packet + 42, 8);
	cr_expect(error(got, len, 3, 0, 0) == 0);
}

/* Cut anywhere, no byte behind is read, and what does not tell enough is not answered. */
Test(icmp, cut_anywhere)
{
	struct build b4 = {ICMP4(8), .ip_options = 2};
	struct build b6 = {ICMP6(128), .ext = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS}, .ext_len = 2};
	uint8_t got[ICMP_ERROR_MAX];
	size_t len = build_packet(packet, &b4);

	for (size_t cut = 0; cut <= len; cut++)
		cr_expect(!error(got, cut, 3, 3, 0) == (cut < 29), "%zu bytes", cut);
	packet[0] = 0x44;
	cr_expect(error(got, len, 3, 3, 0) == 0, "short header");
	packet[0] = 0x55;
	cr_expect(error(got, len, 3, 3, 0) == 0, "version");
	len = build_packet(packet, &b6);
	for (size_t cut = 0; cut <= len; cut++)
		cr_expect(!error(got, cut, 1, 4, 0) == (cut < 65), "%zu bytes", cut);
}
