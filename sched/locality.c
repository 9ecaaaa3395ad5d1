// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lblc and lblcr remember: which servers have the content of which destination address. A
 * server that leaves is kept by name, as long as a site has it, and found again when it is added
 * anew: IPVS holds on to the removed server itself, and takes it out of its trash. Workers look up
 * and note under svc->lock, the control thread collects once a minute.
 */
#include "sched/locality.h"
#include "sched/hash.h"

#include <errno.h>
#include <stdlib.h>

#define PARTIAL_IDLE_MS (6 * 60 * 1000u) /* what too many sites are reduced by */
#define FULL_RUNS	30u		 /* minutes between looks at all of them */

struct locality_state {
	struct locality *locality; /* owned */
};

struct locality *locality_of(const void *state)
{
	return ((const struct locality_state *)state)->locality;
}

static uint32_t bucket_of(uint8_t af, const union addr *addr)
{
	return hash_golden(hash_fold(af, addr), LOCALITY_BITS);
}

struct site *locality_find(const struct locality *locality, const struct flow *flow)
{
	const struct cds_hlist_head *head = &locality->buckets[bucket_of(flow->af, &flow->daddr)];
	struct cds_hlist_node *at;

	for (at = head->next; at; at = at->next) {
		struct site *site = cds_hlist_entry(at, struct site, node);

		if (addr_equal(&site->addr, &flow->daddr))
			return site;
	}
	return NULL;
}

bool locality_full(const struct locality *locality)
{
	return locality->sites >= LOCALITY_MANY * 3 / 2;
}

struct site *locality_add(struct locality *locality, const struct flow *flow, uint64_t now)
{
	struct site *site = locality_full(locality) ? NULL : calloc(1, sizeof(*site));

	if (!site)
		return NULL;
	CDS_INIT_LIST_HEAD(&site->members);
	site->addr = flow->daddr;
	site->used = now;
	cds_hlist_add_head(&site->node, &locality->buckets[bucket_of(flow->af, &flow->daddr)]);
	locality->sites++;
	return site;
}

static bool place_is(const struct place *place, const struct dest *dest)
{
	return place->af == dest->af && place->port == dest->port &&
	       addr_equal(&place->addr, &dest->addr);
}

/* The place of a server of the pool, new if need be; NULL without memory. */
static struct place *place_get(struct locality *locality, struct dest *dest)
{
	struct place *place;

	cds_list_for_each_entry (place, &locality->places, node)
		if (place->dest == dest)
			return place;
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->dest = dest;
	place->af = dest->af;
	place->port = dest->port;
	place->addr = dest->addr;
	cds_list_add(&place->node, &locality->places);
	return place;
}

static void place_drop(struct locality *locality, struct place *place)
{
	if (place->members)
		return;
	if (!place->dest)
		locality->gone--;
	cds_list_del(&place->node);
	free(place);
}

bool site_insert(struct locality *locality, struct site *site, struct dest *dest, uint64_t now)
{
	struct member *member;
	struct place *place;

	cds_list_for_each_entry (member, &site->members, node)
		if (member->place->dest == dest)
			return true;
	place = place_get(locality, dest);
	if (!place)
		return false;
	member = malloc(sizeof(*member));
	if (!member) {
		place_drop(locality, place);
		return false;
	}
	member->place = place;
	place->members++;
	cds_list_add(&member->node, &site->members);
	site->len++;
	site->changed = now;
	return true;
}

void site_remove(struct locality *locality, struct site *site, struct member *member, uint64_t now)
{
	member->place->members--;
	place_drop(locality, member->place);
	cds_list_del(&member->node);
	free(member);
	site->len--;
	site->changed = now;
}

static void site_free(struct locality *locality, struct site *site)
{
	struct member *member, *next;

	cds_list_for_each_entry_safe (member, next, &site->members, node)
		site_remove(locality, site, member, 0);
	cds_hlist_del(&site->node);
	locality->sites--;
	free(site);
}

/* Those of one bucket that nobody asked for in @idle ms; returns how many. */
static uint32_t bucket_collect(struct locality *locality, uint32_t bucket, uint64_t now,
			       uint64_t idle)
{
	struct cds_hlist_node *at = locality->buckets[bucket].next, *next;
	uint32_t collected = 0;

	for (; at; at = next) {
		struct site *site = cds_hlist_entry(at, struct site, node);

		next = at->next;
		if (now < site->used + idle)
			continue;
		site_free(locality, site);
		collected++;
	}
	return collected;
}

/* From where the last time ended, until @goal are collected or all buckets have been seen. */
static void collect(struct locality *locality, uint64_t now, uint64_t idle, uint32_t goal)
{
	uint32_t collected = 0;

	for (uint32_t i = 0; i < LOCALITY_SIZE && collected < goal; i++) {
		locality->rover = (locality->rover + 1) % LOCALITY_SIZE;
		collected += bucket_collect(locality, locality->rover, now, idle);
	}
}

/* IPVS's ip_vs_lblc_check_expire(). */
void locality_tick(struct service *svc, uint64_t now, uint32_t expiration)
{
	struct locality *locality = locality_of(svc->sched_state);
	uint32_t goal;

	if (locality->runs % FULL_RUNS == 0) {
		collect(locality, now, expiration * (uint64_t)1000, UINT32_MAX);
		locality->runs = 1;
	} else if (locality->sites <= LOCALITY_MANY) {
		locality->runs++;
	} else {
		goal = (locality->sites - LOCALITY_MANY) * 4 / 3;
		collect(locality, now, PARTIAL_IDLE_MS,
			goal < LOCALITY_MANY / 2 ? goal : LOCALITY_MANY / 2);
	}
}

int locality_init(struct service *svc)
{
	struct locality *locality = calloc(1, sizeof(*locality));

	if (!locality)
		return -ENOMEM;
	CDS_INIT_LIST_HEAD(&locality->places);
	locality->runs = 1;
	((struct locality_state *)svc->sched_state)->locality = locality;
	return 0;
}

void locality_forget(struct service *svc, struct dest *dest)
{
	struct locality *locality = locality_of(svc->sched_state);
	struct place *place;

	cds_list_for_each_entry (place, &locality->places, node) {
		if (place->dest != dest)
			continue;
		place->dest = NULL;
		place->weight = dest_weight(dest);
		locality->gone++;
	}
}

/* Those that came back. */
int locality_update(struct service *svc)
{
	struct locality *locality = locality_of(svc->sched_state);
	struct place *place;
	struct dest *dest;

	if (!locality->gone)
		return 0;
	cds_list_for_each_entry (dest, &svc->pool, pool) {
		cds_list_for_each_entry (place, &locality->places, node) {
			if (place->dest || !place_is(place, dest))
				continue;
			place->dest = dest;
			locality->gone--;
		}
	}
	return 0;
}

void locality_free(struct service *svc)
{
	struct locality *locality = locality_of(svc->sched_state);

	for (uint32_t i = 0; i < LOCALITY_SIZE; i++)
		bucket_collect(locality, i, UINT64_MAX, 0);
	free(locality);
}
