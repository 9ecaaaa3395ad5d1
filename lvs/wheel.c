// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The timer wheel. One turn is SLOTS slots of SLOT_MS; what lies further ahead than one turn is
 * filed in the last slot and asked again when that comes up, so one level is enough for timeouts of
 * a month. Entries are spread over STRIPES by their address, each with a lock of its own: workers
 * that file new connections at the same moment rarely meet. Workers add and move entries, the
 * control thread takes out what has come up.
 */
#include "lvs/wheel.h"
#include "lvs/lock.h"

#include <stdlib.h>

#define SLOT_MS 128u
#define SLOTS	8192u /* one turn: 17 minutes, so that an established connection is filed once */
#define STRIPES 16u

struct stripe {
	pthread_mutex_t lock;
	struct cds_list_head slots[SLOTS];
} __attribute__((aligned(64)));

struct wheel {
	_Atomic uint64_t done; /* slot (time / SLOT_MS) being emptied; all before it have come up */
	unsigned int stripe;   /* where wheel_next() goes on */
	struct stripe stripes[STRIPES];
};

static struct stripe *stripe_of(struct wheel *wheel, const struct wheel_entry *entry)
{
	uint64_t key = (uint64_t)(uintptr_t)entry * 0x9e3779b97f4a7c15ull;

	return &wheel->stripes[key >> 60];
}

struct wheel *wheel_new(uint64_t now)
{
	struct wheel *wheel = aligned_alloc(_Alignof(struct wheel), sizeof(*wheel));

	if (!wheel)
		return NULL;
	atomic_init(&wheel->done, now / SLOT_MS);
	wheel->stripe = 0;
	for (unsigned int s = 0; s < STRIPES; s++) {
		lock_init(&wheel->stripes[s].lock);
		for (unsigned int i = 0; i < SLOTS; i++)
			CDS_INIT_LIST_HEAD(&wheel->stripes[s].slots[i]);
	}
	return wheel;
}

void wheel_free(struct wheel *wheel)
{
	if (!wheel)
		return;
	for (unsigned int s = 0; s < STRIPES; s++)
		pthread_mutex_destroy(&wheel->stripes[s].lock);
	free(wheel);
}

size_t wheel_bytes(const struct wheel *wheel)
{
	return sizeof(*wheel);
}

void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t when)
{
	uint64_t filed = atomic_load_explicit(&entry->slot_time, memory_order_relaxed);
	uint64_t slot = when / SLOT_MS + 1, first, last;
	struct stripe *stripe = stripe_of(wheel, entry);

	if (filed && filed <= slot * SLOT_MS)
		return;
	pthread_mutex_lock(&stripe->lock);
	first = atomic_load_explicit(&wheel->done, memory_order_relaxed) + 1;
	last = first + SLOTS - 2;
	slot = slot < first ? first : slot > last ? last : slot;
	filed = atomic_load_explicit(&entry->slot_time, memory_order_relaxed);
	if (!filed || filed > slot * SLOT_MS) {
		if (filed)
			cds_list_del(&entry->list);
		atomic_store_explicit(&entry->slot_time, slot * SLOT_MS, memory_order_relaxed);
		cds_list_add_tail(&entry->list, &stripe->slots[slot % SLOTS]);
	}
	pthread_mutex_unlock(&stripe->lock);
}

bool wheel_del(struct wheel *wheel, struct wheel_entry *entry)
{
	struct stripe *stripe = stripe_of(wheel, entry);
	bool filed;

	pthread_mutex_lock(&stripe->lock);
	filed = atomic_load_explicit(&entry->slot_time, memory_order_relaxed);
	if (filed) {
		cds_list_del(&entry->list);
		atomic_store_explicit(&entry->slot_time, 0, memory_order_relaxed);
	}
	pthread_mutex_unlock(&stripe->lock);
	return filed;
}

/* Takes the first entry of a slot of one stripe, or NULL. */
static struct wheel_entry *slot_take(struct stripe *stripe, uint64_t slot)
{
	struct cds_list_head *head = &stripe->slots[slot % SLOTS];
	struct wheel_entry *entry = NULL;

	pthread_mutex_lock(&stripe->lock);
	if (!cds_list_empty(head)) {
		entry = cds_list_first_entry(head, struct wheel_entry, list);
		cds_list_del(&entry->list);
		atomic_store_explicit(&entry->slot_time, 0, memory_order_relaxed);
	}
	pthread_mutex_unlock(&stripe->lock);
	return entry;
}

/*
 * wheel->done names the slot that is being emptied: it is moved on before the first stripe is
 * looked at, and wheel_add() reads it under the stripe's lock, so nothing is filed into a stripe of
 * this slot after that stripe was seen empty (it would wait a whole turn).
 */
struct wheel_entry *wheel_next(struct wheel *wheel, uint64_t now)
{
	struct wheel_entry *entry;

	for (;;) {
		uint64_t slot = atomic_load_explicit(&wheel->done, memory_order_relaxed);

		for (; wheel->stripe < STRIPES; wheel->stripe++) {
			entry = slot_take(&wheel->stripes[wheel->stripe], slot);
			if (entry)
				return entry;
		}
		if (slot >= now / SLOT_MS)
			return NULL;
		atomic_store_explicit(&wheel->done, slot + 1, memory_order_relaxed);
		wheel->stripe = 0;
	}
}
