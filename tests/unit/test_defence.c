// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/defence.c: the modes of drop_entry, drop_packet and secure_tcp, and what they do, as
 * update_defense_level() and ip_vs_random_dropentry() (lvs-semantics, section 6). */
#include "tests/unit/direct_build.h"

#include "lvs/defence.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define RS     "10.2.0.1"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(defence, .init = setup, .fini = teardown);

static void set(enum setting_id id, uint32_t value)
{
	atomic_store(&lab.settings.values[id], value);
}

static const struct {
	enum setting_id id;
	const char *name;
} modes[] = {{SETTING_DROP_ENTRY, "drop_entry"},
	     {SETTING_DROP_PACKET, "drop_packet"},
	     {SETTING_SECURE_TCP, "secure_tcp"}};

static bool on(enum setting_id id)
{
	const struct defence *defence = &lab.settings.defence;

	if (id == SETTING_DROP_ENTRY)
		return atomic_load(&defence->drop_entry);
	return id == SETTING_DROP_PACKET ? atomic_load(&defence->drop_rate) > 0
					 : atomic_load(&defence->secure_tcp);
}

Test(defence, modes_follow_the_memory)
{
	static const struct {
		uint32_t mode;
		uint64_t available;
		uint32_t next;
		bool on;
	} rows[] = {
		{0, 0, 0, false},     {0, 5000, 0, false},	 {1, 1023, 2, true},
		{1, 1024, 1, false},  {1, 999999, 1, false},	 {2, 1023, 2, true},
		{2, 1024, 1, false},  {3, 0, 3, true},		 {3, 1024, 3, true},
		{3, 999999, 3, true}, {1, UINT64_MAX, 1, false},
	};

	for (size_t m = 0; m < 3; m++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			set(modes[m].id, rows[i].mode);
			defence_update(&lab.settings, rows[i].available);
			cr_assert_eq(setting(&lab.settings, modes[m].id), rows[i].next,
				     "%s, row %zu", modes[m].name, i);
			cr_assert_eq(on(modes[m].id), rows[i].on, "%s, row %zu", modes[m].name, i);
			for (size_t other = 0; other < 3; other++)
				cr_assert(other == m || !on(modes[other].id), "%s moved",
					  modes[other].name);
		}
		set(modes[m].id, 0);
		defence_update(&lab.settings, 0);
	}
}

Test(defence, each_nth_packet_is_dropped)
{
	static const struct {
		uint32_t mode, rate, threshold;
		uint64_t available;
		uint32_t n; /* 0: none */
	} rows[] = {
		{3, 10, 1024, 999999, 10}, {3, 1, 1024, 0, 1},	   {3, 0, 1024, 0, 0},
		{1, 10, 1000, 0, 1},	   {1, 10, 1000, 500, 2},  {1, 10, 1000, 750, 4},
		{1, 10, 1000, 999, 1000},  {1, 10, 1000, 1000, 0}, {0, 10, 1000, 0, 0},
		{1, 10, 1000, 400, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n = rows[i].n;

		set(SETTING_DROP_PACKET, rows[i].mode);
		set(SETTING_AM_DROPRATE, rows[i].rate);
		set(SETTING_AMEMTHRESH, rows[i].threshold);
		defence_update(&lab.settings, rows[i].available);
		if (rows[i].mode == 3) /* wherever the count was left: from the next drop on */
			while (n && !defence_drops_packet(&lab.settings))
				;
		for (uint32_t k = 1; k <= 3000; k++)
			cr_assert_eq(defence_drops_packet(&lab.settings), n && !(k % n),
				     "row %zu, packet %u", i, k);
	}
}

static void syn(uint16_t cport, uint16_t vport)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, cport, VIP, vport),
				 .flags = PKT_SYN});
}

static void web(void)
{
	lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80)), RS, 80, 1);
}

/* Only what would be a new connection of a service counts, and is dropped. */
Test(defence, packets_of_connections_and_of_nobody_are_spared)
{
	web();
	syn(4000, 80);
	set(SETTING_DROP_PACKET, 3);
	set(SETTING_AM_DROPRATE, 3);
	defence_update(&lab.settings, 999999);
	syn(4001, 80); /* the counter begins at 0: this one is dropped */
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	for (int round = 1; round <= 5; round++) {
		for (uint16_t i = 0; i < 7; i++) {
			syn(4000, 80);
			cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT);
			syn(5000 + i, 81);
			cr_assert(lab_passed(&lab));
			lab_send(&lab, PKT_IN,
				 &(struct build){.protocol = IPPROTO_TCP,
						 FROM_TO(CLIENT, 6000, VIP, 80),
						 .flags = PKT_ACK});
			cr_assert(lab_passed(&lab), "starts nothing");
		}
		syn((uint16_t)(4100 + 10 * round), 80);
		cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT);
		syn((uint16_t)(4101 + 10 * round), 80);
		cr_assert_eq(lab.verdict.action, VERDICT_ACCEPT);
		syn((uint16_t)(4102 + 10 * round), 80);
		cr_assert_eq(lab.verdict.action, VERDICT_DROP);
		cr_assert_eq(lab_reason(&lab, REASON_DROP_PACKET), (uint64_t)round + 1);
	}
}

/* With secure_tcp the client alone gets no further than SYN_RECV. */
Test(defence, secure_tcp_waits_for_the_server)
{
	struct conn *conn;

	web();
	set(SETTING_SECURE_TCP, 3);
	defence_update(&lab.settings, 999999);
	syn(4000, 80);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_eq(atomic_load(&conn->state), TCP_SRECV);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 80),
				 .flags = PKT_ACK});
	cr_assert_eq(atomic_load(&conn->state), TCP_SRECV);
	lab_send(&lab, PKT_OUT,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(RS, 80, CLIENT, 4000),
				 .flags = PKT_SYN | PKT_ACK});
	cr_assert_eq(atomic_load(&conn->state), TCP_SYNACK);
	lab_send(&lab, PKT_OUT,
		 &(struct build){
			 .protocol = IPPROTO_TCP, FROM_TO(RS, 80, CLIENT, 4000), .flags = PKT_ACK});
	cr_assert_eq(atomic_load(&conn->state), TCP_ESTAB);
	set(SETTING_SECURE_TCP, 0);
	defence_update(&lab.settings, 999999);
	syn(4001, 80);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4001, VIP, 80);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4001, VIP, 80),
				 .flags = PKT_ACK});
	cr_assert_eq(atomic_load(&conn->state), TCP_ESTAB);
}

static bool drops(struct conn *conn)
{
	struct defence_counters counters = {{0}};
	bool drop;

	rcu_read_lock();
	drop = defence_drops_entry(&counters, conn, lab.d.now);
	rcu_read_unlock();
	return drop;
}

Test(defence, half_open_connections_go)
{
	static const uint8_t half[] = {TCP_SRECV, TCP_SYNACK};
	struct conn *conn;

	web();
	syn(4000, 80);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	for (uint8_t state = 0; state < TCP_STATES; state++) {
		atomic_store(&conn->state, state);
		cr_assert_eq(drops(conn), !!memchr(half, state, sizeof(half)), "state %u", state);
	}
}

/* Established ones: idle for 60 s, and with few packets. */
Test(defence, idle_connections_with_k_packets_go_one_in_k)
{
	struct defence_counters counters = {{0}};
	struct conn *conn;

	web();
	syn(4000, 80);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_eq(atomic_load(&conn->in_pkts), 1);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 80),
				 .flags = PKT_ACK});
	cr_assert_eq(atomic_load(&conn->in_pkts), 2);
	lab_wait(&lab, 59999);
	cr_assert_not(drops(conn), "59.999 s");
	lab_wait(&lab, 1);
	cr_assert(drops(conn), "60 s");
	rcu_read_lock();
	for (uint8_t k = 0; k < 30; k++) {
		atomic_store(&conn->in_pkts, k);
		counters = (struct defence_counters){{0}};
		for (int i = 0; i < 40; i++)
			cr_assert_eq(defence_drops_entry(&counters, conn, lab.d.now),
				     k >= 1 && k <= 8 && !(i % k), "%u packets, %d", k, i);
	}
	rcu_read_unlock();
	atomic_store(&conn->in_pkts, 2);
	atomic_store(&conn->state, TCP_FINWAIT);
	cr_assert_not(drops(conn), "no other state");
}

Test(defence, packets_are_counted_up_to_255)
{
	struct service *svc = lab_service(&lab, build_service(IPPROTO_UDP, VIP, 53));
	const struct build datagram = {.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 53)};
	struct conn *conn;

	lab_dest(&lab, svc, RS, 53, 1);
	for (int i = 0; i < 300; i++)
		lab_send(&lab, PKT_IN, &datagram);
	conn = lab_conn(&lab, IPPROTO_UDP, CLIENT, 4000, VIP, 53);
	cr_assert_eq(atomic_load(&conn->in_pkts), 255);
	cr_assert_not(drops(conn));
	atomic_store(&conn->in_pkts, 1);
	lab_wait(&lab, 60000);
	cr_assert(drops(conn), "UDP by idleness alone");
}

static struct conn *template_of(uint8_t protocol, uint16_t vport)
{
	struct template_key key = {.flow = build_flow(protocol, CLIENT, 0, VIP, vport)};

	return conn_find_template(lab.d.conns, &key);
}

Test(defence, templates_go_unless_they_control_or_are_assured)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct conn *conn, *template;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	lab_dest(&lab, lab_service(&lab, spec), RS, 80, 1);
	syn(4000, 80);
	template = template_of(IPPROTO_TCP, 80);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	cr_assert_not(drops(template), "it controls one");
	rcu_read_lock();
	conn_expire(lab.d.conns, conn);
	rcu_read_unlock();
	cr_assert(drops(template));
	atomic_fetch_or(&template->flags, CONN_ASSURED);
	cr_assert_not(drops(template));
}

/* Each datagram uses the template, no connection stays: it is judged as one. */
Test(defence, templates_of_one_packet_services_go_by_idleness)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP, 53);
	const struct build datagram = {.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 53)};
	struct conn *template;

	spec.flags = SERVICE_PERSISTENT | SERVICE_ONEPACKET;
	spec.timeout = 300;
	lab_dest(&lab, lab_service(&lab, spec), RS, 53, 1);
	lab_send(&lab, PKT_IN, &datagram);
	lab_send(&lab, PKT_IN, &datagram);
	template = template_of(IPPROTO_UDP, 53);
	cr_assert_eq(atomic_load(&template->in_pkts), 2);
	cr_assert_not(drops(template));
	lab_wait(&lab, 60000);
	cr_assert(drops(template));
}

/* The last dropped connection takes its template along, unless that is assured. */
Test(defence, a_dropped_connection_takes_its_template)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	lab_dest(&lab, lab_service(&lab, spec), RS, 80, 1);
	for (int row = 0; row < 3; row++) {
		bool assured = row == 1 || row == 2, always = row == 2;

		syn(4000, 80);
		syn(4001, 80);
		if (assured)
			atomic_fetch_or(&template_of(IPPROTO_TCP, 80)->flags, CONN_ASSURED);
		rcu_read_lock();
		conn_drop(lab.d.conns, lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80), always);
		cr_assert(template_of(IPPROTO_TCP, 80), "row %d", row);
		conn_drop(lab.d.conns, lab_conn(&lab, IPPROTO_TCP, CLIENT, 4001, VIP, 80), always);
		cr_assert_eq(!template_of(IPPROTO_TCP, 80), !assured || always, "row %d", row);
		if (template_of(IPPROTO_TCP, 80))
			conn_expire(lab.d.conns, template_of(IPPROTO_TCP, 80));
		rcu_read_unlock();
	}
}
