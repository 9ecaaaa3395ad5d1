/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_PKT_BUILD_H
#define TESTS_PKT_BUILD_H

/*
 * Packets in a few words, and whether their checksums are right. Written byte by byte and without
 * lvs/csum.c, lvs/crc32c.c and lvs/pkt.c, which are what is tested with it.
 */

#include "tests/unit/lvs_build.h"

#include "lvs/pkt.h"

#include <string.h>

#define BUILD_MAX 65535

/* Unset fields are zero: no options, no payload. */
struct build {
	uint8_t protocol;
	const char *saddr, *daddr;
	uint16_t sport, dport;
	uint8_t flags;		   /* TCP */
	uint16_t payload;	   /* bytes behind the transport header */
	uint8_t ip_options;	   /* IPv4: words, up to 10 */
	uint8_t tcp_options;	   /* words, up to 10 */
	uint8_t ext[6], ext_len;   /* IPv6 extension headers, in this order */
	bool no_sum;		   /* UDP without a checksum */
	bool partial;		   /* CHECKSUM_PARTIAL: the pseudo-header's sum, not complemented */
	uint8_t type, code;	   /* ICMP; of SCTP the type of the first chunk, which has it all */
	const struct build *inner; /* what an ICMP error carries */
	uint16_t inner_len;	   /* bytes of it; 0: all */
};

#define FROM_TO(from, from_port, to, to_port) \
	.saddr = (from), .sport = (from_port), .daddr = (to), .dport = (to_port)

static inline uint16_t get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071 as it is written there, one 16-bit word after the other. */
static inline uint32_t sum_words(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* CRC32c as RFC 9260 describes it, one bit after the other; the field at @field counts as zero.
 * Like the field, the least significant byte is the first. */
static inline uint32_t crc_bits(const uint8_t *at, size_t len, size_t field)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= i >= field && i - field < 4 ? 0 : at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

#define SCTP_FIELD 8 /* of the checksum in the common header */

static inline void sctp_put_crc(uint8_t *l4, size_t len)
{
	uint32_t crc = crc_bits(l4, len, SCTP_FIELD);

	for (int i = 0; i < 4; i++)
		l4[SCTP_FIELD + i] = (uint8_t)(crc >> 8 * i);
}

static inline bool sctp_crc_right(const uint8_t *l4, size_t len)
{
	uint32_t crc = crc_bits(l4, len, SCTP_FIELD);

	for (int i = 0; i < 4; i++)
		if (l4[SCTP_FIELD + i] != (uint8_t)(crc >> 8 * i))
			return false;
	return true;
}

static inline bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Where the transport header is, of what protocol, and where the packet ends by its IP header. The
 * packet is one that was built here or came out of pkt_parse(). */
struct layout {
	bool v6;
	uint8_t protocol;
	size_t l4, end;
};

static inline struct layout packet_layout(const uint8_t *pkt)
{
	struct layout out = {.v6 = pkt[0] >> 4 == 6};

	if (!out.v6) {
		out.protocol = pkt[9];
		out.l4 = (size_t)(pkt[0] & 15) * 4;
		out.end = get_be16(pkt + 2);
		return out;
	}
	out.protocol = pkt[6];
	out.l4 = 40;
	out.end = 40u + get_be16(pkt + 4);
	while (out.protocol == IPPROTO_HOPOPTS || out.protocol == IPPROTO_ROUTING ||
	       out.protocol == IPPROTO_DSTOPTS || out.protocol == IPPROTO_FRAGMENT) {
		const uint8_t *ext = pkt + out.l4;

		out.l4 += out.protocol == IPPROTO_FRAGMENT ? 8 : 8 * (ext[1] + 1u);
		out.protocol = ext[0];
	}
	return out;
}

static inline uint32_t sum_pseudo(const uint8_t *pkt, const struct layout *at)
{
	uint32_t sum = (uint32_t)(at->end - at->l4) + at->protocol;

	if (at->protocol == IPPROTO_ICMP)
		return 0;
	return at->v6 ? sum_words(sum, pkt + 8, 32) : sum_words(sum, pkt + 12, 8);
}

/* Offset and size of the checksum in the transport header. */
static inline size_t sum_offset(uint8_t protocol)
{
	if (protocol == IPPROTO_SCTP)
		return SCTP_FIELD;
	return protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
}

static inline size_t sum_size(uint8_t protocol)
{
	return protocol == IPPROTO_SCTP ? 4 : 2;
}

/* An IPv6 extension header; destination options take 16 bytes, so that lengths differ. */
static inline size_t build_ext(uint8_t *at, uint8_t type, uint8_t next)
{
	size_t len = type == IPPROTO_DSTOPTS ? 16 : 8;

	memset(at, 0, len);
	at[0] = next;
	if (type != IPPROTO_FRAGMENT)
		at[1] = (uint8_t)(len / 8 - 1);
	if (type == IPPROTO_HOPOPTS || type == IPPROTO_DSTOPTS) {
		at[2] = 1; /* PadN */
		at[3] = (uint8_t)(len - 4);
	}
	return len;
}

static inline size_t build_ip4(uint8_t *pkt, const struct build *b, size_t l4_len)
{
	union addr saddr = build_addr(b->saddr), daddr = build_addr(b->daddr);
	size_t len = 20 + 4 * (size_t)b->ip_options;

	memset(pkt, 0, 20);
	memset(pkt + 20, 1, len - 20); /* no operation */
	pkt[0] = (uint8_t)(0x40 | len / 4);
	put_be16(pkt + 2, (uint32_t)(len + l4_len));
	put_be16(pkt + 4, 0xbeef);
	put_be16(pkt + 6, 0x4000); /* don't fragment */
	pkt[8] = 64;
	pkt[9] = b->protocol;
	memcpy(pkt + 12, saddr.bytes, 4);
	memcpy(pkt + 16, daddr.bytes, 4);
	put_be16(pkt + 10, ~sum_words(0, pkt, len));
	return len;
}

static inline size_t build_ip6(uint8_t *pkt, const struct build *b, size_t l4_len)
{
	union addr saddr = build_addr(b->saddr), daddr = build_addr(b->daddr);
	size_t len = 40;

	memset(pkt, 0, 40);
	pkt[0] = 0x60;
	pkt[6] = b->ext_len ? b->ext[0] : b->protocol;
	pkt[7] = 64;
	memcpy(pkt + 8, saddr.bytes, 16);
	memcpy(pkt + 24, daddr.bytes, 16);
	for (int i = 0; i < b->ext_len; i++)
		len += build_ext(pkt + len, b->ext[i],
				 i + 1 < b->ext_len ? b->ext[i + 1] : b->protocol);
	put_be16(pkt + 4, (uint32_t)(len - 40 + l4_len));
	return len;
}

static inline size_t build_packet(uint8_t *pkt, const struct build *b);

/* The transport segment without its checksum. Returns its length. */
static inline size_t build_l4(uint8_t *l4, const struct build *b)
{
	size_t len = 8;

	memset(l4, 0, 20);
	if (has_ports(b->protocol)) {
		put_be16(l4, b->sport);
		put_be16(l4 + 2, b->dport);
	}
	if (b->protocol == IPPROTO_TCP) {
		len = 20 + 4 * (size_t)b->tcp_options;
		memset(l4 + 20, 1, len - 20); /* no operation */
		put_be16(l4 + 4, 0x1234);
		l4[12] = (uint8_t)(len / 4 << 4);
		l4[13] = b->flags;
		put_be16(l4 + 14, 0x7210);
	} else if (b->protocol == IPPROTO_UDP) {
		put_be16(l4 + 4, 8u + b->payload);
	} else if (b->protocol == IPPROTO_SCTP) {
		len = 16;
		put_be16(l4 + 4, 0x5678);
		l4[12] = b->type;
		put_be16(l4 + 14, 4u + b->payload);
	} else {
		l4[0] = b->type;
		l4[1] = b->code;
	}
	if (b->inner) {
		size_t whole = build_packet(l4 + len, b->inner);

		return len + (b->inner_len ? b->inner_len : whole);
	}
	for (size_t i = 0; i < b->payload; i++)
		l4[len + i] = (uint8_t)(i * 7 + 3);
	return len + b->payload;
}

/* Writes the packet into @pkt (room for BUILD_MAX) and returns its length. */
static inline size_t build_packet(uint8_t *pkt, const struct build *b)
{
	bool v6 = build_af(b->saddr) == AF_INET6;
	size_t l4_len, l4, at;
	struct layout layout;
	uint32_t sum;
	uint8_t dry[40 + 16 * 6];

	/* The IP header's length first: what is behind it depends on where it ends. */
	l4 = v6 ? build_ip6(dry, b, 0) : build_ip4(dry, b, 0);
	l4_len = build_l4(pkt + l4, b);
	(void)(v6 ? build_ip6(pkt, b, l4_len) : build_ip4(pkt, b, l4_len));
	if (b->no_sum)
		return l4 + l4_len;
	if (b->protocol == IPPROTO_SCTP) {
		if (!b->partial)
			sctp_put_crc(pkt + l4, l4_len);
		return l4 + l4_len;
	}
	layout = packet_layout(pkt);
	at = l4 + sum_offset(b->protocol);
	sum = sum_pseudo(pkt, &layout);
	if (b->partial) {
		put_be16(pkt + at, sum_words(sum, NULL, 0));
		return l4 + l4_len;
	}
	sum = ~sum_words(sum, pkt + l4, l4_len) & 0xffff;
	put_be16(pkt + at, b->protocol == IPPROTO_UDP && !sum ? 0xffff : sum);
	return l4 + l4_len;
}

/* The one checksum of a whole packet that is wrong, or NULL if all are right. Of what an ICMP error
 * carries only the IPv4 header can be checked. */
static inline const char *packet_wrong_sum(const uint8_t *pkt)
{
	struct layout at = packet_layout(pkt);
	const uint8_t *l4 = pkt + at.l4;
	bool error = false;

	if (!at.v6 && sum_words(0, pkt, at.l4) != 0xffff)
		return "IPv4 header";
	if (at.protocol == IPPROTO_UDP && !get_be16(l4 + 6))
		return NULL;
	if (at.protocol == IPPROTO_SCTP)
		return sctp_crc_right(l4, at.end - at.l4) ? NULL : "SCTP";
	if (sum_words(sum_pseudo(pkt, &at), l4, at.end - at.l4) != 0xffff)
		return protocol_name(at.protocol);
	if (at.protocol == IPPROTO_ICMP)
		error = l4[0] == 3 || l4[0] == 4 || l4[0] == 11 || l4[0] == 12;
	if (error && sum_words(0, l4 + 8, (size_t)(l4[8] & 15) * 4) != 0xffff)
		return "IPv4 header inside ICMP";
	return NULL;
}

/* The flow that the bytes at @pkt say, ports read from the transport header. */
static inline struct flow packet_flow(const uint8_t *pkt)
{
	struct layout at = packet_layout(pkt);
	struct flow flow = {.af = at.v6 ? AF_INET6 : AF_INET, .protocol = at.protocol};
	size_t size = at.v6 ? 16 : 4, addrs = at.v6 ? 8 : 12;

	memcpy(flow.saddr.bytes, pkt + addrs, size);
	memcpy(flow.daddr.bytes, pkt + addrs + size, size);
	if (has_ports(at.protocol)) {
		memcpy(&flow.sport, pkt + at.l4, 2);
		memcpy(&flow.dport, pkt + at.l4 + 2, 2);
	}
	return flow;
}

/* Does the packet go from here to there? Ports are 0 for ICMP. */
static inline bool packet_runs(const uint8_t *pkt, const char *saddr, uint16_t sport,
			       const char *daddr, uint16_t dport)
{
	union addr from = build_addr(saddr), to = build_addr(daddr);
	struct flow flow = packet_flow(pkt);

	return !memcmp(&flow.saddr, &from, sizeof(from)) && !memcmp(&flow.daddr, &to, sizeof(to)) &&
	       ntohs(flow.sport) == sport && ntohs(flow.dport) == dport;
}

/* The packet that an ICMP error carries. */
static inline const uint8_t *packet_inner(const uint8_t *pkt)
{
	return pkt + packet_layout(pkt).l4 + 8;
}

#endif
