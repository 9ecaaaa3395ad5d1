// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drawing lots among servers, for twos and p2c. The generator is splitmix64: one word of state,
 * every seed is good. It decides who serves whom, which needs to be fair and no secret kept for
 * ever. Workers draw under svc->lock; the control thread seeds.
 */
#include "sched/random.h"

#include <errno.h>
#include <sys/random.h>

uint64_t random_below(struct random *random, uint64_t n)
{
	uint64_t word = random->state += 0x9e3779b97f4a7c15ull;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ull;
	word = (word ^ word >> 27) * 0x94d049bb133111ebull;
	word ^= word >> 31;
	return (uint64_t)((unsigned __int128)word * n >> 64);
}

int random_init(struct service *svc)
{
	struct random *random = (void *)svc->sched_state;

	if (getrandom(random, sizeof(*random), 0) != sizeof(*random))
		return -errno;
	return 0;
}

uint64_t random_total(const struct service *svc)
{
	const struct dest *dest;
	uint64_t total = 0;

	cds_list_for_each_entry (dest, &svc->pool, pool)
		if (dest_usable(dest))
			total += (uint64_t)dest_weight(dest);
	return total;
}

struct dest *random_at(const struct service *svc, uint64_t lot, const struct dest *skip)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool) {
		if (!dest_usable(dest) || dest == skip)
			continue;
		if (lot <= (uint64_t)dest_weight(dest))
			return dest;
		lot -= (uint64_t)dest_weight(dest);
	}
	return NULL;
}
