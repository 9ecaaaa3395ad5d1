// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Weighted failover: the usable destination with the greatest weight, the first of equals; the
 * others wait until it is quiesced, overloaded or gone. Workers, under svc->lock.
 */
#include "sched/schedulers.h"

static struct dest *fo_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest, *best = NULL;

	(void)flow;
	(void)state;
	cds_list_for_each_entry (dest, &svc->pool, pool)
		if (dest_usable(dest) && (!best || dest_weight(dest) > dest_weight(best)))
			best = dest;
	return best;
}

const struct scheduler sched_fo = {
	.name = "fo",
	.about = "failover: the server with the greatest weight, the others stand by",
	.ipvs = true,
	.pick = fo_pick,
};
