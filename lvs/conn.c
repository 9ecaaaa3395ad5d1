// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection table. The one idea: two lock-free hashes over the same objects, one for requests
 * and one for replies, so that neither direction can be made slow by the other's keys; the hash is
 * keyed with a random secret, so nobody outside can choose buckets. Workers find, add and put off;
 * the control thread lets expire what the wheel brings up. A connection is freed after a grace
 * period, so whoever found one under RCU may use it until leaving RCU.
 */
#define XXH_INLINE_ALL
#define XXH_STATIC_LINKING_ONLY
#include "lvs/conn.h"
#include "lvs/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FIRST_TIMEOUT_MS 3000 /* until the first state is known (ip_vs_conn_new) */
/* How long nobody looks for a local endpoint towards a server after all were in use: the look is
 * long, and a flood would make many. */
#define LOCAL_FULL_MS	   100
#define CONTROL_TIMEOUT_MS 60000 /* of a template that still controls (ip_vs_conn_expire) */

struct conns {
	struct cds_lfht *in, *out;
	struct wheel *wheel;
	const struct locals *locals;
	_Atomic uint64_t local_next; /* number of the local endpoint to try first */
	_Atomic uint64_t count;
	unsigned char secret[XXH3_SECRET_SIZE_MIN + 64];
};

/* What is hashed and compared, without padding. */
struct conn_key {
	union addr saddr, daddr;
	__be16 sport, dport;
	uint8_t af, protocol, template, zero;
};

static struct conn_key key_of_flow(const struct flow *flow, bool template)
{
	return (struct conn_key){.saddr = flow->saddr,
				 .daddr = flow->daddr,
				 .sport = flow->sport,
				 .dport = flow->dport,
				 .af = flow->af,
				 .protocol = flow->protocol,
				 .template = template};
}

static struct conn_key key_in(const struct conn *conn)
{
	return (struct conn_key){
		.saddr = conn->caddr,
		.daddr = conn->vaddr,
		.sport = conn->cport,
		.dport = conn->vport,
		.af = conn->af,
		.protocol = conn->protocol,
		.template = !!(atomic_load_explicit(&conn->flags, memory_order_relaxed) &
			       CONN_TEMPLATE)};
}

/* A server that answers without us does so from the virtual address, also where we happen to be its
 * router; what it sends from its own is none of the connection's (ip_vs_conn_out_get()). */
static struct conn_key key_out(const struct conn *conn)
{
	bool local = atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_LOCAL;
	bool through = conn->forward->answers;

	return (struct conn_key){.saddr = through ? conn->dest->addr : conn->vaddr,
				 .daddr = local ? conn->local->addr : conn->caddr,
				 .sport = through ? conn->dport : conn->vport,
				 .dport = local ? conn->local->port : conn->cport,
				 .af = conn->af,
				 .protocol = conn->protocol};
}

static unsigned long key_hash(const struct conns *conns, const struct conn_key *key)
{
	return XXH3_64bits_withSecret(key, sizeof(*key), conns->secret, sizeof(conns->secret));
}

static int match_in(struct cds_lfht_node *node, const void *arg)
{
	const struct conn *conn = caa_container_of(node, struct conn, in);
	struct conn_key key;

	RCU_FOUND(conn);
	key = key_in(conn);
	return !memcmp(&key, arg, sizeof(key));
}

static int match_out(struct cds_lfht_node *node, const void *arg)
{
	const struct conn *conn = caa_container_of(node, struct conn, out);
	struct conn_key key;

	RCU_FOUND(conn);
	key = key_out(conn);
	return !memcmp(&key, arg, sizeof(key));
}

static struct cds_lfht *table_new(void)
{
	return cds_lfht_new(4096, 4096, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
}

struct conns *conns_new(uint64_t seed, uint64_t now)
{
	struct conns *conns = calloc(1, sizeof(*conns));

	if (!conns)
		return NULL;
	XXH3_generateSecret(conns->secret, sizeof(conns->secret), &seed, sizeof(seed));
	conns->in = table_new();
	conns->out = table_new();
	conns->wheel = wheel_new(now);
	if (conns->in && conns->out && conns->wheel)
		return conns;
	if (conns->in)
		cds_lfht_destroy(conns->in, NULL);
	if (conns->out)
		cds_lfht_destroy(conns->out, NULL);
	wheel_free(conns->wheel);
	free(conns);
	return NULL;
}

static void conn_free(struct rcu_head *rcu)
{
	struct conn *conn = caa_container_of(rcu, struct conn, rcu);

	RCU_RECLAIM(conn);
	free(conn);
}

void conns_free(struct conns *conns)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	struct wheel_entry *entry;
	uint64_t horizon;

	if (!conns)
		return;
	/* Controlled connections first, so that no template is held by one. */
	for (int round = 0; round < 2; round++) {
		rcu_read_lock();
		cds_lfht_for_each (conns->in, &iter, node)
			conn_expire(conns, caa_container_of(node, struct conn, in));
		rcu_read_unlock();
	}
	/* What is left is in no table: templates that became invalid. */
	rcu_read_lock();
	horizon = wheel_horizon(conns->wheel);
	while ((entry = wheel_next(conns->wheel, horizon)))
		conn_expire(conns, caa_container_of(entry, struct conn, timer));
	rcu_read_unlock();
	cds_lfht_destroy(conns->in, NULL);
	cds_lfht_destroy(conns->out, NULL);
	wheel_free(conns->wheel);
	free(conns);
}

void conn_lock(struct conn *conn)
{
	while (atomic_flag_test_and_set_explicit(&conn->lock, memory_order_acquire))
		caa_cpu_relax();
}

void conn_unlock(struct conn *conn)
{
	atomic_flag_clear_explicit(&conn->lock, memory_order_release);
}

static struct conn *find(struct cds_lfht *table, const struct conns *conns,
			 const struct conn_key *key, cds_lfht_match_fct match, size_t offset)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(table, key_hash(conns, key), match, key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? (struct conn *)((char *)node - offset) : NULL;
}

struct conn *conn_find(const struct conns *conns, const struct flow *flow, enum pkt_dir dir)
{
	struct conn_key key = key_of_flow(flow, false);

	if (dir == PKT_IN)
		return find(conns->in, conns, &key, match_in, offsetof(struct conn, in));
	return find(conns->out, conns, &key, match_out, offsetof(struct conn, out));
}

struct conn *conn_find_template(const struct conns *conns, const struct flow *flow)
{
	struct conn_key key = key_of_flow(flow, true);

	return find(conns->in, conns, &key, match_in, offsetof(struct conn, in));
}

/* Everything of a new connection but its places in the tables. */
static struct conn *conn_new(const struct flow *flow, struct dest *dest, __be16 dport,
			     uint32_t fwmark, uint32_t flags, uint64_t now)
{
	const struct forward *forward = atomic_load_explicit(&dest->forward, memory_order_relaxed);
	struct conn *conn;

	if (!(flags & CONN_TEMPLATE)) {
		flags |= CONN_INACTIVE | (forward->answers ? 0 : CONN_NOOUTPUT);
		if (forward->method == FORWARD_FULLNAT)
			flags |= CONN_LOCAL;
	}
	conn = calloc(1, sizeof(*conn) + (flags & CONN_LOCAL ? sizeof(struct conn_local) : 0));
	if (!conn)
		return NULL;
	conn->dest = dest;
	conn->forward = forward;
	conn->caddr = flow->saddr;
	conn->cport = flow->sport;
	conn->vaddr = flow->daddr;
	conn->vport = flow->dport;
	conn->dport = dport;
	conn->af = flow->af;
	conn->protocol = flow->protocol;
	conn->fwmark = fwmark;
	atomic_init(&conn->flags, (uint8_t)flags);
	atomic_init(&conn->timeout, FIRST_TIMEOUT_MS);
	atomic_init(&conn->expires, now + FIRST_TIMEOUT_MS);
	atomic_flag_clear(&conn->lock);
	return conn;
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

void conns_set_locals(struct conns *conns, const struct locals *locals)
{
	conns->locals = locals;
}

/* Puts @conn among the replies. With a local endpoint it takes the next one that is free, so that
 * one comes again as late as possible; -EADDRNOTAVAIL: none is. */
static int local_add(struct conns *conns, struct conn *conn, uint64_t now)
{
	uint64_t tries = locals_count(conns->locals, conn->af), n;
	struct cds_lfht_node *node;
	struct conn_key key;

	if (now < atomic_load_explicit(&conn->dest->local_full, memory_order_relaxed))
		return -EADDRNOTAVAIL;
	while (tries--) {
		n = atomic_fetch_add_explicit(&conns->local_next, 1, memory_order_relaxed);
		locals_get(conns->locals, conn->af, n, &conn->local->addr, &conn->local->port);
		RCU_PUBLISHED(conn);
		key = key_out(conn);
		node = cds_lfht_add_unique(conns->out, key_hash(conns, &key), match_out, &key,
					   &conn->out);
		if (node == &conn->out)
			return 0;
	}
	atomic_store_explicit(&conn->dest->local_full, now + LOCAL_FULL_MS, memory_order_relaxed);
	return -EADDRNOTAVAIL;
}

static int replies_add(struct conns *conns, struct conn *conn, uint64_t now)
{
	struct conn_key key;

	if (atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_LOCAL)
		return local_add(conns, conn, now);
	key = key_out(conn);
	cds_lfht_add(conns->out, key_hash(conns, &key), &conn->out);
	return 0;
}

/* What conn_add() counted is uncounted; the connection is in no table. */
static void conn_undo(struct conn *conn, bool template)
{
	if (conn->control)
		atomic_fetch_sub_explicit(&conn->control->controls, 1, memory_order_relaxed);
	dest_unbind(conn->dest, template, false);
}

/* Into the tables, locked meanwhile, so that nobody can expire it half entered. Replies first: only
 * whoever has a place there may be found by a client. If there is the same connection already,
 * *@out is that one. */
static int conn_enter(struct conns *conns, struct conn *conn, bool template, uint64_t now,
		      struct conn **out)
{
	struct conn_key key = key_in(conn);
	struct cds_lfht_node *node;
	int err;

	conn_lock(conn);
	err = template ? 0 : replies_add(conns, conn, now);
	if (err) {
		conn_undo(conn, template);
		free(conn);
		return err;
	}
	node = cds_lfht_add_unique(conns->in, key_hash(conns, &key), match_in, &key, &conn->in);
	if (node != &conn->in) {
		if (!template)
			cds_lfht_del(conns->out, &conn->out);
		conn_undo(conn, template);
		/* An answer may have found it meanwhile. */
		atomic_fetch_or_explicit(&conn->flags, CONN_DEAD, memory_order_relaxed);
		conn_unlock(conn);
		RCU_LEFT(conn);
		call_rcu(&conn->rcu, conn_free);
		*out = caa_container_of(node, struct conn, in);
		return 0;
	}
	atomic_fetch_add_explicit(&conns->count, 1, memory_order_relaxed);
	wheel_add(conns->wheel, &conn->timer, now + FIRST_TIMEOUT_MS);
	conn_unlock(conn);
	*out = conn;
	return 0;
}

int conn_add(struct conns *conns, const struct flow *flow, struct dest *dest, __be16 dport,
	     uint32_t fwmark, uint32_t flags, struct conn *control, uint64_t now, struct conn **out)
{
	struct conn *conn = conn_new(flow, dest, dport, fwmark, flags, now);
	bool template = flags & CONN_TEMPLATE;

	if (!conn)
		return -ENOMEM;
	dest_bind(dest, template);
	if (control && control_take(control))
		conn->control = control;
	RCU_PUBLISHED(conn);
	if (flags & CONN_ONEPACKET) {
		*out = conn;
		return 0;
	}
	return conn_enter(conns, conn, template, now, out);
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
		wheel_add(conns->wheel, &conn->timer, now + timeout);
}

/* Counts it out: nobody can find it any more. */
static void conn_release(struct conn *conn, uint8_t flags)
{
	struct conn *control = conn->control;

	if (control)
		atomic_fetch_sub_explicit(&control->controls, 1, memory_order_relaxed);
	dest_unbind(conn->dest, flags & CONN_TEMPLATE, !(flags & CONN_INACTIVE));
	RCU_LEFT(conn);
	call_rcu(&conn->rcu, conn_free);
}

void conn_expire(struct conns *conns, struct conn *conn)
{
	uint8_t flags;

	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if ((flags & CONN_DEAD) || atomic_load_explicit(&conn->controls, memory_order_relaxed)) {
		conn_unlock(conn);
		return;
	}
	atomic_store_explicit(&conn->flags, flags | CONN_DEAD, memory_order_relaxed);
	conn_unlock(conn);

	if (!(flags & CONN_ONEPACKET)) {
		wheel_del(conns->wheel, &conn->timer);
		if (!(flags & CONN_UNHASHED))
			cds_lfht_del(conns->in, &conn->in);
		if (!(flags & CONN_TEMPLATE))
			cds_lfht_del(conns->out, &conn->out);
		atomic_fetch_sub_explicit(&conns->count, 1, memory_order_relaxed);
	}
	conn_release(conn, flags);
}

void conn_invalidate(struct conns *conns, struct conn *conn)
{
	uint8_t flags;

	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	if (!(flags & (CONN_DEAD | CONN_UNHASHED))) {
		atomic_store_explicit(&conn->flags, flags | CONN_UNHASHED, memory_order_relaxed);
		cds_lfht_del(conns->in, &conn->in);
	}
	conn_unlock(conn);
}

/* The wheel brought @conn up: ends it, or files it for its real time. True if it ended. */
static bool conn_due(struct conns *conns, struct conn *conn, uint64_t now)
{
	bool due = atomic_load_explicit(&conn->expires, memory_order_relaxed) <= now;

	conn_lock(conn);
	if (due && atomic_load_explicit(&conn->controls, memory_order_relaxed)) {
		conn_set_timeout(conns, conn, CONTROL_TIMEOUT_MS, now);
		due = false;
	} else if (!due &&
		   !(atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_DEAD)) {
		wheel_add(conns->wheel, &conn->timer,
			  atomic_load_explicit(&conn->expires, memory_order_relaxed));
	}
	conn_unlock(conn);
	if (due)
		conn_expire(conns, conn);
	return due;
}

bool conns_expire(struct conns *conns, uint64_t now, unsigned int budget)
{
	struct wheel_entry *entry = NULL;

	rcu_read_lock();
	while (budget--) {
		entry = wheel_next(conns->wheel, now);
		if (!entry)
			break;
		RCU_FOUND(caa_container_of(entry, struct conn, timer));
		conn_due(conns, caa_container_of(entry, struct conn, timer), now);
	}
	rcu_read_unlock();
	return entry;
}

int conns_each(struct conns *conns, int (*fn)(struct conn *conn, void *data), void *data)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	int ret;

	cds_lfht_for_each (conns->in, &iter, node) {
		struct conn *conn = caa_container_of(node, struct conn, in);

		RCU_FOUND(conn);
		ret = fn(conn, data);
		if (ret)
			return ret;
	}
	return 0;
}

uint64_t conns_count(const struct conns *conns)
{
	return atomic_load_explicit(&conns->count, memory_order_relaxed);
}
