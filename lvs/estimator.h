/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_ESTIMATOR_H
#define LVS_ESTIMATOR_H

#include "lvs/rcu.h"

#include <stdatomic.h>
#include <stdint.h>

/* Connections, packets and bytes: so many since the last "-Z", or so many a second. */
struct counters {
	uint64_t conns, in_pkts, out_pkts, in_bytes, out_bytes;
};

/* What passed a service or a server. */
struct traffic {
	/* added to by all workers, relaxed */
	_Atomic uint64_t conns, in_pkts, out_pkts, in_bytes, out_bytes;
	/* control thread */
	struct cds_list_head turn; /* in one of the estimator's */
	struct counters last;	   /* as they were at the last estimate */
	struct counters average;   /* a second, in IPVS's units: see estimator.c */
};

/* Everything that is estimated, divided into turns, one of which is due every ESTIMATOR_MS, so that
 * each member's comes every 2 s. */
#define ESTIMATOR_TURNS 20u
#define ESTIMATOR_MS	100u

struct estimator {
	struct cds_list_head turns[ESTIMATOR_TURNS];
	unsigned int next;
};

/* All functions here belong to the control thread. */

void traffic_init(struct traffic *traffic);

/* Begins to count anew. Workers add atomically, so nothing that comes later is lost. */
void traffic_zero(struct traffic *traffic);

/* What has passed, and how much did so a second of late, as IPVS rounds it. */
struct counters traffic_counters(const struct traffic *traffic);
struct counters traffic_rates(const struct traffic *traffic);

void estimator_init(struct estimator *estimator);

/* @turn: any number; those with the same one are estimated together. */
void estimator_add(struct estimator *estimator, struct traffic *traffic, uint64_t turn);
void estimator_del(struct traffic *traffic);

/* Does the next turn. */
void estimator_run(struct estimator *estimator);

#endif
