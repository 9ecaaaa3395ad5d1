// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the hashing schedulers share: a table of slots on the heap, each a server's, and the look-up
 * of a flow in it. Who fills it, and by which hash it is asked, is the scheduler's. Workers look up
 * under svc->lock; the control thread fills and frees.
 */
#include "sched/slots.h"

#include <stdlib.h>

struct slots *slots_new(uint32_t len)
{
	struct slots *slots = calloc(1, sizeof(*slots) + len * sizeof(slots->at[0]));

	if (slots)
		slots->len = len;
	return slots;
}

/* The server of a slot if it can be chosen; *@dead: the table ends the search here. */
static struct dest *slot_look(const struct slots *slots, struct slots_search *search, uint32_t slot,
			      bool *dead)
{
	struct dest *dest = slots->at[slot];

	search->last = slot;
	search->looks++;
	*dead = !dest;
	return dest && dest_usable(dest) ? dest : NULL;
}

static bool anybody_usable(const struct service *svc)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool)
		if (dest_usable(dest))
			return true;
	return false;
}

struct dest *slots_find(const struct service *svc, const struct flow *flow,
			const struct slots *slots, slots_hash *hash, bool fallback,
			struct slots_search *search)
{
	struct dest *dest;
	bool dead;

	*search = (struct slots_search){.first = hash(svc, flow, 0)};
	dest = slot_look(slots, search, search->first, &dead);
	/* A search in vain looks at all slots: not for each packet of a flood. */
	if (dest || dead || !fallback || !anybody_usable(svc))
		return dest;
	for (uint32_t i = 0; i < slots->len && !dest && !dead; i++)
		dest = slot_look(slots, search, hash(svc, flow, (i + search->first) % slots->len),
				 &dead);
	return dest;
}

static bool has_flag(const struct service *svc, uint32_t flag)
{
	return atomic_load_explicit(&svc->flags, memory_order_relaxed) & flag;
}

bool slots_fallback(const struct service *svc)
{
	return has_flag(svc, SERVICE_SCHED1);
}

bool slots_port(const struct service *svc)
{
	return has_flag(svc, SERVICE_SCHED2);
}

void slots_explain(const struct slots *slots, const struct slots_search *search,
		   struct sched_facts *facts)
{
	const struct dest *owner = slots->at[search->first];
	uint32_t owned = 0;

	for (uint32_t i = 0; i < slots->len; i++)
		owned += slots->at[i] == owner;
	facts_number(facts, "slot", search->first);
	facts_number(facts, "slots", slots->len);
	facts_server(facts, "slot server", owner);
	facts_number(facts, "slots of this server", owned);
	facts_yes(facts, "fallback", search->looks > 1);
	if (search->looks > 1) {
		facts_number(facts, "fallback slot", search->last);
		facts_number(facts, "slots looked at", search->looks);
	}
}

/* The table is filled anew soon, but not if there is no memory for it. */
void slots_forget(struct service *svc, struct dest *dest)
{
	struct slots *slots = ((struct slots_state *)svc->sched_state)->slots;

	for (uint32_t i = 0; i < slots->len; i++)
		if (slots->at[i] == dest)
			slots->at[i] = NULL;
}

void slots_free(struct service *svc)
{
	free(((struct slots_state *)svc->sched_state)->slots);
}

void slots_take(struct slots *slots, struct slots_order *order, struct dest *dest)
{
	while (slots->at[order->at]) {
		order->at += order->step;
		if (order->at >= slots->len)
			order->at -= slots->len;
	}
	slots->at[order->at] = dest;
}
