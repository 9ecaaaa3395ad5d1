// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What falls due with time. The one idea: nothing in the packet path waits for it, so it is done in
 * small portions by the control thread, between its other work, and a late turn only means that
 * something ends a little later. main.c's timer calls it.
 */
#include "daemon/upkeep.h"
#include "daemon/deciding.h"
#include "daemon/system.h"

#define EXPIRE_BATCH 2048u /* connections ended before the event loop has its turn again */
#define MINUTE_MS    60000u

static void upkeep_minute(struct upkeep *upkeep, uint64_t now)
{
	struct director *director = upkeep->director;
	const struct sched_time time = {.now = now,
					.settings = deciding_settings(director_deciding(director))};

	services_minute(director_services(director), &time);
	if (services_sweep(director_services(director), now)) {
		director_outdated(director); /* their replies need no rule any more */
		(void)director_commit(director, NULL);
	}
}

void upkeep_tick(struct upkeep *upkeep)
{
	struct director *director = upkeep->director;
	struct deciding *deciding = director_deciding(director);
	uint64_t now = director_now();

	for (int round = 0; round < 16; round++)
		if (!conns_expire(director_conns(director), now, EXPIRE_BATCH))
			break;
	deciding_observe(deciding, now);
	if (deciding_near(deciding))
		system_warn_near(director_services(director));
	if (now >= upkeep->next_minute) {
		upkeep->next_minute = now + MINUTE_MS;
		upkeep_minute(upkeep, now);
	}
}
