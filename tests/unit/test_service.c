// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/service.c and lvs/dest.c: look-up order, errors, list order, trash and revival, thresholds.
 */
#include "sched/schedulers.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static const struct sched_time now; /* no scheduler here asks for it */

static struct services *services;

static void setup(void)
{
	rcu_register_thread();
	services = services_new(42);
}

static void teardown(void)
{
	services_free(services);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(service, .init = setup, .fini = teardown);

static struct service *add(struct service_spec spec)
{
	struct service *svc = NULL;

	cr_assert_eq(service_add(services, &spec, scheduler_find(spec.scheduler), &svc), 0);
	return svc;
}

static struct dest *add_dest(struct service *svc, struct dest_spec spec)
{
	struct dest *dest = NULL;

	cr_assert_eq(service_dest_add(services, svc, &spec, &dest), 0);
	return dest;
}

static struct service *find(uint8_t protocol, const char *daddr, uint16_t dport, uint32_t mark)
{
	struct flow flow =
		build_flow(protocol, daddr[0] == '1' ? "10.9.9.9" : "fd00::9", 4000, daddr, dport);

	return services_find(services, &flow, mark);
}

Test(service, found_in_the_order_of_ipvs)
{
	struct service *web = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct service *ftp = add(build_service(IPPROTO_TCP, "10.0.0.1", 21));
	struct service *all = add(build_service(IPPROTO_TCP, "10.0.0.1", 0));
	struct service *mark = add(build_fwmark(7));
	struct service *dns = add(build_service(IPPROTO_UDP, "10.0.0.1", 53));
	struct service *web6 = add(build_service(IPPROTO_TCP, "fd00::1", 80));
	const struct {
		const char *name;
		uint8_t protocol;
		const char *daddr;
		uint16_t dport;
		uint32_t mark;
		struct service *want;
	} rows[] = {
		{"exact", IPPROTO_TCP, "10.0.0.1", 80, 0, web},
		{"mark wins", IPPROTO_TCP, "10.0.0.1", 80, 7, mark},
		{"mark without service", IPPROTO_TCP, "10.0.0.1", 80, 8, web},
		{"mark, any address", IPPROTO_UDP, "10.3.3.3", 9, 7, mark},
		{"ftp control", IPPROTO_TCP, "10.0.0.1", 21, 0, ftp},
		{"ftp passive data", IPPROTO_TCP, "10.0.0.1", 1024, 0, ftp},
		{"ftp active data", IPPROTO_TCP, "10.0.0.1", 20, 0, ftp},
		{"all ports", IPPROTO_TCP, "10.0.0.1", 1023, 0, all},
		{"udp", IPPROTO_UDP, "10.0.0.1", 53, 0, dns},
		{"udp has no all-port service", IPPROTO_UDP, "10.0.0.1", 54, 0, NULL},
		{"v6", IPPROTO_TCP, "fd00::1", 80, 0, web6},
		{"v6 with a v4 mark", IPPROTO_TCP, "fd00::1", 80, 7, web6},
		{"other address", IPPROTO_TCP, "10.0.0.2", 80, 0, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(find(rows[i].protocol, rows[i].daddr, rows[i].dport, rows[i].mark),
			     rows[i].want, "%s", rows[i].name);
	cr_assert_eq(build_count(services), 6);
	service_del(services, ftp);
	cr_assert_eq(find(IPPROTO_TCP, "10.0.0.1", 1024, 0), all, "no ftp service any more");
}

Test(service, errors_are_those_of_ipvs)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);
	struct service *svc = add(spec), *other;
	struct dest_spec dest = build_dest("10.2.0.1", 80, 1);
	struct dest *out;

	cr_assert_eq(service_add(services, &spec, &sched_rr, &other), -EEXIST);
	add_dest(svc, dest);
	cr_assert_eq(service_dest_add(services, svc, &dest, &out), -EEXIST);
	dest.port = htons(81);
	cr_assert_eq(service_dest_edit(svc, &dest, &out), -ENOENT);
	dest.weight = -1;
	cr_assert_eq(service_dest_add(services, svc, &dest, &out), -ERANGE);
	dest.weight = 1;
	dest.upper = 5;
	dest.lower = 6;
	cr_assert_eq(service_dest_add(services, svc, &dest, &out), -ERANGE);
	dest = build_dest("224.0.0.1", 80, 1);
	cr_assert_eq(service_dest_add(services, svc, &dest, &out), -EINVAL);
	spec = build_service(IPPROTO_TCP, "fd00::1", 80);
	spec.flags = SERVICE_PERSISTENT;
	spec.netmask = 129;
	cr_assert_eq(service_add(services, &spec, &sched_rr, &other), -EINVAL);
}

Test(service, new_servers_come_first_and_edits_move_nothing)
{
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct dest *a = add_dest(svc, build_dest("10.2.0.1", 80, 1));
	struct dest *b = add_dest(svc, build_dest("10.2.0.2", 80, 1));
	struct dest *c = add_dest(svc, build_dest("10.2.0.3", 80, 1)), *out;
	struct dest_spec edit = build_dest("10.2.0.1", 80, 9);
	struct dest *want[] = {c, b, a}, *dest;
	size_t i = 0;

	cr_assert_eq(service_dest_edit(svc, &edit, &out), 0);
	cr_assert_eq(out, a);
	cds_list_for_each_entry (dest, &svc->dests, list)
		cr_assert_eq(dest, want[i++]);
	cr_assert_eq(i, 3);
	cr_assert_eq(dest_weight(a), 9);
}

Test(service, a_removed_server_is_revived_with_its_connections)
{
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct dest_spec spec = build_dest("10.2.0.1", 80, 3);
	struct dest *dest = add_dest(svc, spec);

	dest_bind(dest, false);
	atomic_store(&dest->traffic.conns, 17);
	cr_assert_eq(service_dest_del(services, svc, dest), 0);
	cr_assert_not(dest->flags & DEST_AVAILABLE);
	cr_assert_eq(svc->dests_len, 0);
	cr_assert_null(service_schedule(svc, &(struct flow){0}, &now));
	spec.weight = 5;
	cr_assert_eq(add_dest(svc, spec), dest, "not revived");
	cr_assert_eq(dest->traffic.conns, 17);
	cr_assert_eq(dest_weight(dest), 5);
	cr_assert_eq(dest_total(dest), 1);
	/* Also when the whole service went and came back. */
	service_del(services, svc);
	svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	cr_assert_eq(add_dest(svc, spec), dest, "not revived with its service");
	cr_assert_eq(dest->traffic.conns, 0, "as in IPVS, a new service counts anew");
	dest_unbind(dest, false, false);
}

Test(service, the_trash_keeps_what_has_connections)
{
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct dest_spec spec = build_dest("10.2.0.1", 80, 3);
	struct dest *dest = add_dest(svc, spec);

	dest_bind(dest, false);
	service_dest_del(services, svc, dest);
	for (uint64_t ms = 1000; ms < 1000000; ms += 60000)
		cr_assert_not(services_sweep(services, ms), "freed with a connection");
	dest_unbind(dest, false, false);
	cr_assert_not(services_sweep(services, 1000000));
	cr_assert_not(services_sweep(services, 1119999), "freed before 120 s");
	cr_assert(services_sweep(services, 1120000));
	cr_assert_neq(atomic_load(&add_dest(svc, spec)->traffic.conns), 17);
}

/* IPVS: overloaded from upper on, until below lower, or below three quarters of upper. */
Test(service, thresholds_have_hysteresis)
{
	static const struct {
		const char *name;
		uint32_t upper, lower, clears_below;
	} rows[] = {{"lower set", 10, 4, 4}, {"lower unset", 10, 0, 8}, {"unset, odd", 7, 0, 6}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dest_spec spec = build_dest("10.2.0.1", 80, 1);
		struct service_key key = {.af = AF_INET};
		struct dest *dest;
		uint32_t n;

		spec.upper = rows[i].upper;
		spec.lower = rows[i].lower;
		dest = dest_new(&spec, &key);
		for (n = 0; n < rows[i].upper; n++) {
			cr_assert(dest_usable(dest), "%s: overloaded at %u", rows[i].name, n);
			dest_bind(dest, false);
		}
		cr_assert(dest_overloaded(dest), "%s: not overloaded", rows[i].name);
		for (; n > rows[i].clears_below; n--) {
			dest_unbind(dest, false, false);
			cr_assert_eq(dest_overloaded(dest), n - 1 >= rows[i].clears_below,
				     "%s: at %u", rows[i].name, n - 1);
		}
		dest_unbind(dest, false, false);
		cr_assert_not(dest_overloaded(dest), "%s", rows[i].name);
		while (--n)
			dest_unbind(dest, false, false);
		dest_bind(dest, true);
		cr_assert_eq(dest_total(dest), 0, "%s: a template counts", rows[i].name);
		dest_unbind(dest, true, false);
		dest_put(dest);
	}
}

/* An edit judges anew: at upper and over it sets, below lower it clears, between it keeps. */
Test(service, an_edit_judges_thresholds_anew)
{
	static const struct {
		uint32_t upper, lower;
		bool overloaded;
	} rows[] = {{0, 0, false},   {7, 0, false}, {6, 0, true},    {7, 3, true}, {8, 0, true},
		    {9, 0, false},   {8, 0, false}, {100, 6, false}, {5, 2, true}, {100, 6, true},
		    {100, 7, false}, {1, 1, true},  {0, 0, false}};
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct dest_spec spec = build_dest("10.2.0.1", 80, 1);
	struct dest *dest = add_dest(svc, spec);

	for (int i = 0; i < 6; i++)
		dest_bind(dest, false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec.upper = rows[i].upper;
		spec.lower = rows[i].lower;
		cr_assert_eq(service_dest_edit(svc, &spec, &dest), 0);
		cr_assert_eq(dest_overloaded(dest), rows[i].overloaded, "row %zu", i);
		cr_assert_eq(!service_schedule(svc, &(struct flow){0}, &now), rows[i].overloaded);
	}
	/* So does its return from the trash. */
	service_dest_del(services, svc, dest);
	spec.upper = 6;
	cr_assert_eq(add_dest(svc, spec), dest);
	cr_assert(dest_overloaded(dest));
	for (int i = 0; i < 6; i++)
		dest_unbind(dest, false, false);
}

/* In the trash nothing is estimated; back in its service it goes on where it was, and in a new one
 * it begins at zero. */
Test(service, rates_wait_in_the_trash)
{
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct dest_spec spec = build_dest("10.2.0.1", 80, 1);
	struct dest *dest = add_dest(svc, spec);

	dest_bind(dest, false);
	atomic_store(&dest->traffic.conns, 800);
	atomic_store(&svc->traffic.in_bytes, 8000);
	for (unsigned int i = 0; i < ESTIMATOR_TURNS; i++)
		services_estimate(services);
	cr_assert_eq(traffic_rates(&dest->traffic).conns, 100);
	cr_assert_eq(traffic_rates(&svc->traffic).in_bytes, 1000);
	service_dest_del(services, svc, dest);
	for (unsigned int i = 0; i < 3 * ESTIMATOR_TURNS; i++)
		services_estimate(services);
	cr_assert_eq(traffic_rates(&dest->traffic).conns, 100);
	add_dest(svc, spec);
	cr_assert_eq(traffic_rates(&dest->traffic).conns, 100);
	for (unsigned int i = 0; i < ESTIMATOR_TURNS; i++)
		services_estimate(services);
	cr_assert_eq(traffic_rates(&dest->traffic).conns, 75);
	service_del(services, svc);
	svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	cr_assert_eq(add_dest(svc, spec), dest);
	cr_assert_eq(traffic_rates(&dest->traffic).conns, 0);
	cr_assert_eq(traffic_rates(&svc->traffic).in_bytes, 0);
	dest_unbind(dest, false, false);
}

/* A turn takes a twentieth, whether the servers are of many services or of one. */
Test(service, estimates_come_in_small_portions)
{
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	char addr[32];

	for (unsigned int i = 0; i < 5120; i++) {
		snprintf(addr, sizeof(addr), "10.3.%u.%u", i / 250, i % 250 + 1);
		add_dest(svc, build_dest(addr, 80, 1));
	}
	for (unsigned int turn = 0; turn < ESTIMATOR_TURNS; turn++) {
		unsigned int done = 0;
		struct dest *dest;

		cds_list_for_each_entry (dest, &svc->dests, list)
			atomic_store(&dest->traffic.conns, turn + 1);
		services_estimate(services);
		cds_list_for_each_entry (dest, &svc->dests, list)
			done += dest->traffic.last.conns == turn + 1;
		cr_assert_leq(done, 256, "%u at once", done);
	}
}

Test(service, peek_changes_nothing)
{
	struct service *svc = add(build_service(IPPROTO_TCP, "10.0.0.1", 80));
	struct flow flow = build_flow(IPPROTO_TCP, "10.9.9.9", 1, "10.0.0.1", 80);

	add_dest(svc, build_dest("10.2.0.1", 80, 1));
	add_dest(svc, build_dest("10.2.0.2", 80, 1));
	for (int i = 0; i < 6; i++) {
		struct dest *peek = service_peek(svc, &flow);

		cr_assert_eq(peek, service_peek(svc, &flow));
		cr_assert_eq(peek, service_schedule(svc, &flow, &now));
	}
}
