/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include "daemon/drain.h"
#include "daemon/killer.h"
#include "daemon/observer.h"
#include "daemon/worker.h"

#include <jansson.h>

/* "nfvsadm status" as JSON: version, kernel, queues with their drops, counts, drops by reason. The
 * caller owns the result; NULL without memory. @observer may be NULL. @started: director_now() at
 * start. Control thread.
 */
json_t *status_json(const struct director *director, const struct workers *workers,
		    const struct observer *observer, const struct drains *drains,
		    const struct killer *killer, uint64_t started);

#endif
