// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does a remembered connection still stand for the packets that carry its addresses and ports? The
 * settings conn_reuse_mode and expire_nodest_conn decide, as in ip_vs_in(). Workers, under RCU.
 */
#include "lvs/reuse.h"
#include "lvs/forward.h"

#define REUSE_FIN_WAIT 2u /* of conn_reuse_mode: also where only the client's FIN can be seen */

/* By the state of @conn? */
static bool over(const struct direct *d, const struct proto *proto, const struct conn *conn)
{
	uint32_t mode = setting(d->settings, SETTING_CONN_REUSE_MODE);
	uint8_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);

	if (!mode)
		return false;
	return proto->over(state) ||
	       ((mode & REUSE_FIN_WAIT) && proto->protocol == IPPROTO_TCP && state == TCP_FINWAIT &&
		(atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_NOOUTPUT));
}

bool conn_replaceable(const struct direct *d, const struct conn *conn)
{
	const struct proto *proto = proto_find(conn->protocol);

	if (!proto->opens)
		return false;
	if (setting(d->settings, SETTING_EXPIRE_NODEST_CONN) && !dest_weight(conn->dest))
		return true;
	return !conn->control && over(d, proto, conn);
}

static bool gone(const struct conn *conn)
{
	return !(atomic_load_explicit(&conn->dest->flags, memory_order_relaxed) & DEST_AVAILABLE);
}

bool conn_forsaken(const struct direct *d, const struct conn *conn)
{
	return gone(conn) && setting(d->settings, SETTING_EXPIRE_NODEST_CONN);
}

bool conn_outdated(const struct direct *d, const struct conn *conn, const struct pkt *pkt)
{
	const struct proto *proto = proto_find(conn->protocol);

	if (pkt->dir != PKT_IN)
		return false;
	return (proto->opens && proto->opens(pkt) && conn_replaceable(d, conn)) ||
	       conn_forsaken(d, conn);
}

/* Such a packet is dropped, or its connection ends. If dropped, the timer is left alone, as in
 * IPVS: adding the server again revives the connection, but a client that just goes on sending
 * (UDP) is not held for ever. */
bool conn_orphaned(const struct conn *conn, const struct pkt *pkt)
{
	return pkt->dir == PKT_IN && gone(conn);
}
