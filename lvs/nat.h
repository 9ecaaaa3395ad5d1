/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_NAT_H
#define LVS_NAT_H

#include "lvs/pkt.h"

/*
 * Rewriting of addresses and ports in a parsed packet, with its checksums. pkt->flow and pkt->inner
 * follow, so rewrites can be applied one after the other. Workers; pure.
 *
 * Checksums are updated incrementally, so a packet that was corrupt stays so, also of SCTP, where
 * IPVS would sum it anew; only where the kernel left the sum to the network card (CHECKSUM_PARTIAL)
 * it is made here, because a packet that comes back with a verdict counts as summed. A GSO packet
 * is summed anew by the kernel when it is cut.
 */

enum nat_end {
	NAT_SOURCE,
	NAT_DESTINATION
};

/* One end of a TCP, UDP or SCTP packet. */
void nat_rewrite(struct pkt *pkt, enum nat_end end, const union addr *addr, __be16 port);

/*
 * An ICMP error (pkt->icmp_error): @outer of its own addresses becomes @outer_addr, and @inner of
 * the packet that it carries becomes (@inner_addr, @inner_port). As in ip_vs_nat_icmp() the
 * transport checksum inside is left: only its first eight bytes are sure to be there, and receivers
 * do not check it.
 */
void nat_rewrite_error(struct pkt *pkt, enum nat_end outer, const union addr *outer_addr,
		       enum nat_end inner, const union addr *inner_addr, __be16 inner_port);

#endif
