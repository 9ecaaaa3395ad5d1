// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RSTs for both ends of a connection. The one idea: a RST is written as the other end would have
 * sent it, and then takes the way of any of the connection's packets, so each forwarding method
 * rewrites and sends it without knowing what it is. Sequence numbers only ever move forward, by
 * relaxed stores: if two workers meet here, the worst is a number that an exact answer corrects.
 * Workers call this for each packet, and whoever ends connections.
 */
#include "lvs/reset.h"
#include "lvs/csum.h"
#include "lvs/forward.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

#define RESET_TTL 64
#define KILLED_MS 10000 /* long enough for what is on its way to arrive */

static size_t head4_build(uint8_t *buf, const struct flow *flow)
{
	struct iphdr ip = {.version = IPVERSION,
			   .ihl = sizeof(ip) / 4,
			   .tot_len = htons(sizeof(ip) + sizeof(struct tcphdr)),
			   .frag_off = htons(IP_DF),
			   .ttl = RESET_TTL,
			   .protocol = IPPROTO_TCP,
			   .saddr = flow->saddr.ip,
			   .daddr = flow->daddr.ip};

	ip.check = csum_fold(csum_add_bytes(0, &ip, sizeof(ip)));
	memcpy(buf, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t head6_build(uint8_t *buf, const struct flow *flow)
{
	struct ip6_hdr ip = {.ip6_flow = htonl(6u << 28),
			     .ip6_plen = htons(sizeof(struct tcphdr)),
			     .ip6_nxt = IPPROTO_TCP,
			     .ip6_hlim = RESET_TTL};

	memcpy(&ip.ip6_src, flow->saddr.bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, flow->daddr.bytes, sizeof(ip.ip6_dst));
	memcpy(buf, &ip, sizeof(ip));
	return sizeof(ip);
}

/* A segment without data. */
static size_t segment_build(uint8_t buf[RESET_MAX], const struct flow *flow, uint8_t flags,
			    uint32_t seq, uint32_t ack)
{
	struct tcphdr tcp = {.th_sport = flow->sport,
			     .th_dport = flow->dport,
			     .th_seq = htonl(seq),
			     .th_ack = htonl(ack),
			     .th_off = sizeof(tcp) / 4,
			     .th_flags = flags};
	size_t len = flow->af == AF_INET6 ? head6_build(buf, flow) : head4_build(buf, flow);

	tcp.check = csum_fold(csum_add_bytes(
		csum_pseudo(flow->af, &flow->saddr, &flow->daddr, sizeof(tcp), IPPROTO_TCP), &tcp,
		sizeof(tcp)));
	memcpy(buf + len, &tcp, sizeof(tcp));
	return len + sizeof(tcp);
}

size_t reset_build(uint8_t buf[RESET_MAX], const struct flow *flow, uint32_t seq, bool has_ack,
		   uint32_t ack)
{
	return segment_build(buf, flow, has_ack ? PKT_RST | PKT_ACK : PKT_RST, seq,
			     has_ack ? ack : 0);
}

/* Unset, or behind @next: a retransmission does not turn it back. */
static void advance(_Atomic uint32_t *number, uint32_t next)
{
	uint32_t known = atomic_load_explicit(number, memory_order_relaxed);

	if (!known || (int32_t)(next - known) > 0)
		atomic_store_explicit(number, next, memory_order_relaxed);
}

/* The number that follows the packet's last one. */
static uint32_t segment_end(const struct pkt *pkt, const struct tcphdr *tcp)
{
	return ntohl(tcp->seq) + (pkt->len - pkt->l4 - tcp->doff * 4u) +
	       !!(pkt->tcp_flags & PKT_SYN) + (pkt->tcp_flags & PKT_FIN);
}

void conn_sequence(struct conn *conn, const struct pkt *pkt)
{
	const uint8_t flags = pkt->tcp_flags;
	_Atomic uint32_t *own = &conn->client_next, *other = &conn->server_next;
	struct tcphdr tcp;
	uint32_t next;

	if (conn->protocol != IPPROTO_TCP || (flags & PKT_RST) || conn->method == FORWARD_BYPASS)
		return;
	if (pkt->dir == PKT_OUT) {
		own = &conn->server_next;
		other = &conn->client_next;
	}
	memcpy(&tcp, pkt->data + pkt->l4, sizeof(tcp));
	next = segment_end(pkt, &tcp);
	if (flags & PKT_SYN)
		atomic_store_explicit(own, next, memory_order_relaxed);
	else
		advance(own, next);
	if (flags & PKT_ACK)
		advance(other, ntohl(tcp.ack_seq));
}

bool conn_kill(struct conns *conns, struct conn *conn, uint64_t now)
{
	bool alive;
	uint8_t flags;

	if (conn->protocol != IPPROTO_TCP)
		return false;
	conn_lock(conn);
	flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	alive = !(flags & (CONN_DEAD | CONN_TEMPLATE | CONN_KILLED));
	if (alive) {
		if (!(flags & CONN_INACTIVE))
			dest_activate(conn->dest, false);
		atomic_store_explicit(&conn->flags, flags | CONN_INACTIVE | CONN_KILLED,
				      memory_order_relaxed);
		atomic_store_explicit(&conn->state, TCP_CLOSED, memory_order_relaxed);
		conn_set_timeout(conns, conn, KILLED_MS, now);
	}
	conn_unlock(conn);
	return alive;
}

/* How a packet of @conn runs before it is rewritten. */
static struct flow conn_flow(const struct conn *conn, enum pkt_dir dir)
{
	bool local = conn_has_local(conn);
	bool through = conn_method(conn)->answers;
	struct flow flow = conn_request(conn);

	if (dir == PKT_IN)
		return flow;
	flow.saddr = through ? conn->dest->addr : conn_virtual(conn);
	flow.sport = through ? conn->dport : conn->vport;
	flow.daddr = local ? conn_local(conn) : conn_client(conn);
	flow.dport = local ? conn->lport : conn->cport;
	return flow;
}

/* What came back from the method as "on through the kernel" did not come from the kernel. */
static void send_accepted(struct direct *d, const struct pkt *pkt)
{
	struct outgoing *out = outbox_add(d->outbox);

	out->af = pkt->flow.af;
	out->hop = pkt->flow.daddr;
	out->parts[1] = (struct iovec){pkt->data, pkt->len};
}

/* Sends a segment in direction @dir. It is like one that a program of this machine sent: its time
 * to live is not less for us. No one is told if it cannot leave. */
static void segment_send(struct direct *d, struct conn *conn, enum pkt_dir dir, uint8_t tcp_flags,
			 uint32_t seq, uint32_t ack)
{
	const unsigned int len = d->outbox->len, errors = d->outbox->errors;
	const struct flow flow = conn_flow(conn, dir);
	struct pkt pkt = {.data = outbox_body(d->outbox), .hook = HOOK_OUTPUT, .dir = dir};

	if (!pkt.data) {
		stat_add(&d->stats->reasons[REASON_OUTBOX], 1);
		return;
	}
	pkt.len = (uint32_t)segment_build(pkt.data, &flow, tcp_flags, seq, ack);
	if (pkt_parse(&pkt))
		return;
	switch (conn_method(conn)->xmit(d, conn, &pkt).action) {
	case VERDICT_ACCEPT:
		send_accepted(d, &pkt);
		break;
	case VERDICT_STOLEN:
		break;
	case VERDICT_DROP:
	case VERDICT_SEGMENT:
		d->outbox->len = len;
		d->outbox->errors = errors;
		break;
	}
}

static void reset_send(struct direct *d, struct conn *conn, enum pkt_dir dir, uint32_t seq,
		       bool has_ack, uint32_t ack)
{
	segment_send(d, conn, dir, has_ack ? PKT_RST | PKT_ACK : PKT_RST, seq, has_ack ? ack : 0);
}

/*
 * Where the kernel carried it, the numbers are old: an end would ignore a RST with such a one. But
 * it answers any other segment from before its window with an acknowledgement that has the right
 * ones (RFC 9293, 3.10.7.4), to which reset_answer() then says the RST. So it does if none is
 * known, the connection being from before this daemon, but for a hit into its window by chance.
 */
static void reset_provoke(struct direct *d, struct conn *conn, enum pkt_dir dir, uint32_t seq,
			  uint32_t ack)
{
	segment_send(d, conn, dir, PKT_ACK, seq - 1, ack);
}

void reset_ends(struct direct *d, struct conn *conn)
{
	uint32_t client = atomic_load_explicit(&conn->client_next, memory_order_relaxed);
	uint32_t server = atomic_load_explicit(&conn->server_next, memory_order_relaxed);

	if (conn->method == FORWARD_BYPASS)
		return; /* their numbers are not kept */
	if (conn->carried && !client == !server) {
		reset_provoke(d, conn, PKT_OUT, server, client);
		reset_provoke(d, conn, PKT_IN, client, server);
		return;
	}
	reset_send(d, conn, PKT_OUT, server, client, client);
	reset_send(d, conn, PKT_IN, client, server, server);
}

struct verdict reset_answer(struct direct *d, struct conn *conn, struct pkt *pkt)
{
	enum pkt_dir back = pkt->dir == PKT_IN ? PKT_OUT : PKT_IN;
	struct tcphdr tcp;

	if (pkt->tcp_flags & PKT_RST)
		return conn_method(conn)->xmit(d, conn, pkt);
	memcpy(&tcp, pkt->data + pkt->l4, sizeof(tcp));
	/* The server hears of it now: what was sent to it when this was ordered, had old numbers,
	 * and its answers do not come by here. */
	if (conn->carried && conn_method(conn)->learned && tcp.ack)
		reset_send(d, conn, PKT_IN, ntohl(tcp.seq), false, 0);
	if (tcp.ack)
		reset_send(d, conn, back, ntohl(tcp.ack_seq), false, 0);
	else
		reset_send(d, conn, back, 0, true, segment_end(pkt, &tcp));
	stat_add(&d->stats->reasons[REASON_KILLED], 1);
	return (struct verdict){.action = VERDICT_DROP};
}
