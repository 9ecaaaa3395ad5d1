// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtual service and its destinations. The one idea: the list of destinations and the
 * scheduler's state form one thing behind one short spin lock, which only the first packet of a
 * connection takes. Only the control thread changes anything. The table that services are found in
 * is services.c's.
 */
#include "lvs/service.h"
#include "lvs/persistence.h"
#include "lvs/pool.h"
#include "lvs/services.h"
#include "lvs/timeouts.h"

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
	return persistence_find(spec->engine) ? 0 : -ENOENT;
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

/* Gives the service a scheduler with fresh state; on failure it keeps the one that it has. Caller
 * holds svc->lock or the only reference. */
static int sched_attach(struct service *svc, const struct scheduler *sched)
{
	const struct scheduler *old = svc->sched;
	_Alignas(16) uint8_t state[SCHEDULER_STATE_MAX], old_state[SCHEDULER_STATE_MAX];
	int err;

	memcpy(old_state, svc->sched_state, sizeof(old_state));
	memset(svc->sched_state, 0, sizeof(svc->sched_state));
	svc->sched = sched;
	pool_weigh(svc);
	err = sched->init ? sched->init(svc) : 0;
	memcpy(state, svc->sched_state, sizeof(state));
	if (err || (old && old->free))
		memcpy(svc->sched_state, old_state, sizeof(old_state));
	if (err) {
		svc->sched = old;
		if (old)
			pool_weigh(svc);
		return err;
	}
	if (old && old->free) {
		old->free(svc);
		memcpy(svc->sched_state, state, sizeof(state));
	}
	return 0;
}

static void service_set(struct service *svc, const struct service_spec *spec, struct match *matches)
{
	atomic_store_explicit(&svc->flags, spec->flags, memory_order_relaxed);
	atomic_store_explicit(&svc->timeout, spec->timeout, memory_order_relaxed);
	atomic_store_explicit(&svc->netmask, spec->netmask, memory_order_relaxed);
	atomic_store_explicit(&svc->engine, persistence_find(spec->engine), memory_order_relaxed);
	pthread_spin_lock(&svc->lock);
	atomic_store_explicit(&svc->limit, spec->limit, memory_order_relaxed);
	svc->room = 0;
	pthread_spin_unlock(&svc->lock);
	svc->slow_start = spec->slow_start;
	svc->datapath = spec->datapath;
	svc->schedule = spec->schedule;
	timeouts_set(&svc->timeouts, &spec->timeouts);
	atomic_store_explicit(&svc->has_timeouts, timeouts_any(&spec->timeouts),
			      memory_order_relaxed);
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
	int err;

	if (services_get(services, &spec->key))
		return -EEXIST;
	err = spec_check(spec);
	if (err)
		return err;
	err = matches_copy(spec, &matches);
	if (err)
		return err;
	svc = aligned_alloc(SERVICE_ALIGN,
			    (sizeof(*svc) + SERVICE_ALIGN - 1) / SERVICE_ALIGN * SERVICE_ALIGN);
	if (!svc) {
		err = -ENOMEM;
		goto free_matches;
	}
	memset(svc, 0, sizeof(*svc));
	svc->key = spec->key;
	CDS_INIT_LIST_HEAD(&svc->dests);
	CDS_INIT_LIST_HEAD(&svc->pool);
	CDS_INIT_LIST_HEAD(&svc->rise);
	traffic_init(&svc->traffic);
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

/* From the list to the trash, where the connections keep it. It has left the pool. Caller holds
 * svc->lock. */
static void dest_discard(struct services *services, struct service *svc, struct dest *dest)
{
	atomic_fetch_and_explicit(&dest->flags, ~DEST_AVAILABLE, memory_order_relaxed);
	cds_list_del(&dest->list);
	svc->dests_len--;
	pool_settle(svc, dest);
	estimator_del(&dest->traffic);
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
	/* The scheduler need not forget them one by one: it ends. */
	cds_list_for_each_entry_safe (dest, next, &svc->dests, list) {
		cds_list_del_init(&dest->pool);
		dest_discard(services, svc, dest);
	}
	svc->pool_len = 0;
	pthread_spin_unlock(&svc->lock);
	RCU_LEFT(svc);
	call_rcu(&svc->rcu, service_reclaim);
	return 0;
}

void service_complete(const struct service *svc, struct service_spec *spec)
{
	if (!(spec->says & SAYS_LIMIT))
		spec->limit = atomic_load_explicit(&svc->limit, memory_order_relaxed);
	if (!(spec->says & SAYS_SLOW_START))
		spec->slow_start = svc->slow_start;
	if (!(spec->says & SAYS_TIMEOUTS))
		timeouts_get(&svc->timeouts, &spec->timeouts);
	spec->says |= SAYS_LIMIT | SAYS_SLOW_START | SAYS_TIMEOUTS;
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
		.limit = atomic_load_explicit(&svc->limit, memory_order_relaxed),
		.slow_start = svc->slow_start,
		.datapath = svc->datapath,
		.schedule = svc->schedule,
		.says = SAYS_LIMIT | SAYS_SLOW_START | SAYS_TIMEOUTS,
	};
	timeouts_get(&svc->timeouts, &spec->timeouts);
	snprintf(spec->name, sizeof(spec->name), "%s", svc->name);
	snprintf(spec->scheduler, sizeof(spec->scheduler), "%s", svc->sched->name);
	snprintf(spec->engine, sizeof(spec->engine), "%s",
		 atomic_load_explicit(&svc->engine, memory_order_relaxed)->name);
}

static int dest_check(const struct dest_spec *spec)
{
	if (spec->weight < 0 || spec->lower > spec->upper)
		return -ERANGE;
	return 0;
}

/* @dest came up, or was set anew. @before: its weight until then, 0 for one that was not there. */
static int dest_changed(struct service *svc, struct dest *dest, int32_t before)
{
	if (!dest->full_weight)
		pool_settle(svc, dest);
	else if (!before && pool_rise(svc, dest))
		services_watch(svc);
	svc->room = 0; /* it may have brought connections */
	return pool_update(svc);
}

/* Caller holds svc->lock. */
static int dest_remove(struct services *services, struct service *svc, struct dest *dest)
{
	pool_leave(svc, dest);
	dest_discard(services, svc, dest);
	return pool_update(svc);
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
		dest->last_weight = 0;
		dest->credit = 0;
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
	if (services_learn(services, dest)) {
		trash_put(services, dest);
		return -ENOMEM;
	}
	dest->serial = svc->serial;
	atomic_store_explicit(&dest->svc, svc, memory_order_relaxed);
	atomic_fetch_or_explicit(&dest->flags, DEST_AVAILABLE, memory_order_relaxed);
	RCU_PUBLISHED(dest);
	pthread_spin_lock(&svc->lock);
	cds_list_add(&dest->list, &svc->dests);
	svc->dests_len++;
	services_measure(svc, &dest->traffic);
	err = dest_changed(svc, dest, 0);
	if (err)
		(void)dest_remove(services, svc, dest);
	pthread_spin_unlock(&svc->lock);
	if (!err)
		*out = dest;
	return err;
}

int service_dest_edit(struct service *svc, const struct dest_spec *spec, struct dest **out)
{
	struct dest *dest = service_dest(svc, spec->af, &spec->addr, spec->port);
	int err = dest_check(spec);
	int32_t before;

	if (err)
		return err;
	if (!dest)
		return -ENOENT;
	before = dest->full_weight;
	pthread_spin_lock(&svc->lock);
	dest_set(dest, spec);
	err = dest_changed(svc, dest, before);
	pthread_spin_unlock(&svc->lock);
	if (!err)
		*out = dest;
	return err;
}

int service_dest_del(struct services *services, struct service *svc, struct dest *dest)
{
	int err;

	pthread_spin_lock(&svc->lock);
	err = dest_remove(services, svc, dest);
	pthread_spin_unlock(&svc->lock);
	return err;
}

void service_suspend(struct service *svc)
{
	svc->suspended = true;
}

int service_resume(struct service *svc)
{
	int err;

	svc->suspended = false;
	pthread_spin_lock(&svc->lock);
	err = pool_update(svc);
	pthread_spin_unlock(&svc->lock);
	return err;
}

void service_settle(struct service *svc)
{
	struct dest *dest;

	if (!svc->rising)
		return;
	pthread_spin_lock(&svc->lock);
	cds_list_for_each_entry (dest, &svc->dests, list)
		pool_settle(svc, dest);
	(void)pool_update(svc);
	pthread_spin_unlock(&svc->lock);
}

/* With a limit: is there room for one more? Counts only where it cannot be known from before: what
 * ended since then makes more room, and what began was taken off. Caller holds svc->lock. */
static bool service_room(struct service *svc)
{
	uint64_t limit = atomic_load_explicit(&svc->limit, memory_order_relaxed), total = 0;
	const struct dest *dest;

	if (svc->room)
		return true;
	cds_list_for_each_entry (dest, &svc->dests, list)
		total += dest_total(dest);
	svc->room = total < limit ? (uint32_t)(limit - total) : 0;
	return svc->room;
}

bool service_full(struct service *svc)
{
	bool full;

	if (!atomic_load_explicit(&svc->limit, memory_order_relaxed))
		return false;
	pthread_spin_lock(&svc->lock);
	full = !service_room(svc);
	pthread_spin_unlock(&svc->lock);
	return full;
}

/* The same, and takes the place. */
static int limited_bind(struct service *svc, struct dest *dest)
{
	int err = 0;

	pthread_spin_lock(&svc->lock);
	if (!service_room(svc))
		err = -EUSERS;
	else if (!dest_bind(dest, false))
		err = -ENOSPC;
	else
		svc->room--;
	pthread_spin_unlock(&svc->lock);
	return err;
}

int service_bind(struct dest *dest)
{
	struct service *svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);

	if (svc) {
		RCU_FOUND(svc);
		if (atomic_load_explicit(&svc->limit, memory_order_relaxed))
			return limited_bind(svc, dest);
	}
	return dest_bind(dest, false) ? 0 : -ENOSPC;
}

void service_oblige(struct dest *dest)
{
	struct service *svc = atomic_load_explicit(&dest->svc, memory_order_relaxed);

	dest_oblige(dest);
	if (!svc)
		return;
	RCU_FOUND(svc);
	pthread_spin_lock(&svc->lock);
	svc->room = 0; /* to be counted */
	pthread_spin_unlock(&svc->lock);
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
