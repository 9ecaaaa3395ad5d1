// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NAT (masquerading): requests get the real server's address and port as destination, replies the
 * virtual ones as source, and ICMP errors about either are translated on the outside and in the
 * packet that they carry. Checksums are updated incrementally, so a packet that was corrupt stays
 * so; only where the kernel left the sum to the network card (CHECKSUM_PARTIAL) it is made here,
 * because a packet that comes back with a verdict counts as summed. A GSO packet is summed anew by
 * the kernel when it is cut. TTL and MTU are the kernel's business: it forwards the packet
 * afterwards. Workers, under RCU.
 */
#include "lvs/csum.h"
#include "lvs/forward.h"

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

/* One address and port to be replaced: the source or the destination of a header. */
struct rewrite {
	bool source;
	union addr from, to;
	__be16 from_port, to_port;
};

static const struct verdict mangled = {.action = VERDICT_ACCEPT, .mangled = true};

/* A header field that may lie at any address. */
static __be16 get16(const uint8_t *at)
{
	__be16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void put16(uint8_t *at, __be16 value)
{
	memcpy(at, &value, sizeof(value));
}

/* Writes the address into the IP header at @l3; an IPv4 header's checksum follows. */
static void ip_rewrite(uint8_t *l3, uint8_t af, const struct rewrite *rw)
{
	uint8_t *check = l3 + offsetof(struct iphdr, check);
	size_t at;

	if (af == AF_INET6) {
		at = rw->source ? offsetof(struct ip6_hdr, ip6_src)
				: offsetof(struct ip6_hdr, ip6_dst);
		memcpy(l3 + at, rw->to.ip6, sizeof(rw->to.ip6));
		return;
	}
	at = rw->source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr);
	memcpy(l3 + at, &rw->to.ip, sizeof(rw->to.ip));
	put16(check, csum_replace32(get16(check), rw->from.ip, rw->to.ip));
}

/* TCP and UDP begin with the two ports. */
static void port_rewrite(uint8_t *l4, const struct rewrite *rw)
{
	put16(l4 + (rw->source ? 0 : 2), rw->to_port);
}

static size_t check_offset(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check)
				       : offsetof(struct udphdr, check);
}

/* The checksum of a whole transport segment, its field being part of it. */
static void l4_sum(struct pkt *pkt, const struct flow *flow, uint8_t *check)
{
	uint32_t len = pkt->len - pkt->l4;
	__be16 sum;

	put16(check, 0);
	sum = csum_fold(csum_add_bytes(
		csum_pseudo(flow->af, &flow->saddr, &flow->daddr, len, flow->protocol),
		pkt->data + pkt->l4, len));
	if (flow->protocol == IPPROTO_UDP && !sum)
		sum = 0xffff; /* RFC 768: 0 would say that there is none */
	put16(check, sum);
}

static void l4_update(const struct pkt *pkt, const struct rewrite *rw, uint8_t *check)
{
	bool udp = pkt->flow.protocol == IPPROTO_UDP;
	__be16 sum = get16(check);

	if (udp && !sum)
		return; /* RFC 768: the sender made none */
	sum = csum_replace_addr(sum, pkt->flow.af, &rw->from, &rw->to);
	sum = csum_replace16(sum, rw->from_port, rw->to_port);
	put16(check, udp && !sum ? 0xffff : sum);
}

static void pkt_rewrite(struct pkt *pkt, const struct rewrite *rw)
{
	uint8_t *l4 = pkt->data + pkt->l4;
	uint8_t *check = l4 + check_offset(pkt->flow.protocol);
	struct flow flow = pkt->flow;

	ip_rewrite(pkt->data, flow.af, rw);
	port_rewrite(l4, rw);
	*(rw->source ? &flow.saddr : &flow.daddr) = rw->to;
	if (pkt->gso)
		return;
	if (pkt->csum_partial)
		l4_sum(pkt, &flow, check);
	else
		l4_update(pkt, rw, check);
}

static struct verdict nat_xmit(const struct conn *conn, struct pkt *pkt)
{
	struct rewrite rw;

	if (pkt->dir == PKT_IN)
		rw = (struct rewrite){.source = false,
				      .from = pkt->flow.daddr,
				      .to = conn->dest->addr,
				      .from_port = pkt->flow.dport,
				      .to_port = conn->dport};
	else
		rw = (struct rewrite){.source = true,
				      .from = pkt->flow.saddr,
				      .to = conn->vaddr,
				      .from_port = pkt->flow.sport,
				      .to_port = conn->vport};
	pkt_rewrite(pkt, &rw);
	return mangled;
}

/* The outer checksum of an ICMP error, when the bytes that changed are known by their old and new
 * values. An IPv4 header sums to the same before and after (its own checksum makes up for the
 * address), so there only the port counts; ICMPv6 also covers the pseudo-header, RFC 4443. */
static __be16 icmp_update(__be16 sum, uint8_t af, const struct rewrite *outer,
			  const struct rewrite *inner)
{
	if (af == AF_INET6) {
		sum = csum_replace_addr(sum, af, &outer->from, &outer->to);
		sum = csum_replace_addr(sum, af, &inner->from, &inner->to);
	}
	return csum_replace16(sum, inner->from_port, inner->to_port);
}

static void icmp_sum(struct pkt *pkt, const struct rewrite *outer, uint8_t *check)
{
	uint32_t len = pkt->len - pkt->l4, sum = 0;
	struct flow flow = pkt->flow;

	put16(check, 0);
	*(outer->source ? &flow.saddr : &flow.daddr) = outer->to;
	if (flow.af == AF_INET6)
		sum = csum_pseudo(flow.af, &flow.saddr, &flow.daddr, len, IPPROTO_ICMPV6);
	put16(check, csum_fold(csum_add_bytes(sum, pkt->data + pkt->l4, len)));
}

/*
 * Towards the server the error is about one of its replies, so the packet inside had the virtual
 * address as source; towards the client it is about one of the client's packets, sent on to the
 * server. As in ip_vs_nat_icmp() the transport checksum inside is left: only its first eight bytes
 * are sure to be there, and receivers do not check it.
 */
static struct verdict nat_xmit_icmp(const struct conn *conn, struct pkt *pkt)
{
	uint8_t *check = pkt->data + pkt->l4 + offsetof(struct icmphdr, checksum);
	struct rewrite outer, inner;
	__be16 sum = get16(check);

	if (pkt->dir == PKT_IN) {
		outer = (struct rewrite){false, pkt->flow.daddr, conn->dest->addr, 0, 0};
		inner = (struct rewrite){true, pkt->inner.saddr, conn->dest->addr, pkt->inner.sport,
					 conn->dport};
	} else {
		outer = (struct rewrite){true, pkt->flow.saddr, conn->vaddr, 0, 0};
		inner = (struct rewrite){false, pkt->inner.daddr, conn->vaddr, pkt->inner.dport,
					 conn->vport};
	}
	ip_rewrite(pkt->data, pkt->flow.af, &outer);
	ip_rewrite(pkt->data + pkt->inner_l3, pkt->inner.af, &inner);
	port_rewrite(pkt->data + pkt->inner_l4, &inner);
	if (pkt->csum_partial)
		icmp_sum(pkt, &outer, check);
	else
		put16(check, icmp_update(sum, pkt->flow.af, &outer, &inner));
	return mangled;
}

const struct forward forward_nat = {
	.method = FORWARD_NAT,
	.xmit = nat_xmit,
	.xmit_icmp = nat_xmit_icmp,
};
