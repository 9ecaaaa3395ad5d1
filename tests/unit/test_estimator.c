// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/estimator.c: IPVS's rates to the last digit, and whose turn it is. What is expected was made
 * with the arithmetic of ip_vs_est.c (Linux 6.1), outside of this program. */
#include "lvs/estimator.h"

#include <criterion/criterion.h>

static struct estimator estimator;
static struct traffic traffic;

static void setup(void)
{
	estimator_init(&estimator);
	traffic_init(&traffic);
	estimator_add(&estimator, &traffic, 3);
}

TestSuite(estimator, .init = setup);

/* Two seconds pass. */
static void estimate(void)
{
	for (unsigned int i = 0; i < ESTIMATOR_TURNS; i++)
		estimator_run(&estimator);
}

static void pass(uint64_t n)
{
	atomic_fetch_add(&traffic.conns, n);
	atomic_fetch_add(&traffic.in_pkts, n);
	atomic_fetch_add(&traffic.out_pkts, n);
	atomic_fetch_add(&traffic.in_bytes, n);
	atomic_fetch_add(&traffic.out_bytes, n);
}

/* So much in each 2 s, and what is shown after them. */
struct row {
	const char *name;
	unsigned int len;
	uint64_t passed[18], packets[18], bytes[18];
};

static const struct row rows[] = {
	{"steady, then silent",
	 18,
	 {100, 100, 100, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	 {12, 22, 29, 34, 38, 41, 43, 45, 34, 25, 19, 14, 11, 8, 6, 5, 3, 3},
	 {12, 22, 29, 34, 38, 41, 43, 45, 34, 25, 19, 14, 11, 8, 6, 4, 3, 2}},
	{"a single one", 6, {1, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}},
	{"now and then",
	 8,
	 {3, 7, 0, 0, 1, 0, 0, 0},
	 {0, 1, 1, 1, 1, 0, 0, 0},
	 {0, 1, 1, 1, 1, 0, 0, 0}},
	{"a burst",
	 5,
	 {1000000, 0, 5, 0, 0},
	 {125000, 93750, 70313, 52735, 39551},
	 {125000, 93750, 70313, 52735, 39551}},
	{"less and less",
	 18,
	 {9, 9, 9, 9, 9, 9, 5, 5, 5, 5, 1, 1, 1, 1, 1, 1, 1, 1},
	 {1, 2, 3, 3, 3, 4, 3, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1},
	 {1, 2, 3, 3, 3, 4, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1}},
	{"beyond 32 bits",
	 5,
	 {17592186044416, 17592186044416, 17592186044416, 0, 0},
	 {2199023255552, 3848290697216, 5085241278464, 3813930958848, 2860448219136},
	 {2199023255552, 3848290697216, 5085241278464, 3813930958848, 2860448219136}},
};

Test(estimator, rates_are_those_of_ipvs)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		traffic_zero(&traffic);
		for (unsigned int n = 0; n < rows[i].len; n++) {
			struct counters rates;

			pass(rows[i].passed[n]);
			estimate();
			rates = traffic_rates(&traffic);
			cr_assert_eq(rates.conns, rows[i].packets[n], "%s, %u: %lu conns/s",
				     rows[i].name, n, (unsigned long)rates.conns);
			cr_assert_eq(rates.in_pkts, rows[i].packets[n], "%s, %u", rows[i].name, n);
			cr_assert_eq(rates.out_pkts, rows[i].packets[n], "%s, %u", rows[i].name, n);
			cr_assert_eq(rates.in_bytes, rows[i].bytes[n], "%s, %u: %lu bytes/s",
				     rows[i].name, n, (unsigned long)rates.in_bytes);
			cr_assert_eq(rates.out_bytes, rows[i].bytes[n], "%s, %u", rows[i].name, n);
		}
	}
}

/* Each number goes to its own rate. */
Test(estimator, numbers_are_not_mixed_up)
{
	struct counters rates, counters;

	for (int i = 0; i < 60; i++) {
		atomic_fetch_add(&traffic.conns, 2000);
		atomic_fetch_add(&traffic.in_pkts, 4000);
		atomic_fetch_add(&traffic.out_pkts, 6000);
		atomic_fetch_add(&traffic.in_bytes, 8000);
		atomic_fetch_add(&traffic.out_bytes, 10000);
		estimate();
	}
	rates = traffic_rates(&traffic);
	cr_assert_eq(rates.conns, 1000);
	cr_assert_eq(rates.in_pkts, 2000);
	cr_assert_eq(rates.out_pkts, 3000);
	cr_assert_eq(rates.in_bytes, 4000);
	cr_assert_eq(rates.out_bytes, 5000);
	counters = traffic_counters(&traffic);
	cr_assert_eq(counters.conns, 120000);
	cr_assert_eq(counters.in_pkts, 240000);
	cr_assert_eq(counters.out_pkts, 360000);
	cr_assert_eq(counters.in_bytes, 480000);
	cr_assert_eq(counters.out_bytes, 600000);
}

/* "-Z": what passed before is in no later rate. */
Test(estimator, zero_is_a_new_beginning)
{
	pass(1000000);
	estimate();
	pass(77);
	traffic_zero(&traffic);
	cr_assert_eq(traffic_rates(&traffic).conns, 0);
	cr_assert_eq(traffic_rates(&traffic).out_bytes, 0);
	cr_assert_eq(traffic_counters(&traffic).in_bytes, 0);
	estimate();
	cr_assert_eq(traffic_rates(&traffic).in_bytes, 0, "something is left of before");
	pass(100);
	estimate();
	cr_assert_eq(traffic_counters(&traffic).conns, 100);
	cr_assert_eq(traffic_rates(&traffic).conns, 12);
}

Test(estimator, each_has_one_turn_in_two_seconds)
{
	struct traffic others[50];

	for (unsigned int i = 0; i < 50; i++) {
		traffic_init(&others[i]);
		estimator_add(&estimator, &others[i], i);
	}
	for (unsigned int turn = 0; turn < 2 * ESTIMATOR_TURNS; turn++) {
		for (unsigned int i = 0; i < 50; i++)
			atomic_fetch_add(&others[i].conns, 1);
		estimator_run(&estimator);
		for (unsigned int i = 0; i < 50; i++) {
			unsigned int due = i % ESTIMATOR_TURNS;

			cr_assert_eq(others[i].last.conns,
				     turn < due ? 0 : turn - (turn - due) % ESTIMATOR_TURNS + 1,
				     "turn %u, member %u", turn, i);
		}
	}
	for (unsigned int i = 0; i < 50; i += 2)
		estimator_del(&others[i]);
	for (unsigned int i = 0; i < 50; i++)
		atomic_store(&others[i].conns, 1000);
	pass(1);
	estimate();
	for (unsigned int i = 0; i < 50; i++)
		cr_assert_eq(others[i].last.conns == 1000, i % 2, "member %u", i);
	cr_assert_eq(traffic.last.conns, 1, "the others' going took it along");
}
