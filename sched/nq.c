// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Never queue: the first usable destination without active connections, however small its weight;
 * if none is idle, sed's choice. Workers, under svc->lock.
 */
#include "sched/least.h"
#include "sched/schedulers.h"

static struct dest *nq_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest;

	(void)flow;
	(void)state;
	cds_list_for_each_entry (dest, &svc->pool, pool)
		if (dest_usable(dest) && !dest_active(dest))
			return dest;
	return least_find(svc, least_delay);
}

const struct scheduler sched_nq = {
	.name = "nq",
	.about = "never queue: an idle server, if there is one; else as sed",
	.ipvs = true,
	.pick = nq_pick,
	.load = least_delay,
	.load_name = "delay",
};
