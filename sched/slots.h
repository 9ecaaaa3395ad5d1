/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_SLOTS_H
#define SCHED_SLOTS_H

#include "lvs/service.h"

/* A table that maps a hash to a server: the state of dh, sh, mh and maglev is a pointer to one. */
struct slots {
	uint32_t len;
	struct dest *at[]; /* NULL: nobody's */
};

struct slots_state {
	struct slots *slots; /* owned */
};

/* The slot of a flow, < len; @offset: of the nth look for another one. */
typedef uint32_t slots_hash(const struct service *svc, const struct flow *flow, uint32_t offset);

/* How a flow was looked up. */
struct slots_search {
	uint32_t first, last; /* the flow's own slot, and that of the result */
	uint32_t looks;	      /* at how many slots */
};

/* All empty; NULL without memory. The caller owns it. */
struct slots *slots_new(uint32_t len);

/*
 * IPVS's look-up: the server of the flow's slot if it is usable; if not, and @fallback, that of the
 * next offset with a usable one. NULL: nobody. Under svc->lock, as all that follow.
 */
struct dest *slots_find(const struct service *svc, const struct flow *flow,
			const struct slots *slots, slots_hash *hash, bool fallback,
			struct slots_search *search);

/* Whether the service has the flag that sh and mh call fallback, and port. */
bool slots_fallback(const struct service *svc);
bool slots_port(const struct service *svc);

/* What explain() of such a scheduler says. */
void slots_explain(const struct slots *slots, const struct slots_search *search,
		   struct sched_facts *facts);

/* The forget() and free() of these schedulers. */
void slots_forget(struct service *svc, struct dest *dest);
void slots_free(struct service *svc);

/*
 * Maglev's way to fill a table: each server prefers the slots in an order of its own, which steps
 * through all of them because their number is prime, and takes its next free one when it is its
 * turn. @at and @step: < len, @step > 0. There must be a free slot.
 */
struct slots_order {
	uint32_t at, step;
};

void slots_take(struct slots *slots, struct slots_order *order, struct dest *dest);

#endif
