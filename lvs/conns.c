// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection table. The one idea: two lock-free hashes over the same objects, one for requests
 * and one for replies, so that neither direction can be made slow by the other's keys; the hash is
 * keyed with a random secret, so nobody outside can choose buckets. The connections lie in slabs,
 * one for each size, so they cost what they contain and can be listed without the hashes. Workers
 * find, enter and remove; the control thread has the hashes resized, by a thread that lives as long
 * as that takes.
 */
#define XXH_INLINE_ALL
#define XXH_STATIC_LINKING_ONLY
#include "lvs/conns.h"
#include "lvs/forward.h"
#include "lvs/persistence.h"
#include "lvs/slab.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <xxhash.h>

#define BUCKETS_MIN 4096u

/* By the room for addresses. */
enum conn_slab {
	CONN_SLAB4,	  /* of IPv4 */
	CONN_SLAB6,	  /* of IPv6 */
	CONN_SLAB6_LOCAL, /* with a local endpoint too */
	CONN_SLABS
};

struct conns {
	struct cds_lfht *in, *out;
	struct wheel *wheel;
	struct slab *slabs[CONN_SLABS];
	struct locals *locals;
	unsigned char secret[XXH3_SECRET_SIZE_MIN + 64];
	/* control thread */
	unsigned long buckets; /* of each hash, once the resizer is done */
	pthread_t resizer;
	bool resizer_runs;
	_Atomic bool resized; /* it is about to end */
	struct carried carried;
	/* all workers */
	_Alignas(64) _Atomic uint64_t count;
	_Atomic uint64_t local_next; /* number of the local endpoint to try first */
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
		.saddr = conn_client(conn),
		.daddr = conn_virtual(conn),
		.sport = conn->cport,
		.dport = conn->vport,
		.af = conn->af,
		.protocol = conn->protocol,
		.template = !!(atomic_load_explicit(&conn->flags, memory_order_relaxed) &
			       CONN_TEMPLATE)};
}

/* A server that answers without us does so from the virtual address, also where we happen to be its
 * router; what it sends from its own is none of the connection's (ip_vs_conn_out_get()). */
static struct conn_key key_reply(const struct conn *conn, bool local)
{
	bool through = conn_method(conn)->answers;

	return (struct conn_key){.saddr = through ? conn->dest->addr : conn_virtual(conn),
				 .daddr = local ? conn_local(conn) : conn_client(conn),
				 .sport = through ? conn->dport : conn->vport,
				 .dport = local ? conn->lport : conn->cport,
				 .af = conn->af,
				 .protocol = conn->protocol};
}

static struct conn_key key_out(const struct conn *conn)
{
	return key_reply(conn, conn_has_local(conn));
}

static unsigned long key_hash(const struct conns *conns, const struct conn_key *key)
{
	return XXH3_64bits_withSecret(key, sizeof(*key), conns->secret, sizeof(conns->secret));
}

/* Asks for what the packet needs next while the first cache line is compared. */
static void prefetch(const struct conn *conn)
{
	__builtin_prefetch(conn->addrs);
	__builtin_prefetch(conn->dest);
}

static int match_in(struct cds_lfht_node *node, const void *arg)
{
	const struct conn *conn = caa_container_of(node, struct conn, in);
	struct conn_key key;

	RCU_FOUND(conn);
	prefetch(conn);
	key = key_in(conn);
	return !memcmp(&key, arg, sizeof(key));
}

static int match_out(struct cds_lfht_node *node, const void *arg)
{
	const struct conn *conn = caa_container_of(node, struct conn, out);
	struct conn_key key;

	RCU_FOUND(conn);
	prefetch(conn);
	key = key_out(conn);
	return !memcmp(&key, arg, sizeof(key));
}

/* A template's: the key first, so that match_in() can compare that. */
struct template_id {
	struct conn_key key;
	struct digest digest;
};

struct digest conns_digest(const struct conns *conns, const struct template_key *key)
{
	XXH128_hash_t hash;

	if (!key->data_len)
		return (struct digest){0};
	hash = XXH3_128bits_withSecret(key->data, key->data_len, conns->secret,
				       sizeof(conns->secret));
	return (struct digest){hash.low64, hash.high64};
}

static unsigned long id_hash(const struct conns *conns, const struct template_id *id)
{
	return key_hash(conns, &id->key) ^ id->digest.low;
}

static int match_template(struct cds_lfht_node *node, const void *arg)
{
	const struct conn *conn = caa_container_of(node, struct conn, in);
	const struct template_id *id = arg;

	return match_in(node, &id->key) && conn->digest.low == id->digest.low &&
	       conn->digest.high == id->digest.high;
}

static enum conn_slab slab_for(uint8_t af, bool local)
{
	if (af != AF_INET6)
		return CONN_SLAB4;
	return local ? CONN_SLAB6_LOCAL : CONN_SLAB6;
}

static struct cds_lfht *table_new(void)
{
	/* Not resized by itself: it would let eight share a bucket before. */
	return cds_lfht_new(BUCKETS_MIN, BUCKETS_MIN, 0, 0, NULL);
}

static void conns_destroy(struct conns *conns)
{
	if (conns->in)
		cds_lfht_destroy(conns->in, NULL);
	if (conns->out)
		cds_lfht_destroy(conns->out, NULL);
	wheel_free(conns->wheel);
	for (unsigned int i = 0; i < CONN_SLABS; i++)
		slab_free(conns->slabs[i]);
	free(conns);
}

struct conns *conns_new(uint64_t seed, uint64_t now)
{
	struct conns *conns = aligned_alloc(_Alignof(struct conns), sizeof(*conns));

	if (!conns)
		return NULL;
	memset(conns, 0, sizeof(*conns));
	XXH3_generateSecret(conns->secret, sizeof(conns->secret), &seed, sizeof(seed));
	conns->buckets = BUCKETS_MIN;
	cds_lfs_init(&conns->carried.left);
	conns->in = table_new();
	conns->out = table_new();
	conns->wheel = wheel_new(now);
	conns->slabs[CONN_SLAB4] = slab_new(CONN_SIZE4, CONN_SIZE4);
	conns->slabs[CONN_SLAB6] = slab_new(CONN_SIZE6, 16);
	conns->slabs[CONN_SLAB6_LOCAL] = slab_new(CONN_SIZE6_LOCAL, 8);
	if (conns->in && conns->out && conns->wheel && conns->slabs[CONN_SLAB4] &&
	    conns->slabs[CONN_SLAB6] && conns->slabs[CONN_SLAB6_LOCAL])
		return conns;
	conns_destroy(conns);
	return NULL;
}

void conns_free(struct conns *conns)
{
	struct conns_walk walk;
	struct conn *conn;

	if (!conns)
		return;
	if (conns->resizer_runs)
		pthread_join(conns->resizer, NULL);
	/* Controlled connections first, so that no template is held by one. */
	for (int round = 0; round < 2; round++) {
		walk = (struct conns_walk){0};
		rcu_read_lock();
		while ((conn = conns_next(conns, &walk)))
			conn_expire(conns, conn);
		rcu_read_unlock();
	}
	conns_forget(conns, NULL, NULL);
	rcu_barrier(); /* for all to be back in their slabs */
	conns_destroy(conns);
}

struct conn *conn_alloc(struct conns *conns, uint8_t af, bool local)
{
	enum conn_slab slab = slab_for(af, local);
	struct conn *conn = slab_alloc(conns->slabs[slab]);

	if (conn)
		memset(conn, 0, slab_size(conns->slabs[slab]));
	return conn;
}

void conn_set_addr(struct conn *conn, unsigned int i, const union addr *addr)
{
	if (conn->af == AF_INET6)
		memcpy(&conn->addrs[4 * i], addr, sizeof(*addr));
	else
		conn->addrs[i] = addr->ip;
}

static struct conn *find_in(const struct conns *conns, unsigned long hash, const void *key,
			    cds_lfht_match_fct match)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(conns->in, hash, match, key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct conn, in) : NULL;
}

/* Of those with the same replies (one client's port and server, several virtual addresses) the
 * newest, as in IPVS. The hash has them as they came. With @entered, the last of them, the others
 * learn that they are to be passed over. */
static struct conn *find_reply(const struct conns *conns, const struct conn_key *key,
			       const struct conn *entered)
{
	struct conn *conn = NULL;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(conns->out, key_hash(conns, key), match_out, key, &iter);
	while ((node = cds_lfht_iter_get_node(&iter))) {
		conn = caa_container_of(node, struct conn, out);
		if (conn == entered)
			break;
		if (entered)
			atomic_store_explicit(&conn->twin, true, memory_order_relaxed);
		else if (!atomic_load_explicit(&conn->twin, memory_order_relaxed))
			break;
		cds_lfht_next_duplicate(conns->out, match_out, key, &iter);
	}
	return conn;
}

struct conn *conn_find(const struct conns *conns, const struct flow *flow, enum pkt_dir dir)
{
	struct conn_key key = key_of_flow(flow, false);

	if (dir == PKT_OUT)
		return find_reply(conns, &key, NULL);
	return find_in(conns, key_hash(conns, &key), &key, match_in);
}

struct conn *conn_find_template(const struct conns *conns, const struct template_key *key)
{
	struct template_id id = {key_of_flow(&key->flow, true), conns_digest(conns, key)};

	return find_in(conns, id_hash(conns, &id), &id, match_template);
}

void conns_set_locals(struct conns *conns, struct locals *locals, uint32_t first)
{
	conns->locals = locals;
	atomic_store_explicit(&conns->local_next, first, memory_order_relaxed);
}

static void conn_set_local(struct conn *conn, const union addr *addr)
{
	if (conn->af == AF_INET6)
		memcpy(&conn->addrs[8], &addr, sizeof(addr));
	else
		conn->addrs[2] = addr->ip;
}

struct locals *conns_locals(const struct conns *conns)
{
	return conns->locals;
}

uint64_t conns_local_next(struct conns *conns)
{
	return atomic_fetch_add_explicit(&conns->local_next, 1, memory_order_relaxed);
}

bool conns_enter_local(struct conns *conns, struct conn *conn, const union addr *addr, __be16 port)
{
	struct conn_key key;

	conn_set_local(conn, addr);
	conn->lport = port;
	RCU_PUBLISHED(conn);
	key = key_reply(conn, true);
	if (cds_lfht_add_unique(conns->out, key_hash(conns, &key), match_out, &key, &conn->out) !=
	    &conn->out)
		return false;
	atomic_fetch_or_explicit(&conn->flags, CONN_LOCAL, memory_order_release);
	return true;
}

void conns_enter_out(struct conns *conns, struct conn *conn)
{
	struct conn_key key = key_out(conn);

	cds_lfht_add(conns->out, key_hash(conns, &key), &conn->out);
	find_reply(conns, &key, conn);
}

struct conn *conns_enter_in(struct conns *conns, struct conn *conn)
{
	struct template_id id = {.key = key_in(conn)};
	struct cds_lfht_node *node;

	if (id.key.template) {
		id.digest = conn->digest;
		node = cds_lfht_add_unique(conns->in, id_hash(conns, &id), match_template, &id,
					   &conn->in);
	} else {
		node = cds_lfht_add_unique(conns->in, key_hash(conns, &id.key), match_in, &id.key,
					   &conn->in);
	}
	if (node != &conn->in)
		return caa_container_of(node, struct conn, in);
	atomic_fetch_add_explicit(&conns->count, 1, memory_order_relaxed);
	slab_show(conn);
	return conn;
}

void conns_leave_out(struct conns *conns, struct conn *conn)
{
	if (!conn_lacks_local(conn))
		cds_lfht_del(conns->out, &conn->out);
}

void conns_leave_in(struct conns *conns, struct conn *conn)
{
	cds_lfht_del(conns->in, &conn->in);
}

void conns_leave(struct conns *conns, struct conn *conn)
{
	slab_hide(conn);
	atomic_fetch_sub_explicit(&conns->count, 1, memory_order_relaxed);
}

struct carried *conns_carried(struct conns *conns)
{
	return &conns->carried;
}

struct wheel *conns_wheel(const struct conns *conns)
{
	return conns->wheel;
}

/* A power of two, so that between 7/8 and 7/4 connections share a bucket after growing: the buckets
 * of both hashes take 37 bytes a connection at most. They may become few before memory is returned:
 * what comes and goes is not worth it. */
static unsigned long buckets_for(uint64_t count, unsigned long buckets)
{
	while (count > 2 * buckets - buckets / 4)
		buckets *= 2;
	if (count < buckets / 8)
		while (count < buckets / 2 && buckets > BUCKETS_MIN)
			buckets /= 2;
	return buckets;
}

static void *resizer_run(void *data)
{
	struct conns *conns = data;

	rcu_register_thread();
	cds_lfht_resize(conns->in, conns->buckets);
	cds_lfht_resize(conns->out, conns->buckets);
	rcu_unregister_thread();
	atomic_store_explicit(&conns->resized, true, memory_order_relaxed);
	return NULL;
}

/* Signals are the control thread's. If no thread can be made, the next call tries again. */
static bool resizer_start(struct conns *conns)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	atomic_store_explicit(&conns->resized, false, memory_order_relaxed);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&conns->resizer, NULL, resizer_run, conns);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return !err;
}

void conns_fit(struct conns *conns)
{
	unsigned long before = conns->buckets, want;

	if (conns->resizer_runs) {
		if (!atomic_load_explicit(&conns->resized, memory_order_relaxed))
			return;
		pthread_join(conns->resizer, NULL);
		conns->resizer_runs = false;
	}
	want = buckets_for(conns_count(conns), before);
	if (want == before)
		return;
	conns->buckets = want;
	conns->resizer_runs = resizer_start(conns);
	if (!conns->resizer_runs)
		conns->buckets = before;
}

struct conn *conns_next(const struct conns *conns, struct conns_walk *walk)
{
	struct conn *conn;

	for (; walk->slab < CONN_SLABS; walk->slab++, walk->at = (struct slab_cursor){0}) {
		conn = slab_next(conns->slabs[walk->slab], &walk->at);
		if (conn) {
			RCU_FOUND(conn);
			return conn;
		}
	}
	return NULL;
}

void conns_walk_at(const struct conns *conns, struct conns_walk *walk, uint64_t random)
{
	size_t all = 0;

	for (unsigned int i = 0; i < CONN_SLABS; i++)
		all += slab_bytes(conns->slabs[i]);
	*walk = (struct conns_walk){0};
	for (random = all ? random % all : 0; walk->slab < CONN_SLABS; walk->slab++) {
		size_t here = slab_bytes(conns->slabs[walk->slab]);

		if (random < here)
			break;
		random -= here;
	}
	if (walk->slab < CONN_SLABS)
		walk->at = slab_place(conns->slabs[walk->slab], random);
}

struct conns_memory conns_memory(const struct conns *conns)
{
	struct conns_memory memory = {.hashes = 2 * conns->buckets * sizeof(struct cds_lfht_node),
				      .fixed = sizeof(*conns) + wheel_bytes(conns->wheel)};

	for (unsigned int i = 0; i < CONN_SLABS; i++)
		memory.connections += slab_bytes(conns->slabs[i]);
	return memory;
}

uint64_t conns_count(const struct conns *conns)
{
	return atomic_load_explicit(&conns->count, memory_order_relaxed);
}
