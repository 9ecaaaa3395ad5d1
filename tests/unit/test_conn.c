// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/conn.c: found both ways, counted, expired in time, templates kept by what they control. */
#include "lvs/conn.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>

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
	cr_assert_leq(sizeof(struct conn), 176, "a connection is %zu bytes", sizeof(struct conn));
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
	struct flow key = build_flow(IPPROTO_TCP, "10.1.0.0", 0, "10.1.0.100", 80);
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct conn *template, *conn;

	conn_add(conns, &key, dest, 0, 0, CONN_TEMPLATE, NULL, 0, &template);
	conn_lock(template);
	conn_set_timeout(conns, template, 10000, 0);
	conn_unlock(template);
	conn_add(conns, &flow, dest, htons(8080), 0, 0, template, 0, &conn);
	conn_lock(conn);
	conn_set_timeout(conns, conn, 100000, 0);
	conn_unlock(conn);
	cr_assert_eq(conn_find_template(conns, &key), template);
	cr_assert_null(conn_find(conns, &key, PKT_IN), "a template carries no packets");
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
	struct flow key = build_flow(IPPROTO_TCP, "10.1.0.0", 0, "10.1.0.100", 80);
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct conn *template, *again, *conn;

	conn_add(conns, &key, dest, 0, 0, CONN_TEMPLATE, NULL, 0, &template);
	conn_add(conns, &flow, dest, htons(8080), 0, 0, template, 0, &conn);
	conn_invalidate(conns, template);
	conn_invalidate(conns, template);
	cr_assert_null(conn_find_template(conns, &key));
	conn_add(conns, &key, dest, 0, 0, CONN_TEMPLATE, NULL, 0, &again);
	cr_assert_neq(again, template);
	cr_assert_eq(dest->persistent, 2);
	for (uint64_t now = 0; now < 200000; now += 1000)
		run_until(now);
	cr_assert_eq(dest->persistent, 0);
}

Test(conn, many_expire_in_slices)
{
	enum {
		N = 100000
	};
	struct flow flow = build_flow(IPPROTO_UDP, "10.1.0.2", 0, "10.1.0.100", 53);
	unsigned int slices = 0;

	for (unsigned int i = 0; i < N; i++) {
		flow.saddr.ip = htonl(0x0b000000 + i);
		add(&flow, 0);
	}
	cr_assert_eq(conns_count(conns), N);
	while (conns_expire(conns, 4000, 1000))
		slices++;
	cr_assert_eq(conns_count(conns), 0);
	cr_assert_geq(slices, N / 1000 - 1);
}
