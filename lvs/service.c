// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual services. The one idea: the table is a lock-free hash that workers read under RCU, and
 * inside a service the list of destinations and the scheduler's state form one thing behind one
 * short spin lock, which only the first packet of a connection takes. Only the control thread
 * changes anything.
 */
#include "lvs/service.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FTP_PORT	21
#define FTP_DATA_PORT	20
#define UNPRIVILEGED	1024   /* net.ipv4.ip_unprivileged_port_start */
#define TRASH_PERIOD_MS 120000 /* IP_VS_DEST_TRASH_PERIOD */

struct services {
	struct cds_lfht *table;
	uint64_t seed;
	struct cds_list_head trash;
	/* How many services there are, and of which kinds: look-ups that cannot succeed are
	 * skipped. Written by the control thread. */
	_Atomic uint32_t count, marks, ftp, any_port;
};

struct services *services_new(uint64_t seed)
{
	struct services *services = calloc(1, sizeof(*services));

	if (!services)
		return NULL;
	services->table = cds_lfht_new(64, 64, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	if (!services->table) {
		free(services);
		return NULL;
	}
	services->seed = seed;
	CDS_INIT_LIST_HEAD(&services->trash);
	return services;
}

static void service_release(struct service *svc)
{
	if (svc->sched->free)
		svc->sched->free(svc);
	pthread_spin_destroy(&svc->lock);
	free(svc->matches);
	free(svc);
}

static void service_reclaim(struct rcu_head *rcu)
{
	struct service *svc = caa_container_of(rcu, struct service, rcu);

	RCU_RECLAIM(svc);
	service_release(svc);
}

static void trash_empty(struct services *services)
{
	struct dest *dest, *next;

	cds_list_for_each_entry_safe (dest, next, &services->trash, list) {
		cds_list_del(&dest->list);
		dest_put(dest);
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

void services_each_dest(const struct services *services,
			void (*fn)(const struct dest *dest, void *data), void *data)
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
	cds_list_for_each_entry (dest, &services->trash, list)
		fn(dest, data);
}

uint32_t services_count(const struct services *services)
{
	return atomic_load_explicit(&services->count, memory_order_relaxed);
}

bool services_any_mark(const struct services *services)
{
	return any(&services->marks);
}

/* Counts a service in (+1) or out (-1). */
static void services_account(struct services *services, const struct service_key *key, uint32_t n)
{
	atomic_fetch_add_explicit(&services->count, n, memory_order_relaxed);
	if (key->fwmark)
		atomic_fetch_add_explicit(&services->marks, n, memory_order_relaxed);
	else if (!key->port)
		atomic_fetch_add_explicit(&services->any_port, n, memory_order_relaxed);
	else if (key->port == htons(FTP_PORT) && key->protocol == IPPROTO_TCP)
		atomic_fetch_add_explicit(&services->ftp, n, memory_order_relaxed);
}

static int spec_check(const struct service_spec *spec)
{
	if (spec->key.af == AF_INET6 && (spec->flags & SERVICE_PERSISTENT) &&
	    (spec->netmask < 1 || spec->netmask > 128))
		return -EINVAL;
	return 0;
}

static int matches_copy(const struct service_spec *spec, struct match **out)
{
	struct match *copy = NULL;

	if (spec->matches_len) {
		copy = calloc(spec->matches_len, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, spec->matches, spec->matches_len * sizeof(*copy));
	}
	*out = copy;
	return 0;
}

/* Gives the service a scheduler with fresh state. Caller holds svc->lock or the only reference. */
static int sched_attach(struct service *svc, const struct scheduler *sched)
{
	memset(svc->sched_state, 0, sizeof(svc->sched_state));
	svc->sched = sched;
	return sched->init ? sched->init(svc) : 0;
}

static void service_set(struct service *svc, const struct service_spec *spec, struct match *matches)
{
	atomic_store_explicit(&svc->flags, spec->flags, memory_order_relaxed);
	atomic_store_explicit(&svc->timeout, spec->timeout, memory_order_relaxed);
	atomic_store_explicit(&svc->netmask, spec->netmask, memory_order_relaxed);
	snprintf(svc->name, sizeof(svc->name), "%s", spec->name);
	free(svc->matches);
	svc->matches = matches;
	svc->matches_len = spec->matches_len;
}

int service_add(struct services *services, const struct service_spec *spec,
		const struct scheduler *sched, struct service **out)
{
	struct key_bytes key = key_bytes(&spec->key);
	struct match *matches;
	struct service *svc;
	int err = spec_check(spec);

	if (err)
		return err;
	if (services_get(services, &spec->key))
		return -EEXIST;
	err = matches_copy(spec, &matches);
	if (err)
		return err;
	svc = aligned_alloc(_Alignof(struct service), sizeof(*svc));
	if (!svc) {
		err = -ENOMEM;
		goto free_matches;
	}
	memset(svc, 0, sizeof(*svc));
	svc->key = spec->key;
	CDS_INIT_LIST_HEAD(&svc->dests);
	pthread_spin_init(&svc->lock, PTHREAD_PROCESS_PRIVATE);
	err = sched_attach(svc, sched);
	if (err)
		goto free_service;
	service_set(svc, spec, matches);
	cds_lfht_node_init(&svc->node);
	RCU_PUBLISHED(svc);
	cds_lfht_add(services->table, key_hash(services, &key), &svc->node);
	services_account(services, &svc->key, 1);
	*out = svc;
	return 0;

free_service:
	pthread_spin_destroy(&svc->lock);
	free(svc);
free_matches:
	free(matches);
	return err;
}

int service_edit(struct service *svc, const struct service_spec *spec,
		 const struct scheduler *sched)
{
	const struct scheduler *old = svc->sched;
	struct match *matches;
	int err = spec_check(spec);

	if (err)
		return err;
	err = matches_copy(spec, &matches);
	if (err)
		return err;
	if (sched != old) {
		pthread_spin_lock(&svc->lock);
		if (old->free)
			old->free(svc);
		err = sched_attach(svc, sched);
		pthread_spin_unlock(&svc->lock);
		if (err) {
			free(matches);
			return err;
		}
	}
	service_set(svc, spec, matches);
	return 0;
}

/* From the list to the trash, where the connections keep it. Caller holds svc->lock. */
static void dest_discard(struct services *services, struct service *svc, struct dest *dest)
{
	atomic_fetch_and_explicit(&dest->flags, ~DEST_AVAILABLE, memory_order_relaxed);
	cds_list_del(&dest->list);
	svc->dests_len--;
	cds_list_add(&dest->list, &services->trash);
	dest->idle_since = 0;
	dest->from_file = false;
}

int service_del(struct services *services, struct service *svc)
{
	struct dest *dest, *next;

	if (cds_lfht_del(services->table, &svc->node))
		return -ESRCH;
	services_account(services, &svc->key, (uint32_t)-1);
	pthread_spin_lock(&svc->lock);
	cds_list_for_each_entry_safe (dest, next, &svc->dests, list) {
		dest_discard(services, svc, dest);
		atomic_store_explicit(&dest->svc, NULL, memory_order_relaxed);
	}
	pthread_spin_unlock(&svc->lock);
	RCU_LEFT(svc);
	call_rcu(&svc->rcu, service_reclaim);
	return 0;
}

void service_get(const struct service *svc, struct service_spec *spec)
{
	*spec = (struct service_spec){
		.key = svc->key,
		.flags = atomic_load_explicit(&svc->flags, memory_order_relaxed),
		.timeout = atomic_load_explicit(&svc->timeout, memory_order_relaxed),
		.netmask = atomic_load_explicit(&svc->netmask, memory_order_relaxed),
		.matches = svc->matches,
		.matches_len = svc->matches_len,
	};
	snprintf(spec->name, sizeof(spec->name), "%s", svc->name);
	snprintf(spec->scheduler, sizeof(spec->scheduler), "%s", svc->sched->name);
}

struct dest *service_dest(const struct service *svc, uint8_t af, const union addr *addr,
			  __be16 port)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list)
		if (dest->af == af && dest->port == port && addr_equal(&dest->addr, addr))
			return dest;
	return NULL;
}

static struct dest *trash_find(struct services *services, const struct service_key *vs,
			       const struct dest_spec *spec)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &services->trash, list)
		if (dest->af == spec->af && dest->port == spec->port &&
		    addr_equal(&dest->addr, &spec->addr) && service_key_equal(&dest->vs, vs))
			return dest;
	return NULL;
}

static int dest_check(const struct dest_spec *spec)
{
	if (spec->weight < 0 || spec->lower > spec->upper)
		return -ERANGE;
	return 0;
}

/* Tells the scheduler. Caller holds svc->lock. */
static int sched_update(struct service *svc)
{
	return svc->sched->update ? svc->sched->update(svc) : 0;
}

int service_dest_add(struct services *services, struct service *svc, const struct dest_spec *spec,
		     struct dest **out)
{
	struct dest *dest;
	int err = dest_check(spec);

	if (err)
		return err;
	if (service_dest(svc, spec->af, &spec->addr, spec->port))
		return -EEXIST;
	dest = trash_find(services, &svc->key, spec);
	if (dest) {
		cds_list_del(&dest->list);
		dest_set(dest, spec);
	} else {
		dest = dest_new(spec, &svc->key);
		if (!dest)
			return -ENOMEM;
	}
	atomic_store_explicit(&dest->svc, svc, memory_order_relaxed);
	atomic_fetch_or_explicit(&dest->flags, DEST_AVAILABLE, memory_order_relaxed);
	RCU_PUBLISHED(dest);
	pthread_spin_lock(&svc->lock);
	cds_list_add(&dest->list, &svc->dests);
	svc->dests_len++;
	err = sched_update(svc);
	if (err)
		dest_discard(services, svc, dest);
	pthread_spin_unlock(&svc->lock);
	if (!err)
		*out = dest;
	return err;
}

int service_dest_edit(struct service *svc, const struct dest_spec *spec, struct dest **out)
{
	struct dest *dest = service_dest(svc, spec->af, &spec->addr, spec->port);
	int err = dest_check(spec);

	if (err)
		return err;
	if (!dest)
		return -ENOENT;
	pthread_spin_lock(&svc->lock);
	dest_set(dest, spec);
	err = sched_update(svc);
	pthread_spin_unlock(&svc->lock);
	if (!err)
		*out = dest;
	return err;
}

int service_dest_del(struct services *services, struct service *svc, struct dest *dest)
{
	int err;

	pthread_spin_lock(&svc->lock);
	if (svc->sched->forget)
		svc->sched->forget(svc, dest);
	dest_discard(services, svc, dest);
	err = sched_update(svc);
	pthread_spin_unlock(&svc->lock);
	return err;
}

bool services_sweep(struct services *services, uint64_t now)
{
	struct dest *dest, *next;
	bool freed = false;

	cds_list_for_each_entry_safe (dest, next, &services->trash, list) {
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

struct dest *service_schedule(struct service *svc, const struct flow *flow)
{
	struct dest *dest = NULL;

	pthread_spin_lock(&svc->lock);
	if (svc->dests_len)
		dest = svc->sched->pick(svc, flow, svc->sched_state);
	pthread_spin_unlock(&svc->lock);
	return dest;
}

struct dest *service_peek(struct service *svc, const struct flow *flow)
{
	_Alignas(16) uint8_t state[SCHEDULER_STATE_MAX];
	struct dest *dest = NULL;

	pthread_spin_lock(&svc->lock);
	memcpy(state, svc->sched_state, sizeof(state));
	if (svc->dests_len)
		dest = svc->sched->pick(svc, flow, state);
	pthread_spin_unlock(&svc->lock);
	return dest;
}
