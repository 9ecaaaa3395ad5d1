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
#include "lvs/verdict.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdlib.h>

struct remnants {
	struct remnant *items;
	size_t len, max;
	struct conntrack *ct;
	const struct numbers *numbers;
	struct flowtable *flowtable;
	uint32_t mask;
	uint64_t now;
	bool began;
};

/* IPVS's state for conntrack's: as its tables have it after the same packets. */
static uint8_t tcp_state(const struct tracked *tracked)
{
	if (tracked->offloaded) /* conntrack does not say */
		return TCP_ESTAB;
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

/*
 * Is it in the flowtable, or was it until now? For the latter what remains of its timeout tells
 * nothing: the kernel set it to a day or so while it was there.
 */
static bool offloaded(const struct remnants *all, const struct tracked *tracked)
{
	return tracked->offloaded || (tracked->assured && !(tracked->mark & mark_told(all->mask)));
}

static struct remnant remnant_of(const struct remnants *all, const struct tracked *tracked)
{
	return (struct remnant){
		.flow = tracked->flow,
		.mark = tracked->mark & ~all->mask,
		.dest = numbers_dest(all->numbers, tracked->mark),
		.server = tracked->server,
		.server_port = tracked->server_port,
		.local = tracked->local,
		.local_port = tracked->local_port,
		.state = tracked->flow.protocol == IPPROTO_TCP ? tcp_state(tracked) : 0,
		.idle = offloaded(all, tracked) ? 0
						: (uint64_t)conntrack_idle(all->ct, tracked) * 1000,
		.began = all->began,
	};
}

static void collect(const struct tracked *tracked, void *data)
{
	struct remnants *all = data;

	/* What was let pass may have a mark of ours, too. */
	if (!mark_number(all->mask, tracked->mark))
		return;
	if (offloaded(all, tracked))
		flowtable_found(all->flowtable, tracked, all->now);
	if (array_grow(&all->items, all->len, &all->max, sizeof(*all->items)))
		all->items[all->len++] = remnant_of(all, tracked);
}

static bool known(struct direct *d, const struct remnant *remnant)
{
	const struct conn *conn;
	bool same;

	rcu_read_lock();
	conn = conn_find(d->conns, &remnant->flow, PKT_IN);
	same = conn && conn->dest == remnant->dest && !conn_lacks_local(conn);
	rcu_read_unlock();
	return same;
}

/* What was read may be over since, or another may have the same addresses. */
static bool read_again(const struct remnants *all, struct remnant *remnant)
{
	struct tracked tracked;

	if (conntrack_get(all->ct, &remnant->flow, &tracked) ||
	    !mark_number(all->mask, tracked.mark))
		return false;
	*remnant = remnant_of(all, &tracked);
	return true;
}

/* One that neither can nor need be there is forgotten by the kernel. That of a removed server,
 * which the table still has, is not: it meets silence until the server is back. */
static bool take(const struct remnants *all, struct direct *d, struct remnant *remnant)
{
	enum restored restored;
	bool stays;

	if (all->began && (known(d, remnant) || !read_again(all, remnant)))
		return false;
	rcu_read_lock();
	restored = conn_restore(d, remnant);
	stays = restored != RESTORED_NOT || conn_find(d->conns, &remnant->flow, PKT_IN);
	rcu_read_unlock();
	if (!stays)
		(void)conntrack_delete(all->ct, &remnant->flow);
	return restored == RESTORED_NEW;
}

int remnants_take(struct conntrack *ct, struct direct *d, const struct numbers *numbers,
		  struct flowtable *flowtable, bool began, uint64_t *taken)
{
	struct remnants all = {.ct = ct,
			       .numbers = numbers,
			       .flowtable = flowtable,
			       .mask = d->mark_mask,
			       .now = d->now,
			       .began = began};
	const int ret = conntrack_dump(ct, 0, d->mark_mask, collect, &all);

	*taken = 0;
	for (size_t i = 0; i < all.len; i++)
		*taken += take(&all, d, &all.items[i]);
	free(all.items);
	return ret;
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
