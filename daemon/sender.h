/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_SENDER_H
#define DAEMON_SENDER_H

#include "lib/err.h"
#include "lvs/outbox.h"
#include "lvs/route.h"
#include "lvs/stats.h"

/* The way out for packets that the director sends itself. One for each worker. */
struct sender;

/* @mark: of all that is sent, so that our own rules let it go. NULL with @err. Main thread. */
struct sender *sender_open(uint32_t mark, struct error *err);
void sender_close(struct sender *sender);

/* Sends what is in @outbox, whole or in fragments, and empties it. @router: asked for the MTU where
 * the outbox does not know it. Worker. */
void sender_flush(struct sender *sender, struct outbox *outbox, struct router *router,
		  struct stats *stats);

#endif
