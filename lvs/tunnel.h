/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_TUNNEL_H
#define LVS_TUNNEL_H

#include "lvs/addr.h"

struct pkt;

/*
 * Tunnels to real servers: the header block that goes before a packet, and the way back from the
 * ICMP error that a router sends about such a packet. Pure; any thread.
 */

/* As IP_VS_CONN_F_TUNNEL_TYPE_*. */
enum tunnel_type {
	TUNNEL_IPIP,
	TUNNEL_GUE,
	TUNNEL_GRE,
	TUNNEL_MAX
};

/* As IP_VS_TUNNEL_ENCAP_FLAG_*; neither: no checksum. */
#define TUNNEL_CSUM    1u /* gue: of UDP; gre: its own */
#define TUNNEL_REMCSUM 2u /* gue: the receiver makes the packet's own checksum, where it is due */

struct tunnel {
	uint8_t type;  /* enum tunnel_type */
	uint8_t flags; /* TUNNEL_CSUM or TUNNEL_REMCSUM */
	__be16 port;   /* gue: UDP destination port; else 0 */
};

/* Outer IPv6, UDP, GUE with its private field. */
#define TUNNEL_HEAD_MAX (40u + 8 + 12)

/* What tunnel_encap() needs to know beside the packet. */
struct tunnel_out {
	struct tunnel tunnel;
	uint8_t af; /* of the outer header */
	union addr saddr, daddr;
	bool df;		     /* an outer IPv4 header takes DF over from an inner one */
	uint16_t port_min, port_max; /* of GUE's source port, host order: the local port range */
	uint32_t seed;		     /* of the hash that chooses the source port */
};

/*
 * Bytes that go before a packet, the outer IP header of @af included: what IPVS subtracts from the
 * MTU of the way to the server. @csum_partial: as in struct pkt; remcsum costs 8 bytes only then.
 */
size_t tunnel_overhead(const struct tunnel *tunnel, uint8_t af, bool csum_partial);

/*
 * Writes what goes before the parsed packet @pkt, whose TTL was decremented already, into @head and
 * returns its length. If the packet's own checksum is due (csum_partial) it is made in place, or
 * left to the receiver by remcsum. The IPv4 identification is 0: a raw socket fills it in, and sums
 * the header anew. -EINVAL: a super-packet; -EMSGSIZE: longer than an IP packet can be; then
 * nothing is changed.
 */
int tunnel_encap(const struct tunnel_out *out, struct pkt *pkt, uint8_t head[TUNNEL_HEAD_MAX]);

/* What the head of a tunnel packet says. */
struct tunnel_quote {
	struct tunnel tunnel;	 /* gue: any UDP packet is taken for one; ask whose the port is */
	uint8_t af;		 /* of the outer header */
	union addr saddr, daddr; /* of the outer header: the director, the real server */
	uint8_t inner_af;
	size_t inner; /* offset of the inner IP header; 0: the quote ends too early */
};

/*
 * Reads the head of a packet (IPv4 or IPv6, as quoted in an ICMP error, @len bytes, cut anywhere)
 * that may be one of ours in a tunnel. "Enough" is an inner IP header and 8 bytes behind it.
 * -EPROTO: no tunnel packet, or the quote does not reach what says which tunnel; @out is untouched.
 */
int tunnel_decap_quote(const uint8_t *quote, size_t len, struct tunnel_quote *out);

#endif
