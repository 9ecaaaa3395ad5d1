// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FULLNAT, which IPVS has not: requests get the real server's address as destination and one of the
 * director's own as source, so the answers come back however the server routes. Each connection has
 * a local endpoint of its own, which the table of connections gave it (conn.c). What leaves is the
 * director's own traffic: it needs no forwarding, and no source is a martian. Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/nat.h"
#include "lvs/transmit.h"

static struct verdict fullnat_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	const union addr client = conn_client(conn), virtual = conn_virtual(conn);
	const union addr local = conn_local(conn);
	struct verdict verdict;

	if (transmit_expired(d, pkt, &verdict))
		return verdict;
	if (pkt->dir == PKT_IN) {
		nat_rewrite(pkt, NAT_DESTINATION, &conn->dest->addr, conn->dport);
		nat_rewrite(pkt, NAT_SOURCE, &local, conn->lport);
	} else {
		nat_rewrite(pkt, NAT_SOURCE, &virtual, conn->vport);
		nat_rewrite(pkt, NAT_DESTINATION, &client, conn->cport);
	}
	return transmit_own(d, pkt);
}

/* Both ends of both packets change. A router's own address on the outside gives way too: towards
 * the server to the local one, as a server may have no route to the client's side. */
static struct verdict fullnat_xmit_icmp(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	const union addr client = conn_client(conn), virtual = conn_virtual(conn);
	const union addr local = conn_local(conn);
	const union addr *raddr = &conn->dest->addr;

	if (pkt->dir == PKT_IN) {
		nat_rewrite_error(pkt, NAT_DESTINATION, raddr, NAT_SOURCE, raddr, conn->dport);
		nat_rewrite_error(pkt, NAT_SOURCE, &local, NAT_DESTINATION, &local, conn->lport);
	} else {
		nat_rewrite_error(pkt, NAT_SOURCE, &virtual, NAT_DESTINATION, &virtual,
				  conn->vport);
		nat_rewrite_error(pkt, NAT_DESTINATION, &client, NAT_SOURCE, &client, conn->cport);
	}
	return transmit_own(d, pkt);
}

const struct forward forward_fullnat = {
	.method = FORWARD_FULLNAT,
	.answers = true,
	.xmit = fullnat_xmit,
	.xmit_icmp = fullnat_xmit_icmp,
};
