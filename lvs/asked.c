// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A note from workers to the control thread. The one idea: it may be lost, since the packet that
 * was its reason is sent again, so it needs neither lock nor memory. A worker takes a place that is
 * empty, the control thread one that is filled.
 */
#include "lvs/asked.h"

#include <stdatomic.h>

enum place_state {
	PLACE_EMPTY,
	PLACE_TAKEN,
	PLACE_FILLED
};

void asked_note(struct asked *asked, const struct flow *flow)
{
	const uint32_t at = flow->saddr.ip6[0] ^ flow->saddr.ip6[3] ^ flow->sport;
	struct asked_place *place = &asked->places[(at ^ at >> 8 ^ at >> 16) % ASKED_MAX];
	uint32_t state = PLACE_EMPTY;

	if (!atomic_compare_exchange_strong_explicit(&place->state, &state, PLACE_TAKEN,
						     memory_order_acquire, memory_order_relaxed))
		return;
	place->flow = *flow;
	atomic_store_explicit(&place->state, PLACE_FILLED, memory_order_release);
}

void asked_take(struct asked *asked, void (*fn)(const struct flow *flow, void *data), void *data)
{
	for (unsigned int i = 0; i < ASKED_MAX; i++) {
		struct asked_place *place = &asked->places[i];
		struct flow flow;

		if (atomic_load_explicit(&place->state, memory_order_acquire) != PLACE_FILLED)
			continue;
		flow = place->flow;
		atomic_store_explicit(&place->state, PLACE_EMPTY, memory_order_release);
		fn(&flow, data);
	}
}
