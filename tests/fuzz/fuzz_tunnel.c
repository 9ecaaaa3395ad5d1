// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes, for libFuzzer, as a packet that goes into a tunnel, comes back in a quote, is cut into
 * fragments, or gets an ICMP error as its answer. Whatever comes: no byte outside is touched
 * (AddressSanitizer sees to it), what went in is what is found, and fragments are no larger than
 * they may be. The first four bytes say how.
 */
#include "lvs/fragment.h"
#include "lvs/icmp.h"
#include "lvs/tunnel.h"
#include "tests/unit/pkt_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define check(what)              \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

static void quote_any(const uint8_t *bytes, size_t len)
{
	struct tunnel_quote quote;

	if (tunnel_decap_quote(bytes, len, &quote))
		return;
	check(quote.af == AF_INET || quote.af == AF_INET6);
	check(quote.tunnel.type < TUNNEL_MAX);
	check(!quote.inner || (quote.inner + 28 <= len &&
			       bytes[quote.inner] >> 4 == (quote.inner_af == AF_INET6 ? 6 : 4)));
}

static void error_any(const uint8_t *bytes, size_t len, uint8_t type, uint8_t code)
{
	uint8_t *buf = malloc(ICMP_ERROR_MAX);
	size_t size = icmp_error_build(buf, bytes, len, type, code, 1400);
	struct layout at;

	if (size) {
		at = packet_layout(buf);
		check(size <= ICMP_ERROR_MAX && at.end == size && (at.v6 || size <= 576));
		check(sum_words(sum_pseudo(buf, &at), buf + at.l4, size - at.l4) == 0xffff);
		/* An error about an error could go on for ever. */
		buf[at.l4] = at.v6 ? 1 : 3;
		check(!icmp_error_build(buf, buf, size, type, code, 0));
	}
	free(buf);
}

static void cut_any(uint8_t *bytes, size_t len, size_t first, uint32_t mtu)
{
	const struct iovec parts[] = {
		{bytes, first < len ? first : len},
		{bytes + (first < len ? first : len), first < len ? len - first : 0}};
	struct fragments f;
	size_t size, total = 0;
	uint8_t *buf;

	if (fragment_start(&f, parts, 2, mtu, 7))
		return;
	buf = malloc(mtu);
	while ((size = fragment_next(&f, buf))) {
		check(size <= mtu);
		total += size;
	}
	check(total >= len);
	free(buf);
}

/* What can be parsed can be sent, and its quote leads back to it. */
static void encap_any(uint8_t *bytes, size_t len, const uint8_t *how)
{
	struct tunnel_out out = {
		.tunnel = {.type = how[0] % TUNNEL_MAX},
		.af = how[1] & 1 ? AF_INET6 : AF_INET,
		.df = how[1] & 2,
		.port_min = 1024,
		.port_max = 2047,
	};
	struct pkt pkt = {.data = bytes, .len = (uint32_t)len, .csum_partial = how[1] & 4};
	struct tunnel_quote quote;
	uint8_t *whole, *head;
	int size;

	out.tunnel.flags = out.tunnel.type == TUNNEL_IPIP  ? 0
			   : out.tunnel.type == TUNNEL_GRE ? how[1] >> 3 & TUNNEL_CSUM
							   : how[1] >> 3 & 3;
	out.tunnel.port = out.tunnel.type == TUNNEL_GUE ? htons(6080) : 0;
	if (pkt_parse(&pkt))
		return;
	head = malloc(TUNNEL_HEAD_MAX);
	size = tunnel_encap(&out, &pkt, head);
	if (size > 0) {
		whole = malloc((size_t)size + pkt.len);
		memcpy(whole, head, (size_t)size);
		memcpy(whole + size, pkt.data, pkt.len);
		check(!tunnel_decap_quote(whole, (size_t)size + pkt.len, &quote));
		check(quote.tunnel.type == out.tunnel.type &&
		      quote.tunnel.port == out.tunnel.port && quote.af == out.af);
		check(quote.inner == (size_t)size && quote.inner_af == pkt.flow.af);
		free(whole);
	}
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t *packet;

	if (len < 5)
		return 0;
	packet = malloc(len - 4);
	memcpy(packet, bytes + 4, len - 4);
	quote_any(packet, len - 4);
	error_any(packet, len - 4, bytes[0], bytes[1]);
	cut_any(packet, len - 4, bytes[2], 40u + bytes[3]);
	encap_any(packet, len - 4, bytes);
	free(packet);
	return 0;
}
