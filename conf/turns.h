/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_TURNS_H
#define CONF_TURNS_H

#include "lvs/spec.h"

#include <stddef.h>

/* The most turns that a round of the kernel's schedule can have. */
#define TURNS_MAX 256u

/* What decides who chooses servers for a service's new connections: the rules, in turns (schedule
 * kernel), or the daemon. */
struct turns_case {
	const struct service_spec *spec;
	enum schedule wanted;		/* the service's own wish, or else the director's */
	const char *packet_reason;	/* why its datapath is not flow; NULL: it is */
	bool learned;			/* it is, at the devices */
	const char *server;		/* what of its servers is in the way, or NULL */
	bool slow;			/* a server has a slow start */
	int32_t weights[TURNS_MAX + 1]; /* of its servers that have weight, in their order ... */
	size_t len;			/* ... as many as that */
};

/* That of a service with these values, without servers. */
void turns_case(struct turns_case *which, const struct service_spec *spec, enum schedule director);

/* It has this server too: to be called for all, the newest first. True: it takes part, with the
 * number @which->len - 1. */
bool turns_see(struct turns_case *which, const struct dest_spec *server);

/* Why the daemon chooses, in a few words, written to @buf or static; NULL: the kernel does. Any
 * thread. */
const char *turns_obstacle(const struct turns_case *which, char buf[SCHEDULE_WHY_MAX]);

/* If there is no obstacle: one round, by the numbers of servers, beginning with the first. Returns
 * how many turns it has; 0: nobody has weight, so the daemon answers for it. Any thread. */
size_t turns_fill(const struct turns_case *which, uint16_t turns[TURNS_MAX]);

#endif
