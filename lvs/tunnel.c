// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tunnels: IPIP, GUE (version 0) and GRE, either family in either family, with outer fields as in
 * ip_vs_tunnel_xmit(). The one idea: the packet itself stays where it is, and only the block of
 * headers before it is written; whoever sends hands both to the kernel. The block is built from the
 * inside out, as each header covers what comes behind it. Workers call it for each packet to a TUN
 * server, and tunnel_decap_quote() for ICMP errors that routers send to the director.
 */
#define XXH_INLINE_ALL
#include "lvs/csum.h"
#include "lvs/pkt.h"
#include "lvs/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>
#include <xxhash.h>

#define PACKET_MAX 65535u /* of IPv4; of IPv6 behind its header */

#define GRE_CSUM 0x8000 /* RFC 2784: a checksum and two reserved bytes follow */
#define GRE_IP4	 0x0800
#define GRE_IP6	 0x86dd

#define GUE_VERSION_MASK 0xe0 /* version 0, no control message */
#define GUE_WORDS_MASK	 0x1f
#define GUE_PRIVATE	 0x0001	     /* of the flags: private flags follow */
#define GUE_REMCSUM	 0x80000000u /* of the private flags: a struct gue_remcsum follows */

#define QUOTED_L4 8u /* what RFC 792 promises of a transport header; holds the ports */

struct gre {
	__be16 flags, protocol;
};

struct gre_csum {
	__be16 check, reserved;
};

struct gue {
	uint8_t words; /* with version and control bit: 32-bit words that follow */
	uint8_t protocol;
	__be16 flags;
};

struct gue_remcsum {
	__be32 private_flags;
	__be16 start, check; /* from the inner IP header on */
};

/* The block is written downwards: @at is where it begins so far. */
struct block {
	uint8_t bytes[TUNNEL_HEAD_MAX];
	size_t at;
};

static uint8_t *push(struct block *block, const void *header, size_t len)
{
	block->at -= len;
	return memcpy(block->bytes + block->at, header, len);
}

static size_t block_len(const struct block *block)
{
	return TUNNEL_HEAD_MAX - block->at;
}

/* What was written so far and the packet behind it. Headers are multiples of four bytes, so only
 * the packet may end odd. */
static uint32_t block_sum(const struct block *block, uint32_t sum, const struct pkt *pkt)
{
	sum = csum_add_bytes(sum, block->bytes + block->at, block_len(block));
	return csum_add_bytes(sum, pkt->data, pkt->len);
}

static size_t ip_size(uint8_t af)
{
	return af == AF_INET6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
}

static uint8_t inner_protocol(const struct pkt *pkt)
{
	return pkt->flow.af == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

static bool leaves_sum(const struct tunnel *tunnel, bool csum_partial)
{
	return csum_partial && tunnel->type == TUNNEL_GUE && tunnel->flags & TUNNEL_REMCSUM;
}

size_t tunnel_overhead(const struct tunnel *tunnel, uint8_t af, bool csum_partial)
{
	size_t len = ip_size(af);

	switch ((enum tunnel_type)tunnel->type) {
	case TUNNEL_GUE:
		len += sizeof(struct udphdr) + sizeof(struct gue);
		if (leaves_sum(tunnel, csum_partial))
			len += sizeof(struct gue_remcsum);
		break;
	case TUNNEL_GRE:
		len += sizeof(struct gre);
		if (tunnel->flags & TUNNEL_CSUM)
			len += sizeof(struct gre_csum);
		break;
	case TUNNEL_IPIP:
	case TUNNEL_MAX:
		break;
	}
	return len;
}

/* As udp_flow_src_port(): packets of a flow stay together, flows spread over what routers and
 * network cards hash. An ICMP error has no ports and goes by its addresses. */
static __be16 source_port(const struct tunnel_out *out, const struct flow *flow)
{
	/* no padding: it is hashed */
	struct {
		union addr saddr, daddr;
		__be16 sport, dport;
		uint8_t af, protocol, zero[2];
	} key = {.saddr = flow->saddr,
		 .daddr = flow->daddr,
		 .sport = flow->sport,
		 .dport = flow->dport,
		 .af = flow->af,
		 .protocol = flow->protocol};
	uint32_t hash = (uint32_t)XXH3_64bits_withSeed(&key, sizeof(key), out->seed);
	uint32_t ports = (uint32_t)out->port_max - out->port_min + 1;

	return htons((uint16_t)(out->port_min + ((uint64_t)hash * ports >> 32)));
}

static void gue_push(struct block *block, const struct tunnel_out *out, const struct pkt *pkt)
{
	struct gue gue = {.protocol = inner_protocol(pkt)};
	struct gue_remcsum remcsum;
	struct udphdr udp;
	uint16_t len;

	if (leaves_sum(&out->tunnel, pkt->csum_partial)) {
		remcsum.private_flags = htonl(GUE_REMCSUM);
		remcsum.start = htons((uint16_t)pkt->l4);
		remcsum.check = htons((uint16_t)pkt_sum_offset(pkt));
		push(block, &remcsum, sizeof(remcsum));
		gue.words = sizeof(remcsum) / 4;
		gue.flags = htons(GUE_PRIVATE);
	}
	push(block, &gue, sizeof(gue));
	len = (uint16_t)(sizeof(udp) + block_len(block) + pkt->len);
	udp = (struct udphdr){.source = source_port(out, &pkt->flow),
			      .dest = out->tunnel.port,
			      .len = htons(len)};
	push(block, &udp, sizeof(udp));
	if (!(out->tunnel.flags & (TUNNEL_CSUM | TUNNEL_REMCSUM)))
		return;
	udp.check = csum_fold(block_sum(
		block, csum_pseudo(out->af, &out->saddr, &out->daddr, len, IPPROTO_UDP), pkt));
	if (!udp.check)
		udp.check = 0xffff; /* RFC 768: 0 would say that there is none */
	memcpy(block->bytes + block->at, &udp, sizeof(udp));
}

static void gre_push(struct block *block, const struct tunnel_out *out, const struct pkt *pkt)
{
	struct gre gre = {.protocol = htons(pkt->flow.af == AF_INET6 ? GRE_IP6 : GRE_IP4)};
	struct gre_csum csum = {0};
	uint8_t *at;

	if (!(out->tunnel.flags & TUNNEL_CSUM)) {
		push(block, &gre, sizeof(gre));
		return;
	}
	gre.flags = htons(GRE_CSUM);
	at = push(block, &csum, sizeof(csum));
	push(block, &gre, sizeof(gre));
	csum.check = csum_fold(block_sum(block, 0, pkt));
	memcpy(at, &csum, sizeof(csum));
}

/* TOS or traffic class of the packet. */
static uint8_t dsfield(const struct pkt *pkt)
{
	if (pkt->flow.af == AF_INET)
		return pkt->data[offsetof(struct iphdr, tos)];
	return (uint8_t)(pkt->data[0] << 4 | pkt->data[1] >> 4);
}

/* RFC 3168 9.1.1, full functionality: the outer header says "congested" only of its own way. */
static uint8_t dsfield_outer(const struct pkt *pkt)
{
	uint8_t field = dsfield(pkt);

	if ((field & IPTOS_ECN_MASK) != IPTOS_ECN_CE)
		return field;
	return (uint8_t)((field & ~IPTOS_ECN_MASK) | IPTOS_ECN_ECT0);
}

static void ip4_push(struct block *block, const struct tunnel_out *out, const struct pkt *pkt,
		     uint8_t protocol)
{
	struct iphdr ip = {
		.version = IPVERSION,
		.ihl = sizeof(ip) / 4,
		.tos = dsfield_outer(pkt),
		.tot_len = htons((uint16_t)(sizeof(ip) + block_len(block) + pkt->len)),
		.ttl = pkt_ttl(pkt),
		.protocol = protocol,
		.saddr = out->saddr.ip,
		.daddr = out->daddr.ip,
	};

	if (out->df && pkt->flow.af == AF_INET && pkt_whole(pkt))
		ip.frag_off = htons(IP_DF);
	ip.check = csum_fold(csum_add_bytes(0, &ip, sizeof(ip)));
	push(block, &ip, sizeof(ip));
}

static void ip6_push(struct block *block, const struct tunnel_out *out, const struct pkt *pkt,
		     uint8_t protocol)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28 | (uint32_t)dsfield_outer(pkt) << 20),
		.ip6_plen = htons((uint16_t)(block_len(block) + pkt->len)),
		.ip6_nxt = protocol,
		.ip6_hlim = pkt_ttl(pkt),
	};

	memcpy(&ip.ip6_src, out->saddr.bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, out->daddr.bytes, sizeof(ip.ip6_dst));
	push(block, &ip, sizeof(ip));
}

int tunnel_encap(const struct tunnel_out *out, struct pkt *pkt, uint8_t head[TUNNEL_HEAD_MAX])
{
	size_t overhead = tunnel_overhead(&out->tunnel, out->af, pkt->csum_partial);
	struct block block = {.at = TUNNEL_HEAD_MAX};
	uint8_t protocol = inner_protocol(pkt);

	if (pkt->gso)
		return -EINVAL;
	if (overhead + pkt->len > PACKET_MAX + (out->af == AF_INET6 ? ip_size(out->af) : 0))
		return -EMSGSIZE;
	if (!leaves_sum(&out->tunnel, pkt->csum_partial))
		pkt_sum(pkt);
	switch ((enum tunnel_type)out->tunnel.type) {
	case TUNNEL_GUE:
		gue_push(&block, out, pkt);
		protocol = IPPROTO_UDP;
		break;
	case TUNNEL_GRE:
		gre_push(&block, out, pkt);
		protocol = IPPROTO_GRE;
		break;
	case TUNNEL_IPIP:
	case TUNNEL_MAX:
		break;
	}
	if (out->af == AF_INET6)
		ip6_push(&block, out, pkt, protocol);
	else
		ip4_push(&block, out, pkt, protocol);
	memcpy(head, block.bytes + block.at, block_len(&block));
	return (int)block_len(&block);
}

/* What of a quote is not read yet. */
struct rest {
	const uint8_t *data;
	size_t at, len;
};

static bool take(struct rest *rest, void *header, size_t len)
{
	if (len > rest->len - rest->at)
		return false;
	memcpy(header, rest->data + rest->at, len);
	rest->at += len;
	return true;
}

/* The outer header. We send none with options or extension headers, and the first fragment is the
 * only one that tells anything. */
static bool outer_read(struct rest *rest, struct tunnel_quote *quote, uint8_t *protocol)
{
	struct ip6_hdr ip6;
	struct iphdr ip;

	if (!rest->len)
		return false;
	if (rest->data[0] >> 4 == 6) {
		if (!take(rest, &ip6, sizeof(ip6)))
			return false;
		quote->af = AF_INET6;
		memcpy(quote->saddr.bytes, &ip6.ip6_src, sizeof(ip6.ip6_src));
		memcpy(quote->daddr.bytes, &ip6.ip6_dst, sizeof(ip6.ip6_dst));
		*protocol = ip6.ip6_nxt;
		return true;
	}
	if (!take(rest, &ip, sizeof(ip)) || ip.version != IPVERSION || ip.ihl != sizeof(ip) / 4 ||
	    ip.frag_off & htons(IP_OFFMASK))
		return false;
	quote->af = AF_INET;
	quote->saddr.ip = ip.saddr;
	quote->daddr.ip = ip.daddr;
	*protocol = ip.protocol;
	return true;
}

/* Behind a fragment header, which IPv6 has where the director cut a tunnel packet. */
static bool fragment_skip(struct rest *rest, uint8_t *protocol)
{
	struct ip6_frag fragment;

	if (*protocol != IPPROTO_FRAGMENT)
		return true;
	if (!take(rest, &fragment, sizeof(fragment)) || fragment.ip6f_offlg & IP6F_OFF_MASK)
		return false;
	*protocol = fragment.ip6f_nxt;
	return true;
}

/* Returns the family of what is inside, 0 if the quote ends before, or -EPROTO. */
static int gue_read(struct rest *rest, struct tunnel_quote *quote)
{
	struct gue_remcsum remcsum;
	struct udphdr udp;
	struct gue gue;

	if (!take(rest, &udp, sizeof(udp)))
		return -EPROTO;
	quote->tunnel = (struct tunnel){.type = TUNNEL_GUE, .port = udp.dest};
	if (udp.check)
		quote->tunnel.flags = TUNNEL_CSUM;
	if (!take(rest, &gue, sizeof(gue)))
		return 0;
	if (gue.words & GUE_VERSION_MASK || gue.flags & ~htons(GUE_PRIVATE))
		return -EPROTO;
	if (gue.flags) {
		if ((gue.words & GUE_WORDS_MASK) != sizeof(remcsum) / 4)
			return -EPROTO;
		quote->tunnel.flags = TUNNEL_REMCSUM;
		if (!take(rest, &remcsum, sizeof(remcsum)))
			return 0;
	} else if (gue.words) {
		return -EPROTO;
	}
	switch (gue.protocol) {
	case IPPROTO_IPIP:
		return AF_INET;
	case IPPROTO_IPV6:
		return AF_INET6;
	}
	return -EPROTO;
}

static int gre_read(struct rest *rest, struct tunnel_quote *quote)
{
	struct gre_csum csum;
	struct gre gre;

	if (!take(rest, &gre, sizeof(gre)))
		return -EPROTO;
	quote->tunnel = (struct tunnel){.type = TUNNEL_GRE};
	if (gre.flags & ~htons(GRE_CSUM))
		return -EPROTO;
	if (gre.flags) {
		quote->tunnel.flags = TUNNEL_CSUM;
		if (!take(rest, &csum, sizeof(csum)))
			return 0;
	}
	switch (ntohs(gre.protocol)) {
	case GRE_IP4:
		return AF_INET;
	case GRE_IP6:
		return AF_INET6;
	}
	return -EPROTO;
}

static int tunnel_read(struct rest *rest, struct tunnel_quote *quote, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_UDP:
		return gue_read(rest, quote);
	case IPPROTO_GRE:
		return gre_read(rest, quote);
	case IPPROTO_IPIP:
		return AF_INET;
	case IPPROTO_IPV6:
		return AF_INET6;
	}
	return -EPROTO;
}

/* Is there an IP header of @af and what RFC 792 promises behind it? */
static bool inner_enough(const struct rest *rest, uint8_t af)
{
	const uint8_t *inner = rest->data + rest->at;
	size_t left = rest->len - rest->at, head = sizeof(struct ip6_hdr);

	if (!left || inner[0] >> 4 != (af == AF_INET6 ? 6 : 4))
		return false;
	if (af == AF_INET)
		head = (inner[0] & 0xfu) * 4;
	return head >= ip_size(af) && left >= head + QUOTED_L4;
}

int tunnel_decap_quote(const uint8_t *quote, size_t len, struct tunnel_quote *out)
{
	struct rest rest = {.data = quote, .len = len};
	struct tunnel_quote found = {0};
	uint8_t protocol;
	int af;

	if (!outer_read(&rest, &found, &protocol) || !fragment_skip(&rest, &protocol))
		return -EPROTO;
	af = tunnel_read(&rest, &found, protocol);
	if (af < 0)
		return af;
	found.inner_af = (uint8_t)af;
	if (af && inner_enough(&rest, found.inner_af))
		found.inner = rest.at;
	*out = found;
	return 0;
}
