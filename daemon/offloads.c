// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What passes the rules by is counted by conntrack alone. The one idea: conntrack counts all
 * packets of a connection, the rules those that they see; so the difference between what conntrack
 * had when the connection joined the flowtable and what it had when the first packet came back,
 * without that one, is what nobody else counted. Copies of both packets carry these numbers; in
 * between conntrack is asked. The observer's thread, the control thread and who ends connections,
 * by a lock.
 */
#define XXH_INLINE_ALL
#include "daemon/offloads.h"
#include "lib/array.h"
#include "lvs/rcu.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define BUCKETS_MIN 64u
#define SETTLE_MS   1000u /* until then the copy of a packet that came back is here */

struct offload {
	struct cds_lfht_node node;
	struct cds_list_head round; /* while it is open: who was read longest ago is first */
	struct cds_list_head fresh; /* while something is to be collected */
	struct rcu_head rcu;
	struct flow flow;
	uint32_t mark;
	bool open, is_fresh;
	struct volume last, more; /* as it was read; not collected */
	uint64_t read, changed;
	uint64_t left; /* when it was seen outside of the flowtable; 0: inside */
};

struct offloads {
	pthread_mutex_t lock;
	struct cds_lfht *table;
	struct cds_list_head round, fresh;
	_Atomic size_t count, inside;
	uint64_t seed;
};

struct offloads *offloads_new(void)
{
	struct offloads *offloads = calloc(1, sizeof(*offloads));

	if (!offloads)
		return NULL;
	offloads->table = cds_lfht_new(BUCKETS_MIN, BUCKETS_MIN, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!offloads->table ||
	    getrandom(&offloads->seed, sizeof(offloads->seed), 0) != sizeof(offloads->seed)) {
		free(offloads);
		return NULL;
	}
	pthread_mutex_init(&offloads->lock, NULL);
	CDS_INIT_LIST_HEAD(&offloads->round);
	CDS_INIT_LIST_HEAD(&offloads->fresh);
	return offloads;
}

static void reclaim(struct rcu_head *head)
{
	struct offload *offload = caa_container_of(head, struct offload, rcu);

	RCU_RECLAIM(offload);
	free(offload);
	RCU_RECLAIMED();
}

/* Neither open nor to be collected: nobody needs it. */
static void drop(struct offloads *offloads, struct offload *offload)
{
	if (offload->open || offload->is_fresh)
		return;
	(void)cds_lfht_del(offloads->table, &offload->node);
	RCU_LEFT(offload);
	call_rcu(&offload->rcu, reclaim);
}

/* It left at @now, or 0: it did not. Of one that is open. */
static void set_left(struct offloads *offloads, struct offload *offload, uint64_t now)
{
	if (!offload->left && now)
		atomic_fetch_sub_explicit(&offloads->inside, 1, memory_order_relaxed);
	else if (offload->left && !now)
		atomic_fetch_add_explicit(&offloads->inside, 1, memory_order_relaxed);
	offload->left = now;
}

static void close_one(struct offloads *offloads, struct offload *offload)
{
	if (offload->open) {
		if (!offload->left)
			atomic_fetch_sub_explicit(&offloads->inside, 1, memory_order_relaxed);
		cds_list_del(&offload->round);
		atomic_fetch_sub_explicit(&offloads->count, 1, memory_order_relaxed);
	}
	offload->open = false;
	drop(offloads, offload);
}

static void open_one(struct offloads *offloads, struct offload *offload, uint64_t now)
{
	if (offload->open) {
		cds_list_del(&offload->round);
		set_left(offloads, offload, 0);
	} else {
		atomic_fetch_add_explicit(&offloads->count, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&offloads->inside, 1, memory_order_relaxed);
		offload->left = 0;
	}
	cds_list_add_tail(&offload->round, &offloads->round);
	offload->open = true;
	offload->read = offload->changed = now;
}

void offloads_free(struct offloads *offloads)
{
	struct offload *offload, *next;

	if (!offloads)
		return;
	rcu_read_lock();
	cds_list_for_each_entry_safe (offload, next, &offloads->fresh, fresh) {
		cds_list_del(&offload->fresh);
		offload->is_fresh = false;
		drop(offloads, offload);
	}
	cds_list_for_each_entry_safe (offload, next, &offloads->round, round)
		close_one(offloads, offload);
	rcu_read_unlock();
	rcu_barrier();
	(void)cds_lfht_destroy(offloads->table, NULL);
	pthread_mutex_destroy(&offloads->lock);
	free(offloads);
}

/* As a key: no padding, and addresses without what is behind a short one. */
struct key {
	uint8_t af, protocol;
	__be16 sport, dport;
	uint8_t addrs[32];
};

static struct key key_of(const struct flow *flow)
{
	struct key key = {flow->af, flow->protocol, flow->sport, flow->dport, {0}};

	memcpy(key.addrs, flow->saddr.bytes, addr_size(flow->af));
	memcpy(key.addrs + 16, flow->daddr.bytes, addr_size(flow->af));
	return key;
}

static unsigned long hash_of(const struct offloads *offloads, const struct flow *flow)
{
	const struct key key = key_of(flow);

	return (unsigned long)XXH3_64bits_withSeed(&key, sizeof(key), offloads->seed);
}

static int matches(struct cds_lfht_node *node, const void *data)
{
	const struct offload *offload = caa_container_of(node, struct offload, node);
	const struct key mine = key_of(&offload->flow), other = key_of(data);

	return !memcmp(&mine, &other, sizeof(mine));
}

/* The lock and RCU are held by who calls it. */
static struct offload *find(const struct offloads *offloads, const struct flow *flow)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(offloads->table, hash_of(offloads, flow), matches, flow, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct offload, node) : NULL;
}

static void enter(struct offloads *offloads)
{
	rcu_read_lock();
	pthread_mutex_lock(&offloads->lock);
}

static void leave(struct offloads *offloads)
{
	pthread_mutex_unlock(&offloads->lock);
	rcu_read_unlock();
}

/* Between @last and @now, modulo 2^64: a copy may be older than what was read. */
static void grow(struct offloads *offloads, struct offload *offload, const struct volume *now)
{
	for (int i = 0; i < 2; i++) {
		offload->more.packets[i] += now->packets[i] - offload->last.packets[i];
		offload->more.bytes[i] += now->bytes[i] - offload->last.bytes[i];
	}
	offload->last = *now;
	if (!offload->is_fresh)
		cds_list_add_tail(&offload->fresh, &offloads->fresh);
	offload->is_fresh = true;
}

static bool same(const struct volume *a, const struct volume *b)
{
	return !memcmp(a, b, sizeof(*a));
}

void offloads_join(struct offloads *offloads, const struct tracked *tracked, bool anew,
		   uint64_t now)
{
	struct offload *offload;

	enter(offloads);
	offload = find(offloads, &tracked->flow);
	if (offload && offload->open && !anew)
		goto out;
	if (!offload) {
		offload = calloc(1, sizeof(*offload));
		if (!offload)
			goto out;
		offload->flow = tracked->flow;
		cds_lfht_node_init(&offload->node);
		RCU_PUBLISHED(offload);
		cds_lfht_add(offloads->table, hash_of(offloads, &tracked->flow), &offload->node);
	}
	offload->mark = tracked->mark;
	offload->last = tracked->volume;
	open_one(offloads, offload, now);
out:
	leave(offloads);
}

void offloads_leave(struct offloads *offloads, const struct tracked *tracked, bool reply,
		    uint32_t bytes, uint64_t now)
{
	struct volume volume = tracked->volume;
	struct offload *offload;

	volume.packets[reply]--;
	volume.bytes[reply] -= bytes;
	(void)now;
	enter(offloads);
	offload = find(offloads, &tracked->flow);
	if (offload && offload->open) {
		if (!same(&volume, &offload->last))
			grow(offloads, offload, &volume);
		close_one(offloads, offload);
	}
	leave(offloads);
}

void offloads_read(struct offloads *offloads, const struct tracked *tracked, uint64_t now)
{
	struct offload *offload;

	enter(offloads);
	offload = find(offloads, &tracked->flow);
	if (offload && offload->open) {
		if (tracked->offloaded)
			set_left(offloads, offload, 0);
		else if (!offload->left)
			set_left(offloads, offload, now);
		if ((!offload->left || now - offload->left >= SETTLE_MS) &&
		    !same(&tracked->volume, &offload->last)) {
			grow(offloads, offload, &tracked->volume);
			offload->changed = now;
		}
	}
	leave(offloads);
}

void offloads_gone(struct offloads *offloads, const struct flow *flow)
{
	struct offload *offload;

	enter(offloads);
	offload = find(offloads, flow);
	if (offload)
		close_one(offloads, offload);
	leave(offloads);
}

bool offloads_idle(struct offloads *offloads, const struct flow *flow, uint64_t now, uint64_t *idle)
{
	struct offload *offload;
	bool open;

	if (!offloads_count(offloads))
		return false;
	enter(offloads);
	offload = find(offloads, flow);
	open = offload && offload->open;
	if (open)
		*idle = now - offload->changed;
	leave(offloads);
	return open;
}

bool offloads_next(struct offloads *offloads, uint64_t now, uint64_t age, struct flow *flow)
{
	struct offload *offload;
	bool found = false;

	enter(offloads);
	if (!cds_list_empty(&offloads->round)) {
		offload = cds_list_first_entry(&offloads->round, struct offload, round);
		found = now - offload->read >= age;
		if (found) {
			*flow = offload->flow;
			offload->read = now;
			cds_list_del(&offload->round);
			cds_list_add_tail(&offload->round, &offloads->round);
		}
	}
	leave(offloads);
	return found;
}

size_t offloads_count(const struct offloads *offloads)
{
	return atomic_load_explicit(&offloads->count, memory_order_relaxed);
}

size_t offloads_inside(const struct offloads *offloads)
{
	return atomic_load_explicit(&offloads->inside, memory_order_relaxed);
}

void offloads_collect(struct offloads *offloads,
		      void (*fn)(uint32_t mark, const struct volume *more, void *data), void *data)
{
	struct offload *offload, *next;

	enter(offloads);
	cds_list_for_each_entry_safe (offload, next, &offloads->fresh, fresh) {
		/* Less than nothing until the copy that is on its way is here. */
		if ((int64_t)offload->more.bytes[0] >= 0 && (int64_t)offload->more.bytes[1] >= 0)
			fn(offload->mark, &offload->more, data);
		else if (offload->open)
			continue;
		offload->more = (struct volume){0};
		offload->is_fresh = false;
		cds_list_del(&offload->fresh);
		drop(offloads, offload);
	}
	leave(offloads);
}

int offloads_select(struct offloads *offloads, bool (*fn)(uint32_t mark, void *data), void *data,
		    struct flow **out, size_t *len)
{
	struct offload *offload;
	size_t max = 0;
	int ret = 0;

	*out = NULL;
	*len = 0;
	enter(offloads);
	cds_list_for_each_entry (offload, &offloads->round, round) {
		if (!fn(offload->mark, data))
			continue;
		if (!array_grow(out, *len, &max, sizeof(**out))) {
			ret = -ENOMEM;
			break;
		}
		(*out)[(*len)++] = offload->flow;
	}
	leave(offloads);
	return ret;
}
