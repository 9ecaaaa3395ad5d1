// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locality-based least connection with replication: as lblc, but a destination address has a set of
 * servers, which grows by the one that wlc would choose when its least loaded member has too much
 * to do, and loses the most loaded one when it has not changed for a day. Workers call pick() and
 * commit() under svc->lock, the control thread the rest.
 */
#include "lvs/settings.h"
#include "sched/least.h"
#include "sched/locality.h"
#include "sched/schedulers.h"

/* The member with the least to do, or NULL: none can be chosen, or it has too much to do. */
static struct dest *lblcr_kept(const struct service *svc, const struct site *site)
{
	struct least least = {0};
	struct member *member;

	if (!site)
		return NULL;
	cds_list_for_each_entry (member, &site->members, node)
		if (member->place->dest)
			least_offer(&least, member->place->dest,
				    dest_overhead(member->place->dest));
	return least.dest && !least_relieved(svc, least.dest) ? least.dest : NULL;
}

static struct dest *lblcr_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest = lblcr_kept(svc, locality_find(locality_of(state), flow));

	return dest ? dest : least_find(svc, dest_overhead);
}

/* The member with the most to do for its weight, the first of equals; a server that is gone has
 * nothing to do. NULL: all have weight 0. */
static struct member *lblcr_most(const struct site *site)
{
	struct member *member, *most = NULL;
	int64_t weight, load, most_weight = 0, most_load = 0;

	cds_list_for_each_entry (member, &site->members, node) {
		const struct dest *dest = member->place->dest;

		weight = dest ? dest_weight(dest) : member->place->weight;
		load = dest ? dest_overhead(dest) : 0;
		if (weight <= 0 || (most && most_load * weight >= load * most_weight))
			continue;
		most = member;
		most_weight = weight;
		most_load = load;
	}
	return most;
}

/* What has not been busy enough to grow for so long can do with one less. */
static void lblcr_shrink(struct locality *locality, struct site *site,
			 const struct sched_time *time)
{
	uint64_t idle = setting(time->settings, SETTING_LBLCR_EXPIRATION) * (uint64_t)1000;
	struct member *most;

	if (site->len < 2 || time->now <= site->changed + idle)
		return;
	most = lblcr_most(site);
	if (most)
		site_remove(locality, site, most, time->now);
}

static void lblcr_commit(struct service *svc, const struct flow *flow, struct dest *dest,
			 const struct sched_time *time)
{
	struct locality *locality = locality_of(svc->sched_state);
	struct site *site = locality_find(locality, flow);
	struct dest *kept = lblcr_kept(svc, site);

	if (site) {
		site->used = time->now;
		lblcr_shrink(locality, site, time);
	} else if (dest) {
		site = locality_add(locality, flow, time->now);
	}
	if (site && dest && dest != kept)
		site_insert(locality, site, dest, time->now);
}

static void lblcr_tick(struct service *svc, const struct sched_time *time)
{
	locality_tick(svc, time->now, setting(time->settings, SETTING_LBLCR_EXPIRATION));
}

static void lblcr_explain(const struct service *svc, const struct flow *flow, void *state,
			  struct sched_facts *facts)
{
	const struct locality *locality = locality_of(state);
	const struct site *site = locality_find(locality, flow);

	facts_yes(facts, "address known", site);
	facts_number(facts, "its servers", site ? site->len : 0);
	facts_server(facts, "kept server", lblcr_kept(svc, site));
	facts_number(facts, "addresses known", locality->sites);
}

const struct scheduler sched_lblcr = {
	.name = "lblcr",
	.about = "lblc with replication: an address has a set of servers, which grows and "
		 "shrinks",
	.ipvs = true,
	.weights = WEIGHTS_NUMBERS,
	.state_size = sizeof(struct locality *),
	.pick = lblcr_pick,
	.commit = lblcr_commit,
	.tick = lblcr_tick,
	.init = locality_init,
	.update = locality_update,
	.forget = locality_forget,
	.free = locality_free,
	.explain = lblcr_explain,
	.load = dest_overhead,
	.load_name = "overhead",
};
