// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Round robin: the next usable destination after the one chosen last, in the order of the list,
 * which is newest first. A destination that is added comes at the head and so waits until the round
 * gets there. Workers call pick() under svc->lock, the control thread forget().
 */
#include "sched/schedulers.h"

struct rr_state {
	struct dest *last; /* NULL: before the first of the list */
};

static struct dest *rr_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct rr_state *rr = state;
	const struct cds_list_head *start = rr->last ? &rr->last->pool : &svc->pool, *at = start;

	(void)flow;
	do {
		struct dest *dest;

		at = at->next;
		if (at == &svc->pool)
			continue;
		dest = cds_list_entry(at, struct dest, pool);
		if (dest_usable(dest)) {
			rr->last = dest;
			return dest;
		}
	} while (at != start);
	return NULL;
}

/* The round goes on from the one before, so that the one after it does not lose its turn. */
static void rr_forget(struct service *svc, struct dest *dest)
{
	struct rr_state *rr = (void *)svc->sched_state;
	struct cds_list_head *prev = dest->pool.prev;

	if (rr->last == dest)
		rr->last = prev == &svc->pool ? NULL : cds_list_entry(prev, struct dest, pool);
}

static void rr_explain(const struct service *svc, const struct flow *flow, void *state,
		       struct sched_facts *facts)
{
	(void)svc;
	(void)flow;
	facts_server(facts, "chosen last", ((struct rr_state *)state)->last);
}

static uint64_t rr_turns(const int32_t *weights, size_t len, uint16_t *turns, size_t max)
{
	uint64_t all = 0;

	for (size_t i = 0; i < len; i++) {
		if (weights[i] <= 0)
			continue;
		if (all < max)
			turns[all] = (uint16_t)i;
		all++;
	}
	return all;
}

const struct scheduler sched_rr = {
	.name = "rr",
	.about = "round robin: the servers in turn, whatever their weights",
	.ipvs = true,
	.state_size = sizeof(struct rr_state),
	.weights = WEIGHTS_FIXED,
	.pick = rr_pick,
	.forget = rr_forget,
	.explain = rr_explain,
	.turns = rr_turns,
};
