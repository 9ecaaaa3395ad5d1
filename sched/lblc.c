// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locality-based least connection: a destination address keeps the server that it was given first,
 * so that the server's cache has it. It is given another, the one that wlc would choose, if its
 * server is gone, quiesced, or has more active connections than its weight while some server has
 * less than half of that. Workers call pick() and commit() under svc->lock, the control thread the
 * rest.
 */
#include "lvs/settings.h"
#include "sched/least.h"
#include "sched/locality.h"
#include "sched/schedulers.h"

/* The server that the site keeps, or NULL: it is to have another. As in IPVS nobody asks whether it
 * is over its threshold; a limit, which IPVS has not, holds. */
static struct dest *lblc_kept(const struct service *svc, const struct site *site)
{
	const struct member *member = site ? site_first(site) : NULL;
	struct dest *dest = member ? member->place->dest : NULL;

	if (!dest || dest_weight(dest) <= 0 || dest_full(dest) || least_relieved(svc, dest))
		return NULL;
	return dest;
}

static struct dest *lblc_pick(const struct service *svc, const struct flow *flow, void *state)
{
	struct dest *dest = lblc_kept(svc, locality_find(locality_of(state), flow));

	return dest ? dest : least_find(svc, dest_overhead);
}

static void lblc_commit(struct service *svc, const struct flow *flow, struct dest *dest,
			const struct sched_time *time)
{
	struct locality *locality = locality_of(svc->sched_state);
	struct site *site = locality_find(locality, flow);
	struct member *old = NULL;

	if (site)
		site->used = time->now;
	if (!dest || dest == lblc_kept(svc, site) || locality_full(locality))
		return;
	if (!site)
		site = locality_add(locality, flow, time->now);
	else
		old = site_first(site);
	if (site && site_insert(locality, site, dest, time->now) && old && old->place->dest != dest)
		site_remove(locality, site, old, time->now);
}

static void lblc_tick(struct service *svc, const struct sched_time *time)
{
	locality_tick(svc, time->now, setting(time->settings, SETTING_LBLC_EXPIRATION));
}

static void lblc_explain(const struct service *svc, const struct flow *flow, void *state,
			 struct sched_facts *facts)
{
	const struct locality *locality = locality_of(state);
	const struct site *site = locality_find(locality, flow);
	const struct member *member = site ? site_first(site) : NULL;

	facts_yes(facts, "address known", site);
	facts_server(facts, "its server", member ? member->place->dest : NULL);
	facts_yes(facts, "kept", lblc_kept(svc, site));
	facts_number(facts, "addresses known", locality->sites);
}

const struct scheduler sched_lblc = {
	.name = "lblc",
	.about = "locality-based: all of a destination address goes to one server while that"
		 " has fewer active connections than its weight, as caches want it; else as "
		 "wlc",
	.ipvs = true,
	.weights = WEIGHTS_NUMBERS,
	.state_size = sizeof(struct locality *),
	.pick = lblc_pick,
	.commit = lblc_commit,
	.tick = lblc_tick,
	.init = locality_init,
	.update = locality_update,
	.forget = locality_forget,
	.free = locality_free,
	.explain = lblc_explain,
	.load = dest_overhead,
	.load_name = "overhead",
};
