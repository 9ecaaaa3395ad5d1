// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shortest expected delay: as wlc, but by the active connections that a server would have with this
 * one, so that a fast server gets the first few although a slow one is idle. Workers, under
 * svc->lock.
 */
#include "sched/least.h"
#include "sched/schedulers.h"

static struct dest *sed_pick(const struct service *svc, const struct flow *flow, void *state)
{
	(void)flow;
	(void)state;
	return least_find(svc, least_delay);
}

const struct scheduler sched_sed = {
	.name = "sed",
	.about = "shortest expected delay: where (active connections + 1) / weight is least",
	.ipvs = true,
	.pick = sed_pick,
	.load = least_delay,
	.load_name = "delay",
};
