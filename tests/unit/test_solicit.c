// SPDX-License-Identifier: GPL-2.0-or-later
/* ctl/solicit.c: what is asked of neighbours, byte by byte, and which answers are believed. */
#include "ctl/solicit.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static const uint8_t mac[MAC_LEN] = {0x02, 0, 0, 0, 0xab, 0x01};

Test(solicit, arp_probe_has_no_sender)
{
	const uint8_t want[ARP_LEN] = {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0, 0,  0, 0xab, 0x01,
				       0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 10, 1, 0,    100};
	union addr addr = build_addr("10.1.0.100");
	uint8_t got[ARP_LEN];

	arp_probe_build(got, mac, &addr);
	cr_assert_arr_eq(got, want, sizeof(want));
}

Test(solicit, neighbour_solicitation)
{
	const uint8_t want[SOLICIT_LEN] = {
		135, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0, 0, 1, 0, 0, 0,    0,
		0,   0, 0, 0, 0, 0, 1, 0, 1,	1, 2, 0, 0, 0, 0xab, 1,
	};
	union addr addr = build_addr("fd00:1::100"), group = build_addr("ff02::1:ff00:100");
	uint8_t got[SOLICIT_LEN];

	nd_solicit_build(got, mac, &addr);
	cr_assert_arr_eq(got, want, sizeof(want));
	addr = nd_solicit_group(&addr);
	cr_assert(addr_equal(&addr, &group));
	addr = build_addr("fd00::12:3456");
	group = build_addr("ff02::1:ff12:3456");
	addr = nd_solicit_group(&addr);
	cr_assert(addr_equal(&addr, &group));
}

Test(solicit, arp_claims)
{
	const struct {
		const char *name;
		size_t at, len; /* byte @at becomes @value */
		uint8_t value;
		int ret;
	} rows[] = {
		{"a reply", 7, 28, 2, 0},
		{"a request says it too", 7, 28, 1, 0},
		{"padded to an Ethernet frame", 7, 46, 2, 0},
		{"cut", 7, 27, 2, -EPROTO},
		{"empty", 7, 0, 2, -EPROTO},
		{"reverse", 7, 28, 3, -EPROTO},
		{"another link", 1, 28, 6, -EPROTO},
		{"another protocol", 2, 28, 0x86, -EPROTO},
		{"long link address", 4, 28, 8, -EPROTO},
		{"long protocol address", 5, 28, 16, -EPROTO},
	};
	const uint8_t claim[46] = {0,  1, 8, 0,	 6, 4, 0, 2, 0x02, 0, 0, 0, 0xab, 0x01,
				   10, 1, 0, 11, 9, 9, 9, 9, 9,	   9, 0, 0, 0,	  0};
	union addr want = build_addr("10.1.0.11");

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t data[46], got[MAC_LEN] = {0};
		union addr addr = {.ip6 = {1, 1, 1, 1}};
		uint8_t *exact = malloc(rows[i].len ? rows[i].len : 1); /* finds a read beyond */

		memcpy(data, claim, sizeof(data));
		data[rows[i].at] = rows[i].value;
		memcpy(exact, data, rows[i].len);
		cr_assert_eq(arp_claim_parse(exact, rows[i].len, &addr, got), rows[i].ret, "%s",
			     rows[i].name);
		free(exact);
		if (rows[i].ret)
			cr_assert_eq(got[0] | (addr.ip6[0] != 1), 0, "%s: touched", rows[i].name);
		else
			cr_assert(addr_equal(&addr, &want) && !memcmp(got, mac, MAC_LEN), "%s",
				  rows[i].name);
	}
}

static size_t claim_build(uint8_t *out, const uint8_t *options, size_t len)
{
	union addr target = build_addr("fd00:1::11");

	memset(out, 0, 24);
	out[0] = 136;
	out[4] = 0x60;
	memcpy(out + 8, target.bytes, 16);
	if (len)
		memcpy(out + 24, options, len);
	return 24 + len;
}

Test(solicit, neighbour_advertisements)
{
#define TARGET 2, 1, 0x02, 0, 0, 0, 0xab, 0x01
	static const struct {
		const char *name;
		uint8_t options[40];
		size_t len;
		int ret;
	} rows[] = {
		{"its address", {TARGET}, 8, 0},
		{"after another option", {14, 2, [16] = TARGET}, 24, 0},
		{"none", {0}, 0, -EPROTO},
		{"only the source's", {1, 1, 2, 0, 0, 0, 0, 1}, 8, -EPROTO},
		{"cut", {TARGET}, 7, -EPROTO},
		{"an option without length", {14, 0, [8] = TARGET}, 16, -EPROTO},
		{"an option that reaches beyond", {14, 3, [8] = TARGET}, 16, -EPROTO},
		{"of another length", {2, 2, 2, 0, 0, 0, 0, 1}, 16, -EPROTO},
	};
	union addr want = build_addr("fd00:1::11");

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t data[64], got[MAC_LEN] = {0};
		union addr addr = {.ip6 = {0}};
		size_t len = claim_build(data, rows[i].options, rows[i].len);
		uint8_t *exact = malloc(len);

		memcpy(exact, data, len);
		cr_assert_eq(nd_claim_parse(exact, len, &addr, got), rows[i].ret, "%s",
			     rows[i].name);
		free(exact);
		if (!rows[i].ret)
			cr_assert(addr_equal(&addr, &want) && !memcmp(got, mac, MAC_LEN), "%s",
				  rows[i].name);
	}
}

Test(solicit, other_icmpv6_is_no_claim)
{
	const uint8_t target[] = {TARGET};
	uint8_t data[64], got[MAC_LEN];
	union addr addr;
	size_t len = claim_build(data, target, sizeof(target));

	cr_assert_eq(nd_claim_parse(data, len, &addr, got), 0);
	for (size_t cut = 0; cut < 24; cut++)
		cr_assert_eq(nd_claim_parse(data, cut, &addr, got), -EPROTO, "%zu bytes", cut);
	data[1] = 1;
	cr_assert_eq(nd_claim_parse(data, len, &addr, got), -EPROTO, "code");
	data[1] = 0;
	data[0] = 135;
	cr_assert_eq(nd_claim_parse(data, len, &addr, got), -EPROTO, "a solicitation");
}

Test(solicit, mac_as_text)
{
	char buf[MAC_STRLEN];

	cr_assert_str_eq(mac_format(buf, mac), "02:00:00:00:ab:01");
}
