// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Weighted overflow: the usable destination with the greatest weight, the first of equals, as long
 * as it has no more active connections than its weight; what comes then overflows to the next
 * smaller one. So a server takes weight + 1 connections, as in IPVS. Workers, under svc->lock.
 */
#include "sched/schedulers.h"

static bool ovf_has_room(const struct dest *dest)
{
	return dest_usable(dest) && dest_active(dest) <= (uint32_t)dest_weight(dest);
}

static struct dest *ovf_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest, *best = NULL;

	(void)flow;
	(void)state;
	cds_list_for_each_entry (dest, &svc->pool, pool)
		if (ovf_has_room(dest) && (!best || dest_weight(dest) > dest_weight(best)))
			best = dest;
	return best;
}

static int64_t ovf_load(const struct dest *dest)
{
	return dest_active(dest);
}

const struct scheduler sched_ovf = {
	.name = "ovf",
	.about = "overflow: the server with the greatest weight, until it has more active "
		 "connections than that; then the next",
	.ipvs = true,
	.weights = WEIGHTS_NUMBERS,
	.pick = ovf_pick,
	.load = ovf_load,
	.load_name = "of weight",
};
