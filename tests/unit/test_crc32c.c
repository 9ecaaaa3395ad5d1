// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/crc32c.c against published values, and against the definition taken literally, bit by bit. */
#include "lvs/crc32c.h"
#include "tests/unit/pkt_build.h"

#include <criterion/criterion.h>
#include <string.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOWHERE	   SIZE_MAX /* no field that counts as zero */

static void fill(uint8_t *data, size_t len, unsigned int *seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(rand_r(seed) >> 8);
}

static uint32_t whole(const void *data, size_t len)
{
	return ~crc32c_add(CRC32C_INIT, data, len);
}

/* RFC 3720, B.4, whose first byte is the least significant; and the usual check value. */
Test(crc32c, published_values)
{
	static const uint8_t command[48] = {0x01,	 0xc0,	      [16] = 0x14, [22] = 0x04,
					    [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};
	uint8_t data[32];

	cr_assert_eq(whole("123456789", 9), 0xe3069283);
	cr_assert_eq(whole("", 0), 0);
	memset(data, 0, sizeof(data));
	cr_assert_eq(whole(data, sizeof(data)), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	cr_assert_eq(whole(data, sizeof(data)), 0x62a8ab43);
	for (uint8_t i = 0; i < sizeof(data); i++)
		data[i] = i;
	cr_assert_eq(whole(data, sizeof(data)), 0x46dd794e);
	for (uint8_t i = 0; i < sizeof(data); i++)
		data[i] = 31 - i;
	cr_assert_eq(whole(data, sizeof(data)), 0x113fdb5c);
	cr_assert_eq(whole(command, sizeof(command)), 0xd9963a56);
}

Test(crc32c, of_any_length_and_alignment)
{
	uint8_t data[300];
	unsigned int seed = 1;

	for (size_t len = 0; len <= 290; len++)
		for (size_t at = 0; at < 8; at++) {
			fill(data, sizeof(data), &seed);
			cr_assert_eq(whole(data + at, len), crc_bits(data + at, len, NOWHERE),
				     "%zu at %zu", len, at);
		}
}

Test(crc32c, in_pieces)
{
	uint8_t data[1400];
	unsigned int seed = 2;

	for (int round = 0; round < 500; round++) {
		size_t len = (size_t)rand_r(&seed) % sizeof(data), cut = (size_t)rand_r(&seed);

		cut %= len + 1;
		fill(data, len, &seed);
		cr_assert_eq(crc32c_add(crc32c_add(CRC32C_INIT, data, cut), data + cut, len - cut),
			     crc32c_add(CRC32C_INIT, data, len), "%zu of %zu", cut, len);
	}
}

Test(crc32c, zeros_are_added_without_being_there)
{
	static const uint8_t zeros[65535];
	unsigned int seed = 3;

	for (unsigned int len = 0; len <= 65535; len += len < 300 ? 1 : 251) {
		uint32_t crc = (uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed);

		cr_assert_eq(crc32c_add_zeros(crc, (uint16_t)len), crc32c_add(crc, zeros, len),
			     "%u", len);
	}
	cr_assert_eq(crc32c_add_zeros(1, 65535), crc32c_add(1, zeros, 65535));
}
