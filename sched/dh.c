// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Destination hashing: 256 slots, filled with the servers in turn whatever their weights; a flow
 * goes by the hash of its destination address, so that all of a site is on the same cache. If its
 * server cannot be chosen, nobody is: cache_bypass is meant for that. Workers call pick() under
 * svc->lock, the control thread the rest.
 */
#include "sched/hash.h"
#include "sched/schedulers.h"
#include "sched/slots.h"

#include <errno.h>

#define DH_BITS 8

static uint32_t dh_hash(const struct service *svc, const struct flow *flow, uint32_t offset)
{
	(void)svc;
	(void)offset; /* there is no second look */
	return hash_golden(hash_fold(flow->af, &flow->daddr), DH_BITS);
}

static struct dest *dh_find(const struct service *svc, const struct flow *flow, const void *state,
			    struct slots_search *search)
{
	return slots_find(svc, flow, ((const struct slots_state *)state)->slots, dh_hash, false,
			  search);
}

static struct dest *dh_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct slots_search search;

	return dh_find(svc, flow, state, &search);
}

static void dh_explain(const struct service *svc, const struct flow *flow, void *state,
		       struct sched_facts *facts)
{
	struct slots_search search;

	dh_find(svc, flow, state, &search);
	slots_explain(((struct slots_state *)state)->slots, &search, facts);
}

static int dh_update(struct service *svc)
{
	struct slots *slots = ((struct slots_state *)svc->sched_state)->slots;
	struct cds_list_head *at = &svc->pool;

	for (uint32_t i = 0; i < slots->len; i++) {
		at = at->next;
		if (at == &svc->pool)
			at = at->next;
		slots->at[i] = at == &svc->pool ? NULL : cds_list_entry(at, struct dest, pool);
	}
	return 0;
}

static int dh_init(struct service *svc)
{
	struct slots_state *state = (void *)svc->sched_state;

	state->slots = slots_new(1u << DH_BITS);
	return state->slots ? dh_update(svc) : -ENOMEM;
}

const struct scheduler sched_dh = {
	.name = "dh",
	.about = "destination hashing: by the destination address, whatever the weights; no "
		 "server but that one",
	.ipvs = true,
	.state_size = sizeof(struct slots_state),
	.weights = WEIGHTS_FIXED,
	.pick = dh_pick,
	.init = dh_init,
	.update = dh_update,
	.forget = slots_forget,
	.free = slots_free,
	.explain = dh_explain,
};
