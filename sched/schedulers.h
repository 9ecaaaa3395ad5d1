/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_SCHEDULERS_H
#define SCHED_SCHEDULERS_H

#include "lvs/service.h"

/* The scheduler of this name ("rr"), or NULL. Any thread. */
const struct scheduler *scheduler_find(const char *name);

/* All names, "rr wrr lc wlc", for messages; static storage. */
const char *scheduler_names(void);

extern const struct scheduler sched_rr, sched_wrr, sched_lc, sched_wlc;

#endif
