// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel went on carrying after a daemon died, read from conntrack by the bits of the mark
 * that are ours. The one idea: conntrack's states are coarser than IPVS's, but with who closed
 * first and what was told they come to the same. Control thread, once, after a start.
 */
#include "daemon/remnants.h"
#include "lib/array.h"
#include "lvs/proto.h"
#include "lvs/restore.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdlib.h>

struct remnants {
	struct remnant *items;
	size_t len, max;
	const struct conntrack *ct;
	const struct numbers *numbers;
	uint32_t mask;
};

/* IPVS's state for conntrack's: as its tables have it after the same packets. */
static uint8_t tcp_state(const struct tracked *tracked)
{
	switch (tracked->tcp_state) {
	case TCP_CONNTRACK_ESTABLISHED:
		return TCP_ESTAB;
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
		return tracked->client_closed_first ? TCP_CLOSEWAIT : TCP_FINWAIT;
	case TCP_CONNTRACK_LAST_ACK:
	case TCP_CONNTRACK_TIME_WAIT:
		return TCP_TIMEWAIT;
	case TCP_CONNTRACK_CLOSE:
		return TCP_CLOSED;
	}
	return TCP_SRECV;
}

static void collect(const struct tracked *tracked, void *data)
{
	struct remnants *all = data;

	if (!array_grow(&all->items, all->len, &all->max, sizeof(*all->items)))
		return;
	all->items[all->len++] = (struct remnant){
		.flow = tracked->flow,
		.mark = tracked->mark & ~all->mask,
		.dest = numbers_dest(all->numbers, tracked->mark),
		.server = tracked->server,
		.server_port = tracked->server_port,
		.state = tracked->flow.protocol == IPPROTO_TCP ? tcp_state(tracked) : 0,
		.idle = (uint64_t)conntrack_idle(all->ct, tracked) * 1000,
	};
}

uint64_t remnants_take(struct conntrack *ct, struct direct *d, const struct numbers *numbers)
{
	struct remnants all = {.ct = ct, .numbers = numbers, .mask = d->mark_mask};
	uint64_t taken = 0;
	bool found;

	(void)conntrack_dump(ct, 0, d->mark_mask, collect, &all);
	for (size_t i = 0; i < all.len; i++) {
		rcu_read_lock();
		found = conn_restore(d, &all.items[i]);
		rcu_read_unlock();
		if (found)
			taken++;
		else
			(void)conntrack_delete(ct, &all.items[i].flow);
	}
	free(all.items);
	return taken;
}

struct flows {
	struct flow *items;
	size_t len, max;
};

static void collect_flow(const struct tracked *tracked, void *data)
{
	struct flows *flows = data;

	if (array_grow(&flows->items, flows->len, &flows->max, sizeof(*flows->items)))
		flows->items[flows->len++] = tracked->flow;
}

void remnants_drop(struct conntrack *ct, uint32_t mask)
{
	struct flows flows = {0};

	(void)conntrack_dump(ct, 0, mask, collect_flow, &flows);
	for (size_t i = 0; i < flows.len; i++)
		(void)conntrack_delete(ct, &flows.items[i]);
	free(flows.items);
}
