// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of real servers, by address and port alone: several services may have the same. The one
 * idea: an entry is no part of the destination, because a server that is removed and added again at
 * once must be entered anew while readers still see its old entry. Workers look up under RCU, the
 * control thread changes.
 */
#include "lvs/realservers.h"
#include "lvs/forward.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct realservers {
	struct cds_lfht *table;
	uint64_t seed;
};

/* What is hashed, without padding. */
struct place {
	union addr addr;
	__be16 port;
	uint8_t af, zero;
};

/* All servers of one place: ten thousand services may have the same. */
struct group {
	struct cds_lfht_node node; /* first: see style, traps */
	struct place place;
	struct cds_list_head entries; /* readers go forward only */
	struct rcu_head rcu;
};

struct realserver {
	struct cds_list_head list;
	struct dest *dest; /* no reference: the entry goes before it */
	struct group *group;
	struct rcu_head rcu;
};

struct realservers *realservers_new(uint64_t seed)
{
	struct realservers *realservers = calloc(1, sizeof(*realservers));

	if (!realservers)
		return NULL;
	realservers->seed = seed;
	realservers->table =
		cds_lfht_new(64, 64, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	if (realservers->table)
		return realservers;
	free(realservers);
	return NULL;
}

void realservers_free(struct realservers *realservers)
{
	if (!realservers)
		return;
	cds_lfht_destroy(realservers->table, NULL);
	free(realservers);
}

static struct place place_of(const struct dest *dest)
{
	return (struct place){.addr = dest->addr, .port = dest->port, .af = dest->af};
}

static unsigned long place_hash(const struct realservers *realservers, const struct place *place)
{
	return XXH3_64bits_withSeed(place, sizeof(*place), realservers->seed);
}

static int match(struct cds_lfht_node *node, const void *arg)
{
	const struct group *group = caa_container_of(node, struct group, node);

	RCU_FOUND(group);
	return !memcmp(&group->place, arg, sizeof(group->place));
}

/* Caller holds the RCU read lock. */
static struct group *group_find(const struct realservers *realservers, const struct place *place)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(realservers->table, place_hash(realservers, place), match, place, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct group, node) : NULL;
}

static struct group *group_add(struct realservers *realservers, const struct place *place)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->place = *place;
	CDS_INIT_LIST_HEAD(&group->entries);
	RCU_PUBLISHED(group);
	cds_lfht_add(realservers->table, place_hash(realservers, place), &group->node);
	return group;
}

static void group_free(struct rcu_head *rcu)
{
	struct group *group = caa_container_of(rcu, struct group, rcu);

	RCU_RECLAIM(group);
	free(group);
}

static void realserver_free(struct rcu_head *rcu)
{
	struct realserver *entry = caa_container_of(rcu, struct realserver, rcu);

	RCU_RECLAIM(entry);
	free(entry);
}

int realservers_add(struct realservers *realservers, struct dest *dest)
{
	struct realserver *entry = calloc(1, sizeof(*entry));
	struct place place = place_of(dest);

	if (!entry)
		return -ENOMEM;
	entry->dest = dest;
	rcu_read_lock();
	entry->group = group_find(realservers, &place);
	if (!entry->group)
		entry->group = group_add(realservers, &place);
	if (entry->group) {
		RCU_PUBLISHED(entry);
		cds_list_add_rcu(&entry->list, &entry->group->entries);
		dest->realserver = entry;
	}
	rcu_read_unlock();
	if (entry->group)
		return 0;
	free(entry);
	return -ENOMEM;
}

void realservers_del(struct realservers *realservers, struct dest *dest)
{
	struct realserver *entry = dest->realserver;
	struct group *group;

	if (!entry)
		return;
	dest->realserver = NULL;
	group = entry->group;
	cds_list_del_rcu(&entry->list);
	if (cds_list_empty(&group->entries)) {
		rcu_read_lock();
		cds_lfht_del(realservers->table, &group->node);
		rcu_read_unlock();
		RCU_LEFT(group);
		call_rcu(&group->rcu, group_free);
	}
	RCU_LEFT(entry);
	call_rcu(&entry->rcu, realserver_free);
}

static bool serves(const struct dest *dest, uint8_t protocol)
{
	const struct forward *forward = atomic_load_explicit(&dest->forward, memory_order_relaxed);

	return forward->method == FORWARD_NAT && (dest->vs.fwmark || dest->vs.protocol == protocol);
}

bool realservers_have(const struct realservers *realservers, const struct flow *flow)
{
	const struct place place = {.addr = flow->saddr, .port = flow->sport, .af = flow->af};
	const struct group *group = group_find(realservers, &place);
	const struct realserver *entry;

	if (!group)
		return false;
	cds_list_for_each_entry_rcu (entry, &group->entries, list) {
		RCU_FOUND(entry);
		if (serves(entry->dest, flow->protocol))
			return true;
	}
	return false;
}
