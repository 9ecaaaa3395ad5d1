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

/*
 * IPVS's hysteresis (lvs-semantics, section 4): overloaded from the upper threshold on, until the
 * count falls below the lower one, which is three quarters of the upper if not set.
 */
static void dest_judge(struct dest *dest)
{
	uint32_t upper, lower, total;
	bool overloaded;

	/* Once more after each change: if the counts moved meanwhile, whoever moved them may have
	 * judged by the old flag, and perhaps nobody comes after us. */
	for (;;) {
		upper = atomic_load_explicit(&dest->upper, memory_order_relaxed);
		lower = atomic_load_explicit(&dest->lower, memory_order_relaxed);
		total = dest_total(dest);
		overloaded = dest_overloaded(dest);
		if (!lower)
			lower = upper - upper / 4;
		if (upper && total >= upper && !overloaded)
			atomic_fetch_or(&dest->flags, DEST_OVERLOAD);
		else if ((!upper || total < lower) && overloaded)
			atomic_fetch_and(&dest->flags, ~DEST_OVERLOAD);
		else
			return;
	}
}

static void zero(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, 0, memory_order_relaxed);
}

void traffic_zero(struct traffic *traffic)
{
	zero(&traffic->conns);
	zero(&traffic->in_pkts);
	zero(&traffic->out_pkts);
	zero(&traffic->in_bytes);
	zero(&traffic->out_bytes);
}

struct dest *dest_new(const struct dest_spec *spec, const struct service_key *vs)
{
	struct dest *dest = calloc(1, sizeof(*dest));

	if (!dest)
		return NULL;
	CDS_INIT_LIST_HEAD(&dest->list);
	CDS_INIT_LIST_HEAD(&dest->pool);
	dest->af = spec->af;
	dest->port = spec->port;
	dest->addr = spec->addr;
	dest->vs = *vs;
	atomic_init(&dest->refs, 1);
	dest_set(dest, spec);
	return dest;
}

void dest_set(struct dest *dest, const struct dest_spec *spec)
{
	const struct forward *forward = forward_find(spec->method);

	dest->answers |= forward->answers;
	atomic_store_explicit(&dest->forward, forward, memory_order_relaxed);
	atomic_store_explicit(&dest->weight, spec->weight, memory_order_relaxed);
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
		.weight = dest_weight(dest),
		.upper = atomic_load_explicit(&dest->upper, memory_order_relaxed),
		.lower = atomic_load_explicit(&dest->lower, memory_order_relaxed),
		.tunnel = dest_tunnel(dest),
		.addr = dest->addr,
	};
}

void dest_bind(struct dest *dest, bool template)
{
	atomic_fetch_add_explicit(&dest->refs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(template ? &dest->persistent : &dest->inactive, 1,
				  memory_order_relaxed);
	dest_judge(dest);
}

void dest_unbind(struct dest *dest, bool template, bool active)
{
	atomic_fetch_sub_explicit(template ? &dest->persistent
				  : active ? &dest->active
					   : &dest->inactive,
				  1, memory_order_relaxed);
	dest_judge(dest);
	dest_put(dest);
}

void dest_activate(struct dest *dest, bool active)
{
	atomic_fetch_add_explicit(active ? &dest->active : &dest->inactive, 1,
				  memory_order_relaxed);
	atomic_fetch_sub_explicit(active ? &dest->inactive : &dest->active, 1,
				  memory_order_relaxed);
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
