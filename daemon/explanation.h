/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_EXPLANATION_H
#define DAEMON_EXPLANATION_H

#include "daemon/director.h"

#include <jansson.h>

/*
 * What would happen to a packet of @flow (client -> virtual) with this mark, and why; nothing is
 * changed. "decision" is "connection", "template", "scheduler", "refused" (no server can take it),
 * "dropped" (its server was removed) or "passed" (not ours); "why" says how the service was found:
 * "mark", "group", "address", "ftp", "all-ports". "candidates" are the service's servers in the
 * scheduler's order. The caller owns the result; NULL without memory. Control thread.
 */
json_t *explanation_json(const struct director *director, const struct flow *flow, uint32_t mark);

#endif
