// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Maglev hashing in nfvs's own way: as mh, but with 65537 slots, so that shares are exact to a
 * fraction of a percent, and with turns that are spread evenly over the filling instead of many in
 * a row. A server's turns come at the times 0, 1/w, 2/w ..., which no other server's weight
 * changes, so a change moves hardly more slots than it must. The table depends on the servers and
 * their weights alone, not on the order in which they were added: several directors agree. As with
 * mh the last weight that was not 0 counts. A client whose server cannot be chosen goes to another
 * that the slots after it have. Workers call pick() under svc->lock, the control thread the rest.
 */
#include "sched/hash.h"
#include "sched/schedulers.h"
#include "sched/slots.h"

#include <errno.h>
#include <stdlib.h>

#define MAGLEV_LEN 65537u /* a prime */

static const struct hash_key keys[] = {
	{{0x6e667673206d6167ull, 1}}, /* a client's slot */
	{{0x6e667673206d6167ull, 2}}, /* where a server begins */
	{{0x6e667673206d6167ull, 3}}, /* by how much it steps */
};

static uint32_t maglev_hash(const union addr *addr, __be16 port, const struct hash_key *key)
{
	struct {
		union addr addr;
		__be16 port;
	} end = {.addr = *addr, .port = port};

	return hash_sip(&end, sizeof(end.addr) + sizeof(end.port), key);
}

/* Further looks go from slot to slot, which are as good as random: neighbours have different
 * owners, and in the end every slot has been seen. */
static uint32_t maglev_slot(const struct service *svc, const struct flow *flow, uint32_t offset)
{
	uint32_t hash = maglev_hash(&flow->saddr, slots_port(svc) ? flow->sport : 0, &keys[0]);

	return (hash % MAGLEV_LEN + offset) % MAGLEV_LEN;
}

static struct dest *maglev_find(const struct service *svc, const struct flow *flow,
				const void *state, struct slots_search *search)
{
	return slots_find(svc, flow, ((const struct slots_state *)state)->slots, maglev_slot, true,
			  search);
}

static struct dest *maglev_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct slots_search search;

	return maglev_find(svc, flow, state, &search);
}

static void maglev_explain(const struct service *svc, const struct flow *flow, void *state,
			   struct sched_facts *facts)
{
	struct slots_search search;

	maglev_find(svc, flow, state, &search);
	slots_explain(((struct slots_state *)state)->slots, &search, facts);
}

/* A server that waits for its next turn, in a heap: the first has the earliest. */
struct turn {
	struct dest *dest;
	struct slots_order order;
	uint64_t taken;
};

/* taken / weight, by cross-multiplication; of equals the server whose address is lower. */
static bool turn_before(const struct turn *a, const struct turn *b)
{
	unsigned __int128 x = (unsigned __int128)a->taken * (uint32_t)b->dest->last_weight;
	unsigned __int128 y = (unsigned __int128)b->taken * (uint32_t)a->dest->last_weight;
	int order;

	if (x != y)
		return x < y;
	order = addr_compare(&a->dest->addr, &b->dest->addr);
	return order ? order < 0 : ntohs(a->dest->port) < ntohs(b->dest->port);
}

/* Lets the entry at @at sink to where it belongs. */
static void turns_sink(struct turn *turns, uint32_t len, uint32_t at)
{
	for (;;) {
		uint32_t least = at;
		struct turn swap;

		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < len; child++)
			if (turn_before(&turns[child], &turns[least]))
				least = child;
		if (least == at)
			return;
		swap = turns[at];
		turns[at] = turns[least];
		turns[least] = swap;
		at = least;
	}
}

/* The servers that have a share; returns how many. */
static uint32_t turns_collect(const struct service *svc, struct turn *turns)
{
	uint32_t len = 0;
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool) {
		uint32_t at = maglev_hash(&dest->addr, dest->port, &keys[1]);
		uint32_t step = maglev_hash(&dest->addr, dest->port, &keys[2]);

		if (dest->last_weight)
			turns[len++] = (struct turn){
				.dest = dest,
				.order = {at % MAGLEV_LEN, step % (MAGLEV_LEN - 1) + 1},
			};
	}
	return len;
}

/* Into a new table: without memory the old one stays. */
static int maglev_update(struct service *svc)
{
	struct slots_state *state = (void *)svc->sched_state;
	struct slots *slots;
	struct turn *turns;
	uint32_t len;

	if (svc->pool_len > MAGLEV_LEN)
		return -EINVAL;
	slots = slots_new(MAGLEV_LEN);
	turns = calloc(svc->pool_len + 1, sizeof(*turns));
	if (!slots || !turns) {
		free(slots);
		free(turns);
		return -ENOMEM;
	}
	len = turns_collect(svc, turns);
	for (uint32_t i = len / 2; i--;)
		turns_sink(turns, len, i);
	for (uint32_t i = 0; len && i < slots->len; i++) {
		slots_take(slots, &turns->order, turns->dest);
		turns->taken++;
		turns_sink(turns, len, 0);
	}
	free(turns);
	free(state->slots);
	state->slots = slots;
	return 0;
}

const struct scheduler sched_maglev = {
	.name = "maglev",
	.about = "as mh, with shares that are exact, and hardly a client moved that need not be: "
		 "65537 slots, the same on each director in whatever order the servers were "
		 "added; a client whose server cannot be chosen goes to another",
	.state_size = sizeof(struct slots_state),
	.flags = {NULL, "maglev-port"},
	.weights = WEIGHTS_FIXED,
	.pick = maglev_pick,
	.init = maglev_update,
	.update = maglev_update,
	.forget = slots_forget,
	.free = slots_free,
	.explain = maglev_explain,
};
