/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_DEFENCE_H
#define LVS_DEFENCE_H

#include "lvs/conn.h"
#include "lvs/settings.h"

/*
 * The defence against floods. drop_entry, drop_packet and secure_tcp are each 0 (never), 1 (when
 * memory is short; not now), 2 (likewise, and it is) or 3 (always).
 */

/* Once a second: turns 1 into 2 and back, and says what follows in settings->defence. @available:
 * pages of memory that nobody uses. Control thread. */
void defence_update(struct settings *settings, uint64_t available);

/* Is it the turn of this packet, which would start a connection, to be dropped? Workers. */
bool defence_drops_packet(struct settings *settings);

/* How often connections with 1 .. 8 packets are spared yet. Control thread. */
#define DEFENCE_PACKETS_MAX 8
struct defence_counters {
	int8_t spared[DEFENCE_PACKETS_MAX + 1];
};

/* Is @conn one that drop_entry ends? Control thread under RCU. */
bool defence_drops_entry(struct defence_counters *counters, const struct conn *conn, uint64_t now);

/* Ends @conn before its time; then its template too, if nothing is left that it controls, and it is
 * un-assured or @assured is true. Any thread under RCU. */
void conn_drop(struct conns *conns, struct conn *conn, bool assured);

#endif
