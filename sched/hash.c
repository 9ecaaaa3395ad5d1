// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SipHash-1-3: one round for each eight bytes, three at the end. IPVS's mh places servers and
 * clients by it, and has to be met to the bit; where no such past binds, it is as good a hash as
 * any. Pure functions; any thread.
 */
#include "sched/hash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

uint32_t hash_sip(const void *data, size_t len, const struct hash_key *key)
{
	struct sip s = {
		.v0 = key->words[0] ^ 0x736f6d6570736575ull,
		.v1 = key->words[1] ^ 0x646f72616e646f6dull,
		.v2 = key->words[0] ^ 0x6c7967656e657261ull,
		.v3 = key->words[1] ^ 0x7465646279746573ull,
	};
	const uint8_t *at = data;
	uint64_t word;
	size_t left;

	for (left = len; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sip_word(&s, le64toh(word));
	}
	word = 0;
	memcpy(&word, at, left);
	sip_word(&s, le64toh(word) | (uint64_t)len << 56);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}
