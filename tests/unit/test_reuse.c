// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/reuse.c: when a remembered connection no longer stands for the packets with its addresses and
 * ports: conn_reuse_mode, expire_nodest_conn (lvs-semantics, section 3.1). */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define B      "10.2.0.2"

static struct lab lab;
static struct service *svc;
static struct dest *a;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(reuse, .init = setup, .fini = teardown);

static void set(enum setting_id id, uint32_t value)
{
	atomic_store(&lab.settings.values[id], value);
}

/* One server, A, of this method, so that the connection to come is A's. */
static void serve(struct service_spec spec, enum forward_method method)
{
	struct dest_spec dest = build_dest(A, 80, 1);

	dest.method = method;
	svc = lab_service(&lab, spec);
	cr_assert_eq(service_dest_add(lab.d.services, svc, &dest, &a), 0);
}

static void in(uint8_t protocol, uint8_t flags)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){
			 .protocol = protocol, FROM_TO(CLIENT, 4000, VIP, 80), .flags = flags});
}

static struct conn *conn(uint8_t protocol)
{
	return lab_conn(&lab, protocol, CLIENT, 4000, VIP, 80);
}

static const char *server(uint8_t protocol)
{
	static char text[ADDR_STRLEN];
	const struct conn *found = conn(protocol);

	return found ? addr_format(text, AF_INET, &found->dest->addr) : "none";
}

/* B becomes the only server that new connections get. */
static void move_to_b(void)
{
	lab_edit(svc, a, 0, 0, 0);
	lab_dest(&lab, svc, B, 80, 1);
}

Test(reuse, bits_of_conn_reuse_mode)
{
	static const struct {
		uint32_t mode;
		uint8_t state;
		bool noout, anew;
	} rows[] = {
		{0, TCP_TIMEWAIT, false, false}, {0, TCP_CLOSED, false, false},
		{0, TCP_FINWAIT, true, false},	 {1, TCP_TIMEWAIT, false, true},
		{1, TCP_CLOSED, false, true},	 {1, TCP_FINWAIT, true, false},
		{1, TCP_ESTAB, true, false},	 {1, TCP_SRECV, false, false},
		{1, TCP_LASTACK, false, false},	 {1, TCP_CLOSEWAIT, false, false},
		{2, TCP_TIMEWAIT, true, true},	 {2, TCP_FINWAIT, true, true},
		{2, TCP_FINWAIT, false, false},	 {2, TCP_ESTAB, true, false},
		{3, TCP_FINWAIT, true, true},	 {4, TCP_TIMEWAIT, false, true},
		{4, TCP_FINWAIT, true, false},
	};

	serve(build_service(IPPROTO_TCP, VIP, 80), FORWARD_NAT);
	lab_dest(&lab, svc, B, 80, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *before, *after;
		char was[ADDR_STRLEN];
		uint8_t flags;

		in(IPPROTO_TCP, PKT_SYN);
		before = strcpy(was, server(IPPROTO_TCP));
		atomic_store(&conn(IPPROTO_TCP)->state, rows[i].state);
		flags = atomic_load(&conn(IPPROTO_TCP)->flags);
		atomic_store(
			&conn(IPPROTO_TCP)->flags,
			(uint8_t)(rows[i].noout ? flags | CONN_NOOUTPUT : flags & ~CONN_NOOUTPUT));
		set(SETTING_CONN_REUSE_MODE, rows[i].mode);
		in(IPPROTO_TCP, PKT_ACK | PKT_FIN); /* none of those that begin one */
		cr_assert_str_eq(server(IPPROTO_TCP), before, "row %zu", i);
		atomic_store(&conn(IPPROTO_TCP)->state, rows[i].state);
		in(IPPROTO_TCP, PKT_SYN);
		after = server(IPPROTO_TCP); /* rr: the other one's turn */
		cr_assert_eq(!!strcmp(was, after), rows[i].anew, "row %zu", i);
		rcu_read_lock();
		conn_expire(lab.d.conns, conn(IPPROTO_TCP));
		rcu_read_unlock();
	}
}

/* By its state; but a drained server's is, and goes where the template says then. */
Test(reuse, what_a_template_chose_is_not_superseded)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	serve(spec, FORWARD_NAT);
	in(IPPROTO_TCP, PKT_SYN);
	atomic_store(&conn(IPPROTO_TCP)->state, TCP_TIMEWAIT);
	move_to_b();
	set(SETTING_EXPIRE_QUIESCENT_TEMPLATE, 1);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), A);
	cr_assert_eq(atomic_load(&svc->traffic.conns), 1);
	set(SETTING_EXPIRE_QUIESCENT_TEMPLATE, 0);
	set(SETTING_EXPIRE_NODEST_CONN, 1);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), A, "the template still says so");
	cr_assert_eq(atomic_load(&svc->traffic.conns), 2, "a new one");
	set(SETTING_EXPIRE_QUIESCENT_TEMPLATE, 1);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), B);
}

Test(reuse, a_quiesced_servers_connection_begins_anew)
{
	serve(build_service(IPPROTO_TCP, VIP, 80), FORWARD_NAT);
	in(IPPROTO_TCP, PKT_SYN);
	in(IPPROTO_TCP, PKT_ACK);
	set(SETTING_EXPIRE_NODEST_CONN, 1);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), A, "it has weight");
	move_to_b();
	in(IPPROTO_TCP, PKT_ACK);
	cr_assert_str_eq(server(IPPROTO_TCP), A, "no SYN");
	set(SETTING_EXPIRE_NODEST_CONN, 0);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), A, "the setting is off");
	set(SETTING_EXPIRE_NODEST_CONN, 1);
	set(SETTING_CONN_REUSE_MODE, 0);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), B, "whatever conn_reuse_mode");
	cr_assert_eq(conns_count(lab.d.conns), 1);
	cr_assert_eq(dest_total(a), 0);
}

Test(reuse, a_removed_servers_connection_ends_with_its_next_packet)
{
	serve(build_service(IPPROTO_TCP, VIP, 80), FORWARD_NAT);
	in(IPPROTO_TCP, PKT_SYN);
	in(IPPROTO_TCP, PKT_ACK);
	service_dest_del(lab.d.services, svc, a);
	lab_dest(&lab, svc, B, 80, 1);
	in(IPPROTO_TCP, PKT_ACK);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	set(SETTING_EXPIRE_NODEST_CONN, 1);
	in(IPPROTO_TCP, PKT_ACK);
	cr_assert(lab_passed(&lab), "from the middle: the host answers RST");
	cr_assert_null(conn(IPPROTO_TCP));
	cr_assert_eq(conns_count(lab.d.conns), 0);
	in(IPPROTO_TCP, PKT_SYN);
	cr_assert_str_eq(server(IPPROTO_TCP), B);
}

Test(reuse, of_udp_the_next_datagram_gets_another_server)
{
	serve(build_service(IPPROTO_UDP, VIP, 80), FORWARD_NAT);
	in(IPPROTO_UDP, 0);
	service_dest_del(lab.d.services, svc, a);
	lab_dest(&lab, svc, B, 80, 1);
	set(SETTING_EXPIRE_NODEST_CONN, 1);
	in(IPPROTO_UDP, 0);
	cr_assert(lab_runs(&lab, CLIENT, 4000, B, 80));
}

/* What the removed server still answers goes through: only requests end a connection. */
Test(reuse, answers_of_a_removed_server_end_nothing)
{
	serve(build_service(IPPROTO_TCP, VIP, 80), FORWARD_NAT);
	in(IPPROTO_TCP, PKT_SYN);
	service_dest_del(lab.d.services, svc, a);
	set(SETTING_EXPIRE_NODEST_CONN, 1);
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(A, 80, CLIENT, 4000),
				 .flags = PKT_SYN | PKT_ACK});
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000));
	cr_assert(conn(IPPROTO_TCP));
	cr_assert_eq(a->traffic.out_pkts, 0, "what is in the trash counts nothing");
}
