/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_EXPLANATION_H
#define DAEMON_EXPLANATION_H

#include "daemon/director.h"

#include <jansson.h>

/*
 * What would happen to a packet of @flow (client -> virtual) with this mark, and why; nothing is
 * changed. "decision" is "connection", "template", "scheduler", "bypassed" (cache_bypass),
 * "refused" (no server can take it), "service-full", "server-full" (a limit is reached), "dropped"
 * (its server was removed), "reset" (its connection was killed) or "passed" (not ours). "anew" has
 * the decision about a packet that opens a connection, where that would take the place of
 * "connection". "why" says how the service was found: "mark", "group", "address", "ftp",
 * "all-ports". "about" says how the scheduler
 * chooses; "facts" are what it goes by, if it decides; "candidates" the service's
 * servers in its order, with "load" as it compares them. The caller owns the result; NULL without
 * memory. Control thread.
 */
json_t *explanation_json(const struct director *director, const struct flow *flow, uint32_t mark);

#endif
