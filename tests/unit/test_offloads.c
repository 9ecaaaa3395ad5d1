// SPDX-License-Identifier: GPL-2.0-or-later
/* What connections count in the flowtable: from when they join until the first packet is back. */
#include "daemon/offloads.h"
#include "lvs/rcu.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct offloads *offloads;
static struct volume sum;
static unsigned int calls;

static void begin(void)
{
	rcu_register_thread();
	offloads = offloads_new();
	cr_assert(offloads);
	sum = (struct volume){0};
	calls = 0;
}

static void end(void)
{
	offloads_free(offloads);
	rcu_unregister_thread();
}

TestSuite(offloads, .init = begin, .fini = end);

/* Of client port @port, with so many packets of 100 bytes from either side. */
static struct tracked entry(uint16_t port, uint64_t in, uint64_t out, bool offloaded)
{
	return (struct tracked){
		.flow = {.af = AF_INET, .protocol = IPPROTO_TCP, .sport = htons(port)},
		.mark = 0x20000,
		.offloaded = offloaded,
		.volume = {.packets = {in, out}, .bytes = {100 * in, 100 * out}}};
}

static void add(uint32_t mark, const struct volume *more, void *data)
{
	(void)data;
	cr_assert_eq(mark, 0x20000);
	for (int i = 0; i < 2; i++) {
		sum.packets[i] += more->packets[i];
		sum.bytes[i] += more->bytes[i];
	}
	calls++;
}

static void sum_is(uint64_t in, uint64_t out)
{
	offloads_collect(offloads, add, NULL);
	cr_assert_eq(sum.packets[0], in, "%llu", (unsigned long long)sum.packets[0]);
	cr_assert_eq(sum.packets[1], out, "%llu", (unsigned long long)sum.packets[1]);
	cr_assert_eq(sum.bytes[0], 100 * in);
	cr_assert_eq(sum.bytes[1], 100 * out);
}

static void join(uint16_t port, uint64_t in, uint64_t out, bool anew, uint64_t now)
{
	struct tracked tracked = entry(port, in, out, true);

	offloads_join(offloads, &tracked, anew, now);
}

static void look(uint16_t port, uint64_t in, uint64_t out, bool offloaded, uint64_t now)
{
	struct tracked tracked = entry(port, in, out, offloaded);

	offloads_read(offloads, &tracked, now);
}

static void leave(uint16_t port, uint64_t in, uint64_t out, bool reply)
{
	struct tracked tracked = entry(port, in, out, false);

	offloads_leave(offloads, &tracked, reply, 100, 0);
}

Test(offloads, the_packet_that_is_back_is_the_rules)
{
	join(1, 10, 7, true, 0);
	sum_is(0, 0);
	leave(1, 31, 17, false);
	sum_is(20, 10);
	cr_assert_eq(offloads_count(offloads), 0);
	leave(1, 40, 20, true); /* it is not there any more */
	sum_is(20, 10);
	join(1, 40, 20, true, 0);
	leave(1, 50, 31, true);
	sum_is(30, 20);
}

Test(offloads, what_was_read_in_between_counts_once)
{
	join(1, 10, 10, true, 0);
	look(1, 20, 15, true, 1000);
	sum_is(10, 5);
	sum_is(10, 5);
	look(1, 30, 15, true, 2000);
	leave(1, 36, 25, false);
	sum_is(25, 15);
}

/* Its first packet back was read before the copy of it came; and then it is not asked for twice. */
Test(offloads, a_copy_that_is_older_than_what_was_read)
{
	join(1, 10, 10, true, 0);
	look(1, 20, 10, true, 0);
	sum_is(10, 0);
	look(1, 23, 10, false, 1000); /* the rules have counted three of them */
	sum_is(10, 0);
	look(1, 24, 10, false, 2500);
	leave(1, 21, 10, false);
	sum_is(10, 0);
	cr_assert_eq(offloads_count(offloads), 0);
}

Test(offloads, one_that_left_silently_is_read_a_second_later)
{
	uint64_t idle;
	struct tracked tracked = entry(1, 25, 10, false);

	join(1, 10, 10, true, 0);
	cr_assert_eq(offloads_inside(offloads), 1);
	look(1, 25, 10, false, 1000);
	cr_assert_eq(offloads_inside(offloads), 0);
	cr_assert_eq(offloads_count(offloads), 1);
	sum_is(0, 0);
	look(1, 25, 10, false, 2000);
	sum_is(15, 0);
	cr_assert(offloads_idle(offloads, &tracked.flow, 7000, &idle));
	cr_assert_eq(idle, 5000);
	offloads_gone(offloads, &tracked.flow);
	cr_assert_not(offloads_idle(offloads, &tracked.flow, 7000, &idle));
}

Test(offloads, found_again_it_keeps_what_it_has)
{
	join(1, 10, 10, true, 0);
	join(1, 20, 20, false, 0);
	leave(1, 31, 30, false);
	sum_is(20, 20);
}

Test(offloads, one_that_left_silently_may_be_back)
{
	join(1, 10, 10, true, 0);
	look(1, 10, 10, false, 1000);
	cr_assert_eq(offloads_inside(offloads), 0);
	join(1, 12, 12, true, 1500);
	cr_assert_eq(offloads_inside(offloads), 1);
	look(1, 12, 12, false, 2000);
	look(1, 13, 12, true, 2500);
	cr_assert_eq(offloads_inside(offloads), 1);
	leave(1, 15, 12, false);
	sum_is(2, 0);
	cr_assert_eq(offloads_inside(offloads), 0);
	cr_assert_eq(offloads_count(offloads), 0);
}

Test(offloads, they_take_turns)
{
	struct flow flow;

	for (uint16_t port = 1; port <= 3; port++)
		join(port, 1, 1, true, 10 * port);
	cr_assert_not(offloads_next(offloads, 1009, 1000, &flow));
	cr_assert(offloads_next(offloads, 1015, 1000, &flow));
	cr_assert_eq(flow.sport, htons(1));
	cr_assert_not(offloads_next(offloads, 1015, 1000, &flow));
	cr_assert(offloads_next(offloads, 1015, 0, &flow));
	cr_assert_eq(flow.sport, htons(2));
	cr_assert(offloads_next(offloads, 2000, 0, &flow));
	cr_assert(offloads_next(offloads, 2000, 0, &flow));
	cr_assert_eq(flow.sport, htons(1));
}

static bool second(uint32_t mark, void *data)
{
	return mark == *(uint32_t *)data;
}

Test(offloads, selected_by_their_mark)
{
	struct tracked other = entry(2, 1, 1, true);
	uint32_t mark = 0x40000;
	struct flow *flows;
	size_t len;

	join(1, 1, 1, true, 0);
	other.mark = mark;
	offloads_join(offloads, &other, true, 0);
	cr_assert_eq(offloads_select(offloads, second, &mark, &flows, &len), 0);
	cr_assert_eq(len, 1);
	cr_assert_eq(flows[0].sport, htons(2));
	free(flows);
}
