// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/carried.c and what direct.c does for connections that the kernel carries: how they are
 * decided, followed by copies, asked about when they are due, and forgotten. */
#include "tests/unit/direct_build.h"

#include "lvs/reset.h"
#include "lvs/verdict.h"

#include <criterion/criterion.h>
#include <netinet/tcp.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define MARK   0x00020000u /* number 1 */

#define ACTIVE_MS  (15 * 60 * 1000ull) /* timeouts of IPVS */
#define FINWAIT_MS (2 * 60 * 1000ull)
#define UDP_MS	   (5 * 60 * 1000ull)

static struct lab lab;
static struct service *svc;
static struct dest *a;

static void setup(void)
{
	lab_open(&lab);
	svc = lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80));
	a = lab_dest(&lab, svc, A, 8080, 1);
	atomic_store(&a->carried, MARK);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(carried, .init = setup, .fini = teardown);

static const struct build *tcp(enum pkt_dir dir, uint8_t flags)
{
	static struct build b;

	if (dir == PKT_IN)
		b = (struct build){.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80)};
	else
		b = (struct build){.protocol = IPPROTO_TCP, FROM_TO(A, 8080, CLIENT, 4000)};
	b.flags = flags;
	return &b;
}

static void in(uint8_t flags)
{
	lab_send(&lab, PKT_IN, tcp(PKT_IN, flags));
}

static struct conn *conn(void)
{
	return lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
}

static uint8_t state(void)
{
	return conn() ? atomic_load(&conn()->state) : 0xff;
}

/* A copy of a packet, or of its first @len bytes; 0: all. The block is just as large, so that ASan
 * sees what is read behind it. */
static void copy(const struct build *b, size_t len)
{
	static uint8_t bytes[BUILD_MAX];
	size_t whole = build_packet(bytes, b);
	struct pkt pkt = {.len = (uint32_t)(len ? len : whole), .gso = true};

	pkt.data = malloc(pkt.len);
	memcpy(pkt.data, bytes, pkt.len);
	lab.outbox.len = 0;
	rcu_read_lock();
	direct_observe(&lab.d, &pkt);
	rcu_read_unlock();
	cr_assert(!memcmp(pkt.data, bytes, pkt.len), "a copy is only read");
	cr_assert_eq(lab.outbox.len, 0);
	free(pkt.data);
}

static void seen(enum pkt_dir dir, uint8_t flags)
{
	copy(tcp(dir, flags), 0);
}

#define COUNTS(n, m)                                                                   \
	do {                                                                           \
		cr_assert_eq(dest_active(a), (n), "active: %u", dest_active(a));       \
		cr_assert_eq(dest_inactive(a), (m), "inactive: %u", dest_inactive(a)); \
	} while (0)

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

Test(carried, the_kernel_is_asked_when_a_connection_is_due)
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
Test(carried, more_life_is_not_the_timeout)
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
Test(carried, the_kernel_is_not_asked_about_the_rest)
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

Test(carried, what_ends_otherwise_is_to_be_forgotten)
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
Test(carried, what_is_over_there_is_not)
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
Test(carried, what_waits_goes_with_the_table)
{
	in(PKT_SYN);
	rcu_read_lock();
	conn_expire(lab.d.conns, conn());
	rcu_read_unlock();
	in(PKT_SYN);
}
