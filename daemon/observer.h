/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_OBSERVER_H
#define DAEMON_OBSERVER_H

#include "daemon/director.h"

/* The thread that follows, by copies of their packets that rules make (nflog), the connections that
 * the kernel carries. All functions: control thread. */
struct observer;

/* Counters of the observer's thread, which alone writes, with relaxed stores; anybody reads. */
struct observer_stats {
	_Atomic uint64_t copies, batches; /* received, and in so many messages */
	_Atomic uint64_t lost;		  /* copies that found no room in the socket */
	_Atomic uint64_t overruns;	  /* so many times there was none */
};

/* Opens a socket and binds the log group @group, before there are rules that send to it. No thread
 * yet, so that privileges can be dropped in between. In use: -EBUSY, and @err says by whom; else
 * -errno with @err. */
int observer_open(struct observer **out, uint16_t group, struct error *err);

/* Also the group of copies that have conntrack's entry with them; and why there is none, NULL if
 * there is. Static storage. */
void observer_open_entries(struct observer *observer);
const char *observer_no_entries(const struct observer *observer);

/* Starts the thread on @director's tables, which must outlive it. -errno with @err. */
int observer_start(struct observer *observer, struct director *director, struct error *err);

/* Ends the thread, within a quarter of a second, and frees. NULL is fine. */
void observer_close(struct observer *observer);

const struct observer_stats *observer_stats(const struct observer *observer);

#endif
