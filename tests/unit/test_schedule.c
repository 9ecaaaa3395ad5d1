// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/schedule.c: which server and which port a new flow gets; persistence in all its forms. What
 * is expected is lvs-semantics, sections 2, 3 and 5. Packets go through direct_packet(). */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT	"10.1.0.2"
#define CLIENT2 "10.1.0.3"
#define VIP	"10.1.0.100"
#define VIP2	"10.1.0.101"
#define A	"10.2.0.1"
#define B	"10.2.0.2"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(schedule, .init = setup, .fini = teardown);

/* A service that keeps a client on one server for @timeout seconds; B comes before A in the list */
static struct service *persistent(struct service_spec spec, uint32_t timeout, uint16_t dport)
{
	struct service *svc;

	spec.flags |= SERVICE_PERSISTENT;
	spec.timeout = timeout;
	svc = lab_service(&lab, spec);
	lab_dest(&lab, svc, A, dport, 1);
	lab_dest(&lab, svc, B, dport, 1);
	return svc;
}

static struct dest *server(const struct service *svc, const char *addr, uint16_t port)
{
	union addr want = build_addr(addr);

	return service_dest(svc, AF_INET, &want, htons(port));
}

/* The first packet of a flow. */
static void begin(uint8_t protocol, const char *client, uint16_t cport, const char *vip,
		  uint16_t vport)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = protocol,
				 FROM_TO(client, cport, vip, vport),
				 .flags = PKT_SYN});
}

static bool went_to(const char *addr, uint16_t port)
{
	union addr want = build_addr(addr);
	struct flow flow = packet_flow(lab.pkt.data);

	return lab.verdict.mangled && !memcmp(&flow.daddr, &want, sizeof(want)) &&
	       ntohs(flow.dport) == port;
}

static struct conn *template_of(uint8_t protocol, const char *network, const char *vaddr,
				uint16_t vport)
{
	struct template_key key = {.flow = build_flow(protocol, network, 0, vaddr, vport)};

	return conn_find_template(lab.d.conns, &key);
}

Test(schedule, a_client_stays_on_its_server)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 8080);
	struct conn *template;

	for (uint16_t i = 0; i < 5; i++) {
		begin(IPPROTO_TCP, CLIENT, 4000 + i, VIP, 80);
		cr_assert(went_to(B, 8080), "flow %u of the first", i);
		begin(IPPROTO_TCP, CLIENT2, 4000 + i, VIP, 80);
		cr_assert(went_to(A, 8080), "flow %u of the second", i);
	}
	template = template_of(IPPROTO_TCP, CLIENT, VIP, 80);
	cr_assert(template);
	cr_assert_eq(template->dport, htons(8080));
	cr_assert_eq(atomic_load(&template->controls), 5);
	cr_assert_eq(atomic_load(&server(svc, B, 8080)->persistent), 1);
	cr_assert_eq(dest_total(server(svc, B, 8080)), 5, "templates are no connections");
	cr_assert_eq(atomic_load(&svc->traffic.conns), 10);
	cr_assert_eq(atomic_load(&template->dest->traffic.conns), 5);
	cr_assert_eq(conns_count(lab.d.conns), 12);
}

Test(schedule, a_netmask_keeps_a_network_together)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80), spec6;
	struct service *svc6;

	spec.netmask = htonl(0xffffff00);
	persistent(spec, 360, 80);
	begin(IPPROTO_TCP, "10.7.1.2", 4000, VIP, 80);
	cr_assert(went_to(B, 80));
	begin(IPPROTO_TCP, "10.7.1.254", 4000, VIP, 80);
	cr_assert(went_to(B, 80), "same /24");
	begin(IPPROTO_TCP, "10.7.2.2", 4000, VIP, 80);
	cr_assert(went_to(A, 80), "another /24");
	cr_assert(template_of(IPPROTO_TCP, "10.7.1.0", VIP, 80));

	spec6 = build_service(IPPROTO_TCP, "fd00:1::100", 80);
	spec6.flags = SERVICE_PERSISTENT;
	spec6.timeout = 360;
	spec6.netmask = 60;
	svc6 = lab_service(&lab, spec6);
	lab_dest(&lab, svc6, "fd00:2::1", 80, 1);
	lab_dest(&lab, svc6, "fd00:2::2", 80, 1);
	begin(IPPROTO_TCP, "fd00:9:0:10::1", 4000, "fd00:1::100", 80);
	cr_assert(went_to("fd00:2::2", 80));
	begin(IPPROTO_TCP, "fd00:9:0:1f:ffff::1", 4000, "fd00:1::100", 80);
	cr_assert(went_to("fd00:2::2", 80), "same /60");
	begin(IPPROTO_TCP, "fd00:9:0:20::1", 4000, "fd00:1::100", 80);
	cr_assert(went_to("fd00:2::1", 80), "another /60");
	cr_assert(template_of(IPPROTO_TCP, "fd00:9:0:10::", "fd00:1::100", 80));
}

Test(schedule, a_template_lives_from_its_last_new_connection_on)
{
	persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	lab_wait(&lab, 50000);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80); /* a retransmission: nothing new */
	lab_wait(&lab, 309900);
	cr_assert(template_of(IPPROTO_TCP, CLIENT, VIP, 80));
	lab_wait(&lab, 500);
	cr_assert_null(template_of(IPPROTO_TCP, CLIENT, VIP, 80), "put off by a packet");

	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 80);
	lab_wait(&lab, 300000);
	begin(IPPROTO_TCP, CLIENT, 4002, VIP, 80);
	lab_wait(&lab, 359900);
	cr_assert(template_of(IPPROTO_TCP, CLIENT, VIP, 80), "not put off by a new connection");
	lab_wait(&lab, 500);
	cr_assert_null(template_of(IPPROTO_TCP, CLIENT, VIP, 80));
}

Test(schedule, a_template_outlives_what_it_controls_in_steps_of_60_s)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 10, 80);
	struct conn *template;

	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 80),
				 .flags = PKT_ACK});
	template = template_of(IPPROTO_TCP, CLIENT, VIP, 80);
	cr_assert_eq(atomic_load(&template->timeout), 10000);
	lab_wait(&lab, 899000);
	cr_assert_eq(template_of(IPPROTO_TCP, CLIENT, VIP, 80), template);
	cr_assert_eq(atomic_load(&template->timeout), 60000);
	lab_wait(&lab, 1500);
	cr_assert_eq(dest_total(server(svc, B, 80)), 0);
	lab_wait(&lab, 61000);
	cr_assert_null(template_of(IPPROTO_TCP, CLIENT, VIP, 80));
}

Test(schedule, a_mark_groups_ports_protocols_and_addresses)
{
	struct service *svc = persistent(build_fwmark(7), 360, 0);
	struct conn *template;

	lab.mark = 7;
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(went_to(B, 80));
	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 443);
	cr_assert(went_to(B, 443), "another port");
	begin(IPPROTO_UDP, CLIENT, 4002, VIP, 443);
	cr_assert(went_to(B, 443), "another protocol");
	begin(IPPROTO_TCP, CLIENT, 4003, VIP2, 80);
	cr_assert(went_to(B, 80), "another address");
	begin(IPPROTO_TCP, CLIENT2, 4000, VIP, 80);
	cr_assert(went_to(A, 80), "another client");
	template = template_of(IPPROTO_IP, CLIENT, "0.0.0.7", 0);
	cr_assert(template);
	cr_assert_eq(conn_fwmark(template), 7);
	cr_assert_eq(template->dport, 0);
	cr_assert_eq(atomic_load(&template->controls), 4);
	cr_assert_eq(atomic_load(&svc->traffic.conns), 5);
	lab.mark = 8;
	begin(IPPROTO_TCP, CLIENT, 4009, VIP, 80);
	cr_assert(lab_passed(&lab), "nobody's mark");
	lab.mark = 7;
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_TCP, FROM_TO(B, 80, CLIENT, 4003)});
	cr_assert(lab_runs(&lab, VIP2, 80, CLIENT, 4003), "from the address it came for");
}

Test(schedule, a_service_of_all_ports_keeps_them_together)
{
	persistent(build_service(IPPROTO_TCP, VIP, 0), 360, 0);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(went_to(B, 80));
	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 65535);
	cr_assert(went_to(B, 65535));
	begin(IPPROTO_TCP, CLIENT2, 4001, VIP, 1);
	cr_assert(went_to(A, 1));
	cr_assert(template_of(IPPROTO_TCP, CLIENT, VIP, 0));
	cr_assert_eq(conns_count(lab.d.conns), 5);
}

Test(schedule, the_port_at_the_server)
{
	static const struct {
		const char *name;
		bool persistent;
		uint32_t mark;
		uint16_t svc_port, dest_port, packet_port, want;
	} rows[] = {
		{"mapped", false, 0, 80, 8080, 80, 8080},
		{"kept", false, 0, 80, 0, 80, 80},
		{"persistent, mapped", true, 0, 80, 8080, 80, 8080},
		{"persistent, kept", true, 0, 80, 0, 80, 80},
		{"mark, mapped", false, 7, 0, 8080, 443, 8080},
		{"mark, kept", false, 7, 0, 0, 443, 443},
		{"mark, persistent: kept whatever the server has", true, 7, 0, 8080, 443, 443},
		{"mark, persistent, kept", true, 7, 0, 0, 443, 443},
		{"all ports: kept whatever the server has", true, 0, 0, 8080, 8443, 8443},
		{"all ports, kept", true, 0, 0, 0, 8443, 8443},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service_spec spec = build_service(IPPROTO_TCP, VIP, rows[i].svc_port);
		struct service *svc;

		if (rows[i].mark)
			spec = build_fwmark(rows[i].mark);
		spec.flags = rows[i].persistent ? SERVICE_PERSISTENT : 0;
		spec.timeout = 1;
		svc = lab_service(&lab, spec);
		lab_dest(&lab, svc, A, rows[i].dest_port, 1);
		lab.mark = rows[i].mark;
		begin(IPPROTO_TCP, CLIENT, (uint16_t)(4000 + i), VIP, rows[i].packet_port);
		cr_assert(went_to(A, rows[i].want), "%s", rows[i].name);
		lab_send(&lab, PKT_OUT,
			 &(struct build){.protocol = IPPROTO_TCP,
					 FROM_TO(A, rows[i].want, CLIENT, (uint16_t)(4000 + i)),
					 .flags = PKT_ACK});
		cr_assert(lab_runs(&lab, VIP, rows[i].packet_port, CLIENT, (uint16_t)(4000 + i)),
			  "%s: back", rows[i].name);
		service_del(lab.d.services, svc);
		lab_wait(&lab, 1000000);
	}
}

Test(schedule, a_template_holds_on_a_quiesced_or_full_server)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);

	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(went_to(B, 80));
	lab_edit(svc, server(svc, B, 80), 0, 0, 0);
	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 80);
	cr_assert(went_to(B, 80), "weight 0");
	begin(IPPROTO_TCP, CLIENT2, 4000, VIP, 80);
	cr_assert(went_to(A, 80));
	lab_edit(svc, server(svc, B, 80), 1, 2, 1);
	cr_assert(dest_overloaded(server(svc, B, 80)));
	begin(IPPROTO_TCP, CLIENT, 4002, VIP, 80);
	cr_assert(went_to(B, 80), "full");
	begin(IPPROTO_TCP, "10.1.0.4", 4000, VIP, 80);
	cr_assert(went_to(A, 80), "no new clients for it");
}

Test(schedule, the_template_of_a_removed_server_chooses_no_more)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);
	struct dest *b = server(svc, B, 80);

	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(went_to(B, 80));
	service_dest_del(lab.d.services, svc, b);
	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 80);
	cr_assert(went_to(A, 80));
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP, "an old connection is not moved");
	cr_assert_eq(atomic_load(&b->persistent), 1, "the old template waits for it");
	lab_dest(&lab, svc, B, 80, 1);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(went_to(B, 80), "and lives on when the server is back");
	begin(IPPROTO_TCP, CLIENT, 4002, VIP, 80);
	cr_assert(went_to(A, 80), "the client has moved");
	lab_wait(&lab, 500000);
	cr_assert_eq(atomic_load(&b->persistent), 0);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

Test(schedule, a_removed_and_revived_server_has_its_templates_again)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);

	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	service_dest_del(lab.d.services, svc, server(svc, B, 80));
	lab_dest(&lab, svc, B, 80, 1);
	for (uint16_t i = 1; i < 4; i++) {
		begin(IPPROTO_TCP, CLIENT, 4000 + i, VIP, 80);
		cr_assert(went_to(B, 80), "flow %u", i);
	}
}

Test(schedule, without_a_server_there_is_no_template)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);

	lab_edit(svc, server(svc, A, 80), 0, 0, 0);
	lab_edit(svc, server(svc, B, 80), 0, 0, 0);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert(lab.verdict.set_mark);
	cr_assert_eq(lab_reason(&lab, REASON_NO_SERVER), 1);
	begin(IPPROTO_TCP, CLIENT, 20, VIP, 80);
	cr_assert(lab_passed(&lab), "from port 20: never scheduled");
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* A SYN on a closed connection is scheduled anew only where no template chose. */
Test(schedule, a_controlled_connection_is_reopened_not_replaced)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);
	struct conn *conn;

	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	lab_send(&lab, PKT_OUT,
		 &(struct build){
			 .protocol = IPPROTO_TCP, FROM_TO(B, 80, CLIENT, 4000), .flags = PKT_RST});
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_eq(atomic_load(&conn->state), TCP_CLOSED);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_eq(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80), conn);
	cr_assert_eq(atomic_load(&conn->state), TCP_SRECV);
	cr_assert_eq(atomic_load(&svc->traffic.conns), 1);
	cr_assert_eq(dest_active(conn->dest), 1);
}

Test(schedule, ftp_data_goes_where_its_control_connection_went)
{
	struct service *svc = persistent(build_service(IPPROTO_TCP, VIP, 21), 360, 21);

	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 21);
	cr_assert(went_to(B, 21));
	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 33333);
	cr_assert(went_to(B, 33333), "passive data");
	begin(IPPROTO_TCP, CLIENT2, 4000, VIP, 21);
	cr_assert(went_to(A, 21));
	cr_assert(template_of(IPPROTO_TCP, CLIENT, VIP, 0), "one template for both");
	begin(IPPROTO_TCP, CLIENT, 4002, VIP, 80);
	cr_assert(lab_passed(&lab), "a privileged port is no FTP data");
	lab_edit(svc, server(svc, A, 21), 0, 0, 0);
	lab_edit(svc, server(svc, B, 21), 0, 0, 0);
	begin(IPPROTO_TCP, "10.1.0.9", 4000, VIP, 21);
	cr_assert(lab.verdict.set_mark, "refused");
	begin(IPPROTO_TCP, "10.1.0.9", 4001, VIP, 33333);
	cr_assert(lab_passed(&lab), "may be another's: not ours to refuse");
}

Test(schedule, only_a_persistent_service_takes_other_ports_than_its_own)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 21);
	struct service *ftp = lab_service(&lab, spec), *all;

	lab_dest(&lab, ftp, A, 21, 1);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 21);
	cr_assert(went_to(A, 21));
	begin(IPPROTO_TCP, CLIENT, 4001, VIP, 33333);
	cr_assert(lab_passed(&lab), "FTP data");
	all = lab_service(&lab, build_service(IPPROTO_TCP, VIP2, 0));
	lab_dest(&lab, all, A, 0, 1);
	begin(IPPROTO_TCP, CLIENT, 4002, VIP2, 80);
	cr_assert(lab.verdict.set_mark, "all ports, not persistent: refused as by IPVS");
	cr_assert_eq(conns_count(lab.d.conns), 1);
}

/* Listings show it: a template of several ports has none at the server. */
Test(schedule, the_port_of_a_template)
{
	static const struct {
		uint16_t svc_port, packet_port, want;
	} rows[] = {{80, 80, 8080}, {0, 80, 0}, {21, 21, 0}, {21, 5000, 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service *svc =
			persistent(build_service(IPPROTO_TCP, VIP, rows[i].svc_port), 60, 8080);
		struct conn *template;

		begin(IPPROTO_TCP, CLIENT, 4000, VIP, rows[i].packet_port);
		template = template_of(IPPROTO_TCP, CLIENT, VIP, rows[i].want ? 80 : 0);
		cr_assert(template, "row %zu", i);
		cr_assert_eq(template->dport, htons(rows[i].want), "row %zu", i);
		service_del(lab.d.services, svc);
		lab_wait(&lab, 1000000);
	}
}

/* Here for want of a local address. */
Test(schedule, a_template_that_brought_nothing_goes_at_once)
{
	struct dest_spec dest = build_dest(A, 80, 1);
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct dest *out;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 60;
	dest.method = FORWARD_FULLNAT;
	cr_assert_eq(service_dest_add(lab.d.services, lab_service(&lab, spec), &dest, &out), 0);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_eq(lab_reason(&lab, REASON_NO_LOCAL), 1);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

Test(schedule, one_packet_scheduling_is_for_udp)
{
	struct service_spec spec = build_fwmark(7);
	struct service *svc;

	spec.flags = SERVICE_ONEPACKET;
	svc = lab_service(&lab, spec);
	lab_dest(&lab, svc, A, 0, 1);
	lab.mark = 7;
	begin(IPPROTO_UDP, CLIENT, 4000, VIP, 443);
	cr_assert_eq(conns_count(lab.d.conns), 0);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 443);
	cr_assert_eq(conns_count(lab.d.conns), 1);
}

Test(schedule, one_packet_scheduling_obeys_a_template)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP, 53);
	struct service *svc;

	spec.flags = SERVICE_ONEPACKET;
	svc = persistent(spec, 10, 53);
	for (int i = 0; i < 6; i++) {
		begin(IPPROTO_UDP, CLIENT, 4000, VIP, 53);
		cr_assert(went_to(B, 53), "packet %d", i);
		cr_assert_eq(dest_total(server(svc, B, 53)), 0);
		cr_assert_eq(conns_count(lab.d.conns), 1, "the template only");
	}
	cr_assert_eq(atomic_load(&template_of(IPPROTO_UDP, CLIENT, VIP, 53)->controls), 0);
	lab_wait(&lab, 10500);
	cr_assert_eq(conns_count(lab.d.conns), 0);
	begin(IPPROTO_UDP, CLIENT, 4000, VIP, 53);
	cr_assert(went_to(A, 53));
}

Test(schedule, a_template_is_assured_by_an_established_connection_or_an_answer)
{
	struct build in = {.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80)};
	struct conn *template;

	persistent(build_service(IPPROTO_TCP, VIP, 80), 360, 80);
	persistent(build_service(IPPROTO_UDP, VIP, 53), 360, 53);
	begin(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	template = template_of(IPPROTO_TCP, CLIENT, VIP, 80);
	cr_assert_not(atomic_load(&template->flags) & CONN_ASSURED);
	in.flags = PKT_ACK;
	lab_send(&lab, PKT_IN, &in);
	cr_assert(atomic_load(&template->flags) & CONN_ASSURED);

	begin(IPPROTO_UDP, CLIENT, 4000, VIP, 53);
	begin(IPPROTO_UDP, CLIENT, 4000, VIP, 53);
	template = template_of(IPPROTO_UDP, CLIENT, VIP, 53);
	cr_assert_not(atomic_load(&template->flags) & CONN_ASSURED);
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_UDP, FROM_TO(B, 53, CLIENT, 4000)});
	cr_assert(atomic_load(&template->flags) & CONN_ASSURED);
}
