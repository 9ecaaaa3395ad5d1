/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_GUARD_H
#define DAEMON_GUARD_H

#include "daemon/director.h"
#include "lvs/defence.h"

/* Ends connections before their time: those that drop_entry chooses, and with expire_nodest_conn
 * those whose server was removed. Control thread. All zero at first. */
struct guard {
	uint64_t next_look; /* ms: at the free memory */
	struct defence_counters counters;
	uint64_t due;		/* connections to be looked at, in 320ths */
	uint64_t removals;	/* as last seen: services_removals() */
	bool flushing, again;	/* one walk is under way, and another is to follow */
	struct conns_walk walk; /* of the flush */
};

/* To be called about every 100 ms; @now: ms. */
void guard_tick(struct guard *guard, struct director *director, uint64_t now);

#endif
