// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/pkt.c: what a packet is taken for, why one cannot be used, and that no byte outside is read:
 * each packet ends where its memory ends, for AddressSanitizer to see. */
#include "tests/unit/pkt_build.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define C4 "10.1.0.2"
#define V4 "10.1.0.100"
#define C6 "fd00:1::2"
#define V6 "fd00:1::100"

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Parses a copy of exactly @len bytes. The data is gone afterwards. */
static enum reason parse(struct pkt *pkt, const uint8_t *bytes, size_t len, bool gso)
{
	enum reason reason;

	memset(pkt, 0xa5, sizeof(*pkt)); /* nothing may rest on what was there */
	pkt->data = malloc(len);
	pkt->len = (uint32_t)len;
	pkt->gso = gso;
	pkt->copied = false;
	if (len)
		memcpy(pkt->data, bytes, len);
	reason = pkt_parse(pkt);
	free(pkt->data);
	pkt->data = NULL;
	return reason;
}

/* Literal bytes: "45 00 ..." with any white space. */
static size_t from_hex(uint8_t *bytes, const char *hex)
{
	unsigned int byte;
	size_t len = 0;
	int used;

	for (; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
		bytes[len++] = (uint8_t)byte;
	return len;
}

static const struct build good[] = {
	{.protocol = IPPROTO_TCP, FROM_TO(C4, 4000, V4, 80), .flags = PKT_SYN},
	{.protocol = IPPROTO_TCP,
	 FROM_TO(C4, 4000, V4, 80),
	 .ip_options = 10,
	 .tcp_options = 10,
	 .flags = PKT_RST | PKT_ACK,
	 .payload = 5},
	{.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 65535), .ip_options = 1, .payload = 3},
	{.protocol = IPPROTO_UDP, FROM_TO(C4, 0, V4, 0)},
	{.protocol = IPPROTO_ICMP, .saddr = C4, .daddr = V4, .type = 8, .payload = 4},
	{.protocol = IPPROTO_TCP, FROM_TO(C6, 4000, V6, 80), .flags = PKT_FIN, .payload = 1},
	{.protocol = IPPROTO_TCP,
	 FROM_TO(C6, 4000, V6, 80),
	 .ext = {IPPROTO_HOPOPTS},
	 .ext_len = 1},
	{.protocol = IPPROTO_UDP,
	 FROM_TO(C6, 4000, V6, 53),
	 .ext = {IPPROTO_ROUTING, IPPROTO_DSTOPTS},
	 .ext_len = 2,
	 .payload = 9},
	{.protocol = IPPROTO_UDP,
	 FROM_TO(C6, 4000, V6, 53),
	 .ext = {IPPROTO_FRAGMENT},
	 .ext_len = 1},
	{.protocol = IPPROTO_TCP,
	 FROM_TO(C6, 4000, V6, 53),
	 .ext = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
		 IPPROTO_DSTOPTS, IPPROTO_DSTOPTS},
	 .ext_len = 6,
	 .tcp_options = 2},
	{.protocol = IPPROTO_ICMPV6,
	 .saddr = C6,
	 .daddr = V6,
	 .type = 128,
	 .payload = 4,
	 .ext = {IPPROTO_DSTOPTS},
	 .ext_len = 1},
	{.protocol = IPPROTO_ICMP, .saddr = C4, .daddr = V4, .type = 3, .inner = &good[2]},
	{.protocol = IPPROTO_ICMPV6, .saddr = C6, .daddr = V6, .type = 2, .inner = &good[9]},
	{.protocol = IPPROTO_SCTP, FROM_TO(C4, 4000, V4, 80), .type = CHUNK_INIT, .payload = 16},
	{.protocol = IPPROTO_SCTP,
	 FROM_TO(C6, 4000, V6, 80),
	 .ext = {IPPROTO_DSTOPTS},
	 .ext_len = 1,
	 .type = 0xc1,
	 .payload = 3},
	{.protocol = IPPROTO_ICMP, .saddr = C4, .daddr = V4, .type = 3, .inner = &good[13]},
};

Test(pkt, reads_what_was_built)
{
	static uint8_t bytes[BUILD_MAX];

	for (size_t i = 0; i < LEN(good); i++) {
		size_t len = build_packet(bytes, &good[i]);
		struct layout at = packet_layout(bytes);
		struct flow want = packet_flow(bytes);
		struct pkt pkt;

		cr_assert_null(packet_wrong_sum(bytes), "row %zu: badly built", i);
		cr_assert_eq(parse(&pkt, bytes, len, false), REASON_NONE, "row %zu", i);
		cr_assert_eq(pkt.len, len, "row %zu", i);
		cr_assert_eq(pkt.l4, at.l4, "row %zu", i);
		cr_assert_eq(pkt.flow.af, want.af, "row %zu", i);
		cr_assert_eq(pkt.flow.protocol, good[i].protocol, "row %zu", i);
		cr_assert_eq(pkt.flow.sport, htons(good[i].sport), "row %zu", i);
		cr_assert_eq(pkt.flow.dport, htons(good[i].dport), "row %zu", i);
		cr_assert(addr_equal(&pkt.flow.saddr, &want.saddr), "row %zu", i);
		cr_assert(addr_equal(&pkt.flow.daddr, &want.daddr), "row %zu", i);
		cr_assert_eq(pkt.tcp_flags, good[i].flags, "row %zu", i);
		cr_assert_eq(pkt.chunk, at.protocol == IPPROTO_SCTP ? good[i].type : 0, "row %zu",
			     i);
		cr_assert_not(pkt.chunk_abort, "row %zu", i);
		cr_assert_eq(pkt.icmp_error, good[i].inner != NULL, "row %zu", i);
		/* Padding of the link behind the packet is no part of it. */
		memset(bytes + len, 0xff, 18);
		cr_assert_eq(parse(&pkt, bytes, len + 18, false), REASON_NONE, "row %zu", i);
		cr_assert_eq(pkt.len, len, "row %zu: not trimmed", i);
	}
}

Test(pkt, every_cut_is_noticed)
{
	static uint8_t bytes[BUILD_MAX];

	for (size_t i = 0; i < LEN(good); i++) {
		size_t len = build_packet(bytes, &good[i]);
		struct pkt pkt;

		for (size_t cut = 0; cut < len; cut++)
			cr_assert_eq(parse(&pkt, bytes, cut, false), REASON_TRUNCATED,
				     "row %zu, %zu of %zu bytes", i, cut, len);
	}
}

/* The IP header says @len. */
static void set_length(uint8_t *bytes, size_t len)
{
	if (bytes[0] >> 4 == 6)
		put_be16(bytes + 4, (uint32_t)(len - 40));
	else
		put_be16(bytes + 2, (uint32_t)len);
}

/* The same, but the IP header says so too: then what matters is that all headers are there. */
Test(pkt, short_packets_are_used_when_their_headers_are_whole)
{
	static uint8_t bytes[BUILD_MAX];

	for (size_t i = 0; i < LEN(good); i++) {
		size_t len = build_packet(bytes, &good[i]);
		struct layout at = packet_layout(bytes);
		size_t need = at.l4 + 8;
		struct pkt pkt;

		if (at.protocol == IPPROTO_TCP)
			need = at.l4 + 20 + 4u * good[i].tcp_options;
		else if (at.protocol == IPPROTO_UDP)
			need += good[i].payload;
		else if (at.protocol == IPPROTO_SCTP)
			need = at.l4 + 16;
		for (size_t cut = at.v6 ? 40 : 20; cut <= len; cut++) {
			set_length(bytes, cut);
			cr_assert_eq(parse(&pkt, bytes, cut, false),
				     cut < need ? REASON_TRUNCATED : REASON_NONE,
				     "row %zu, %zu of %zu bytes", i, cut, len);
			if (cut >= need)
				cr_assert(pkt.len == cut && pkt.l4 == at.l4, "row %zu", i);
		}
		for (size_t cut = 0; !at.v6 && cut < 20; cut++) {
			set_length(bytes, cut);
			cr_assert_eq(parse(&pkt, bytes, len, false), REASON_HEADER,
				     "row %zu says %zu bytes", i, cut);
		}
	}
}

Test(pkt, a_super_packet_may_state_no_length)
{
	static uint8_t bytes[BUILD_MAX];

	for (size_t i = 0; i < LEN(good); i++) {
		size_t len = build_packet(bytes, &good[i]);
		struct pkt pkt;

		if (good[i].protocol != IPPROTO_TCP)
			continue;
		set_length(bytes, bytes[0] >> 4 == 6 ? 40 : 0);
		cr_assert_eq(parse(&pkt, bytes, len, true), REASON_NONE, "row %zu", i);
		cr_assert_eq(pkt.len, len, "row %zu", i);
		cr_assert_neq(parse(&pkt, bytes, len, false), REASON_NONE, "row %zu", i);
	}
}

/* One good packet with a few bytes changed. */
static const struct {
	const char *name;
	int base; /* in good[] */
	struct {
		uint8_t at, value;
	} change[3];
	unsigned int changes;
	enum reason reason;
} bad[] = {
	{"version 0", 0, {{0, 0x05}}, 1, REASON_VERSION},
	{"version 5", 0, {{0, 0x55}}, 1, REASON_VERSION},
	{"version 15", 5, {{0, 0xf0}}, 1, REASON_VERSION},
	{"IPv4 header of 0", 0, {{0, 0x40}}, 1, REASON_HEADER},
	{"IPv4 header of 16", 0, {{0, 0x44}}, 1, REASON_HEADER},
	{"IPv4 header longer than the packet", 0, {{0, 0x4f}}, 1, REASON_TRUNCATED},
	{"IPv4 length one more", 0, {{3, 41}}, 1, REASON_TRUNCATED},
	{"IPv4 length 65535", 0, {{2, 255}, {3, 255}}, 2, REASON_TRUNCATED},
	{"IPv4 option without length", 2, {{20, 1}, {21, 1}, {23, 7}}, 3, REASON_HEADER},
	{"IPv4 option of length 0", 2, {{20, 7}, {21, 0}}, 2, REASON_HEADER},
	{"IPv4 option of length 1", 2, {{20, 7}, {21, 1}}, 2, REASON_HEADER},
	{"IPv4 option beyond the header", 2, {{20, 7}, {21, 5}}, 2, REASON_HEADER},
	{"IPv4 option that fits", 2, {{20, 7}, {21, 4}}, 2, REASON_NONE},
	{"IPv4 end of options before rubbish", 2, {{20, 0}, {21, 7}, {22, 99}}, 3, REASON_NONE},
	{"first fragment", 0, {{6, 0x20}}, 1, REASON_FRAGMENT},
	{"later fragment", 0, {{6, 0x20}, {7, 1}}, 2, REASON_FRAGMENT},
	{"last fragment", 0, {{6, 0x1f}}, 1, REASON_FRAGMENT},
	{"may be fragmented, but is not", 0, {{6, 0x00}}, 1, REASON_NONE},
	{"SCTP, whatever is in it", 0, {{9, 132}}, 1, REASON_NONE},
	{"UDP-Lite", 2, {{9, 136}}, 1, REASON_PROTOCOL},
	{"GRE", 0, {{9, 47}}, 1, REASON_PROTOCOL},
	{"protocol 0", 0, {{9, 0}}, 1, REASON_PROTOCOL},
	{"ICMPv6 in IPv4", 4, {{9, 58}}, 1, REASON_PROTOCOL},
	{"TCP header of 0", 0, {{32, 0x00}}, 1, REASON_HEADER},
	{"TCP header of 16", 0, {{32, 0x40}}, 1, REASON_HEADER},
	{"TCP header longer than the packet", 0, {{32, 0x60}}, 1, REASON_TRUNCATED},
	{"UDP length 0", 3, {{25, 0}}, 1, REASON_HEADER},
	{"UDP length 7", 3, {{25, 7}}, 1, REASON_HEADER},
	{"UDP length one more", 3, {{25, 9}}, 1, REASON_TRUNCATED},
	{"UDP length less than there is", 2, {{29, 9}}, 1, REASON_NONE},
	{"IPv6 length one more", 5, {{5, 22}}, 1, REASON_TRUNCATED},
	{"IPv6 of no length", 5, {{5, 0}}, 1, REASON_TRUNCATED},
	{"IPv6 without next header", 5, {{6, 59}}, 1, REASON_PROTOCOL},
	{"ICMP in IPv6", 5, {{6, 1}}, 1, REASON_PROTOCOL},
	{"IPsec in IPv6", 6, {{40, 51}}, 1, REASON_PROTOCOL},
	{"IPv6 hop-by-hop beyond the packet", 6, {{41, 3}}, 1, REASON_TRUNCATED},
	{"IPv6 hop-by-hop of 2048", 6, {{41, 255}}, 1, REASON_TRUNCATED},
	{"IPv6 first fragment", 8, {{43, 0x01}}, 1, REASON_FRAGMENT},
	{"IPv6 later fragment", 8, {{42, 0x01}, {43, 0x01}}, 2, REASON_FRAGMENT},
	{"IPv6 last fragment", 8, {{43, 0x08}}, 1, REASON_FRAGMENT},
	{"IPv6 fragment, reserved bits", 8, {{43, 0x06}}, 1, REASON_NONE},
};

Test(pkt, says_why_a_packet_cannot_be_used)
{
	static uint8_t bytes[BUILD_MAX];
	bool seen[REASON_MAX] = {false};

	for (size_t i = 0; i < LEN(bad); i++) {
		size_t len = build_packet(bytes, &good[bad[i].base]);
		enum reason reason;
		struct pkt pkt;

		for (unsigned int n = 0; n < bad[i].changes; n++)
			bytes[bad[i].change[n].at] = bad[i].change[n].value;
		reason = parse(&pkt, bytes, len, false);
		cr_assert_eq(reason, bad[i].reason, "%s: %s", bad[i].name, reason_name(reason));
		seen[reason] = true;
	}
	for (int i = REASON_NONE; i <= REASON_PROTOCOL; i++)
		cr_assert(seen[i], "no packet for %s", reason_name((enum reason)i));
}

/* A chain that never ends in a transport header must not be walked for ever. */
Test(pkt, endless_extension_headers_are_refused)
{
	static uint8_t bytes[BUILD_MAX];
	struct pkt pkt;

	build_packet(bytes, &good[5]);
	bytes[6] = IPPROTO_DSTOPTS;
	memset(bytes + 40, 0, 65495);
	for (size_t at = 40; at < 40 + 65488; at += 8)
		bytes[at] = IPPROTO_DSTOPTS;
	put_be16(bytes + 4, 65488);
	cr_assert_eq(parse(&pkt, bytes, 40 + 65488, false), REASON_HEADER);
}

static const struct build tcp4 = {.protocol = IPPROTO_TCP, FROM_TO(V4, 80, C4, 4000)};
static const struct build udp4 = {
	.protocol = IPPROTO_UDP, FROM_TO(V4, 53, C4, 4000), .ip_options = 7, .payload = 64};
static const struct build tcp6 = {.protocol = IPPROTO_TCP, FROM_TO(V6, 80, C6, 4000)};
static const struct build udp6 = {.protocol = IPPROTO_UDP,
				  FROM_TO(V6, 53, C6, 4000),
				  .ext = {IPPROTO_HOPOPTS, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS},
				  .ext_len = 3,
				  .payload = 64};
static const struct build echo4 = {
	.protocol = IPPROTO_ICMP, .saddr = V4, .daddr = C4, .type = 8, .payload = 64};
static const struct build sctp6 = {
	.protocol = IPPROTO_SCTP, FROM_TO(V6, 80, C6, 4000), .payload = 64};
static const struct build lite6 = {
	.protocol = IPPROTO_UDPLITE, .saddr = V6, .daddr = C6, .payload = 64};

/* An ICMP message of @type that carries @inner up to @transport bytes of its transport header. */
static const struct {
	const char *name;
	uint8_t type;
	const struct build *inner;
	uint16_t transport;
	struct {
		uint8_t at, value; /* in the packet inside */
	} change;
	bool error;
} messages[] = {
	{"unreachable", 3, &tcp4, 8, {0, 0x45}, true},
	{"unreachable, the whole packet", 3, &tcp4, 20, {0, 0x45}, true},
	{"source quench", 4, &tcp4, 8, {0, 0x45}, true},
	{"time exceeded, options", 11, &udp4, 8, {0, 0x4c}, true},
	{"parameter problem", 12, &udp4, 9, {0, 0x4c}, true},
	{"redirect", 5, &tcp4, 8, {0, 0x45}, false},
	{"echo", 8, &tcp4, 8, {0, 0x45}, false},
	{"echo reply", 0, &tcp4, 8, {0, 0x45}, false},
	{"timestamp", 13, &tcp4, 8, {0, 0x45}, false},
	{"7 bytes of TCP", 3, &tcp4, 7, {0, 0x45}, false},
	{"no byte of UDP", 3, &udp4, 0, {0, 0x4c}, false},
	{"about an echo", 3, &echo4, 8, {0, 0x45}, false},
	{"about IPv6", 3, &tcp6, 8, {0, 0x60}, false},
	{"about a header of 16", 3, &tcp4, 8, {0, 0x44}, false},
	{"about version 7", 3, &tcp4, 8, {0, 0x75}, false},
	{"about a first fragment", 11, &tcp4, 8, {6, 0x20}, true},
	{"about a later fragment", 11, &tcp4, 8, {7, 0x01}, false},
	{"about one that was longer", 3, &tcp4, 8, {2, 0xff}, true},
	{"about one that says it was shorter", 3, &tcp4, 8, {3, 0}, true},
	{"v6 unreachable", 1, &tcp6, 8, {0, 0x60}, true},
	{"v6 too big, extension headers", 2, &udp6, 8, {0, 0x60}, true},
	{"v6 time exceeded", 3, &udp6, 30, {0, 0x60}, true},
	{"v6 parameter problem", 4, &tcp6, 8, {0, 0x60}, true},
	{"v6 echo", 128, &tcp6, 8, {0, 0x60}, false},
	{"v6 neighbour", 135, &tcp6, 8, {0, 0x60}, false},
	{"v6 type 0", 0, &tcp6, 8, {0, 0x60}, false},
	{"v6 type 5", 5, &tcp6, 8, {0, 0x60}, false},
	{"v6, 7 bytes", 1, &udp6, 7, {0, 0x60}, false},
	{"v6 about SCTP", 1, &sctp6, 8, {0, 0x60}, true},
	{"v6 about SCTP, 7 bytes", 1, &sctp6, 7, {0, 0x60}, false},
	{"v6 about UDP-Lite", 1, &lite6, 8, {0, 0x60}, false},
	{"v6 about IPv4", 1, &tcp4, 8, {0, 0x45}, false},
	{"v6 about a first fragment", 3, &udp6, 8, {51, 0x01}, true},
	{"v6 about a later fragment", 3, &udp6, 8, {51, 0x08}, false},
};

Test(pkt, icmp_errors_show_what_they_are_about)
{
	static uint8_t bytes[BUILD_MAX], scratch[BUILD_MAX];

	for (size_t i = 0; i < LEN(messages); i++) {
		const struct build *inner = messages[i].inner;
		bool v6 = messages[i].name[0] == 'v';
		struct build build = {.protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				      .saddr = v6 ? C6 : C4,
				      .daddr = v6 ? V6 : V4,
				      .type = messages[i].type,
				      .inner = inner};
		size_t l4, inner_l4, len;
		struct pkt pkt;

		build_packet(scratch, inner);
		inner_l4 = packet_layout(scratch).l4;
		build.inner_len = (uint16_t)(inner_l4 + messages[i].transport);
		len = build_packet(bytes, &build);
		l4 = packet_layout(bytes).l4;
		bytes[l4 + 8 + messages[i].change.at] = messages[i].change.value;
		cr_assert_eq(parse(&pkt, bytes, len, false), REASON_NONE, "%s", messages[i].name);
		cr_assert_eq(pkt.icmp_error, messages[i].error, "%s", messages[i].name);
		cr_assert(!pkt.flow.sport && !pkt.flow.dport, "%s", messages[i].name);
		if (!pkt.icmp_error)
			continue;
		cr_assert_eq(pkt.inner_l3, l4 + 8, "%s", messages[i].name);
		cr_assert_eq(pkt.inner_l4, l4 + 8 + inner_l4, "%s", messages[i].name);
		cr_assert_eq(pkt.inner.protocol, inner->protocol, "%s", messages[i].name);
		cr_assert_eq(pkt.inner.sport, htons(inner->sport), "%s", messages[i].name);
		cr_assert_eq(pkt.inner.dport, htons(inner->dport), "%s", messages[i].name);
		cr_assert(packet_runs(bytes + l4 + 8, inner->saddr, inner->sport, inner->daddr,
				      inner->dport),
			  "%s", messages[i].name);
	}
}

/* Written by hand from the RFCs, so that an error in pkt_build.h cannot hide one in the parser. */
static const struct {
	const char *name, *hex;
	enum reason reason;
	uint8_t protocol;
	uint16_t sport, dport;
	uint32_t l4, len;
} literal[] = {
	{"TCP SYN with MSS and padding",
	 "4500002c 00010000 40060000 0a010002 0a010064"
	 "0fa00050 00000001 00000000 60021000 00000000 020405b4 0000",
	 REASON_NONE, IPPROTO_TCP, 4000, 80, 20, 44},
	{"UDP behind a router alert",
	 "46000023 00010000 40110000 0a010002 0a010064 94040000"
	 "00350fa1 000b0000 616263",
	 REASON_NONE, IPPROTO_UDP, 53, 4001, 24, 35},
	{"IPv6 UDP behind hop-by-hop and an atomic fragment",
	 "60000000 00190040 20010db8000000000000000000000001 20010db8000000000000000000000002"
	 "2c000104 00000000 11000000 00000001 00350fa1 00090000 61",
	 REASON_NONE, IPPROTO_UDP, 53, 4001, 56, 65},
	{"SCTP INIT",
	 "45000034 00010000 40840000 0a010002 0a010064"
	 "0fa00050 00000000 12345678 01000014 00000001 0000ffff 000a000a 00000007",
	 REASON_NONE, IPPROTO_SCTP, 4000, 80, 20, 52},
	{"SCTP without a chunk",
	 "45000020 00010000 40840000 0a010002 0a010064 0fa00050 00000000 00000000",
	 REASON_TRUNCATED, 0, 0, 0, 0, 0},
	{"ICMP port unreachable about a TCP packet",
	 "45000038 00010000 40010000 0a010002 0a010064 03030000 00000000"
	 "45000028 00010000 40060000 0a010064 0a010002 00500fa0 00000001",
	 REASON_NONE, IPPROTO_ICMP, 0, 0, 20, 56},
	{"only an IPv4 header", "45000014 00010000 40060000 0a010002 0a010064", REASON_TRUNCATED, 0,
	 0, 0, 0, 0},
	{"ARP", "0001080006040001", REASON_VERSION, 0, 0, 0, 0, 0},
};

Test(pkt, reads_literal_bytes)
{
	for (size_t i = 0; i < LEN(literal); i++) {
		uint8_t bytes[256];
		size_t len = from_hex(bytes, literal[i].hex);
		enum reason reason;
		struct pkt pkt;

		reason = parse(&pkt, bytes, len, false);
		cr_assert_eq(reason, literal[i].reason, "%s: %s", literal[i].name,
			     reason_name(reason));
		if (reason)
			continue;
		cr_assert_eq(pkt.flow.protocol, literal[i].protocol, "%s", literal[i].name);
		cr_assert_eq(pkt.flow.sport, htons(literal[i].sport), "%s", literal[i].name);
		cr_assert_eq(pkt.flow.dport, htons(literal[i].dport), "%s", literal[i].name);
		cr_assert_eq(pkt.l4, literal[i].l4, "%s", literal[i].name);
		cr_assert_eq(pkt.len, literal[i].len, "%s", literal[i].name);
	}
}

/* IPVS takes a COOKIE ECHO or COOKIE ACK for an ABORT if one is behind it. Chunks are padded to
 * four bytes. */
Test(pkt, an_abort_behind_a_cookie_is_seen)
{
	static const struct {
		const char *name, *chunks;
		uint8_t chunk;
		bool aborts;
	} rows[] = {
		{"COOKIE ECHO", "0a000008 11111111", CHUNK_COOKIE_ECHO, false},
		{"COOKIE ECHO, ABORT", "0a000008 11111111 06000004", CHUNK_COOKIE_ECHO, true},
		{"padded", "0a000007 111111ff 06000004", CHUNK_COOKIE_ECHO, true},
		{"padded by three", "0a000005 11ffffff 06000004", CHUNK_COOKIE_ECHO, true},
		{"COOKIE ACK, ABORT", "0b000004 06000004", CHUNK_COOKIE_ACK, true},
		{"COOKIE ACK, DATA", "0b000004 00000004", CHUNK_COOKIE_ACK, false},
		{"COOKIE ACK, DATA, ABORT", "0b000004 00000004 06000004", CHUNK_COOKIE_ACK, false},
		{"ABORT cut", "0b000004 060000", CHUNK_COOKIE_ACK, false},
		{"length 3", "0b000003 06000004", CHUNK_COOKIE_ACK, false},
		{"length 0", "0b000000 06000004", CHUNK_COOKIE_ACK, false},
		{"length beyond", "0b00ffff 06000004", CHUNK_COOKIE_ACK, false},
		{"SACK, ABORT", "03000004 06000004", CHUNK_SACK, false},
		{"ABORT", "06000004", CHUNK_ABORT, false},
		{"unknown", "ff000004", 0xff, false},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		uint8_t bytes[256];
		size_t len = from_hex(bytes, "45000000 00010000 40840000 0a010002 0a010064"
					     "0fa00050 00000001 00000000");
		struct pkt pkt;

		len += from_hex(bytes + len, rows[i].chunks);
		put_be16(bytes + 2, (uint32_t)len);
		cr_assert_eq(parse(&pkt, bytes, len, false), REASON_NONE, "%s", rows[i].name);
		cr_assert_eq(pkt.chunk, rows[i].chunk, "%s", rows[i].name);
		cr_assert_eq(pkt.chunk_abort, rows[i].aborts, "%s", rows[i].name);
	}
}
