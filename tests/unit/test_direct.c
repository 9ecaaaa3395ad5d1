// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/direct.c: packets in, verdicts and bytes out; what is scheduled, refused, passed and dropped,
 * and the states, timeouts and counts of a connection along its life, as lvs-semantics has them. */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define RS     "10.2.0.1"
#define RS2    "10.2.0.2"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(direct, .init = setup, .fini = teardown);

/* From the client to the service. */
static struct verdict request(uint8_t protocol, uint16_t cport, uint16_t vport, uint8_t flags)
{
	return lab_send(&lab, PKT_IN,
			&(struct build){.protocol = protocol,
					FROM_TO(CLIENT, cport, VIP, vport),
					.flags = flags,
					.payload = 20});
}

/* From the first server to the client. */
static struct verdict reply(uint8_t protocol, uint16_t sport, uint16_t cport, uint8_t flags)
{
	return lab_send(&lab, PKT_OUT,
			&(struct build){.protocol = protocol,
					FROM_TO(RS, sport, CLIENT, cport),
					.flags = flags,
					.payload = 30});
}

static struct service *web(void)
{
	return lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80));
}

Test(direct, a_syn_is_scheduled_and_its_answer_comes_from_the_vip)
{
	struct dest *dest = lab_dest(&lab, web(), RS, 8080, 1);

	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 8080));
	cr_assert_null(packet_wrong_sum(lab.pkt.data));
	reply(IPPROTO_TCP, 8080, 4000, PKT_SYN | PKT_ACK);
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000));
	cr_assert_null(packet_wrong_sum(lab.pkt.data));
	cr_assert_eq(conns_count(lab.d.conns), 1);
	cr_assert_eq(dest_active(dest), 1);
	for (int i = 1; i < REASON_MAX; i++)
		cr_assert_eq(lab_reason(&lab, (enum reason)i), 0, "counted as %s",
			     reason_name((enum reason)i));
}

Test(direct, only_a_syn_without_rst_starts_a_connection)
{
	static const struct {
		uint8_t flags;
		bool starts;
	} rows[] = {{PKT_SYN, true},
		    {PKT_SYN | PKT_ACK, true}, /* IPVS: active FTP through DR needs it */
		    {PKT_SYN | PKT_FIN, true},
		    {PKT_ACK, false},
		    {PKT_FIN | PKT_ACK, false},
		    {PKT_RST, false},
		    {PKT_RST | PKT_ACK, false},
		    {PKT_SYN | PKT_RST, false},
		    {0, false}};
	uint64_t passed = 0;

	lab_dest(&lab, web(), RS, 8080, 1);
	for (uint16_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request(IPPROTO_TCP, (uint16_t)(4000 + i), 80, rows[i].flags);
		if (rows[i].starts) {
			cr_assert(lab_runs(&lab, CLIENT, 4000 + i, RS, 8080), "flags %#x",
				  rows[i].flags);
			continue;
		}
		cr_assert(lab_passed(&lab), "flags %#x", rows[i].flags);
		cr_assert_eq(lab_reason(&lab, REASON_NO_CONN), ++passed, "flags %#x",
			     rows[i].flags);
		cr_assert_null(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000 + i, VIP, 80));
	}
}

Test(direct, what_is_not_ours_passes_unchanged)
{
	static const struct build dead = {.protocol = IPPROTO_TCP, FROM_TO(VIP, 80, CLIENT, 4000)};
	static const struct {
		const char *name;
		enum pkt_dir dir;
		struct build build;
		enum reason reason;
	} rows[] = {
		{"other port",
		 PKT_IN,
		 {.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 81), .flags = PKT_SYN},
		 REASON_NO_SERVICE},
		{"other address",
		 PKT_IN,
		 {.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, RS, 80), .flags = PKT_SYN},
		 REASON_NO_SERVICE},
		{"other protocol",
		 PKT_IN,
		 {.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 80)},
		 REASON_NO_SERVICE},
		{"other family",
		 PKT_IN,
		 {.protocol = IPPROTO_TCP,
		  FROM_TO("fd00::2", 4000, "fd00::100", 80),
		  .flags = PKT_SYN},
		 REASON_NO_SERVICE},
		{"from port 20",
		 PKT_IN,
		 {.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 20, VIP, 80), .flags = PKT_SYN},
		 REASON_NO_CONN},
		{"a server speaks first",
		 PKT_OUT,
		 {.protocol = IPPROTO_TCP, FROM_TO(RS, 8080, CLIENT, 4000), .flags = PKT_SYN},
		 REASON_NO_CONN},
		{"to the service, but on the way out",
		 PKT_OUT,
		 {.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80), .flags = PKT_SYN},
		 REASON_NO_CONN},
		{"echo request",
		 PKT_IN,
		 {.protocol = IPPROTO_ICMP,
		  .saddr = CLIENT,
		  .daddr = VIP,
		  .type = 8,
		  .payload = 50},
		 REASON_NO_CONN},
		{"ICMP error about no connection",
		 PKT_IN,
		 {.protocol = IPPROTO_ICMP,
		  .saddr = CLIENT,
		  .daddr = VIP,
		  .type = 3,
		  .inner = &dead},
		 REASON_NO_CONN},
		{"UDP-Lite",
		 PKT_IN,
		 {.protocol = IPPROTO_UDPLITE, .saddr = CLIENT, .daddr = VIP, .payload = 20},
		 REASON_PROTOCOL},
	};

	lab_dest(&lab, web(), RS, 8080, 1);
	lab.mark = 0x55;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = lab_reason(&lab, rows[i].reason);

		lab_send(&lab, rows[i].dir, &rows[i].build);
		cr_assert(lab_passed(&lab), "%s", rows[i].name);
		cr_assert_eq(lab_reason(&lab, rows[i].reason), before + 1, "%s", rows[i].name);
	}
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

Test(direct, what_cannot_be_read_is_dropped_and_counted)
{
	static const struct {
		const char *name;
		uint8_t at, value;
		uint32_t len;
		enum reason reason;
	} rows[] = {
		{"cut", 0, 0x45, 39, REASON_TRUNCATED},
		{"nothing", 0, 0x45, 0, REASON_TRUNCATED},
		{"version 5", 0, 0x55, 40, REASON_VERSION},
		{"header of 16", 0, 0x44, 40, REASON_HEADER},
		{"more fragments", 6, 0x20, 40, REASON_FRAGMENT},
		{"data offset 4", 32, 0x40, 40, REASON_HEADER},
	};
	uint8_t bytes[BUILD_MAX];
	uint64_t before;

	lab_dest(&lab, web(), RS, 8080, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		build_packet(bytes, &(struct build){.protocol = IPPROTO_TCP,
						    FROM_TO(CLIENT, 4000, VIP, 80),
						    .flags = PKT_SYN});
		bytes[rows[i].at] = rows[i].value;
		before = lab_reason(&lab, rows[i].reason);
		lab_bytes(&lab, PKT_IN, bytes, rows[i].len);
		cr_assert_eq(lab.verdict.action, VERDICT_DROP, "%s", rows[i].name);
		cr_assert(lab_untouched(&lab), "%s", rows[i].name);
		cr_assert_eq(lab_reason(&lab, rows[i].reason), before + 1, "%s", rows[i].name);
	}
}

/* Refused: on its way with all our mark bits, the rest of the mark as it was. */
static bool refused(uint64_t times)
{
	return lab.verdict.action == VERDICT_ACCEPT && lab.verdict.set_mark &&
	       lab.verdict.mark == (lab.mark | LAB_MASK) && lab_untouched(&lab) &&
	       lab_reason(&lab, REASON_NO_SERVER) == times;
}

Test(direct, without_a_usable_server_a_new_flow_is_refused)
{
	struct service *svc = web();
	struct dest *dest;

	lab.mark = 0x00000055;
	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert(refused(1), "no server at all");
	dest = lab_dest(&lab, svc, RS, 8080, 0);
	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert(refused(2), "weight 0");
	lab.mark = 0x00030055;
	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert(refused(3), "a mark with our bits in use");
	lab_edit(svc, dest, 1, 0, 0);
	lab.mark = 0x55;
	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 8080));
	request(IPPROTO_TCP, 4001, 80, PKT_ACK);
	cr_assert(lab_passed(&lab), "what starts nothing is not refused");
}

Test(direct, the_same_answer_for_a_retransmission)
{
	struct service *svc = web(), *dns = lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53));

	lab_dest(&lab, svc, RS, 8080, 1);
	lab_dest(&lab, svc, RS2, 8080, 1);
	lab_dest(&lab, dns, RS, 53, 1);
	lab_dest(&lab, dns, RS2, 53, 1);
	for (uint16_t port = 4000; port < 4010; port++) {
		const char *want = port % 2 ? RS : RS2; /* rr, the newest server first */

		for (int again = 0; again < 3; again++) {
			request(IPPROTO_TCP, port, 80, PKT_SYN);
			cr_assert(lab_runs(&lab, CLIENT, port, want, 8080), "SYN of %u", port);
			request(IPPROTO_UDP, port, 53, 0);
			cr_assert(lab_runs(&lab, CLIENT, port, want, 53), "datagram of %u", port);
		}
	}
	cr_assert_eq(conns_count(lab.d.conns), 20);
	cr_assert_eq(atomic_load(&svc->traffic.conns), 10);
}

Test(direct, udp_both_ways_lives_300_s_after_each_packet)
{
	struct service *svc = lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53));
	struct dest *dest = lab_dest(&lab, svc, RS, 5353, 1);

	request(IPPROTO_UDP, 4000, 53, 0);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 5353));
	cr_assert_eq(dest_active(dest), 0, "UDP is never active");
	cr_assert_eq(dest_inactive(dest), 1);
	lab_wait(&lab, 299000);
	reply(IPPROTO_UDP, 5353, 4000, 0);
	cr_assert(lab_runs(&lab, VIP, 53, CLIENT, 4000));
	lab_wait(&lab, 299999);
	cr_assert(lab_conn(&lab, IPPROTO_UDP, CLIENT, 4000, VIP, 53));
	lab_wait(&lab, 301);
	cr_assert_null(lab_conn(&lab, IPPROTO_UDP, CLIENT, 4000, VIP, 53));
	reply(IPPROTO_UDP, 5353, 4000, 0);
	cr_assert(lab_passed(&lab));
	cr_assert_eq(dest_total(dest), 0);
}

Test(direct, a_udp_super_packet_is_to_be_segmented_first)
{
	struct dest *dest =
		lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53)), RS, 53, 1);

	lab.gso = lab.partial = true;
	request(IPPROTO_UDP, 4000, 53, 0);
	cr_assert_eq(lab.verdict.action, VERDICT_SEGMENT);
	cr_assert(lab_untouched(&lab));
	cr_assert_eq(dest_total(dest), 0, "its parts come again, and are counted then");
	lab.gso = false;
	request(IPPROTO_UDP, 4000, 53, 0);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 53));
}

Test(direct, one_packet_scheduling_leaves_nothing)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP, 53);
	struct service *svc;
	struct dest *a, *b;

	spec.flags = SERVICE_ONEPACKET;
	svc = lab_service(&lab, spec);
	a = lab_dest(&lab, svc, RS, 53, 1);
	b = lab_dest(&lab, svc, RS2, 53, 1);
	for (int i = 0; i < 10; i++) {
		request(IPPROTO_UDP, 4000, 53, 0);
		cr_assert(lab_runs(&lab, CLIENT, 4000, i % 2 ? RS : RS2, 53), "packet %d", i);
		cr_assert_eq(conns_count(lab.d.conns), 0);
		cr_assert_eq(dest_total(a) + dest_total(b), 0);
		cr_assert_eq(atomic_load(&a->refs) + atomic_load(&b->refs), 2);
	}
	cr_assert_eq(atomic_load(&svc->traffic.conns), 10);
	reply(IPPROTO_UDP, 53, 4000, 0);
	cr_assert(lab_passed(&lab), "no connection to find");
}

Test(direct, a_quiesced_server_keeps_its_connections)
{
	struct service *svc = web();
	struct dest *dest = lab_dest(&lab, svc, RS, 8080, 1);

	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	lab_edit(svc, dest, 0, 0, 0);
	request(IPPROTO_TCP, 4000, 80, PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 8080));
	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 8080));
	request(IPPROTO_TCP, 4001, 80, PKT_SYN);
	cr_assert(refused(1), "new flows are not its any more");
}

Test(direct, packets_to_a_removed_server_are_dropped_until_it_is_back)
{
	struct service *svc = web();
	struct dest *dest = lab_dest(&lab, svc, RS, 8080, 1);

	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	request(IPPROTO_TCP, 4000, 80, PKT_ACK);
	cr_assert_eq(service_dest_del(lab.d.services, svc, dest), 0);
	request(IPPROTO_TCP, 4000, 80, PKT_ACK);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	cr_assert_eq(lab_reason(&lab, REASON_SERVER_GONE), 1);
	cr_assert(lab_untouched(&lab));
	cr_assert_eq(atomic_load(&dest->traffic.in_pkts), 2, "counts only while in use");
	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP, "a SYN on an open connection too");
	reply(IPPROTO_TCP, 8080, 4000, PKT_ACK);
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000), "what it still answers goes through");
	cr_assert_eq(atomic_load(&dest->traffic.out_pkts), 0);
	cr_assert_eq(lab_dest(&lab, svc, RS, 8080, 1), dest);
	request(IPPROTO_TCP, 4000, 80, PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 8080));
	cr_assert_eq(atomic_load(&dest->traffic.in_pkts), 3);
}

/* Else a client that goes on sending, as UDP clients do, would never get another server. */
Test(direct, packets_to_a_removed_server_do_not_put_the_timer_off)
{
	struct service *svc = lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53));
	struct dest *dest = lab_dest(&lab, svc, RS, 53, 1);

	request(IPPROTO_UDP, 4000, 53, 0);
	lab_dest(&lab, svc, RS2, 53, 1);
	service_dest_del(lab.d.services, svc, dest);
	for (int s = 0; s < 299; s++) {
		lab_wait(&lab, 1000);
		request(IPPROTO_UDP, 4000, 53, 0);
		cr_assert_eq(lab.verdict.action, VERDICT_DROP, "after %d s", s);
	}
	lab_wait(&lab, 1500);
	request(IPPROTO_UDP, 4000, 53, 0);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS2, 53));
}

/* IPVS's conn_reuse_mode 1. */
Test(direct, a_syn_on_a_closed_connection_is_scheduled_anew)
{
	static const struct {
		const char *name;
		uint8_t in, out; /* flags that follow the handshake, from client and server */
		uint8_t state;
		bool anew;
	} rows[] = {
		{"established", PKT_ACK, PKT_ACK, TCP_ESTAB, false},
		{"fin wait", PKT_ACK, PKT_FIN | PKT_ACK, TCP_FINWAIT, false},
		{"close wait", PKT_FIN | PKT_ACK, PKT_ACK, TCP_CLOSEWAIT, false},
		{"time wait", PKT_FIN | PKT_ACK, PKT_FIN | PKT_ACK, TCP_TIMEWAIT, true},
		{"reset by the client", PKT_RST, 0, TCP_CLOSED, true},
		{"reset by the server", PKT_ACK, PKT_RST, TCP_CLOSED, true},
	};
	struct service *svc = web();

	lab_dest(&lab, svc, RS2, 8080, 1);
	lab_dest(&lab, svc, RS, 8080, 1);
	for (uint16_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t port = (uint16_t)(4000 + 2 * i);
		struct conn *conn;

		request(IPPROTO_TCP, port, 80, PKT_SYN);
		if (!lab_runs(&lab, CLIENT, port, RS, 8080)) /* the other one's turn */
			request(IPPROTO_TCP, ++port, 80, PKT_SYN);
		cr_assert(lab_runs(&lab, CLIENT, port, RS, 8080));
		request(IPPROTO_TCP, port, 80, PKT_ACK);
		request(IPPROTO_TCP, port, 80, rows[i].in);
		if (rows[i].out)
			reply(IPPROTO_TCP, 8080, port, rows[i].out);
		conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, port, VIP, 80);
		cr_assert_eq(atomic_load(&conn->state), rows[i].state, "%s", rows[i].name);
		request(IPPROTO_TCP, port, 80, PKT_SYN);
		cr_assert(lab_runs(&lab, CLIENT, port, rows[i].anew ? RS2 : RS, 8080), "%s",
			  rows[i].name);
		request(IPPROTO_TCP, port, 80, PKT_ACK);
		cr_assert(lab_runs(&lab, CLIENT, port, rows[i].anew ? RS2 : RS, 8080), "%s",
			  rows[i].name);
	}
}

Test(direct, a_full_server_gets_no_new_flows_until_it_is_below_its_lower_threshold)
{
	struct service *svc = web();
	struct dest *dest = lab_dest(&lab, svc, RS, 8080, 1);

	lab_edit(svc, dest, 1, 3, 2);
	for (uint16_t i = 0; i < 3; i++) {
		request(IPPROTO_TCP, 4000 + i, 80, PKT_SYN);
		cr_assert(lab_runs(&lab, CLIENT, 4000 + i, RS, 8080), "flow %u", i);
	}
	request(IPPROTO_TCP, 4003, 80, PKT_SYN);
	cr_assert(refused(1));
	request(IPPROTO_TCP, 4000, 80, PKT_ACK);
	request(IPPROTO_TCP, 4001, 80, PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4001, RS, 8080), "what it has goes on");
	lab_wait(&lab, 61000); /* the third was never completed */
	cr_assert_eq(dest_total(dest), 2);
	request(IPPROTO_TCP, 4003, 80, PKT_SYN);
	cr_assert(refused(2), "2 are not fewer than 2");
	request(IPPROTO_TCP, 4000, 80, PKT_RST);
	lab_wait(&lab, 10500);
	cr_assert_eq(dest_total(dest), 1);
	request(IPPROTO_TCP, 4003, 80, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4003, RS, 8080));
}

Test(direct, packets_and_bytes_are_counted_both_ways)
{
	struct service *svc = web();
	struct dest *dest = lab_dest(&lab, svc, RS, 8080, 1);
	const struct traffic *of[] = {&svc->traffic, &dest->traffic};

	request(IPPROTO_TCP, 4000, 80, PKT_SYN);
	request(IPPROTO_TCP, 4000, 80, PKT_ACK);
	request(IPPROTO_TCP, 4001, 80, PKT_SYN);
	request(IPPROTO_TCP, 4001, 80, PKT_RST);
	request(IPPROTO_TCP, 4002, 80, PKT_ACK); /* of no connection */
	reply(IPPROTO_TCP, 8080, 4000, PKT_ACK);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(atomic_load(&of[i]->conns), 2);
		cr_assert_eq(atomic_load(&of[i]->in_pkts), 4);
		cr_assert_eq(atomic_load(&of[i]->in_bytes), 4 * (20 + 20 + 20));
		cr_assert_eq(atomic_load(&of[i]->out_pkts), 1);
		cr_assert_eq(atomic_load(&of[i]->out_bytes), 20 + 20 + 30);
	}
}
