// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a packet does to its connection: it is counted, the state and with it the timer follow the
 * tables of the protocol, the server learns whether one more is active, and a template that one of
 * its connections was real. The one idea: nearly always nothing of it changes, and then nothing is
 * locked. Workers, under RCU.
 */
#include "lvs/track.h"

void conn_account(const struct conn *conn, const struct pkt *pkt)
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

/* The one that follows @state. */
static uint8_t next_state(const struct direct *d, const struct proto *proto, uint8_t state,
			  enum proto_dir dir, const struct pkt *pkt)
{
	if (proto->next_secure &&
	    atomic_load_explicit(&d->settings->defence.secure_tcp, memory_order_relaxed))
		return proto->next_secure(state, dir, pkt);
	return proto->next(state, dir, pkt);
}

/* How long @conn lives in @state after a packet, ms: as its service has it, else as all have. */
static uint32_t lifetime(const struct direct *d, const struct conn *conn, const struct proto *proto,
			 uint8_t state)
{
	const struct service *svc = atomic_load_explicit(&conn->dest->svc, memory_order_relaxed);
	uint32_t seconds = 0;

	if (svc) {
		RCU_FOUND(svc);
		if (atomic_load_explicit(&svc->has_timeouts, memory_order_relaxed))
			seconds = proto->timeout(&svc->timeouts, state);
	}
	return (seconds ? seconds : proto->timeout(d->timeouts, state)) * 1000;
}

/* One more packet from the client, for the defence: it wants to know the connections with few. Of
 * those that live for one packet their template has the count. */
static void packet_count(struct conn *conn)
{
	bool gone = atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_ONEPACKET;
	struct conn *counted = gone ? conn->control : conn;
	uint8_t packets;

	if (!counted)
		return;
	packets = atomic_load_explicit(&counted->in_pkts, memory_order_relaxed);
	if (packets < UINT8_MAX)
		atomic_store_explicit(&counted->in_pkts, (uint8_t)(packets + 1),
				      memory_order_relaxed);
}

void conn_track(struct direct *d, struct conn *conn, const struct pkt *pkt)
{
	const struct proto *proto = proto_find(conn->protocol);
	enum proto_dir dir = PROTO_INPUT;
	uint8_t flags, before, state;

	if (pkt->dir == PKT_IN)
		packet_count(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	before = atomic_load_explicit(&conn->state, memory_order_relaxed);
	if (pkt->dir == PKT_OUT)
		dir = PROTO_OUTPUT;
	else if (flags & CONN_NOOUTPUT)
		dir = PROTO_INPUT_ONLY;
	state = next_state(d, proto, before, dir, pkt);
	if (conn->control)
		template_assure(conn->control, proto, state, pkt);
	if (state == before && !(dir == PROTO_OUTPUT && (flags & CONN_NOOUTPUT)) &&
	    atomic_load_explicit(&conn->timeout, memory_order_relaxed) ==
		    lifetime(d, conn, proto, before)) {
		conn_touch(conn, d->now);
		return;
	}
	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if (!(flags & CONN_DEAD)) {
		before = atomic_load_explicit(&conn->state, memory_order_relaxed);
		state = next_state(d, proto, before, dir, pkt);
		if (dir == PROTO_OUTPUT)
			flags &= (uint8_t)~CONN_NOOUTPUT;
		flags = conn_settle(conn, proto, state, flags);
		atomic_store_explicit(&conn->flags, flags, memory_order_relaxed);
		atomic_store_explicit(&conn->state, state, memory_order_relaxed);
		conn_set_timeout(d->conns, conn, lifetime(d, conn, proto, state), d->now);
	}
	conn_unlock(conn);
}

void conn_resume(const struct direct *d, struct conn *conn, uint8_t state, uint64_t idle)
{
	const struct proto *proto = proto_find(conn->protocol);
	uint64_t timeout;
	uint8_t flags;

	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if (!(flags & CONN_DEAD)) {
		flags = conn_settle(conn, proto, state, flags);
		atomic_store_explicit(&conn->flags, flags, memory_order_relaxed);
		atomic_store_explicit(&conn->state, state, memory_order_relaxed);
		timeout = lifetime(d, conn, proto, state);
		conn_set_timeout(d->conns, conn, (uint32_t)timeout,
				 d->now - (idle < timeout ? idle : timeout));
	}
	conn_unlock(conn);
}
