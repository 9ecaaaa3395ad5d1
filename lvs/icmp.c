// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ICMP errors that the director sends about a client's packet, as the kernel's icmp_send() and
 * icmpv6_send() would. The one idea: an error is only ever a waste or an attack on somebody if it
 * is about the wrong packet, so the refusals come first and nothing is written before they passed.
 * They come from the address that the client wrote to, which is the director's. Workers.
 */
#include "lvs/csum.h"
#include "lvs/icmp.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define ERROR4_MAX     576u /* RFC 1812 4.3.2.3 */
#define ERROR_TTL      64
#define EXTENSIONS_MAX 8 /* as the parser takes */

/* What an error takes from the packet that it is about. */
struct subject {
	const uint8_t *packet;
	size_t len;
	uint8_t af, dsfield;
	union addr saddr, daddr;
};

/* May an error go to, or come from, this address? Link-local ones of IPv6 may, in their link. */
static bool single_host(uint8_t af, const union addr *addr)
{
	struct in6_addr ip6;

	if (af == AF_INET)
		return addr_is_unicast(af, addr);
	memcpy(&ip6, addr->bytes, sizeof(ip6));
	return !IN6_IS_ADDR_UNSPECIFIED(&ip6) && !IN6_IS_ADDR_MULTICAST(&ip6);
}

/* Anything but a question or its answer. A packet that ends before it tells is none of ours. */
static bool may_answer_icmp(const uint8_t *icmp, size_t len)
{
	if (!len)
		return false;
	switch (icmp[0]) {
	case ICMP_ECHO:
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMP:
	case ICMP_TIMESTAMPREPLY:
	case ICMP_ADDRESS:
	case ICMP_ADDRESSREPLY:
		return true;
	}
	return false;
}

static bool subject_read4(struct subject *subject)
{
	struct iphdr ip;
	size_t head;

	if (subject->len < sizeof(ip))
		return false;
	memcpy(&ip, subject->packet, sizeof(ip));
	head = ip.ihl * 4u;
	if (head < sizeof(ip) || head > subject->len || ip.frag_off & htons(IP_OFFMASK))
		return false;
	if (subject->len > ntohs(ip.tot_len) && ntohs(ip.tot_len) >= head)
		subject->len = ntohs(ip.tot_len);
	if (ip.protocol == IPPROTO_ICMP &&
	    !may_answer_icmp(subject->packet + head, subject->len - head))
		return false;
	subject->dsfield = ip.tos;
	subject->saddr.ip = ip.saddr;
	subject->daddr.ip = ip.daddr;
	return true;
}

/* Is it, behind its extension headers, an ICMPv6 error or redirect, or a fragment but the first? */
static bool must_not_answer6(const uint8_t *packet, size_t len, uint8_t next)
{
	size_t at = sizeof(struct ip6_hdr);
	struct ip6_frag fragment;

	for (unsigned int i = 0; i <= EXTENSIONS_MAX; i++) {
		if (next == IPPROTO_ICMPV6)
			return at >= len || !(packet[at] & ICMP6_INFOMSG_MASK) ||
			       packet[at] == ND_REDIRECT;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT)
			return false;
		if (len < at + sizeof(fragment))
			return true;
		memcpy(&fragment, packet + at, sizeof(fragment));
		if (next != IPPROTO_FRAGMENT)
			at += 8u * packet[at + 1];
		else if (fragment.ip6f_offlg & IP6F_OFF_MASK)
			return true;
		at += sizeof(fragment);
		next = fragment.ip6f_nxt;
	}
	return true;
}

static bool subject_read6(struct subject *subject)
{
	struct ip6_hdr ip;

	if (subject->len < sizeof(ip))
		return false;
	memcpy(&ip, subject->packet, sizeof(ip));
	if (must_not_answer6(subject->packet, subject->len, ip.ip6_nxt))
		return false;
	if (subject->len > sizeof(ip) + ntohs(ip.ip6_plen) && ip.ip6_plen)
		subject->len = sizeof(ip) + ntohs(ip.ip6_plen);
	memcpy(subject->saddr.bytes, &ip.ip6_src, sizeof(ip.ip6_src));
	memcpy(subject->daddr.bytes, &ip.ip6_dst, sizeof(ip.ip6_dst));
	return true;
}

static bool subject_read(struct subject *subject)
{
	bool read = false;

	if (!subject->len)
		return false;
	switch (subject->packet[0] >> 4) {
	case 4:
		subject->af = AF_INET;
		read = subject_read4(subject);
		break;
	case 6:
		subject->af = AF_INET6;
		read = subject_read6(subject);
		break;
	}
	return read && single_host(subject->af, &subject->saddr) &&
	       single_host(subject->af, &subject->daddr);
}

static size_t build4(uint8_t *buf, const struct subject *subject, struct icmphdr *icmp)
{
	struct iphdr ip = {
		.version = IPVERSION,
		.ihl = sizeof(ip) / 4,
		.tos = (uint8_t)((subject->dsfield & IPTOS_TOS_MASK) | IPTOS_PREC_INTERNETCONTROL),
		.ttl = ERROR_TTL,
		.protocol = IPPROTO_ICMP,
		.saddr = subject->daddr.ip,
		.daddr = subject->saddr.ip};
	size_t head = sizeof(ip) + sizeof(*icmp);
	size_t quote = subject->len < ERROR4_MAX - head ? subject->len : ERROR4_MAX - head;

	ip.tot_len = htons((uint16_t)(head + quote));
	ip.check = csum_fold(csum_add_bytes(0, &ip, sizeof(ip)));
	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + head, subject->packet, quote);
	icmp->checksum = csum_fold(
		csum_add_bytes(csum_add_bytes(0, icmp, sizeof(*icmp)), subject->packet, quote));
	memcpy(buf + sizeof(ip), icmp, sizeof(*icmp));
	return head + quote;
}

static size_t build6(uint8_t *buf, const struct subject *subject, struct icmphdr *icmp)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28), .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = ERROR_TTL};
	size_t head = sizeof(ip) + sizeof(*icmp);
	size_t quote = subject->len < ICMP_ERROR_MAX - head ? subject->len : ICMP_ERROR_MAX - head;
	uint32_t len = (uint32_t)(sizeof(*icmp) + quote);
	uint32_t sum;

	ip.ip6_plen = htons((uint16_t)len);
	memcpy(&ip.ip6_src, subject->daddr.bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, subject->saddr.bytes, sizeof(ip.ip6_dst));
	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + head, subject->packet, quote);
	sum = csum_pseudo(AF_INET6, &subject->daddr, &subject->saddr, len, IPPROTO_ICMPV6);
	sum = csum_add_bytes(sum, icmp, sizeof(*icmp));
	icmp->checksum = csum_fold(csum_add_bytes(sum, subject->packet, quote));
	memcpy(buf + sizeof(ip), icmp, sizeof(*icmp));
	return head + quote;
}

size_t icmp_error_build(uint8_t buf[ICMP_ERROR_MAX], const uint8_t *packet, size_t len,
			uint8_t type, uint8_t code, uint32_t info)
{
	struct subject subject = {.packet = packet, .len = len};
	struct icmphdr icmp = {.type = type, .code = code, .un.gateway = htonl(info)};

	if (!subject_read(&subject))
		return 0;
	return subject.af == AF_INET6 ? build6(buf, &subject, &icmp) : build4(buf, &subject, &icmp);
}
