// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Power of two choices, as IPVS has it: two lots over the weights, and of the two servers on which
 * they fall, which may be the same one, the second if its overhead for its weight is smaller. The
 * lots run from 0 to the sum of the weights, both included, so the first of the list has one more
 * than its share. Workers, under svc->lock.
 */
#include "sched/least.h"
#include "sched/random.h"
#include "sched/schedulers.h"

struct twos_draw {
	uint64_t lots[2], total;
	struct dest *dests[2]; /* NULL: thresholds moved meanwhile */
};

static void twos_draw(const struct service *svc, struct random *random, struct twos_draw *draw)
{
	draw->total = random_total(svc);
	for (int i = 0; i < 2; i++) {
		draw->lots[i] = draw->total ? random_below(random, draw->total + 1) : 0;
		draw->dests[i] = random_at(svc, draw->lots[i], NULL);
	}
}

static struct dest *twos_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct twos_draw draw;
	struct dest *first, *second;

	(void)flow;
	twos_draw(svc, state, &draw);
	first = draw.dests[0];
	second = draw.dests[1];
	if (!first || !second)
		return first ? first : second;
	return least_lighter(dest_overhead(second), second, dest_overhead(first), first) ? second
											 : first;
}

static void twos_explain(const struct service *svc, const struct flow *flow, void *state,
			 struct sched_facts *facts)
{
	struct twos_draw draw;

	(void)flow;
	twos_draw(svc, state, &draw);
	facts_number(facts, "lots up to", (int64_t)draw.total);
	facts_number(facts, "first lot", (int64_t)draw.lots[0]);
	facts_server(facts, "first server", draw.dests[0]);
	facts_number(facts, "second lot", (int64_t)draw.lots[1]);
	facts_server(facts, "second server", draw.dests[1]);
}

const struct scheduler sched_twos = {
	.name = "twos",
	.about = "power of two choices: of two servers on which lots fall, the one with "
		 "fewer connections for its weight",
	.ipvs = true,
	.state_size = sizeof(struct random),
	.pick = twos_pick,
	.init = random_init,
	.explain = twos_explain,
	.load = dest_overhead,
	.load_name = "overhead",
};
