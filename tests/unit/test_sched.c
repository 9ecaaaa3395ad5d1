// SPDX-License-Identifier: GPL-2.0-or-later
/* What holds for every scheduler of the list. */
#include "tests/unit/sched_build.h"

TestSuite(sched, .init = lab_open, .fini = lab_close, .timeout = 30);

/* What "explain" tries on a copy of the state leaves no trace. */
Test(sched, peek_changes_nothing)
{
	const struct scheduler *sched;

	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		struct flow flow = flow_one(0);

		service_make(sched->name, 0);
		cr_assert_null(service_peek(lab.svc, &flow), "%s without servers", sched->name);
		for (int s = 0; s < 5; s++)
			server_add(s, s);
		for (unsigned int i = 0; i < 60; i++) {
			uint8_t before[SCHEDULER_STATE_MAX];
			struct dest *first, *second;

			flow = flow_one(i);
			if (i % 7 == 0)
				server_toggle_overload((int)i % 5);
			memcpy(before, lab.svc->sched_state, sizeof(before));
			first = service_peek(lab.svc, &flow);
			second = service_peek(lab.svc, &flow);
			cr_assert_arr_eq(lab.svc->sched_state, before, sizeof(before), "%s",
					 sched->name);
			cr_assert_eq(first, second, "%s: %c, then %c", sched->name, letter(first),
				     letter(second));
			cr_assert_eq(letter(first), choose(&flow, true), "%s: choice %u",
				     sched->name, i);
		}
		service_drop();
	}
}

/* The state does not point to a server that is gone (seen under ASan). */
Test(sched, forgets_deleted_servers)
{
	const struct scheduler *sched;
	struct flow flow = flow_one(0);

	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		service_make(sched->name, 0);
		for (int s = 0; s < SERVERS; s++)
			server_add(s, 1 + s % 3);
		for (int left = SERVERS; left; left--) {
			char got = choose(&flow, false);

			cr_assert_neq(got, '-', "%s: nobody of %d", sched->name, left);
			server_del(got - 'A');
			services_sweep(lab.services, 1);
			cr_assert(services_sweep(lab.services, 1000000), "%s: not freed",
				  sched->name);
			rcu_barrier();
		}
		cr_assert_eq(choose(&flow, false), '-', "%s", sched->name);
		service_drop();
	}
}

Test(sched, a_new_scheduler_starts_afresh_and_the_same_goes_on)
{
	struct flow flow = flow_one(0);
	struct service_spec spec;
	char got;

	service_make("rr", 0);
	for (int s = 0; s < 3; s++)
		server_add(s, s + 1);
	cr_assert_eq(choose(&flow, false), 'C');
	service_get(lab.svc, &spec);
	cr_assert_eq(service_edit(lab.svc, &spec, &sched_rr), 0);
	cr_assert_eq(got = choose(&flow, false), 'B', "the round went on at %c", got);
	cr_assert_eq(service_edit(lab.svc, &spec, &sched_wrr), 0);
	for (const char *want = "CCBCBACCB"; *want; want++)
		cr_assert_eq(got = choose(&flow, false), *want, "wrr from its top: %c, not %c", got,
			     *want);
	cr_assert_eq(service_edit(lab.svc, &spec, &sched_rr), 0);
	cr_assert_eq(got = choose(&flow, false), 'C', "a new round began at %c", got);
	service_drop();
}

Test(sched, found_by_name)
{
	const struct scheduler *sched;
	size_t n = 0, len = 0;

	for (; (sched = scheduler_at(n)); n++) {
		cr_assert_eq(scheduler_find(sched->name), sched);
		cr_assert_leq(sched->state_size, SCHEDULER_STATE_MAX, "%s", sched->name);
		cr_assert_lt(strlen(sched->name), SCHEDULER_NAME_MAX, "%s", sched->name);
		cr_assert_not_null(strstr(scheduler_names(), sched->name));
		len += strlen(sched->name) + 1;
	}
	cr_assert_eq(n, 17);
	for (size_t past = n; past < n + 100; past++)
		cr_assert_null(scheduler_at(past));
	cr_assert_eq(strlen(scheduler_names()), len - 1);
	cr_assert_null(scheduler_find("no such"));
	cr_assert_null(scheduler_find(""));
}
