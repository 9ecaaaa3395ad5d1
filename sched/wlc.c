// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Weighted least connection: the usable destination with the smallest overhead for its weight.
 * Workers, under svc->lock.
 */
#include "sched/least.h"
#include "sched/schedulers.h"

static struct dest *wlc_pick(const struct service *svc, const struct flow *flow, void *state)
{
	(void)flow;
	(void)state;
	return least_find(svc, dest_overhead);
}

const struct scheduler sched_wlc = {
	.name = "wlc",
	.about = "weighted least connections: where the fewest are open in proportion to the"
		 " weight",
	.ipvs = true,
	.pick = wlc_pick,
	.load = dest_overhead,
	.load_name = "overhead",
};
