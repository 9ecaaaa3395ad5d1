/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_PKT_H
#define LVS_PKT_H

#include "lvs/addr.h"
#include "lvs/stats.h"

/* Which way a packet goes: from client to virtual service, or from real server to client. */
enum pkt_dir {
	PKT_IN,
	PKT_OUT
};

/* Where in the kernel it was queued. */
enum pkt_hook {
	HOOK_FORWARD,	 /* from a real server to a client */
	HOOK_PREROUTING, /* from a client; or from a FULLNAT server, to one of our own addresses */
	HOOK_INPUT,	 /* from a real server to a client that is this machine */
	HOOK_OUTPUT	 /* from a client, or a real server, that is this machine */
};

/* A flow as one packet shows it. Ports in network order; for ICMP both are 0. */
struct flow {
	uint8_t af; /* AF_INET, AF_INET6 */
	uint8_t protocol;
	__be16 sport, dport;
	union addr saddr, daddr;
};

/* TCP flags as in byte 13 of the header. */
#define PKT_FIN 0x01
#define PKT_SYN 0x02
#define PKT_RST 0x04
#define PKT_ACK 0x10

/* Types of SCTP chunks, RFC 9260, section 3.2. */
enum chunk {
	CHUNK_DATA,
	CHUNK_INIT,
	CHUNK_INIT_ACK,
	CHUNK_SACK,
	CHUNK_HEARTBEAT,
	CHUNK_HEARTBEAT_ACK,
	CHUNK_ABORT,
	CHUNK_SHUTDOWN,
	CHUNK_SHUTDOWN_ACK,
	CHUNK_ERROR,
	CHUNK_COOKIE_ECHO,
	CHUNK_COOKIE_ACK,
	CHUNK_ECNE,
	CHUNK_CWR,
	CHUNK_SHUTDOWN_COMPLETE
};

#define SCTP_CHECKSUM_OFFSET 8 /* in its common header: a CRC32c, four bytes */

/*
 * One packet from its network header on. The first part is set by whoever received it, the second
 * by pkt_parse(), which checks every length once; later code trusts offsets and lengths.
 */
struct pkt {
	uint8_t *data;	  /* writable, owned by the receiver */
	uint32_t len;	  /* bytes at data: the whole packet */
	uint32_t mark;	  /* packet mark, host order */
	uint32_t ifindex; /* the interface that it came in by; 0: none */
	enum pkt_hook hook;
	enum pkt_dir dir;  /* as the hook lets expect; direct_look() knows better */
	bool csum_partial; /* the L4 checksum holds only the pseudo-header sum (CHECKSUM_PARTIAL);
			    * of SCTP: nothing */
	bool gso;	   /* a super-packet; the kernel cuts it later and sums each part anew */
	bool copied;	   /* a copy, perhaps only of its head: lengths say more than is there */
	bool chosen;	   /* likewise, and the rules chose its server, as its mark says */

	struct flow flow; /* outer addresses; ports if TCP, UDP or SCTP */
	uint32_t l4;	  /* offset of the transport header */
	uint8_t tcp_flags;
	uint8_t chunk;	   /* type of SCTP's first chunk: enum chunk, or one that is not in there */
	bool chunk_abort;  /* that is a COOKIE ECHO or COOKIE ACK, and an ABORT follows */
	bool icmp_error;   /* an ICMP error that carries the head of such a packet: see inner */
	struct flow inner; /* as in the carried packet: its saddr is who sent it */
	uint32_t inner_l3, inner_l4; /* inner_l3: set by every ICMP error, readable inside or not */
};

/*
 * Checks and dissects pkt->data: IPv4 with options, IPv6 with extension headers (hop-by-hop,
 * routing, destination options, atomic fragment), then TCP, UDP, SCTP, ICMP, ICMPv6. ICMP errors
 * are those that IPVS translates: v4 types 3, 4, 11 (and 12), v6 types 1-4. Trailing bytes after
 * the length in the IP header are ignored: pkt->len shrinks to it. UDP-Lite and others:
 * REASON_PROTOCOL. Returns REASON_NONE or why the packet cannot be used; on a reason the second
 * part of @pkt is undefined. Pure; any thread.
 */
enum reason pkt_parse(struct pkt *pkt);

/* Reads the flow of a TCP, UDP or SCTP packet from its head, which may be cut behind the first
 * eight bytes of its transport header. False: it is another, or is cut before. Pure. */
bool pkt_parse_head(const uint8_t *data, uint32_t len, struct flow *flow);

/* Makes the L4 checksum of a parsed packet if the kernel left that to the network card
 * (csum_partial), unless it is a super-packet, which the kernel sums when it cuts it. */
void pkt_sum(struct pkt *pkt);

/* Where the L4 checksum of a parsed packet is: offset from its network header. */
uint32_t pkt_sum_offset(const struct pkt *pkt);

/* TTL, or hop limit. */
uint8_t pkt_ttl(const struct pkt *pkt);

/* One less, with the IPv4 header's checksum. */
void pkt_ttl_decrease(struct pkt *pkt);

/* May a router not cut it? IPv4's DF; always true for IPv6. */
bool pkt_whole(const struct pkt *pkt);

#endif
