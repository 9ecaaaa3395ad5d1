// SPDX-License-Identifier: GPL-2.0-or-later
/* conf/turns.c and the schedulers' turns: what the rules can choose by, that it is what the
 * scheduler would choose, and what a file is told where they cannot. */
#include "conf/turns.h"
#include "sched/schedulers.h"
#include "tests/unit/conf_texts.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* --- turns --- */

#define SERVERS 5

static const int32_t weights[][SERVERS] = {
	{1, 1, 1, 1, 1}, {3, 2, 1, 0, 0},	{1, 2, 3, 4, 5},  {0, 0, 7, 0, 0}, {6, 0, 4, 2, 8},
	{0, 0, 0, 0, 0}, {100, 300, 200, 0, 0}, {50, 1, 1, 1, 1}, {9, 6, 15, 3, 0}};

/* Servers with these weights, the first the newest, that came all at once. */
static struct service *service_with(struct services *services, const char *sched,
				    const int32_t row[SERVERS], struct dest *dests[SERVERS])
{
	const struct service_spec spec = build_service(IPPROTO_TCP, "10.1.0.100", 80);
	struct service *svc;

	cr_assert_eq(service_add(services, &spec, scheduler_find(sched), &svc), 0);
	service_suspend(svc);
	for (int i = SERVERS; i-- > 0;) {
		struct dest_spec dest = build_dest("10.2.0.1", (uint16_t)(i + 1), row[i]);

		cr_assert_eq(service_dest_add(services, svc, &dest, &dests[i]), 0);
	}
	cr_assert_eq(service_resume(svc), 0);
	return svc;
}

static void same_turns(const char *sched, const int32_t row[SERVERS])
{
	const struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "10.1.0.100", 80);
	struct services *services = services_new(1);
	uint16_t turns[TURNS_MAX];
	struct dest *dests[SERVERS];
	struct service *svc = service_with(services, sched, row, dests);
	uint64_t len = svc->sched->turns(row, SERVERS, turns, TURNS_MAX);

	cr_assert_leq(len, TURNS_MAX);
	rcu_read_lock();
	if (!len)
		cr_assert_null(service_schedule(svc, &flow, &(struct sched_time){0}));
	for (uint64_t i = 0; i < 3 * len; i++)
		cr_assert_eq(service_schedule(svc, &flow, &(struct sched_time){0}),
			     dests[turns[i % len]], "%s, turn %d", sched, (int)i);
	rcu_read_unlock();
	services_free(services);
	rcu_barrier();
}

static void setup(void)
{
	rcu_register_thread();
}

static void teardown(void)
{
	rcu_unregister_thread();
}

Test(turns, are_what_the_scheduler_chooses, .init = setup, .fini = teardown)
{
	for (size_t i = 0; i < LEN(weights); i++) {
		same_turns("rr", weights[i]);
		same_turns("wrr", weights[i]);
	}
}

Test(turns, too_many_are_counted_only)
{
	static const int32_t wide[] = {INT32_MAX, INT32_MAX - 1};
	uint16_t turns[2] = {7, 7};

	cr_assert_eq(scheduler_find("wrr")->turns(wide, 2, turns, 2), 2ull * INT32_MAX - 1);
	cr_assert_eq(turns[0], 7);
	cr_assert_eq(scheduler_find("rr")->turns((const int32_t[]){1, 1, 1}, 3, turns, 2), 3);
	cr_assert_eq(turns[1], 1);
	for (size_t n = 0; scheduler_at(n); n++)
		cr_assert_eq(!!scheduler_at(n)->turns, n < 2, "%s", scheduler_at(n)->name);
}

/* --- of files --- */

#define FLOW	  "director = { datapath = \"flow\"; }; "
#define KERNEL	  "schedule = \"kernel\"; "
#define WRR	  "scheduler = \"wrr\"; "
#define NOT(text) "t:1: schedule: not kernel, because " text
#define WITH(keys, list)                                                                         \
	"services = ( { protocol = \"tcp\"; address = \"10.0.0.1\"; port = 80; " keys "servers " \
	"= ( " list " ); } );"
#define ONE(keys) "{ address = \"10.2.0.1\"; " keys "}"
#define TWO(keys) "{ address = \"10.2.0.2\"; " keys "}"

Test(turns, of_files)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{FLOW WITH(KERNEL WRR, ONE() ", " TWO("weight = 255; ")), ""},
		{FLOW WITH(KERNEL WRR, ONE() ", " TWO("weight = 256; ")),
		 NOT("wrr takes 257 turns here, the kernel's schedule has 256")},
		{FLOW WITH(KERNEL WRR, ONE("weight = 10; ") ", " TWO("weight = 2560; ")),
		 NOT("wrr takes 257 turns here, the kernel's schedule has 256")},
		{FLOW WITH(KERNEL "scheduler = \"rr\"; ", ONE() ", " TWO("weight = 256; ")), ""},
		{FLOW WITH(KERNEL WRR, ""), ""},
		{FLOW WITH(KERNEL WRR, ONE("weight = 0; ")), ""},
		{FLOW WITH(KERNEL, ONE()), NOT("its scheduler is neither rr nor wrr")},
		{WITH(KERNEL WRR, ONE()), NOT("its datapath is packet: the configuration says so")},
		{FLOW WITH(KERNEL WRR "method = \"dr\"; ", ONE()),
		 NOT("its servers have the method dr")},
		{FLOW WITH(KERNEL WRR "persistent = 60; ", ONE()), NOT("it is persistent")},
		{FLOW WITH(KERNEL WRR "limit = 60; ", ONE()), NOT("it has a limit")},
		{FLOW WITH(KERNEL WRR, ONE("limit = 60; ")), NOT("a server has a limit")},
		{FLOW WITH(KERNEL WRR, ONE("upper = 60; ") ", " TWO()),
		 NOT("a server has a threshold (upper)")},
		{FLOW WITH(KERNEL WRR, ONE("backup = true; ")), NOT("it has a backup server")},
		{FLOW WITH(KERNEL WRR "slow_start = 9; ", ONE()), NOT("it has a slow start")},
		{FLOW WITH(KERNEL WRR, ONE("slow_start = 9; ")), NOT("it has a slow start")},
		{FLOW WITH(KERNEL WRR "slow_start = 9; ", ONE("slow_start = 0; ")), ""},
		{FLOW WITH(KERNEL "scheduler = \"rr\"; slow_start = 9; ", ONE()), ""},
		{FLOW WITH("schedule = \"auto\"; ", ONE()), ""},
		{FLOW WITH("schedule = \"daemon\"; " WRR, ONE()), ""},
		{"director = { datapath = \"auto\"; schedule = \"kernel\"; }; " WITH("", ONE()),
		 "t:1: schedule of the director: not kernel, because its scheduler is neither rr "
		 "nor "
		 "wrr"},
		{"director = { datapath = \"auto\"; };\nservices = ( { protocol = \"tcp\"; "
		 "address = \"10.0.0.1\"; port = 80;\n" KERNEL "} );",
		 "t:3: schedule: not kernel, because its scheduler is neither rr nor wrr"},
		{"director = { schedule = \"auto\"; }; " WITH("", ONE()), ""},
		{"director = { schedule = \"kernel\"; }; " WITH("schedule = \"daemon\"; ", ONE()),
		 ""},
		{WITH("schedule = \"flow\"; ", ""),
		 "t:1: schedule: 'flow' is unknown (known: auto, daemon, kernel)"},
	};

	for (size_t i = 0; i < LEN(rows); i++)
		expect_parsed(rows[i].text, rows[i].error);
}

/* The newest first, as the pool is; who has no weight has no turn. */
Test(turns, the_case_of_a_service)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.1.0.100", 80);
	const struct dest_spec none = build_dest("10.2.0.1", 80, 0),
			       two = build_dest("10.2.0.2", 80, 2),
			       one = build_dest("10.2.0.3", 80, 1);
	char buf[SCHEDULE_WHY_MAX];
	uint16_t turns[TURNS_MAX];
	struct turns_case which;

	snprintf(spec.scheduler, sizeof(spec.scheduler), "wrr");
	turns_case(&which, &spec, SCHEDULE_KERNEL);
	cr_assert_not(turns_see(&which, &none));
	cr_assert(turns_see(&which, &one));
	cr_assert(turns_see(&which, &two));
	cr_assert_eq(which.len, 2);
	cr_assert_null(turns_obstacle(&which, buf));
	cr_assert_eq(turns_fill(&which, turns), 3);
	cr_assert(turns[0] == 1 && turns[1] == 0 && turns[2] == 1);
	which.wanted = SCHEDULE_UNSET;
	cr_assert_str_eq(turns_obstacle(&which, buf), "the configuration says so");
	/* More than there is room for. */
	turns_case(&which, &spec, SCHEDULE_AUTO);
	for (unsigned int i = 0; i < TURNS_MAX + 9; i++)
		(void)turns_see(&which, &one);
	cr_assert_str_eq(turns_obstacle(&which, buf), "more than 256 of its servers have weight");
}
