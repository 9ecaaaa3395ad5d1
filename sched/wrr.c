// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Weighted round robin, interleaved as in IPVS. The list is passed through again and again with a
 * falling bar: a destination is chosen if its weight reaches the bar, and after each pass the bar
 * sinks by the greatest common divisor of the weights, from the greatest weight down to where all
 * qualify, then starts anew. So the list B (weight 1), A (weight 3) gives A A B A, and so do
 * weights 100 and 300. A change of the list keeps the bar: servers added one by one begin with one
 * turn each. Workers call pick() under svc->lock, the control thread init() and update().
 */
#include "sched/gcd.h"
#include "sched/schedulers.h"

struct wrr_state {
	struct dest *last; /* chosen last; NULL: the next pass begins at the head */
	int32_t bar;	   /* IPVS: cw */
	int32_t top;	   /* where the bar starts; 0: all weights are 0. IPVS: mw */
	int32_t step;	   /* IPVS: di */
};

/* One choice. */
struct wrr_scan {
	const struct service *svc;
	struct wrr_state *wrr;
	struct dest *start; /* chosen last; NULL: it begins at the head */
	struct dest *stop;  /* the last entry of the last pass, once that is known */
	bool last_pass;	    /* nothing lies below the bar of this pass */
	bool restarted;	    /* the bar started anew */
};

/* What ended a pass. */
enum wrr_pass {
	PASS_FOUND, /* at wrr->last */
	PASS_END,   /* of the list */
	PASS_STOP   /* at scan->stop */
};

/* From the entry after @from (NULL: the first) on; @best: the greatest weight that was too low. */
static enum wrr_pass wrr_pass(struct wrr_scan *scan, struct dest *from, int32_t *best)
{
	const struct cds_list_head *head = &scan->svc->pool, *at = from ? &from->pool : head;

	*best = 0;
	for (at = at->next; at != head; at = at->next) {
		struct dest *dest = cds_list_entry(at, struct dest, pool);
		int32_t weight = dest_overloaded(dest) ? 0 : dest_weight(dest);

		if (weight < scan->wrr->bar && dest != scan->stop) {
			*best = weight > *best ? weight : *best;
			continue;
		}
		scan->wrr->last = dest;
		return weight < scan->wrr->bar ? PASS_STOP : PASS_FOUND;
	}
	scan->wrr->last = NULL;
	return PASS_END;
}

/*
 * Lowers the bar for the next pass; false if no pass can succeed. @best: see wrr_pass(), after a
 * pass over the whole list, else no bound. Passes that nobody would survive are left out: with
 * weights like 1000000 and 1 and the first one overloaded there are a million of them.
 */
static bool wrr_lower(struct wrr_scan *scan, int32_t best)
{
	struct wrr_state *wrr = scan->wrr;
	int32_t floor = best > wrr->step ? best : wrr->step;

	wrr->bar -= wrr->step;
	if (wrr->bar > floor)
		wrr->bar -= (int32_t)(((int64_t)wrr->bar - floor + wrr->step - 1) / wrr->step) *
			    wrr->step;
	if (wrr->bar <= 0) {
		wrr->bar = wrr->top;
		if (scan->last_pass || !scan->start)
			return false;
		scan->restarted = true;
	}
	scan->last_pass = wrr->bar <= wrr->step;
	if (scan->last_pass && scan->restarted)
		scan->stop = scan->start;
	return true;
}

static struct dest *wrr_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct wrr_state *wrr = state;
	struct wrr_scan scan = {.svc = svc, .wrr = wrr, .start = wrr->last};
	struct dest *from = wrr->last;
	enum wrr_pass end;
	int32_t best;

	(void)flow;
	if (!wrr->top)
		return NULL;
	for (;;) {
		end = wrr_pass(&scan, from, &best);
		if (end != PASS_END)
			return end == PASS_FOUND ? wrr->last : NULL;
		if (!wrr_lower(&scan, from ? INT32_MAX : best))
			return NULL;
		from = NULL;
	}
}

/* IPVS's ip_vs_wrr_dest_changed(); on the zeroed state of a new scheduler also its init. */
static int wrr_update(struct service *svc)
{
	struct wrr_state *wrr = (void *)svc->sched_state;
	int32_t step = 0, max = 0;
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool) {
		int32_t weight = dest_weight(dest);

		step = gcd(step, weight);
		max = weight > max ? weight : max;
	}
	wrr->last = NULL;
	wrr->step = step ? step : 1;
	wrr->top = max - (wrr->step - 1);
	if (wrr->bar > wrr->top || !wrr->bar)
		wrr->bar = wrr->top;
	else if (wrr->step > 1)
		wrr->bar = wrr->bar / wrr->step * wrr->step + 1;
	return 0;
}

static void wrr_explain(const struct service *svc, const struct flow *flow, void *state,
			struct sched_facts *facts)
{
	const struct wrr_state *wrr = state;

	(void)svc;
	(void)flow;
	facts_server(facts, "chosen last", wrr->last);
	facts_number(facts, "current weight", wrr->bar);
	facts_number(facts, "greatest weight", wrr->top);
	facts_number(facts, "weight step", wrr->step);
}

/* A round that is too long is not written at all. */
static uint64_t wrr_turns(const int32_t *weights, size_t len, uint16_t *turns, size_t max)
{
	int32_t step = 0, top = 0;
	uint64_t sum = 0;
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		step = gcd(step, weights[i]);
		top = weights[i] > top ? weights[i] : top;
		sum += (uint32_t)weights[i];
	}
	if (!sum || sum / (uint32_t)step > max)
		return sum ? sum / (uint32_t)step : 0;
	for (int32_t bar = top; bar > 0; bar -= step)
		for (size_t i = 0; i < len; i++)
			if (weights[i] >= bar)
				turns[at++] = (uint16_t)i;
	return at;
}

const struct scheduler sched_wrr = {
	.name = "wrr",
	.about = "weighted round robin: in turn, each as often as its weight says",
	.ipvs = true,
	.state_size = sizeof(struct wrr_state),
	.pick = wrr_pick,
	.init = wrr_update,
	.update = wrr_update,
	.explain = wrr_explain,
	.turns = wrr_turns,
};
