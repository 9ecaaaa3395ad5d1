/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_RESET_H
#define LVS_RESET_H

#include "lvs/direct.h"

/*
 * Ending a TCP connection from the middle: a RST to each end. An end takes one at once only if its
 * sequence number is exactly the next that it expects (RFC 5961), so these are kept for each
 * connection: client_next, what the client sends and the server expects next, and server_next, the
 * other way. Where an answer does not come by here (DR, TUN), server_next is what the client last
 * acknowledged. What was on its way when a connection was ended makes both wrong; therefore it is
 * remembered for a while, and each packet of it is answered with the numbers that it says itself.
 */

#define RESET_MAX 60u /* bytes: the headers of IPv6 and TCP */

/* Writes a RST of @flow into @buf; with ACK and @ack if @has_ack. Returns its length. Pure. */
size_t reset_build(uint8_t buf[RESET_MAX], const struct flow *flow, uint32_t seq, bool has_ack,
		   uint32_t ack);

/* Learns from a packet of @conn before it is rewritten. Worker, under RCU. */
void conn_sequence(struct conn *conn, const struct pkt *pkt);

/*
 * Ends a TCP connection for both of its ends: it counts as closed, is remembered for 10 s more, and
 * meanwhile nothing of it is let through. False, and nothing is done, if it is no TCP connection,
 * dead, or was killed before. Any thread under RCU.
 */
bool conn_kill(struct conns *conns, struct conn *conn, uint64_t now);

static inline bool conn_killed(const struct conn *conn)
{
	return (atomic_load_explicit(&conn->flags, memory_order_relaxed) &
		(CONN_TEMPLATE | CONN_KILLED)) == CONN_KILLED;
}

/* Does the client begin anew, at the same addresses and ports? */
static inline bool conn_revived(const struct conn *conn, const struct pkt *pkt)
{
	return conn_killed(conn) && pkt->dir == PKT_IN &&
	       (pkt->tcp_flags & (PKT_SYN | PKT_ACK | PKT_RST)) == PKT_SYN;
}

/* Puts a RST for each end of @conn into d->outbox, as far as there is room: it takes 2 places.
 * Whoever owns @d, under RCU. */
void reset_ends(struct direct *d, struct conn *conn);

/* A packet of a connection that was killed: answered, and dropped; but a RST passes, for the other
 * end. Worker, under RCU. */
struct verdict reset_answer(struct direct *d, struct conn *conn, struct pkt *pkt);

#endif
