/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_KILLER_H
#define DAEMON_KILLER_H

#include "ctl/selection.h"
#include "daemon/director.h"
#include "daemon/sender.h"

/*
 * Who ends connections that an administrator wants ended: what a worker is for packets that come,
 * with a way out of its own for the RSTs.
 */
struct killer;

/*
 * Borrows @director; owns @sender and @router. NULL without memory, and then they are the caller's
 * still. Without a sender nothing is sent (tests). Control thread.
 */
struct killer *killer_new(struct director *director, struct sender *sender, struct router *router);
void killer_free(struct killer *killer); /* NULL is fine */

/* What is to be ended: all zero but these. */
struct kill {
	struct filter filter;	 /* templates only with the state TEMPLATE */
	const struct dest *dest; /* only its connections, or NULL; held by whoever asks */
	enum ending how;	 /* ENDING_KEEP: only counts what is not at its end by itself */
	/* what came of it so far */
	uint64_t ended;
	struct conns_walk walk;
};

/*
 * Goes on with @kill through the next @n connections of the table; true: there is more. It may be
 * given up at any time. Safe from several threads, which take turns. Any thread that is registered
 * with RCU.
 */
bool killer_step(struct killer *killer, struct kill *kill, unsigned int n, uint64_t now);

/* Does all of it, with pauses in which those who were told can have their say. Takes long: on a
 * thread of libuv's pool. */
void killer_run(struct killer *killer, struct kill *kill);

/* What deciding and sending count in: of packets that it sent, and why it could not. Valid as long
 * as
 * @killer. Any thread. */
const struct stats *killer_stats(const struct killer *killer);

#endif
