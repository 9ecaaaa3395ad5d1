// SPDX-License-Identifier: GPL-2.0-or-later
/* Persistence engines (lvs/persistence.h): that a service's engine decides what a client is. One is
 * made here, of a kind that the built-in one is not: it knows clients by what they say, wherever
 * they are, and has nothing to say of some packets. */
#include "tests/unit/direct_build.h"

#include "lvs/persistence.h"
#include "lvs/service.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/udp.h>

#define VIP  "10.1.0.100"
#define VIP2 "10.1.0.101"
#define A    "10.2.0.1"
#define B    "10.2.0.2"

static struct lab lab;
static struct service *svc;

static void setup(void)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP, 53);

	lab_open(&lab);
	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 60;
	svc = lab_service(&lab, spec);
	lab_dest(&lab, svc, A, 5353, 1);
	lab_dest(&lab, svc, B, 5353, 1);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(persistence, .init = setup, .fini = teardown);

/* The whole payload is the name of the client. */
static bool said_fill(const struct service *service, const struct flow *flow, const struct pkt *pkt,
		      struct template_key *key)
{
	(void)service;
	if (!pkt || pkt->len <= pkt->l4 + sizeof(struct udphdr))
		return false;
	*key = (struct template_key){.flow = {.af = flow->af,
					      .protocol = flow->protocol,
					      .daddr = flow->daddr,
					      .dport = flow->dport},
				     .data = pkt->data + pkt->l4 + sizeof(struct udphdr),
				     .data_len = pkt->len - pkt->l4 - sizeof(struct udphdr)};
	return true;
}

static const struct persistence_engine said = {.name = "said", .fill = said_fill};

/* The server that a client's datagram goes to; NULL: none. */
static const char *server_for(const char *client, uint16_t port, const char *text)
{
	static char name[ADDR_STRLEN];
	uint8_t bytes[BUILD_MAX];
	struct conn *conn;
	size_t len = build_packet(bytes, &(struct build){.protocol = IPPROTO_UDP,
							 FROM_TO(client, port, VIP, 53),
							 .payload = (uint16_t)strlen(text)});

	memcpy(bytes + len - strlen(text), text, strlen(text));
	lab_bytes(&lab, PKT_IN, bytes, len);
	rcu_read_lock();
	conn = lab_conn(&lab, IPPROTO_UDP, client, port, VIP, 53);
	rcu_read_unlock();
	return conn ? addr_format(name, AF_INET, &conn->dest->addr) : NULL;
}

Test(persistence, by_address_unless_an_engine_is_named)
{
	struct service_spec spec;

	cr_assert_eq(persistence_find(""), &pe_address);
	cr_assert_eq(persistence_find("address"), &pe_address);
	cr_assert_null(persistence_find("sip"));
	cr_assert_null(persistence_find("addres"));
	service_get(svc, &spec);
	cr_assert_str_eq(spec.engine, "address");
	cr_assert_str_eq(server_for("10.1.0.2", 1000, "x"), B);
	cr_assert_str_eq(server_for("10.1.0.3", 1000, "x"), A);
	cr_assert_str_eq(server_for("10.1.0.2", 1001, "y"), B);
	cr_assert_str_eq(server_for("10.1.0.3", 1001, "y"), A);
}

Test(persistence, an_unknown_engine_is_refused)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP2, 53);
	struct service *other;

	strcpy(spec.engine, "sip");
	cr_assert_eq(service_add(lab.d.services, &spec, scheduler_find("rr"), &other), -ENOENT);
	cr_assert_eq(build_count(lab.d.services), 1);
	spec.key = svc->key;
	cr_assert_eq(service_add(lab.d.services, &spec, scheduler_find("rr"), &other), -EEXIST);
	cr_assert_eq(service_edit(svc, &spec, scheduler_find("wrr")), -ENOENT);
	cr_assert_eq(svc->sched, scheduler_find("rr"), "nothing changed");
	strcpy(spec.engine, "address");
	cr_assert_eq(service_edit(svc, &spec, scheduler_find("wrr")), 0);
}

/* One of A and B each, in turn, so that only a template can bring the same twice. */
Test(persistence, an_engine_may_go_by_what_a_packet_contains)
{
	atomic_store(&svc->engine, &said);
	cr_assert_str_eq(server_for("10.1.0.2", 1000, "ann"), B);
	cr_assert_str_eq(server_for("10.1.0.2", 1001, "bob"), A, "the same address");
	cr_assert_str_eq(server_for("10.1.0.3", 1000, "ann"), B, "elsewhere");
	cr_assert_str_eq(server_for("10.1.0.4", 1000, "bob"), A);
	cr_assert_str_eq(server_for("10.1.0.4", 1001, "an"), B, "a part of a name is another");
	cr_assert_str_eq(server_for("10.1.0.4", 1002, "anna"), A);
	cr_assert_str_eq(server_for("10.1.0.5", 1000, "an"), B);
	cr_assert_eq(conns_count(lab.d.conns), 7 + 4, "templates");
	/* Their templates live and die like others. */
	lab_wait(&lab, 400000);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* A template that loses its server makes room for another of the same key. */
Test(persistence, such_a_template_can_be_replaced)
{
	const union addr b = build_addr(B);

	atomic_store(&svc->engine, &said);
	cr_assert_str_eq(server_for("10.1.0.2", 1000, "ann"), B);
	service_dest_del(lab.d.services, svc, service_dest(svc, AF_INET, &b, htons(5353)));
	cr_assert_str_eq(server_for("10.1.0.2", 1001, "ann"), A);
	cr_assert_str_eq(server_for("10.1.0.2", 1002, "ann"), A);
}

Test(persistence, what_says_nothing_is_dropped)
{
	atomic_store(&svc->engine, &said);
	cr_assert_null(server_for("10.1.0.2", 1000, ""));
	cr_assert_eq(lab.verdict.action, VERDICT_DROP);
	cr_assert_not(lab.verdict.set_mark, "not refused: nobody is told");
	cr_assert_eq(lab_reason(&lab, REASON_NO_KEY), 1);
	cr_assert_eq(conns_count(lab.d.conns), 0);
}

/* Whose packet it would be is not known, so nothing is claimed of a template. */
Test(persistence, explain_knows_no_contents)
{
	struct flow flow = build_flow(IPPROTO_UDP, "10.1.0.2", 1001, VIP, 53);
	struct explanation found;

	atomic_store(&svc->engine, &said);
	server_for("10.1.0.2", 1000, "ann");
	rcu_read_lock();
	cr_assert_eq(direct_explain(&lab.d, &flow, 0, &found), 0);
	cr_assert_eq(found.fate.outcome, OUTCOME_SCHEDULED);
	cr_assert_null(found.fate.template);
	rcu_read_unlock();
	explanation_free(&found);
}
