// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet parser. The one idea: a cursor over the packet, and nobody reads a byte that it did
 * not hand out; so every length is checked once, here, and later code may trust the offsets in
 * struct pkt. The same functions read the head of a packet inside an ICMP error, which may be cut
 * and whose lengths say nothing about what is there. Workers call it first for every packet.
 */
#include "lvs/pkt.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define EXTENSIONS_MAX 8 /* more IPv6 extension headers than any use has; bounds the walk */

struct cursor {
	const uint8_t *data;
	uint32_t at, end; /* at <= end, always */
	bool whole;	  /* a whole packet; false: the head of one, in an ICMP error */
	bool gso;
	bool copied; /* a copy of a packet, which may be cut */
};

static bool skip(struct cursor *c, uint32_t len)
{
	if (len > c->end - c->at)
		return false;
	c->at += len;
	return true;
}

/* Headers may lie at any address, so they are copied out. */
static bool take(struct cursor *c, void *header, uint32_t len)
{
	const uint8_t *from = c->data + c->at;

	if (!skip(c, len))
		return false;
	memcpy(header, from, len);
	return true;
}

/*
 * Ends the packet where its IP header says: @stated bytes after the first @before. Super-packets
 * of more than 64 KiB state 0.
 */
static enum reason trim(struct cursor *c, uint32_t before, uint32_t stated)
{
	if (!c->whole || (!stated && c->gso))
		return REASON_NONE;
	if (before + stated > c->end)
		return c->copied ? REASON_NONE : REASON_TRUNCATED;
	if (before + stated < c->at)
		return REASON_HEADER;
	c->end = before + stated;
	return REASON_NONE;
}

/* Nobody here uses IPv4 options, but the kernel drops the packet for bad ones later, and then it
 * should not have made a connection. */
static bool options_valid(const uint8_t *option, uint32_t len)
{
	while (len && *option != IPOPT_EOL) {
		uint32_t size = 1;

		if (*option != IPOPT_NOP) {
			if (len < 2 || option[1] < 2 || option[1] > len)
				return false;
			size = option[1];
		}
		option += size;
		len -= size;
	}
	return true;
}

/* Of a fragment only the first has the transport header, which is enough inside an ICMP error. */
static bool fragment_usable(const struct cursor *c, bool first, bool last)
{
	return first && (last || !c->whole);
}

static enum reason ip4_parse(struct cursor *c, struct flow *flow)
{
	const uint8_t *options;
	struct iphdr ip;
	enum reason reason;
	uint32_t len;

	if (!take(c, &ip, sizeof(ip)))
		return REASON_TRUNCATED;
	len = ip.ihl * 4u;
	if (len < sizeof(ip))
		return REASON_HEADER;
	reason = trim(c, 0, ntohs(ip.tot_len));
	if (reason)
		return reason;
	len -= (uint32_t)sizeof(ip);
	options = c->data + c->at;
	if (!skip(c, len))
		return REASON_TRUNCATED;
	if (!options_valid(options, len))
		return REASON_HEADER;
	if (!fragment_usable(c, !(ip.frag_off & htons(IP_OFFMASK)), !(ip.frag_off & htons(IP_MF))))
		return REASON_FRAGMENT;
	*flow = (struct flow){.af = AF_INET,
			      .protocol = ip.protocol,
			      .saddr = {.ip6 = {ip.saddr}},
			      .daddr = {.ip6 = {ip.daddr}}};
	return REASON_NONE;
}

/* From the first extension header to the transport header; @next becomes its protocol. */
static enum reason extensions_skip(struct cursor *c, uint8_t *next)
{
	struct ip6_frag fragment;
	struct ip6_ext ext;

	for (unsigned int i = 0; i <= EXTENSIONS_MAX; i++) {
		switch (*next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (!take(c, &ext, sizeof(ext)) || !skip(c, ext.ip6e_len * 8u + 6))
				return REASON_TRUNCATED;
			*next = ext.ip6e_nxt;
			break;
		case IPPROTO_FRAGMENT:
			if (!take(c, &fragment, sizeof(fragment)))
				return REASON_TRUNCATED;
			if (!fragment_usable(c, !(fragment.ip6f_offlg & IP6F_OFF_MASK),
					     !(fragment.ip6f_offlg & IP6F_MORE_FRAG)))
				return REASON_FRAGMENT;
			*next = fragment.ip6f_nxt;
			break;
		default:
			return REASON_NONE;
		}
	}
	return REASON_HEADER;
}

static enum reason ip6_parse(struct cursor *c, struct flow *flow)
{
	struct ip6_hdr ip;
	enum reason reason;

	if (!take(c, &ip, sizeof(ip)))
		return REASON_TRUNCATED;
	reason = trim(c, sizeof(ip), ntohs(ip.ip6_plen));
	if (reason)
		return reason;
	*flow = (struct flow){.af = AF_INET6, .protocol = ip.ip6_nxt};
	memcpy(flow->saddr.bytes, &ip.ip6_src, sizeof(ip.ip6_src));
	memcpy(flow->daddr.bytes, &ip.ip6_dst, sizeof(ip.ip6_dst));
	return extensions_skip(c, &flow->protocol);
}

static enum reason ip_parse(struct cursor *c, struct flow *flow)
{
	if (c->at == c->end)
		return REASON_TRUNCATED;
	switch (c->data[c->at] >> 4) {
	case 4:
		return ip4_parse(c, flow);
	case 6:
		return ip6_parse(c, flow);
	}
	return REASON_VERSION;
}

static enum reason tcp_parse(struct cursor *c, struct pkt *pkt)
{
	struct tcphdr tcp;

	if (!take(c, &tcp, sizeof(tcp)))
		return REASON_TRUNCATED;
	if (tcp.doff * 4u < sizeof(tcp))
		return REASON_HEADER;
	if (!skip(c, tcp.doff * 4u - (uint32_t)sizeof(tcp)))
		return REASON_TRUNCATED;
	pkt->flow.sport = tcp.source;
	pkt->flow.dport = tcp.dest;
	pkt->tcp_flags = tcp.th_flags;
	return REASON_NONE;
}

static enum reason udp_parse(struct cursor *c, struct pkt *pkt)
{
	struct udphdr udp;

	if (!take(c, &udp, sizeof(udp)))
		return REASON_TRUNCATED;
	if (ntohs(udp.len) < sizeof(udp))
		return REASON_HEADER;
	if (!skip(c, ntohs(udp.len) - (uint32_t)sizeof(udp)) && !c->copied)
		return REASON_TRUNCATED;
	pkt->flow.sport = udp.source;
	pkt->flow.dport = udp.dest;
	return REASON_NONE;
}

/*
 * SCTP's common header, and that of a chunk, wherever one begins. A COOKIE ECHO or COOKIE ACK may
 * have an ABORT behind it (RFC 9260, 3.3.7), which then is what counts.
 */
struct sctp_header {
	__be16 sport, dport;
	__be32 tag, checksum;
};

struct sctp_chunk {
	uint8_t type, flags;
	__be16 len;
};

static bool abort_follows(struct cursor c, const struct sctp_chunk *first)
{
	uint32_t len = ntohs(first->len);
	struct sctp_chunk second;

	if (first->type != CHUNK_COOKIE_ECHO && first->type != CHUNK_COOKIE_ACK)
		return false;
	return len >= sizeof(*first) && skip(&c, (len + 3) / 4 * 4 - (uint32_t)sizeof(*first)) &&
	       take(&c, &second, sizeof(second)) && second.type == CHUNK_ABORT;
}

static enum reason sctp_parse(struct cursor *c, struct pkt *pkt)
{
	struct sctp_header sctp;
	struct sctp_chunk chunk;

	if (!take(c, &sctp, sizeof(sctp)) || !take(c, &chunk, sizeof(chunk)))
		return REASON_TRUNCATED;
	pkt->flow.sport = sctp.sport;
	pkt->flow.dport = sctp.dport;
	pkt->chunk = chunk.type;
	pkt->chunk_abort = abort_follows(*c, &chunk);
	return REASON_NONE;
}

static bool icmp_is_error(uint8_t af, uint8_t type)
{
	if (af == AF_INET6)
		return type >= ICMP6_DST_UNREACH && type <= ICMP6_PARAM_PROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* The head of a packet that an ICMP error is about. RFC 792 promises eight bytes of its transport
 * header. */
static bool head_parse(struct cursor *c, struct flow *flow)
{
	__be16 head[4];

	c->whole = false;
	if (ip_parse(c, flow))
		return false;
	if (flow->protocol != IPPROTO_TCP && flow->protocol != IPPROTO_UDP &&
	    flow->protocol != IPPROTO_SCTP)
		return false;
	if (sizeof(head) > c->end - c->at)
		return false;
	memcpy(head, c->data + c->at, sizeof(head));
	flow->sport = head[0];
	flow->dport = head[1];
	return true;
}

bool pkt_parse_head(const uint8_t *data, uint32_t len, struct flow *flow)
{
	struct cursor c = {.data = data, .end = len};

	return head_parse(&c, flow);
}

static bool inner_parse(struct cursor *c, struct pkt *pkt)
{
	pkt->inner_l3 = c->at;
	if (!head_parse(c, &pkt->inner) || pkt->inner.af != pkt->flow.af)
		return false;
	pkt->inner_l4 = c->at;
	return true;
}

/* An error whose inside cannot be read is no error of a connection of ours; like other ICMP it is
 * left to pass, as IPVS does. */
static enum reason icmp_parse(struct cursor *c, struct pkt *pkt)
{
	struct icmphdr icmp;

	if (!take(c, &icmp, sizeof(icmp)))
		return REASON_TRUNCATED;
	if (icmp_is_error(pkt->flow.af, icmp.type))
		pkt->icmp_error = inner_parse(c, pkt);
	return REASON_NONE;
}

enum reason pkt_parse(struct pkt *pkt)
{
	struct cursor c = {.data = pkt->data,
			   .end = pkt->len,
			   .whole = true,
			   .gso = pkt->gso,
			   .copied = pkt->copied};
	enum reason reason = ip_parse(&c, &pkt->flow);

	if (reason)
		return reason;
	pkt->len = c.end;
	pkt->l4 = c.at;
	pkt->tcp_flags = 0;
	pkt->chunk = 0;
	pkt->chunk_abort = false;
	pkt->icmp_error = false;
	pkt->inner_l3 = 0;
	switch (pkt->flow.protocol) {
	case IPPROTO_TCP:
		return tcp_parse(&c, pkt);
	case IPPROTO_UDP:
		return udp_parse(&c, pkt);
	case IPPROTO_SCTP:
		return sctp_parse(&c, pkt);
	case IPPROTO_ICMP:
		return pkt->flow.af == AF_INET ? icmp_parse(&c, pkt) : REASON_PROTOCOL;
	case IPPROTO_ICMPV6:
		return pkt->flow.af == AF_INET6 ? icmp_parse(&c, pkt) : REASON_PROTOCOL;
	}
	return REASON_PROTOCOL;
}
