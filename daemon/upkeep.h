/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_UPKEEP_H
#define DAEMON_UPKEEP_H

#include "daemon/director.h"

/* What falls due with time: ends of connections, the trash, schedulers' minutes. */
struct upkeep {
	struct director *director;
	uint64_t next_minute; /* ms */
};

/* To be called about every 100 ms. Control thread. */
void upkeep_tick(struct upkeep *upkeep);

#endif
