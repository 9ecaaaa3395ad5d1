// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Single fields of a parsed packet that forwarding looks at or changes: TTL, DF, the transport
 * checksum. The offsets were checked by pkt_parse(). Workers; pure.
 */
#include "lvs/crc32c.h"
#include "lvs/csum.h"
#include "lvs/pkt.h"

#include <endian.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

static size_t check_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_SCTP:
		return SCTP_CHECKSUM_OFFSET;
	default:
		return offsetof(struct icmphdr, checksum); /* and struct icmp6_hdr's */
	}
}

uint32_t pkt_sum_offset(const struct pkt *pkt)
{
	return pkt->l4 + (uint32_t)check_offset(pkt->flow.protocol);
}

static void sctp_sum(struct pkt *pkt)
{
	uint8_t *check = pkt->data + pkt_sum_offset(pkt);
	uint32_t field = 0;

	memcpy(check, &field, sizeof(field));
	field = htole32(~crc32c_add(CRC32C_INIT, pkt->data + pkt->l4, pkt->len - pkt->l4));
	memcpy(check, &field, sizeof(field));
}

static void internet_sum(struct pkt *pkt)
{
	const struct flow *flow = &pkt->flow;
	uint8_t *check = pkt->data + pkt_sum_offset(pkt);
	uint32_t len = pkt->len - pkt->l4, sum = 0;
	__be16 field = 0;

	memcpy(check, &field, sizeof(field));
	if (flow->protocol != IPPROTO_ICMP)
		sum = csum_pseudo(flow->af, &flow->saddr, &flow->daddr, len, flow->protocol);
	field = csum_fold(csum_add_bytes(sum, pkt->data + pkt->l4, len));
	if (flow->protocol == IPPROTO_UDP && !field)
		field = 0xffff; /* RFC 768: 0 would say that there is none */
	memcpy(check, &field, sizeof(field));
}

void pkt_sum(struct pkt *pkt)
{
	if (!pkt->csum_partial || pkt->gso)
		return;
	if (pkt->flow.protocol == IPPROTO_SCTP)
		sctp_sum(pkt);
	else
		internet_sum(pkt);
	pkt->csum_partial = false;
}

static size_t ttl_offset(const struct pkt *pkt)
{
	return pkt->flow.af == AF_INET6 ? offsetof(struct ip6_hdr, ip6_hlim)
					: offsetof(struct iphdr, ttl);
}

uint8_t pkt_ttl(const struct pkt *pkt)
{
	return pkt->data[ttl_offset(pkt)];
}

void pkt_ttl_decrease(struct pkt *pkt)
{
	uint8_t *ttl = pkt->data + ttl_offset(pkt);
	uint8_t *check = pkt->data + offsetof(struct iphdr, check);
	__be16 from, to, sum;

	/* TTL and protocol form one 16-bit word. */
	memcpy(&from, ttl, sizeof(from));
	--*ttl;
	if (pkt->flow.af == AF_INET6)
		return;
	memcpy(&to, ttl, sizeof(to));
	memcpy(&sum, check, sizeof(sum));
	sum = csum_replace16(sum, from, to);
	memcpy(check, &sum, sizeof(sum));
}

bool pkt_whole(const struct pkt *pkt)
{
	__be16 flags;

	if (pkt->flow.af == AF_INET6)
		return true;
	memcpy(&flags, pkt->data + offsetof(struct iphdr, frag_off), sizeof(flags));
	return flags & htons(IP_DF);
}
