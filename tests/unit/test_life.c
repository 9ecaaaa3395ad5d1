// SPDX-License-Identifier: GPL-2.0-or-later
/* How lvs/direct.c tracks a connection: states, timeouts and the counts at the server along whole
 * TCP lives, packet by packet. Expected values are from lvs-semantics, section 3. */
#include "tests/unit/direct_build.h"

#include "lvs/timeouts.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define RS     "10.2.0.1"

#define FIN (PKT_FIN | PKT_ACK)
#define ACK PKT_ACK
#define SYN PKT_SYN
#define RST PKT_RST

static struct lab lab;
static struct dest *dest;

static void setup(void)
{
	lab_open(&lab);
	dest = lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80)), RS, 8080, 1);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(life, .init = setup, .fini = teardown);

static void tcp(enum pkt_dir dir, uint16_t cport, uint8_t flags)
{
	struct build in = {.protocol = IPPROTO_TCP, FROM_TO(CLIENT, cport, VIP, 80)};
	struct build out = {.protocol = IPPROTO_TCP, FROM_TO(RS, 8080, CLIENT, cport)};
	struct build build = dir == PKT_IN ? in : out;

	build.flags = flags;
	lab_send(&lab, dir, &build);
}

struct step {
	enum pkt_dir dir;
	uint8_t flags;
	/* afterwards */
	uint8_t state;
	uint32_t seconds;
	bool active;
};

struct life {
	const char *name;
	struct step steps[12];
	unsigned int len;
};

/* Every life begins with the client's SYN. */
static const struct life lives[] = {
	{"closed by the client",
	 {{PKT_OUT, SYN | ACK, TCP_SRECV, 60, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_OUT, ACK, TCP_ESTAB, 900, true},
	  {PKT_IN, FIN, TCP_CLOSEWAIT, 60, false},
	  {PKT_OUT, ACK, TCP_CLOSEWAIT, 60, false},
	  {PKT_OUT, FIN, TCP_TIMEWAIT, 120, false},
	  {PKT_IN, ACK, TCP_TIMEWAIT, 120, false}},
	 8},
	{"closed by the server",
	 {{PKT_OUT, SYN | ACK, TCP_SRECV, 60, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_OUT, FIN, TCP_FINWAIT, 120, false},
	  {PKT_IN, ACK, TCP_FINWAIT, 120, false},
	  {PKT_OUT, ACK, TCP_FINWAIT, 120, false},
	  {PKT_IN, FIN, TCP_TIMEWAIT, 120, false},
	  {PKT_OUT, ACK, TCP_TIMEWAIT, 120, false}},
	 7},
	{"both close at once",
	 {{PKT_OUT, SYN | ACK, TCP_SRECV, 60, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_OUT, FIN, TCP_FINWAIT, 120, false},
	  {PKT_IN, FIN, TCP_TIMEWAIT, 120, false},
	  {PKT_IN, ACK, TCP_TIMEWAIT, 120, false}},
	 5},
	{"reset by the client",
	 {{PKT_OUT, SYN | ACK, TCP_SRECV, 60, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_IN, RST, TCP_CLOSED, 10, false},
	  {PKT_OUT, ACK, TCP_CLOSED, 10, false}},
	 4},
	{"reset by the server",
	 {{PKT_OUT, SYN | ACK, TCP_SRECV, 60, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_OUT, RST | ACK, TCP_CLOSED, 10, false},
	  {PKT_IN, ACK, TCP_CLOSED, 10, false}},
	 4},
	{"refused by the server", {{PKT_OUT, RST | ACK, TCP_CLOSED, 10, false}}, 1},
	{"given up by the client", {{PKT_IN, RST, TCP_SRECV, 60, true}}, 1},
	{"a SYN again and again",
	 {{PKT_IN, SYN, TCP_SRECV, 60, true}, {PKT_IN, SYN, TCP_SRECV, 60, true}},
	 2},
	{"the answer unseen", {{PKT_IN, ACK, TCP_ESTAB, 900, true}}, 1},
	{"the server answers at once", {{PKT_OUT, ACK, TCP_ESTAB, 900, true}}, 1},
	{"closed in the handshake", {{PKT_IN, FIN, TCP_TIMEWAIT, 120, false}}, 1},
	{"no flag at all",
	 {{PKT_IN, ACK, TCP_ESTAB, 900, true}, {PKT_OUT, 0, TCP_CLOSED, 10, false}},
	 2},
	{"RST counts before SYN, SYN before FIN",
	 {{PKT_OUT, RST | SYN | PKT_FIN, TCP_CLOSED, 10, false}},
	 1},
	{"opened again from FIN_WAIT",
	 {{PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_OUT, FIN, TCP_FINWAIT, 120, false},
	  {PKT_IN, SYN, TCP_SRECV, 60, true},
	  {PKT_IN, ACK, TCP_ESTAB, 900, true}},
	 4},
	{"a SYN of the server after the end",
	 {{PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_OUT, FIN, TCP_FINWAIT, 120, false},
	  {PKT_IN, FIN, TCP_TIMEWAIT, 120, false},
	  {PKT_OUT, SYN | ACK, TCP_SSENT, 120, true}},
	 4},
	{"opened again by the server",
	 {{PKT_IN, ACK, TCP_ESTAB, 900, true},
	  {PKT_IN, FIN, TCP_CLOSEWAIT, 60, false},
	  {PKT_OUT, SYN, TCP_SSENT, 120, true},
	  {PKT_IN, ACK, TCP_SSENT, 120, true}},
	 4},
};

static const char *check(const struct conn *conn, const struct step *want)
{
	if (atomic_load(&conn->state) != want->state)
		return "state";
	if (atomic_load(&conn->timeout) != want->seconds * 1000)
		return "timeout";
	if (dest_active(dest) != want->active || dest_inactive(dest) == want->active)
		return "count";
	return NULL;
}

Test(life, states_timeouts_and_counts_follow_every_packet)
{
	static const struct step first = {PKT_IN, SYN, TCP_SRECV, 60, true};

	for (uint16_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		const struct life *life = &lives[i];
		uint16_t port = (uint16_t)(4000 + i);
		const struct step *step = &first;
		struct conn *conn = NULL;
		const char *wrong;

		for (unsigned int n = 0; n <= life->len; n++) {
			step = n ? &life->steps[n - 1] : &first;
			tcp(step->dir, port, step->flags);
			cr_assert(lab.verdict.mangled, "%s, packet %u", life->name, n);
			if (!conn)
				conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, port, VIP, 80);
			wrong = check(conn, step);
			cr_assert_null(wrong, "%s, packet %u: %s (%s, %u ms)", life->name, n, wrong,
				       proto_tcp.state_name(conn->state), conn->timeout);
			lab_wait(&lab, 1000);
		}
		lab_wait(&lab, step->seconds * 1000 - 1001);
		cr_assert_eq(lab_conn(&lab, IPPROTO_TCP, CLIENT, port, VIP, 80), conn,
			     "%s: ended too early", life->name);
		lab_wait(&lab, 301);
		cr_assert_null(lab_conn(&lab, IPPROTO_TCP, CLIENT, port, VIP, 80),
			       "%s: still there", life->name);
		cr_assert_eq(dest_total(dest), 0, "%s", life->name);
	}
}

Test(life, idle_connections_end_and_busy_ones_do_not)
{
	tcp(PKT_IN, 4000, SYN);
	tcp(PKT_IN, 4001, SYN);
	tcp(PKT_IN, 4000, ACK);
	tcp(PKT_IN, 4001, ACK);
	for (int i = 0; i < 5; i++) {
		lab_wait(&lab, 899000);
		tcp(i % 2 ? PKT_IN : PKT_OUT, 4000, ACK);
		cr_assert(lab.verdict.mangled, "ended in round %d", i);
	}
	cr_assert_null(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4001, VIP, 80));
	cr_assert_eq(dest_active(dest), 1);
	tcp(PKT_IN, 4001, ACK);
	cr_assert(lab_passed(&lab), "the middle of a forgotten connection is nobody's");
}

/* ipvsadm --set: from the next packet on, also for connections that are there. */
Test(life, changed_timeouts_take_effect)
{
	struct conn *conn;

	tcp(PKT_IN, 4000, SYN);
	tcp(PKT_IN, 4000, ACK);
	conn = lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	timeouts_change(&lab.timeouts, &(struct timeouts_spec){.tcp = 30, .tcpfin = 7});
	cr_assert_eq(conn->timeout, 900000);
	tcp(PKT_IN, 4000, ACK);
	cr_assert_eq(conn->timeout, 30000);
	tcp(PKT_OUT, 4000, FIN);
	cr_assert_eq(conn->timeout, 7000);
	lab_wait(&lab, 6900);
	cr_assert(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80));
	lab_wait(&lab, 500);
	cr_assert_null(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80));
	timeouts_change(&lab.timeouts, &(struct timeouts_spec){.tcp = 2000});
	tcp(PKT_IN, 4001, SYN);
	tcp(PKT_IN, 4001, ACK);
	lab_wait(&lab, 1999000);
	cr_assert(lab_conn(&lab, IPPROTO_TCP, CLIENT, 4001, VIP, 80), "longer works too");
}

/* InActConn is what is left of the total: the two never lose or gain one together. */
Test(life, counts_add_up_for_many)
{
	enum {
		N = 300
	};
	unsigned int closed = 0;

	for (uint16_t i = 0; i < N; i++) {
		tcp(PKT_IN, 4000 + i, SYN);
		tcp(PKT_OUT, 4000 + i, SYN | ACK);
		tcp(PKT_IN, 4000 + i, ACK);
	}
	cr_assert_eq(dest_active(dest), N);
	cr_assert_eq(dest_inactive(dest), 0);
	for (uint16_t i = 0; i < N; i += 3, closed++)
		tcp(i % 2 ? PKT_IN : PKT_OUT, 4000 + i, FIN);
	cr_assert_eq(dest_active(dest), N - closed);
	cr_assert_eq(dest_inactive(dest), closed);
	lab_wait(&lab, 121000);
	cr_assert_eq(dest_active(dest), N - closed);
	cr_assert_eq(dest_inactive(dest), 0);
	lab_wait(&lab, 780000);
	cr_assert_eq(dest_total(dest), 0);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}
