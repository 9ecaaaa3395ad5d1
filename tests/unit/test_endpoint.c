// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/endpoint.c and asked.c: local endpoints of FULLNAT connections that the kernel carries, which
 * conntrack gives and the daemon learns. */
#include "lvs/asked.h"
#include "lvs/endpoint.h"
#include "lvs/forward.h"
#include "lvs/restore.h"
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>

#define CLIENT	"10.1.0.2"
#define VIP	"10.1.0.100"
#define RS	"10.2.0.11"
#define LOCAL	"10.2.0.1"
#define EARLIER "10.2.0.9" /* was a local address once */
#define MARK	0x00020000u

static struct lab lab;
static struct locals *locals;
static struct dest *dest;
static struct asked asked;

/* What stands for conntrack: one entry, and how often it was asked. */
static struct flow entry;
static int answer;
static unsigned int questions;

static int find(struct tracker *tracker, const struct flow *reply, struct flow *request)
{
	(void)tracker;
	(void)reply;
	questions++;
	if (!answer)
		*request = entry;
	return answer;
}

static struct tracker tracker = {.find = find};

static void setup(void)
{
	const struct locals_addr addr = {AF_INET, build_addr(LOCAL)};

	lab_open(&lab);
	locals = locals_new(&addr, 1, 2000, 2002);
	conns_set_locals(lab.d.conns, locals, 0);
	lab.d.asked = &asked;
	lab.d.tracker = &tracker;
	dest = lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80)), RS, 8080, 1);
	atomic_store(&dest->forward, forward_find(FORWARD_FULLNAT));
	atomic_store(&dest->carried, MARK);
}

static void teardown(void)
{
	lab_close(&lab);
	locals_free(locals);
}

TestSuite(endpoint, .init = setup, .fini = teardown);

static struct conn *of(uint16_t cport)
{
	return lab_conn(&lab, IPPROTO_TCP, CLIENT, cport, VIP, 80);
}

static void in(uint16_t cport, uint8_t flags)
{
	const struct build b = {
		.protocol = IPPROTO_TCP, FROM_TO(CLIENT, cport, VIP, 80), .flags = flags};

	lab_send(&lab, PKT_IN, &b);
}

/* A copy of what the server answers to @port of ours. */
static void answered(const char *local, uint16_t port, uint8_t flags)
{
	const struct build b = {
		.protocol = IPPROTO_TCP, FROM_TO(RS, 8080, local, port), .flags = flags};
	uint8_t bytes[BUILD_MAX];
	struct pkt pkt = {.data = bytes, .len = (uint32_t)build_packet(bytes, &b), .gso = true};

	rcu_read_lock();
	direct_observe(&lab.d, &pkt);
	rcu_read_unlock();
}

static bool has(uint16_t cport, const char *local, uint16_t port)
{
	const union addr want = build_addr(local);
	const struct conn *conn = of(cport);
	union addr have;

	if (!conn || !conn_has_local(conn))
		return false;
	have = conn_local(conn);
	return addr_equal(&have, &want) && conn->lport == htons(port);
}

/* Is it translated here, from this port of ours? */
static bool goes(uint16_t port)
{
	const uint8_t *bytes = lab.pkt.data;

	return lab.verdict.mangled && lab.verdict.mark == mark_send(LAB_MASK) &&
	       packet_runs(bytes, LOCAL, port, RS, 8080) && !packet_wrong_sum(bytes);
}

static void tracks(uint16_t cport)
{
	entry = build_flow(IPPROTO_TCP, CLIENT, cport, VIP, 80);
	answer = 0;
}

/* Begun by a SYN, and known by the copy of its answer. */
static void begin(uint16_t cport, uint16_t port)
{
	in(cport, TH_SYN);
	cr_assert_eq(lab.verdict.mark, MARK);
	cr_assert(!lab.verdict.mangled);
	tracks(cport);
	answered(LOCAL, port, TH_SYN | TH_ACK);
}

Test(endpoint, is_learned_from_the_first_answer)
{
	in(4000, TH_SYN);
	cr_assert_not(conn_has_local(of(4000)), "the kernel gives it");
	tracks(4000);
	answered(LOCAL, 40000, TH_SYN | TH_ACK);
	cr_assert(has(4000, LOCAL, 40000));
	cr_assert_eq(questions, 1);
	/* From then on it is found without a question, and its state follows. */
	answered(LOCAL, 40000, TH_RST);
	cr_assert_eq(questions, 1);
	cr_assert_eq(atomic_load(&of(4000)->state), TCP_CLOSED);
}

Test(endpoint, answers_to_other_addresses_are_not_asked_about)
{
	in(4000, TH_SYN);
	tracks(4000);
	answered(EARLIER, 40000, TH_SYN | TH_ACK);
	cr_assert_eq(questions, 0);
	answer = -ENOENT;
	answered(LOCAL, 40000, TH_SYN | TH_ACK);
	cr_assert_eq(questions, 1);
	cr_assert_not(conn_has_local(of(4000)));
}

/* Not by the endpoint alone: the entry may be of a connection to another server. */
Test(endpoint, is_that_of_its_server)
{
	const struct build b = {.protocol = IPPROTO_TCP, FROM_TO(RS, 81, LOCAL, 40000)};
	uint8_t bytes[BUILD_MAX];
	struct pkt pkt = {.data = bytes, .len = (uint32_t)build_packet(bytes, &b), .gso = true};

	in(4000, TH_SYN);
	tracks(4000);
	rcu_read_lock();
	direct_observe(&lab.d, &pkt);
	rcu_read_unlock();
	cr_assert_eq(questions, 1);
	cr_assert_not(conn_has_local(of(4000)));
}

/* What the kernel does not know any more, or may not carry, goes on from the same endpoint. */
Test(endpoint, packets_that_come_to_the_daemon_keep_it)
{
	begin(4000, 40000);
	in(4000, TH_ACK);
	cr_assert(goes(40000));
	atomic_store(&dest->carried, 0);
	in(4000, TH_ACK);
	cr_assert(goes(40000));
}

static unsigned int asked_for;

static void take(const struct flow *flow, void *data)
{
	const struct flow *want = data;

	cr_assert_eq(flow->sport, want->sport);
	cr_assert(addr_equal(&flow->saddr, &want->saddr));
	asked_for++;
}

Test(endpoint, that_nobody_learned_is_asked_for_and_the_packet_dropped)
{
	struct flow flow = build_flow(IPPROTO_TCP, CLIENT, 4000, VIP, 80);
	const union addr local = build_addr(LOCAL);

	in(4000, TH_SYN);
	atomic_store(&dest->carried, 0);
	for (int i = 0; i < 3; i++)
		in(4000, TH_ACK);
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	cr_assert_eq(lab_reason(&lab, REASON_LOCAL_UNKNOWN), 3);
	asked_take(&asked, take, &flow);
	cr_assert_eq(asked_for, 1, "once, however often");
	asked_take(&asked, take, &flow);
	cr_assert_eq(asked_for, 1);
	rcu_read_lock();
	cr_assert(endpoint_learn(lab.d.conns, of(4000), &local, htons(40001)));
	rcu_read_unlock();
	in(4000, TH_ACK);
	cr_assert(goes(40001));
}

Test(endpoint, that_conntrack_does_not_know_is_given_here)
{
	in(4000, TH_SYN);
	atomic_store(&dest->carried, 0);
	rcu_read_lock();
	endpoint_give(lab.d.conns, of(4000), lab.d.now);
	endpoint_give(lab.d.conns, of(4000), lab.d.now);
	rcu_read_unlock();
	cr_assert(has(4000, LOCAL, 2000));
	in(4001, TH_SYN);
	cr_assert(goes(2001), "one was taken");
}

/* The kernel gives an endpoint again when it has forgotten whose it was. */
Test(endpoint, whoever_had_it_before_ends)
{
	begin(4000, 40000);
	begin(4001, 40000);
	cr_assert_null(of(4000));
	cr_assert(has(4001, LOCAL, 40000));
	cr_assert_eq(dest_total(dest), 1);
	answered(LOCAL, 40000, TH_RST);
	cr_assert_eq(atomic_load(&of(4001)->state), TCP_CLOSED);
}

Test(endpoint, one_that_is_known_stays)
{
	const union addr local = build_addr(LOCAL);

	begin(4000, 40000);
	rcu_read_lock();
	cr_assert(endpoint_learn(lab.d.conns, of(4000), &local, htons(40000)));
	cr_assert_not(endpoint_learn(lab.d.conns, of(4000), &local, htons(40001)));
	rcu_read_unlock();
	cr_assert(has(4000, LOCAL, 40000));
}

/* Those of the daemon are of its own range, so this is another's mistake: the daemon's stands. */
Test(endpoint, the_daemons_own_is_not_taken_away)
{
	atomic_store(&dest->carried, 0);
	in(4000, TH_SYN);
	cr_assert(has(4000, LOCAL, 2000));
	atomic_store(&dest->carried, MARK);
	begin(4001, 2000);
	cr_assert(has(4000, LOCAL, 2000));
	cr_assert_not(conn_has_local(of(4001)));
}

Test(endpoint, as_many_as_conntrack_has_and_no_more)
{
	locals_track(locals, 40000, 40001);
	in(4000, TH_SYN);
	in(4001, TH_SYN);
	cr_assert_eq(lab.verdict.mark, MARK);
	in(4002, TH_SYN);
	cr_assert_eq(lab.verdict.mark, mark_refuse(LAB_MASK));
	cr_assert_eq(lab_reason(&lab, REASON_NO_LOCAL), 1);
	cr_assert_eq(dest_total(dest), 2);
}

static struct remnant remnant(uint16_t cport, const char *local, uint16_t port)
{
	return (struct remnant){.flow = build_flow(IPPROTO_TCP, CLIENT, cport, VIP, 80),
				.dest = dest,
				.server = build_addr(RS),
				.server_port = htons(8080),
				.local = build_addr(local),
				.local_port = htons(port),
				.state = TCP_ESTAB};
}

static enum restored restore(struct remnant one)
{
	enum restored restored;

	rcu_read_lock();
	restored = conn_restore(&lab.d, &one);
	rcu_read_unlock();
	return restored;
}

Test(endpoint, comes_back_with_its_connection)
{
	cr_assert_eq(restore(remnant(4000, EARLIER, 40000)), RESTORED_NEW);
	cr_assert(has(4000, EARLIER, 40000), "also of an address of before");
	cr_assert_eq(restore(remnant(4001, CLIENT, 4001)), RESTORED_NEW);
	cr_assert_not(conn_has_local(of(4001)), "it began as one of NAT");
	/* One that the table has, and whose copies were lost. */
	in(4002, TH_SYN);
	cr_assert_eq(restore(remnant(4002, LOCAL, 40002)), RESTORED_KNOWN);
	cr_assert(has(4002, LOCAL, 40002));
}

Test(endpoint, of_another_daemon_are_kept_up_to_a_number)
{
	union addr addr = build_addr("10.3.0.1");
	const union addr *first = locals_keep(locals, AF_INET, &addr), *last = first;

	cr_assert_eq(locals_keep(locals, AF_INET, &addr), first);
	for (uint32_t i = 2; last && i < 1000; i++) {
		addr.ip = htonl(0x0a030000 + i);
		last = locals_keep(locals, AF_INET, &addr);
	}
	cr_assert_null(last);
	addr = build_addr("10.3.0.1");
	cr_assert_eq(locals_keep(locals, AF_INET, &addr), first);
	addr = build_addr(LOCAL);
	cr_assert_not_null(locals_keep(locals, AF_INET, &addr));
	cr_assert(locals_has(locals, AF_INET, &addr));
	cr_assert_null(locals_keep(NULL, AF_INET, &addr));
}

/* Whom the rules chose again has another endpoint. */
Test(endpoint, a_choice_of_the_rules_begins_anew)
{
	const struct build b = {
		.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80), .flags = TH_SYN};
	struct newcomers newcomers = {0};
	uint8_t bytes[BUILD_MAX];
	struct pkt pkt = {.data = bytes,
			  .len = (uint32_t)build_packet(bytes, &b),
			  .gso = true,
			  .chosen = true,
			  .mark = MARK};

	lab.d.newcomers = &newcomers;
	atomic_store(&dest->number, 1);
	begin(4000, 40000);
	rcu_read_lock();
	direct_observe(&lab.d, &pkt);
	rcu_read_unlock();
	cr_assert_not(conn_has_local(of(4000)));
	tracks(4000);
	answered(LOCAL, 40001, TH_SYN | TH_ACK);
	cr_assert(has(4000, LOCAL, 40001));
	cr_assert_eq(dest_total(dest), 1);
}
