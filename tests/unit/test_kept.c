// SPDX-License-Identifier: GPL-2.0-or-later
/* How connections that the kernel carries end: it is asked about those that are due, and told to
 * forget those that ended otherwise. */
#include "tests/unit/carried_build.h"

TestSuite(kept, .init = setup, .fini = teardown);

/* Who stands for the kernel. */
static struct {
	unsigned int asked;
	uint32_t left; /* its answer */
	const struct conn *conn;
	unsigned int forgotten;
	uint16_t ports[8]; /* of the clients that were to be forgotten */
} kernel;

static uint32_t keep(struct conn *asked, void *data)
{
	cr_assert_eq(data, &kernel);
	kernel.asked++;
	kernel.conn = asked;
	return kernel.left;
}

static void forget(const struct conn *left, void *data)
{
	cr_assert_eq(data, &kernel);
	cr_assert(left->dest == a, "it still has its server");
	kernel.ports[kernel.forgotten++ % 8] = ntohs(left->cport);
}

static void forget_all(void)
{
	kernel.forgotten = 0;
	conns_forget(lab.d.conns, forget, &kernel);
}

Test(kept, the_kernel_is_asked_when_a_connection_is_due)
{
	conns_set_keeper(lab.d.conns, keep, &kernel);
	in(PKT_SYN);
	in(PKT_ACK);
	kernel.left = 60000;
	lab_wait(&lab, ACTIVE_MS - 500);
	cr_assert_eq(kernel.asked, 0);
	lab_wait(&lab, 2000);
	cr_assert_eq(kernel.asked, 1);
	cr_assert_eq(kernel.conn, conn());
	COUNTS(1, 0);
	lab_wait(&lab, 57000);
	cr_assert_eq(kernel.asked, 1, "not before what it said");
	lab_wait(&lab, 3000);
	cr_assert_eq(kernel.asked, 2);
	cr_assert(conn());
	kernel.left = 0;
	lab_wait(&lab, 57000);
	cr_assert_eq(kernel.asked, 2);
	lab_wait(&lab, 5000);
	cr_assert_eq(kernel.asked, 3);
	cr_assert_null(conn());
	COUNTS(0, 0);
	forget_all();
	cr_assert_eq(kernel.forgotten, 0, "it said itself that it is over there");
}

/* What the kernel said counts from now, not from the last packet; a packet that comes meanwhile
 * restarts the timer as ever. */
Test(kept, more_life_is_not_the_timeout)
{
	conns_set_keeper(lab.d.conns, keep, &kernel);
	in(PKT_SYN);
	in(PKT_ACK);
	kernel.left = 60000;
	lab_wait(&lab, ACTIVE_MS + 1000);
	cr_assert_eq(kernel.asked, 1);
	cr_assert_eq(atomic_load(&conn()->timeout), ACTIVE_MS);
	seen(PKT_OUT, PKT_ACK);
	kernel.left = 0;
	lab_wait(&lab, ACTIVE_MS - 2000);
	cr_assert_eq(kernel.asked, 1);
	cr_assert(conn());
	lab_wait(&lab, 4000);
	cr_assert_eq(kernel.asked, 2);
	cr_assert_null(conn());
}

/* Nobody is asked about what the kernel does not carry, or where both ends have ended it. */
Test(kept, the_kernel_is_not_asked_about_the_rest)
{
	conns_set_keeper(lab.d.conns, keep, &kernel);
	kernel.left = 60000;
	in(PKT_SYN);
	in(PKT_ACK);
	seen(PKT_OUT, PKT_FIN | PKT_ACK);
	seen(PKT_IN, PKT_FIN | PKT_ACK);
	cr_assert_eq(state(), TCP_TIMEWAIT);
	lab_wait(&lab, FINWAIT_MS + 1000);
	cr_assert_null(conn());
	atomic_store(&a->carried, 0);
	in(PKT_SYN);
	in(PKT_ACK);
	lab_wait(&lab, ACTIVE_MS + 1000);
	cr_assert_null(conn());
	cr_assert_eq(kernel.asked, 0);
}

Test(kept, what_ends_otherwise_is_to_be_forgotten)
{
	for (uint16_t port = 4001; port <= 4003; port++) {
		struct build b = *tcp(PKT_IN, PKT_SYN);
		struct conn *one;

		b.sport = port;
		lab_send(&lab, PKT_IN, &b);
		one = lab_conn(&lab, IPPROTO_TCP, CLIENT, port, VIP, 80);
		rcu_read_lock();
		conn_expire(lab.d.conns, one);
		conn_expire(lab.d.conns, one); /* which is over */
		rcu_read_unlock();
	}
	COUNTS(0, 0);
	cr_assert_eq(conns_count(lab.d.conns), 0);
	forget_all();
	cr_assert_eq(kernel.forgotten, 3);
	cr_assert_eq(kernel.ports[0] + kernel.ports[1] + kernel.ports[2], 4001 + 4002 + 4003);
	forget_all();
	cr_assert_eq(kernel.forgotten, 0, "once");
}

/* Neither what both ends ended, nor what was not carried. One that a new connection supersedes is
 * of the first kind. */
Test(kept, what_is_over_there_is_not)
{
	for (int i = 0; i < 3; i++) {
		atomic_store(&a->carried, i == 2 ? 0 : MARK);
		in(PKT_SYN);
		in(PKT_ACK);
		if (i < 2)
			seen(PKT_IN, PKT_RST);
		cr_assert_eq(state(), i < 2 ? TCP_CLOSED : TCP_ESTAB);
		if (i == 1) {
			in(PKT_SYN);
			seen(PKT_OUT, PKT_RST);
			cr_assert_eq(atomic_load(&svc->traffic.conns), 3, "a new one");
		}
		rcu_read_lock();
		conn_expire(lab.d.conns, conn());
		rcu_read_unlock();
		forget_all();
		cr_assert_eq(kernel.forgotten, 0, "%d", i);
		COUNTS(0, 0);
	}
}

/* lab_close() sees that nothing is kept by what waits, which nobody asked for. */
Test(kept, what_waits_goes_with_the_table)
{
	in(PKT_SYN);
	rcu_read_lock();
	conn_expire(lab.d.conns, conn());
	rcu_read_unlock();
	in(PKT_SYN);
}
