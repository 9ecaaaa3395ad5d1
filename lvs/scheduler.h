/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_SCHEDULER_H
#define LVS_SCHEDULER_H

#include "lvs/pkt.h"

struct cds_list_head;
struct dest;
struct service;
struct settings;

/* When something is chosen, and by which settings. */
struct sched_time {
	uint64_t now; /* ms, monotonic */
	const struct settings *settings;
};

/*
 * How a service picks a destination for a new connection. One member a file in sched/. The state
 * that moves with each choice (a position, a current weight) is a small plain struct of state_size
 * bytes at svc->sched_state: a copy of it can be tried without consequences, which is how
 * "nfvsadm explain" looks ahead. All functions are called with svc->lock held.
 */
struct scheduler {
	const char *name;
	size_t state_size; /* 0..SCHEDULER_STATE_MAX */
	/* The choice among svc->pool, or NULL: nobody can take it. Changes nothing but @state. */
	struct dest *(*pick)(const struct service *svc, const struct flow *flow, void *state);
	/* After pick() chose @dest (or NULL) for a connection: what is remembered outside of
	 * @state, a table of destinations say. Never called for a look ahead. Optional. */
	void (*commit)(struct service *svc, const struct flow *flow, struct dest *dest,
		       const struct sched_time *time);
	/* Once a minute. Optional. */
	void (*tick)(struct service *svc, const struct sched_time *time);
	/* Sets up svc->sched_state for the present pool. Optional: the state is then all zero. */
	int (*init)(struct service *svc);
	/* After a destination came into svc->pool, left it, or was edited (weight). Optional. */
	int (*update)(struct service *svc);
	/* Before @dest leaves svc->pool: nothing in the state may point to it afterwards. Optional.
	 */
	void (*forget)(struct service *svc, struct dest *dest);
	/* Before svc->sched_state goes away. Optional. */
	void (*free)(struct service *svc);
};

#define SCHEDULER_STATE_MAX 64

#endif
