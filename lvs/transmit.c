// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How decided packets leave. The one idea: what the kernel would route as we want it goes back to
 * it with a verdict; what it would not - to a neighbour that the destination address does not name,
 * inside a tunnel, from an address that would be a martian - leaves as this machine's own packet,
 * by a rule after the queue (mark_send()) or through the outbox. So direct routing and tunnels need
 * no forwarding, no policy route and no exception from rp_filter. Workers, under RCU.
 */
#include "lvs/transmit.h"
#include "lvs/icmp.h"
#include "lvs/verdict.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#define TUNNEL_MTU_MIN 68u   /* RFC 791; as in __ip_vs_get_out_rt() */
#define MTU6_MIN       1280u /* RFC 8200: a sender need not go below, so what is as small passes */

static struct verdict drop(struct direct *d, enum reason reason)
{
	stat_add(&d->stats->reasons[reason], 1);
	return (struct verdict){.action = VERDICT_DROP};
}

struct verdict transmit_error(struct direct *d, struct pkt *pkt, enum reason reason, uint8_t type,
			      uint8_t code, uint32_t info)
{
	struct outgoing *out;
	uint8_t *buf;
	size_t len;

	out = outbox_add_error(d->outbox, d->now, &buf);
	if (!out)
		return drop(d, reason);
	len = icmp_error_build(buf, pkt->data, pkt->len, type, code, info);
	if (!len) {
		outbox_undo(d->outbox);
		return drop(d, reason);
	}
	out->af = pkt->flow.af;
	out->hop = pkt->flow.saddr;
	out->parts[1] = (struct iovec){buf, len};
	return drop(d, reason);
}

bool transmit_expired(struct direct *d, struct pkt *pkt, struct verdict *verdict)
{
	if (pkt->hook == HOOK_OUTPUT || pkt->hook == HOOK_INPUT || pkt_ttl(pkt) > 1)
		return false;
	*verdict =
		pkt->flow.af == AF_INET6
			? transmit_error(d, pkt, REASON_TTL, ICMP6_TIME_EXCEEDED,
					 ICMP6_TIME_EXCEED_TRANSIT, 0)
			: transmit_error(d, pkt, REASON_TTL, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
	return true;
}

static struct verdict too_big(struct direct *d, struct pkt *pkt, uint32_t mtu)
{
	if (pkt->flow.af == AF_INET6)
		return transmit_error(d, pkt, REASON_TOO_BIG, ICMP6_PACKET_TOO_BIG, 0, mtu);
	return transmit_error(d, pkt, REASON_TOO_BIG, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
}

static struct verdict no_route(struct direct *d, struct pkt *pkt)
{
	if (pkt->flow.af == AF_INET6)
		return transmit_error(d, pkt, REASON_NO_ROUTE, ICMP6_DST_UNREACH,
				      ICMP6_DST_UNREACH_ADDR, 0);
	return transmit_error(d, pkt, REASON_NO_ROUTE, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
}

/* Must the sender make it smaller? Not if it came in fragments (the interface that it came in by
 * does not take so large a packet in one piece), and never an ICMP error: it is small enough, or
 * nobody could be told. */
static bool must_shrink(const struct direct *d, const struct pkt *pkt, uint32_t mtu)
{
	if (pkt->len <= mtu || pkt->icmp_error || !pkt_whole(pkt))
		return false;
	return pkt->flow.af == AF_INET || !pkt->ifindex ||
	       pkt->len <= d->router->mtu(d->router, pkt->ifindex);
}

struct verdict transmit_forward(struct direct *d, struct pkt *pkt)
{
	(void)d;
	(void)pkt;
	return (struct verdict){.action = VERDICT_ACCEPT, .mangled = true};
}

struct verdict transmit_own(struct direct *d, struct pkt *pkt)
{
	struct outgoing *out;

	if (pkt->hook == HOOK_OUTPUT) /* the kernel sees the new addresses and routes anew */
		return (struct verdict){.action = VERDICT_ACCEPT, .mangled = true};
	/* The rule sets DF in what it sends, so what may be cut is sent by ourselves. */
	if (pkt_whole(pkt) || pkt->gso)
		return (struct verdict){.action = VERDICT_ACCEPT,
					.mangled = true,
					.set_mark = true,
					.mark = (pkt->mark & ~d->mark_mask) |
						mark_send(d->mark_mask)};
	out = outbox_add(d->outbox);
	if (!out)
		return drop(d, REASON_OUTBOX);
	pkt_ttl_decrease(pkt);
	out->af = pkt->flow.af;
	out->hop = pkt->flow.daddr;
	out->parts[1] = (struct iovec){pkt->data, pkt->len};
	return (struct verdict){.action = VERDICT_STOLEN};
}

struct verdict transmit_here(struct direct *d, struct pkt *pkt)
{
	return (struct verdict){
		.action = VERDICT_ACCEPT,
		.set_mark = pkt->hook == HOOK_PREROUTING &&
			    atomic_load_explicit(&d->settings->carries, memory_order_relaxed),
		.mark = (pkt->mark & ~d->mark_mask) | mark_unseen(d->mark_mask)};
}

/* The way by which the director sends @pkt to @dest itself; NULL: it does not, and *@verdict says
 * what becomes of the packet. A server that is this machine gets it by local delivery. */
static const struct route *way_to(struct direct *d, struct dest *dest, struct pkt *pkt,
				  struct verdict *verdict)
{
	const struct route *route = dest_route(d, dest);

	if (!route)
		*verdict = no_route(d, pkt);
	else if (route->local)
		*verdict = transmit_here(d, pkt);
	else if (!transmit_expired(d, pkt, verdict))
		return route;
	return NULL;
}

struct verdict transmit_dest(struct direct *d, struct dest *dest, struct pkt *pkt, uint32_t mark)
{
	struct verdict verdict;
	const struct route *route = way_to(d, dest, pkt, &verdict);
	struct outgoing *out;

	if (!route)
		return verdict;
	if (must_shrink(d, pkt, route->mtu))
		return too_big(d, pkt, route->mtu);
	out = outbox_add(d->outbox);
	if (!out)
		return drop(d, REASON_OUTBOX);
	pkt_sum(pkt);
	if (pkt->hook != HOOK_OUTPUT)
		pkt_ttl_decrease(pkt);
	out->af = dest->af;
	out->hop = dest->addr;
	out->mtu = route->mtu;
	out->mark = mark;
	out->parts[1] = (struct iovec){pkt->data, pkt->len};
	return (struct verdict){.action = VERDICT_STOLEN};
}

static uint16_t port_limit(const _Atomic uint32_t *port)
{
	return (uint16_t)atomic_load_explicit(port, memory_order_relaxed);
}

/* The packet in its tunnel into @out; -errno: it cannot be. */
static int tunnel_fill(struct direct *d, const struct dest *dest, const struct route *route,
		       struct pkt *pkt, struct outgoing *out)
{
	const struct tunnel_out how = {
		.tunnel = dest_tunnel(dest),
		.af = dest->af,
		.saddr = route->saddr,
		.daddr = dest->addr,
		.df = setting(d->settings, SETTING_PMTU_DISC),
		.port_min = port_limit(&d->settings->port_min),
		.port_max = port_limit(&d->settings->port_max),
		.seed = d->seed,
	};
	int len = tunnel_encap(&how, pkt, out->head);

	if (len < 0)
		return len;
	out->af = dest->af;
	out->hop = dest->addr;
	out->mtu = route->mtu;
	out->parts[0] = (struct iovec){out->head, (size_t)len};
	out->parts[1] = (struct iovec){pkt->data, pkt->len};
	return 0;
}

/* What may be in a tunnel packet of @mtu bytes. Where that is too little for IPv6, the tunnel
 * packet is cut. */
static uint32_t tunnel_room(const struct pkt *pkt, uint32_t mtu, size_t overhead)
{
	uint32_t room = mtu - (uint32_t)overhead;

	return pkt->flow.af == AF_INET6 && room < MTU6_MIN ? MTU6_MIN : room;
}

struct verdict transmit_tunnel(struct direct *d, struct dest *dest, struct pkt *pkt)
{
	const struct tunnel tunnel = dest_tunnel(dest);
	struct verdict verdict;
	const struct route *route = way_to(d, dest, pkt, &verdict);
	struct outgoing *out;
	size_t overhead;

	if (!route)
		return verdict;
	overhead = tunnel_overhead(&tunnel, dest->af, pkt->csum_partial);
	if (route->mtu < overhead + TUNNEL_MTU_MIN)
		return drop(d, REASON_TOO_BIG);
	if ((pkt->flow.af == AF_INET6 || setting(d->settings, SETTING_PMTU_DISC)) &&
	    must_shrink(d, pkt, tunnel_room(pkt, route->mtu, overhead)))
		return too_big(d, pkt, tunnel_room(pkt, route->mtu, overhead));
	out = outbox_add(d->outbox);
	if (!out)
		return drop(d, REASON_OUTBOX);
	if (pkt->hook != HOOK_OUTPUT)
		pkt_ttl_decrease(pkt);
	if (tunnel_fill(d, dest, route, pkt, out)) {
		d->outbox->len--;
		return drop(d, REASON_TOO_BIG);
	}
	return (struct verdict){.action = VERDICT_STOLEN};
}
