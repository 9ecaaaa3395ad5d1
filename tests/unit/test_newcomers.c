// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/newcomers.c: what the observer notes, the control thread takes, in this order or not at all.
 */
#include "tests/unit/pkt_build.h"

#include "lvs/newcomers.h"

#include <criterion/criterion.h>

static struct newcomers *all;

static void setup(void)
{
	all = newcomers_new();
	cr_assert(all);
}

static void teardown(void)
{
	newcomers_free(all);
}

TestSuite(newcomers, .init = setup, .fini = teardown);

static void note(unsigned int first, unsigned int len)
{
	for (unsigned int i = first; i < first + len; i++) {
		struct flow flow =
			build_flow(IPPROTO_TCP, "10.1.0.2", (uint16_t)i, "10.1.0.100", 80);

		newcomers_note(all, &flow);
	}
}

/* Those and no others, in this order. */
static void taken(unsigned int first, unsigned int len)
{
	struct flow flow;

	for (unsigned int i = first; i < first + len; i++) {
		cr_assert(newcomers_take(all, &flow), "%u", i);
		cr_assert_eq(ntohs(flow.sport), (uint16_t)i);
		cr_assert_eq(ntohs(flow.dport), 80);
	}
	cr_assert_not(newcomers_take(all, &flow));
}

Test(newcomers, in_the_order_in_which_they_came)
{
	taken(0, 0);
	note(1, 3);
	taken(1, 3);
	note(4, 2);
	taken(4, 2);
	cr_assert_not(newcomers_missed(all));
}

Test(newcomers, what_finds_no_room_is_missed)
{
	note(1, NEWCOMERS_MAX);
	cr_assert_not(newcomers_missed(all));
	note(NEWCOMERS_MAX + 1, 2);
	cr_assert(newcomers_missed(all));
	cr_assert_not(newcomers_missed(all), "once");
	newcomers_miss(all);
	cr_assert(newcomers_missed(all));
	taken(1, NEWCOMERS_MAX);
	note(7, 1);
	taken(7, 1);
	cr_assert_not(newcomers_missed(all));
}

Test(newcomers, many_times_around)
{
	for (unsigned int i = 0; i < 100; i++) {
		note(i, NEWCOMERS_MAX - 5);
		taken(i, NEWCOMERS_MAX - 5);
	}
	cr_assert_not(newcomers_missed(all));
}
