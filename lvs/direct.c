// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet decision: parse, find the connection, else schedule one, advance its state, forward,
 * verdict. Every packet of every worker goes through direct_decide(); it takes no lock
 * but those of one connection or one service, allocates nothing but a connection, and asks the
 * kernel nothing but, once a second, the way to a server. What is not ours passes on unchanged, as
 * IPVS lets it; each packet that is dropped or passed is counted under its reason.
 */
#include "lvs/direct.h"
#include "lvs/defence.h"
#include "lvs/endpoint.h"
#include "lvs/forward.h"
#include "lvs/reset.h"
#include "lvs/restore.h"
#include "lvs/reuse.h"
#include "lvs/schedule.h"
#include "lvs/track.h"
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

/* Likewise, for a packet of a service: without the daemon the rules would find it a server. */
static struct verdict verdict_leave(struct direct *d, const struct pkt *pkt)
{
	struct verdict verdict = verdict_pass(d, REASON_NO_CONN);

	verdict.set_mark = atomic_load_explicit(&d->settings->carries, memory_order_relaxed);
	verdict.mark = (pkt->mark & ~d->mark_mask) | mark_unseen(d->mark_mask);
	return verdict;
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

/* A connection of one packet has had it. */
static void conn_used(struct direct *d, struct conn *conn)
{
	if (atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_ONEPACKET)
		conn_expire(d->conns, conn);
}

/* The kernel sends it on, and what comes after it, and counts: it is told to which server. */
static struct verdict conn_carry(struct direct *d, struct conn *conn, const struct pkt *pkt,
				 uint32_t mark)
{
	conn_track(d, conn, pkt);
	conn_sequence(conn, pkt);
	return (struct verdict){.action = VERDICT_ACCEPT,
				.set_mark = true,
				.mark = (pkt->mark & ~d->mark_mask) | mark};
}

/* By which the kernel is to carry @pkt, and what comes after it; 0: not. Of FULLNAT conntrack gives
 * the local endpoint: a second time it would be another one, so whoever had one keeps that. */
static uint32_t carrying_mark(const struct direct *d, const struct conn *conn,
			      const struct pkt *pkt)
{
	if (pkt->dir != PKT_IN || pkt->mark & mark_unseen(d->mark_mask))
		return 0;
	if (!conn_method(conn)->tracked || conn_has_local(conn))
		return 0;
	return conn_carried(conn);
}

static struct verdict conn_forward(struct direct *d, struct conn *conn, struct pkt *pkt)
{
	uint32_t mark = carrying_mark(d, conn, pkt);
	struct verdict verdict;

	if (mark)
		return conn_carry(d, conn, pkt, mark);
	if (pkt->gso && conn_method(conn)->cut)
		return (struct verdict){.action = VERDICT_SEGMENT};
	conn_account(conn, pkt);
	conn_track(d, conn, pkt);
	conn_sequence(conn, pkt);
	verdict = conn_method(conn)->xmit(d, conn, pkt);
	conn_used(d, conn);
	return verdict;
}

/* May this packet start a connection? */
static bool starts(const struct direct *d, const struct pkt *pkt)
{
	const struct proto *proto = proto_find(pkt->flow.protocol);

	if (proto->starts(pkt))
		return true;
	return proto->aborts && setting(d->settings, proto->sloppy) && !proto->aborts(pkt);
}

/*
 * A connection for what belongs to none: @flow, client -> virtual, is that of @pkt or of the packet
 * that it carries. NULL: *@verdict is what becomes of the packet.
 */
static struct conn *conn_begin(struct direct *d, struct pkt *pkt, const struct flow *flow,
			       struct verdict *verdict)
{
	struct service *svc = services_find(d->services, flow, pkt->mark & ~d->mark_mask);
	struct conn *conn;

	if (!svc) {
		*verdict = verdict_pass(d, REASON_NO_SERVICE);
		return NULL;
	}
	if (!pkt->icmp_error && !starts(d, pkt)) {
		*verdict = verdict_leave(d, pkt);
		return NULL;
	}
	if (defence_drops_packet(d->settings)) {
		*verdict = verdict_drop(d, REASON_DROP_PACKET);
		return NULL;
	}
	switch (conn_schedule(d, svc, flow, pkt, &conn)) {
	case SCHEDULED:
		d->begun++;
		return conn;
	case SCHEDULED_IGNORED:
		*verdict = verdict_leave(d, pkt);
		break;
	case SCHEDULED_REFUSED:
		*verdict = verdict_refuse(d, pkt, REASON_NO_SERVER);
		break;
	case SCHEDULED_SERVICE_FULL:
		*verdict = verdict_refuse(d, pkt, REASON_SERVICE_FULL);
		break;
	case SCHEDULED_SERVER_FULL:
		*verdict = verdict_refuse(d, pkt, REASON_SERVER_FULL);
		break;
	case SCHEDULED_NO_KEY:
		*verdict = verdict_drop(d, REASON_NO_KEY);
		break;
	case SCHEDULED_NO_LOCAL:
		*verdict = verdict_refuse(d, pkt, REASON_NO_LOCAL);
		break;
	case SCHEDULED_NO_ROOM:
		*verdict = verdict_refuse(d, pkt, REASON_CONNTRACK_FULL);
		break;
	case SCHEDULED_NO_MEMORY:
		*verdict = verdict_drop(d, REASON_NO_MEMORY);
		break;
	}
	return NULL;
}

/* Does a real server speak to somebody who never spoke to it, and is it to be told? */
static bool unwanted(const struct direct *d, const struct pkt *pkt)
{
	const struct proto *proto = proto_find(pkt->flow.protocol);

	return setting(d->settings, SETTING_NAT_ICMP_SEND) && pkt->hook != HOOK_PREROUTING &&
	       !(proto->aborts && proto->aborts(pkt)) &&
	       services_answer_from(d->services, &pkt->flow);
}

/* The first packet of a flow, or one that belongs to none. */
static struct verdict direct_new(struct direct *d, struct pkt *pkt)
{
	struct verdict verdict;
	struct conn *conn;

	if (unwanted(d, pkt))
		return verdict_refuse(d, pkt, REASON_NO_CLIENT);
	if (pkt->dir == PKT_OUT)
		return verdict_pass(d, REASON_NO_CONN);
	conn = conn_begin(d, pkt, &pkt->flow, &verdict);
	return conn ? conn_forward(d, conn, pkt) : verdict;
}

/*
 * The connection of a packet, tried in the direction that its hook lets expect, and then in the
 * other one where that may be: from the director's own programs come requests as well as answers
 * of servers (which IPVS looks for first, too), and in prerouting arrives what FULLNAT servers send
 * to our addresses. Sets pkt->dir.
 */
static struct conn *conn_of(const struct direct *d, struct pkt *pkt, const struct flow *flow)
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
		if (!conn || conn_method(conn)->method != FORWARD_FULLNAT)
			return NULL;
		pkt->dir = PKT_OUT;
		return conn;
	case HOOK_FORWARD:
	case HOOK_INPUT:
		break;
	}
	return NULL;
}

/* As for a packet that nobody knows, if schedule_icmp allows: a connection for what an ICMP error
 * carries. Where there is no server, nobody is told, for it is an error itself. */
static struct conn *icmp_begin(struct direct *d, struct pkt *pkt, const struct flow *flow,
			       struct verdict *verdict)
{
	struct conn *conn;

	if (pkt->dir == PKT_OUT || !setting(d->settings, SETTING_SCHEDULE_ICMP)) {
		*verdict = verdict_pass(d, REASON_NO_CONN);
		return NULL;
	}
	conn = conn_begin(d, pkt, flow, verdict);
	if (!conn && (verdict->mark & d->mark_mask) == mark_refuse(d->mark_mask))
		*verdict = (struct verdict){.action = VERDICT_DROP};
	return conn;
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
		conn = icmp_begin(d, pkt, &flow, &verdict);
	if (!conn)
		return verdict;
	conn_account(conn, pkt);
	verdict = conn_method(conn)->xmit_icmp(d, conn, pkt);
	conn_used(d, conn);
	return verdict;
}

/* The packet of a new connection that takes the place of @old, which still counts at its server
 * while the new one is scheduled: in IPVS, too, it ends a moment later. */
static struct verdict direct_anew(struct direct *d, struct conn *old, struct pkt *pkt)
{
	bool ended = conn_retire(d->conns, old);
	struct verdict verdict = direct_new(d, pkt);

	if (ended)
		conn_release(d->conns, old);
	return verdict;
}

void direct_look(const struct direct *d, struct pkt *pkt, struct sight *sight)
{
	*sight = (struct sight){.reason = pkt_parse(pkt), .dir = pkt->dir, .begun = d->begun};
	if (!sight->reason && proto_find(pkt->flow.protocol))
		sight->conn = conn_of(d, pkt, &pkt->flow);
}

void direct_fetch(const struct sight *sight)
{
	const struct service *svc;
	const struct dest *dest;

	if (!sight->conn)
		return;
	dest = sight->conn->dest;
	__builtin_prefetch(&dest->traffic, 1);
	svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);
	if (svc)
		__builtin_prefetch(&svc->traffic, 1);
}

/* What was seen may have ended since, or have begun: by an earlier packet of the same batch. */
static struct conn *conn_seen(struct direct *d, struct pkt *pkt, const struct sight *sight)
{
	struct conn *conn = sight->conn;

	if (conn ? !(atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_DEAD)
		 : sight->begun == d->begun)
		return conn;
	pkt->dir = sight->dir;
	return conn_of(d, pkt, &pkt->flow);
}

struct verdict direct_decide(struct direct *d, struct pkt *pkt, const struct sight *sight)
{
	struct conn *conn;

	if (sight->reason)
		return verdict_unreadable(d, sight->reason);
	if (!proto_find(pkt->flow.protocol))
		return direct_icmp(d, pkt);
	if (pkt->gso && pkt->flow.protocol != IPPROTO_TCP)
		return (struct verdict){.action = VERDICT_SEGMENT};
	conn = conn_seen(d, pkt, sight);
	if (!conn)
		return direct_new(d, pkt);
	if (conn_revived(conn, pkt) || conn_outdated(d, conn, pkt))
		return direct_anew(d, conn, pkt);
	if (conn_killed(conn))
		return reset_answer(d, conn, pkt);
	if (conn_orphaned(conn, pkt))
		return verdict_drop(d, REASON_SERVER_GONE);
	return conn_forward(d, conn, pkt);
}

void direct_observe(struct direct *d, struct pkt *pkt)
{
	struct conn *conn;

	pkt->copied = true;
	if (pkt_parse(pkt) || !proto_find(pkt->flow.protocol))
		return;
	pkt->dir = PKT_IN;
	if (pkt->chosen && d->newcomers)
		conn_chosen(d, pkt);
	conn = conn_find(d->conns, &pkt->flow, PKT_IN);
	if (!conn) {
		pkt->dir = PKT_OUT;
		conn = conn_find(d->conns, &pkt->flow, PKT_OUT);
		conn = endpoint_observe(d->conns, d->tracker, pkt, conn);
	}
	if (!conn || !conn->carried || conn_killed(conn) || conn_orphaned(conn, pkt))
		return;
	conn_track(d, conn, pkt);
	conn_sequence(conn, pkt);
}

struct verdict direct_packet(struct direct *d, struct pkt *pkt)
{
	struct sight sight;

	direct_look(d, pkt, &sight);
	return direct_decide(d, pkt, &sight);
}
