// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/fwd_fullnat.c and lvs/locals.c through whole packets: the local endpoints, how many there
 * are, and errors translated on both ends. */
#include "tests/unit/transmit_build.h"

#include <netinet/ip_icmp.h>

static struct lab lab;
static struct locals *locals;

static void setup(void)
{
	const struct locals_addr addr = {AF_INET, build_addr(LOCAL)};

	lab_open(&lab);
	locals = locals_new(&addr, 1, 2000, 2002);
	conns_set_locals(lab.d.conns, locals, 0);
}

static void teardown(void)
{
	lab_close(&lab);
	locals_free(locals);
}

TestSuite(fullnat, .init = setup, .fini = teardown);

Test(fullnat, is_another_client_to_the_server)
{
	struct build reply = {
		.protocol = IPPROTO_UDP, FROM_TO(RS, 5353, LOCAL, 2000), .payload = 20};

	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	cr_assert(lab.verdict.mangled && lab.verdict.set_mark);
	cr_assert_eq(lab.verdict.mark, mark_send(LAB_MASK));
	cr_assert(packet_runs(lab.pkt.data, LOCAL, 2000, RS, 5353));
	cr_assert_not(packet_wrong_sum(lab.pkt.data));
	lab.hook = HOOK_PREROUTING;
	lab_send(&lab, PKT_IN, &reply);
	cr_assert(lab.verdict.mangled && lab.verdict.set_mark);
	cr_assert(packet_runs(lab.pkt.data, VIP, 53, CLIENT, 4000));
	cr_assert_not(packet_wrong_sum(lab.pkt.data));
}

/* The rule that sends the rest sets DF, so these go out by ourselves. */
Test(fullnat, sends_what_may_be_cut_itself)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, false, 64);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.len, 1);
	cr_assert(packet_runs(lab.outbox.items[0].parts[1].iov_base, LOCAL, 2000, RS, 5353));
	cr_assert_eq(lab.pkt.data[IPV4_TTL], 63);
	cr_assert_not(packet_wrong_sum(lab.pkt.data));
}

Test(fullnat, begins_with_the_endpoint_that_it_is_told)
{
	conns_set_locals(lab.d.conns, locals, 4); /* of three, so number 1 */
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	lab_datagram(&lab, CLIENT, VIP, 4000, 10, true, 64);
	cr_assert(packet_runs(lab.pkt.data, LOCAL, 2001, RS, 5353));
}

Test(fullnat, refuses_when_all_local_ports_are_in_use)
{
	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	for (uint16_t i = 0; i < 3; i++) {
		lab_datagram(&lab, CLIENT, VIP, 4000 + i, 10, true, 64);
		cr_assert_eq(lab.verdict.mark, mark_send(LAB_MASK));
		cr_assert(packet_runs(lab.pkt.data, LOCAL, 2000 + i, RS, 5353));
	}
	lab_datagram(&lab, CLIENT, VIP, 4003, 10, true, 64);
	cr_assert(!lab.verdict.mangled);
	cr_assert_eq(lab.verdict.mark, mark_refuse(LAB_MASK));
	cr_assert_eq(lab_reason(&lab, REASON_NO_LOCAL), 1);
	/* Those that have one keep it, and one that ends leaves it to the next. */
	lab_datagram(&lab, CLIENT, VIP, 4001, 10, true, 64);
	cr_assert(packet_runs(lab.pkt.data, LOCAL, 2001, RS, 5353));
	lab_wait(&lab, 200000);
	lab_datagram(&lab, CLIENT, VIP, 4001, 10, true, 64);
	lab_wait(&lab, 200000);
	lab_datagram(&lab, CLIENT, VIP, 4003, 10, true, 64);
	cr_assert_eq(lab.verdict.mark, mark_send(LAB_MASK));
}

Test(fullnat, an_error_is_translated_on_both_ends)
{
	struct build request = {.protocol = IPPROTO_UDP, FROM_TO(LOCAL, 2000, RS, 5353)},
		     answer = {.protocol = IPPROTO_UDP, FROM_TO(VIP, 53, CLIENT, 4000)},
		     from_server = {.protocol = IPPROTO_ICMP,
				    .saddr = RS,
				    .daddr = LOCAL,
				    .type = ICMP_DEST_UNREACH,
				    .code = 3,
				    .inner = &request},
		     from_client = {.protocol = IPPROTO_ICMP,
				    .saddr = CLIENT,
				    .daddr = VIP,
				    .type = ICMP_DEST_UNREACH,
				    .code = 3,
				    .inner = &answer};
	union addr vip = build_addr(VIP), client = build_addr(CLIENT), rs = build_addr(RS),
		   local = build_addr(LOCAL);

	lab_serve(&lab, build_service(IPPROTO_UDP, VIP, 53), build_dest(RS, 5353, 1),
		  FORWARD_FULLNAT);
	lab_datagram(&lab, CLIENT, VIP, 4000, 100, true, 64);
	lab.hook = HOOK_PREROUTING;
	lab_send(&lab, PKT_IN, &from_server);
	cr_assert(lab.verdict.mangled);
	cr_assert_eq(pkt_parse(&lab.pkt), REASON_NONE);
	cr_assert(addr_equal(&lab.pkt.flow.saddr, &vip) &&
		  addr_equal(&lab.pkt.flow.daddr, &client));
	cr_assert(addr_equal(&lab.pkt.inner.saddr, &client) &&
		  addr_equal(&lab.pkt.inner.daddr, &vip));
	cr_assert_eq(lab.pkt.inner.sport, htons(4000));
	cr_assert_eq(lab.pkt.inner.dport, htons(53));
	cr_assert_not(packet_wrong_sum(lab.pkt.data));
	lab_send(&lab, PKT_IN, &from_client);
	cr_assert_eq(pkt_parse(&lab.pkt), REASON_NONE);
	cr_assert(addr_equal(&lab.pkt.flow.saddr, &local) && addr_equal(&lab.pkt.flow.daddr, &rs));
	cr_assert_eq(lab.pkt.inner.sport, htons(5353));
	cr_assert_eq(lab.pkt.inner.dport, htons(2000));
	cr_assert_not(packet_wrong_sum(lab.pkt.data));
}
