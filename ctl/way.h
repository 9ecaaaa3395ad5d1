/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_WAY_H
#define CTL_WAY_H

#include "lib/err.h"
#include "lvs/addr.h"

#include <net/if.h>

/* The kernel's answers to "how would this go?", over rtnetlink. One thread. */
struct ways;

struct way {
	bool local;		/* it is an address of this machine */
	bool routed;		/* by a gateway; else the destination is a neighbour */
	union addr gateway;	/* if routed and of the destination's family; else zero */
	char name[IF_NAMESIZE]; /* of the interface by which it leaves */
	uint32_t mtu; /* what is known of the way's, at most the interface's; 0: unknown */
};

/* -errno with @err. */
int ways_open(struct ways **out, struct error *err);
void ways_close(struct ways *ways); /* NULL is fine */

/* 0, or why there is none: -ENETUNREACH, -EHOSTUNREACH ... */
int ways_find(struct ways *ways, uint8_t af, const union addr *addr, struct way *out);

/* Would an IPv4 packet from @source to our own address @to be let in by the interface @name? */
bool ways_enter(struct ways *ways, const char *name, const union addr *source,
		const union addr *to);

#endif
