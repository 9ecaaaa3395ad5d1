// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtual service and its destinations. The one idea: the list of destinations and the
 * scheduler's state form one thing behind one short spin lock, which only the first packet of a
 * connection takes. Only the control thread changes anything. The table that services are found in
 * is services.c's.
 */
#include "lvs/service.h"
#include "lvs/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	CDS_INIT_LIST_HEAD(&svc->pool);
	pthread_spin_init(&svc->lock, PTHREAD_PROCESS_PRIVATE);
	err = sched_attach(svc, sched);
	if (err)
		goto free_service;
	service_set(svc, spec, matches);
	services_insert(services, svc);
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

static void pool_add(struct service *svc, struct dest *dest)
{
	cds_list_add(&dest->pool, &svc->pool);
	svc->pool_len++;
}

static void pool_del(struct service *svc, struct dest *dest)
{
	if (cds_list_empty(&dest->pool))
		return;
	cds_list_del_init(&dest->pool);
	svc->pool_len--;
}

/* From the list to the trash, where the connections keep it. Caller holds svc->lock. */
static void dest_discard(struct services *services, struct service *svc, struct dest *dest)
{
	atomic_fetch_and_explicit(&dest->flags, ~DEST_AVAILABLE, memory_order_relaxed);
	cds_list_del(&dest->list);
	svc->dests_len--;
	pool_del(svc, dest);
	dest->from_file = false;
	/* The service may be freed before the server is revived. */
	atomic_store_explicit(&dest->svc, NULL, memory_order_relaxed);
	trash_put(services, dest);
}

int service_del(struct services *services, struct service *svc)
{
	struct dest *dest, *next;

	if (!services_remove(services, svc))
		return -ESRCH;
	pthread_spin_lock(&svc->lock);
	cds_list_for_each_entry_safe (dest, next, &svc->dests, list)
		dest_discard(services, svc, dest);
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
	if (!addr_is_unicast(spec->af, &spec->addr))
		return -EINVAL;
	dest = trash_take(services, &svc->key, spec);
	if (dest) {
		dest_set(dest, spec);
		/* Another service of the same address, port or mark starts to count anew, as in
		 * IPVS (__ip_vs_update_dest). */
		if (dest->serial != svc->serial)
			traffic_zero(&dest->traffic);
	} else {
		dest = dest_new(spec, &svc->key);
		if (!dest)
			return -ENOMEM;
	}
	dest->serial = svc->serial;
	atomic_store_explicit(&dest->svc, svc, memory_order_relaxed);
	atomic_fetch_or_explicit(&dest->flags, DEST_AVAILABLE, memory_order_relaxed);
	RCU_PUBLISHED(dest);
	pthread_spin_lock(&svc->lock);
	cds_list_add(&dest->list, &svc->dests);
	svc->dests_len++;
	pool_add(svc, dest);
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

struct dest *service_schedule(struct service *svc, const struct flow *flow,
			      const struct sched_time *time)
{
	struct dest *dest = NULL;

	pthread_spin_lock(&svc->lock);
	if (svc->pool_len) {
		dest = svc->sched->pick(svc, flow, svc->sched_state);
		if (svc->sched->commit)
			svc->sched->commit(svc, flow, dest, time);
	}
	pthread_spin_unlock(&svc->lock);
	return dest;
}

struct dest *service_peek(struct service *svc, const struct flow *flow)
{
	_Alignas(16) uint8_t state[SCHEDULER_STATE_MAX];
	struct dest *dest = NULL;

	pthread_spin_lock(&svc->lock);
	memcpy(state, svc->sched_state, sizeof(state));
	if (svc->pool_len)
		dest = svc->sched->pick(svc, flow, state);
	pthread_spin_unlock(&svc->lock);
	return dest;
}

static int service_minute(struct service *svc, void *data)
{
	if (svc->sched->tick) {
		pthread_spin_lock(&svc->lock);
		svc->sched->tick(svc, data);
		pthread_spin_unlock(&svc->lock);
	}
	return 0;
}

void services_minute(struct services *services, const struct sched_time *time)
{
	struct sched_time copy = *time;

	rcu_read_lock();
	services_each(services, service_minute, &copy);
	rcu_read_unlock();
}
