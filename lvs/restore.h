/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_RESTORE_H
#define LVS_RESTORE_H

#include "lvs/direct.h"

/* A connection that the kernel carried while no daemon was there to know of it. */
struct remnant {
	struct flow flow;  /* client -> virtual */
	uint32_t mark;	   /* packet mark with which it began, without our bits */
	struct dest *dest; /* whose number it has, or NULL */
	union addr server; /* where its packets go */
	__be16 server_port;
	uint8_t state; /* of its protocol */
	uint64_t idle; /* ms since its last packet */
};

/*
 * Puts it into the table again, counted at its server, with a template if its service is
 * persistent; harmless if it is there already. No limit refuses it, as it is a fact. False: it has
 * no service or no such server any more, or there is no memory. Control thread under RCU.
 */
bool conn_restore(struct direct *d, const struct remnant *remnant);

#endif
