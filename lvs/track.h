/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_TRACK_H
#define LVS_TRACK_H

#include "lvs/direct.h"

/* What a packet does to its connection, beside being forwarded. Workers, under RCU. */

/* A packet of @conn counts at its server and that server's service, while they are in use. */
void conn_account(const struct conn *conn, const struct pkt *pkt);

/* Its state, its timer, whether its server counts it as active; and its template. */
void conn_track(struct direct *d, struct conn *conn, const struct pkt *pkt);

/* What the tables make of a carried connection in @state whose last packet was @idle ms ago, of
 * which no packet was seen here. Whoever found it, under RCU. */
void conn_resume(const struct direct *d, struct conn *conn, uint8_t state, uint64_t idle);

#endif
