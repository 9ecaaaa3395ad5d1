// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/fragment.c: fragments of every size make the packet again, and each is one that a receiver
 * takes. */
#include "lvs/fragment.h"
#include "tests/unit/pkt_build.h"

#include <criterion/criterion.h>
#include <errno.h>

#define C4 "10.1.0.2"
#define V4 "10.1.0.100"
#define C6 "fd00:1::2"
#define V6 "fd00:1::100"

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

static uint8_t packet[BUILD_MAX], again[BUILD_MAX];

/* The packet in two parts, cut after @first bytes. */
static int start(struct fragments *f, struct iovec parts[2], size_t first, size_t len, uint32_t mtu)
{
	parts[0] = (struct iovec){packet, first};
	parts[1] = (struct iovec){packet + first, len - first};
	return fragment_start(f, parts, 2, mtu, 0x1234567);
}

/* An IPv4 fragment: checked, and its payload put where it belongs. Returns the end of that. */
static size_t receive4(const uint8_t *got, size_t len, size_t expected_at, bool last, uint32_t mtu)
{
	size_t head = (got[0] & 15u) * 4, offset = (get_be16(got + 6) & 0x1fff) * 8u;

	cr_assert(get_be16(got + 2) == len, "mtu %u: length", mtu);
	cr_assert(sum_words(0, got, head) == 0xffff, "mtu %u: checksum", mtu);
	cr_assert(offset == expected_at, "mtu %u: offset %zu", mtu, offset);
	cr_assert(get_be16(got + 6) >> 13 == !last, "mtu %u: flags", mtu);
	cr_assert(get_be16(got + 4) == 0xbeef && got[8] == 64 && got[9] == packet[9]);
	cr_assert(!memcmp(got + 12, packet + 12, 8));
	memcpy(again + head + offset, got + head, len - head);
	return offset + len - head;
}

/* The same for IPv6, whose fragment header is at @head. */
static size_t receive6(const uint8_t *got, size_t len, size_t head, size_t expected_at, bool last,
		       uint32_t mtu)
{
	const uint8_t *fragment = got + head;
	size_t offset = get_be16(fragment + 2) & 0xfff8;

	cr_assert(get_be16(got + 4) + 40u == len, "mtu %u: length", mtu);
	cr_assert(offset == expected_at, "mtu %u: offset %zu", mtu, offset);
	cr_assert((get_be16(fragment + 2) & 7) == !last, "mtu %u: flags", mtu);
	cr_assert(fragment[1] == 0 && get_be16(fragment + 4) == 0x123 &&
		  get_be16(fragment + 6) == 0x4567);
	memcpy(again + head + offset, fragment + 8, len - head - 8);
	return offset + len - head - 8;
}

/* @head: bytes that every fragment repeats. */
static void cut_and_join(size_t len, size_t head, size_t first, uint32_t mtu)
{
	bool v6 = packet[0] >> 4 == 6;
	struct iovec parts[2];
	size_t at = 0, size, count = 0;
	struct fragments f;

	cr_assert(start(&f, parts, first, len, mtu) == 0, "mtu %u", mtu);
	memset(again, 0, len);
	for (;;) {
		uint8_t *buf = malloc(mtu); /* AddressSanitizer sees what is written behind */
		bool last;

		size = fragment_next(&f, buf);
		if (!size) {
			free(buf);
			break;
		}
		count++;
		cr_assert(size <= mtu, "mtu %u: %zu bytes", mtu, size);
		last = head + at + (size - head - (v6 ? 8 : 0)) == len;
		cr_assert(last || size + 8 > mtu, "mtu %u: %zu bytes are too few", mtu, size);
		at = v6 ? receive6(buf, size, head, at, last, mtu)
			: receive4(buf, size, at, last, mtu);
		free(buf);
	}
	cr_assert(count > 1 && head + at == len, "mtu %u: %zu bytes in %zu", mtu, at, count);
	cr_assert(!memcmp(again + head, packet + head, len - head), "mtu %u: payload", mtu);
}

Test(fragment, join_to_the_packet)
{
	static const struct build rows[] = {
		{.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .payload = 3972},
		{.protocol = IPPROTO_TCP, FROM_TO(C4, 1, V4, 2), .ip_options = 9, .payload = 3931},
		{.protocol = IPPROTO_UDP, FROM_TO(C6, 1, V6, 2), .payload = 3957},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		size_t len = build_packet(packet, &rows[i]);
		size_t head = packet_layout(packet).l4;

		for (uint32_t mtu = 68; mtu <= 1500; mtu++)
			cut_and_join(len, head, mtu % 3 ? (mtu * 7) % len : 0, mtu);
	}
}

/* As a tunnel makes them: the header block apart, ending in the middle of what is cut. */
Test(fragment, largest_packets)
{
	static const struct build rows[] = {
		{.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .payload = 65535 - 28},
		{.protocol = IPPROTO_UDP, FROM_TO(C6, 1, V6, 2), .payload = 65535 - 48},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		size_t len = build_packet(packet, &rows[i]), head = packet_layout(packet).l4;

		cut_and_join(len, head, 60, 1500);
		cut_and_join(len, head, 60, 1280);
		cut_and_join(len, head, 60, 65534);
	}
}

/* The fragment header goes behind what routers read, and before destination options that only the
 * receiver reads. */
Test(fragment, behind_extension_headers)
{
	static const struct {
		struct build packet;
		size_t head;
	} rows[] = {
		{{.protocol = IPPROTO_UDP,
		  FROM_TO(C6, 1, V6, 2),
		  .ext = {IPPROTO_DSTOPTS},
		  .ext_len = 1,
		  .payload = 1000},
		 40},
		{{.protocol = IPPROTO_UDP,
		  FROM_TO(C6, 1, V6, 2),
		  .ext = {IPPROTO_HOPOPTS},
		  .ext_len = 1,
		  .payload = 1000},
		 48},
		{{.protocol = IPPROTO_UDP,
		  FROM_TO(C6, 1, V6, 2),
		  .ext = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS},
		  .ext_len = 4,
		  .payload = 1000},
		 40 + 8 + 16 + 8},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		size_t len = build_packet(packet, &rows[i].packet);
		struct iovec parts[2];
		struct fragments f;
		uint8_t buf[200];

		cut_and_join(len, rows[i].head, 41, 200);
		cr_assert(start(&f, parts, 0, len, 200) == 0);
		cr_assert(fragment_next(&f, buf) > 0);
		if (rows[i].head == 40) {
			cr_expect(buf[6] == IPPROTO_FRAGMENT && buf[40] == packet[6]);
			continue;
		}
		cr_expect(buf[6] == packet[6], "row %zu", i);
		cr_expect(buf[rows[i].head - 8] == IPPROTO_FRAGMENT, "row %zu", i);
		cr_expect(buf[rows[i].head] == packet[rows[i].head - 8], "row %zu", i);
	}
}

/* RFC 791: an option is in all fragments if its highest bit is set, else in the first. */
Test(fragment, copies_options_that_say_so)
{
	static const uint8_t options[12] = {0x83, 3,   4,    /* source route: copied */
					    0x07, 3,   4,    /* record route: not */
					    0x94, 4,   0, 0, /* router alert: copied */
					    0x01, 0x00};
	static const uint8_t later[12] = {0x83, 3, 4, 1, 1, 1, 0x94, 4, 0, 0, 1, 0};
	struct build b = {
		.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .ip_options = 3, .payload = 200};
	size_t len = build_packet(packet, &b);
	struct iovec parts[2];
	struct fragments f;
	uint8_t buf[104];

	memcpy(packet + 20, options, sizeof(options));
	cr_assert(start(&f, parts, 0, len, sizeof(buf)) == 0);
	cr_assert(fragment_next(&f, buf) == 104);
	cr_expect_arr_eq(buf + 20, options, sizeof(options));
	cr_assert(fragment_next(&f, buf) == 104);
	cr_expect_arr_eq(buf + 20, later, sizeof(later));
	cr_expect(sum_words(0, buf, 32) == 0xffff);
	cr_assert(fragment_next(&f, buf) == 32 + 208 - 144);
	cr_expect(fragment_next(&f, buf) == 0);
	cr_expect(fragment_next(&f, buf) == 0);
}

Test(fragment, of_a_fragment)
{
	struct build b = {.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .payload = 92};
	size_t len = build_packet(packet, &b);
	struct iovec parts[2];
	struct fragments f;
	uint8_t buf[68];

	put_be16(packet + 6, 0x2000 | 100); /* more to come, at 800 */
	cr_assert(start(&f, parts, 0, len, sizeof(buf)) == 0);
	cr_assert(fragment_next(&f, buf) == 68);
	cr_expect(get_be16(buf + 6) == (0x2000 | 100));
	cr_assert(fragment_next(&f, buf) == 68);
	cr_expect(get_be16(buf + 6) == (0x2000 | 106));
	cr_assert(fragment_next(&f, buf) == 24);
	cr_expect(get_be16(buf + 6) == (0x2000 | 112), "more of the first one");
}

Test(fragment, whole_if_it_fits)
{
	static const char *const clients[] = {C4, C6}, *const servers[] = {V4, V6};

	for (size_t i = 0; i < LEN(clients); i++) {
		struct build b = {.protocol = IPPROTO_UDP,
				  FROM_TO(clients[i], 1, servers[i], 2),
				  .payload = 100};
		size_t len = build_packet(packet, &b);
		struct iovec parts[2];
		struct fragments f;
		uint8_t buf[200];

		cr_assert(start(&f, parts, 20, len, (uint32_t)len) == 0);
		cr_assert(fragment_next(&f, buf) == len);
		cr_expect_arr_eq(buf, packet, len);
		cr_expect(fragment_next(&f, buf) == 0);
	}
}

Test(fragment, identification)
{
	struct build b = {.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .payload = 100};
	size_t len = build_packet(packet, &b);
	struct iovec parts[2];
	struct fragments f;
	uint8_t buf[68];

	put_be16(packet + 4, 0);
	cr_assert(start(&f, parts, 0, len, sizeof(buf)) == 0);
	while (fragment_next(&f, buf))
		cr_expect(get_be16(buf + 4) == 0x4567, "the low half of what the caller says");
}

Test(fragment, refuses)
{
	struct build b4 = {
		.protocol = IPPROTO_UDP, FROM_TO(C4, 1, V4, 2), .ip_options = 2, .payload = 100};
	struct build b6 = {.protocol = IPPROTO_UDP,
			   FROM_TO(C6, 1, V6, 2),
			   .ext = {IPPROTO_HOPOPTS},
			   .ext_len = 1,
			   .payload = 100};
	struct iovec parts[2];
	struct fragments f;
	size_t len = build_packet(packet, &b4);

	cr_expect(start(&f, parts, 0, len, 35) == -EMSGSIZE);
	cr_expect(start(&f, parts, 0, len, 36) == 0);
	cr_expect(start(&f, parts, 0, 0, 1500) == -EINVAL, "nothing");
	cr_expect(start(&f, parts, 0, 19, 1500) == -EINVAL, "cut header");
	cr_expect(start(&f, parts, 10, 27, 1500) == -EINVAL, "cut options");
	packet[0] = 0x44;
	cr_expect(start(&f, parts, 0, len, 1500) == -EINVAL, "short header");
	packet[0] = 0x58;
	cr_expect(start(&f, parts, 0, len, 1500) == -EINVAL, "version");
	len = build_packet(packet, &b6);
	cr_expect(start(&f, parts, 0, len, 63) == -EMSGSIZE);
	cr_expect(start(&f, parts, 0, len, 64) == 0);
	cr_expect(start(&f, parts, 0, 39, 1500) == -EINVAL, "cut header");
	cr_expect(start(&f, parts, 0, 41, 1500) == -EINVAL, "cut extension header");
	cr_expect(start(&f, parts, 0, 47, 1500) == -EINVAL, "cut extension header");
}

Test(fragment, ids_differ_and_none_is_zero_for_ipv4)
{
	static bool seen[1 << 17];
	_Atomic uint32_t last = UINT32_MAX - 70000; /* over the end, and over lower halves of 0 */

	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t id = fragment_id(&last);

		cr_assert(id & UINT16_MAX);
		cr_assert(!seen[id & 0x1ffff], "%u comes again", id);
		seen[id & 0x1ffff] = true;
	}
}
