// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two random choices: lots are drawn for two different servers, in proportion to the weights, and
 * the one with fewer active connections for its weight is chosen, this one counted in; of equals
 * the first. That keeps loads nearly as even as looking for the least one does, but several
 * directors that know nothing of each other do not all run to the same server. Against twos: never
 * the same server twice, no share too many for the first of the list, and only what is active
 * counts. Workers, under svc->lock.
 */
#include "sched/least.h"
#include "sched/random.h"
#include "sched/schedulers.h"

struct p2c_draw {
	uint64_t lots[2];
	struct dest *dests[2]; /* the second: NULL, there is only one */
};

static void p2c_draw(const struct service *svc, struct random *random, struct p2c_draw *draw)
{
	uint64_t total = random_total(svc), rest;

	*draw = (struct p2c_draw){0};
	if (!total)
		return;
	draw->lots[0] = 1 + random_below(random, total);
	draw->dests[0] = random_at(svc, draw->lots[0], NULL);
	if (!draw->dests[0])
		return;
	rest = total - (uint64_t)dest_weight(draw->dests[0]);
	if (!rest)
		return;
	draw->lots[1] = 1 + random_below(random, rest);
	draw->dests[1] = random_at(svc, draw->lots[1], draw->dests[0]);
}

static struct dest *p2c_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct least least = {0};
	struct p2c_draw draw;

	(void)flow;
	p2c_draw(svc, state, &draw);
	for (int i = 0; i < 2; i++)
		if (draw.dests[i])
			least_offer(&least, draw.dests[i], least_delay(draw.dests[i]));
	return least.dest;
}

static void p2c_explain(const struct service *svc, const struct flow *flow, void *state,
			struct sched_facts *facts)
{
	struct p2c_draw draw;

	(void)flow;
	p2c_draw(svc, state, &draw);
	facts_number(facts, "first lot", (int64_t)draw.lots[0]);
	facts_server(facts, "first server", draw.dests[0]);
	facts_number(facts, "second lot", (int64_t)draw.lots[1]);
	facts_server(facts, "second server", draw.dests[1]);
}

const struct scheduler sched_p2c = {
	.name = "p2c",
	.about = "two random choices: of two servers on which lots fall, the one with fewer active "
		 "connections for its weight",
	.state_size = sizeof(struct random),
	.pick = p2c_pick,
	.init = random_init,
	.explain = p2c_explain,
	.load = least_delay,
	.load_name = "delay",
};
