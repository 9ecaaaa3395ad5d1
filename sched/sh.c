// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Source hashing: 256 slots, filled with the servers in turn, each as often in a row as its weight
 * says; a flow goes by the hash of its source address, with sh-port of its port too. If its server
 * cannot be chosen, nobody is, or with sh-fallback whoever other hashes of the same flow find
 * first. Workers call pick() under svc->lock, the control thread the rest.
 */
#include "sched/hash.h"
#include "sched/schedulers.h"
#include "sched/slots.h"

#include <errno.h>

#define SH_BITS 8
#define SH_LEN	(1u << SH_BITS)

static uint32_t sh_hash(const struct service *svc, const struct flow *flow, uint32_t offset)
{
	uint32_t port = slots_port(svc) ? ntohs(flow->sport) : 0;

	return (offset + hash_golden(port + hash_fold(flow->af, &flow->saddr), SH_BITS)) % SH_LEN;
}

static struct dest *sh_find(const struct service *svc, const struct flow *flow, const void *state,
			    struct slots_search *search)
{
	return slots_find(svc, flow, ((const struct slots_state *)state)->slots, sh_hash,
			  slots_fallback(svc), search);
}

static struct dest *sh_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct slots_search search;

	return sh_find(svc, flow, state, &search);
}

static void sh_explain(const struct service *svc, const struct flow *flow, void *state,
		       struct sched_facts *facts)
{
	struct slots_search search;

	sh_find(svc, flow, state, &search);
	slots_explain(((struct slots_state *)state)->slots, &search, facts);
}

/* A server of weight 0 has one slot in each round, as in IPVS. */
static int sh_update(struct service *svc)
{
	struct slots *slots = ((struct slots_state *)svc->sched_state)->slots;
	struct dest *dest = NULL;
	int32_t left = 0;

	for (uint32_t i = 0; i < slots->len; i++) {
		if (left <= 0 && svc->pool_len) {
			struct cds_list_head *next = dest ? dest->pool.next : svc->pool.next;

			if (next == &svc->pool)
				next = next->next;
			dest = cds_list_entry(next, struct dest, pool);
			left = dest_weight(dest);
		}
		left--;
		slots->at[i] = dest;
	}
	return 0;
}

static int sh_init(struct service *svc)
{
	struct slots_state *state = (void *)svc->sched_state;

	state->slots = slots_new(SH_LEN);
	return state->slots ? sh_update(svc) : -ENOMEM;
}

const struct scheduler sched_sh = {
	.name = "sh",
	.about = "source hashing: by the client's address, in proportion to the weights; no "
		 "server but that one, unless sh-fallback; sh-port: by its port, too",
	.ipvs = true,
	.weights = WEIGHTS_FIXED,
	.state_size = sizeof(struct slots_state),
	.flags = {"sh-fallback", "sh-port"},
	.pick = sh_pick,
	.init = sh_init,
	.update = sh_update,
	.forget = slots_forget,
	.free = slots_free,
	.explain = sh_explain,
};
