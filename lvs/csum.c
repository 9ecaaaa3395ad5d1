// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Internet checksums. The one idea: one's complement addition does not care where a carry comes
 * from, so everything is summed as 32-bit words in a 64-bit accumulator and the carries are folded
 * in at the end; byte order does not matter either, so memory is summed as it lies. Pure; workers
 * call it for the packets that they rewrite.
 */
#include "lvs/csum.h"

#include <arpa/inet.h>
#include <string.h>

/* The carries of up to 2^32 words back into 32 bits: the first addition may carry once more. */
static uint32_t fold64(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	return (uint32_t)((sum & UINT32_MAX) + (sum >> 32));
}

uint32_t csum_add_bytes(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t total = sum;
	uint32_t word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		total += word;
	}
	word = 0;
	memcpy(&word, at, len);
	return fold64(total + word);
}

__be16 csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}

uint32_t csum_pseudo(uint8_t af, const union addr *saddr, const union addr *daddr, uint32_t len,
		     uint8_t protocol)
{
	uint32_t sum = csum_add_bytes(0, saddr->bytes, addr_size(af));

	sum = csum_add_bytes(sum, daddr->bytes, addr_size(af));
	return fold64((uint64_t)sum + htonl(len) + htonl(protocol));
}

/* RFC 1624: HC' = ~(~HC + ~m + m'), over @words words. */
static __be16 replace(__be16 check, const __be32 *from, const __be32 *to, size_t words)
{
	uint64_t sum = (uint16_t)~check;

	for (size_t i = 0; i < words; i++)
		sum += (uint64_t)(uint32_t)~from[i] + to[i];
	return csum_fold(fold64(sum));
}

__be16 csum_replace16(__be16 check, __be16 from, __be16 to)
{
	return csum_fold((uint32_t)(uint16_t)~check + (uint16_t)~from + to);
}

__be16 csum_replace32(__be16 check, __be32 from, __be32 to)
{
	return replace(check, &from, &to, 1);
}

__be16 csum_replace_addr(__be16 check, uint8_t af, const union addr *from, const union addr *to)
{
	return replace(check, from->ip6, to->ip6, addr_size(af) / sizeof(__be32));
}
