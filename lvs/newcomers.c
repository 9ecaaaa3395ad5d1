// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A ring between the thread that reads copies of packets and the one that may ask the kernel about
 * a connection. The one idea: one writer and one reader, each with an index of its own that only it
 * moves, so neither waits for the other; what finds no room is asked for otherwise, all at once.
 */
#include "lvs/newcomers.h"

#include <stdatomic.h>
#include <stdlib.h>

struct newcomers {
	_Atomic uint32_t noted, taken; /* so many in all; they wrap around */
	_Atomic bool missed;
	struct flow flows[NEWCOMERS_MAX];
};

_Static_assert(!(NEWCOMERS_MAX & (NEWCOMERS_MAX - 1)), "indexes wrap around");

struct newcomers *newcomers_new(void)
{
	return calloc(1, sizeof(struct newcomers));
}

void newcomers_free(struct newcomers *newcomers)
{
	free(newcomers);
}

void newcomers_note(struct newcomers *newcomers, const struct flow *flow)
{
	const uint32_t noted = atomic_load_explicit(&newcomers->noted, memory_order_relaxed);

	if (noted - atomic_load_explicit(&newcomers->taken, memory_order_acquire) >=
	    NEWCOMERS_MAX) {
		newcomers_miss(newcomers);
		return;
	}
	newcomers->flows[noted % NEWCOMERS_MAX] = *flow;
	atomic_store_explicit(&newcomers->noted, noted + 1, memory_order_release);
}

void newcomers_miss(struct newcomers *newcomers)
{
	atomic_store_explicit(&newcomers->missed, true, memory_order_relaxed);
}

bool newcomers_take(struct newcomers *newcomers, struct flow *flow)
{
	const uint32_t taken = atomic_load_explicit(&newcomers->taken, memory_order_relaxed);

	if (taken == atomic_load_explicit(&newcomers->noted, memory_order_acquire))
		return false;
	*flow = newcomers->flows[taken % NEWCOMERS_MAX];
	atomic_store_explicit(&newcomers->taken, taken + 1, memory_order_release);
	return true;
}

bool newcomers_missed(struct newcomers *newcomers)
{
	return atomic_exchange_explicit(&newcomers->missed, false, memory_order_relaxed);
}
