// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FULLNAT, which IPVS has not: requests get the real server's address as destination and one of the
 * director's own as source, so the answers come back however the server routes. Each connection has
 * a local endpoint of its own (endpoint.c). What leaves is the director's own traffic: it needs no
 * forwarding, and no source is a martian. Where the kernel carries a connection this is for what it
 * cannot, or does no longer, and with conntrack's endpoint. Workers, under RCU.
 */
#include "lvs/forward.h"
#include "lvs/nat.h"
#include "lvs/transmit.h"

/* Conntrack has given it an endpoint, and nobody has learned yet which. */
static struct verdict ask(struct direct *d, const struct conn *conn)
{
	const struct flow flow = conn_request(conn);

	if (d->asked)
		asked_note(d->asked, &flow);
	stat_add(&d->stats->reasons[REASON_LOCAL_UNKNOWN], 1);
	return (struct verdict){.action = VERDICT_DROP};
}

static struct verdict fullnat_xmit(struct direct *d, const struct conn *conn, struct pkt *pkt)
{
	const union addr client = conn_client(conn), virtual = conn_virtual(conn);
	struct verdict verdict;
	union addr local;

	if (transmit_expired(d, pkt, &verdict))
		return verdict;
	if (pkt->dir == PKT_IN) {
		if (!conn_has_local(conn))
			return ask(d, conn);
		local = conn_local(conn);
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
	const union addr *raddr = &conn->dest->addr;
	union addr local;

	if (pkt->dir == PKT_IN) {
		if (!conn_has_local(conn))
			return ask(d, conn);
		local = conn_local(conn);
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
	.tracked = true,
	.answers = true,
	.xmit = fullnat_xmit,
	.xmit_icmp = fullnat_xmit_icmp,
};
