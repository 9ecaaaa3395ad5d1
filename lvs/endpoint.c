// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local endpoints of FULLNAT connections, given here or learned from conntrack. The one idea: the
 * table of replies is the list of those in use, whoever gave them, so an endpoint that is known to
 * be the kernel's is never given again here; and as both give from ranges of their own, the kernel
 * does not give one of ours either. Workers give, the observer and the control thread learn.
 */
#include "lvs/endpoint.h"
#include "lvs/conns.h"
#include "lvs/forward.h"

#include <errno.h>

/* How long nobody looks for a local endpoint towards a server after all were in use: the look is
 * long, and a flood would make many. */
#define FULL_MS 100

int endpoint_take(struct conns *conns, struct conn *conn, uint64_t now)
{
	const struct locals *locals = conns_locals(conns);
	_Atomic uint64_t *full = &conn->dest->local_full;
	const union addr *addr;
	__be16 port;

	if (now < atomic_load_explicit(full, memory_order_relaxed))
		return -EADDRNOTAVAIL;
	for (uint64_t tries = locals_count(locals, conn->af); tries; tries--) {
		addr = locals_get(locals, conn->af, conns_local_next(conns), &port);
		if (conns_enter_local(conns, conn, addr, port))
			return 0;
	}
	atomic_store_explicit(full, now + FULL_MS, memory_order_relaxed);
	return -EADDRNOTAVAIL;
}

bool endpoint_full(const struct conns *conns, const struct conn *conn)
{
	return conn->method == FORWARD_FULLNAT &&
	       dest_total(conn->dest) >= locals_tracked(conns_locals(conns), conn->af);
}

/* Who answers to the server from there; NULL: nobody. */
static struct conn *holder(const struct conns *conns, const struct conn *conn,
			   const union addr *addr, __be16 port)
{
	const struct flow reply = {.af = conn->af,
				   .protocol = conn->protocol,
				   .saddr = conn->dest->addr,
				   .daddr = *addr,
				   .sport = conn->dport,
				   .dport = port};

	return conn_find(conns, &reply, PKT_OUT);
}

static bool alive(const struct conn *conn)
{
	return !(atomic_load_explicit(&conn->flags, memory_order_relaxed) &
		 (CONN_DEAD | CONN_TEMPLATE));
}

bool endpoint_learn(struct conns *conns, struct conn *conn, const union addr *addr, __be16 port)
{
	struct conn *before = holder(conns, conn, addr, port);
	bool known = before == conn;

	if (conn->method != FORWARD_FULLNAT || known)
		return known;
	addr = locals_keep(conns_locals(conns), conn->af, addr);
	if (!addr)
		return false;
	if (before && before->carried)
		conn_supersede(conns, before);
	conn_lock(conn);
	known = alive(conn) && !conn_has_local(conn) && conns_enter_local(conns, conn, addr, port);
	conn_unlock(conn);
	return known;
}

void endpoint_give(struct conns *conns, struct conn *conn, uint64_t now)
{
	if (conn->method != FORWARD_FULLNAT)
		return;
	conn_lock(conn);
	if (alive(conn) && !conn_has_local(conn))
		(void)endpoint_take(conns, conn, now);
	conn_unlock(conn);
}

/* Is it the first answer to somebody? Then whoever had the endpoint before has it no more. */
static bool begins(const struct pkt *pkt)
{
	return pkt->flow.protocol != IPPROTO_TCP || pkt->tcp_flags & PKT_SYN;
}

struct conn *endpoint_observe(struct conns *conns, struct tracker *tracker, const struct pkt *pkt,
			      struct conn *known)
{
	const struct flow *reply = &pkt->flow;
	struct flow request;
	struct conn *conn;

	if (!tracker || (known && !begins(pkt)) ||
	    !locals_has(conns_locals(conns), reply->af, &reply->daddr) ||
	    tracker->find(tracker, reply, &request))
		return known;
	conn = conn_find(conns, &request, PKT_IN);
	if (!conn || conn->dport != reply->sport || !addr_equal(&conn->dest->addr, &reply->saddr))
		return NULL;
	return endpoint_learn(conns, conn, &reply->daddr, reply->dport) ? conn : NULL;
}
