// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Weighted round robin, interleaved as smoothly as can be (nginx's way): with each choice every
 * usable server gains its weight in credit, and the one with the most, which is chosen, pays the
 * sum of all. So weights 5, 1, 1 give A A C A B A A, not five times A in a row. Credit is scaled
 * when the sum of the weights changes, so that an edit neither starts the round anew nor leaves
 * debts for a long time; a quiesced server loses its own. Workers call pick() and commit() under
 * svc->lock, the control thread the rest.
 */
#include "sched/schedulers.h"

struct smooth_state {
	int64_t total; /* of the weights, by which the present credit goes */
};

static struct dest *smooth_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest, *best = NULL;
	int64_t credit, most = 0;

	(void)flow;
	(void)state;
	cds_list_for_each_entry (dest, &svc->pool, pool) {
		credit = dest->credit + dest_weight(dest);
		if (!dest_usable(dest) || (best && credit <= most))
			continue;
		best = dest;
		most = credit;
	}
	return best;
}

/* The credit is in the servers, out of reach of who only looks ahead. */
static void smooth_commit(struct service *svc, const struct flow *flow, struct dest *chosen,
			  const struct sched_time *time)
{
	struct dest *dest;

	(void)flow;
	(void)time;
	if (!chosen)
		return;
	cds_list_for_each_entry (dest, &svc->pool, pool) {
		/* Thresholds may move meanwhile: whoever gains, the chosen one pays for. */
		if (!dest_usable(dest))
			continue;
		dest->credit += dest_weight(dest);
		chosen->credit -= dest_weight(dest);
	}
}

static int smooth_update(struct service *svc)
{
	struct smooth_state *state = (void *)svc->sched_state;
	struct dest *dest;
	int64_t total = 0;

	cds_list_for_each_entry (dest, &svc->pool, pool)
		total += dest_weight(dest);
	cds_list_for_each_entry (dest, &svc->pool, pool) {
		if (!dest_weight(dest) || !state->total)
			dest->credit = 0;
		else if (total != state->total)
			dest->credit = (int64_t)((__int128)dest->credit * total / state->total);
	}
	state->total = total;
	return 0;
}

/* What another scheduler's time, or another service, left is void. */
static int smooth_init(struct service *svc)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->pool, pool)
		dest->credit = 0;
	return smooth_update(svc);
}

static void smooth_forget(struct service *svc, struct dest *dest)
{
	(void)svc;
	dest->credit = 0;
}

static int64_t smooth_load(const struct dest *dest)
{
	return dest->credit + dest_weight(dest);
}

const struct scheduler sched_wrr_smooth = {
	.name = "wrr-smooth",
	.about = "weighted round robin without runs: weights 5, 1, 1 give A A C A B A A",
	.state_size = sizeof(struct smooth_state),
	.pick = smooth_pick,
	.commit = smooth_commit,
	.init = smooth_init,
	.update = smooth_update,
	.forget = smooth_forget,
	.load = smooth_load,
	.load_name = "credit",
};
