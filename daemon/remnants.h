/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_REMNANTS_H
#define DAEMON_REMNANTS_H

#include "daemon/conntrack.h"
#include "daemon/flowtable.h"
#include "daemon/numbers.h"
#include "lvs/direct.h"

/* Takes all connections that the kernel carries into the table of @d, and makes the kernel forget
 * those whose server is no more; those that were not there count as scheduled if they @began while
 * this daemon was there. Those in the flowtable are noted there. *@taken: how many those were. 0 or
 * -errno: not all could be read. Control thread, not under RCU. */
int remnants_take(struct conntrack *ct, struct direct *d, const struct numbers *numbers,
		  struct flowtable *flowtable, bool began, uint64_t *taken);

/* Makes the kernel forget all of them: every entry of conntrack with a bit of @mask. */
void remnants_drop(struct conntrack *ct, uint32_t mask);

#endif
