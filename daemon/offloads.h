/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_OFFLOADS_H
#define DAEMON_OFFLOADS_H

#include "daemon/conntrack.h"

/*
 * The connections that are in the kernel's flowtable, whose packets no rule counts, and what
 * conntrack counted of them there. Any thread that is registered with RCU, if nothing else is said;
 * times are ms of the director's clock.
 */
struct offloads;

/* Empty; NULL without memory. */
struct offloads *offloads_new(void);
void offloads_free(struct offloads *offloads);

/* It is in the flowtable from here on. @anew: just now, by a copy; else it may be known. */
void offloads_join(struct offloads *offloads, const struct tracked *tracked, bool anew,
		   uint64_t now);

/* It has left: this is of the copy of its first packet that rules count, which has @bytes and comes
 * from the server if @reply. What is not known did not join. */
void offloads_leave(struct offloads *offloads, const struct tracked *tracked, bool reply,
		    uint32_t bytes, uint64_t now);

/* Conntrack says so now; or (@tracked NULL) has it no more, or is about to forget it. */
void offloads_read(struct offloads *offloads, const struct tracked *tracked, uint64_t now);
void offloads_gone(struct offloads *offloads, const struct flow *flow);

/* Is @flow there? Then, into *@idle, how long ago its counters were seen to grow, in ms. */
bool offloads_idle(struct offloads *offloads, const struct flow *flow, uint64_t now,
		   uint64_t *idle);

/* The one that was read longest ago, into @flow; false: none, or not @age ms ago. It counts as
 * read.
 */
bool offloads_next(struct offloads *offloads, uint64_t now, uint64_t age, struct flow *flow);

/* How many there are, those included that left in silence; and how many of them did not. */
size_t offloads_count(const struct offloads *offloads);
size_t offloads_inside(const struct offloads *offloads);

/* Calls @fn for what was counted since the last time, with the connection's mark. */
void offloads_collect(struct offloads *offloads,
		      void (*fn)(uint32_t mark, const struct volume *more, void *data), void *data);

/* Those for which @fn says so, into *@out, the caller's to free. -ENOMEM. */
int offloads_select(struct offloads *offloads, bool (*fn)(uint32_t mark, void *data), void *data,
		    struct flow **out, size_t *len);

#endif
