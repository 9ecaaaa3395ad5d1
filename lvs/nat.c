// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses and ports are replaced where they lie, and each checksum that covers them follows from
 * the old and the new value alone. What the forwarding methods that translate (fwd_nat.c,
 * fwd_fullnat.c) share. Workers, under RCU.
 */
#include "lvs/nat.h"
#include "lvs/crc32c.h"
#include "lvs/csum.h"

#include <endian.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

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
static void ip_rewrite(uint8_t *l3, uint8_t af, enum nat_end end, const union addr *from,
		       const union addr *to)
{
	uint8_t *check = l3 + offsetof(struct iphdr, check);
	bool source = end == NAT_SOURCE;
	size_t at;

	if (af == AF_INET6) {
		at = source ? offsetof(struct ip6_hdr, ip6_src) : offsetof(struct ip6_hdr, ip6_dst);
		memcpy(l3 + at, to->ip6, sizeof(to->ip6));
		return;
	}
	at = source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr);
	memcpy(l3 + at, &to->ip, sizeof(to->ip));
	put16(check, csum_replace32(get16(check), from->ip, to->ip));
}

/* TCP, UDP and SCTP begin with the two ports. */
static void port_rewrite(uint8_t *l4, enum nat_end end, __be16 port)
{
	put16(l4 + (end == NAT_SOURCE ? 0 : 2), port);
}

/* SCTP's checksum covers its own packet only, so addresses do not count. It is a remainder: that of
 * a sum is the sum of both, so what has changed is added as a packet of its own. */
static void sctp_update(struct pkt *pkt, enum nat_end end, __be16 from, __be16 to)
{
	uint8_t *check = pkt->data + pkt_sum_offset(pkt);
	const __be16 change[2] = {
		[NAT_SOURCE] = end == NAT_SOURCE ? from ^ to : 0,
		[NAT_DESTINATION] = end == NAT_DESTINATION ? from ^ to : 0,
	};
	uint32_t behind = pkt->len - pkt->l4 - (uint32_t)sizeof(change), field;

	memcpy(&field, check, sizeof(field));
	field ^= htole32(crc32c_add_zeros(crc32c_add(0, change, sizeof(change)), (uint16_t)behind));
	memcpy(check, &field, sizeof(field));
}

/* The checksum of a TCP or UDP packet, of whose one end these have changed. */
static void internet_update(struct pkt *pkt, const union addr *from, const union addr *to,
			    __be16 from_port, __be16 to_port)
{
	uint8_t *check = pkt->data + pkt_sum_offset(pkt);
	bool udp = pkt->flow.protocol == IPPROTO_UDP;
	__be16 sum = get16(check);

	/* RFC 768: 0 says that the sender made none, and 0xffff is the same sum. */
	if (udp && !sum)
		return;
	sum = csum_replace_addr(sum, pkt->flow.af, from, to);
	sum = csum_replace16(sum, from_port, to_port);
	put16(check, udp && !sum ? 0xffff : sum);
}

void nat_rewrite(struct pkt *pkt, enum nat_end end, const union addr *addr, __be16 port)
{
	union addr *old = end == NAT_SOURCE ? &pkt->flow.saddr : &pkt->flow.daddr;
	__be16 *old_port = end == NAT_SOURCE ? &pkt->flow.sport : &pkt->flow.dport;

	ip_rewrite(pkt->data, pkt->flow.af, end, old, addr);
	port_rewrite(pkt->data + pkt->l4, end, port);
	if (!pkt->gso && !pkt->csum_partial) {
		if (pkt->flow.protocol == IPPROTO_SCTP)
			sctp_update(pkt, end, *old_port, port);
		else
			internet_update(pkt, old, addr, *old_port, port);
	}
	*old = *addr;
	*old_port = port;
	pkt_sum(pkt);
}

/* The checksum of an ICMP error, when the bytes that changed are known by their old and new values.
 * An IPv4 header sums to the same before and after (its own checksum makes up for the address), so
 * there only the port counts; ICMPv6 also covers the pseudo-header, RFC 4443. */
struct change {
	const union addr *from, *to;
};

static __be16 icmp_update(__be16 sum, uint8_t af, struct change outer, struct change inner,
			  __be16 from_port, __be16 to_port)
{
	if (af == AF_INET6) {
		sum = csum_replace_addr(sum, af, outer.from, outer.to);
		sum = csum_replace_addr(sum, af, inner.from, inner.to);
	}
	return csum_replace16(sum, from_port, to_port);
}

void nat_rewrite_error(struct pkt *pkt, enum nat_end outer, const union addr *outer_addr,
		       enum nat_end inner, const union addr *inner_addr, __be16 inner_port)
{
	union addr *old = outer == NAT_SOURCE ? &pkt->flow.saddr : &pkt->flow.daddr;
	union addr *inner_old = inner == NAT_SOURCE ? &pkt->inner.saddr : &pkt->inner.daddr;
	__be16 *old_port = inner == NAT_SOURCE ? &pkt->inner.sport : &pkt->inner.dport;
	uint8_t *check = pkt->data + pkt->l4 + offsetof(struct icmphdr, checksum);

	ip_rewrite(pkt->data, pkt->flow.af, outer, old, outer_addr);
	ip_rewrite(pkt->data + pkt->inner_l3, pkt->inner.af, inner, inner_old, inner_addr);
	port_rewrite(pkt->data + pkt->inner_l4, inner, inner_port);
	if (!pkt->csum_partial)
		put16(check,
		      icmp_update(get16(check), pkt->flow.af, (struct change){old, outer_addr},
				  (struct change){inner_old, inner_addr}, *old_port, inner_port));
	*old = *outer_addr;
	*inner_old = *inner_addr;
	*old_port = inner_port;
	pkt_sum(pkt);
}
