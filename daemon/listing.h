/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_LISTING_H
#define DAEMON_LISTING_H

#include "ctl/row.h"
#include "daemon/killer.h"
#include "daemon/lines.h"

/*
 * A long answer: a copy of what is there, taken at once as compact records, and turned into text
 * bit by bit as the client reads. Control thread, except where it says otherwise.
 */
struct listing;

/* All services with their servers, or only @key's; collected. @counted: with counters. NULL without
 * memory. */
struct listing *listing_services(const struct director *director, const struct service_key *key,
				 bool counted);

/* The connections and templates that @filter selects, still to be collected. NULL without memory.
 */
struct listing *listing_connections(const struct director *director, const struct filter *filter);

/* The end of those that @filter selects, as one row that says how many: collecting it is ending
 * them. NULL without memory. */
struct listing *listing_kill(struct killer *killer, const struct filter *filter, enum ending how);

void listing_free(struct listing *listing); /* NULL is fine */

/* Has it to be collected yet? */
bool listing_pending(const struct listing *listing);

/* Does it; takes long, and may run on any thread that is registered with RCU. 0 or -ENOMEM. */
int listing_collect(struct listing *listing);

/* What it needs in memory, roughly. */
size_t listing_size(const struct listing *listing);

/* Adds the next @rows rows, and returns true if there are more. */
bool listing_format(struct listing *listing, struct lines *lines, unsigned int rows);

/* A connection as a row; @now: director_now(). Any thread under RCU. */
void conn_row_fill(struct conn_row *row, const struct conn *conn, uint64_t now);

#endif
