// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Direct routing: the packet itself stays as the client sent it, and goes to the neighbour that the
 * real server is; the server has the virtual address too, and answers the client without us. An
 * answer that comes by nevertheless, because the director is a router as well, passes on. A server
 * that is this machine gets its packets by the kernel's own delivery. Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/transmit.h"

static struct verdict dr_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	if (pkt->dir == PKT_OUT)
		return (struct verdict){.action = VERDICT_ACCEPT};
	return transmit_dest(d, conn->dest, pkt);
}

const struct forward forward_dr = {
	.method = FORWARD_DR,
	.cut = true,
	.xmit = dr_xmit,
	.xmit_icmp = dr_xmit, /* an error about an answer: for the server as it is */
};
