/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_RANDOM_H
#define SCHED_RANDOM_H

#include "lvs/service.h"

/* A small generator, the whole state of the schedulers that draw lots: a copy of it foretells what
 * the original will draw. A test that wants a certain history writes the seed into it. */
struct random {
	uint64_t state;
};

/* The next number of 0 .. n - 1; n > 0. Under svc->lock. */
uint64_t random_below(struct random *random, uint64_t n);

/* Their init(): a seed that nobody can guess. */
int random_init(struct service *svc);

/* Adds up the weights of the usable servers. */
uint64_t random_total(const struct service *svc);

/* The usable server on which a lot falls that is laid out over their weights in the order of the
 * pool, the first one from 1 to its weight; @skip takes no part, NULL: all do. NULL: beyond all. */
struct dest *random_at(const struct service *svc, uint64_t lot, const struct dest *skip);

#endif
