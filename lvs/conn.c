// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of a connection. The one idea: workers make it, advance it and put off its end without a
 * lock that two packets of different connections could meet at, and what ends is decided when the
 * wheel brings it up, by the control thread. A connection is freed after a grace period, so whoever
 * found one under RCU may use it until leaving RCU. Where connections are kept and found is
 * conns.c's.
 */
#include "lvs/conns.h"
#include "lvs/endpoint.h"
#include "lvs/forward.h"
#include "lvs/persistence.h"
#include "lvs/service.h"
#include "lvs/slab.h"

#include <errno.h>
#include <sched.h>

#define FIRST_TIMEOUT_MS   3000 /* until the first state is known (ip_vs_conn_new) */
#define SPINS		   128
#define CONTROL_TIMEOUT_MS 60000 /* of a template that still controls (ip_vs_conn_expire) */

const struct forward *conn_method(const struct conn *conn)
{
	return forward_find(conn->method);
}

void conn_lock(struct conn *conn)
{
	for (unsigned int i = 1;
	     atomic_flag_test_and_set_explicit(&conn->lock, memory_order_acquire); i++) {
		if (i % SPINS)
			caa_cpu_relax();
		else
			sched_yield(); /* its holder may be waiting for this very CPU */
	}
}

void conn_unlock(struct conn *conn)
{
	atomic_flag_clear_explicit(&conn->lock, memory_order_release);
}

static void conn_free(struct rcu_head *rcu)
{
	struct conn *conn = caa_container_of(rcu, struct conn, rcu);

	RCU_RECLAIM(conn);
	slab_release(conn);
	RCU_RECLAIMED();
}

/* Everything of a new connection but its places in the tables. */
static struct conn *conn_new(struct conns *conns, const struct flow *flow, struct dest *dest,
			     __be16 dport, uint32_t fwmark, uint32_t flags, uint64_t now)
{
	const struct forward *forward = atomic_load_explicit(&dest->forward, memory_order_relaxed);
	bool local = forward->method == FORWARD_FULLNAT && !(flags & CONN_TEMPLATE);
	struct conn *conn;

	if (!(flags & CONN_TEMPLATE))
		flags |= CONN_INACTIVE | (forward->answers ? 0 : CONN_NOOUTPUT);
	conn = conn_alloc(conns, flow->af, local);
	if (!conn)
		return NULL;
	conn->dest = dest;
	conn->method = (uint8_t)forward->method & 0x7f;
	conn->carried = (forward->tracked || forward->learned) &&
			!(flags & (CONN_TEMPLATE | CONN_ONEPACKET)) &&
			(dest_carried(dest) || flags & CONN_CHOSEN);
	conn->af = flow->af;
	conn->protocol = flow->protocol;
	conn_set_addr(conn, 0, &flow->saddr);
	conn->cport = flow->sport;
	conn_set_addr(conn, 1, &flow->daddr);
	conn->vport = flow->dport;
	conn->dport = dport;
	conn->born = (uint32_t)(now / 1000);
	if (forward->method == FORWARD_BYPASS)
		conn->bypass_mark = fwmark;
	atomic_init(&conn->flags, (uint8_t)flags);
	atomic_init(&conn->timeout, FIRST_TIMEOUT_MS);
	atomic_init(&conn->expires, now + FIRST_TIMEOUT_MS);
	atomic_flag_clear(&conn->lock);
	return conn;
}

uint32_t conn_fwmark(const struct conn *conn)
{
	return conn->method == FORWARD_BYPASS ? conn->bypass_mark : conn->dest->vs.fwmark;
}

/* Makes @control responsible for one more; false if it just died. */
static bool control_take(struct conn *control)
{
	bool alive;

	conn_lock(control);
	alive = !(atomic_load_explicit(&control->flags, memory_order_relaxed) & CONN_DEAD);
	if (alive)
		atomic_fetch_add_explicit(&control->controls, 1, memory_order_relaxed);
	conn_unlock(control);
	return alive;
}

/* What conn_add() counted is uncounted; the connection is in no table. */
static void conn_undo(struct conn *conn, bool template)
{
	if (conn->control)
		atomic_fetch_sub_explicit(&conn->control->controls, 1, memory_order_relaxed);
	dest_unbind(conn->dest, template, false);
}

/* Among the replies, unless it is a template. What the kernel carries, or did, has from there the
 * local endpoint that FULLNAT takes, and enters when it is known: lvs/endpoint.h. */
static int conn_enter_out(struct conns *conns, struct conn *conn, uint32_t flags, uint64_t now)
{
	if (flags & CONN_TEMPLATE)
		return 0;
	if (conn->method != FORWARD_FULLNAT)
		conns_enter_out(conns, conn);
	else if (!conn->carried && !(flags & (CONN_RESTORED | CONN_CHOSEN)))
		return endpoint_take(conns, conn, now);
	return 0;
}

/* Into the tables, locked meanwhile, so that nobody can expire it half entered. Replies first: only
 * whoever has a place there may be found by a client. If there is the same connection already,
 * *@out is that one. */
static int conn_enter(struct conns *conns, struct conn *conn, uint32_t flags, uint64_t now,
		      struct conn **out)
{
	const bool template = flags & CONN_TEMPLATE;
	struct conn *found;
	int err;

	conn_lock(conn);
	err = conn_enter_out(conns, conn, flags, now);
	if (err) {
		conn_undo(conn, template);
		slab_release(conn);
		return err;
	}
	found = conns_enter_in(conns, conn);
	if (found != conn) {
		if (!template)
			conns_leave_out(conns, conn);
		conn_undo(conn, template);
		/* An answer may have found it meanwhile. */
		atomic_fetch_or_explicit(&conn->flags, CONN_DEAD, memory_order_relaxed);
		conn_unlock(conn);
		RCU_LEFT(conn);
		call_rcu(&conn->rcu, conn_free);
	} else {
		wheel_add(conns_wheel(conns), &conn->timer, now + FIRST_TIMEOUT_MS);
		conn_unlock(conn);
	}
	*out = found;
	return 0;
}

int conn_add_template(struct conns *conns, const struct template_key *key, struct dest *dest,
		      __be16 dport, uint64_t now, struct conn **out)
{
	struct conn *conn = conn_new(conns, &key->flow, dest, dport, 0, CONN_TEMPLATE, now);

	if (!conn)
		return -ENOMEM;
	conn->digest = conns_digest(conns, key);
	(void)dest_bind(dest, true); /* templates always fit */
	RCU_PUBLISHED(conn);
	return conn_enter(conns, conn, CONN_TEMPLATE, now, out);
}

int conn_add(struct conns *conns, const struct flow *flow, struct dest *dest, __be16 dport,
	     uint32_t fwmark, uint32_t flags, struct conn *control, uint64_t now, struct conn **out)
{
	struct conn *conn = conn_new(conns, flow, dest, dport, fwmark, flags, now);
	int err = 0;

	if (!conn)
		return -ENOMEM;
	if (flags & (CONN_RESTORED | CONN_CHOSEN))
		service_oblige(dest);
	else if (conn->carried && endpoint_full(conns, conn))
		err = -EADDRNOTAVAIL;
	else
		err = service_bind(dest);
	if (err) {
		slab_release(conn);
		return err;
	}
	if (control && control_take(control))
		conn->control = control;
	RCU_PUBLISHED(conn);
	if (flags & CONN_ONEPACKET) {
		*out = conn;
		return 0;
	}
	return conn_enter(conns, conn, flags, now, out);
}

void conn_touch(struct conn *conn, uint64_t now)
{
	uint32_t timeout = atomic_load_explicit(&conn->timeout, memory_order_relaxed);

	atomic_store_explicit(&conn->expires, now + timeout, memory_order_relaxed);
}

void conn_set_timeout(struct conns *conns, struct conn *conn, uint32_t timeout, uint64_t now)
{
	uint8_t flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);

	atomic_store_explicit(&conn->timeout, timeout, memory_order_relaxed);
	atomic_store_explicit(&conn->expires, now + timeout, memory_order_relaxed);
	if (!(flags & (CONN_DEAD | CONN_ONEPACKET)))
		wheel_add(conns_wheel(conns), &conn->timer, now + timeout);
}

void conn_reclaim(struct conn *conn)
{
	RCU_LEFT(conn);
	call_rcu(&conn->rcu, conn_free);
}

/* No longer counted. */
static void conn_uncount(struct conn *conn)
{
	uint8_t flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	struct conn *control = conn->control;

	if (control)
		atomic_fetch_sub_explicit(&control->controls, 1, memory_order_relaxed);
	dest_unbind(conn->dest, flags & CONN_TEMPLATE, !(flags & CONN_INACTIVE));
}

void conn_release(struct conns *conns, struct conn *conn)
{
	conn_uncount(conn);
	if (!carried_leave(conns, conn))
		conn_reclaim(conn);
}

bool conn_retire(struct conns *conns, struct conn *conn)
{
	uint8_t flags;

	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if ((flags & CONN_DEAD) || conn_controls(conn)) {
		conn_unlock(conn);
		return false;
	}
	atomic_store_explicit(&conn->flags, flags | CONN_DEAD, memory_order_relaxed);
	conn_unlock(conn);

	if (!(flags & CONN_ONEPACKET)) {
		wheel_del(conns_wheel(conns), &conn->timer);
		if (!(flags & CONN_UNHASHED))
			conns_leave_in(conns, conn);
		if (!(flags & CONN_TEMPLATE))
			conns_leave_out(conns, conn);
		conns_leave(conns, conn);
	}
	return true;
}

void conn_expire(struct conns *conns, struct conn *conn)
{
	if (conn_retire(conns, conn))
		conn_release(conns, conn);
}

void conn_supersede(struct conns *conns, struct conn *conn)
{
	if (!conn_retire(conns, conn))
		return;
	conn_uncount(conn);
	conn_reclaim(conn);
}

void conn_invalidate(struct conns *conns, struct conn *conn)
{
	uint8_t flags;

	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if (!(flags & (CONN_DEAD | CONN_UNHASHED))) {
		atomic_store_explicit(&conn->flags, flags | CONN_UNHASHED, memory_order_relaxed);
		conns_leave_in(conns, conn);
	}
	conn_unlock(conn);
}

/* The wheel brought @conn up: ends it, or files it for its real time. */
static void conn_due(struct conns *conns, struct conn *conn, uint64_t now)
{
	bool due = atomic_load_explicit(&conn->expires, memory_order_relaxed) <= now;
	uint32_t left = due ? carried_left(conns, conn) : 0;

	if (left) {
		atomic_store_explicit(&conn->expires, now + left, memory_order_relaxed);
		due = false;
	}
	conn_lock(conn);
	if (due && conn_controls(conn)) {
		conn_set_timeout(conns, conn, CONTROL_TIMEOUT_MS, now);
		due = false;
	} else if (!due &&
		   !(atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_DEAD)) {
		wheel_add(conns_wheel(conns), &conn->timer,
			  atomic_load_explicit(&conn->expires, memory_order_relaxed));
	}
	conn_unlock(conn);
	if (due)
		conn_supersede(conns, conn);
}

bool conns_expire(struct conns *conns, uint64_t now, unsigned int budget)
{
	struct wheel_entry *entry = NULL;

	rcu_read_lock();
	while (budget--) {
		entry = wheel_next(conns_wheel(conns), now);
		if (!entry)
			break;
		RCU_FOUND(caa_container_of(entry, struct conn, timer));
		conn_due(conns, caa_container_of(entry, struct conn, timer), now);
	}
	rcu_read_unlock();
	conns_fit(conns);
	return entry;
}
