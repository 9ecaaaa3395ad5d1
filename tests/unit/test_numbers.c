// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/numbers.c without a kernel, and the marks of lvs/verdict.h that numbers are told in. */
#include "daemon/numbers.h"
#include "lvs/verdict.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* director.mark_mask may be any of the highest bits without a gap, but not one alone; the tests of
 * marks take one that is not as high, too. */
static const uint32_t masks[] = {0xc0000000, 0xe0000000, 0xf0000000, 0xff000000,
				 0xffff0000, 0xffffffff, 0x0000ff00};

static uint32_t bits_of(uint32_t mask)
{
	return (uint32_t)__builtin_popcount(mask);
}

Test(marks, told_refuse_and_send_are_three_and_of_the_mask)
{
	for (size_t i = 0; i < LEN(masks); i++) {
		const uint32_t mask = masks[i];

		cr_assert_eq(bits_of(mark_told(mask)), 1, "%x", mask);
		cr_assert_eq((mark_told(mask) - 1) & mask, 0, "%x: the lowest", mask);
		cr_assert_eq(mark_told(mask) & ~mask, 0, "%x", mask);
		cr_assert_eq(mark_send(mask) | mark_told(mask), mark_refuse(mask), "%x", mask);
		cr_assert_eq(mark_send(mask) & mark_told(mask), 0, "%x", mask);
	}
	cr_assert_eq(mark_told(0xffff0000), 0x10000);
	cr_assert_eq(mark_send(0xffff0000), 0xfffe0000);
}

/* As many as the bits above the lowest allow, without "send"; no more, and not 0. */
Test(marks, of_a_number_and_back)
{
	for (size_t i = 0; i < LEN(masks); i++) {
		const uint32_t mask = masks[i];
		const uint32_t most = (uint32_t)((1ull << (bits_of(mask) - 1)) - 2);
		const uint32_t step = most > 70000 ? most / 70000 : 1;

		cr_assert_eq(mark_carried(mask, 0), 0);
		for (uint64_t number = 1; number <= most; number += step) {
			const uint32_t mark = mark_carried(mask, (uint32_t)number);

			cr_assert_neq(mark, 0, "%x %lu", mask, number);
			cr_assert_eq(mark & ~mask, 0, "%x %lu", mask, number);
			cr_assert_eq(mark & mark_told(mask), 0, "%x %lu", mask, number);
			cr_assert_neq(mark, mark_send(mask), "%x %lu", mask, number);
			cr_assert_eq(mark_number(mask, mark), number, "%x %lu", mask, number);
			/* told, and bits of somebody else's, are no part of it */
			cr_assert_eq(mark_number(mask, mark | mark_told(mask) | ~mask), number);
		}
		cr_assert_eq(mark_carried(mask, most + 1), 0, "%x: send", mask);
		cr_assert_eq(mark_carried(mask, most + 2), 0, "%x: too large", mask);
		cr_assert_eq(mark_carried(mask, most + 3), 0, "%x: too large", mask);
		cr_assert_eq(mark_number(mask, ~mask), 0, "%x", mask);
		cr_assert_eq(mark_number(mask, mark_told(mask)), 0, "%x", mask);
	}
	cr_assert_eq(mark_carried(0xffff0000, 1), 0x00020000);
	cr_assert_eq(mark_carried(0xffff0000, 0x7ffe), 0xfffc0000);
	cr_assert_eq(mark_carried(0xff000000, 5), 0x0a000000);
}

static struct dest dests[8]; /* all different, of one service */

static void setup(void)
{
	const struct service_spec web = build_service(IPPROTO_TCP, "10.1.0.100", 80);

	for (size_t i = 0; i < LEN(dests); i++) {
		dests[i] = (struct dest){.af = AF_INET,
					 .addr = build_addr("10.2.0.0"),
					 .port = htons((uint16_t)(8080 + i)),
					 .vs = web.key};
		dests[i].addr.bytes[3] = (uint8_t)(i + 1);
	}
}

TestSuite(numbers, .init = setup);

Test(numbers, are_given_once_each_from_one_on)
{
	struct numbers *numbers = numbers_new(0xffff0000);

	numbers_begin(numbers, NULL);
	for (uint32_t i = 0; i < LEN(dests); i++) {
		cr_assert(numbers_give(numbers, &dests[i]));
		cr_assert_eq(dests[i].number, i + 1);
		cr_assert(numbers_give(numbers, &dests[i]), "it has one");
		cr_assert_eq(dests[i].number, i + 1);
	}
	for (uint32_t i = 0; i < LEN(dests); i++) {
		const uint32_t mark = numbers_mark(numbers, dests[i].number);

		cr_assert_eq(mark, mark_carried(0xffff0000, i + 1));
		cr_assert_eq(numbers_dest(numbers, mark), &dests[i]);
		cr_assert_eq(numbers_dest(numbers, mark | mark_told(0xffff0000) | 7), &dests[i],
			     "as conntrack has it");
	}
	cr_assert_null(numbers_dest(numbers, 0));
	cr_assert_null(numbers_dest(numbers, mark_told(0xffff0000)));
	cr_assert_null(numbers_dest(numbers, mark_carried(0xffff0000, LEN(dests) + 1)));
	cr_assert_null(numbers_dest(numbers, mark_refuse(0xffff0000)));
	cr_assert_null(numbers_dest(numbers, mark_send(0xffff0000)));
	numbers_free(numbers);
}

Test(numbers, run_out)
{
	static const struct {
		uint32_t mask;
		unsigned int most;
	} rows[] = {{0xc0000000, 0}, {0xe0000000, 2}, {0xf0000000, 6}};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct numbers *numbers = numbers_new(rows[i].mask);

		numbers_begin(numbers, NULL);
		for (size_t j = 0; j < LEN(dests); j++) {
			dests[j].number = 0;
			cr_assert_eq(numbers_give(numbers, &dests[j]), j < rows[i].most, "%x: %zu",
				     rows[i].mask, j);
			cr_assert_eq(!!dests[j].number, j < rows[i].most);
			cr_assert_eq(!!numbers_mark(numbers, dests[j].number), j < rows[i].most,
				     "no mark is \"send\"");
		}
		numbers_free(numbers);
	}
}

Test(numbers, who_is_not_kept_frees_its_own)
{
	struct numbers *numbers = numbers_new(0xf0000000);

	numbers_begin(numbers, NULL);
	for (size_t i = 0; i < 6; i++)
		cr_assert(numbers_give(numbers, &dests[i]));
	cr_assert_not(numbers_give(numbers, &dests[6]));
	numbers_begin(numbers, NULL);
	for (size_t i = 0; i < 6; i++)
		if (i != 2)
			numbers_keep(numbers, &dests[i]);
	cr_assert_null(numbers_dest(numbers, mark_carried(0xf0000000, 3)));
	numbers_keep(numbers, &dests[6]); /* which has none */
	cr_assert_null(numbers_dest(numbers, mark_carried(0xf0000000, 3)));
	cr_assert(numbers_give(numbers, &dests[6]));
	cr_assert_eq(dests[6].number, 3, "the only one that is free");
	cr_assert_eq(numbers_dest(numbers, mark_carried(0xf0000000, 3)), &dests[6]);
	for (size_t i = 0; i < 6; i++)
		if (i != 2)
			cr_assert_eq(
				numbers_dest(numbers, mark_carried(0xf0000000, (uint32_t)i + 1)),
				&dests[i]);
	cr_assert_not(numbers_give(numbers, &dests[7]));
	numbers_free(numbers);
}

/* Those that were never given come before it, and those that became free before. */
Test(numbers, one_that_became_free_comes_again_last)
{
	struct numbers *numbers = numbers_new(0xf0000000);
	static const uint32_t expected[] = {5, 6, 2};

	numbers_begin(numbers, NULL);
	for (size_t i = 0; i < 4; i++)
		cr_assert(numbers_give(numbers, &dests[i]));
	for (size_t round = 0; round < LEN(expected); round++) {
		numbers_begin(numbers, NULL);
		numbers_keep(numbers, &dests[0]);
		numbers_keep(numbers, &dests[2]);
		numbers_keep(numbers, &dests[3]);
		/* the second comes and goes, and has another one each time */
		dests[1].number = 0;
		cr_assert(numbers_give(numbers, &dests[1]));
		cr_assert_eq(dests[1].number, expected[round], "round %zu: %u", round,
			     dests[1].number);
	}
	numbers_free(numbers);
}

Test(numbers, labels_say_whose_they_are)
{
	struct numbers *numbers = numbers_new(0xffff0000);
	struct dest v6 = {.af = AF_INET6,
			  .addr = build_addr("fd00::11"),
			  .port = htons(53),
			  .vs = build_service(IPPROTO_UDP, "fd00::1", 53).key};
	struct dest marked = dests[1];
	char label[NUMBER_LABEL_MAX];

	marked.vs = build_fwmark(7).key;
	numbers_begin(numbers, NULL);
	cr_assert(numbers_give(numbers, &dests[0]));
	cr_assert(numbers_give(numbers, &v6));
	cr_assert(numbers_give(numbers, &marked));
	cr_assert_str_eq(numbers_label(numbers, 1), "tcp 10.1.0.100:80 > 10.2.0.1:8080");
	cr_assert_str_eq(numbers_label(numbers, 2), "udp [fd00::1]:53 > [fd00::11]:53");
	cr_assert_str_eq(numbers_label(numbers, 3), "fwmark 7 > 10.2.0.2:8081");
	number_label(label, &v6.vs, v6.af, &v6.addr, v6.port);
	cr_assert_str_eq(label, numbers_label(numbers, 2));
	/* A number that another one gets has its label. */
	numbers_begin(numbers, NULL);
	numbers_keep(numbers, &v6);
	cr_assert_str_eq(numbers_label(numbers, 2), "udp [fd00::1]:53 > [fd00::11]:53");
	numbers_free(numbers);
	numbers = numbers_new(0xe0000000);
	dests[0].number = v6.number = 0;
	cr_assert(numbers_give(numbers, &dests[0]));
	cr_assert(numbers_give(numbers, &v6));
	numbers_begin(numbers, NULL);
	numbers_keep(numbers, &v6);
	cr_assert(numbers_give(numbers, &dests[2]));
	cr_assert_str_eq(numbers_label(numbers, 1), "tcp 10.1.0.100:80 > 10.2.0.3:8082");
	numbers_free(numbers);
}

/* The longest that there can be fits. */
Test(numbers, the_longest_label_fits)
{
	const char *longest = "fd00:1111:2222:3333:4444:5555:6666:7777";
	const struct service_spec spec = build_service(IPPROTO_SCTP, longest, 65535);
	const union addr addr = build_addr(longest);
	char label[NUMBER_LABEL_MAX], expected[200];

	number_label(label, &spec.key, AF_INET6, &addr, htons(65535));
	snprintf(expected, sizeof(expected), "sctp [%s]:65535 > [%s]:65535", longest, longest);
	cr_assert_str_eq(label, expected);
}
