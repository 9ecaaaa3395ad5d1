/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_DRAIN_H
#define DAEMON_DRAIN_H

#include "daemon/killer.h"

/*
 * Servers that get nothing new any more while their connections end, and what becomes of the rest.
 * A drain survives a reload; it ends when its server is removed, or when somebody gives that a
 * weight. Control thread.
 */
struct drains;

/* Borrows both. NULL without memory. */
struct drains *drains_new(struct director *director, struct killer *killer);
void drains_free(struct drains *drains); /* NULL is fine; before the director */

/*
 * Begins, or gives a drain that runs another deadline: weight 0, and persistence templates bring
 * nothing new either. -ESRCH: no such service, -ENOENT: no such server, -EEXIST: several have this
 * address, others as director_dest_edit(); with @err. @now: ms.
 */
int drains_start(struct drains *drains, const struct drain_spec *spec, uint64_t now,
		 struct error *err);

/* The one that began last, as in drains_json(); NULL: there is none. */
json_t *drains_last(const struct drains *drains, uint64_t now);

/* Takes a drain back: the server has its weight again. -ENOENT also if it is not drained. */
int drains_undo(struct drains *drains, const struct filter *which, struct error *err);

/* Begins anew what another daemon had, as one row of its drains_json(). Errors as above, and
 * -EBADMSG. */
int drains_resume(struct drains *drains, const json_t *row, uint64_t now, struct error *err);

/* Goes on with all of them; takes a few ms at most. To be called about every 100 ms. */
void drains_tick(struct drains *drains, uint64_t now);

/* [{"service", "name", "server": {"address", "port"}, "state": "draining", "ending" or "drained",
 * "weight", "active", "inactive", "deadline": seconds left, "then", "ended"}] The caller owns it.
 */
json_t *drains_json(const struct drains *drains, uint64_t now);

#endif
