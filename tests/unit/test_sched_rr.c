// SPDX-License-Identifier: GPL-2.0-or-later
/* sched/rr.c, wrr.c, wrr_smooth.c: those that go round. */
#include "tests/unit/sched_build.h"

TestSuite(sched_rr, .init = lab_open, .fini = lab_close, .timeout = 20);

Test(sched_rr, rr)
{
	static const struct script rows[] = {
		{"no server", "rr", false, "- +A1 A -A - -"},
		{"one server", "rr", false, "+A1 A A A"},
		{"all w0", "rr", false, "+A0 +B0 - - =A1 A A"},
		{"quiesced and back", "rr", false, "+A1 +B1 +C1 C =B0 A C A =B1 C B A"},
		{"quiesced when last", "rr", false, "+A1 +B1 +C1 C B =B0 A C A"},
		{"only the last is usable", "rr", false, "+A1 +B1 +C1 C B =C0 =A0 B B"},
		{"none after some", "rr", false, "+A1 +B1 B =A0 =B0 - - =A1 A =B1 B A"},
		{"overloaded and back", "rr", false, "+A1 +B1 +C1 C !B A C A !B C B A"},
		{"all overloaded", "rr", false, "+A1 +B1 !A !B - !A A A"},
		{"delete the last chosen", "rr", false, "+A1 +B1 +C1 C B -B A C A C"},
		{"delete the last chosen, head", "rr", false, "+A1 +B1 +C1 C -C B A B A"},
		{"delete the last chosen, tail", "rr", false, "+A1 +B1 +C1 C B A -A C B C B"},
		{"delete the next", "rr", false, "+A1 +B1 +C1 C -B A C A"},
		{"delete the one before", "rr", false, "+A1 +B1 +C1 C B -C A B A B"},
		{"delete two at the pointer", "rr", false, "+A1 +B1 +C1 +D1 D C B -B -C A D A D"},
		{"delete all, add again", "rr", false, "+A1 +B1 B A -A -B - +A1 A +B1 B A"},
		{"delete, add again: now first", "rr", false, "+A1 +B1 +C1 C B -A +A1 A C B A"},
		{"weights do not count", "rr", false, "+A1 +B1 B =A9 A B A =B100 B A"},
	};

	scripts_run(rows, LEN(rows));
}

Test(sched_rr, wrr)
{
	static const struct script rows[] = {
		{"no server", "wrr", false, "- +A1 A -A - -"},
		{"one server", "wrr", false, "+A7 A A A A A A A A"},
		{"a common divisor", "wrr", false, "+A100 +B200 +C300 C B A C C B C B A C C B"},
		{"equal weights are rr", "wrr", false, "+A4 +B4 +C4 C B A C B A"},
		{"greatest added first", "wrr", false, "+C3 +B2 +A1 A B C C B C A B C C B C"},
		{"some w0", "wrr", false, "+A2 +B0 +C1 C A A C A A"},
		{"all quiesced and back", "wrr", false, "+A2 +B2 B =A0 =B0 - =A2 A A =B2 B A"},
		{"an edit starts a pass, bar kept", "wrr", false,
		 "+A1 +B2 +C3 C B A C =C3 C C B C B A C C B"},
		{"an edit of the greatest", "wrr", false, "+A5 +B1 B A A =A3 A A B A A"},
		{"an edit raises no bar", "wrr", false, "+A1 +B1 B =B5 B A B B B B B A"},
		{"an edit to a divisor", "wrr", false, "+A6 +B1 B A A A A A =B3 A B A A B A"},
		{"delete the last chosen", "wrr", false, "+A1 +B2 +C3 C B -B C A C C C A"},
		{"delete the greatest", "wrr", false, "+A1 +B2 +C3 C B A C -C B B A B B A"},
		{"delete another", "wrr", false, "+A1 +B2 +C3 C B A C -A C C B C B"},
		{"overloaded and back", "wrr", false, "+A1 +B2 +C3 C !B A C C C A !B C C B"},
		{"all overloaded", "wrr", false, "+A1 +B2 B A !A !B - - !A A A !B B B A B"},
		{"the greatest far away and overloaded", "wrr", false,
		 "+A2147483647 +B1 B A A !A B B B !B - - !B B !A A A"},
	};

	scripts_run(rows, LEN(rows));
}

/* IPVS's algorithm in the words of the reference, pass by pass. */
struct oracle {
	struct dest *cl; /* NULL: the head of the list */
	int32_t cw, mw, di;
};

static void oracle_change(struct oracle *o)
{
	int32_t max = 0;
	struct dest *dest;

	o->cl = NULL;
	cds_list_for_each_entry (dest, &lab.svc->dests, list)
		max = dest_weight(dest) > max ? dest_weight(dest) : max;
	for (o->di = max; o->di > 1; o->di--) {
		bool divides = true;

		cds_list_for_each_entry (dest, &lab.svc->dests, list)
			divides = divides && dest_weight(dest) % o->di == 0;
		if (divides)
			break;
	}
	if (!o->di)
		o->di = 1;
	o->mw = max - (o->di - 1);
	if (o->cw > o->mw || !o->cw)
		o->cw = o->mw;
	else if (o->di > 1)
		o->cw = o->cw / o->di * o->di + 1;
}

static struct dest *oracle_pick(struct oracle *o)
{
	struct dest *start = o->cl, *stop = NULL;
	bool last_pass = false, restarted = false;

	if (!o->mw)
		return NULL;
	for (;;) {
		struct cds_list_head *at = o->cl ? &o->cl->list : &lab.svc->dests;

		while ((at = at->next) != &lab.svc->dests) {
			o->cl = cds_list_entry(at, struct dest, list);
			if (!dest_overloaded(o->cl) && dest_weight(o->cl) >= o->cw)
				return o->cl;
			if (o->cl == stop)
				return NULL;
		}
		o->cl = NULL;
		o->cw -= o->di;
		if (o->cw <= 0) {
			o->cw = o->mw;
			if (last_pass || !start)
				return NULL;
			restarted = true;
		}
		last_pass = o->cw <= o->di;
		if (last_pass && restarted && start)
			stop = start;
	}
}

/* One random change of a server; overload is none that the scheduler hears of. */
static void oracle_disturb(struct oracle *o, unsigned int *seed, int32_t unit)
{
	int index = rand_r(seed) % SERVERS, what = rand_r(seed) % 8;
	int32_t weight = rand_r(seed) % 7 * unit;

	if (!lab.servers[index]) {
		server_add(index, weight);
	} else if (what < 4) {
		server_toggle_overload(index);
		return;
	} else if (what < 6) {
		server_edit(index, weight);
	} else {
		server_del(index);
	}
	oracle_change(o);
}

/* The scheduler leaves passes out that cannot choose anybody; nobody can tell. */
Test(sched_rr, wrr_is_ipvs_under_any_change)
{
	static const int32_t units[] = {1, 2, 3, 50, 1};
	unsigned int chosen = 0, refused = 0;
	struct flow flow = flow_one(0);

	for (unsigned int run = 0; run < 200; run++) {
		struct oracle o = {0};
		unsigned int seed = run;

		service_make("wrr", 0);
		oracle_change(&o);
		for (unsigned int i = 0; i < 300; i++) {
			struct dest *want, *got;

			if (rand_r(&seed) % 4 == 0)
				oracle_disturb(&o, &seed, units[rand_r(&seed) % 5]);
			got = service_schedule(lab.svc, &flow, &lab.time);
			want = lab.svc->dests_len ? oracle_pick(&o) : NULL;
			cr_assert_eq(got, want, "run %u, choice %u: %c, not %c", run, i,
				     letter(got), letter(want));
			want ? chosen++ : refused++;
		}
		service_drop();
	}
	cr_assert_gt(chosen, 40000, "%u", chosen);
	cr_assert_gt(refused, 1000, "%u", refused);
}

Test(sched_rr, smooth)
{
	static const struct script rows[] = {
		{"no server", "wrr-smooth", false, "- +A1 A A -A - -"},
		{"all w0", "wrr-smooth", false, "+A0 +B0 - - =A1 A A"},
		{"nginx's 5 1 1", "wrr-smooth", false, "+B1 +C1 +A5 A A C A B A A A A C A B A A"},
		{"others first in the list", "wrr-smooth", false, "+A5 +B1 +C1 A A C A B A A A A"},
		{"equal weights are rr", "wrr-smooth", false, "+A4 +B4 +C4 C B A C B A"},
		{"a common divisor", "wrr-smooth", false,
		 "+A100 +B200 +C300 C B C A B C C B C A B C"},
		{"quiesced and back", "wrr-smooth", false,
		 "+A1 +B1 +C1 C B =C0 A B A B =C1 A C B A C B"},
		{"overloaded and back", "wrr-smooth", false, "+A1 +B1 +C1 C !C B A B A !C B A C B"},
		{"all overloaded", "wrr-smooth", false, "+A1 +B1 B !A !B - - !A A !B A B A"},
		{"an edit goes on", "wrr-smooth", false,
		 "+A1 +B1 +C1 C B =A10 A A A A A A A C A A A B A A A A A A A C"},
		{"all tenfold is nothing new", "wrr-smooth", false,
		 "+B1 +C1 +A5 A A =A50 =B10 =C10 C A B A A A A C"},
		{"debts do not outlast weights", "wrr-smooth", false,
		 "+B1000000 +A1000000 A =A1 =B1 A B A B A B"},
		{"delete the last chosen", "wrr-smooth", false, "+A1 +B1 +C1 C -C B A B A"},
		/* B's debt is gone. */
		{"all quiesced is a new round", "wrr-smooth", false,
		 "+A10 +B10 B =A0 =B0 - =B10 =A10 B A"},
		{"huge", "wrr-smooth", false, "+A2147483647 +B2147483647 B A B A B A"},
	};

	scripts_run(rows, LEN(rows));
}

/* In each round of as many choices as the weights add up to, each server has exactly its weight of
 * them; and of any few in a row hardly more than its share. */
Test(sched_rr, smooth_is_exact_and_smooth)
{
	struct flow flow = flow_one(0);

	for (unsigned int seed = 0; seed < 100; seed++) {
		int32_t weights[5], total = 0, counts[5] = {0};
		unsigned int random = seed;

		service_make("wrr-smooth", 0);
		for (int i = 0; i < 5; i++) {
			weights[i] = 1 + rand_r(&random) % 20;
			total += weights[i];
			server_add(i, weights[i]);
		}
		for (int32_t n = 1; n <= 3 * total; n++) {
			counts[choose(&flow, false) - 'A']++;
			for (int i = 0; i < 5; i++) {
				/* Off its share of n by so many choices. */
				double off = counts[i] - (double)n * weights[i] / total;

				cr_assert(off > -2 && off < 2, "seed %u: %f", seed, off);
				if (n % total == 0)
					cr_assert_eq(counts[i], n / total * weights[i], "seed %u",
						     seed);
			}
		}
		service_drop();
	}
}
