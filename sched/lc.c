// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Least connection: the usable destination with the smallest overhead, an active connection
 * counting 257 times as much as an inactive one. Among equals the first of the list, the newest. A
 * weight is only zero or not. Workers, under svc->lock.
 */
#include "sched/schedulers.h"

static struct dest *lc_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest, *least = NULL;
	int64_t overhead, lowest = 0;

	(void)flow;
	(void)state;
	cds_list_for_each_entry (dest, &svc->pool, pool) {
		if (!dest_usable(dest))
			continue;
		overhead = dest_overhead(dest);
		if (!least || overhead < lowest) {
			least = dest;
			lowest = overhead;
		}
	}
	return least;
}

const struct scheduler sched_lc = {
	.name = "lc",
	.about = "least connections: where the fewest are open (a closed one counts 1/257)",
	.ipvs = true,
	.weights = WEIGHTS_FIXED,
	.pick = lc_pick,
	.load = dest_overhead,
	.load_name = "overhead",
};
