/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DAEMON_DECIDING_H
#define DAEMON_DECIDING_H

#include "conf/conf.h"
#include "lvs/direct.h"

/* What workers decide by, beside services and connections: settings, FULLNAT's local endpoints, the
 * stand-ins for cache_bypass. Control thread. */
struct deciding;

/* NULL without memory. */
struct deciding *deciding_new(const struct director_conf *conf);

/* The connections must be gone: some may refer to a stand-in. */
void deciding_free(struct deciding *deciding);

/* Takes over what @to can change while workers run, where it differs from @from (NULL: all), so
 * that what was set at run time stays. */
void deciding_load(struct deciding *deciding, const struct director_conf *from,
		   const struct director_conf *to);

/* One setting at run time; @value within the bounds of its key. */
void deciding_set(struct deciding *deciding, enum setting_id id, uint32_t value);
const struct settings *deciding_settings(const struct deciding *deciding);

/* Once a second: which of the defences are on now. */
void deciding_defend(struct deciding *deciding, uint64_t available);

bool deciding_bypass(const struct deciding *deciding); /* cache_bypass */

/* Has any server's dest->near changed since the last call? */
bool deciding_near(struct deciding *deciding);

/* Looks at this machine's local ports again, once a second; @now: ms. */
void deciding_observe(struct deciding *deciding, uint64_t now);

struct locals *deciding_locals(const struct deciding *deciding);

/* Fills in its part of @direct. */
void deciding_fill(struct deciding *deciding, struct direct *direct);

#endif
