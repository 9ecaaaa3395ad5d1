// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Maglev hashing, as IPVS has it: 4093 slots, filled in rounds in which each server takes as many
 * free slots as its weight says, in an order of its own that hashes of its address give. A change
 * of the servers moves few of the others' slots, and each director has the same table. The last
 * weight that was not 0 counts, so that a server can be quiesced without moving any. A flow goes by
 * the hash of its source address, with mh-port of its port too. If its server cannot be chosen,
 * nobody is, or with mh-fallback whoever other hashes of the same flow find first. Workers call
 * pick() under svc->lock, the control thread the rest.
 */
#include "sched/gcd.h"
#include "sched/hash.h"
#include "sched/schedulers.h"
#include "sched/slots.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#define MH_LEN	4093u /* a prime */
#define MH_BITS 6     /* of the greatest weight, once the greatest divisor is out */

static const struct hash_key keys[] = {
	{{2654435761u, 2654435761u}}, /* where a server begins; and a client's slot */
	{{2654446892u, 2654446892u}}, /* by how much it steps */
};

static uint32_t mh_hash_one(uint8_t af, const union addr *addr, __be16 port, uint32_t offset,
			    const struct hash_key *key)
{
	uint32_t value = htole32(offset + ntohs(port) + hash_fold(af, addr));

	return hash_sip(&value, sizeof(value), key);
}

static uint32_t mh_hash(const struct service *svc, const struct flow *flow, uint32_t offset)
{
	return mh_hash_one(flow->af, &flow->saddr, slots_port(svc) ? flow->sport : 0, offset,
			   &keys[0]) %
	       MH_LEN;
}

static struct dest *mh_find(const struct service *svc, const struct flow *flow, const void *state,
			    struct slots_search *search)
{
	return slots_find(svc, flow, ((const struct slots_state *)state)->slots, mh_hash,
			  slots_fallback(svc), search);
}

static struct dest *mh_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct slots_search search;

	return mh_find(svc, flow, state, &search);
}

static void mh_explain(const struct service *svc, const struct flow *flow, void *state,
		       struct sched_facts *facts)
{
	struct slots_search search;

	mh_find(svc, flow, state, &search);
	slots_explain(((struct slots_state *)state)->slots, &search, facts);
}

/* By which the weights are made small: they are divided, then shifted. */
struct mh_scale {
	int32_t divisor; /* 0: all weights are 0 */
	unsigned int shift;
};

static struct mh_scale mh_scale(const struct service *svc)
{
	struct mh_scale scale = {0};
	struct dest *dest;
	int32_t max = 0;

	cds_list_for_each_entry (dest, &svc->pool, pool) {
		scale.divisor = gcd(scale.divisor, dest->last_weight);
		max = dest->last_weight > max ? dest->last_weight : max;
	}
	if (scale.divisor)
		while (max / scale.divisor >> scale.shift >> MH_BITS)
			scale.shift++;
	return scale;
}

/* A server that has slots. */
struct mh_share {
	struct dest *dest;
	struct slots_order order;
	int32_t turns; /* slots that it takes in each round */
};

/* A small weight is one turn, too. Returns how many there are. */
static uint32_t mh_shares(const struct service *svc, struct mh_share *shares)
{
	struct mh_scale scale = mh_scale(svc);
	uint32_t len = 0;
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool) {
		struct mh_share *share = &shares[len];

		if (!dest->last_weight)
			continue;
		share->dest = dest;
		share->turns = dest->last_weight / scale.divisor >> scale.shift;
		share->turns += !share->turns;
		share->order.at =
			mh_hash_one(dest->af, &dest->addr, dest->port, 0, &keys[0]) % MH_LEN;
		share->order.step =
			mh_hash_one(dest->af, &dest->addr, dest->port, 0, &keys[1]) % (MH_LEN - 1) +
			1;
		len++;
	}
	return len;
}

static void mh_fill(struct slots *slots, struct mh_share *shares, uint32_t len)
{
	uint32_t left = len ? slots->len : 0;

	for (uint32_t i = 0; left; i = (i + 1) % len)
		for (int32_t turns = shares[i].turns; left && turns; turns--, left--)
			slots_take(slots, &shares[i].order, shares[i].dest);
}

/* Into a new table: without memory the old one stays. */
static int mh_update(struct service *svc)
{
	struct slots_state *state = (void *)svc->sched_state;
	struct mh_share *shares;
	struct slots *slots;

	if (svc->pool_len > MH_LEN)
		return -EINVAL;
	slots = slots_new(MH_LEN);
	shares = calloc(svc->pool_len + 1, sizeof(*shares));
	if (!slots || !shares) {
		free(slots);
		free(shares);
		return -ENOMEM;
	}
	mh_fill(slots, shares, mh_shares(svc, shares));
	free(shares);
	free(state->slots);
	state->slots = slots;
	return 0;
}

const struct scheduler sched_mh = {
	.name = "mh",
	.about = "Maglev hashing: by the client's address, in proportion to the weights; a "
		 "change of the servers moves few clients; no server but that one, unless "
		 "mh-fallback; mh-port: by its port, too",
	.ipvs = true,
	.state_size = sizeof(struct slots_state),
	.flags = {"mh-fallback", "mh-port"},
	.weights = WEIGHTS_FIXED,
	.pick = mh_pick,
	.init = mh_update,
	.update = mh_update,
	.forget = slots_forget,
	.free = slots_free,
	.explain = mh_explain,
};
