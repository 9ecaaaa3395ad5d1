// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Direct routing: the packet itself stays as the client sent it, and goes to the neighbour that the
 * real server is; the server has the virtual address too, and answers the client without us. An
 * answer that comes by nevertheless, because the director is a router as well, passes on. A server
 * that is this machine gets its packets by the kernel's own delivery. Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/proto.h"
#include "lvs/transmit.h"

#include <netinet/in.h>

/*
 * The mark by which the devices learn the way of the connection; 0: its next packet is for the
 * daemon as well. What comes after this one must not change the connection's state, or do so by a
 * SYN, FIN or RST, which the daemon sees: so it is established, and by a FIN or RST it is not. By a
 * SYN they learn where the handshake's ACK is to go if there is no daemon then.
 */
static uint32_t learn_mark(const struct direct *d, const struct conn *conn, const struct pkt *pkt)
{
	const struct proto *proto = proto_find(conn->protocol);
	uint32_t mark = conn_carried(conn);

	if (!mark || pkt->hook != HOOK_PREROUTING || conn->protocol == IPPROTO_SCTP)
		return 0;
	if (proto->established != PROTO_STATELESS && !proto->starts(pkt) &&
	    atomic_load_explicit(&conn->state, memory_order_relaxed) != proto->established)
		return 0;
	return mark | mark_told(d->mark_mask);
}

static struct verdict dr_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	if (pkt->dir == PKT_OUT)
		return (struct verdict){.action = VERDICT_ACCEPT};
	return transmit_dest(d, conn->dest, pkt, learn_mark(d, conn, pkt));
}

static struct verdict dr_xmit_icmp(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	if (pkt->dir == PKT_OUT)
		return (struct verdict){.action = VERDICT_ACCEPT};
	return transmit_dest(d, conn->dest, pkt, 0);
}

const struct forward forward_dr = {
	.method = FORWARD_DR,
	.cut = true,
	.learned = true,
	.xmit = dr_xmit,
	.xmit_icmp = dr_xmit_icmp, /* an error about an answer: for the server as it is */
};
