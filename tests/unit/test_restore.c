// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/restore.c: connections that the kernel carried alone come back; and conn_resume() in
 * lvs/track.c, which gives them their state and the time that is left. */
#include "tests/unit/direct_build.h"

#include "lvs/restore.h"
#include "lvs/track.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define B      "10.2.0.2"
#define MARK   0x00020000u

#define ACTIVE_MS  (15 * 60 * 1000u) /* timeouts of IPVS */
#define FINWAIT_MS (2 * 60 * 1000u)

static struct lab lab;
static struct service *svc;
static struct dest *a, *b;

static void serve(struct service_spec spec, uint16_t port)
{
	svc = lab_service(&lab, spec);
	a = lab_dest(&lab, svc, A, port, 1);
	b = lab_dest(&lab, svc, B, port, 1);
	atomic_store(&a->carried, MARK);
	atomic_store(&b->carried, 2 * MARK);
}

static void setup(void)
{
	lab_open(&lab);
	lab.d.now = 1000000000;
	conns_free(lab.d.conns);
	lab.d.conns = conns_new(7, lab.d.now);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(restore, .init = setup, .fini = teardown);

static struct service_spec web(void)
{
	return build_service(IPPROTO_TCP, VIP, 80);
}

static struct service_spec sticky(uint16_t port)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, port);

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	return spec;
}

/* An established one from @cport to @server:@port. */
static struct remnant remnant(uint16_t cport, const char *server, uint16_t port)
{
	return (struct remnant){.flow = build_flow(IPPROTO_TCP, CLIENT, cport, VIP, 80),
				.server = build_addr(server),
				.server_port = htons(port),
				.state = TCP_ESTAB};
}

static bool restore(const struct remnant *remnant)
{
	bool restored;

	rcu_read_lock();
	restored = conn_restore(&lab.d, remnant) != RESTORED_NOT;
	rcu_read_unlock();
	return restored;
}

static struct conn *conn(uint16_t cport)
{
	return lab_conn(&lab, IPPROTO_TCP, CLIENT, cport, VIP, 80);
}

static uint64_t left(const struct conn *conn)
{
	return atomic_load(&conn->expires) - lab.d.now;
}

static void count(const struct conn *conn, void *data)
{
	(void)conn;
	++*(unsigned int *)data;
}

Test(restore, a_connection_by_the_number_of_its_server)
{
	struct remnant one = remnant(4000, B, 8080);
	struct build packet = {
		.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80), .flags = PKT_ACK};

	serve(web(), 8080);
	one.dest = b;
	cr_assert(restore(&one));
	cr_assert(conn(4000));
	cr_assert_eq(conn(4000)->dest, b);
	cr_assert_eq(atomic_load(&conn(4000)->state), TCP_ESTAB);
	cr_assert_eq(left(conn(4000)), ACTIVE_MS);
	cr_assert_eq(dest_active(b), 1);
	cr_assert_eq(dest_total(a), 0);
	cr_assert_null(conn(4000)->control);
	cr_assert_eq(conn_carried(conn(4000)), 2 * MARK);
	lab_send(&lab, PKT_IN, &packet);
	cr_assert_eq(lab.verdict.mark, 2 * MARK);
	cr_assert_eq(conns_count(lab.d.conns), 1);
	/* and by its answers */
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(B, 8080, CLIENT, 4000),
				 .flags = PKT_ACK});
	cr_assert(lab_runs(&lab, VIP, 80, CLIENT, 4000));
}

/* Another configuration may have given the number, or the server, to another service. */
Test(restore, a_number_of_another_service_is_not_believed)
{
	struct service_spec other = build_service(IPPROTO_TCP, VIP, 81);
	struct remnant one = remnant(4000, "10.2.0.3", 8080), two = remnant(4001, B, 8080);

	serve(web(), 8080);
	one.dest = lab_dest(&lab, lab_service(&lab, other), "10.2.0.3", 8080, 1);
	cr_assert_not(restore(&one));
	two.dest = one.dest;
	cr_assert(restore(&two));
	cr_assert_eq(conn(4001)->dest, b);
}

/* The rules' own schedule keeps no packet mark. */
Test(restore, a_group_by_the_number_of_its_server)
{
	struct match match = {.af = AF_INET,
			      .protocol = IPPROTO_TCP,
			      .first = 80,
			      .last = 80,
			      .addr = build_addr(VIP)};
	struct remnant one = remnant(4000, A, 80), other = remnant(4001, A, 80);
	struct service_spec spec = build_fwmark(7);

	spec.matches = &match;
	spec.matches_len = 1;
	serve(spec, 0);
	one.dest = other.dest = a;
	cr_assert(restore(&one));
	cr_assert_eq(conn(4000)->dest, a);
	cr_assert_eq(conn_fwmark(conn(4000)), 7);
	other.flow.dport = htons(81);
	cr_assert_not(restore(&other));
}

Test(restore, by_the_service_if_the_number_is_anothers)
{
	struct remnant none = remnant(4000, B, 8080), others = remnant(4001, B, 8080),
		       fwmark = remnant(4002, B, 8080);

	serve(web(), 8080);
	cr_assert(restore(&none));
	cr_assert_eq(conn(4000)->dest, b);
	others.dest = a;
	cr_assert(restore(&others));
	cr_assert_eq(conn(4001)->dest, b, "where its packets go");
	cr_assert_eq(dest_active(b), 2);
	serve(build_fwmark(7), 8080);
	fwmark.mark = 7;
	cr_assert(restore(&fwmark));
	cr_assert_eq(conn(4002)->dest, b, "of the group");
	cr_assert_eq(conn_fwmark(conn(4002)), 7);
	cr_assert_eq(conn_fwmark(conn(4000)), 0);
}

/* The server's own port comes first, before one for all ports. */
Test(restore, a_server_of_all_ports_by_its_address)
{
	struct remnant one = remnant(4000, A, 80), two = remnant(4001, A, 8080);
	struct dest *own;

	serve(sticky(0), 0);
	cr_assert(restore(&one));
	cr_assert_eq(conn(4000)->dest, a);
	cr_assert_eq(conn(4000)->dport, htons(80), "the port of the packets");
	own = lab_dest(&lab, svc, A, 8080, 1);
	cr_assert(restore(&two));
	cr_assert_eq(conn(4001)->dest, own);
}

Test(restore, of_both_families)
{
	struct service_spec spec = build_service(IPPROTO_UDP, "fd00::100", 53);
	struct remnant one = {.flow = build_flow(IPPROTO_UDP, "fd00::2", 4000, "fd00::100", 53),
			      .server = build_addr("a02:1::"), /* the bytes of A */
			      .server_port = htons(5353)};
	struct dest *dest = lab_dest(&lab, lab_service(&lab, spec), "a02:1::", 5353, 1);

	serve(web(), 8080);
	one.dest = a; /* a number that is IPv4's now */
	cr_assert(restore(&one));
	cr_assert_eq(dest_total(dest), 1);
	cr_assert_eq(dest_total(a), 0);
	cr_assert_eq(left(conn_find(lab.d.conns, &one.flow, PKT_IN)), 300000);
}

Test(restore, nothing_where_service_or_server_are_gone)
{
	struct remnant one = remnant(4000, B, 8080), stranger = remnant(4001, "10.2.0.9", 8080),
		       port = remnant(4002, B, 8081), vip = remnant(4003, B, 8080);

	serve(web(), 8080);
	cr_assert_not(restore(&stranger));
	cr_assert_not(restore(&port));
	vip.flow.dport = htons(81);
	cr_assert_not(restore(&vip));
	one.mark = 7;
	cr_assert(restore(&one), "no such group: by its address");
	/* One in the trash still has its number, and connections. */
	service_dest_del(lab.d.services, svc, b);
	vip = remnant(4004, B, 8080);
	vip.dest = b;
	cr_assert_not(restore(&vip));
	cr_assert_eq(conns_count(lab.d.conns), 1);
	cr_assert_eq(dest_total(b), 1);
}

Test(restore, what_is_there_already_stays_as_it_is)
{
	struct remnant one = remnant(4000, B, 8080);

	serve(web(), 8080);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 80),
				 .flags = PKT_SYN});
	cr_assert(conn(4000));
	one.dest = conn(4000)->dest == a ? b : a;
	one.server = one.dest->addr;
	cr_assert(restore(&one));
	cr_assert_neq(conn(4000)->dest, one.dest);
	cr_assert_eq(atomic_load(&conn(4000)->state), TCP_SRECV);
	cr_assert_eq(dest_total(one.dest), 0);
	cr_assert_eq(conns_count(lab.d.conns), 1);
	one = remnant(4001, B, 8080);
	cr_assert(restore(&one));
	cr_assert(restore(&one), "twice");
	cr_assert_eq(conns_count(lab.d.conns), 2);
}

/* The client comes to the same server afterwards, whoever's turn it would be. */
Test(restore, a_persistent_client_gets_its_template_again)
{
	struct remnant one = remnant(4000, B, 8080), two = remnant(4001, B, 8080),
		       elsewhere = remnant(4002, A, 8080);
	struct conn *template;

	serve(sticky(80), 8080);
	cr_assert(restore(&one));
	template = conn(4000)->control;
	cr_assert(template);
	cr_assert_eq(template->dest, b);
	cr_assert_eq(template->dport, htons(8080), "the server's");
	cr_assert_eq(conn_controls(template), 1);
	cr_assert_eq(atomic_load(&template->timeout), 300000);
	cr_assert_eq(atomic_load(&b->persistent), 1);
	cr_assert(restore(&two));
	cr_assert_eq(conn(4001)->control, template);
	cr_assert_eq(conn_controls(template), 2);
	cr_assert(restore(&elsewhere));
	cr_assert_eq(conn(4002)->dest, a);
	cr_assert_null(conn(4002)->control, "another server's template is not touched");
	cr_assert_eq(template->dest, b);
	for (uint16_t port = 5000; port < 5004; port++) {
		lab_send(&lab, PKT_IN,
			 &(struct build){.protocol = IPPROTO_TCP,
					 FROM_TO(CLIENT, port, VIP, 80),
					 .flags = PKT_SYN});
		cr_assert_eq(conn(port)->dest, b);
	}
	cr_assert_eq(conn_controls(template), 6);
	cr_assert_eq(atomic_load(&a->persistent), 0);
	/* It lives as long as they, and then its own time. */
	lab_wait(&lab, 2 * ACTIVE_MS);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* One for all ports keeps none. */
Test(restore, a_template_of_all_ports_has_no_port)
{
	struct remnant one = remnant(4000, B, 8080);

	serve(sticky(0), 8080); /* no service from a file has that */
	cr_assert(restore(&one));
	cr_assert(conn(4000)->control);
	cr_assert_eq(conn(4000)->control->dport, 0);
	cr_assert_eq(conn(4000)->control->vport, 0);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4001, VIP, 443),
				 .flags = PKT_SYN});
	cr_assert_eq(lab.verdict.mark, 2 * MARK, "to B on another port");
}

/* Each state with its own timeout, counted as active or not, less the time that it was idle: but
 * not less than nothing. */
Test(restore, states_and_what_is_left_of_their_time)
{
	static const struct {
		const char *name;
		uint8_t state;
		uint64_t idle, left;
		bool active;
	} rows[] = {
		{"new", TCP_ESTAB, 0, ACTIVE_MS, true},
		{"a while", TCP_ESTAB, 60000, ACTIVE_MS - 60000, true},
		{"at its end", TCP_ESTAB, ACTIVE_MS, 0, true},
		{"longer", TCP_ESTAB, 100ull * ACTIVE_MS, 0, true},
		{"handshake", TCP_SRECV, 10000, 50000, true},
		{"half closed", TCP_FINWAIT, 1000, FINWAIT_MS - 1000, false},
		{"over", TCP_TIMEWAIT, 1000, FINWAIT_MS - 1000, false},
		{"reset", TCP_CLOSED, 0, 10000, false},
	};

	serve(web(), 8080);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct remnant one = remnant((uint16_t)(4000 + i), A, 8080);
		const uint32_t active = dest_active(a), inactive = dest_inactive(a);
		const struct conn *found;

		one.state = rows[i].state;
		one.idle = rows[i].idle;
		cr_assert(restore(&one), "%s", rows[i].name);
		found = conn((uint16_t)(4000 + i));
		cr_assert_eq(atomic_load(&found->state), rows[i].state, "%s", rows[i].name);
		cr_assert_eq(left(found), rows[i].left, "%s: %lu", rows[i].name, left(found));
		cr_assert_eq(dest_active(a) - active, rows[i].active, "%s", rows[i].name);
		cr_assert_eq(dest_inactive(a) - inactive, !rows[i].active, "%s", rows[i].name);
		cr_assert_eq(left(found) + rows[i].idle >= atomic_load(&found->timeout), true,
			     "%s: its next packet gives it the whole", rows[i].name);
	}
	/* The wheel knows it, too. */
	lab_wait(&lab, 2000);
	cr_assert_null(conn(4002));
	cr_assert_null(conn(4003));
	cr_assert(conn(4000));
	lab_wait(&lab, ACTIVE_MS);
	cr_assert_eq(conns_count(lab.d.conns), 0);
	cr_assert_eq(dest_total(a), 0);
}

Test(restore, a_services_own_timeouts_hold)
{
	struct service_spec spec = web();
	struct remnant one = remnant(4000, A, 8080);

	spec.timeouts.tcp = 100;
	serve(spec, 8080);
	one.idle = 30000;
	cr_assert(restore(&one));
	cr_assert_eq(atomic_load(&conn(4000)->timeout), 100000);
	cr_assert_eq(left(conn(4000)), 70000);
}

/* A connection that ended meanwhile is not brought back. */
Test(restore, resuming_what_is_dead_changes_nothing)
{
	struct remnant one = remnant(4000, A, 8080);
	struct conn *dead;

	serve(web(), 8080);
	one.state = TCP_TIMEWAIT;
	cr_assert(restore(&one));
	dead = conn(4000);
	rcu_read_lock();
	conn_expire(lab.d.conns, dead);
	conn_resume(&lab.d, dead, TCP_ESTAB, 0);
	cr_assert_eq(atomic_load(&dead->state), TCP_TIMEWAIT);
	rcu_read_unlock();
	cr_assert_eq(dest_active(a), 0);
	cr_assert_eq(dest_total(a), 0);
	lab_wait(&lab, 2 * ACTIVE_MS);
}

/* While there is no daemon nobody counts, and what is there is not ended for it. */
Test(restore, no_limit_refuses_it)
{
	struct service_spec limited = web();
	struct dest_spec spec = build_dest(A, 8080, 1);
	struct remnant some[] = {remnant(4000, A, 8080), remnant(4001, A, 8080),
				 remnant(4002, B, 8080)};
	struct build packet = {
		.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 5000, VIP, 80), .flags = PKT_SYN};
	struct dest *out;

	limited.limit = 2;
	serve(limited, 8080);
	spec.limit = 1;
	cr_assert_eq(service_dest_edit(svc, &spec, &out), 0);
	for (size_t i = 0; i < 3; i++)
		cr_assert(restore(&some[i]), "%zu", i);
	cr_assert_eq(dest_active(a), 2);
	cr_assert_eq(dest_active(b), 1);
	/* but what is new is */
	lab_send(&lab, PKT_IN, &packet);
	cr_assert_null(conn(5000));
	for (uint16_t port = 4000; port < 4002; port++) {
		rcu_read_lock();
		conn_expire(lab.d.conns, conn(port));
		rcu_read_unlock();
	}
	lab_send(&lab, PKT_IN, &packet);
	cr_assert(conn(5000), "one of two again");
}

/* The rules began it while the daemon was there: as if that had scheduled it. */
Test(restore, what_began_meanwhile_counts)
{
	struct remnant one = remnant(4000, A, 8080), two = remnant(4001, A, 8080);

	serve(web(), 8080);
	cr_assert(restore(&one));
	cr_assert_eq(atomic_load(&svc->traffic.conns), 0, "it may have counted before");
	two.began = true;
	cr_assert(restore(&two));
	cr_assert(restore(&two));
	cr_assert_eq(atomic_load(&svc->traffic.conns), 1);
	cr_assert_eq(atomic_load(&a->traffic.conns), 1);
	cr_assert_eq(dest_active(a), 2);
}

/* Its first packet waited in a queue while the second went by another server. */
Test(restore, the_kernel_is_right)
{
	struct build packet = {
		.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80), .flags = PKT_SYN};
	struct remnant one = remnant(4000, A, 8080);
	unsigned int forgotten = 0;

	serve(web(), 8080);
	lab_send(&lab, PKT_IN, &packet);
	if (conn(4000)->dest == a) {
		one = remnant(4000, B, 8080);
		one.dest = b;
	}
	one.began = true;
	cr_assert(restore(&one));
	cr_assert(addr_equal(&conn(4000)->dest->addr, &one.server));
	cr_assert_eq(atomic_load(&conn(4000)->state), TCP_ESTAB);
	cr_assert_eq(dest_total(a) + dest_total(b), 1);
	conns_forget(lab.d.conns, count, &forgotten);
	cr_assert_eq(forgotten, 0, "what it has there is the other one");
}
