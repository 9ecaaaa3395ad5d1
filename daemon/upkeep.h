/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_UPKEEP_H
#define DAEMON_UPKEEP_H

#include "daemon/guard.h"

/* What falls due with time: ends of connections, rates, slow starts, the trash, schedulers'
 * minutes.
 */
struct upkeep {
	struct director *director;
	struct guard guard;
	uint64_t next_minute, next_estimate, next_look; /* ms */
};

/* What ends in one turn at most: so many connections without leaving RCU, so many times. The rest
 * waits for the next turn. */
#define UPKEEP_PORTION	2048u
#define UPKEEP_PORTIONS 16u

/* To be called about every 100 ms. Control thread. */
void upkeep_tick(struct upkeep *upkeep);

#endif
