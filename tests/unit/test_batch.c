// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/direct.c: all packets of a batch are looked at before the first is decided, and yet each sees
 * what those before it did. */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define B      "10.2.0.2"

static struct lab lab;
static struct service *svc;
static uint8_t bytes[2][BUILD_MAX];
static struct pkt pkts[2];

static void setup(void)
{
	lab_open(&lab);
	svc = lab_service(&lab, build_service(IPPROTO_TCP, VIP, 80));
	lab_dest(&lab, svc, A, 80, 1);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(batch, .init = setup, .fini = teardown);

/* From the client, as it comes in, or leaves if it is this machine: packet @i of the batch. */
static void request(unsigned int i, uint8_t flags, enum pkt_hook hook)
{
	struct build build = {
		.protocol = IPPROTO_TCP, FROM_TO(CLIENT, 4000, VIP, 80), .flags = flags};

	pkts[i] = (struct pkt){.data = bytes[i],
			       .len = (uint32_t)build_packet(bytes[i], &build),
			       .hook = hook,
			       .dir = hook == HOOK_OUTPUT ? PKT_OUT : PKT_IN};
}

static union addr address(unsigned int i)
{
	union addr addr = {.ip6 = {0}};

	memcpy(&addr.ip, bytes[i] + 16, sizeof(addr.ip));
	return addr;
}

static void batch_goes_to(const char *first, const char *second)
{
	struct sight sights[2];
	union addr servers[2] = {build_addr(first), build_addr(second)}, got;
	struct verdict verdict;

	rcu_read_lock();
	for (unsigned int i = 0; i < 2; i++)
		direct_look(&lab.d, &pkts[i], &sights[i]);
	for (unsigned int i = 0; i < 2; i++)
		direct_fetch(&sights[i]);
	for (unsigned int i = 0; i < 2; i++) {
		verdict = direct_decide(&lab.d, &pkts[i], &sights[i]);
		got = address(i);
		cr_assert(verdict.mangled, "packet %u: not forwarded", i);
		cr_assert(addr_equal(&got, &servers[i]), "packet %u: not to its server", i);
		cr_assert_eq(pkts[i].dir, PKT_IN, "packet %u", i);
	}
	rcu_read_unlock();
}

Test(batch, a_connection_that_began_in_it)
{
	request(0, PKT_SYN, HOOK_PREROUTING);
	request(1, PKT_ACK, HOOK_PREROUTING); /* alone, it would belong to nothing */
	batch_goes_to(A, A);
	cr_assert_eq(lab_reason(&lab, REASON_NO_CONN), 0);
	cr_assert_eq(conns_count(lab.d.conns), 1);
}

Test(batch, the_same_of_the_directors_own)
{
	request(0, PKT_SYN, HOOK_OUTPUT);
	request(1, PKT_ACK, HOOK_OUTPUT);
	batch_goes_to(A, A);
}

Test(batch, a_connection_that_was_replaced_in_it)
{
	request(0, PKT_SYN, HOOK_PREROUTING);
	request(1, PKT_ACK, HOOK_PREROUTING);
	batch_goes_to(A, A);
	atomic_store(&lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80)->state, TCP_TIMEWAIT);
	lab_dest(&lab, svc, B, 80, 1);
	lab_edit(svc, lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, 80)->dest, 0, 0, 0);
	request(0, PKT_SYN, HOOK_PREROUTING);
	request(1, PKT_ACK, HOOK_PREROUTING);
	batch_goes_to(B, B);
	cr_assert_eq(conns_count(lab.d.conns), 1);
}

/* A server on the director itself: its packet is an answer again once there is a connection. */
Test(batch, an_answer_of_the_directors_own)
{
	struct build answer = {
		.protocol = IPPROTO_TCP, FROM_TO(A, 80, CLIENT, 4000), .flags = PKT_SYN | PKT_ACK};
	struct sight sights[2];

	request(0, PKT_SYN, HOOK_PREROUTING);
	pkts[1] = (struct pkt){.data = bytes[1],
			       .len = (uint32_t)build_packet(bytes[1], &answer),
			       .hook = HOOK_OUTPUT,
			       .dir = PKT_OUT};
	rcu_read_lock();
	for (unsigned int i = 0; i < 2; i++)
		direct_look(&lab.d, &pkts[i], &sights[i]);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert(direct_decide(&lab.d, &pkts[i], &sights[i]).mangled, "packet %u", i);
	rcu_read_unlock();
	cr_assert_eq(pkts[1].dir, PKT_OUT);
}

Test(batch, nothing_that_can_be_read)
{
	struct sight sight;

	request(0, PKT_SYN, HOOK_PREROUTING);
	pkts[0].len = 30;
	direct_look(&lab.d, &pkts[0], &sight);
	cr_assert_null(sight.conn);
	direct_fetch(&sight);
	cr_assert_eq(direct_decide(&lab.d, &pkts[0], &sight).action, VERDICT_DROP);
}
