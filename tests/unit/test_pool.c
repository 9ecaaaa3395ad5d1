// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/pool.c: backup servers come and go with the others' weights, and a slow start gives a server
 * a growing share, in virtual time. Flows are scheduled without packets. */
#include "sched/schedulers.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct settings settings = SETTINGS_INIT;
static struct services *services;
static uint64_t now;

static void setup(void)
{
	rcu_register_thread();
	services = services_new(42);
	now = 1000;
}

static void teardown(void)
{
	services_free(services);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(pool, .init = setup, .fini = teardown);

static struct service *add(const char *scheduler, uint32_t slow_start)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.0.0.1", 80);
	struct service *svc;

	snprintf(spec.scheduler, sizeof(spec.scheduler), "%s", scheduler);
	spec.slow_start = slow_start;
	cr_assert_eq(service_add(services, &spec, scheduler_find(scheduler), &svc), 0);
	return svc;
}

static struct dest_spec spec_of(int server, int32_t weight)
{
	char addr[16];

	snprintf(addr, sizeof(addr), "10.2.0.%d", server);
	return build_dest(addr, 80, weight);
}

static struct dest *add_spec(struct service *svc, struct dest_spec spec)
{
	struct dest *dest;

	cr_assert_eq(service_dest_add(services, svc, &spec, &dest), 0);
	return dest;
}

static struct dest *add_dest(struct service *svc, int server, int32_t weight)
{
	return add_spec(svc, spec_of(server, weight));
}

static struct dest *add_backup(struct service *svc, int server, int32_t weight)
{
	struct dest_spec spec = spec_of(server, weight);

	spec.backup = true;
	return add_spec(svc, spec);
}

static void weigh(struct service *svc, struct dest *dest, int32_t weight)
{
	struct dest_spec spec;

	dest_get(dest, &spec);
	spec.weight = weight;
	cr_assert_eq(service_dest_edit(svc, &spec, &dest), 0);
}

static struct dest *pick(struct service *svc)
{
	static uint16_t port;
	struct flow flow = build_flow(IPPROTO_TCP, "10.9.9.9", ++port, "10.0.0.1", 80);
	const struct sched_time time = {.now = now, .settings = &settings};
	struct dest *peek = service_peek(svc, &flow), *dest = service_schedule(svc, &flow, &time);

	cr_assert_eq(peek, dest, "explained otherwise than done");
	return dest;
}

/* Of @n new connections, how many @dest gets; each ends at once. */
static unsigned int share(struct service *svc, const struct dest *dest, unsigned int n)
{
	unsigned int got = 0;

	while (n--)
		got += pick(svc) == dest;
	return got;
}

/* "3 1": the servers of the pool, by the last byte of their addresses. */
static const char *pooled(const struct service *svc)
{
	static char text[64];
	struct dest *dest;
	size_t len = 0;

	text[0] = '\0';
	cds_list_for_each_entry (dest, &svc->pool, pool)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len ? " " : "",
					dest->addr.bytes[3]);
	return text;
}

static void wait_ms(uint64_t ms)
{
	for (uint64_t end = now + ms; now < end;) {
		now += end - now < 100 ? end - now : 100;
		services_rise(services, now);
	}
}

Test(pool, without_backups_it_is_the_list)
{
	struct service *svc = add("rr", 0);
	struct dest *a = add_dest(svc, 1, 0), *b = add_dest(svc, 2, 0);

	cr_assert_str_eq(pooled(svc), "2 1", "also if all have weight 0");
	add_dest(svc, 3, 1);
	weigh(svc, b, 1);
	cr_assert_str_eq(pooled(svc), "3 2 1");
	service_dest_del(services, svc, a);
	cr_assert_str_eq(pooled(svc), "3 2");
	cr_assert_eq(svc->pool_len, 2);
}

Test(pool, backups_serve_while_nobody_else_has_weight)
{
	struct service *svc = add("rr", 0);
	struct dest *a = add_dest(svc, 1, 1);
	struct dest *b = add_backup(svc, 2, 1);
	struct dest *c = add_dest(svc, 3, 1);
	struct dest *d = add_backup(svc, 4, 1);

	cr_assert_str_eq(pooled(svc), "3 1");
	cr_assert(dest_stands_back(b) && dest_stands_back(d) && !dest_stands_back(a));
	weigh(svc, a, 0);
	cr_assert_str_eq(pooled(svc), "3 1", "one regular server is enough");
	cr_assert_eq(share(svc, c, 4), 4);
	weigh(svc, c, 0);
	cr_assert_str_eq(pooled(svc), "4 2", "in the order of the list");
	cr_assert_not(dest_stands_back(b) || dest_stands_back(a));
	cr_assert_eq(share(svc, b, 4), 2);
	cr_assert_eq(share(svc, d, 4), 2);
	weigh(svc, d, 0);
	cr_assert_str_eq(pooled(svc), "4 2");
	cr_assert_eq(share(svc, b, 4), 4);
	weigh(svc, b, 0);
	cr_assert_str_eq(pooled(svc), "3 1", "nobody has weight: as if there were no backups");
	cr_assert_null(pick(svc));
	weigh(svc, b, 1);
	weigh(svc, a, 1);
	cr_assert_str_eq(pooled(svc), "3 1");
	cr_assert_eq(share(svc, a, 4), 4);
	cr_assert(dest_stands_back(b));
	cr_assert_eq(svc->pool_len, 2);
}

Test(pool, backups_follow_additions_and_deletions)
{
	struct service *svc = add("wrr", 0);
	struct dest *b = add_backup(svc, 2, 1), *a;
	struct dest_spec spec;

	cr_assert_eq(pick(svc), b, "there is no other server");
	a = add_dest(svc, 1, 5);
	cr_assert_eq(share(svc, a, 3), 3);
	service_dest_del(services, svc, a);
	cr_assert_eq(pick(svc), b);
	a = add_dest(svc, 1, 0);
	cr_assert_eq(pick(svc), b);
	cr_assert_str_eq(pooled(svc), "2");
	/* One that is edited to be none. */
	weigh(svc, a, 1);
	dest_get(b, &spec);
	spec.backup = false;
	cr_assert_eq(service_dest_edit(svc, &spec, &b), 0);
	cr_assert_str_eq(pooled(svc), "1 2");
	cr_assert_not(dest_stands_back(b));
	service_dest_del(services, svc, b);
	service_dest_del(services, svc, a);
	cr_assert_null(pick(svc));
}

/* No scheduler may keep a server that left the pool, or miss one that came. Address sanitizer
 * looks on. */
Test(pool, every_scheduler_can_do_with_it)
{
	char names[256], *save = NULL;

	snprintf(names, sizeof(names), "%s", scheduler_names());
	for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		struct service *svc = add(name, 7);
		struct dest *a = add_dest(svc, 1, 2), *c = add_dest(svc, 3, 1), *dest;
		struct dest *b = add_backup(svc, 2, 1), *d = add_backup(svc, 4, 2);

		wait_ms(10000);
		for (int round = 0; round < 5; round++) {
			for (int i = 0; i < 50; i++) {
				dest = pick(svc);
				cr_assert(dest == a || dest == c, "%s, round %d", name, round);
			}
			weigh(svc, a, 0);
			weigh(svc, c, 0);
			for (int i = 0; i < 50; i++) {
				dest = pick(svc);
				cr_assert(dest == b || dest == d, "%s, round %d", name, round);
			}
			if (round % 2) {
				service_dest_del(services, svc, a);
				a = add_dest(svc, 1, 0);
			}
			weigh(svc, c, 1);
			weigh(svc, a, 2);
			wait_ms(round * 2000u);
		}
		service_del(services, svc);
	}
}

Test(pool, a_server_that_comes_up_gets_its_share_bit_by_bit)
{
	struct service *svc = add("wrr", 20);
	struct dest *a = add_dest(svc, 1, 1), *b;
	unsigned int got, before = 0;

	cr_assert_eq(dest_weight(a), 1, "it is alone");
	b = add_dest(svc, 2, 1);
	services_rise(services, now);
	wait_ms(1000);
	for (unsigned int step = 1; step < 20; step++) {
		/* step : 20 are the weights. */
		got = share(svc, b, 20 + step);
		cr_assert(got + 1 >= step && got <= step + 1, "step %u: %u of %u", step, got,
			  20 + step);
		cr_assert(got + 1 >= before, "less than before");
		before = got;
		wait_ms(1000);
	}
	cr_assert_eq(share(svc, b, 1000), 500);
	cr_assert_eq(dest_weight(a), 1, "as the administrator set it");
	cr_assert_eq(dest_weight(b), 1);
}

/* By open connections, of which none ends: what b has grows with its part of the weight. */
Test(pool, wlc_fills_a_new_server_bit_by_bit)
{
	struct service *svc = add("wlc", 10);
	struct dest *a = add_dest(svc, 1, 3), *b, *dest;
	unsigned int half;

	for (int i = 0; i < 600; i++)
		dest_bind(a, false);
	b = add_dest(svc, 2, 3);
	for (half = 0; pick(svc) == b; half++)
		dest_bind(b, false);
	cr_assert(half >= 29 && half <= 32, "%u at once", half);
	wait_ms(5100);
	while (pick(svc) == b) {
		dest_bind(b, false);
		half++;
	}
	cr_assert(half >= 300 && half <= 332, "%u half way", half);
	wait_ms(5000);
	for (; pick(svc) == b; half++)
		dest_bind(b, false);
	cr_assert(half >= 599 && half <= 601, "%u in the end", half);
	for (int i = 0; i < 600; i++)
		dest_unbind(a, false, false);
	dest = b;
	while (dest_total(dest))
		dest_unbind(dest, false, false);
}

Test(pool, who_has_a_slow_start)
{
	struct service *svc = add("wlc", 10);
	struct dest *a = add_dest(svc, 1, 2), *b, *c;
	struct dest_spec spec = spec_of(3, 2), shown;

	b = add_dest(svc, 2, 2);
	cr_assert_eq(b->rise, 1, "added");
	cr_assert_eq(dest_weight(a), 40);
	cr_assert_eq(dest_weight(b), 2);
	dest_get(b, &shown);
	cr_assert_eq(shown.weight, 2, "what is listed is the weight that was set");
	service_settle(svc);
	cr_assert_eq(b->rise, 0, "all came up together");
	cr_assert_eq(dest_weight(b), 2);
	weigh(svc, b, 5);
	cr_assert_eq(b->rise, 0, "it had weight");
	weigh(svc, b, 0);
	weigh(svc, b, 5);
	cr_assert_eq(b->rise, 1, "it had none");
	weigh(svc, b, 0);
	cr_assert_eq(b->rise, 0);
	cr_assert_eq(dest_weight(a), 2);
	weigh(svc, a, 0);
	weigh(svc, a, 2);
	cr_assert_eq(a->rise, 0, "nobody else serves");
	spec.says = SAYS_SLOW_START;
	c = add_spec(svc, spec);
	cr_assert_eq(c->rise, 0, "it says 0 itself");
	service_dest_del(services, svc, c);
	spec.slow_start = 2;
	c = add_spec(svc, spec);
	cr_assert_eq(c->rise, 1, "back, with 2 s of its own");
	wait_ms(100);
	wait_ms(1900);
	cr_assert_neq(c->rise, 0);
	wait_ms(100);
	cr_assert_eq(c->rise, 0);
	weigh(svc, a, 0);
	weigh(svc, c, 0);
	add_backup(svc, 9, 2);
	weigh(svc, a, 2);
	cr_assert_eq(a->rise, 0, "back for the backup: nobody shares with it");
}

Test(pool, a_change_meanwhile_does_not_end_it)
{
	struct service *svc = add("wlc", 10);
	struct dest *a = add_dest(svc, 1, 4), *b = add_dest(svc, 2, 4);

	wait_ms(100);
	wait_ms(5000);
	cr_assert_eq(dest_weight(b), 4 * 10);
	weigh(svc, b, 2);
	cr_assert_eq(dest_weight(b), 2 * 10);
	weigh(svc, a, 1);
	cr_assert_eq(dest_weight(a), 20);
	service_dest_del(services, svc, a);
	wait_ms(5000);
	cr_assert_eq(dest_weight(b), 2);
	cr_assert_eq(svc->rising, 0);
}

Test(pool, weights_never_grow_too_large_and_never_vanish)
{
	struct service *svc = add("wlc", 10);
	struct dest *a = add_dest(svc, 1, INT32_MAX), *b = add_dest(svc, 2, 1), *c;

	cr_assert_eq(dest_weight(a), INT32_MAX);
	cr_assert_eq(dest_weight(b), 1);
	service_dest_del(services, svc, a);
	a = add_dest(svc, 1, INT32_MAX / 3);
	cr_assert_eq(dest_weight(a), INT32_MAX / 3 * 3 / 20);
	c = add_dest(svc, 3, 1000);
	cr_assert_eq(dest_weight(c), 1000 * 3 / 20);
	cr_assert_eq(dest_weight(b), 1);
}

/* Where the number itself counts it is never multiplied; where clients hang on it, it stays. */
Test(pool, weights_that_are_more_than_ratios)
{
	static const struct {
		const char *name;
		int32_t old, new;
	} rows[] = {{"ovf", 100, 5},	  {"lblc", 100, 5},   {"lblcr", 100, 5}, {"rr", 100, 100},
		    {"lc", 100, 100},	  {"dh", 100, 100},   {"sh", 100, 100},	 {"mh", 100, 100},
		    {"maglev", 100, 100}, {"sed", 2000, 100}, {"nq", 2000, 100}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service *svc = add(rows[i].name, 30);
		struct dest *a = add_dest(svc, 1, 100), *b = add_dest(svc, 2, 100);

		cr_assert_eq(dest_weight(a), rows[i].old, "%s: %d", rows[i].name, dest_weight(a));
		cr_assert_eq(dest_weight(b), rows[i].new, "%s: %d", rows[i].name, dest_weight(b));
		service_del(services, svc);
	}
}

/* A scheduler that is exchanged meanwhile has its own idea of weights. */
Test(pool, another_scheduler_meanwhile)
{
	struct service *svc = add("wlc", 10);
	struct dest *a = add_dest(svc, 1, 100), *b = add_dest(svc, 2, 100);
	struct service_spec spec;

	service_get(svc, &spec);
	cr_assert_eq(service_edit(svc, &spec, scheduler_find("ovf")), 0);
	cr_assert_eq(dest_weight(a), 100);
	cr_assert_eq(dest_weight(b), 5);
	cr_assert_eq(service_edit(svc, &spec, scheduler_find("sh")), 0);
	cr_assert_eq(dest_weight(b), 100);
	cr_assert_eq(service_edit(svc, &spec, scheduler_find("wrr")), 0);
	cr_assert_eq(dest_weight(a), 2000);
	cr_assert_eq(dest_weight(b), 100);
}

/* With very many at a time each has its turn all the same. */
Test(pool, many_services_rise_at_once)
{
	enum {
		MANY = 2500
	};
	static struct service *all[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		struct service_spec spec = build_fwmark(i + 1);

		spec.slow_start = 10;
		cr_assert_eq(service_add(services, &spec, scheduler_find("wlc"), &all[i]), 0);
		add_dest(all[i], 1, 1);
		add_dest(all[i], 2, 1);
	}
	service_del(services, all[7]);
	wait_ms(5000);
	for (unsigned int i = 0; i < MANY; i++)
		cr_assert(i == 7 || all[i]->rising, "service %u", i);
	wait_ms(5500);
	for (unsigned int i = 0; i < MANY; i++)
		cr_assert(i == 7 || !all[i]->rising, "service %u", i);
}
