// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/reset.c: RSTs byte by byte, what is learned of sequence numbers, and what becomes of a
 * connection that was killed, for each way of forwarding. */
#include "tests/unit/direct_build.h"

#include "lvs/reset.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define RS     "10.2.0.11"
#define LOCAL  "10.2.0.1"
#define SYN    PKT_SYN
#define ACK    PKT_ACK
#define FIN    PKT_FIN
#define RST    PKT_RST

static struct lab lab;
static struct locals *locals;

static void setup(void)
{
	const struct locals_addr addr = {AF_INET, build_addr(LOCAL)};

	lab_open(&lab);
	locals = locals_new(&addr, 1, 2000, 2002);
	conns_set_locals(lab.d.conns, locals, 0);
	lab.d.now = 5000;
}

static void teardown(void)
{
	lab_close(&lab);
	locals_free(locals);
}

TestSuite(reset, .init = setup, .fini = teardown);

static struct dest *serve(enum forward_method method)
{
	struct dest_spec spec = build_dest(RS, method == FORWARD_NAT ? 8080 : 80, 1);
	struct service *svc = lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80));
	struct dest *dest;

	spec.method = method;
	cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &dest), 0);
	return dest;
}

/* A segment with these numbers, through the director. */
static struct verdict segment(enum pkt_dir dir, uint8_t flags, uint32_t seq, uint32_t ack,
			      uint16_t payload)
{
	const struct conn *conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 40000, VIP, 80);
	bool full = conn && conn->method == FORWARD_FULLNAT;
	struct build in = {.protocol = IPPROTO_TCP,
			   FROM_TO(CLIENT, 40000, VIP, 80),
			   .flags = flags,
			   .payload = payload};
	struct build out = {.protocol = IPPROTO_TCP,
			    FROM_TO(RS, full ? 80 : 8080, full ? LOCAL : CLIENT,
				    full ? ntohs(conn->lport) : 40000),
			    .flags = flags,
			    .payload = payload};
	static uint8_t bytes[BUILD_MAX];
	size_t len = build_packet(bytes, dir == PKT_IN ? &in : &out);
	uint8_t *tcp = bytes + packet_layout(bytes).l4;

	put_be16(tcp + 4, seq >> 16);
	put_be16(tcp + 6, seq & 0xffff);
	put_be16(tcp + 8, ack >> 16);
	put_be16(tcp + 10, ack & 0xffff);
	return lab_bytes(&lab, dir, bytes, len);
}

static struct conn *known(void)
{
	struct conn *conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 40000, VIP, 80);

	cr_assert_not_null(conn);
	return conn;
}

static uint32_t get_be32(const uint8_t *at)
{
	return (uint32_t)get_be16(at) << 16 | get_be16(at + 2);
}

/* The outbox holds at @i a RST that runs so, with these numbers, for @hop. */
static void expect_reset(unsigned int i, const char *from, uint16_t from_port, const char *to,
			 uint16_t to_port, uint32_t seq, uint8_t flags, uint32_t ack,
			 const char *hop)
{
	const union addr where = build_addr(hop);
	const struct outgoing *out = &lab.outbox.items[i];
	const uint8_t *bytes = out->parts[1].iov_base, *tcp;

	cr_assert_lt(i, lab.outbox.len, "no RST %u", i);
	cr_assert(addr_equal(&out->hop, &where), "RST %u to the wrong hop", i);
	cr_assert(packet_runs(bytes, from, from_port, to, to_port), "RST %u runs elsewhere", i);
	cr_assert_null(packet_wrong_sum(bytes), "RST %u: sum of %s", i, packet_wrong_sum(bytes));
	tcp = bytes + packet_layout(bytes).l4;
	cr_assert_eq(tcp[13], flags, "RST %u: flags 0x%x", i, tcp[13]);
	cr_assert_eq(get_be32(tcp + 4), seq, "RST %u: seq 0x%x", i, get_be32(tcp + 4));
	cr_assert_eq(get_be32(tcp + 8), ack, "RST %u: ack 0x%x", i, get_be32(tcp + 8));
}

static void ends(struct conn *conn)
{
	lab.outbox.len = lab.outbox.errors = 0;
	rcu_read_lock();
	reset_ends(&lab.d, conn);
	rcu_read_unlock();
}

Test(reset, ipv4_byte_by_byte)
{
	static const uint8_t expected[] = {
		0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0x26, 0x69, 0x0a, 0x01,
		0x00, 0x64, 0x0a, 0x01, 0x00, 0x02, 0x00, 0x50, 0x9c, 0x40, 0x01, 0x02, 0x03, 0x04,
		0xa0, 0xb0, 0xc0, 0xd0, 0x50, 0x14, 0x00, 0x00, 0x99, 0x51, 0x00, 0x00};
	const struct flow flow = build_flow(IPPROTO_TCP, VIP, 80, CLIENT, 40000);
	uint8_t buf[RESET_MAX];

	cr_assert_eq(reset_build(buf, &flow, 0x01020304, true, 0xa0b0c0d0), sizeof(expected));
	cr_assert_arr_eq(buf, expected, sizeof(expected));
}

Test(reset, ipv6_byte_by_byte_without_ack)
{
	static const uint8_t expected[] = {
		0x60, 0x00, 0x00, 0x00, 0x00, 0x14, 0x06, 0x40, 0xfd, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
		0xfd, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x01, 0x00, 0x9c, 0x40, 0x01, 0xbb, 0xff, 0xff, 0xff, 0xfe,
		0x00, 0x00, 0x00, 0x00, 0x50, 0x04, 0x00, 0x00, 0x16, 0xe1, 0x00, 0x00};
	const struct flow flow = build_flow(IPPROTO_TCP, "fd00:1::2", 40000, "fd00:1::100", 443);
	uint8_t buf[RESET_MAX];

	cr_assert_eq(reset_build(buf, &flow, 0xfffffffe, false, 77), sizeof(expected));
	cr_assert_arr_eq(buf, expected, sizeof(expected));
}

Test(reset, sequence_numbers_follow_both_ends_and_never_go_back)
{
	static const struct {
		const char *name;
		enum pkt_dir dir;
		uint8_t flags;
		uint32_t seq, ack;
		uint16_t payload;
		uint32_t client_next, server_next;
	} rows[] = {
		{"SYN", PKT_IN, SYN, 0xfffffff0, 0, 0, 0xfffffff1, 0},
		{"SYN-ACK", PKT_OUT, SYN | ACK, 5000, 0xfffffff1, 0, 0xfffffff1, 5001},
		{"ACK", PKT_IN, ACK, 0xfffffff1, 5001, 0, 0xfffffff1, 5001},
		{"across zero", PKT_IN, ACK, 0xfffffff1, 5001, 32, 0x11, 5001},
		{"retransmitted", PKT_IN, ACK, 0xfffffff1, 5001, 32, 0x11, 5001},
		{"answer", PKT_OUT, ACK, 5001, 0x11, 1000, 0x11, 6001},
		{"old answer again", PKT_OUT, ACK, 5001, 0x11, 500, 0x11, 6001},
		{"acknowledged in part", PKT_IN, ACK, 0x11, 5501, 0, 0x11, 6001},
		{"acknowledged beyond", PKT_IN, ACK, 0x11, 7001, 0, 0x11, 7001},
		{"a reset teaches nothing", PKT_IN, RST, 0x7711, 0, 0, 0x11, 7001},
		{"FIN takes one", PKT_IN, FIN | ACK, 0x11, 7001, 1, 0x13, 7001},
		{"the server knows of more", PKT_OUT, ACK, 7001, 0x20, 0, 0x20, 7001},
	};

	serve(FORWARD_NAT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		segment(rows[i].dir, rows[i].flags, rows[i].seq, rows[i].ack, rows[i].payload);
		cr_assert_eq(atomic_load(&known()->client_next), rows[i].client_next, "%s: 0x%x",
			     rows[i].name, atomic_load(&known()->client_next));
		cr_assert_eq(atomic_load(&known()->server_next), rows[i].server_next, "%s: %u",
			     rows[i].name, atomic_load(&known()->server_next));
	}
}

static void establish(void)
{
	segment(PKT_IN, SYN, 100, 0, 0);
	segment(PKT_OUT, SYN | ACK, 900, 101, 0);
	segment(PKT_IN, ACK, 101, 901, 10);
}

Test(reset, nat_tells_both_ends)
{
	serve(FORWARD_NAT);
	establish();
	ends(known());
	cr_assert_eq(lab.outbox.len, 2);
	expect_reset(0, VIP, 80, CLIENT, 40000, 901, RST | ACK, 111, CLIENT);
	expect_reset(1, CLIENT, 40000, RS, 8080, 111, RST | ACK, 901, RS);
}

Test(reset, fullnat_tells_the_server_from_the_local_endpoint)
{
	serve(FORWARD_FULLNAT);
	establish();
	ends(known());
	cr_assert_eq(lab.outbox.len, 2);
	expect_reset(0, VIP, 80, CLIENT, 40000, 901, RST | ACK, 111, CLIENT);
	expect_reset(1, LOCAL, ntohs(known()->lport), RS, 80, 111, RST | ACK, 901, RS);
}

Test(reset, dr_tells_the_client_itself_by_what_it_acknowledged)
{
	serve(FORWARD_DR);
	segment(PKT_IN, SYN, 100, 0, 0);
	ends(known());
	cr_assert_eq(lab.outbox.len, 2);
	expect_reset(0, VIP, 80, CLIENT, 40000, 0, RST | ACK, 101, CLIENT); /* SYN-SENT */
	expect_reset(1, CLIENT, 40000, VIP, 80, 101, RST, 0, RS);
	segment(PKT_IN, ACK, 101, 901, 10);
	ends(known());
	expect_reset(0, VIP, 80, CLIENT, 40000, 901, RST | ACK, 111, CLIENT);
	expect_reset(1, CLIENT, 40000, VIP, 80, 111, RST | ACK, 901, RS);
}

Test(reset, a_tunnel_carries_it_to_the_server)
{
	const struct outgoing *out = &lab.outbox.items[1];

	serve(FORWARD_TUN);
	segment(PKT_IN, SYN, 100, 0, 0);
	ends(known());
	cr_assert_eq(lab.outbox.len, 2);
	cr_assert_eq(out->parts[0].iov_len, 20);
	expect_reset(1, CLIENT, 40000, VIP, 80, 101, RST, 0, RS);
}

Test(reset, a_server_without_a_way_leaves_the_client_told)
{
	struct dest_spec spec = build_dest("10.99.0.1", 80, 1);
	struct service *svc = lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80));
	struct dest *dest;

	spec.method = FORWARD_DR;
	service_dest_add(lab.d.services, svc, &spec, &dest);
	segment(PKT_IN, SYN, 100, 0, 0);
	ends(known());
	cr_assert_eq(lab.outbox.len, 1);
	cr_assert_eq(lab.outbox.errors, 0);
	expect_reset(0, VIP, 80, CLIENT, 40000, 0, RST | ACK, 101, CLIENT);
}

Test(reset, a_full_outbox_is_counted)
{
	serve(FORWARD_NAT);
	establish();
	lab.outbox.len = OUTBOX_MAX - 1;
	lab.outbox.errors = 0;
	rcu_read_lock();
	reset_ends(&lab.d, known());
	rcu_read_unlock();
	cr_assert_eq(lab.outbox.len, OUTBOX_MAX);
	cr_assert_eq(lab_reason(&lab, REASON_OUTBOX), 1);
}

static bool killed(void)
{
	bool ret;

	rcu_read_lock();
	ret = conn_kill(lab.d.conns, known(), lab.d.now);
	rcu_read_unlock();
	return ret;
}

Test(reset, killed_it_counts_as_closed_for_ten_seconds)
{
	struct dest *dest = serve(FORWARD_NAT);

	establish();
	cr_assert_eq(dest_active(dest), 1);
	cr_assert(killed());
	cr_assert_not(killed(), "twice");
	cr_assert(conn_killed(known()));
	cr_assert_eq(dest_active(dest), 0);
	cr_assert_eq(dest_inactive(dest), 1);
	cr_assert_eq(atomic_load(&known()->state), TCP_CLOSED);
	lab_wait(&lab, 5000);
	segment(PKT_IN, ACK, 111, 901, 0); /* does not put it off */
	lab_wait(&lab, 5500);
	cr_assert_null(lab_conn(&lab, IPPROTO_TCP, CLIENT, 40000, VIP, 80));
	cr_assert_eq(dest_total(dest), 0);
	cr_assert_eq(dest_active(dest), 0);
}

Test(reset, a_killed_connection_answers_with_the_numbers_of_each_packet)
{
	serve(FORWARD_NAT);
	establish();
	killed();
	cr_assert_eq(segment(PKT_IN, ACK, 4000, 77777, 100).action, VERDICT_DROP);
	cr_assert_eq(lab.outbox.len, 1);
	expect_reset(0, VIP, 80, CLIENT, 40000, 77777, RST, 0, CLIENT);
	cr_assert_eq(segment(PKT_OUT, ACK, 77777, 4100, 1400).action, VERDICT_DROP);
	cr_assert_eq(lab.outbox.len, 1);
	expect_reset(0, CLIENT, 40000, RS, 8080, 4100, RST, 0, RS);
	segment(PKT_OUT, 0, 77777, 0, 3); /* without ACK, as RFC 9293 says */
	expect_reset(0, CLIENT, 40000, RS, 8080, 0, RST | ACK, 77780, RS);
	cr_assert_eq(lab_reason(&lab, REASON_KILLED), 3);
}

Test(reset, a_killed_connection_lets_a_reset_through)
{
	serve(FORWARD_NAT);
	establish();
	killed();
	segment(PKT_IN, RST, 111, 0, 0);
	cr_assert(lab_runs(&lab, CLIENT, 40000, RS, 8080));
	cr_assert_eq(lab.outbox.len, 0);
}

Test(reset, the_client_can_begin_anew)
{
	struct dest *dest = serve(FORWARD_NAT);

	establish();
	killed();
	segment(PKT_IN, SYN, 9000, 0, 0);
	cr_assert(lab_runs(&lab, CLIENT, 40000, RS, 8080));
	cr_assert_not(conn_killed(known()));
	cr_assert_eq(atomic_load(&known()->client_next), 9001);
	cr_assert_eq(dest_total(dest), 1);
}

/* Where a template chose the server, IPVS keeps a closed connection; not this one. */
Test(reset, a_persistent_client_can_begin_anew)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct dest *dest;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 600;
	dest = lab_dest(&lab, lab_service(&lab, spec), RS, 8080, 1);
	establish();
	killed();
	segment(PKT_IN, SYN, 9000, 0, 0);
	cr_assert(lab_runs(&lab, CLIENT, 40000, RS, 8080));
	cr_assert_not(conn_killed(known()));
	cr_assert_eq(dest_total(dest), 1);
}

Test(reset, only_tcp_is_killed)
{
	struct service *svc = lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53));
	const struct build query = {.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 40000, VIP, 53)};
	struct conn *conn;

	lab_dest(&lab, svc, RS, 53, 1);
	lab_send(&lab, PKT_IN, &query);
	conn = lab_conn(&lab, IPPROTO_UDP, CLIENT, 40000, VIP, 53);
	cr_assert_not(conn_kill(lab.d.conns, conn, lab.d.now));
	cr_assert_not(conn_killed(conn));
}
