/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_REUSE_H
#define LVS_REUSE_H

#include "lvs/direct.h"

/* Is @conn at its end, so that @pkt, although it belongs to it, is to be taken for the first of
 * another? Worker, under RCU. */
bool conn_outdated(const struct direct *d, const struct conn *conn, const struct pkt *pkt);

/* Would a packet from its client that opens a connection do so in the place of @conn, by
 * conn_reuse_mode or expire_nodest_conn? Not where a template chose the server. Under RCU. */
bool conn_replaceable(const struct direct *d, const struct conn *conn);

/* Was its server removed, so that by expire_nodest_conn its client's next packet ends it? */
bool conn_forsaken(const struct direct *d, const struct conn *conn);

/* Is @pkt a request to a server that was removed? */
bool conn_orphaned(const struct conn *conn, const struct pkt *pkt);

#endif
