/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_LEAST_H
#define SCHED_LEAST_H

#include "lvs/service.h"

/* Is @load for the weight of @dest less than @lowest for that of @least? By cross-multiplication,
 * so there is no rounding; unsigned, so that even absurd counts cannot overflow into undefined
 * behaviour; exact for any weight up to 33 million connections a server. */
static inline bool least_lighter(int64_t load, const struct dest *dest, int64_t lowest,
				 const struct dest *least)
{
	return (uint64_t)lowest * (uint64_t)dest_weight(dest) >
	       (uint64_t)load * (uint64_t)dest_weight(least);
}

/* The best one yet; of those offered the first of equals stays. */
struct least {
	struct dest *dest; /* NULL: none yet */
	int64_t load;
};

/* Takes @dest if it is usable and better. */
static inline void least_offer(struct least *least, struct dest *dest, int64_t load)
{
	if (!dest_usable(dest) ||
	    (least->dest && !least_lighter(load, dest, least->load, least->dest)))
		return;
	least->dest = dest;
	least->load = load;
}

/*
 * The usable server of svc->pool with the smallest load for its weight, the first of equals, or
 * NULL: wlc with dest_overhead(), sed and nq with least_delay(). Under svc->lock.
 */
struct dest *least_find(const struct service *svc, int64_t (*load)(const struct dest *dest));

/* What sed and nq call the load: active connections, and the one that is to come. */
int64_t least_delay(const struct dest *dest);

/* "The server is overloaded, and another is idle enough", in lblc's and lblcr's sense: more active
 * connections than its weight, while some server has less than half as many as its own. */
bool least_relieved(const struct service *svc, const struct dest *dest);

#endif
