// SPDX-License-Identifier: GPL-2.0-or-later
/* What begins a connection beside a SYN, by the settings sloppy_tcp, sloppy_sctp, schedule_icmp;
 * what nat_icmp_send says of what begins none; and templates by expire_quiescent_template. */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define B      "10.2.0.2"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(begin, .init = setup, .fini = teardown);

static void set(enum setting_id id, uint32_t value)
{
	atomic_store(&lab.settings.values[id], value);
}

static struct service *serve(struct service_spec spec)
{
	struct service *svc = lab_service(&lab, spec);

	lab_dest(&lab, svc, A, 8080, 1);
	return svc;
}

static void tcp_in(uint16_t cport, uint8_t flags)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){
			 .protocol = IPPROTO_TCP, FROM_TO(CLIENT, cport, VIP, 80), .flags = flags});
}

Test(begin, sloppy_tcp)
{
	uint16_t port = 4000;

	serve(build_service(IPPROTO_TCP, VIP, 80));
	for (int on = 0; on < 2; on++) {
		set(SETTING_SLOPPY_TCP, on);
		set(SETTING_SLOPPY_SCTP, !on);
		for (unsigned int flags = 0; flags < 32; flags++) {
			bool syn = flags & PKT_SYN, rst = flags & PKT_RST;

			tcp_in(++port, (uint8_t)flags);
			cr_assert_eq(!!lab_conn(&lab, IPPROTO_TCP, CLIENT, port, VIP, 80),
				     !rst && (syn || on), "sloppy %d, flags %#x", on, flags);
		}
	}
	/* The state is what the table makes of it. */
	tcp_in(5000, PKT_ACK);
	cr_assert_eq(atomic_load(&lab_conn(&lab, IPPROTO_TCP, CLIENT, 5000, VIP, 80)->state),
		     TCP_ESTAB);
}

Test(begin, sloppy_sctp)
{
	uint16_t port = 4000;

	serve(build_service(IPPROTO_SCTP, VIP, 80));
	for (int on = 0; on < 2; on++) {
		set(SETTING_SLOPPY_SCTP, on);
		set(SETTING_SLOPPY_TCP, !on);
		for (uint8_t chunk = 0; chunk < 16; chunk++) {
			lab_send(&lab, PKT_IN,
				 &(struct build){.protocol = IPPROTO_SCTP,
						 FROM_TO(CLIENT, ++port, VIP, 80),
						 .type = chunk,
						 .payload = 40});
			cr_assert_eq(!!lab_conn(&lab, IPPROTO_SCTP, CLIENT, port, VIP, 80),
				     chunk == CHUNK_INIT || (on && chunk != CHUNK_ABORT),
				     "sloppy %d, chunk %u", on, chunk);
		}
	}
}

/* A router on the way to the client reports on what VIP sent to the client. */
static void icmp(uint8_t protocol, uint16_t vport, uint16_t cport)
{
	const struct build dead = {
		.protocol = protocol, FROM_TO(VIP, vport, CLIENT, cport), .payload = 20};

	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_ICMP,
				 .saddr = "10.1.0.1",
				 .daddr = VIP,
				 .type = 3,
				 .code = 1,
				 .inner = &dead});
}

Test(begin, schedule_icmp)
{
	struct service *svc = serve(build_service(IPPROTO_TCP, VIP, 80));
	struct dest *dest;
	struct conn *conn;

	icmp(IPPROTO_TCP, 80, 4000);
	cr_assert(lab_passed(&lab), "it is off");
	set(SETTING_SCHEDULE_ICMP, 1);
	icmp(IPPROTO_TCP, 81, 4000);
	cr_assert(lab_passed(&lab), "of no service");
	cr_assert_eq(lab_reason(&lab, REASON_NO_SERVICE), 1);
	icmp(IPPROTO_TCP, 80, 4000);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(conn);
	dest = conn->dest;
	cr_assert(lab.verdict.mangled && lab.verdict.action == VERDICT_ACCEPT);
	cr_assert(packet_runs(lab.pkt.data, "10.1.0.1", 0, A, 0), "the error goes to the server");
	cr_assert_eq(atomic_load(&conn->state), TCP_NONE);
	cr_assert_eq(dest_total(dest), 1);
	cr_assert_eq(dest_active(dest), 0);
	cr_assert_eq(atomic_load(&svc->traffic.conns), 1);
	cr_assert_eq(atomic_load(&dest->traffic.in_pkts), 1);
	lab_wait(&lab, 2900);
	cr_assert(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80));
	lab_wait(&lab, 600);
	cr_assert_null(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80), "3 s, if none follows");

	lab_edit(svc, dest, 0, 0, 0);
	icmp(IPPROTO_TCP, 80, 4000);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP, "no error about an error");
	cr_assert_not(lab.verdict.set_mark);
	cr_assert_eq(lab_reason(&lab, REASON_NO_SERVER), 1);
}

Test(begin, schedule_icmp_leaves_nothing_of_a_one_packet_service)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP, 53);

	spec.flags = SERVICE_ONEPACKET;
	serve(spec);
	set(SETTING_SCHEDULE_ICMP, 1);
	icmp(IPPROTO_UDP, 53, 4000);
	cr_assert(lab.verdict.mangled);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* A packet of its own from a server's address and port. */
static bool told(uint8_t protocol, const char *from, uint16_t sport, uint8_t flags)
{
	uint64_t before = lab_reason(&lab, REASON_NO_CLIENT);

	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = protocol,
				 FROM_TO(from, sport, CLIENT, 4000),
				 .flags = flags,
				 .type = flags,
				 .payload = 40});
	if (lab_passed(&lab))
		return false;
	cr_assert(lab.verdict.set_mark && lab.verdict.mark == LAB_MASK && lab_untouched(&lab));
	cr_assert_eq(lab_reason(&lab, REASON_NO_CLIENT), before + 1);
	return true;
}

Test(begin, nat_icmp_send)
{
	struct service *tcp = serve(build_service(IPPROTO_TCP, VIP, 80));
	struct dest_spec direct = build_dest(B, 80, 1);
	struct dest *dest;

	serve(build_service(IPPROTO_SCTP, VIP, 80));
	direct.method = FORWARD_DR;
	cr_assert_eq(service_dest_add(lab.d.services, tcp, &direct, &dest), 0);
	cr_assert_not(told(IPPROTO_TCP, A, 8080, PKT_ACK), "it is off");
	set(SETTING_NAT_ICMP_SEND, 1);
	cr_assert(told(IPPROTO_TCP, A, 8080, PKT_ACK));
	cr_assert(told(IPPROTO_TCP, A, 8080, PKT_SYN));
	cr_assert_not(told(IPPROTO_TCP, A, 8080, PKT_RST | PKT_ACK), "never of a reset");
	cr_assert_not(told(IPPROTO_TCP, A, 8081, PKT_ACK), "another port");
	cr_assert_not(told(IPPROTO_TCP, B, 8080, PKT_ACK), "another address");
	cr_assert_not(told(IPPROTO_TCP, B, 80, PKT_ACK), "direct routing");
	cr_assert_not(told(IPPROTO_UDP, A, 8080, 0), "another protocol");
	cr_assert(told(IPPROTO_SCTP, A, 8080, CHUNK_DATA));
	cr_assert_not(told(IPPROTO_SCTP, A, 8080, CHUNK_ABORT));

	dest = service_dest(tcp, AF_INET, &(union addr){.ip = build_addr(A).ip}, htons(8080));
	service_dest_del(lab.d.services, tcp, dest);
	cr_assert_not(told(IPPROTO_TCP, A, 8080, PKT_ACK), "it serves no more");
	cr_assert(told(IPPROTO_SCTP, A, 8080, CHUNK_DATA), "the other service is still there");
	lab_dest(&lab, tcp, A, 8080, 1);
	cr_assert(told(IPPROTO_TCP, A, 8080, PKT_ACK), "revived at once");
}

Test(begin, nat_icmp_send_leaves_answers_alone)
{
	serve(build_service(IPPROTO_TCP, VIP, 80));
	set(SETTING_NAT_ICMP_SEND, 1);
	tcp_in(4000, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 8080));
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(A, 8080, CLIENT, 4000),
				 .flags = PKT_SYN | PKT_ACK});
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000));
}

/* A server of a mark has all protocols. */
Test(begin, nat_icmp_send_for_a_mark)
{
	lab_dest(&lab, lab_service(&lab, build_fwmark(7)), A, 53, 1);
	set(SETTING_NAT_ICMP_SEND, 1);
	cr_assert(told(IPPROTO_UDP, A, 53, 0));
	cr_assert(told(IPPROTO_TCP, A, 53, PKT_ACK));
}

Test(begin, expire_quiescent_template)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct service *svc;
	struct dest *a;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	svc = lab_service(&lab, spec);
	a = lab_dest(&lab, svc, A, 80, 1);
	tcp_in(4000, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 80));
	lab_dest(&lab, svc, B, 80, 1);
	set(SETTING_EXPIRE_QUIESCENT_TEMPLATE, 1);
	tcp_in(4001, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4001, A, 80), "it has weight");
	lab_edit(svc, a, 0, 0, 0);
	set(SETTING_EXPIRE_QUIESCENT_TEMPLATE, 0);
	tcp_in(4002, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4002, A, 80), "it is off");
	set(SETTING_EXPIRE_QUIESCENT_TEMPLATE, 1);
	tcp_in(4003, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4003, B, 80));
	tcp_in(4000, PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, A, 80), "what it has goes on");
	lab_edit(svc, a, 1, 0, 0);
	tcp_in(4004, PKT_SYN);
	cr_assert(lab_runs(&lab, CLIENT, 4004, B, 80), "the template is another now");
}
