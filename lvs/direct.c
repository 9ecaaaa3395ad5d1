// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet decision: parse, find the connection, else schedule one, advance its state, forward,
 * verdict. Every packet of every worker goes through direct_packet(); it takes no lock
 * but those of one connection or one service, allocates nothing but a connection, and asks the
 * kernel nothing but, once a second, the way to a server. What is not ours passes on unchanged, as
 * IPVS lets it; each packet that is dropped or passed is counted under its reason.
 */
#include "lvs/direct.h"
#include "lvs/forward.h"
#include "lvs/schedule.h"
#include "lvs/tunnel_error.h"

static void count(struct direct *d, enum reason reason)
{
	stat_add(&d->stats->reasons[reason], 1);
}

static struct verdict verdict_drop(struct direct *d, enum reason reason)
{
	count(d, reason);
	return (struct verdict){.action = VERDICT_DROP};
}

static struct verdict verdict_pass(struct direct *d, enum reason reason)
{
	count(d, reason);
	return (struct verdict){.action = VERDICT_ACCEPT};
}

/* Accepted with all our mark bits set: the chain after the queue answers port unreachable, in the
 * kernel, with its source address choice and rate limit. */
static struct verdict verdict_refuse(struct direct *d, const struct pkt *pkt, enum reason reason)
{
	count(d, reason);
	return (struct verdict){.action = VERDICT_ACCEPT,
				.set_mark = true,
				.mark = (pkt->mark & ~d->mark_mask) | mark_refuse(d->mark_mask)};
}

static struct verdict verdict_unreadable(struct direct *d, enum reason reason)
{
	if (reason == REASON_PROTOCOL)
		return verdict_pass(d, reason);
	return verdict_drop(d, reason);
}

/* A packet of @conn counts at its server and that server's service, while they are in use. */
static void traffic_account(const struct conn *conn, const struct pkt *pkt)
{
	struct dest *dest = conn->dest;
	bool in = pkt->dir == PKT_IN;
	struct service *svc;

	if (!(atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_AVAILABLE))
		return;
	atomic_fetch_add_explicit(in ? &dest->traffic.in_pkts : &dest->traffic.out_pkts, 1,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(in ? &dest->traffic.in_bytes : &dest->traffic.out_bytes, pkt->len,
				  memory_order_relaxed);
	svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);
	if (!svc)
		return;
	RCU_FOUND(svc);
	atomic_fetch_add_explicit(in ? &svc->traffic.in_pkts : &svc->traffic.out_pkts, 1,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(in ? &svc->traffic.in_bytes : &svc->traffic.out_bytes, pkt->len,
				  memory_order_relaxed);
}

/* Moves the connection between active and inactive at its server when its state says so.
 * Returns the new flags. Caller holds conn_lock(). */
static uint8_t conn_settle(struct conn *conn, const struct proto *proto, uint8_t state,
			   uint8_t flags)
{
	bool active = proto->active(state);

	if (active == !!(flags & CONN_INACTIVE)) {
		flags ^= CONN_INACTIVE;
		dest_activate(conn->dest, active);
	}
	return flags;
}

/* A template becomes assured when one of its connections is established, or, for a protocol without
 * such a state, when the server answered (ip_vs_control_assure_ct). */
static void template_assure(struct conn *template, const struct proto *proto, uint8_t state,
			    const struct pkt *pkt)
{
	if (atomic_load_explicit(&template->flags, memory_order_relaxed) & CONN_ASSURED)
		return;
	if (proto->established == PROTO_STATELESS ? pkt->dir == PKT_OUT
						  : state == proto->established)
		atomic_fetch_or_explicit(&template->flags, CONN_ASSURED, memory_order_relaxed);
}

/* The state machine. Nearly always the state stays, and then only the timer is put off. */
static void conn_track(struct direct *d, struct conn *conn, const struct pkt *pkt)
{
	const struct proto *proto = proto_find(conn->protocol);
	enum proto_dir dir = PROTO_INPUT;
	uint8_t flags, before, state;
	uint32_t timeout;

	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	before = atomic_load_explicit(&conn->state, memory_order_relaxed);
	if (pkt->dir == PKT_OUT)
		dir = PROTO_OUTPUT;
	else if (flags & CONN_NOOUTPUT)
		dir = PROTO_INPUT_ONLY;
	timeout = proto->timeout(d->timeouts, before) * 1000;
	if (conn->control)
		template_assure(conn->control, proto, proto->next(before, dir, pkt), pkt);
	if (proto->next(before, dir, pkt) == before &&
	    !(dir == PROTO_OUTPUT && (flags & CONN_NOOUTPUT)) &&
	    atomic_load_explicit(&conn->timeout, memory_order_relaxed) == timeout) {
		conn_touch(conn, d->now);
		return;
	}
	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if (!(flags & CONN_DEAD)) {
		before = atomic_load_explicit(&conn->state, memory_order_relaxed);
		state = proto->next(before, dir, pkt);
		if (dir == PROTO_OUTPUT)
			flags &= (uint8_t)~CONN_NOOUTPUT;
		flags = conn_settle(conn, proto, state, flags);
		atomic_store_explicit(&conn->flags, flags, memory_order_relaxed);
		atomic_store_explicit(&conn->state, state, memory_order_relaxed);
		conn_set_timeout(d->conns, conn, proto->timeout(d->timeouts, state) * 1000, d->now);
	}
	conn_unlock(conn);
}

/*
 * Does this packet begin a new connection although its predecessor with the same addresses and
 * ports is still remembered? IPVS's conn_reuse_mode 1: a SYN on one that is closed, unless a
 * template chose its server.
 */
static bool conn_superseded(const struct conn *conn, const struct pkt *pkt)
{
	uint8_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);

	return pkt->dir == PKT_IN && conn->protocol == IPPROTO_TCP && (pkt->tcp_flags & PKT_SYN) &&
	       !conn->control && (state == TCP_TIMEWAIT || state == TCP_CLOSED);
}

/* Was the server of this request removed? The packet is dropped and the timer left alone, as in
 * IPVS: adding the server again revives the connection, but a client that just goes on sending
 * (UDP) is not held for ever. */
static bool server_gone(const struct conn *conn, const struct pkt *pkt)
{
	return pkt->dir == PKT_IN &&
	       !(atomic_load_explicit(&conn->dest->flags, memory_order_relaxed) & DEST_AVAILABLE);
}

static struct verdict conn_forward(struct direct *d, struct conn *conn, struct pkt *pkt)
{
	struct verdict verdict;

	if (pkt->gso && conn->forward->cut)
		return (struct verdict){.action = VERDICT_SEGMENT};
	traffic_account(conn, pkt);
	conn_track(d, conn, pkt);
	verdict = conn->forward->xmit(d, conn, pkt);
	if (atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_ONEPACKET)
		conn_expire(d->conns, conn);
	return verdict;
}

/* The first packet of a flow, or one that belongs to none. */
static struct verdict direct_new(struct direct *d, struct pkt *pkt)
{
	struct conn *conn;
	struct service *svc;

	if (pkt->dir == PKT_OUT)
		return verdict_pass(d, REASON_NO_CONN);
	svc = services_find(d->services, &pkt->flow, pkt->mark);
	if (!svc)
		return verdict_pass(d, REASON_NO_SERVICE);
	if (!proto_find(pkt->flow.protocol)->starts(pkt))
		return verdict_pass(d, REASON_NO_CONN);
	switch (conn_schedule(d, svc, pkt, &conn)) {
	case SCHEDULED:
		return conn_forward(d, conn, pkt);
	case SCHEDULED_IGNORED:
		return verdict_pass(d, REASON_NO_CONN);
	case SCHEDULED_REFUSED:
		return verdict_refuse(d, pkt, REASON_NO_SERVER);
	case SCHEDULED_NO_LOCAL:
		return verdict_refuse(d, pkt, REASON_NO_LOCAL);
	case SCHEDULED_NO_MEMORY:
		break;
	}
	return verdict_drop(d, REASON_NO_MEMORY);
}

/*
 * The connection of a packet, tried in the direction that its hook lets expect, and then in the
 * other one where that may be: from the director's own programs come requests as well as answers
 * of servers (which IPVS looks for first, too), and in prerouting arrives what FULLNAT servers send
 * to our addresses. Sets pkt->dir.
 */
static struct conn *conn_of(struct direct *d, struct pkt *pkt, const struct flow *flow)
{
	struct conn *conn = conn_find(d->conns, flow, pkt->dir);

	if (conn)
		return conn;
	switch (pkt->hook) {
	case HOOK_OUTPUT:
		pkt->dir = PKT_IN;
		return conn_find(d->conns, flow, PKT_IN);
	case HOOK_PREROUTING:
		conn = conn_find(d->conns, flow, PKT_OUT);
		if (!conn || conn->forward->method != FORWARD_FULLNAT)
			return NULL;
		pkt->dir = PKT_OUT;
		return conn;
	case HOOK_FORWARD:
	case HOOK_INPUT:
		break;
	}
	return NULL;
}

/* An ICMP error belongs to the connection whose packet it carries; that packet went the other way
 * than the error. Anything else in ICMP is not ours. */
static struct verdict direct_icmp(struct direct *d, struct pkt *pkt)
{
	const struct flow *inner = &pkt->inner;
	struct verdict verdict;
	struct conn *conn;
	struct flow flow;

	if (pkt->inner_l3 && pkt->hook == HOOK_PREROUTING && tunnel_error(d, pkt, &verdict))
		return verdict;
	if (!pkt->icmp_error)
		return verdict_pass(d, REASON_NO_CONN);
	flow = (struct flow){.af = inner->af,
			     .protocol = inner->protocol,
			     .sport = inner->dport,
			     .dport = inner->sport,
			     .saddr = inner->daddr,
			     .daddr = inner->saddr};
	conn = conn_of(d, pkt, &flow);
	if (!conn)
		return verdict_pass(d, REASON_NO_CONN);
	traffic_account(conn, pkt);
	return conn->forward->xmit_icmp(d, conn, pkt);
}

struct verdict direct_packet(struct direct *d, struct pkt *pkt)
{
	enum reason reason = pkt_parse(pkt);
	struct conn *conn;

	if (reason)
		return verdict_unreadable(d, reason);
	if (!proto_find(pkt->flow.protocol))
		return direct_icmp(d, pkt);
	if (pkt->gso && pkt->flow.protocol == IPPROTO_UDP)
		return (struct verdict){.action = VERDICT_SEGMENT};
	conn = conn_of(d, pkt, &pkt->flow);
	if (conn && conn_superseded(conn, pkt)) {
		conn_expire(d->conns, conn);
		conn = NULL;
	}
	if (!conn)
		return direct_new(d, pkt);
	if (server_gone(conn, pkt))
		return verdict_drop(d, REASON_SERVER_GONE);
	return conn_forward(d, conn, pkt);
}
