// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/carried.c and what direct.c does for connections that the kernel carries: how they are
 * decided, and followed by copies. */
#include "tests/unit/carried_build.h"

#include "lvs/reset.h"
#include "lvs/verdict.h"

TestSuite(carried, .init = setup, .fini = teardown);

/* Accepted as it is, with the server's number: what the kernel needs. */
static bool carried_to(uint32_t mark)
{
	return lab.verdict.action == VERDICT_ACCEPT && lab.verdict.set_mark &&
	       lab.verdict.mark == mark && lab_untouched(&lab);
}

Test(carried, the_first_packet_is_answered_by_the_number)
{
	lab.mark = 0xabcc1234; /* others' bits stay */
	in(PKT_SYN);
	cr_assert(carried_to(MARK | 0x1234));
	cr_assert(conn());
	cr_assert(conn()->carried);
	cr_assert_eq(conn_carried(conn()), MARK);
	cr_assert_eq(state(), TCP_SRECV);
	cr_assert_eq(atomic_load(&svc->traffic.conns), 1);
	cr_assert_eq(atomic_load(&svc->traffic.in_pkts), 0, "the kernel counts it");
	cr_assert_eq(atomic_load(&a->traffic.in_pkts), 0);
	/* What comes here although it is carried is told again. */
	in(PKT_ACK);
	cr_assert(carried_to(MARK | 0x1234));
	cr_assert_eq(state(), TCP_ESTAB);
}

Test(carried, also_if_it_is_larger_than_the_way)
{
	in(PKT_SYN);
	lab.gso = true;
	in(PKT_ACK);
	cr_assert(carried_to(MARK), "the kernel cuts what it carries");
}

/* An answer that comes here was not translated by the kernel. */
Test(carried, answers_are_translated_here)
{
	in(PKT_SYN);
	lab_send(&lab, PKT_OUT, tcp(PKT_OUT, PKT_SYN | PKT_ACK));
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000));
	cr_assert_eq(atomic_load(&a->traffic.out_pkts), 1);
}

/* Without its number a server's packets pass through here, and with it again they do not; but a
 * connection that was made without never gets one. */
Test(carried, as_long_as_the_server_has_a_number)
{
	in(PKT_SYN);
	atomic_store(&a->carried, 0);
	cr_assert_eq(conn_carried(conn()), 0);
	in(PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 8080));
	cr_assert_eq(atomic_load(&a->traffic.in_pkts), 1);
	atomic_store(&a->carried, 2 * MARK);
	in(PKT_ACK);
	cr_assert(carried_to(2 * MARK));
	lab_wait(&lab, 2 * ACTIVE_MS);
	cr_assert_null(conn());
	atomic_store(&a->carried, 0);
	in(PKT_SYN);
	atomic_store(&a->carried, MARK);
	cr_assert_not(conn()->carried);
	cr_assert_eq(conn_carried(conn()), 0);
	in(PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 8080));
	seen(PKT_IN, PKT_FIN);
	cr_assert_eq(state(), TCP_ESTAB, "copies are of what is carried");
}

Test(carried, neither_tunnels_nor_templates_nor_lone_packets)
{
	struct service_spec dns = build_service(IPPROTO_UDP, VIP, 53),
			    sticky = build_service(IPPROTO_UDP, VIP, 54);
	struct dest_spec tunnelled = build_dest("10.2.0.9", 80, 1);
	struct flow flow = build_flow(IPPROTO_UDP, CLIENT, 0, VIP, 54);
	const struct template_key key = {.flow = flow};
	struct service *other;
	struct dest *dest;

	dns.flags = SERVICE_ONEPACKET;
	dest = lab_dest(&lab, lab_service(&lab, dns), A, 53, 1);
	atomic_store(&dest->carried, MARK);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 53)});
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 53));
	sticky.flags = SERVICE_PERSISTENT;
	sticky.timeout = 60;
	dest = lab_dest(&lab, lab_service(&lab, sticky), A, 54, 1);
	atomic_store(&dest->carried, MARK);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 54)});
	cr_assert(carried_to(MARK));
	cr_assert(conn_find_template(lab.d.conns, &key));
	cr_assert_not(conn_find_template(lab.d.conns, &key)->carried);
	other = lab_service(&lab, build_service(IPPROTO_TCP, VIP, 81));
	tunnelled.method = FORWARD_TUN;
	cr_assert_eq(service_dest_add(lab.d.services, other, &tunnelled, &dest), 0);
	atomic_store(&dest->carried, MARK);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 81),
				 .flags = PKT_SYN});
	cr_assert_not(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 81)->carried);
}

/* It goes on as it began, but by the daemon: the kernel does not know its server so any more. */
Test(carried, its_server_has_another_method_by_now)
{
	struct dest_spec spec = build_dest(A, 8080, 1);
	struct dest *dest;

	in(PKT_SYN);
	cr_assert(carried_to(MARK));
	spec.method = FORWARD_DR;
	cr_assert_eq(service_dest_edit(svc, &spec, &dest), 0);
	cr_assert_eq(dest, a);
	in(PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 8080));
	spec.method = FORWARD_NAT;
	cr_assert_eq(service_dest_edit(svc, &spec, &dest), 0);
	in(PKT_ACK);
	cr_assert(carried_to(MARK));
}

Test(carried, copies_lead_through_all_states)
{
	in(PKT_SYN);
	COUNTS(1, 0);
	seen(PKT_IN, PKT_SYN); /* of which there is a copy, too */
	cr_assert_eq(state(), TCP_SRECV);
	seen(PKT_OUT, PKT_SYN | PKT_ACK);
	cr_assert_eq(state(), TCP_SRECV);
	seen(PKT_IN, PKT_ACK);
	cr_assert_eq(state(), TCP_ESTAB);
	COUNTS(1, 0);
	cr_assert_eq(atomic_load(&conn()->timeout), ACTIVE_MS);
	seen(PKT_OUT, PKT_FIN | PKT_ACK);
	cr_assert_eq(state(), TCP_FINWAIT);
	COUNTS(0, 1);
	cr_assert_eq(atomic_load(&conn()->timeout), FINWAIT_MS);
	seen(PKT_IN, PKT_FIN | PKT_ACK);
	cr_assert_eq(state(), TCP_TIMEWAIT);
	COUNTS(0, 1);
	cr_assert_eq(atomic_load(&svc->traffic.in_pkts), 0, "the kernel counts");
	cr_assert_eq(atomic_load(&svc->traffic.out_pkts), 0);
	lab_wait(&lab, FINWAIT_MS + 1000);
	COUNTS(0, 0);
}

Test(carried, a_rst_of_either_end_closes)
{
	for (int i = 0; i < 2; i++) {
		in(PKT_SYN);
		in(PKT_ACK);
		COUNTS(1, 0);
		seen(i ? PKT_OUT : PKT_IN, PKT_RST);
		cr_assert_eq(state(), TCP_CLOSED);
		COUNTS(0, 1);
		lab_wait(&lab, 20000);
		COUNTS(0, 0);
	}
}

/* The clock of the copy is when it comes: it restarts the timer. */
Test(carried, a_copy_is_a_sign_of_life)
{
	in(PKT_SYN);
	in(PKT_ACK);
	lab_wait(&lab, ACTIVE_MS - 1000);
	seen(PKT_OUT, PKT_ACK);
	lab_wait(&lab, ACTIVE_MS - 1000);
	cr_assert(conn());
	lab_wait(&lab, 2000);
	cr_assert_null(conn());
}

/* Of a packet with data, or a large one, only the head is there. */
Test(carried, cut_copies_are_as_good)
{
	struct build fin = *tcp(PKT_OUT, PKT_FIN | PKT_ACK);
	const struct build answer = {
		.protocol = IPPROTO_UDP, FROM_TO(A, 53, CLIENT, 4000), .payload = 1000};
	struct dest *dest;

	fin.payload = 9000;
	in(PKT_SYN);
	in(PKT_ACK);
	for (size_t len = 1; len < 40; len++) {
		copy(&fin, len);
		cr_assert_eq(state(), TCP_ESTAB, "%zu bytes are no TCP header", len);
	}
	copy(&fin, 40);
	cr_assert_eq(state(), TCP_FINWAIT);
	dest = lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53)), A, 53, 1);
	atomic_store(&dest->carried, MARK);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 53)});
	lab_wait(&lab, UDP_MS - 1000);
	copy(&answer, 28);
	lab_wait(&lab, 2000);
	cr_assert(lab_conn(&lab, IPPROTO_UDP, CLIENT, 4000, VIP, 53));
	lab_wait(&lab, UDP_MS);
	cr_assert_null(lab_conn(&lab, IPPROTO_UDP, CLIENT, 4000, VIP, 53));
	/* but a packet is not whole with its head alone */
	cr_assert_eq(lab_send(&lab, PKT_IN, &answer).action, VERDICT_ACCEPT);
	cr_assert_eq(lab_bytes(&lab, PKT_IN, lab.before, 28).action, VERDICT_DROP);
	lab_send(&lab, PKT_OUT, &fin);
	cr_assert_eq(lab_bytes(&lab, PKT_OUT, lab.before, 40).action, VERDICT_DROP);
	cr_assert_eq(lab_reason(&lab, REASON_TRUNCATED), 2);
}

Test(carried, copies_of_what_is_unknown_begin_nothing)
{
	seen(PKT_IN, PKT_SYN);
	copy(&(struct build){.protocol = IPPROTO_ICMP, .saddr = CLIENT, .daddr = VIP, .type = 8},
	     0);
	cr_assert_eq(conns_count(lab.d.conns), 0);
	for (int i = 0; i < REASON_MAX; i++)
		cr_assert_eq(lab_reason(&lab, (enum reason)i), 0, "nor do they count");
}

/* The rules choose a server for packets of @flags with the number @mark has. */
static void rules_choose(uint32_t mark, uint8_t flags)
{
	chosen = true;
	copied_mark = mark;
	seen(PKT_IN, flags);
	chosen = false;
	copied_mark = 0;
}

Test(carried, whom_the_rules_chose)
{
	struct newcomers newcomers = {0};

	atomic_store(&a->number, 1);
	rules_choose(MARK, PKT_SYN); /* nobody wants to know */
	cr_assert_null(conn());
	lab.d.newcomers = &newcomers;
	rules_choose(MARK | 5, PKT_SYN);
	cr_assert_eq(state(), TCP_SRECV);
	cr_assert_eq(conn()->dest, a);
	cr_assert_eq(ntohs(conn()->dport), 8080);
	cr_assert(conn()->carried);
	COUNTS(1, 0);
	/* Sent again it is the same. */
	rules_choose(MARK, PKT_SYN);
	seen(PKT_OUT, PKT_SYN | PKT_ACK);
	seen(PKT_IN, PKT_ACK);
	cr_assert_eq(state(), TCP_ESTAB);
	COUNTS(1, 0);
	cr_assert_eq(atomic_load(&a->traffic.conns), 1);
	cr_assert_eq(atomic_load(&newcomers.fallback), 1);
	cr_assert_eq(atomic_load(&newcomers.turns), 0);
	cr_assert_not(atomic_load(&newcomers.missed));
}

/* Also before the rules' new number is known to be in them, as copies may come at once. */
Test(carried, a_choice_of_the_rules_is_carried)
{
	struct newcomers newcomers = {0};

	atomic_store(&a->number, 1);
	atomic_store(&a->carried, 0);
	atomic_store(&svc->in_turns, true);
	lab.d.newcomers = &newcomers;
	rules_choose(MARK, PKT_SYN);
	cr_assert(conn()->carried);
	cr_assert_eq(atomic_load(&newcomers.turns), 1);
	cr_assert_eq(atomic_load(&newcomers.fallback), 0);
}

/* A port that is used again, and a first packet that waited here meanwhile. */
Test(carried, a_later_choice_stands)
{
	struct newcomers newcomers = {0};
	struct dest *b = lab_dest(&lab, svc, "10.2.0.2", 8080, 1);

	lab.d.newcomers = &newcomers;
	atomic_store(&a->number, 1);
	atomic_store(&b->number, 2);
	rules_choose(MARK, PKT_SYN);
	rules_choose(2 * MARK, PKT_SYN);
	cr_assert_eq(conn()->dest, b);
	COUNTS(0, 0);
	seen(PKT_IN, PKT_ACK);
	seen(PKT_IN, PKT_RST);
	rules_choose(2 * MARK, PKT_SYN);
	cr_assert_eq(conn()->dest, b);
	cr_assert_eq(state(), TCP_SRECV);
	cr_assert_eq(conns_count(lab.d.conns), 1);
	cr_assert_eq(atomic_load(&newcomers.fallback), 3, "the closed one is another");
	cr_assert_eq(dest_total(b), 1);
}

/* What cannot be told by the number conntrack has to be asked for. */
Test(carried, a_choice_that_is_not_known_is_missed)
{
	const struct build datagram = {.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 53)};
	struct newcomers newcomers = {0};

	lab.d.newcomers = &newcomers;
	atomic_store(&a->number, 1);
	rules_choose(2 * MARK, PKT_SYN);
	cr_assert(atomic_exchange(&newcomers.missed, false));
	chosen = true;
	copied_mark = MARK;
	copy(&datagram, 0); /* no such service */
	cr_assert(atomic_exchange(&newcomers.missed, false));
	copied_mark = 0;
	copy(tcp(PKT_IN, PKT_SYN), 0); /* no number */
	cr_assert(atomic_exchange(&newcomers.missed, false));
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* The numbers that a RST needs come from the copies, too. */
Test(carried, copies_say_where_both_ends_are)
{
	in(PKT_SYN);
	seen(PKT_OUT, PKT_SYN | PKT_ACK);
	cr_assert_eq(atomic_load(&conn()->server_next), 0x12340001, "%x",
		     atomic_load(&conn()->server_next));
	cr_assert_eq(atomic_load(&conn()->client_next), 0x12340001);
}

/* Of a killed connection, and of a server that is gone, copies say nothing any more. */
Test(carried, copies_wake_nothing_that_ended)
{
	in(PKT_SYN);
	in(PKT_ACK);
	rcu_read_lock();
	conn_kill(lab.d.conns, conn(), lab.d.now);
	rcu_read_unlock();
	COUNTS(0, 1);
	seen(PKT_IN, PKT_SYN);
	seen(PKT_IN, PKT_ACK);
	cr_assert_eq(state(), TCP_CLOSED);
	COUNTS(0, 1);
	lab_wait(&lab, 20000);
	in(PKT_SYN);
	in(PKT_ACK);
	service_dest_del(lab.d.services, svc, a);
	seen(PKT_IN, PKT_FIN);
	cr_assert_eq(state(), TCP_ESTAB);
}
