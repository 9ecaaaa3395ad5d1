// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a server's route is, remembered for a second at the server: the answer is an immutable
 * object that whoever finds it old replaces. Two workers may do so at once, and then one answer is
 * thrown away. Also where a learned path MTU is kept. Workers, under RCU.
 */
#include "lvs/transmit.h"

#include <stdlib.h>

#define ROUTE_MS 1000u
#define PMTU_MS	 600000u /* net.ipv4.route.mtu_expires */

struct route_entry {
	struct route route;
	uint64_t until; /* ms */
	struct rcu_head rcu;
};

static void entry_free(struct rcu_head *rcu)
{
	struct route_entry *entry = caa_container_of(rcu, struct route_entry, rcu);

	RCU_RECLAIM(entry);
	free(entry);
}

static struct route_entry *entry_find(struct direct *d, struct dest *dest)
{
	struct route_entry *entry = calloc(1, sizeof(*entry));
	uint32_t pmtu;

	if (!entry)
		return NULL;
	d->router->find(d->router, dest->af, &dest->addr, &entry->route);
	entry->until = d->now + ROUTE_MS;
	pmtu = atomic_load_explicit(&dest->pmtu, memory_order_relaxed);
	if (pmtu && pmtu < entry->route.mtu &&
	    d->now < atomic_load_explicit(&dest->pmtu_until, memory_order_relaxed))
		entry->route.mtu = pmtu;
	return entry;
}

const struct route *dest_route(struct direct *d, struct dest *dest)
{
	struct route_entry *entry = atomic_load_explicit(&dest->route, memory_order_consume);
	struct route_entry *old;

	if (!entry || d->now >= entry->until) {
		entry = entry_find(d, dest);
		if (!entry)
			return NULL;
		RCU_PUBLISHED(entry);
		old = atomic_exchange_explicit(&dest->route, entry, memory_order_acq_rel);
		if (old) {
			RCU_LEFT(old);
			call_rcu(&old->rcu, entry_free);
		}
	}
	RCU_FOUND(entry);
	return entry->route.mtu ? &entry->route : NULL;
}

void dest_learn_mtu(struct direct *d, struct dest *dest, uint32_t mtu)
{
	struct route_entry *old;

	atomic_store_explicit(&dest->pmtu, mtu, memory_order_relaxed);
	atomic_store_explicit(&dest->pmtu_until, d->now + PMTU_MS, memory_order_relaxed);
	old = atomic_exchange_explicit(&dest->route, NULL, memory_order_acq_rel);
	if (old) {
		RCU_LEFT(old);
		call_rcu(&old->rcu, entry_free);
	}
}

void dest_forget_route(struct dest *dest)
{
	free(atomic_exchange_explicit(&dest->route, NULL, memory_order_acq_rel));
}
