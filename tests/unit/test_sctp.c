// SPDX-License-Identifier: GPL-2.0-or-later
/* SCTP through the whole decision: what starts an association, how its states, timers and counts go
 * on by each method, when its addresses and ports may begin anew. The tables are in test_proto.c,
 * what NAT changes in a packet is in test_nat.c.
 */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define RS     "10.2.0.1"
#define RS2    "10.2.0.2"
#define LOCAL  "10.3.0.1"

static struct lab lab;
static struct service *svc;
static struct locals *locals;

static void setup(void)
{
	lab_open(&lab);
	svc = lab_service(&lab, build_service(IPPROTO_SCTP, VIP, 80));
	locals = locals_new((const struct locals_addr[]){{AF_INET, build_addr(LOCAL)}}, 1, 1000,
			    1001);
	conns_set_locals(lab.d.conns, locals, 0);
}

static void teardown(void)
{
	lab_close(&lab);
	locals_free(locals);
}

TestSuite(sctp, .init = setup, .fini = teardown);

static struct dest *serve(const char *addr, uint16_t port, enum forward_method method)
{
	struct dest_spec spec = build_dest(addr, port, 1);
	struct dest *dest;

	spec.method = method;
	cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &dest), 0);
	return dest;
}

static void in(uint8_t chunk)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_SCTP,
				 FROM_TO(CLIENT, 4000, VIP, 80),
				 .type = chunk,
				 .payload = 40});
}

static void out(uint8_t chunk)
{
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_SCTP,
				 FROM_TO(RS, 8080, CLIENT, 4000),
				 .type = chunk,
				 .payload = 40});
}

static struct conn *conn(void)
{
	return lab_conn(&lab, IPPROTO_SCTP, CLIENT, 4000, VIP, 80);
}

/* Did the association come to this, with so many active, and is its timer set by it? */
static void expect(const char *state, uint32_t active, uint32_t seconds)
{
	const struct conn *now = conn();
	const struct proto *proto = proto_find(IPPROTO_SCTP);

	cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT, "before %s", state);
	cr_assert(now, "no connection before %s", state);
	cr_assert_str_eq(proto->state_name(atomic_load(&now->state)), state);
	cr_assert_eq(atomic_load(&now->dest->active), active, "%s", state);
	cr_assert_eq(dest_total(now->dest), 1, "%s", state);
	cr_assert_eq(atomic_load(&now->timeout), seconds * 1000, "%s", state);
}

Test(sctp, only_an_init_starts)
{
	serve(RS, 8080, FORWARD_NAT);
	for (unsigned int chunk = 0; chunk < 256; chunk++) {
		uint64_t passed = lab_reason(&lab, REASON_NO_CONN);

		if (chunk == CHUNK_INIT)
			continue;
		in((uint8_t)chunk);
		cr_assert(lab_passed(&lab), "chunk %u", chunk);
		cr_assert_eq(lab_reason(&lab, REASON_NO_CONN), passed + 1, "chunk %u", chunk);
	}
	in(CHUNK_INIT);
	cr_assert(lab_runs(&lab, CLIENT, 4000, RS, 8080));
	expect("INIT1", 0, 4);
}

Test(sctp, the_life_of_an_association_by_nat)
{
	serve(RS, 8080, FORWARD_NAT);
	in(CHUNK_INIT);
	expect("INIT1", 0, 4);
	out(CHUNK_INIT_ACK);
	expect("C-SENT", 0, 61);
	in(CHUNK_COOKIE_ECHO);
	expect("C-REPLIED", 0, 61);
	out(CHUNK_COOKIE_ACK);
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000));
	expect("ESTABLISHED", 1, 900);
	in(CHUNK_DATA);
	out(CHUNK_SACK);
	expect("ESTABLISHED", 1, 900);
	in(CHUNK_SHUTDOWN);
	expect("S-RECEIVED", 0, 61);
	out(CHUNK_SHUTDOWN_ACK);
	expect("S-ACK-SENT", 0, 61);
	in(CHUNK_SHUTDOWN_COMPLETE);
	expect("CLOSED", 0, 61);
	lab_wait(&lab, 62000);
	cr_assert_null(conn());
}

/* Direct routing sees the client's side only. */
Test(sctp, the_life_of_an_association_by_direct_routing)
{
	serve("127.0.0.1", 80, FORWARD_DR);
	in(CHUNK_INIT);
	expect("INIT1", 0, 4);
	in(CHUNK_COOKIE_ECHO);
	expect("ESTABLISHED", 1, 900);
	in(CHUNK_SHUTDOWN);
	expect("S-RECEIVED", 0, 61);
	in(CHUNK_SHUTDOWN_COMPLETE);
	expect("CLOSED", 0, 61);
}

Test(sctp, refused)
{
	serve(RS, 8080, FORWARD_NAT);
	in(CHUNK_INIT);
	out(CHUNK_ABORT);
	expect("REJECTED", 0, 4);
	in(CHUNK_INIT);
	expect("INIT", 0, 61);
}

Test(sctp, no_server)
{
	in(CHUNK_INIT);
	cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT);
	cr_assert(lab.verdict.set_mark && lab.verdict.mark == mark_refuse(LAB_MASK));
	cr_assert_eq(lab_reason(&lab, REASON_NO_SERVER), 1);
}

/* conn_reuse_mode 1: CLOSED only, and by an INIT only. */
Test(sctp, a_closed_association_begins_anew)
{
	const struct dest *first;

	serve(RS, 8080, FORWARD_NAT);
	in(CHUNK_INIT);
	out(CHUNK_INIT_ACK);
	in(CHUNK_COOKIE_ECHO);
	out(CHUNK_COOKIE_ACK);
	first = conn()->dest;
	serve(RS2, 8080, FORWARD_NAT);
	in(CHUNK_INIT);
	expect("ESTABLISHED", 1, 900);
	in(CHUNK_ABORT);
	expect("CLOSED", 0, 61);
	in(CHUNK_DATA);
	expect("CLOSED", 0, 61);
	cr_assert_eq(conn()->dest, first);
	in(CHUNK_INIT);
	expect("INIT1", 0, 4);
	cr_assert_neq(conn()->dest, first, "the scheduler was asked again");
}

Test(sctp, fullnat_sums_after_both_ends)
{
	struct dest *dest = serve(RS, 8080, FORWARD_FULLNAT);
	union addr local = build_addr(LOCAL);

	for (int partial = 0; partial < 2; partial++) {
		struct flow flow;

		lab.partial = partial;
		in(CHUNK_INIT);
		cr_assert(lab.verdict.mangled);
		flow = packet_flow(lab.pkt.data);
		cr_assert(addr_equal(&flow.saddr, &local));
		cr_assert(packet_runs(lab.pkt.data, LOCAL, ntohs(flow.sport), RS, 8080));
		cr_assert_null(packet_wrong_sum(lab.pkt.data), "partial %d", partial);
	}
	cr_assert_eq(dest_total(dest), 1);
}

/* A receiver of gue with remote checksums would put an Internet checksum where the CRC belongs. */
Test(sctp, a_tunnel_gets_a_packet_with_its_checksum)
{
	struct dest_spec spec = build_dest(RS, 80, 1);
	struct dest *dest;

	spec.method = FORWARD_TUN;
	spec.tunnel =
		(struct tunnel){.type = TUNNEL_GUE, .port = htons(6080), .flags = TUNNEL_REMCSUM};
	cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &dest), 0);
	lab.partial = true;
	in(CHUNK_INIT);
	cr_assert_eq(lab.verdict.action, VERDICT_STOLEN);
	cr_assert_eq(lab.outbox.items[0].parts[0].iov_len, 20 + 8 + 4, "no remote checksum");
	cr_assert_null(packet_wrong_sum(lab.pkt.data));
}

Test(sctp, a_template_is_assured_by_an_established_association)
{
	struct template_key key = {.flow = build_flow(IPPROTO_SCTP, CLIENT, 0, VIP, 81)};
	struct service_spec spec = build_service(IPPROTO_SCTP, VIP, 81);
	struct build b = {.protocol = IPPROTO_SCTP, FROM_TO(CLIENT, 4000, VIP, 81)},
		     answer = {.protocol = IPPROTO_SCTP, FROM_TO(RS, 81, CLIENT, 4000)};
	const struct conn *template;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 100;
	lab_dest(&lab, lab_service(&lab, spec), RS, 81, 1);
	b.type = CHUNK_INIT;
	lab_send(&lab, PKT_IN, &b);
	template = conn_find_template(lab.d.conns, &key);
	cr_assert(template);
	answer.type = CHUNK_INIT_ACK;
	lab_send(&lab, PKT_OUT, &answer);
	cr_assert_not(atomic_load(&template->flags) & CONN_ASSURED);
	answer.type = CHUNK_COOKIE_ACK;
	lab_send(&lab, PKT_OUT, &answer);
	cr_assert(atomic_load(&template->flags) & CONN_ASSURED);
}
