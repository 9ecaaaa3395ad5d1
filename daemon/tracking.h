/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_TRACKING_H
#define DAEMON_TRACKING_H

#include "daemon/numbers.h"
#include "lib/err.h"
#include "lvs/direct.h"

/*
 * What the carrier asks of conntrack, and has it forget: the connections that are in it with marks
 * of ours. A part of the carrier; control thread, but for what says otherwise.
 */
struct tracking;
struct flowtable;

/* For the connections of @d, which stays the caller's, as the others do. NULL without memory. */
struct tracking *tracking_new(const struct direct *d, struct numbers *numbers,
			      struct flowtable *flowtable);
void tracking_free(struct tracking *tracking);

/* Opens conntrack; until then nothing is in it. -errno with @err. */
int tracking_open(struct tracking *tracking, struct error *err);

/* It forgets @conn, which goes on here; its local endpoint is learned before, if it has one. Any
 * thread under RCU, or that holds @conn otherwise. */
void tracking_drop(struct tracking *tracking, struct conn *conn);

/* Likewise, of a connection that is over here, too. */
void tracking_forget(struct tracking *tracking, const struct conn *conn);

/* Gets the local endpoints that workers asked for: asked of the director. Not under RCU. */
void tracking_answer(struct tracking *tracking, uint64_t now);

/* The daemon has a service's connections from now on: it should know them all, and soon. */
void tracking_miss(struct tracking *tracking);

/* Of a connection that is due: how many ms it still has, as it saw a packet later than we did; 0:
 * it is over there too. */
uint32_t tracking_keep(struct tracking *tracking, const struct conn *conn);

/* What an earlier daemon left there comes into the table. How many those were. */
uint64_t tracking_take_over(struct tracking *tracking);

/* Likewise what began without the daemon while it was there, if some of that was missed. */
void tracking_take_missed(struct tracking *tracking, uint64_t now);

/* The rules are in the kernel, and it carries by them: what they would bring to the daemon now is
 * to come by them, also if it went by the flowtable. */
void tracking_settle(struct tracking *tracking);

/* The flowtable's part; about every 100 ms, after tracking_settle(). */
void tracking_tick(struct tracking *tracking, uint64_t now);

/* What is in the flowtable is asked for, before it is counted. */
void tracking_ask(struct tracking *tracking);

/* It forgets all that is ours. */
void tracking_withdraw(struct tracking *tracking);

/* What is to be noted of connections that the rules' own schedule began; any thread. */
struct newcomers *tracking_newcomers(struct tracking *tracking);

/* So that what takes @took ms takes no more than a twentieth of the time: how long until the next,
 * at least @ms. */
uint64_t pause_after(uint64_t took, uint64_t ms);

/* Conntrack for a thread of its own, which alone uses it, with a socket of its own. NULL: it cannot
 * be asked. */
struct tracker *tracker_new(void);
void tracker_free(struct tracker *tracker);

#endif
