// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What falls due with time. The one idea: nothing in the packet path waits for it, so it is done in
 * small portions by the control thread, between its other work, and a late turn only means that
 * something ends a little later. main.c's timer calls it.
 */
#include "daemon/upkeep.h"
#include "daemon/carrier.h"
#include "daemon/deciding.h"
#include "daemon/system.h"

#define MINUTE_MS 60000u
#define LOOK_MS	  1000u /* a router's routes may change all the time */

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

/* Turn after turn at its time, so that each has its 2 s even if some of them come late; what was
 * missed for longer is left out. */
static void upkeep_estimate(struct upkeep *upkeep, uint64_t now)
{
	const struct settings *settings = deciding_settings(director_deciding(upkeep->director));

	if (!setting(settings, SETTING_RUN_ESTIMATION)) {
		upkeep->next_estimate = now + ESTIMATOR_MS;
		return;
	}
	if (now - upkeep->next_estimate > ESTIMATOR_TURNS * ESTIMATOR_MS)
		upkeep->next_estimate = now;
	for (; now >= upkeep->next_estimate; upkeep->next_estimate += ESTIMATOR_MS)
		services_estimate(director_services(upkeep->director));
}

void upkeep_tick(struct upkeep *upkeep)
{
	struct director *director = upkeep->director;
	struct deciding *deciding = director_deciding(director);
	uint64_t now = director_now();

	for (unsigned int round = 0; round < UPKEEP_PORTIONS; round++)
		if (!conns_expire(director_conns(director), now, UPKEEP_PORTION))
			break;
	carrier_tick(director_carrier(director), now);
	upkeep_estimate(upkeep, now);
	services_rise(director_services(director), now);
	guard_tick(&upkeep->guard, director, now);
	deciding_observe(deciding, now);
	if (deciding_near(deciding))
		system_warn_near(director_services(director));
	if (now >= upkeep->next_look && carrier_stale(director_carrier(director))) {
		upkeep->next_look = now + LOOK_MS;
		director_outdated(director);
		(void)director_commit(director, NULL);
	}
	if (now >= upkeep->next_minute) {
		upkeep->next_minute = now + MINUTE_MS;
		upkeep_minute(upkeep, now);
	}
}
