// SPDX-License-Identifier: GPL-2.0-or-later
/* Connections to DR servers that the devices carry: by which packet they learn, who is asked when
 * one is due, and that they forget it however it ends. */
#include "tests/unit/transmit_build.h"

#include "lvs/reset.h"
#include "lvs/verdict.h"

#define MARK	  0x00020000u /* number 1 */
#define LEARN	  0x00030000u
#define ACTIVE_MS (15 * 60 * 1000ull)

static struct lab lab;
static struct dest *dest, *dest6, *dns;

static struct {
	unsigned int asked, forgotten;
	uint32_t left;
} kernel;

static uint32_t keep(struct conn *conn, void *data)
{
	(void)conn;
	(void)data;
	kernel.asked++;
	return kernel.left;
}

static void forget(const struct conn *conn, void *data)
{
	(void)conn;
	(void)data;
	kernel.forgotten++;
}

static void setup(void)
{
	lab_open(&lab);
	lab.hook = HOOK_PREROUTING;
	lab.d.mark_mask = 0xffff0000;
	dest = lab_serve(&lab, build_service(IPPROTO_TCP, VIP, 80), build_dest(RS, 80, 1),
			 FORWARD_DR);
	dest6 = lab_serve(&lab, build_service(IPPROTO_TCP, VIP6, 80), build_dest(RS6, 80, 1),
			  FORWARD_DR);
	dns = lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 53, 1),
			FORWARD_DR);
	atomic_store(&dest->carried, MARK);
	atomic_store(&dest6->carried, MARK);
	atomic_store(&dns->carried, MARK);
	conns_set_keeper(lab.d.conns, keep, NULL);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(learned, .init = setup, .fini = teardown);

static uint32_t sent_mark(void)
{
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.len, 1);
	return lab.outbox.items[0].mark;
}

static uint32_t tcp(const char *client, const char *vip, uint8_t flags)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){
			 .protocol = IPPROTO_TCP, FROM_TO(client, 4000, vip, 80), .flags = flags});
	return sent_mark();
}

static struct conn *conn(void)
{
	return lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
}

Test(learned, when_it_begins_and_once_it_is_established)
{
	cr_assert_eq(tcp(CLIENT, VIP, PKT_SYN), LEARN);
	cr_assert_eq(tcp(CLIENT, VIP, PKT_SYN), LEARN, "the answer was lost");
	cr_assert_eq(tcp(CLIENT, VIP, PKT_ACK), LEARN);
	cr_assert_eq(tcp(CLIENT, VIP, PKT_ACK), LEARN, "it may have been forgotten");
	cr_assert_eq(tcp(CLIENT, VIP, PKT_FIN | PKT_ACK), 0);
	cr_assert_eq(tcp(CLIENT, VIP, PKT_ACK), 0, "it is not established any more");
	cr_assert_eq(tcp(CLIENT, VIP, PKT_RST), 0);
	cr_assert_eq(tcp(CLIENT6, VIP6, PKT_SYN), LEARN);
	cr_assert_eq(tcp(CLIENT6, VIP6, PKT_ACK), LEARN);
}

Test(learned, datagrams_from_the_first_on)
{
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(sent_mark(), LEARN);
}

Test(learned, not_by_what_the_machine_sends_itself)
{
	lab.hook = HOOK_OUTPUT;
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(sent_mark(), 0);
}

/* The rules at the devices know TCP and UDP. */
Test(learned, nothing_of_sctp)
{
	struct dest *sctp = lab_serve(&lab, build_service(IPPROTO_SCTP, VIP, 80),
				      build_dest(RS, 80, 1), FORWARD_DR);
	const struct build chunk = {
		.protocol = IPPROTO_SCTP, FROM_TO(CLIENT, 4000, VIP, 80), .type = 1};

	atomic_store(&sctp->carried, MARK);
	lab_send(&lab, PKT_IN, &chunk);
	cr_assert_eq(sent_mark(), 0);
	atomic_store(&lab_conn(&lab, IPPROTO_SCTP, CLIENT, 4000, VIP, 80)->state, SCTP_ESTAB);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_SCTP, FROM_TO(CLIENT, 4000, VIP, 80)});
	cr_assert_eq(sent_mark(), 0);
}

/* About an answer; its connection is one that is carried. */
Test(learned, nothing_by_an_error)
{
	const struct build answer = {.protocol = IPPROTO_UDP, FROM_TO(VIP, 53, CLIENT, 4000)};

	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(sent_mark(), LEARN);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_ICMP,
				 .saddr = CLIENT,
				 .daddr = VIP,
				 .type = 3,
				 .code = 3,
				 .inner = &answer});
	cr_assert_eq(sent_mark(), 0);
}

/* A place in the outbox says nothing of who had it before. */
Test(learned, not_by_what_leaves_next)
{
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(sent_mark(), LEARN);
	lab.outbox.len = 0;
	cr_assert_eq(outbox_add(&lab.outbox)->mark, 0);
}

Test(learned, only_while_its_server_may_be)
{
	tcp(CLIENT, VIP, PKT_SYN);
	atomic_store(&dest->carried, 0);
	cr_assert_eq(tcp(CLIENT, VIP, PKT_ACK), 0);
	atomic_store(&dest->carried, MARK);
	cr_assert_eq(tcp(CLIENT, VIP, PKT_ACK), LEARN);
	atomic_store(&dns->carried, 0);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	atomic_store(&dns->carried, MARK);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert_eq(sent_mark(), 0, "it began as the daemon's, and nobody would end it there");
}

Test(learned, not_while_its_server_has_another_method)
{
	struct dest_spec spec = build_dest(RS, 80, 1);

	tcp(CLIENT, VIP, PKT_SYN);
	spec.method = FORWARD_NAT;
	cr_assert_eq(service_dest_edit(atomic_load(&dest->svc), &spec, &dest), 0);
	cr_assert_eq(tcp(CLIENT, VIP, PKT_ACK), 0);
}

/* Unlike conntrack the devices forget nothing by themselves. */
Test(learned, asked_about_and_forgotten_in_every_state)
{
	tcp(CLIENT, VIP, PKT_SYN);
	tcp(CLIENT, VIP, PKT_ACK);
	tcp(CLIENT, VIP, PKT_RST);
	cr_assert_eq(atomic_load(&conn()->state), TCP_CLOSED);
	kernel.left = 60000;
	lab_wait(&lab, 11000);
	cr_assert_eq(kernel.asked, 1);
	cr_assert(conn());
	rcu_read_lock();
	conn_expire(lab.d.conns, conn());
	rcu_read_unlock();
	conns_forget(lab.d.conns, forget, NULL);
	cr_assert_eq(kernel.forgotten, 1);
}

/* What was said to the server when it was ended had old numbers: it hears it with the client's. */
Test(learned, ended_both_ends_hear_of_it_with_the_next_packet)
{
	tcp(CLIENT, VIP, PKT_SYN);
	tcp(CLIENT, VIP, PKT_ACK);
	atomic_fetch_or(&conn()->flags, CONN_KILLED);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 80),
				 .flags = PKT_ACK});
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	cr_assert_eq(lab.outbox.len, 2);
}
