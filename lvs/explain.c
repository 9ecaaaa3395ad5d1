// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why a flow goes where it goes: the same look-ups as for its packet, in the same order, on copies
 * of what would move. It also plays the part of the classification rules, which mark the packets of
 * a firewall-mark group before they reach the queue. Control thread.
 */
#include "lvs/direct.h"
#include "lvs/reset.h"
#include "lvs/reuse.h"
#include "lvs/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct group_search {
	const struct flow *flow;
	const struct match *match;
	uint32_t mark;
};

/* Does a line of this service's group mark the flow? */
static int group_marks(struct service *svc, void *data)
{
	struct group_search *search = data;
	const struct flow *flow = search->flow;

	for (size_t i = 0; i < svc->matches_len; i++) {
		if (!match_contains(&svc->matches[i], flow->af, flow->protocol, &flow->daddr,
				    flow->dport))
			continue;
		search->match = &svc->matches[i];
		search->mark = svc->key.fwmark;
		return 1;
	}
	return 0;
}

/* As the rules: a mark that some fwmark service has stands; else the groups may set one. */
static void explain_mark(const struct direct *d, const struct flow *flow, uint32_t mark,
			 struct explanation *out)
{
	struct service_key key = {.af = flow->af, .fwmark = mark};
	struct group_search search = {.flow = flow, .mark = mark};

	if (!mark || !services_get(d->services, &key))
		services_each(d->services, group_marks, &search);
	out->mark = search.mark;
	out->match = search.match;
}

static void view_servers(const struct service *svc, struct server_view *views)
{
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		*views++ = (struct server_view){
			.dest = dest,
			.weight = dest_weight(dest),
			.full_weight = dest->full_weight,
			.active = dest_active(dest),
			.inactive = dest_inactive(dest),
			.flags = atomic_load_explicit(&dest->flags, memory_order_relaxed),
			.load = svc->sched->load ? svc->sched->load(dest) : 0,
			.in_pool = !cds_list_empty(&dest->pool),
		};
	}
}

/* The scheduler's choice and what it was made from, all of one moment. */
static struct dest *explain_choice(struct service *svc, const struct flow *flow,
				   struct explanation *out)
{
	_Alignas(16) uint8_t state[SCHEDULER_STATE_MAX];
	struct dest *dest = NULL;

	pthread_spin_lock(&svc->lock);
	view_servers(svc, out->servers);
	if (svc->pool_len && svc->sched->explain) {
		memcpy(state, svc->sched_state, sizeof(state));
		svc->sched->explain(svc, flow, state, &out->facts);
	}
	if (svc->pool_len) {
		memcpy(state, svc->sched_state, sizeof(state));
		dest = svc->sched->pick(svc, flow, state);
	}
	pthread_spin_unlock(&svc->lock);
	return dest;
}

static struct fate explain_refusal(const struct direct *d, const struct service *svc,
				   const struct flow *flow)
{
	if (refusal_passes(svc, flow))
		return (struct fate){OUTCOME_PASSED, NULL, NULL};
	if (bypass_allowed(d, svc, flow))
		return (struct fate){OUTCOME_BYPASSED, NULL, NULL};
	return (struct fate){OUTCOME_REFUSED, NULL, NULL};
}

/* As conn_schedule() does it. */
static struct fate explain_schedule(const struct direct *d, const struct flow *flow,
				    struct explanation *out)
{
	struct service *svc = out->svc;
	struct fate fate = {OUTCOME_PASSED, NULL, NULL};
	struct template_key key;

	if (!svc || flow_from_ftp(flow))
		return fate;
	if (out->full) {
		if (!refusal_passes(svc, flow))
			fate.outcome = OUTCOME_SERVICE_FULL;
		return fate;
	}
	if (atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT) {
		if (template_key(svc, flow, NULL, &key))
			fate.template = conn_find_template(d->conns, &key);
		if (fate.template && template_valid(d->settings, fate.template)) {
			fate.dest = fate.template->dest;
			fate.outcome =
				dest_full(fate.dest) ? OUTCOME_SERVER_FULL : OUTCOME_TEMPLATE;
			return fate;
		}
		fate.template = NULL;
	} else if (!svc->key.fwmark && flow->dport != svc->key.port) {
		return explain_refusal(d, svc, flow); /* the :21 service, not persistent */
	}
	fate.dest = explain_choice(svc, flow, out);
	if (!fate.dest)
		return explain_refusal(d, svc, flow);
	fate.outcome = OUTCOME_SCHEDULED;
	return fate;
}

/* Of a known connection: what becomes of a packet in its midst, and of one that opens it anew. */
static void explain_known(const struct direct *d, const struct flow *flow, struct explanation *out)
{
	struct dest *dest = out->conn->dest;
	bool killed = conn_killed(out->conn);

	out->reopens = killed || conn_replaceable(d, out->conn);
	if (out->reopens)
		out->anew = explain_schedule(d, flow, out);
	out->fate = (struct fate){OUTCOME_CONNECTION, NULL, dest};
	if (killed)
		out->fate.outcome = OUTCOME_RESET;
	else if (!(atomic_load_explicit(&dest->flags, memory_order_relaxed) & DEST_AVAILABLE))
		out->fate.outcome = OUTCOME_DROPPED;
}

int direct_explain(const struct direct *d, const struct flow *flow, uint32_t mark,
		   struct explanation *out)
{
	struct service *svc;

	*out = (struct explanation){0};
	explain_mark(d, flow, mark, out);
	svc = out->svc = services_find(d->services, flow, out->mark);
	if (svc) {
		out->servers = calloc(svc->dests_len + 1, sizeof(*out->servers));
		if (!out->servers)
			return -ENOMEM;
		out->servers_len = svc->dests_len;
		out->full = service_full(svc);
		pthread_spin_lock(&svc->lock);
		view_servers(svc, out->servers);
		pthread_spin_unlock(&svc->lock);
	}
	out->conn = conn_find(d->conns, flow, PKT_IN);
	if (out->conn && conn_forsaken(d, out->conn))
		out->conn = NULL;
	if (out->conn)
		explain_known(d, flow, out);
	else
		out->fate = explain_schedule(d, flow, out);
	return 0;
}

void explanation_free(struct explanation *explanation)
{
	free(explanation->servers);
}
