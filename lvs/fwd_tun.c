// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tunnels: as direct routing, but the packet travels inside another to a server that may be
 * anywhere, and which unpacks it. Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/transmit.h"

static struct verdict tun_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	if (pkt->dir == PKT_OUT)
		return (struct verdict){.action = VERDICT_ACCEPT};
	/* gue could leave the receiver a checksum to make, but knows the Internet's only. */
	if (pkt->flow.protocol == IPPROTO_SCTP)
		pkt_sum(pkt);
	return transmit_tunnel(d, conn->dest, pkt);
}

const struct forward forward_tun = {
	.method = FORWARD_TUN,
	.cut = true,
	.xmit = tun_xmit,
	.xmit_icmp = tun_xmit,
};
