// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/tunnel.c: what goes before a packet in each kind of tunnel, by literals (which scapy dissects
 * alike) and by what a receiver makes of it. */
#include "lvs/tunnel.h"
#include "tests/unit/tunnel_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static uint32_t get_be32(const uint8_t *at)
{
	return (uint32_t)get_be16(at) << 16 | get_be16(at + 2);
}

/* What a receiver does with a GUE header, as the kernel's gue_udp_recv(): returns the length of all
 * that it skips. */
static size_t receive_gue(uint8_t *udp, size_t len, const char *name, const struct build *inner)
{
	size_t words = udp[8] & 0x1f;
	uint8_t *pkt = udp + 12 + 4 * words;

	cr_expect(udp[8] >> 5 == 0, "%s: version, control", name);
	cr_expect(get_be16(udp + 2) == GUE_PORT, "%s: port", name);
	cr_expect(get_be16(udp + 4) == len, "%s: UDP length", name);
	cr_expect(udp[9] == (build_af(inner->saddr) == AF_INET6 ? 41 : 4), "%s: protocol", name);
	if (words) {
		size_t start = get_be16(udp + 16), check = get_be16(udp + 18);

		cr_expect(get_be16(udp + 10) == 1 && words == 2, "%s: flags", name);
		cr_expect(get_be32(udp + 12) == 0x80000000, "%s: private flags", name);
		len -= 12 + 4 * words;
		cr_assert(start < check && check + 2 <= len, "%s: remcsum", name);
		put_be16(pkt + check, ~sum_words(0, pkt + start, len - start));
	} else {
		cr_expect(get_be16(udp + 10) == 0, "%s: flags", name);
	}
	return 12 + 4 * words;
}

static size_t receive_gre(uint8_t *gre, size_t len, const char *name, const struct build *inner,
			  bool csum)
{
	cr_expect(get_be16(gre) == (csum ? 0x8000 : 0), "%s: flags", name);
	cr_expect(get_be16(gre + 2) == (build_af(inner->saddr) == AF_INET6 ? 0x86dd : 0x0800),
		  "%s: protocol", name);
	if (!csum)
		return 4;
	cr_expect(get_be16(gre + 6) == 0, "%s: reserved", name);
	cr_expect(sum_words(0, gre, len) == 0xffff, "%s: GRE checksum", name);
	return 8;
}

/* Takes the packet out of its tunnel and compares it with what went in. */
static void receive(uint8_t *whole, size_t len, unsigned int kind, uint8_t af,
		    const struct build *inner)
{
	const char *name = kinds[kind].name;
	static uint8_t expected[BUILD_MAX];
	struct layout at = packet_layout(whole);
	struct build complete = *inner;
	bool csum = kinds[kind].flags;
	uint8_t *l4 = whole + at.l4;

	cr_assert(at.end == len, "%s: length", name);
	cr_assert(at.v6 == (af == AF_INET6));
	if (!at.v6)
		cr_expect(sum_words(0, whole, 20) == 0xffff, "%s: outer checksum", name);
	switch ((enum tunnel_type)kinds[kind].type) {
	case TUNNEL_GUE:
		cr_assert(at.protocol == IPPROTO_UDP);
		cr_expect(!get_be16(l4 + 6) == !csum, "%s: UDP checksum is %x", name,
			  get_be16(l4 + 6));
		if (csum)
			cr_expect(packet_wrong_sum(whole) == NULL, "%s: UDP checksum", name);
		at.l4 += receive_gue(l4, len - at.l4, name, inner);
		break;
	case TUNNEL_GRE:
		cr_assert(at.protocol == IPPROTO_GRE);
		at.l4 += receive_gre(l4, len - at.l4, name, inner, csum);
		break;
	case TUNNEL_IPIP:
	case TUNNEL_MAX:
		cr_assert(at.protocol == (build_af(inner->saddr) == AF_INET6 ? 41 : 4));
		break;
	}
	complete.partial = false;
	cr_assert(len - at.l4 == build_packet(expected, &complete), "%s: inner length", name);
	cr_expect_arr_eq(whole + at.l4, expected, len - at.l4, "%s: inner packet", name);
}

static void back_check(const struct tunnel_out *out, struct pkt *pkt, const struct build *inner,
		       unsigned int kind)
{
	static uint8_t whole[BUILD_MAX];
	bool remote = inner->partial && kinds[kind].flags == TUNNEL_REMCSUM;
	size_t head = (out->af == AF_INET6 ? 40 : 20) + kinds[kind].bytes + (remote ? 8 : 0);
	size_t before = pkt->len, len;

	cr_expect(tunnel_overhead(&out->tunnel, out->af, pkt->csum_partial) == head,
		  "%s, inner %zu: overhead", kinds[kind].name, inner - inners);
	len = encap(whole, out, pkt);
	cr_expect(len == head + before, "%s, inner %zu: length", kinds[kind].name, inner - inners);
	receive(whole, len, kind, out->af, inner);
}

Test(tunnel, gives_every_packet_back)
{
	each_way(back_check);
}

/* Made with scapy, the source port being 0xabcd. */
Test(tunnel, writes_the_bytes)
{
	static const struct build udp4 = {.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53)};
	static const struct build udp6 = {.protocol = IPPROTO_UDP, FROM_TO(C6, 4000, V6, 53)};
	static const struct build partial = {
		.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53), .partial = true};
	static const struct {
		const char *name;
		uint8_t type, flags, af;
		const struct build *inner;
		const char *head;
	} rows[] = {
		{"ipip, 4 in 4", TUNNEL_IPIP, 0, AF_INET, &udp4,
		 "45000030 00004000 400426bb " FROM4},
		{"ipip, 6 in 4", TUNNEL_IPIP, 0, AF_INET, &udp6,
		 "45000044 00000000 40296682 " FROM4},
		{"ipip, 4 in 6", TUNNEL_IPIP, 0, AF_INET6, &udp4, "60000000 001c0440 " FROM6},
		{"ipip, 6 in 6", TUNNEL_IPIP, 0, AF_INET6, &udp6, "60000000 00302940 " FROM6},
		{"gre", TUNNEL_GRE, 0, AF_INET, &udp4,
		 "45000034 00004000 402f268c " FROM4 "00000800"},
		{"gre csum", TUNNEL_GRE, TUNNEL_CSUM, AF_INET, &udp4,
		 "45000038 00004000 402f2688 " FROM4 "80000800 8c800000"},
		{"gre csum, 6 in 6", TUNNEL_GRE, TUNNEL_CSUM, AF_INET6, &udp6,
		 "60000000 00382f40 " FROM6 "800086dd 87f20000"},
		{"gue", TUNNEL_GUE, 0, AF_INET, &udp4,
		 "4500003c 00004000 401126a2 " FROM4 "abcd17c0 00280000 00040000"},
		{"gue csum", TUNNEL_GUE, TUNNEL_CSUM, AF_INET, &udp4,
		 "4500003c 00004000 401126a2 " FROM4 "abcd17c0 00283c7e 00040000"},
		{"gue csum, 6 in 6", TUNNEL_GUE, TUNNEL_CSUM, AF_INET6, &udp6,
		 "60000000 003c1140 " FROM6 "abcd17c0 003cd078 00290000"},
		{"gue remcsum", TUNNEL_GUE, TUNNEL_REMCSUM, AF_INET, &partial,
		 "45000044 00004000 4011269a " FROM4
		 "abcd17c0 0030815f 02040001 80000000 0014001a"},
		{"gue remcsum, nothing due", TUNNEL_GUE, TUNNEL_REMCSUM, AF_INET, &udp4,
		 "4500003c 00004000 401126a2 " FROM4 "abcd17c0 00283c7e 00040000"},
	};
	uint8_t head[TUNNEL_HEAD_MAX], expected[TUNNEL_HEAD_MAX];
	static uint8_t bytes[BUILD_MAX];

	for (size_t i = 0; i < LEN(rows); i++) {
		struct tunnel_out out = out_to(rows[i].type, rows[i].flags, rows[i].af);
		struct pkt pkt = parsed(bytes, rows[i].inner);
		const char *hex = rows[i].head;
		unsigned int byte;
		int len, used, at = 0;

		out.port_min = out.port_max = 0xabcd;
		len = tunnel_encap(&out, &pkt, head);
		for (; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
			expected[at++] = (uint8_t)byte;
		cr_assert(len == at, "%s: %d bytes", rows[i].name, len);
		cr_expect_arr_eq(head, expected, (size_t)len, "%s", rows[i].name);
	}
}

/* ip_vs_prepare_tunneled_skb(): DF where there is one and PMTU is looked for, TTL as it is, and of
 * ECN all but "congestion experienced". */
Test(tunnel, takes_over_what_routers_read)
{
	static const struct {
		const char *name;
		uint8_t af;
		bool v6, inner_df, df;
		uint8_t dsfield, ttl;
		bool want_df;
		uint8_t want_dsfield;
	} rows[] = {
		{"DF", AF_INET, false, true, true, 0x00, 64, true, 0x00},
		{"no DF inside", AF_INET, false, false, true, 0x00, 64, false, 0x00},
		{"pmtu_disc off", AF_INET, false, true, false, 0x00, 64, false, 0x00},
		{"IPv6 inside", AF_INET, true, false, true, 0xb8, 1, false, 0xb8},
		{"not ECN", AF_INET, false, true, true, 0xb8, 255, true, 0xb8},
		{"ECT(1)", AF_INET, false, true, true, 0xb9, 7, true, 0xb9},
		{"ECT(0)", AF_INET6, false, true, true, 0xba, 7, false, 0xba},
		{"CE", AF_INET, false, true, true, 0xbb, 7, true, 0xba},
		{"CE, 4 in 6", AF_INET6, false, true, true, 0x03, 7, false, 0x02},
		{"CE, 6 in 4", AF_INET, true, true, true, 0x5f, 7, false, 0x5e},
		{"CE, 6 in 6", AF_INET6, true, true, true, 0xff, 7, false, 0xfe},
	};
	static const struct build udp4 = {.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53)};
	static const struct build udp6 = {.protocol = IPPROTO_UDP, FROM_TO(C6, 4000, V6, 53)};
	static uint8_t bytes[BUILD_MAX], head[TUNNEL_HEAD_MAX];

	for (size_t i = 0; i < LEN(rows); i++) {
		struct tunnel_out out = out_to(TUNNEL_IPIP, 0, rows[i].af);
		struct pkt pkt = parsed(bytes, rows[i].v6 ? &udp6 : &udp4);
		uint8_t dsfield, ttl;
		bool df = false;

		if (rows[i].v6) {
			put_be16(bytes, 0x6000u | rows[i].dsfield << 4 | 0x5);
			bytes[7] = rows[i].ttl;
		} else {
			bytes[1] = rows[i].dsfield;
			bytes[6] = rows[i].inner_df ? 0x40 : 0;
			bytes[8] = rows[i].ttl;
		}
		out.df = rows[i].df;
		cr_assert(tunnel_encap(&out, &pkt, head) > 0);
		if (rows[i].af == AF_INET6) {
			dsfield = (uint8_t)(get_be16(head) >> 4);
			ttl = head[7];
			cr_expect((get_be32(head) & 0xfffff) == 0, "%s: flow label", rows[i].name);
		} else {
			dsfield = head[1];
			df = get_be16(head + 6) == 0x4000;
			ttl = head[8];
			cr_expect(get_be16(head + 4) == 0, "%s: identification", rows[i].name);
			cr_expect(df || get_be16(head + 6) == 0, "%s: offset", rows[i].name);
		}
		cr_expect(df == rows[i].want_df, "%s: DF", rows[i].name);
		cr_expect(dsfield == rows[i].want_dsfield, "%s: %02x", rows[i].name, dsfield);
		cr_expect(ttl == rows[i].ttl, "%s: TTL %d", rows[i].name, ttl);
	}
}

/* RFC 768: a sum of 0 is written as ffff, since 0 says that there is none. */
Test(tunnel, gue_has_no_checksum_of_zero)
{
	static const struct build udp4 = {
		.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53), .payload = 2};
	struct tunnel_out out = out_to(TUNNEL_GUE, TUNNEL_CSUM, AF_INET);
	uint8_t bytes[BUILD_MAX], head[TUNNEL_HEAD_MAX];
	struct pkt pkt = parsed(bytes, &udp4);
	uint16_t sum;

	cr_assert(tunnel_encap(&out, &pkt, head) > 0);
	sum = get_be16(head + 26);
	cr_assert(sum != 0 && sum != 0xffff);
	/* The packet's own checksum takes up what is missing. */
	put_be16(bytes + 26, sum_words(get_be16(bytes + 26), head + 26, 2));
	cr_assert(tunnel_encap(&out, &pkt, head) > 0);
	cr_expect(get_be16(head + 26) == 0xffff, "%x", get_be16(head + 26));
}

static uint16_t gue_source(const struct tunnel_out *out, uint16_t sport)
{
	struct build b = {.protocol = IPPROTO_TCP, FROM_TO(C4, sport, V4, 80)};
	uint8_t bytes[64], head[TUNNEL_HEAD_MAX];
	struct pkt pkt = parsed(bytes, &b);

	cr_assert(tunnel_encap(out, &pkt, head) > 0);
	return get_be16(head + 20);
}

Test(tunnel, spreads_flows_over_source_ports)
{
	struct tunnel_out out = out_to(TUNNEL_GUE, 0, AF_INET);
	unsigned int used[8] = {0}, moved = 0;

	out.port_min = 1000;
	out.port_max = 1007;
	for (uint16_t sport = 1; sport <= 4000; sport++) {
		uint16_t port = gue_source(&out, sport);

		cr_assert(port >= 1000 && port <= 1007, "port %d", port);
		cr_assert(port == gue_source(&out, sport), "a flow keeps its port");
		used[port - 1000]++;
		out.seed++;
		moved += port != gue_source(&out, sport);
		out.seed--;
	}
	for (size_t i = 0; i < LEN(used); i++)
		cr_expect(used[i] > 400 && used[i] < 600, "port %zu: %u flows", i, used[i]);
	cr_expect(moved > 3000, "the seed matters: %u", moved);
	out.port_min = 1;
	out.port_max = 65535;
	cr_expect(gue_source(&out, 1) > 0);
}

Test(tunnel, refuses_what_does_not_fit)
{
	static const struct build big = {
		.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .payload = 65535 - 28 - 20 - 12};
	static uint8_t bytes[BUILD_MAX], before[BUILD_MAX], head[TUNNEL_HEAD_MAX];
	struct tunnel_out out = out_to(TUNNEL_GUE, TUNNEL_CSUM, AF_INET);
	struct build partial = big;
	struct pkt pkt = parsed(bytes, &big);

	cr_expect(tunnel_encap(&out, &pkt, head) == 32, "just fits");
	partial.payload++;
	partial.partial = true;
	pkt = parsed(bytes, &partial);
	memcpy(before, bytes, pkt.len);
	cr_expect(tunnel_encap(&out, &pkt, head) == -EMSGSIZE);
	cr_expect_arr_eq(bytes, before, pkt.len, "nothing is changed");
	cr_expect(pkt.csum_partial);
	out = out_to(TUNNEL_GUE, TUNNEL_CSUM, AF_INET6);
	cr_expect(tunnel_encap(&out, &pkt, head) == 52, "IPv6 does not count its own header");
	pkt.gso = true;
	cr_expect(tunnel_encap(&out, &pkt, head) == -EINVAL);
}
