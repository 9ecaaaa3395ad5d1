// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why a flow goes where it goes: the same look-ups as for its packet, in the same order, on copies
 * of what would move. It also plays the part of the classification rules, which mark the packets of
 * a firewall-mark group before they reach the queue. Control thread.
 */
#include "lvs/direct.h"
#include "lvs/schedule.h"

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

void direct_explain(const struct direct *d, const struct flow *flow, uint32_t mark,
		    struct explanation *out)
{
	struct service *svc;
	struct flow key;

	*out = (struct explanation){0};
	explain_mark(d, flow, mark, out);
	out->conn = conn_find(d->conns, flow, PKT_IN);
	svc = out->svc = services_find(d->services, flow, out->mark);
	if (out->conn) {
		out->dest = out->conn->dest;
		return;
	}
	if (!svc)
		return;
	if (atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_PERSISTENT) {
		key = template_key(svc, flow);
		out->template = conn_find_template(d->conns, &key);
		if (out->template && template_valid(out->template)) {
			out->dest = out->template->dest;
			return;
		}
		out->template = NULL;
	} else if (!svc->key.fwmark && flow->dport != svc->key.port) {
		return; /* the :21 service of what is no persistent FTP */
	}
	out->dest = service_peek(svc, flow);
}
