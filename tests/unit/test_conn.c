// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/conn.c: found both ways, counted, expired in time, templates kept by what they control. */
#include "lvs/conn.h"
#include "lvs/persistence.h"
#include "tests/unit/lvs_build.h"

#include <limits.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct conns *conns;
static struct dest *dest;

static void setup(void)
{
	struct dest_spec spec = build_dest("10.2.0.1", 8080, 1);
	struct service_key key = {.af = AF_INET};

	rcu_register_thread();
	conns = conns_new(1, 0);
	dest = dest_new(&spec, &key);
}

static void teardown(void)
{
	conns_free(conns);
	cr_assert_eq(dest_total(dest), 0);
	cr_assert_eq(dest->refs, 1, "references lost");
	dest_put(dest);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(conn, .init = setup, .fini = teardown);

static struct conn *add(const struct flow *flow, uint64_t now)
{
	struct conn *conn = NULL;

	conn_add(conns, flow, dest, htons(8080), 0, 0, NULL, now, &conn);
	return conn;
}

/* Runs the clock from 0 to @now. */
static void run_until(uint64_t now)
{
	while (conns_expire(conns, now, 7))
		;
}

/* A client that asks several virtual addresses of one server from one port. */
Test(conn, of_those_with_the_same_replies_the_newest_gets_them)
{
	struct flow reply = build_flow(IPPROTO_TCP, "10.2.0.1", 8080, "10.1.0.2", 4000);
	struct conn *conn[3];

	for (int i = 0; i < 3; i++) {
		const char *virtual[] = {"10.1.0.100", "10.1.0.101", "10.1.0.102"};
		struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, virtual[i], 80);

		conn[i] = add(&flow, 0);
		cr_assert_eq(conn_find(conns, &reply, PKT_OUT), conn[i], "%d", i);
		cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn[i], "%d", i);
	}
	/* Without it, it is the newest of the others. */
	rcu_read_lock();
	conn_expire(conns, conn[1]);
	cr_assert_eq(conn_find(conns, &reply, PKT_OUT), conn[2]);
	conn_expire(conns, conn[2]);
	cr_assert_eq(conn_find(conns, &reply, PKT_OUT), conn[0]);
	conn_expire(conns, conn[0]);
	cr_assert_null(conn_find(conns, &reply, PKT_OUT));
	rcu_read_unlock();
}

Test(conn, found_by_requests_and_by_replies)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct flow reply = build_flow(IPPROTO_TCP, "10.2.0.1", 8080, "10.1.0.2", 4000);
	struct conn *conn;

	cr_assert_null(conn_find(conns, &flow, PKT_IN));
	conn = add(&flow, 0);
	cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn);
	cr_assert_eq(conn_find(conns, &reply, PKT_OUT), conn);
	cr_assert_null(conn_find(conns, &flow, PKT_OUT));
	cr_assert_null(conn_find(conns, &reply, PKT_IN));
	cr_assert_eq(add(&flow, 0), conn, "the same flow twice");
	cr_assert_eq(dest_inactive(dest), 1);
	cr_assert_eq(conns_count(conns), 1);
	flow.protocol = IPPROTO_UDP;
	cr_assert_null(conn_find(conns, &flow, PKT_IN), "protocol is part of the key");
}

Test(conn, expires_when_idle_and_not_before)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct conn *conn = add(&flow, 0);

	conn_lock(conn);
	conn_set_timeout(conns, conn, 60000, 0);
	conn_unlock(conn);
	for (uint64_t now = 0; now < 200000; now += 20000) {
		run_until(now);
		cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn, "gone at %lu",
			     (unsigned long)now);
		conn_touch(conn, now);
	}
	run_until(239000);
	cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn);
	run_until(241000);
	cr_assert_null(conn_find(conns, &flow, PKT_IN));
	cr_assert_eq(conns_count(conns), 0);
}

Test(conn, a_shorter_timeout_counts_at_once)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct conn *conn = add(&flow, 0);

	conn_lock(conn);
	conn_set_timeout(conns, conn, 900000, 0);
	conn_set_timeout(conns, conn, 10000, 1000);
	conn_unlock(conn);
	run_until(10900);
	cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn);
	run_until(11400);
	cr_assert_null(conn_find(conns, &flow, PKT_IN));
}

Test(conn, a_template_stays_while_it_controls)
{
	struct template_key key = {
		.flow = build_flow(IPPROTO_TCP, "10.1.0.0", 0, "10.1.0.100", 80)};
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct conn *template, *conn;

	conn_add_template(conns, &key, dest, 0, 0, &template);
	conn_lock(template);
	conn_set_timeout(conns, template, 10000, 0);
	conn_unlock(template);
	conn_add(conns, &flow, dest, htons(8080), 0, 0, template, 0, &conn);
	conn_lock(conn);
	conn_set_timeout(conns, conn, 100000, 0);
	conn_unlock(conn);
	cr_assert_eq(conn_find_template(conns, &key), template);
	cr_assert_null(conn_find(conns, &key.flow, PKT_IN), "a template carries no packets");
	cr_assert_eq(dest->persistent, 1);
	cr_assert_eq(dest_total(dest), 1);
	for (uint64_t now = 0; now < 99000; now += 1000)
		run_until(now);
	cr_assert_eq(conn_find_template(conns, &key), template);
	cr_assert_eq(template->timeout, 60000, "re-armed for 60 s, as IPVS does");
	for (uint64_t now = 99000; now < 200000; now += 1000)
		run_until(now);
	cr_assert_null(conn_find_template(conns, &key));
	cr_assert_eq(dest->persistent, 0);
}

Test(conn, an_invalid_template_is_not_found_but_still_counts)
{
	struct template_key key = {
		.flow = build_flow(IPPROTO_TCP, "10.1.0.0", 0, "10.1.0.100", 80)};
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct conn *template, *again, *conn;

	conn_add_template(conns, &key, dest, 0, 0, &template);
	conn_add(conns, &flow, dest, htons(8080), 0, 0, template, 0, &conn);
	conn_invalidate(conns, template);
	conn_invalidate(conns, template);
	cr_assert_null(conn_find_template(conns, &key));
	conn_add_template(conns, &key, dest, 0, 0, &again);
	cr_assert_neq(again, template);
	cr_assert_eq(dest->persistent, 2);
	for (uint64_t now = 0; now < 200000; now += 1000)
		run_until(now);
	cr_assert_eq(dest->persistent, 0);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	cr_assert(file && fscanf(file, "%*u %lu", &pages) == 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Connection @i of many of family @af. */
static struct conn *add_many(uint8_t af, uint32_t i)
{
	struct flow flow = {.af = af, .protocol = IPPROTO_UDP, .sport = 9, .dport = 53};

	flow.daddr.ip6[0] = htonl(0x0a010064);
	flow.saddr.ip6[af == AF_INET6 ? 3 : 0] = htonl(0x0b000000 + i);
	return add(&flow, 0);
}

/* Lets the hashes get their size, for which a thread of its own takes its time. */
static void settle(void)
{
	const struct timespec moment = {.tv_nsec = 5000000};

	for (int i = 0; i < 30; i++) {
		conns_expire(conns, 0, 0);
		nanosleep(&moment, NULL);
	}
	rcu_barrier();
}

/* 192 bytes, hashes and all. AddressSanitizer keeps a byte for each eight, and more. */
#ifdef __SANITIZE_ADDRESS__
#define BYTES_MAX 240
#else
#define BYTES_MAX 192
#endif

static void takes_at_most(uint8_t af)
{
	enum {
		N = 100000
	};
	size_t before = resident(), bytes;

	for (uint32_t i = 0; i < N; i++) {
		cr_assert(add_many(af, i));
		if (i % 8192 == 0)
			conns_expire(conns, 0, 0);
	}
	settle();
	bytes = (resident() - before) / N;
	cr_assert_leq(bytes, BYTES_MAX, "a connection takes %zu bytes", bytes);
	cr_assert_geq(bytes, offsetof(struct conn, addrs), "it was not measured");
	run_until(4000);
	settle();
	bytes = resident() - before;
	cr_assert_lt(bytes, N * BYTES_MAX / 2, "%zu bytes were not given back", bytes);
}

Test(conn, takes_at_most_192_bytes)
{
	takes_at_most(AF_INET);
}

Test(conn, of_ipv6_takes_at_most_192_bytes)
{
	dest->af = AF_INET6;
	dest->addr = build_addr("fd00:2::1");
	takes_at_most(AF_INET6);
}

/* However many are due, each slice is short: what the control thread does between is not put off,
 * and nothing is locked for long. The bound is a hundred times what it takes. */
Test(conn, many_expire_in_short_slices)
{
	enum {
		N = 200000,
		SLICE = 2048
	};
	uint64_t begin, spent, longest = 0;
	unsigned int slices = 0;
	bool more = true;

	for (uint32_t i = 0; i < N; i++)
		add_many(AF_INET, i);
	cr_assert_eq(conns_count(conns), N);
	while (more) {
		uint64_t before = conns_count(conns);

		begin = cpu_ns();
		more = conns_expire(conns, 4000, SLICE);
		spent = cpu_ns() - begin;
		longest = spent > longest ? spent : longest;
		cr_assert_leq(before - conns_count(conns), SLICE);
		slices++;
	}
	cr_assert_eq(conns_count(conns), 0);
	cr_assert_geq(slices, N / SLICE);
	cr_assert_lt(longest, 200000000, "a slice took %.1f ms", (double)longest / 1e6);
}

/* What the hashes hold is found before, while and after they are resized, either way. */
Test(conn, is_found_while_the_table_grows_and_shrinks)
{
	enum {
		N = 30000
	};
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct flow reply = build_flow(IPPROTO_TCP, "10.2.0.1", 8080, "10.1.0.2", 4000);
	struct conn *conn = add(&flow, 0);

	conn_lock(conn);
	conn_set_timeout(conns, conn, 900000, 0);
	conn_unlock(conn);
	for (uint32_t i = 0; i < N; i++) {
		add_many(AF_INET, i);
		if (i % 512 == 0)
			conns_expire(conns, 0, 0);
		cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn);
		cr_assert_eq(conn_find(conns, &reply, PKT_OUT), conn);
	}
	settle();
	run_until(4000);
	for (int i = 0; i < 3; i++) {
		settle();
		cr_assert_eq(conn_find(conns, &flow, PKT_IN), conn);
		cr_assert_eq(conn_find(conns, &reply, PKT_OUT), conn);
	}
	cr_assert_eq(conns_count(conns), 1);
}

struct tally {
	const struct conn *except;
	unsigned int n;
};

static void count_walked(struct conn *conn, void *data)
{
	struct tally *tally = data;

	cr_assert_neq(conn, tally->except);
	tally->n++;
}

static void count_each(struct conn *conn, void *data)
{
	count_walked(conn, data);
}

Test(conn, all_are_listed_in_portions_but_no_dead_one)
{
	enum {
		N = 10000
	};
	struct template_key key = {
		.flow = build_flow(IPPROTO_TCP, "10.1.0.0", 0, "10.1.0.100", 80)};
	struct conns_walk walk = {0};
	struct tally tally = {0}, portions = {0};
	struct conn *template;
	unsigned int before;

	conn_add_template(conns, &key, dest, 0, 0, &template);
	for (uint32_t i = 0; i < N; i++)
		add_many(i % 2 ? AF_INET6 : AF_INET, i);
	conns_walk(conns, &(struct conns_walk){0}, UINT_MAX, count_each, &tally);
	cr_assert_eq(tally.n, N + 1);
	conn_invalidate(conns, template);
	portions.except = template;
	do {
		before = portions.n;
		if (before == N / 2)
			add_many(AF_INET, N);
	} while (conns_walk(conns, &walk, 100, count_walked, &portions) &&
		 portions.n - before <= 100);
	cr_assert(portions.n == N || portions.n == N + 1, "%u were met", portions.n);
	for (uint64_t place = 0; place < 50; place++) {
		conns_walk_at(conns, &walk, place * 0x9e3779b97f4a7c15ull);
		tally.n = 0;
		conns_walk(conns, &walk, 10, count_walked, &tally);
		cr_assert_leq(tally.n, 10);
	}
	run_until(4000);
	tally.n = 0;
	conns_walk(conns, &(struct conns_walk){0}, UINT_MAX, count_each, &tally);
	cr_assert_eq(tally.n, 0);
}
