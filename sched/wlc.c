// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Weighted least connection: the usable destination with the smallest overhead for its weight. The
 * quotients are compared by cross-multiplication, so there is no rounding; among equals the first
 * of the list wins, the newest. Workers, under svc->lock.
 */
#include "sched/schedulers.h"

/* Unsigned, so that even absurd counts cannot overflow into undefined behaviour; exact for any
 * weight up to 33 million connections a server. */
static bool lighter(int64_t overhead, const struct dest *dest, int64_t lowest,
		    const struct dest *least)
{
	return (uint64_t)lowest * (uint64_t)dest_weight(dest) >
	       (uint64_t)overhead * (uint64_t)dest_weight(least);
}

static struct dest *wlc_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest, *least = NULL;
	int64_t overhead, lowest = 0;

	(void)flow;
	(void)state;
	cds_list_for_each_entry (dest, &svc->pool, pool) {
		if (!dest_usable(dest))
			continue;
		overhead = dest_overhead(dest);
		if (!least || lighter(overhead, dest, lowest, least)) {
			least = dest;
			lowest = overhead;
		}
	}
	return least;
}

const struct scheduler sched_wlc = {
	.name = "wlc",
	.pick = wlc_pick,
};
