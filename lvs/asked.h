/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_ASKED_H
#define LVS_ASKED_H

#include "lvs/pkt.h"

#define ASKED_MAX 64u

/*
 * Connections whose local endpoint a worker wants to know, for the control thread, which asks
 * conntrack: a few places, each for one connection at a time. What finds its place taken is not
 * noted, and will be with its next packet. All zero: none.
 */
struct asked {
	struct asked_place {
		_Atomic uint32_t state;
		struct flow flow;
	} places[ASKED_MAX];
};

/* Notes @flow (client -> virtual). Any thread. */
void asked_note(struct asked *asked, const struct flow *flow);

/* Calls @fn for each that was noted since the last time. Control thread. */
void asked_take(struct asked *asked, void (*fn)(const struct flow *flow, void *data), void *data);

#endif
