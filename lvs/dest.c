// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Destinations: the real servers inside a service. The one idea: who refers to a destination (its
 * service or the trash, and each connection) holds a reference, so a removed server lives on while
 * its connections do and can be revived. Workers bind and unbind connections; the control thread
 * makes, changes and removes.
 */
#include "lvs/dest.h"
#include "lvs/forward.h"

#include <stdlib.h>
#include <string.h>

/*
 * IPVS's hysteresis (lvs-semantics, section 4): overloaded from the upper threshold on, until the
 * count falls below the lower one, which is three quarters of the upper if not set. Between the two
 * it stays what it is. Returns @flags as they should be.
 */
static uint32_t overload_judge(const struct dest *dest, uint32_t total, uint32_t flags)
{
	uint32_t upper = atomic_load_explicit(&dest->upper, memory_order_relaxed);
	uint32_t lower = atomic_load_explicit(&dest->lower, memory_order_relaxed);

	if (!lower)
		lower = upper - upper / 4;
	if (upper && total >= upper)
		return flags | DEST_OVERLOAD;
	return !upper || total < lower ? flags & ~DEST_OVERLOAD : flags;
}

static uint32_t limit_judge(const struct dest *dest, uint32_t total, uint32_t flags)
{
	uint32_t limit = atomic_load_explicit(&dest->limit, memory_order_relaxed);

	return limit && total >= limit ? flags | DEST_FULL : flags & ~DEST_FULL;
}

static void dest_judge(struct dest *dest)
{
	uint32_t flags, wanted, total;

	/* Once more after each change: if the counts moved meanwhile, whoever moved them may have
	 * judged by the old flags, and perhaps nobody comes after us. */
	for (;;) {
		flags = atomic_load_explicit(&dest->flags, memory_order_relaxed);
		total = dest_total(dest);
		wanted = limit_judge(dest, total, overload_judge(dest, total, flags));
		if (wanted == flags)
			return;
		if (wanted & ~flags)
			atomic_fetch_or(&dest->flags, wanted & ~flags);
		if (flags & ~wanted)
			atomic_fetch_and(&dest->flags, ~(flags & ~wanted));
	}
}

struct dest *dest_new(const struct dest_spec *spec, const struct service_key *vs)
{
	const size_t size = (sizeof(struct dest) + DEST_ALIGN - 1) / DEST_ALIGN * DEST_ALIGN;
	struct dest *dest = aligned_alloc(DEST_ALIGN, size);

	if (!dest)
		return NULL;
	memset(dest, 0, sizeof(*dest));
	CDS_INIT_LIST_HEAD(&dest->list);
	CDS_INIT_LIST_HEAD(&dest->pool);
	CDS_INIT_LIST_HEAD(&dest->known);
	dest->af = spec->af;
	dest->port = spec->port;
	dest->addr = spec->addr;
	dest->vs = *vs;
	atomic_init(&dest->refs, 1);
	traffic_init(&dest->traffic);
	dest_set(dest, spec);
	return dest;
}

void dest_set(struct dest *dest, const struct dest_spec *spec)
{
	const struct forward *forward = forward_find(spec->method);

	dest->answers |= forward->answers;
	dest->full_weight = spec->weight;
	if (spec->weight)
		dest->last_weight = spec->weight;
	dest->backup = spec->backup;
	dest->own_slow_start = spec->says & SAYS_SLOW_START;
	dest->slow_start = spec->slow_start;
	atomic_store_explicit(&dest->forward, forward, memory_order_relaxed);
	atomic_store_explicit(&dest->weight, spec->weight, memory_order_relaxed);
	atomic_store_explicit(&dest->limit, spec->limit, memory_order_relaxed);
	atomic_store_explicit(&dest->upper, spec->upper, memory_order_relaxed);
	atomic_store_explicit(&dest->lower, spec->lower, memory_order_relaxed);
	atomic_store_explicit(&dest->tunnel,
			      (uint32_t)spec->tunnel.port << 16 | spec->tunnel.flags << 8 |
				      spec->tunnel.type,
			      memory_order_relaxed);
	dest_judge(dest);
}

void dest_get(const struct dest *dest, struct dest_spec *spec)
{
	*spec = (struct dest_spec){
		.af = dest->af,
		.method = atomic_load_explicit(&dest->forward, memory_order_relaxed)->method,
		.port = dest->port,
		.weight = dest->full_weight,
		.upper = atomic_load_explicit(&dest->upper, memory_order_relaxed),
		.lower = atomic_load_explicit(&dest->lower, memory_order_relaxed),
		.limit = atomic_load_explicit(&dest->limit, memory_order_relaxed),
		.slow_start = dest->own_slow_start ? dest->slow_start : 0,
		.backup = dest->backup,
		.says = SAYS_LIMIT | SAYS_BACKUP | (dest->own_slow_start ? SAYS_SLOW_START : 0),
		.tunnel = dest_tunnel(dest),
		.addr = dest->addr,
	};
}

void dest_complete(const struct dest *dest, struct dest_spec *spec)
{
	struct dest_spec now;

	dest_get(dest, &now);
	if (!(spec->says & SAYS_LIMIT))
		spec->limit = now.limit;
	if (!(spec->says & SAYS_BACKUP))
		spec->backup = now.backup;
	if (!(spec->says & SAYS_SLOW_START))
		spec->slow_start = now.slow_start;
	spec->says |= now.says;
}

/* Takes one more place, if there is one. */
static bool place_take(struct dest *dest)
{
	uint32_t limit = atomic_load_explicit(&dest->limit, memory_order_relaxed);
	uint32_t total = dest_total(dest);

	if (!limit) {
		atomic_fetch_add_explicit(&dest->total, 1, memory_order_relaxed);
		return true;
	}
	do {
		if (total >= limit)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&dest->total, &total, total + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool dest_bind(struct dest *dest, bool template)
{
	if (template)
		atomic_fetch_add_explicit(&dest->persistent, 1, memory_order_relaxed);
	else if (!place_take(dest)) {
		dest_judge(dest); /* lest it be chosen again before whoever took the last place says
				     so */
		return false;
	}
	atomic_fetch_add_explicit(&dest->refs, 1, memory_order_relaxed);
	dest_judge(dest);
	return true;
}

void dest_oblige(struct dest *dest)
{
	atomic_fetch_add_explicit(&dest->total, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&dest->refs, 1, memory_order_relaxed);
	dest_judge(dest);
}

void dest_unbind(struct dest *dest, bool template, bool active)
{
	if (active && !template)
		atomic_fetch_sub_explicit(&dest->active, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(template ? &dest->persistent : &dest->total, 1,
				  memory_order_relaxed);
	dest_judge(dest);
	dest_put(dest);
}

void dest_activate(struct dest *dest, bool active)
{
	if (active)
		atomic_fetch_add_explicit(&dest->active, 1, memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(&dest->active, 1, memory_order_relaxed);
}

static void dest_free(struct rcu_head *rcu)
{
	struct dest *dest = caa_container_of(rcu, struct dest, rcu);

	RCU_RECLAIM(dest);
	dest_forget_route(dest);
	free(dest);
}

void dest_put(struct dest *dest)
{
	if (atomic_fetch_sub_explicit(&dest->refs, 1, memory_order_acq_rel) != 1)
		return;
	RCU_LEFT(dest);
	call_rcu(&dest->rcu, dest_free);
}
