// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bypass: where a firewall-mark service has no server (a cluster of transparent caches that is
 * down), the client's packets go where it sent them, and stay on that way when a server is back.
 * Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/transmit.h"

static struct verdict bypass_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	(void)conn;
	return transmit_here(d, pkt);
}

const struct forward forward_bypass = {
	.method = FORWARD_BYPASS,
	.xmit = bypass_xmit,
	.xmit_icmp = bypass_xmit,
};
