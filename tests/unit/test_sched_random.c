// SPDX-License-Identifier: GPL-2.0-or-later
/* sched/random.c, twos.c, p2c.c: those that draw lots. With a seed everything repeats exactly. */
#include "sched/least.h"
#include "sched/random.h"
#include "tests/unit/sched_build.h"

#include <pthread.h>

TestSuite(sched_random, .init = lab_open, .fini = lab_close, .timeout = 60);

static void seed(uint64_t value)
{
	((struct random *)lab.svc->sched_state)->state = value;
}

/* Splitmix64 as published, and what it gives for the seed 1234567. */
static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

Test(sched_random, generator)
{
	static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u,
					     9817491932198370423u, 4593380528125082431u,
					     16408922859458223821u};
	struct random random = {1234567};
	uint64_t state = 1234567;

	for (size_t i = 0; i < LEN(published); i++) {
		cr_assert_eq(splitmix(&state), published[i]);
		/* The share of the number in 2^64, of one less than 2^64 */
		cr_assert_eq(random_below(&random, UINT64_MAX), published[i] - 1);
		cr_assert_eq(random.state, state);
	}
	for (uint64_t n = 1; n < 40; n++)
		for (int i = 0; i < 200; i++)
			cr_assert_lt(random_below(&random, n), n);
}

/* Each lot's owner, one after the other. */
Test(sched_random, lots_lie_side_by_side)
{
	static const char want[] = "DDDCBBA"; /* lots 0 .. 6: the first has one more */

	service_make("twos", 0);
	for (int s = 0; s < 5; s++)
		server_add(s, (int32_t[]){1, 2, 1, 2, 5}[s]);
	server_toggle_overload(4);
	cr_assert_eq(random_total(lab.svc), 6);
	for (uint64_t lot = 0; lot < 7; lot++)
		cr_assert_eq(letter(random_at(lab.svc, lot, NULL)), want[lot], "lot %zu",
			     (size_t)lot);
	cr_assert_null(random_at(lab.svc, 7, NULL));
	cr_assert_eq(letter(random_at(lab.svc, 3, lab.servers[2])), 'B');
	cr_assert_eq(letter(random_at(lab.svc, 1, lab.servers[3])), 'C');
	cr_assert_null(random_at(lab.svc, 6, lab.servers[2]));
	server_edit(1, 0);
	cr_assert_eq(random_total(lab.svc), 4);
	cr_assert_eq(letter(random_at(lab.svc, 4, NULL)), 'A');
	service_drop();
}

/* Two schedulers told a second time, by the letters of the servers and numbers of lots. */
struct model {
	int len;
	int32_t weights[SERVERS]; /* in the order of the list; of those that are usable */
	uint64_t active[SERVERS], inactive[SERVERS];
	char names[SERVERS];
};

static void model_fill(struct model *m)
{
	struct dest *dest;

	m->len = 0;
	cds_list_for_each_entry (dest, &lab.svc->pool, pool) {
		if (dest_overloaded(dest) || dest_weight(dest) == 0)
			continue;
		m->weights[m->len] = dest_weight(dest);
		m->active[m->len] = dest_active(dest);
		m->inactive[m->len] = dest_inactive(dest);
		m->names[m->len++] = letter(dest);
	}
}

static uint64_t model_total(const struct model *m)
{
	uint64_t total = 0;

	for (int i = 0; i < m->len; i++)
		total += (uint64_t)m->weights[i];
	return total;
}

/* Who owns a lot of 0 .. total in twos. */
static int twos_owner(const struct model *m, uint64_t lot)
{
	int64_t left = (int64_t)lot;

	for (int i = 0; i < m->len; i++) {
		left -= m->weights[i];
		if (left <= 0)
			return i;
	}
	cr_assert_fail("no owner");
	return 0;
}

static int twos_better(const struct model *m, int a, int b)
{
	uint64_t load_a = m->active[a] * 257 + m->inactive[a];
	uint64_t load_b = m->active[b] * 257 + m->inactive[b];

	return load_a * (uint64_t)m->weights[b] > load_b * (uint64_t)m->weights[a] ? b : a;
}

/* Of 1 .. total, @skip without any; -1: nobody. */
static int p2c_owner(const struct model *m, uint64_t lot, int skip)
{
	uint64_t end = 0;

	for (int i = 0; i < m->len; i++) {
		end += i == skip ? 0 : (uint64_t)m->weights[i];
		if (lot <= end)
			return i;
	}
	return -1;
}

static int p2c_better(const struct model *m, int a, int b)
{
	return (m->active[a] + 1) * (uint64_t)m->weights[b] >
			       (m->active[b] + 1) * (uint64_t)m->weights[a]
		       ? b
		       : a;
}

static uint64_t draw(uint64_t *state, uint64_t n)
{
	return (uint64_t)((unsigned __int128)splitmix(state) * n >> 64);
}

static char model_pick(const struct model *m, bool p2c, uint64_t *state)
{
	uint64_t total = model_total(m), rest;
	int first, second;

	if (!total)
		return '-';
	if (!p2c) {
		first = twos_owner(m, draw(state, total + 1));
		second = twos_owner(m, draw(state, total + 1));
		return m->names[twos_better(m, first, second)];
	}
	first = p2c_owner(m, draw(state, total) + 1, -1);
	rest = total - (uint64_t)m->weights[first];
	if (!rest)
		return m->names[first];
	second = p2c_owner(m, draw(state, rest) + 1, first);
	return m->names[p2c_better(m, first, second)];
}

/* Random histories of weights, loads, quiescing, overload, deletion: choice by choice, and the
 * generator moves as often as it has to and no more. */
Test(sched_random, every_choice_is_the_rules)
{
	static const int32_t weights[] = {0, 1, 1, 2, 3, 10, 1000, INT32_MAX};
	unsigned int chosen = 0, refused = 0;

	for (unsigned int run = 0; run < 100; run++) {
		unsigned int random = run;
		uint64_t state = run * 77;

		service_make(run % 2 ? "p2c" : "twos", 0);
		seed(state);
		for (unsigned int i = 0; i < 300; i++) {
			int s = rand_r(&random) % SERVERS, what = rand_r(&random) % 12;
			int32_t weight = weights[rand_r(&random) % 8];
			struct flow flow = flow_one(i);
			struct model model;
			char got, want;

			if (!lab.servers[s]) {
				if (what < 4)
					server_add(s, weight);
			} else if (what == 0) {
				server_load(s, 0, 0);
				server_del(s);
			} else if (what < 3) {
				server_edit(s, weight);
			} else if (what == 3) {
				server_toggle_overload(s);
			} else if (what < 7) {
				/* Mostly equal, or one beside it. */
				server_load(s, (uint32_t)rand_r(&random) % 4,
					    (uint32_t)rand_r(&random) % 4 * 257 +
						    (uint32_t)rand_r(&random) % 2);
			}
			model_fill(&model);
			want = model_pick(&model, run % 2, &state);
			got = choose(&flow, false);
			cr_assert_eq(got, want, "run %u, choice %u: %c, not %c", run, i, got, want);
			cr_assert_eq(((struct random *)lab.svc->sched_state)->state, state,
				     "run %u, choice %u", run, i);
			want == '-' ? refused++ : chosen++;
		}
		for (int s = 0; s < SERVERS; s++)
			if (lab.servers[s])
				server_load(s, 0, 0);
		service_drop();
	}
	cr_assert(chosen > 20000 && refused > 100, "%u, %u", chosen, refused);
}

/* How probable each server is: all pairs of lots, each as likely as any. */
static void odds(const struct model *m, bool p2c, double probable[SERVERS])
{
	double total = (double)model_total(m), lots = total + 1;

	memset(probable, 0, SERVERS * sizeof(probable[0]));
	for (int a = 0; a < m->len; a++)
		for (int b = 0; b < m->len; b++) {
			double pair, rest = total - m->weights[a];

			if (p2c && a == b && m->len > 1)
				continue;
			if (!p2c)
				pair = (m->weights[a] + !a) / lots * (m->weights[b] + !b) / lots;
			else
				pair = m->weights[a] / total *
				       (rest > 0 ? m->weights[b] / rest : 1);
			probable[(p2c ? p2c_better : twos_better)(m, a, b)] += pair;
		}
}

/* Chi-square of many draws against these odds. The quantiles are those of p = 0.001; the seed is
 * fixed, so it is the same each time. */
Test(sched_random, odds_are_kept)
{
	static const double quantiles[] = {0, 10.83, 13.82, 16.27, 18.47};
	static const struct {
		const char *name;
		int32_t weights[5];
		uint32_t active[5];
	} rows[] = {
		{"equal and idle", {1, 1, 1, 1, 1}, {0, 0, 0, 0, 0}},
		{"by weight, idle", {1, 2, 3, 10, 0}, {0, 0, 0, 0, 0}},
		{"equal, loads differ", {4, 4, 4, 4, 4}, {1, 2, 3, 4, 5}},
		{"weights and loads differ", {1, 5, 3, 2, 7}, {3, 3, 1, 9, 4}},
		{"two", {1, 9, 0, 0, 0}, {5, 5, 0, 0, 0}},
	};
	enum {
		DRAWS = 100000
	};
	struct flow flow = flow_one(0);

	for (size_t i = 0; i < 2 * LEN(rows); i++) {
		double probable[SERVERS], chi = 0;
		unsigned int counts[SERVERS] = {0};
		struct model model;
		bool p2c = i % 2;
		int free = -1;

		service_make(p2c ? "p2c" : "twos", 0);
		seed(20240229);
		for (int s = 0; s < 5; s++) {
			server_add(s, rows[i / 2].weights[s]);
			server_load(s, rows[i / 2].active[s], 0);
		}
		for (int n = 0; n < DRAWS; n++)
			counts[choose(&flow, false) - 'A']++;
		model_fill(&model);
		odds(&model, p2c, probable);
		for (int s = 0; s < model.len; s++) {
			double want = DRAWS * probable[s], got = counts[model.names[s] - 'A'];

			if (want == 0) {
				cr_assert_eq(got, 0, "%s: never %c", rows[i / 2].name,
					     model.names[s]);
				continue;
			}
			chi += (got - want) * (got - want) / want;
			free++;
		}
		cr_log_info("%s, %s: chi-square %.1f of %d", p2c ? "p2c" : "twos", rows[i / 2].name,
			    chi, free);
		cr_assert_leq(chi, quantiles[free], "%s, %s: chi-square %f", p2c ? "p2c" : "twos",
			      rows[i / 2].name, chi);
		for (int s = 0; s < 5; s++)
			server_load(s, 0, 0);
		service_drop();
	}
}

/* The same seed is the same history; a service of its own is given a seed that no other has. */
Test(sched_random, seeds)
{
	static const char *const scheds[] = {"twos", "p2c"};
	struct flow flow = flow_one(0);

	for (size_t i = 0; i < LEN(scheds); i++) {
		char history[3][65] = {{0}};
		uint64_t seeds[3];

		for (int run = 0; run < 3; run++) {
			service_make(scheds[i], 0);
			seeds[run] = ((struct random *)lab.svc->sched_state)->state;
			seed(run ? 5 : 6);
			for (int s = 0; s < 4; s++)
				server_add(s, s + 1);
			for (int n = 0; n < 64; n++)
				history[run][n] = choose(&flow, true);
			service_drop();
		}
		cr_assert_str_eq(history[1], history[2]);
		cr_assert_str_neq(history[0], history[1]);
		cr_assert(seeds[0] != seeds[1] && seeds[1] != seeds[2]);
	}
}

static atomic_bool stop;

static void *toggle(void *data)
{
	for (unsigned int n = 0; !atomic_load(&stop); n++)
		atomic_fetch_xor(&((struct dest **)data)[n % 2]->flags, DEST_OVERLOAD);
	return NULL;
}

/* Thresholds are not under the service's lock: the sum of the weights and those on whom lots fall
 * may be of different moments. Whoever is chosen then, it is one of the servers or nobody. */
Test(sched_random, thresholds_move_meanwhile)
{
	static const char *const scheds[] = {"twos", "p2c"};
	struct flow flow = flow_one(0);

	for (size_t i = 0; i < LEN(scheds); i++) {
		unsigned int counts[3] = {0};
		pthread_t thread;

		service_make(scheds[i], 0);
		server_add(0, 1);
		server_add(1, 1);
		atomic_store(&stop, false);
		cr_assert_eq(pthread_create(&thread, NULL, toggle, lab.servers), 0);
		for (int n = 0; n < 3000000; n++) {
			char got = choose(&flow, false);

			counts[got == '-' ? 2 : got - 'A']++;
		}
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
		cr_assert(counts[0] && counts[1] && counts[2], "%s", scheds[i]);
		service_drop();
	}
}

/* What both are for: with connections that stay, loads are in proportion to the weights. */
Test(sched_random, loads_are_even)
{
	static const char *const scheds[] = {"twos", "p2c"};

	for (size_t i = 0; i < LEN(scheds); i++) {
		service_make(scheds[i], 0);
		seed(1);
		for (int s = 0; s < 5; s++)
			server_add(s, s + 1);
		for (unsigned int n = 0; n < 3000; n++) {
			struct flow flow = flow_one(n);

			choose(&flow, true);
		}
		for (int s = 0; s < 5; s++) {
			double off = dest_active(lab.servers[s]) / (3000.0 * (s + 1) / 15) - 1;

			cr_log_info("%s: %c is %+.1f%% off its share", scheds[i], 'A' + s,
				    100 * off);
			cr_assert(off > -0.05 && off < 0.05, "%s: %c %f", scheds[i], 'A' + s, off);
		}
		service_drop();
	}
}
