/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_ROOM_H
#define DAEMON_ROOM_H

#include "lvs/service.h"

/* What has been warned of. All functions belong to the control thread. */
struct room {
	bool warned, warned4, warned6;
	bool full, refused; /* conntrack is; and that has been warned of */
	uint64_t next_look; /* ms */
};

/* Connections of family @af that the devices know, or are about to. */
uint64_t room_flows(const struct services *services, uint8_t af);

/* Warns where 80 % of the room at the devices, @flows_max of each family, is in use, once until
 * there are less than 70 %. To be called once a second. */
void room_watch_flows(struct room *room, const struct services *services, uint32_t flows_max);

/*
 * Is conntrack so full that what it would carry is to be refused (98 %, until there are less than
 * 95 %)? Warns of that, and from 80 % on. @tracked: it carries something. @now: ms. To be called
 * every few ms; it looks once a second as long as there is enough.
 */
bool room_conntrack_full(struct room *room, bool tracked, uint64_t now);

#endif
