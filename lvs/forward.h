/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_FORWARD_H
#define LVS_FORWARD_H

#include "lvs/direct.h"

/* A forwarding method: one member a file, fwd_nat.c ... Workers, under RCU. */
struct forward {
	enum forward_method method;
	bool answers; /* the server's packets come back through the director */
	bool cut;     /* cannot send super-packets: the kernel is to cut them first */
	bool tracked; /* the kernel can carry its connections: by conntrack, told with a verdict, */
	bool learned; /* or at the devices, which learn it from a packet that the director sends */
	/* A packet of @conn, in the direction pkt->dir. May change the packet. */
	struct verdict (*xmit)(struct direct *d, const struct conn *conn, struct pkt *pkt);
	/* An ICMP error about a packet of @conn: pkt->inner is that packet's flow. */
	struct verdict (*xmit_icmp)(struct direct *d, const struct conn *conn, struct pkt *pkt);
};

/* NULL: no server can be forwarded to so. */
const struct forward *forward_find(enum forward_method method);

extern const struct forward forward_nat, forward_dr, forward_tun, forward_fullnat, forward_bypass;

#endif
