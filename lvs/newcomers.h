/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_NEWCOMERS_H
#define LVS_NEWCOMERS_H

#include "lvs/pkt.h"

/*
 * Connections that began without the daemon, by the schedule that is compiled into the rules, while
 * it was there: flows of which a copy told. One thread notes them, another takes them.
 */
struct newcomers;

#define NEWCOMERS_MAX 4096u /* that wait */

/* NULL: no memory. */
struct newcomers *newcomers_new(void);

/* NULL is fine. */
void newcomers_free(struct newcomers *newcomers);

/* @flow (client -> virtual) is copied. If as many as can be wait already, only that is noted:
 * newcomers_missed(). The observer's thread. */
void newcomers_note(struct newcomers *newcomers, const struct flow *flow);

/* A copy was lost, so perhaps one that would have been noted. The observer's thread. */
void newcomers_miss(struct newcomers *newcomers);

/* The one that waits longest, into @flow; false: there is none. The control thread. */
bool newcomers_take(struct newcomers *newcomers, struct flow *flow);

/* Has any been missed since the last call? The control thread. */
bool newcomers_missed(struct newcomers *newcomers);

#endif
