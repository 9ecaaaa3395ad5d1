/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_ROOM_H
#define DAEMON_ROOM_H

#include "lvs/service.h"

/* What has been warned of. All functions belong to the control thread. */
struct room {
	bool warned, warned4, warned6;
};

/* Connections of family @af that the devices know, or are about to. */
uint64_t room_flows(const struct services *services, uint8_t af);

/* Warns where 80 % of the room is in use, once until there are less than 70 %: in conntrack, if it
 * is @tracked, and at the devices, which have room for @flows_max of each family (0: none know
 * any). To be called once a second. */
void room_watch(struct room *room, const struct services *services, uint32_t flows_max,
		bool tracked);

#endif
