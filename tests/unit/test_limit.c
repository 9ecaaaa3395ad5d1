// SPDX-License-Identifier: GPL-2.0-or-later
/* Limits of connections, of a server and of a service, and backups, as clients meet them: packets
 * go through direct_packet(). */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define A      "10.2.0.1"
#define B      "10.2.0.2"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(limit, .init = setup, .fini = teardown);

static struct service *limited(const char *scheduler, uint32_t limit)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);

	snprintf(spec.scheduler, sizeof(spec.scheduler), "%s", scheduler);
	spec.limit = limit;
	return lab_service(&lab, spec);
}

static struct dest *server(struct service *svc, const char *addr, uint32_t limit)
{
	struct dest_spec spec = build_dest(addr, 8080, 1);
	struct dest *dest;

	spec.limit = limit;
	cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &dest), 0);
	return dest;
}

static void set_limit(struct service *svc, struct dest *dest, uint32_t limit)
{
	struct dest_spec spec;

	dest_get(dest, &spec);
	spec.limit = limit;
	cr_assert_eq(service_dest_edit(svc, &spec, &dest), 0);
}

static void send_flags(const char *client, uint16_t cport, uint8_t flags)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){
			 .protocol = IPPROTO_TCP, FROM_TO(client, cport, VIP, 80), .flags = flags});
}

/* A connection of the client; true if somebody took it. */
static bool begin(const char *client, uint16_t cport)
{
	send_flags(client, cport, PKT_SYN);
	return lab.verdict.mangled;
}

static bool refused(void)
{
	return lab.verdict.action == VERDICT_ACCEPT && lab.verdict.set_mark &&
	       (lab.verdict.mark & LAB_MASK) == LAB_MASK;
}

Test(limit, a_server_never_has_more)
{
	struct service *svc = limited("rr", 0);
	struct dest *a = server(svc, A, 3), *b = server(svc, B, 0);

	for (uint16_t i = 0; i < 10; i++)
		cr_assert(begin(CLIENT, 4000 + i));
	cr_assert_eq(dest_total(a), 3);
	cr_assert_eq(dest_total(b), 7);
	cr_assert(dest_full(a) && dest_overloaded(a) && !dest_usable(a));
	set_limit(svc, b, 8);
	cr_assert(begin(CLIENT, 5000));
	cr_assert_not(begin(CLIENT, 5001));
	cr_assert(refused());
	cr_assert_eq(lab_reason(&lab, REASON_NO_SERVER), 1, "nobody can take it");
	cr_assert(begin(CLIENT, 4000), "a connection that is there goes on");
	/* Closed ones count until they are forgotten: 10 s after a reset. */
	for (uint16_t i = 0; i < 10; i++) {
		send_flags(CLIENT, 4000 + i, PKT_ACK);
		send_flags(CLIENT, 4000 + i, PKT_RST);
	}
	cr_assert_not(begin(CLIENT, 5002));
	lab_wait(&lab, 10500);
	cr_assert_not(dest_full(a) || dest_full(b));
	cr_assert(begin(CLIENT, 5003));
}

Test(limit, an_edit_counts_at_once)
{
	struct service *svc = limited("lc", 0);
	struct dest *a = server(svc, A, 0);

	for (uint16_t i = 0; i < 5; i++)
		cr_assert(begin(CLIENT, 4000 + i));
	set_limit(svc, a, 5);
	cr_assert_not(begin(CLIENT, 4100));
	set_limit(svc, a, 2);
	cr_assert_not(begin(CLIENT, 4100));
	cr_assert_eq(dest_total(a), 5, "what is there stays");
	set_limit(svc, a, 6);
	cr_assert(begin(CLIENT, 4100));
	cr_assert_not(begin(CLIENT, 4101));
	set_limit(svc, a, 0);
	cr_assert(begin(CLIENT, 4101));
	cr_assert_not(dest_full(a));
}

Test(limit, independent_of_the_thresholds)
{
	struct service *svc = limited("rr", 0);
	struct dest *a = server(svc, A, 4);

	lab_edit(svc, a, 1, 2, 1);
	cr_assert(begin(CLIENT, 4000) && begin(CLIENT, 4001));
	cr_assert(dest_overloaded(a) && !dest_full(a));
	lab_edit(svc, a, 1, 0, 0);
	cr_assert(begin(CLIENT, 4002) && begin(CLIENT, 4003));
	cr_assert(dest_full(a));
	cr_assert_not(atomic_load(&a->flags) & DEST_OVERLOAD);
	lab_edit(svc, a, 1, 4, 1);
	cr_assert(atomic_load(&a->flags) & DEST_OVERLOAD);
	set_limit(svc, a, 0);
	cr_assert(dest_overloaded(a) && !dest_full(a));
}

/* Thresholds let a client with a template pass (lvs-semantics, section 5), limits do not. */
Test(limit, clients_that_belong_to_a_full_server_are_refused)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct service *svc;
	struct dest *a, *b;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	svc = lab_service(&lab, spec);
	a = server(svc, A, 2);
	cr_assert(begin(CLIENT, 4000) && begin(CLIENT, 4001));
	cr_assert_eq(dest_total(a), 2, "the template takes no place");
	b = server(svc, B, 0);
	cr_assert_not(begin(CLIENT, 4002));
	cr_assert(refused());
	cr_assert_eq(lab_reason(&lab, REASON_SERVER_FULL), 1);
	cr_assert_eq(lab_reason(&lab, REASON_NO_SERVER), 0);
	cr_assert(begin("10.1.0.3", 4000), "another client has another server");
	cr_assert_eq(dest_total(b), 1);
	set_limit(svc, a, 0);
	lab_edit(svc, a, 1, 1, 0);
	cr_assert(begin(CLIENT, 4002), "the threshold alone lets it pass");
	cr_assert_eq(dest_total(a), 3);
}

Test(limit, a_service_never_has_more)
{
	struct service *svc = limited("rr", 5);
	struct dest *a = server(svc, A, 0), *b = server(svc, B, 1);
	struct service_spec spec;

	for (uint16_t i = 0; i < 5; i++)
		cr_assert(begin(CLIENT, 4000 + i));
	cr_assert_eq(dest_total(b), 1);
	cr_assert_not(begin(CLIENT, 4005));
	cr_assert(refused());
	cr_assert_eq(lab_reason(&lab, REASON_SERVICE_FULL), 1);
	cr_assert(service_full(svc));
	send_flags(CLIENT, 4000, PKT_ACK);
	send_flags(CLIENT, 4000, PKT_RST);
	cr_assert_not(begin(CLIENT, 4005));
	lab_wait(&lab, 10500);
	cr_assert(begin(CLIENT, 4005));
	cr_assert_not(begin(CLIENT, 4006));
	/* A server that goes takes its connections along, and brings them back. */
	service_dest_del(lab.d.services, svc, b);
	cr_assert(begin(CLIENT, 4006));
	cr_assert_not(begin(CLIENT, 4007));
	b = server(svc, B, 0);
	cr_assert_eq(dest_total(a) + dest_total(b), 6, "it was as full as it might be without b");
	cr_assert_not(begin(CLIENT, 4007));
	service_get(svc, &spec);
	spec.limit = 7;
	cr_assert_eq(service_edit(svc, &spec, svc->sched), 0);
	cr_assert(begin(CLIENT, 4007));
	cr_assert_not(begin(CLIENT, 4008));
	spec.limit = 0;
	cr_assert_eq(service_edit(svc, &spec, svc->sched), 0);
	cr_assert(begin(CLIENT, 4008));
	cr_assert_not(service_full(svc));
}

/* What a server brings back counts, also where room was left before. */
Test(limit, a_server_comes_back_to_a_service_with_room)
{
	struct service *svc = limited("rr", 5);
	struct dest *b = server(svc, B, 0), *a;

	for (uint16_t i = 0; i < 3; i++)
		cr_assert(begin(CLIENT, 4000 + i));
	service_dest_del(lab.d.services, svc, b);
	a = server(svc, A, 0);
	for (uint16_t i = 0; i < 3; i++)
		cr_assert(begin(CLIENT, 4100 + i));
	cr_assert_eq(dest_total(a), 3);
	cr_assert_eq(server(svc, B, 0), b);
	cr_assert_not(begin(CLIENT, 4103), "six are one too many already");
	cr_assert_eq(lab_reason(&lab, REASON_SERVICE_FULL), 1);
}

/* Nothing is left of a client that a full service refused. */
Test(limit, a_full_service_makes_no_template)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct service *svc;
	struct dest *a;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	spec.limit = 1;
	svc = lab_service(&lab, spec);
	a = server(svc, A, 0);
	cr_assert(begin(CLIENT, 4000));
	cr_assert_not(begin("10.1.0.3", 4000));
	cr_assert_eq(atomic_load(&a->persistent), 1);
	cr_assert_eq(lab_reason(&lab, REASON_SERVICE_FULL), 1);
}

/* The :21 service also sees flows to ports that are not its own; those pass on, as ever. */
Test(limit, what_a_full_ftp_service_would_not_take_passes)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 21);

	spec.limit = 1;
	server(lab_service(&lab, spec), A, 0);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, 21),
				 .flags = PKT_SYN});
	cr_assert(lab.verdict.mangled);
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4001, VIP, 21),
				 .flags = PKT_SYN});
	cr_assert(refused());
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4002, VIP, 2000),
				 .flags = PKT_SYN});
	cr_assert(lab_passed(&lab));
}

Test(limit, datagrams_by_themselves_take_a_place_for_a_moment)
{
	struct service_spec spec = build_service(IPPROTO_UDP, VIP, 53);
	struct dest *a;

	spec.flags = SERVICE_ONEPACKET;
	spec.limit = 1;
	a = server(lab_service(&lab, spec), A, 1);
	for (uint16_t i = 0; i < 5; i++) {
		lab_send(&lab, PKT_IN,
			 &(struct build){.protocol = IPPROTO_UDP, FROM_TO(CLIENT, 4000, VIP, 53)});
		cr_assert(lab.verdict.mangled, "datagram %u", i);
	}
	cr_assert_eq(dest_total(a), 0);
	cr_assert_not(dest_full(a));
}

/* A client that met the backup goes to a regular server once there is one; its connection stays. */
Test(limit, templates_leave_a_backup_that_stands_back)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct dest_spec backup = build_dest(B, 8080, 1);
	struct service *svc;
	struct dest *a, *b;

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 300;
	svc = lab_service(&lab, spec);
	backup.backup = true;
	cr_assert_eq(service_dest_add(lab.d.services, svc, &backup, &b), 0);
	a = server(svc, A, 0);
	lab_edit(svc, a, 0, 0, 0);
	cr_assert(begin(CLIENT, 4000) && begin(CLIENT, 4001));
	cr_assert_eq(dest_total(b), 2);
	lab_edit(svc, a, 1, 0, 0);
	cr_assert(begin(CLIENT, 4002));
	cr_assert_eq(dest_total(a), 1);
	send_flags(CLIENT, 4000, PKT_ACK);
	cr_assert(lab_runs(&lab, CLIENT, 4000, B, 8080));
	/* The other way about it is as in IPVS: who belongs to a drained server comes there. */
	lab_edit(svc, a, 0, 0, 0);
	cr_assert(begin(CLIENT, 4003));
	cr_assert_eq(dest_total(a), 2);
	cr_assert(begin("10.1.0.3", 4000));
	cr_assert_eq(dest_total(b), 3);
}
