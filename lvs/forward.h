/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_FORWARD_H
#define LVS_FORWARD_H

#include "lvs/conn.h"
#include "lvs/spec.h"
#include "lvs/verdict.h"

/* A forwarding method: one member a file, fwd_nat.c ... Workers, under RCU. */
struct forward {
	enum forward_method method;
	/* A packet of @conn, in the direction pkt->dir. May change pkt->data and pkt->len. */
	struct verdict (*xmit)(const struct conn *conn, struct pkt *pkt);
	/* An ICMP error about a packet of @conn: pkt->inner is that packet's flow. */
	struct verdict (*xmit_icmp)(const struct conn *conn, struct pkt *pkt);
};

/* NULL: this build cannot forward so. */
const struct forward *forward_find(enum forward_method method);

extern const struct forward forward_nat;

#endif
