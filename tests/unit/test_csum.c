// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/csum.c against RFC 1071 taken literally: big-endian 16-bit words, one by one, carry at once.
 */
#include "lvs/csum.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <string.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The checksum field, host order. */
static uint16_t naive(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)data[i] << 8 | (i + 1 < len ? data[i + 1] : 0);
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)~sum;
}

static void fill(uint8_t *data, size_t len, unsigned int *seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(rand_r(seed) >> 8);
}

static uint16_t summed(const void *data, size_t len)
{
	return ntohs(csum_fold(csum_add_bytes(0, data, len)));
}

Test(csum, of_known_data)
{
	static const struct {
		const char *name;
		uint8_t data[24];
		size_t len;
		uint16_t want;
	} rows[] = {
		{"nothing", {0}, 0, 0xffff},
		{"zeros", {0}, 20, 0xffff},
		{"RFC 1071", {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 8, 0x220d},
		{"one byte", {0xab}, 1, 0x54ff},
		{"odd", {0x00, 0x01, 0xf2}, 3, 0x0dfe},
		{"sum 0xffff", {0xff, 0xfe, 0x00, 0x01}, 4, 0x0000},
		{"an IPv4 header, field 0",
		 {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		  0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7},
		 20,
		 0xb861},
		{"an IPv4 header with its sum",
		 {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		  0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7},
		 20,
		 0x0000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		cr_assert_eq(summed(rows[i].data, rows[i].len), rows[i].want, "%s: %04x",
			     rows[i].name, summed(rows[i].data, rows[i].len));
		cr_assert_eq(naive(rows[i].data, rows[i].len), rows[i].want, "naive: %s",
			     rows[i].name);
	}
}

Test(csum, of_any_length_and_alignment)
{
	uint8_t data[300];
	unsigned int seed = 1;

	for (size_t len = 0; len <= 290; len++) {
		for (size_t at = 0; at < 8; at++) {
			fill(data, sizeof(data), &seed);
			cr_assert_eq(summed(data + at, len), naive(data + at, len), "%zu at %zu",
				     len, at);
		}
	}
}

Test(csum, of_much_data_with_all_carries)
{
	static uint8_t data[70000];

	memset(data, 0xff, sizeof(data));
	for (size_t len = sizeof(data) - 9; len <= sizeof(data); len++)
		cr_assert_eq(summed(data, len), naive(data, len), "%zu", len);
	cr_assert_eq(ntohs(csum_fold(csum_add_bytes(UINT32_MAX, data, 4))), 0);
	cr_assert_eq(ntohs(csum_fold(csum_add_bytes(UINT32_MAX, "\0\1", 2))), 0xfffe);
}

/* Summing in pieces of even length is summing the whole. */
Test(csum, in_pieces)
{
	uint8_t data[1400];
	unsigned int seed = 2;

	for (int round = 0; round < 500; round++) {
		size_t cut = (size_t)(rand_r(&seed) % 700) * 2;
		size_t len = cut + (size_t)rand_r(&seed) % (sizeof(data) - cut);
		uint32_t sum;

		fill(data, len, &seed);
		sum = csum_add_bytes(csum_add_bytes(0, data, cut), data + cut, len - cut);
		cr_assert_eq(ntohs(csum_fold(sum)), naive(data, len), "%zu of %zu", cut, len);
	}
}

/* The pseudo-headers, spelled out byte by byte. */
Test(csum, of_pseudo_headers)
{
	unsigned int seed = 3;

	for (int round = 0; round < 2000; round++) {
		uint32_t len = (uint32_t)rand_r(&seed) & (round % 2 ? 0xffff : 0xfffff);
		uint8_t protocol = (uint8_t)(rand_r(&seed) >> 8);
		union addr saddr, daddr;
		uint8_t v6[40] = {0}, v4[12] = {0};
		__be32 wire = htonl(len);
		__be16 wire16 = htons((uint16_t)len);

		fill(saddr.bytes, 16, &seed);
		fill(daddr.bytes, 16, &seed);
		memcpy(v6, saddr.bytes, 16);
		memcpy(v6 + 16, daddr.bytes, 16);
		memcpy(v6 + 32, &wire, 4);
		v6[39] = protocol;
		cr_assert_eq(ntohs(csum_fold(csum_pseudo(AF_INET6, &saddr, &daddr, len, protocol))),
			     naive(v6, sizeof(v6)), "IPv6, round %d", round);
		memcpy(v4, saddr.bytes, 4);
		memcpy(v4 + 4, daddr.bytes, 4);
		v4[9] = protocol;
		memcpy(v4 + 10, &wire16, 2);
		cr_assert_eq(ntohs(csum_fold(
				     csum_pseudo(AF_INET, &saddr, &daddr, len & 0xffff, protocol))),
			     naive(v4, sizeof(v4)), "IPv4, round %d", round);
	}
}

/* Random values, among them often those where one's complement has two zeros. */
static void fill_edgy(uint8_t *data, size_t len, unsigned int *seed)
{
	int kind = rand_r(seed) % 4;

	if (kind < 2)
		memset(data, kind ? 0xff : 0, len);
	else
		fill(data, len, seed);
}

/* Changes @width bytes at @at, and the sum of all but for them incrementally; compares with the
 * sum made anew. */
static void replace_once(size_t width, unsigned int *seed)
{
	uint8_t data[64];
	union addr from = {.ip6 = {0}}, to = {.ip6 = {0}};
	size_t at = (size_t)(rand_r(seed) % 24) * 2;
	__be16 check, got = 0;

	fill_edgy(data, sizeof(data), seed);
	fill_edgy(from.bytes, width, seed);
	fill_edgy(to.bytes, width, seed);
	data[at < 32 ? 63 : 0] = 0x80; /* never all zero: no packet is */
	memcpy(data + at, from.bytes, width);
	check = htons(naive(data, sizeof(data)));
	memcpy(data + at, to.bytes, width);
	if (width == 2)
		got = csum_replace16(check, (__be16)from.ip, (__be16)to.ip);
	else if (width == 4 && rand_r(seed) % 2)
		got = csum_replace32(check, from.ip, to.ip);
	else if (width == 4)
		got = csum_replace_addr(check, AF_INET, &from, &to);
	else
		got = csum_replace_addr(check, AF_INET6, &from, &to);
	cr_assert_eq(ntohs(got), naive(data, sizeof(data)), "%zu bytes at %zu: %04x, not %04x",
		     width, at, ntohs(got), naive(data, sizeof(data)));
}

Test(csum, replacing_is_summing_anew)
{
	unsigned int seed = 4;

	for (int round = 0; round < 20000; round++) {
		replace_once(2, &seed);
		replace_once(4, &seed);
		replace_once(16, &seed);
	}
}

Test(csum, the_example_of_rfc_1624)
{
	cr_assert_eq(csum_replace16(htons(0xdd2f), htons(0x5555), htons(0x3285)), htons(0x0000));
}

Test(csum, replacing_by_the_same_changes_nothing)
{
	unsigned int seed = 5;

	for (unsigned int check = 0; check < 0xffff; check++) {
		__be16 value = (__be16)(rand_r(&seed) >> 8);

		cr_assert_eq(csum_replace16((__be16)check, value, value), (__be16)check, "%04x",
			     check);
	}
}
