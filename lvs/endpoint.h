/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_ENDPOINT_H
#define LVS_ENDPOINT_H

#include "lvs/conn.h"

/*
 * The local endpoint of a FULLNAT connection, which its server takes for the client's. Where the
 * daemon carries the connection it gives the endpoint; where the kernel does, conntrack, and the
 * daemon learns it from there, soon after the first answer. Once known it stays: a connection that
 * has one, and whose packets come to the daemon, is translated there from then on.
 */

/* Who knows conntrack's table: puts into *@request the flow, client -> virtual, of the entry whose
 * answers have @reply. 0 or -errno. */
struct tracker {
	int (*find)(struct tracker *tracker, const struct flow *reply, struct flow *request);
};

/* The connection of @pkt, a copy of what a server answers to one of our addresses, which it learns
 * from it if it is new to it; or @known, which has this endpoint as far as is known, or is NULL.
 * The observer's thread, RCU. */
struct conn *endpoint_observe(struct conns *conns, struct tracker *tracker, const struct pkt *pkt,
			      struct conn *known);

/* Gives @conn the next one that is free, so that one comes again as late as possible.
 * -EADDRNOTAVAIL: none is. Caller holds conn_lock(); worker, RCU. */
int endpoint_take(struct conns *conns, struct conn *conn, uint64_t now);

/* Has its server, to which conntrack is to carry it, as many connections as there are endpoints?
 * Conntrack would drop one more without a word. Worker, RCU. */
bool endpoint_full(const struct conns *conns, const struct conn *conn);

/* Conntrack has given @conn this one. Who had it before is none of the kernel's any more, and ends.
 * False: it is of no such method, has another already, or has ended. Any thread, RCU. */
bool endpoint_learn(struct conns *conns, struct conn *conn, const union addr *addr, __be16 port);

/* Conntrack knows nothing of @conn: it gets one of the daemon's, if there is one and it has none.
 * Any thread, RCU. */
void endpoint_give(struct conns *conns, struct conn *conn, uint64_t now);

#endif
