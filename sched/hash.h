/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_HASH_H
#define SCHED_HASH_H

#include "lvs/addr.h"

/* An address as one word in host order; the four words of an IPv6 address are XORed, as in IPVS. */
static inline uint32_t hash_fold(uint8_t af, const union addr *addr)
{
	if (af == AF_INET6)
		return ntohl(addr->ip6[0] ^ addr->ip6[1] ^ addr->ip6[2] ^ addr->ip6[3]);
	return ntohl(addr->ip);
}

/* Linux's hash_32(): the @bits highest bits of the product with the golden ratio. @bits: 1..32. */
static inline uint32_t hash_golden(uint32_t value, unsigned int bits)
{
	return value * 0x61c88647u >> (32 - bits);
}

struct hash_key {
	uint64_t words[2];
};

/* SipHash-1-3, its low 32 bits: what hsiphash() is in a 64-bit kernel. Pure; any thread. */
uint32_t hash_sip(const void *data, size_t len, const struct hash_key *key);

#endif
