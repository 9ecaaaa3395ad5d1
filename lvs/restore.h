/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_RESTORE_H
#define LVS_RESTORE_H

#include "lvs/direct.h"

/* A connection that the kernel carries, and that the daemon does not know of. */
struct remnant {
	struct flow flow;  /* client -> virtual */
	uint32_t mark;	   /* packet mark with which it began, without our bits */
	struct dest *dest; /* whose number it has, or NULL */
	union addr server; /* where its packets go */
	__be16 server_port;
	union addr local; /* from where, as the server sees it */
	__be16 local_port;
	uint8_t state; /* of its protocol */
	uint64_t idle; /* ms since its last packet */
	bool began;    /* while this daemon was there: it counts as one that was scheduled */
};

enum restored {
	RESTORED_NOT, /* it has no service or no such server any more, or there is no memory */
	RESTORED_KNOWN,
	RESTORED_NEW
};

/*
 * Puts it into the table again, counted at its server, with a template if its service is
 * persistent; harmless if it is there already. If the table has one that began meanwhile at
 * another server, the kernel is right, as the packets go where it says. No limit refuses it, as it
 * is a fact. Control thread under RCU.
 */
enum restored conn_restore(struct direct *d, const struct remnant *remnant);

/*
 * The rules chose a server for the connection that begins with @pkt, a parsed copy, and its mark
 * says which: it comes into the table, in the place of any other that has its addresses and ports.
 * What cannot is noted in d->newcomers. The observer's thread, under RCU.
 */
void conn_chosen(struct direct *d, const struct pkt *pkt);

#endif
