/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_TUNNEL_BUILD_H
#define TESTS_TUNNEL_BUILD_H

/* Every kind of tunnel, what may be in it, and between whom it is. */

#include "lvs/tunnel.h"
#include "tests/unit/pkt_build.h"

#include <criterion/criterion.h>

#define C4 "10.1.0.2"
#define V4 "10.1.0.100"
#define C6 "fd00:1::2"
#define V6 "fd00:1::100"
#define D4 "10.2.0.1" /* the director's and the real server's end */
#define R4 "10.2.0.11"
#define D6 "fd00:2::1"
#define R6 "fd00:2::11"

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

#define GUE_PORT 6080

static const struct {
	const char *name;
	uint8_t type, flags;
	size_t bytes; /* between the two IP headers */
} kinds[] = {
	{"ipip", TUNNEL_IPIP, 0, 0},
	{"gue", TUNNEL_GUE, 0, 12},
	{"gue csum", TUNNEL_GUE, TUNNEL_CSUM, 12},
	{"gue remcsum", TUNNEL_GUE, TUNNEL_REMCSUM, 12},
	{"gre", TUNNEL_GRE, 0, 4},
	{"gre csum", TUNNEL_GRE, TUNNEL_CSUM, 8},
};

static const struct build inners[] = {
	{.protocol = IPPROTO_TCP, FROM_TO(C4, 4000, V4, 80), .flags = PKT_SYN, .tcp_options = 5},
	{.protocol = IPPROTO_TCP, FROM_TO(C4, 4000, V4, 80), .ip_options = 3, .payload = 1401},
	{.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53), .payload = 33},
	{.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53), .no_sum = true},
	{.protocol = IPPROTO_ICMP, .saddr = C4, .daddr = V4, .type = 8, .payload = 7},
	{.protocol = IPPROTO_TCP, FROM_TO(C6, 4000, V6, 80), .flags = PKT_SYN, .payload = 5},
	{.protocol = IPPROTO_UDP,
	 FROM_TO(C6, 4000, V6, 53),
	 .ext = {IPPROTO_DSTOPTS},
	 .ext_len = 1,
	 .payload = 1200},
	{.protocol = IPPROTO_ICMPV6, .saddr = C6, .daddr = V6, .type = 128},
	{.protocol = IPPROTO_TCP, FROM_TO(C4, 4000, V4, 80), .payload = 9, .partial = true},
	{.protocol = IPPROTO_UDP, FROM_TO(C4, 4000, V4, 53), .payload = 10, .partial = true},
	{.protocol = IPPROTO_TCP, FROM_TO(C6, 4000, V6, 80), .payload = 100, .partial = true},
	{.protocol = IPPROTO_UDP,
	 FROM_TO(C6, 4000, V6, 53),
	 .ext = {IPPROTO_HOPOPTS},
	 .ext_len = 1,
	 .payload = 11,
	 .partial = true},
};

static inline struct tunnel_out out_to(uint8_t type, uint8_t flags, uint8_t af)
{
	return (struct tunnel_out){
		.tunnel = {.type = type,
			   .flags = flags,
			   .port = type == TUNNEL_GUE ? htons(GUE_PORT) : 0},
		.af = af,
		.saddr = build_addr(af == AF_INET6 ? D6 : D4),
		.daddr = build_addr(af == AF_INET6 ? R6 : R4),
		.df = true,
		.port_min = 32768,
		.port_max = 60999,
		.seed = 7,
	};
}

static inline struct pkt parsed(uint8_t *bytes, const struct build *b)
{
	struct pkt pkt = {.data = bytes, .csum_partial = b->partial};

	pkt.len = (uint32_t)build_packet(bytes, b);
	cr_assert(pkt_parse(&pkt) == REASON_NONE);
	return pkt;
}

/* The whole packet as it leaves: header block and inner packet. */
static inline size_t encap(uint8_t *whole, const struct tunnel_out *out, struct pkt *pkt)
{
	uint8_t head[TUNNEL_HEAD_MAX];
	int len = tunnel_encap(out, pkt, head);

	cr_assert(len > 0);
	memcpy(whole, head, (size_t)len);
	memcpy(whole + len, pkt->data, pkt->len);
	return (size_t)len + pkt->len;
}

#define FROM4 "0a020001 0a02000b "
#define FROM6                                  \
	"fd000002 00000000 00000000 00000001 " \
	"fd000002 00000000 00000000 00000011 "

/* Calls @check for every kind of tunnel, outer family and inner packet. */
static inline void each_way(void (*check)(const struct tunnel_out *out, struct pkt *pkt,
					  const struct build *inner, unsigned int kind))
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	static uint8_t bytes[BUILD_MAX];

	for (unsigned int k = 0; k < LEN(kinds); k++) {
		for (size_t i = 0; i < LEN(inners); i++) {
			for (size_t f = 0; f < LEN(families); f++) {
				struct tunnel_out out =
					out_to(kinds[k].type, kinds[k].flags, families[f]);
				struct pkt pkt = parsed(bytes, &inners[i]);

				check(&out, &pkt, &inners[i], k);
			}
		}
	}
}

#endif
