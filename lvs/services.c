// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of virtual services, and the trash of their removed destinations. The one idea: a
 * lock-free hash that workers read under RCU, asked in IPVS's order of look-up; counts of the rarer
 * kinds of service let a packet skip look-ups that cannot succeed. Only the control thread changes
 * anything; the trash is its own, hashed because a reload may revive thousands of servers.
 */
#include "lvs/services.h"
#include "lvs/pool.h"
#include "lvs/realservers.h"

#define XXH_INLINE_ALL
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FTP_PORT	21
#define FTP_DATA_PORT	20
#define UNPRIVILEGED	1024   /* net.ipv4.ip_unprivileged_port_start */
#define TRASH_PERIOD_MS 120000 /* IP_VS_DEST_TRASH_PERIOD */
#define TRASH_BUCKETS	4096u  /* a reload may look for tens of thousands at once */
#define BUCKETS_MIN	16384u /* or up to eight services would share one */
#define INDEX_BUCKETS	16384u /* and one file has a hundred thousand servers */
#define RISE_BATCH	1000u  /* services whose slow starts go on in one call */
#define SAME_TURN	256u   /* servers that are estimated together with their service */

struct services {
	struct cds_lfht *table;
	struct realservers *realservers;
	uint64_t seed;
	struct cds_list_head trash[TRASH_BUCKETS]; /* by service and server */
	struct cds_list_head index[INDEX_BUCKETS]; /* the same, of those in services */
	/* How many services there are of each of these kinds: look-ups that cannot succeed are
	 * skipped. Written by the control thread. */
	_Atomic uint32_t marks, ftp, any_port;
	/* control thread */
	uint64_t serial;	   /* of the service that was added last */
	struct cds_list_head rise; /* services with a server in its slow start */
	struct estimator estimator;
	uint64_t removals; /* servers that went to the trash, ever */
};

struct services *services_new(uint64_t seed)
{
	struct services *services = calloc(1, sizeof(*services));

	if (!services)
		return NULL;
	services->table = cds_lfht_new(BUCKETS_MIN, BUCKETS_MIN, 0,
				       CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	services->realservers = realservers_new(seed);
	if (!services->table || !services->realservers) {
		if (services->table)
			cds_lfht_destroy(services->table, NULL);
		realservers_free(services->realservers);
		free(services);
		return NULL;
	}
	services->seed = seed;
	CDS_INIT_LIST_HEAD(&services->rise);
	estimator_init(&services->estimator);
	for (unsigned int i = 0; i < TRASH_BUCKETS; i++)
		CDS_INIT_LIST_HEAD(&services->trash[i]);
	for (unsigned int i = 0; i < INDEX_BUCKETS; i++)
		CDS_INIT_LIST_HEAD(&services->index[i]);
	return services;
}

static void trash_empty(struct services *services)
{
	struct dest *dest, *next;

	for (unsigned int i = 0; i < TRASH_BUCKETS; i++) {
		cds_list_for_each_entry_safe (dest, next, &services->trash[i], list) {
			cds_list_del(&dest->list);
			dest_put(dest);
		}
	}
}

void services_free(struct services *services)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	if (!services)
		return;
	rcu_read_lock();
	cds_lfht_for_each (services->table, &iter, node)
		service_del(services, caa_container_of(node, struct service, node));
	rcu_read_unlock();
	trash_empty(services);
	cds_lfht_destroy(services->table, NULL);
	realservers_free(services->realservers);
	free(services);
}

/* What of a key is compared and hashed, without padding. */
struct key_bytes {
	union addr addr;
	uint32_t fwmark;
	__be16 port;
	uint8_t af, protocol;
};

static struct key_bytes key_bytes(const struct service_key *key)
{
	if (key->fwmark)
		return (struct key_bytes){.fwmark = key->fwmark, .af = key->af};
	return (struct key_bytes){
		.addr = key->addr, .port = key->port, .af = key->af, .protocol = key->protocol};
}

static unsigned long key_hash(const struct services *services, const struct key_bytes *key)
{
	return XXH3_64bits_withSeed(key, sizeof(*key), services->seed);
}

static int key_match(struct cds_lfht_node *node, const void *arg)
{
	const struct service *svc = caa_container_of(node, struct service, node);
	struct key_bytes have;

	RCU_FOUND(svc);
	have = key_bytes(&svc->key);
	return !memcmp(&have, arg, sizeof(have));
}

struct service *services_get(const struct services *services, const struct service_key *key)
{
	struct key_bytes want = key_bytes(key);
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(services->table, key_hash(services, &want), key_match, &want, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct service, node) : NULL;
}

static bool any(const _Atomic uint32_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

struct service *services_find(const struct services *services, const struct flow *flow,
			      uint32_t mark)
{
	struct service_key key = {.af = flow->af, .fwmark = mark};
	uint16_t port = ntohs(flow->dport);
	struct service *svc;

	if (mark && any(&services->marks)) {
		svc = services_get(services, &key);
		if (svc)
			return svc;
	}
	key = (struct service_key){.af = flow->af,
				   .protocol = flow->protocol,
				   .port = flow->dport,
				   .addr = flow->daddr};
	svc = services_get(services, &key);
	if (svc)
		return svc;
	if (flow->protocol == IPPROTO_TCP && any(&services->ftp) &&
	    (port == FTP_DATA_PORT || port >= UNPRIVILEGED)) {
		key.port = htons(FTP_PORT);
		svc = services_get(services, &key);
		if (svc)
			return svc;
	}
	if (any(&services->any_port)) {
		key.port = 0;
		return services_get(services, &key);
	}
	return NULL;
}

int services_each(const struct services *services, int (*fn)(struct service *svc, void *data),
		  void *data)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	int ret;

	cds_lfht_for_each (services->table, &iter, node) {
		struct service *svc = caa_container_of(node, struct service, node);

		RCU_FOUND(svc);
		ret = fn(svc, data);
		if (ret)
			return ret;
	}
	return 0;
}

void services_each_dest(const struct services *services, void (*fn)(struct dest *dest, void *data),
			void *data)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	struct dest *dest;

	rcu_read_lock();
	cds_lfht_for_each (services->table, &iter, node) {
		struct service *svc = caa_container_of(node, struct service, node);

		cds_list_for_each_entry (dest, &svc->dests, list)
			fn(dest, data);
	}
	rcu_read_unlock();
	for (unsigned int i = 0; i < TRASH_BUCKETS; i++)
		cds_list_for_each_entry (dest, &services->trash[i], list)
			fn(dest, data);
}

/* Counts a service of the rarer kinds in (+1) or out (-1). */
static void services_account(struct services *services, const struct service_key *key, uint32_t n)
{
	if (key->fwmark)
		atomic_fetch_add_explicit(&services->marks, n, memory_order_relaxed);
	else if (!key->port)
		atomic_fetch_add_explicit(&services->any_port, n, memory_order_relaxed);
	else if (key->port == htons(FTP_PORT) && key->protocol == IPPROTO_TCP)
		atomic_fetch_add_explicit(&services->ftp, n, memory_order_relaxed);
}

void services_insert(struct services *services, struct service *svc)
{
	struct key_bytes key = key_bytes(&svc->key);

	cds_lfht_node_init(&svc->node);
	svc->serial = ++services->serial;
	svc->table = services;
	services_measure(svc, &svc->traffic);
	RCU_PUBLISHED(svc);
	cds_lfht_add(services->table, key_hash(services, &key), &svc->node);
	services_account(services, &svc->key, 1);
}

bool services_remove(struct services *services, struct service *svc)
{
	if (cds_lfht_del(services->table, &svc->node))
		return false;
	services_account(services, &svc->key, (uint32_t)-1);
	estimator_del(&svc->traffic);
	cds_list_del_init(&svc->rise);
	return true;
}

void services_watch(struct service *svc)
{
	if (cds_list_empty(&svc->rise))
		cds_list_add(&svc->rise, &svc->table->rise);
}

/* In turn, if there are very many. */
void services_rise(struct services *services, uint64_t now)
{
	struct service *svc, *first = NULL;

	for (unsigned int i = 0; i < RISE_BATCH && !cds_list_empty(&services->rise); i++) {
		svc = cds_list_first_entry(&services->rise, struct service, rise);
		if (svc == first)
			break;
		cds_list_del_init(&svc->rise);
		if (!pool_step(svc, now))
			continue;
		cds_list_add_tail(&svc->rise, &services->rise);
		first = first ? first : svc;
	}
}

void services_measure(struct service *svc, struct traffic *traffic)
{
	estimator_add(&svc->table->estimator, traffic, svc->serial + svc->dests_len / SAME_TURN);
}

void services_estimate(struct services *services)
{
	estimator_run(&services->estimator);
}

static uint64_t server_hash(const struct services *services, const struct service_key *vs,
			    uint8_t af, const union addr *addr, __be16 port)
{
	struct {
		struct key_bytes vs;
		union addr addr;
		__be16 port;
		uint8_t af, zero;
	} key = {.vs = key_bytes(vs), .addr = *addr, .port = port, .af = af};

	return XXH3_64bits_withSeed(&key, sizeof(key), services->seed);
}

/* Where a server that was removed from the service @vs lies. */
static struct cds_list_head *trash_bucket(struct services *services, const struct service_key *vs,
					  uint8_t af, const union addr *addr, __be16 port)
{
	return &services->trash[server_hash(services, vs, af, addr, port) % TRASH_BUCKETS];
}

/* Where one lies that is in the service @vs. */
static struct cds_list_head *index_bucket(struct services *services, const struct service_key *vs,
					  uint8_t af, const union addr *addr, __be16 port)
{
	return &services->index[server_hash(services, vs, af, addr, port) % INDEX_BUCKETS];
}

struct dest *service_dest(const struct service *svc, uint8_t af, const union addr *addr,
			  __be16 port)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, index_bucket(svc->table, &svc->key, af, addr, port), known)
		if (atomic_load_explicit(&dest->svc, memory_order_relaxed) == svc &&
		    dest->af == af && dest->port == port && addr_equal(&dest->addr, addr))
			return dest;
	return NULL;
}

int services_learn(struct services *services, struct dest *dest)
{
	int err = realservers_add(services->realservers, dest);

	if (!err)
		cds_list_add(&dest->known,
			     index_bucket(services, &dest->vs, dest->af, &dest->addr, dest->port));
	return err;
}

bool services_answer_from(const struct services *services, const struct flow *flow)
{
	return realservers_have(services->realservers, flow);
}

uint64_t services_removals(const struct services *services)
{
	return services->removals;
}

void trash_put(struct services *services, struct dest *dest)
{
	services->removals++;
	realservers_del(services->realservers, dest);
	cds_list_del_init(&dest->known);
	cds_list_add(&dest->list,
		     trash_bucket(services, &dest->vs, dest->af, &dest->addr, dest->port));
	dest->idle_since = 0;
}

struct dest *trash_take(struct services *services, const struct service_key *vs,
			const struct dest_spec *spec)
{
	struct cds_list_head *bucket =
		trash_bucket(services, vs, spec->af, &spec->addr, spec->port);
	struct dest *dest;

	cds_list_for_each_entry (dest, bucket, list) {
		if (dest->af == spec->af && dest->port == spec->port &&
		    addr_equal(&dest->addr, &spec->addr) && service_key_equal(&dest->vs, vs)) {
			cds_list_del(&dest->list);
			return dest;
		}
	}
	return NULL;
}

/* Frees what lay in one bucket for long enough; true if there was any. */
static bool bucket_sweep(struct cds_list_head *bucket, uint64_t now)
{
	struct dest *dest, *next;
	bool freed = false;

	cds_list_for_each_entry_safe (dest, next, bucket, list) {
		if (atomic_load_explicit(&dest->refs, memory_order_relaxed) > 1) {
			dest->idle_since = 0;
		} else if (!dest->idle_since) {
			dest->idle_since = now;
		} else if (now - dest->idle_since >= TRASH_PERIOD_MS) {
			cds_list_del(&dest->list);
			dest_put(dest);
			freed = true;
		}
	}
	return freed;
}

bool services_sweep(struct services *services, uint64_t now)
{
	bool freed = false;

	for (unsigned int i = 0; i < TRASH_BUCKETS; i++)
		freed |= bucket_sweep(&services->trash[i], now);
	return freed;
}
