// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NAT (masquerading): requests get the real server's address and port as destination, replies the
 * virtual ones as source, and ICMP errors about either are translated on the outside and in the
 * packet that they carry. TTL and MTU are the kernel's business: it forwards the packet afterwards.
 * Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/nat.h"
#include "lvs/transmit.h"

/* What goes into this machine and not out of it is cut by nobody, who would sum its parts anew: a
 * super-packet has to be right as a whole. */
static void sum_delivered(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	const struct route *route;

	if (!pkt->gso || (pkt->hook != HOOK_INPUT && pkt->hook != HOOK_PREROUTING))
		return;
	route = pkt->dir == PKT_IN ? dest_route(d, conn->dest) : NULL;
	if (pkt->hook == HOOK_PREROUTING && !(route && route->local))
		return;
	pkt->gso = false;
	pkt->csum_partial = true;
	pkt_sum(pkt);
}

static struct verdict nat_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	const union addr vaddr = conn_virtual(conn);

	if (pkt->dir == PKT_IN)
		nat_rewrite(pkt, NAT_DESTINATION, &conn->dest->addr, conn->dport);
	else
		nat_rewrite(pkt, NAT_SOURCE, &vaddr, conn->vport);
	sum_delivered(d, conn, pkt);
	return transmit_forward(d, pkt);
}

/* Towards the server the error is about one of its replies, so the packet inside had the virtual
 * address as source; towards the client it is about one of the client's packets, sent on to the
 * server. */
static struct verdict nat_xmit_icmp(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	const union addr vaddr = conn_virtual(conn);

	if (pkt->dir == PKT_IN)
		nat_rewrite_error(pkt, NAT_DESTINATION, &conn->dest->addr, NAT_SOURCE,
				  &conn->dest->addr, conn->dport);
	else
		nat_rewrite_error(pkt, NAT_SOURCE, &vaddr, NAT_DESTINATION, &vaddr, conn->vport);
	return transmit_forward(d, pkt);
}

const struct forward forward_nat = {
	.method = FORWARD_NAT,
	.tracked = true,
	.answers = true,
	.xmit = nat_xmit,
	.xmit_icmp = nat_xmit_icmp,
};
