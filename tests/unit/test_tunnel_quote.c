// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/tunnel.c: what is known from the head of a tunnel packet that an ICMP error quotes, wherever
 * it is cut. */
#include "tests/unit/tunnel_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The head of what was sent, cut after each byte: what is said must be right, and everything must
 * be said as soon as it is there. Each quote ends where its memory ends. */
static void quote_check(const uint8_t *whole, size_t len, const struct tunnel_out *out,
			const struct build *inner, size_t head, const char *name)
{
	uint8_t inner_af = build_af(inner->saddr);
	size_t ip = out->af == AF_INET6 ? 40 : 20;
	size_t known = ip + (out->tunnel.type == TUNNEL_GUE   ? 8
			     : out->tunnel.type == TUNNEL_GRE ? 4
							      : 0);
	size_t enough = head + (inner_af == AF_INET6 ? 40 : 20 + 4u * inner->ip_options) + 8;

	for (size_t cut = 0; cut <= len && cut <= enough + 20; cut++) {
		uint8_t *quote = malloc(cut ? cut : 1);
		struct tunnel_quote got = {.inner = 4711};
		int err;

		memcpy(quote, whole, cut);
		err = tunnel_decap_quote(quote, cut, &got);
		free(quote);
		if (cut < known) {
			cr_expect(err == -EPROTO && got.inner == 4711, "%s, %zu bytes: %d", name,
				  cut, err);
			continue;
		}
		cr_assert(err == 0, "%s, %zu bytes: %d", name, cut, err);
		cr_expect(got.af == out->af && addr_equal(&got.saddr, &out->saddr) &&
				  addr_equal(&got.daddr, &out->daddr),
			  "%s, %zu bytes: outer header", name, cut);
		cr_expect(got.tunnel.type == out->tunnel.type &&
				  got.tunnel.port == out->tunnel.port,
			  "%s, %zu bytes: tunnel", name, cut);
		cr_expect(got.inner == (cut >= enough ? head : 0), "%s, %zu bytes: inner at %zu",
			  name, cut, got.inner);
		cr_expect(!got.inner || got.inner_af == inner_af, "%s: inner family", name);
	}
}

static void own_quote_check(const struct tunnel_out *out, struct pkt *pkt,
			    const struct build *inner, unsigned int kind)
{
	static uint8_t whole[BUILD_MAX];
	size_t head = tunnel_overhead(&out->tunnel, out->af, pkt->csum_partial);
	size_t len = encap(whole, out, pkt);

	quote_check(whole, len, out, inner, head, kinds[kind].name);
}

Test(tunnel_quote, reads_its_own_quote)
{
	each_way(own_quote_check);
}

/* Behind the outer header and the inner one, enough zeros. */
Test(tunnel_quote, takes_no_other_packet_for_a_tunnel)
{
#define OUTER(flags, protocol) "4500003c 0000" flags " 40" protocol "0000 " FROM4
#define INNER		       " 4500001c 00000000 40110000 0a010002 0a010064 0fa00035 00080000"
	static const struct {
		const char *name;
		const char *quote;
		int err;
		size_t inner;
	} rows[] = {
		{"ipip", OUTER("4000", "04") INNER, 0, 20},
		{"first fragment", OUTER("2000", "04") INNER, 0, 20},
		{"second fragment", OUTER("0001", "04") INNER, -EPROTO, 0},
		{"TCP", OUTER("4000", "06") INNER, -EPROTO, 0},
		{"options outside", "4600003c 00000000 40040000 " FROM4 "01010100" INNER, -EPROTO,
		 0},
		{"version 5", "5500003c 00000000 40040000 " FROM4 INNER, -EPROTO, 0},
		{"inner version 5", OUTER("4000", "04") " 55" INNER, 0, 0},
		{"IPv6 in IPIP", OUTER("4000", "29") INNER, 0, 0},
		{"inner header of 16 bytes", OUTER("4000", "04") "44000000 00000000" INNER, 0, 0},
		{"gre", OUTER("4000", "2f") "00000800" INNER, 0, 24},
		{"gre with key", OUTER("4000", "2f") "20000800 00000007" INNER, -EPROTO, 0},
		{"gre version 1", OUTER("4000", "2f") "00010800" INNER, -EPROTO, 0},
		{"gre of Ethernet", OUTER("4000", "2f") "00006558" INNER, -EPROTO, 0},
		{"gue", OUTER("4000", "11") "abcd17c0 00280000 00040000" INNER, 0, 32},
		{"gue version 1", OUTER("4000", "11") "abcd17c0 00280000 40040000" INNER, -EPROTO,
		 0},
		{"gue control", OUTER("4000", "11") "abcd17c0 00280000 20040000" INNER, -EPROTO, 0},
		{"gue of TCP", OUTER("4000", "11") "abcd17c0 00280000 00060000" INNER, -EPROTO, 0},
		{"gue with other fields",
		 OUTER("4000", "11") "abcd17c0 00280000 01040000 00000000" INNER, -EPROTO, 0},
		{"gue with other flags", OUTER("4000", "11") "abcd17c0 00280000 00044000" INNER,
		 -EPROTO, 0},
		{"fragment of IPv6", "60000000 00242c40 " FROM6 "04000001 00000007" INNER, 0, 48},
		{"later fragment of IPv6", "60000000 00242c40 " FROM6 "04000009 00000007" INNER,
		 -EPROTO, 0},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct tunnel_quote got = {0};
		const char *hex = rows[i].quote;
		unsigned int byte;
		uint8_t *quote = malloc(200);
		size_t len = 0;
		int used, err;

		for (; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
			quote[len++] = (uint8_t)byte;
		quote = realloc(quote, len);
		err = tunnel_decap_quote(quote, len, &got);
		free(quote);
		cr_expect(err == rows[i].err, "%s: %d", rows[i].name, err);
		cr_expect(got.inner == rows[i].inner, "%s: %zu", rows[i].name, got.inner);
	}
}
