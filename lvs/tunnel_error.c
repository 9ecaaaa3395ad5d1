// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ICMP errors from inside a tunnel come to the director, who sent the outer packet, but they are
 * about the client's. They are unpacked and told on: the type and code as they are, "fragmentation
 * needed" with what is left of the MTU inside the tunnel, and remembered at the server, so that the
 * next large packet is refused here (ip_vs_in_icmp() does so for IPv4). Workers, under RCU.
 */
#include "lvs/tunnel_error.h"
#include "lvs/forward.h"
#include "lvs/icmp.h"
#include "lvs/transmit.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>
#include <string.h>

#define MTU_MIN	 552u  /* what the kernel learns at least (min_pmtu): a lie must not do much harm */
#define MTU6_MIN 1280u /* RFC 8200 */

/* What an ICMP error says. */
struct message {
	uint8_t type, code;
	bool too_big;
	uint32_t mtu; /* what the way takes, if @too_big */
};

static struct message message_read(const struct pkt *pkt)
{
	const uint8_t *icmp = pkt->data + pkt->l4;
	struct message message = {.type = icmp[0], .code = icmp[1]};
	__be32 info;

	memcpy(&info, icmp + 4, sizeof(info));
	if (pkt->flow.af == AF_INET6)
		message.too_big = message.type == ICMP6_PACKET_TOO_BIG;
	else
		message.too_big =
			message.type == ICMP_DEST_UNREACH && message.code == ICMP_FRAG_NEEDED;
	if (message.too_big)
		message.mtu = pkt->flow.af == AF_INET6 ? ntohl(info) : ntohl(info) & 0xffff;
	return message;
}

/* Every way takes 1280 bytes of IPv6; who says less is not to be heeded (RFC 8201, section 4). */
static bool message_absurd(const struct message *message, uint8_t af)
{
	return message->too_big && af == AF_INET6 && message->mtu < MTU6_MIN;
}

/* The same in the family of the client's packet. */
static void message_translate(struct message *message, uint8_t from, uint8_t to)
{
	bool v6 = to == AF_INET6;

	if (message->too_big) {
		message->type = v6 ? ICMP6_PACKET_TOO_BIG : ICMP_DEST_UNREACH;
		message->code = v6 ? 0 : ICMP_FRAG_NEEDED;
	} else if (from != to) {
		message->type = v6 ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH;
		message->code = v6 ? ICMP6_DST_UNREACH_ADDR : ICMP_HOST_UNREACH;
	}
}

/* The connection whose packet is in the quote's tunnel, or NULL. */
static struct conn *quote_conn(struct direct *d, const uint8_t *quote, size_t len,
			       const struct tunnel_quote *tunnel)
{
	struct tunnel mine;
	struct conn *conn;
	struct flow flow;

	if (!pkt_parse_head(quote + tunnel->inner, (uint32_t)(len - tunnel->inner), &flow))
		return NULL;
	conn = conn_find(d->conns, &flow, PKT_IN);
	if (!conn || conn_method(conn)->method != FORWARD_TUN)
		return NULL;
	mine = dest_tunnel(conn->dest);
	if (conn->dest->af != tunnel->af || !addr_equal(&conn->dest->addr, &tunnel->daddr) ||
	    mine.type != tunnel->tunnel.type || mine.port != tunnel->tunnel.port)
		return NULL;
	return conn;
}

/* The path to the server takes @message->mtu bytes: learned, and told as what is left inside. */
static void message_shrink(struct direct *d, struct conn *conn, struct message *message)
{
	const struct tunnel tunnel = dest_tunnel(conn->dest);
	uint32_t overhead = (uint32_t)tunnel_overhead(&tunnel, conn->dest->af, false);

	if (conn->dest->af == AF_INET && message->mtu < MTU_MIN)
		message->mtu = MTU_MIN;
	dest_learn_mtu(d, conn->dest, message->mtu);
	message->mtu -= overhead;
	/* What an IPv6 client may send in any case is cut for the tunnel. */
	if (conn->af == AF_INET6 && message->mtu < MTU6_MIN)
		message->mtu = MTU6_MIN;
}

static struct verdict drop(struct direct *d)
{
	stat_add(&d->stats->reasons[REASON_TUNNEL_ERROR], 1);
	return (struct verdict){.action = VERDICT_DROP};
}

/* A client that lets its packets be cut needs not know how large they may be. */
static bool may_cut(const struct pkt *inner)
{
	uint8_t flags;

	if (inner->flow.af != AF_INET)
		return false;
	flags = inner->data[offsetof(struct iphdr, frag_off)];
	return !(flags & IP_DF >> 8);
}

bool tunnel_error(struct direct *d, const struct pkt *pkt, struct verdict *verdict)
{
	const uint8_t *quote = pkt->data + pkt->inner_l3;
	struct message message = message_read(pkt);
	size_t len = pkt->len - pkt->inner_l3;
	struct tunnel_quote tunnel;
	struct conn *conn;
	struct pkt inner;

	if (tunnel_decap_quote(quote, len, &tunnel) || !tunnel.inner)
		return false;
	conn = quote_conn(d, quote, len, &tunnel);
	if (!conn)
		return false;
	if (message_absurd(&message, pkt->flow.af)) {
		*verdict = drop(d);
		return true;
	}
	if (message.too_big)
		message_shrink(d, conn, &message);
	message_translate(&message, pkt->flow.af, tunnel.inner_af);
	inner = (struct pkt){.data = pkt->data + pkt->inner_l3 + tunnel.inner,
			     .len = (uint32_t)(len - tunnel.inner),
			     .flow = {.af = conn->af, .saddr = conn_client(conn)}};
	if (message.too_big && may_cut(&inner)) {
		*verdict = drop(d);
		return true;
	}
	*verdict = transmit_error(d, &inner, REASON_TUNNEL_ERROR, message.type, message.code,
				  message.mtu);
	return true;
}
