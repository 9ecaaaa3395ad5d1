// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The comparison of servers by load and weight that wlc, sed, nq, lblc, lblcr, twos and p2c share.
 * Ties are for the first of the list, the newest. Workers, under svc->lock.
 */
#include "sched/least.h"

struct dest *least_find(const struct service *svc, int64_t (*load)(const struct dest *dest))
{
	struct least least = {0};
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool)
		least_offer(&least, dest, load(dest));
	return least.dest;
}

int64_t least_delay(const struct dest *dest)
{
	return (int64_t)dest_active(dest) + 1;
}

bool least_relieved(const struct service *svc, const struct dest *dest)
{
	const struct dest *other;

	if (dest_active(dest) <= (uint32_t)dest_weight(dest))
		return false;
	cds_list_for_each_entry (other, &svc->pool, pool)
		if (2 * (uint64_t)dest_active(other) < (uint64_t)dest_weight(other))
			return true;
	return false;
}
