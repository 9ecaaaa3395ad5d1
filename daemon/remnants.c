// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel carries and the daemon does not know of, because it was dead or a copy was lost,
 * read from conntrack by the bits of the mark that are ours. The one idea: conntrack's states are
 * coarser than IPVS's, but with who closed first and what was told they come to the same. Control
 * thread.
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
	bool began;
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

static struct remnant remnant_of(const struct remnants *all, const struct tracked *tracked)
{
	return (struct remnant){
		.flow = tracked->flow,
		.mark = tracked->mark & ~all->mask,
		.dest = numbers_dest(all->numbers, tracked->mark),
		.server = tracked->server,
		.server_port = tracked->server_port,
		.state = tracked->flow.protocol == IPPROTO_TCP ? tcp_state(tracked) : 0,
		.idle = (uint64_t)conntrack_idle(all->ct, tracked) * 1000,
		.began = all->began,
	};
}

static void collect(const struct tracked *tracked, void *data)
{
	struct remnants *all = data;

	if (array_grow(&all->items, all->len, &all->max, sizeof(*all->items)))
		all->items[all->len++] = remnant_of(all, tracked);
}

/* One that neither can nor need be there is forgotten by the kernel. That of a removed server,
 * which the table still has, is not: it meets silence until the server is back. */
static bool take(struct conntrack *ct, struct direct *d, const struct remnant *remnant)
{
	enum restored restored;
	bool known;

	rcu_read_lock();
	restored = conn_restore(d, remnant);
	known = restored != RESTORED_NOT || conn_find(d->conns, &remnant->flow, PKT_IN);
	rcu_read_unlock();
	if (!known)
		(void)conntrack_delete(ct, &remnant->flow);
	return restored == RESTORED_NEW;
}

uint64_t remnants_take(struct conntrack *ct, struct direct *d, const struct numbers *numbers,
		       bool began)
{
	struct remnants all = {.ct = ct, .numbers = numbers, .mask = d->mark_mask, .began = began};
	uint64_t taken = 0;

	(void)conntrack_dump(ct, 0, d->mark_mask, collect, &all);
	for (size_t i = 0; i < all.len; i++)
		taken += take(ct, d, &all.items[i]);
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
