/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_SCHEDULERS_H
#define SCHED_SCHEDULERS_H

#include "lvs/service.h"

/*
 * All schedulers in the order of the manual, X(member, name) for each sched_member: the one list
 * from which everything else is made.
 */
#define SCHEDULERS(X)       \
	X(rr, "rr")         \
	X(wrr, "wrr")       \
	X(lc, "lc")         \
	X(wlc, "wlc")       \
	X(lblc, "lblc")     \
	X(lblcr, "lblcr")   \
	X(dh, "dh")         \
	X(sh, "sh")         \
	X(sed, "sed")       \
	X(nq, "nq")         \
	X(fo, "fo")         \
	X(ovf, "ovf")       \
	X(mh, "mh")         \
	X(twos, "twos")     \
	X(p2c, "p2c")       \
	X(maglev, "maglev") \
	X(wrr_smooth, "wrr-smooth")

/* The scheduler of this name ("rr"), or NULL. Any thread. */
const struct scheduler *scheduler_find(const char *name);

/* The nth of the list, or NULL: there are no more. */
const struct scheduler *scheduler_at(size_t n);

/* All names, "rr wrr lc ...", for messages; static storage. */
const char *scheduler_names(void);

/* What flags are called whatever the scheduler: "flag-1" for SERVICE_SCHED1 and so on. */
extern const char *const scheduler_general_flags[SCHEDULER_FLAGS];

/* The flag of this name, "sh-port" or "flag-2": its SERVICE_SCHED*; 0: @sched has no such. */
uint32_t scheduler_flag(const struct scheduler *sched, const char *name);

#define SCHEDULER_DECLARE(member, name) extern const struct scheduler sched_##member;
SCHEDULERS(SCHEDULER_DECLARE)
#undef SCHEDULER_DECLARE

#endif
