// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC32c: the remainder of a message, taken as one polynomial over bits, by another. The one idea:
 * this is linear, so the table for a byte is the sum (exclusive or) of those of its bits, and the
 * compiler makes the tables for eight bytes at a time from 64 numbers; and what a change of some
 * bytes does to the remainder can be said without the bytes behind them, only by how many there
 * are. Bits are in the order of the wire, the first being the most significant. Workers; pure.
 */
#include "lvs/crc32c.h"

#include <endian.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u

/* One slice: the register after a byte @n, and then so many bytes of zero as the slice is behind,
 * from those for 1, 2, 4 ... 128. */
#define BIT(n, bit, value) ((n) & (bit) ? (value) : 0u)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                              \
	BIT(n, 1, a)                                                                  \
	^BIT(n, 2, b) ^ BIT(n, 4, c) ^ BIT(n, 8, d) ^ BIT(n, 16, e) ^ BIT(n, 32, f) ^ \
		BIT(n, 64, g) ^ BIT(n, 128, h)
#define ENTRIES_4(n, ...)                                                                \
	ENTRY(n, __VA_ARGS__), ENTRY((n) + 1, __VA_ARGS__), ENTRY((n) + 2, __VA_ARGS__), \
		ENTRY((n) + 3, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                          \
	ENTRIES_4(n, __VA_ARGS__), ENTRIES_4((n) + 4, __VA_ARGS__), \
		ENTRIES_4((n) + 8, __VA_ARGS__), ENTRIES_4((n) + 12, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                             \
	ENTRIES_16(n, __VA_ARGS__), ENTRIES_16((n) + 16, __VA_ARGS__), \
		ENTRIES_16((n) + 32, __VA_ARGS__), ENTRIES_16((n) + 48, __VA_ARGS__)
#define SLICE(...)                                                                 \
	{                                                                          \
		ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__),           \
			ENTRIES_64(128, __VA_ARGS__), ENTRIES_64(192, __VA_ARGS__) \
	}

/* clang-format off */
static const uint32_t slices[8][256] = {
	SLICE(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu,
	      0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u),
	SLICE(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u,
	      0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u),
	SLICE(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u,
	      0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u),
	SLICE(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u,
	      0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu),
	SLICE(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u,
	      0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu),
	SLICE(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu,
	      0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u),
	SLICE(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u,
	      0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u),
	SLICE(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau,
	      0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u),
};
/* clang-format on */

uint32_t crc32c_add(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint32_t low, high;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&low, at, sizeof(low));
		memcpy(&high, at + sizeof(low), sizeof(high));
		low = le32toh(low) ^ crc;
		high = le32toh(high);
		crc = slices[7][low & 255] ^ slices[6][low >> 8 & 255] ^
		      slices[5][low >> 16 & 255] ^ slices[4][low >> 24] ^ slices[3][high & 255] ^
		      slices[2][high >> 8 & 255] ^ slices[1][high >> 16 & 255] ^
		      slices[0][high >> 24];
	}
	for (; len; len--)
		crc = crc >> 8 ^ slices[0][(crc ^ *at++) & 255];
	return crc;
}

/* The product of two polynomials, modulo ours. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (; a; a <<= 1) {
		product ^= b & -(a >> 31);
		b = b >> 1 ^ (POLYNOMIAL & -(b & 1));
	}
	return product;
}

uint32_t crc32c_add_zeros(uint32_t crc, uint16_t len)
{
	/* A byte of zero multiplies by x^8; so these are x^8, x^16, x^32 ... */
	static const uint32_t powers[16] = {
		0x00800000u, 0x00008000u, 0x82f63b78u, 0x6ea2d55cu, 0x18b8ea18u, 0x510ac59au,
		0xb82be955u, 0xb8fdb1e7u, 0x88e56f72u, 0x74c360a4u, 0xe4172b16u, 0x0d65762au,
		0x35d73a62u, 0x28461564u, 0xbf455269u, 0xe2ea32dcu,
	};

	for (unsigned int i = 0; len >> i; i++)
		if (len >> i & 1)
			crc = multiply(powers[i], crc);
	return crc;
}
