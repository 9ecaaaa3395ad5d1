// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sched/: the sequences of IPVS. Each row is a script of words: "+A1" adds server A with weight 1,
 * "-A" deletes it, "=A5" edits its weight, "!A" makes it overloaded or no longer so; a lone letter
 * is the server that must be chosen now, a lone "-" nobody.
 */
#include "sched/schedulers.h"
#include "tests/unit/lvs_build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SERVERS 8 /* A .. H */
#define BIG	INT32_MAX
#define MANY	20000000

static const struct sched_time now; /* no scheduler here asks for it */

static struct services *services;
static struct service *svc;
static struct dest *servers[SERVERS];
static const struct flow flow = {.af = AF_INET, .protocol = IPPROTO_TCP};

/* Choices whose connections stay, for teardown. */
static struct dest *bound[64];
static size_t bound_len;

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

TestSuite(sched, .init = setup, .fini = teardown, .timeout = 10);

static void service_make(const char *sched)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.1.1.1", 80);

	cr_assert_not_null(scheduler_find(sched), "no scheduler %s", sched);
	cr_assert_eq(service_add(services, &spec, scheduler_find(sched), &svc), 0);
}

static void service_drop(void)
{
	while (bound_len)
		dest_unbind(bound[--bound_len], false, true);
	service_del(services, svc);
}

static struct dest_spec server_spec(int index, int32_t weight)
{
	struct dest_spec spec = build_dest("192.168.1.1", 80, weight);

	spec.addr.ip = htonl(ntohl(spec.addr.ip) + (uint32_t)index);
	return spec;
}

static void server_add(int index, int32_t weight)
{
	struct dest_spec spec = server_spec(index, weight);

	cr_assert_eq(service_dest_add(services, svc, &spec, &servers[index]), 0);
}

static void server_edit(int index, int32_t weight)
{
	struct dest_spec spec = server_spec(index, weight);

	cr_assert_eq(service_dest_edit(svc, &spec, &servers[index]), 0);
}

static void server_del(int index)
{
	cr_assert_eq(service_dest_del(services, svc, servers[index]), 0);
	servers[index] = NULL;
}

static void server_toggle_overload(int index)
{
	atomic_fetch_xor(&servers[index]->flags, DEST_OVERLOAD);
}

static char letter(const struct dest *dest)
{
	return dest ? (char)('A' + ntohl(dest->addr.ip) - ntohl(server_spec(0, 0).addr.ip)) : '-';
}

/* One choice, whose connection stays active if @stays. */
static char choose(bool stays)
{
	struct dest *dest = service_schedule(svc, &flow, &now);

	if (dest && stays) {
		cr_assert_lt(bound_len, sizeof(bound) / sizeof(bound[0]));
		dest_bind(dest, false);
		dest_activate(dest, true);
		bound[bound_len++] = dest;
	}
	return letter(dest);
}

/* One word of a script. False: another server was chosen, *@got. */
static bool step(const char *word, bool stays, char *got)
{
	int32_t weight = 0;
	char server;

	if (!word[1]) {
		*got = choose(stays);
		return *got == word[0];
	}
	cr_assert_geq(sscanf(word + 1, "%c%d", &server, &weight), 1, "bad word %s", word);
	if (word[0] == '+')
		server_add(server - 'A', weight);
	else if (word[0] == '=')
		server_edit(server - 'A', weight);
	else if (word[0] == '-')
		server_del(server - 'A');
	else if (word[0] == '!')
		server_toggle_overload(server - 'A');
	else
		cr_assert_fail("bad word %s", word);
	return true;
}

struct script {
	const char *name, *sched;
	bool stays; /* "every pick stays active" */
	const char *words;
};

static void script_run(const struct script *script)
{
	char words[512], *word, *rest = words, got;
	unsigned int n = 0;

	snprintf(words, sizeof(words), "%s", script->words);
	cr_assert_str_eq(words, script->words, "script too long");
	service_make(script->sched);
	while ((word = strsep(&rest, " "))) {
		n++;
		cr_assert(step(word, script->stays, &got), "%s: word %u of \"%s\": %c chosen",
			  script->name, n, script->words, got);
	}
	service_drop();
}

static void scripts_run(const struct script *scripts, size_t len)
{
	for (size_t i = 0; i < len; i++)
		script_run(&scripts[i]);
}

/* The vectors measured on IPVS 6.1.192, added one by one. */
Test(sched, vectors_of_ipvs)
{
	static const struct script rows[] = {
		{"rr, then add D", "rr", false, "+A1 +B2 +C3 C B A C B A C +D1 B A D C B A D C B"},
		{"wrr", "wrr", false, "+A1 +B2 +C3 C B A C C B C B A C C B"},
		{"wrr 5 1 1", "wrr", false, "+A5 +B1 +C1 C B A A A A A C B A A A A A"},
		{"wrr all w0", "wrr", false, "+A0 - - -"},
		{"lc", "lc", true, "+A1 +B2 +C3 C B A C B A C B A C B A C B"},
		{"wlc", "wlc", true, "+A1 +B2 +C3 C B A C B C C B A C B C C B"},
	};

	scripts_run(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(sched, rr)
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

	scripts_run(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(sched, wrr)
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

	scripts_run(rows, sizeof(rows) / sizeof(rows[0]));
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
	cds_list_for_each_entry (dest, &svc->dests, list)
		max = dest_weight(dest) > max ? dest_weight(dest) : max;
	for (o->di = max; o->di > 1; o->di--) {
		bool divides = true;

		cds_list_for_each_entry (dest, &svc->dests, list)
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
		struct cds_list_head *at = o->cl ? &o->cl->list : &svc->dests;

		while ((at = at->next) != &svc->dests) {
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

	if (!servers[index]) {
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
Test(sched, wrr_is_ipvs_under_any_change)
{
	static const int32_t units[] = {1, 2, 3, 50, 1};
	unsigned int chosen = 0, refused = 0;

	for (unsigned int run = 0; run < 200; run++) {
		struct oracle o = {0};
		unsigned int seed = run;

		memset(servers, 0, sizeof(servers));
		service_make("wrr");
		oracle_change(&o);
		for (unsigned int i = 0; i < 300; i++) {
			struct dest *want, *got;

			if (rand_r(&seed) % 4 == 0)
				oracle_disturb(&o, &seed, units[rand_r(&seed) % 5]);
			got = service_schedule(svc, &flow, &now);
			want = svc->dests_len ? oracle_pick(&o) : NULL;
			cr_assert_eq(got, want, "run %u, choice %u: %c, not %c", run, i,
				     letter(got), letter(want));
			want ? chosen++ : refused++;
		}
		service_drop();
	}
	cr_assert_gt(chosen, 40000, "%u", chosen);
	cr_assert_gt(refused, 1000, "%u", refused);
}

/* Servers with given weights and counts of connections, and the one that must be chosen. */
struct loads {
	const char *name, *sched;
	struct {
		int32_t weight;
		uint32_t active, inactive;
		bool overloaded;
	} servers[3]; /* A, B, C: the list is C, B, A */
	char want;
};

static void loads_set(const struct loads *loads, bool zero)
{
	for (int s = 0; s < 3; s++) {
		atomic_store(&servers[s]->active, zero ? 0 : loads->servers[s].active);
		atomic_store(&servers[s]->inactive, zero ? 0 : loads->servers[s].inactive);
		if (loads->servers[s].overloaded)
			server_toggle_overload(s);
	}
}

Test(sched, least_connection)
{
	static const struct loads rows[] = {
		{"lc: none", "lc", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"lc: least", "lc", {{1, 1, 0, 0}, {1, 2, 0, 0}, {1, 3, 0, 0}}, 'A'},
		{"lc: ties to the newest", "lc", {{1, 1, 0, 0}, {1, 1, 0, 0}, {1, 2, 0, 0}}, 'B'},
		{"lc: weight is not asked", "lc", {{9, 2, 0, 0}, {1, 1, 0, 0}, {9, 2, 0, 0}}, 'B'},
		{"lc: weight 0 is out", "lc", {{1, 2, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"lc: overloaded is out", "lc", {{1, 2, 0, 0}, {1, 3, 0, 0}, {1, 1, 0, 1}}, 'A'},
		{"lc: 256 inactive", "lc", {{1, 0, 256, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'A'},
		{"lc: 257 inactive tie", "lc", {{1, 0, 257, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'B'},
		{"lc: 258 inactive", "lc", {{1, 1, 0, 0}, {1, 0, 258, 0}, {1, 9, 0, 0}}, 'A'},
		{"wlc: none", "wlc", {{0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 1}}, '-'},
		{"wlc: by weight", "wlc", {{2, 3, 0, 0}, {1, 2, 0, 0}, {4, 7, 0, 0}}, 'A'},
		{"wlc: ties to the newest", "wlc", {{1, 1, 0, 0}, {2, 2, 0, 0}, {3, 4, 0, 0}}, 'B'},
		{"wlc: idle, weight ignored",
		 "wlc",
		 {{9, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}},
		 'B'},
		{"wlc: weight 0 is out", "wlc", {{1, 2, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"wlc: overloaded is out", "wlc", {{1, 9, 0, 0}, {1, 0, 0, 1}, {1, 0, 0, 1}}, 'A'},
		{"wlc: inactive", "wlc", {{2, 0, 513, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'A'},
		{"wlc: inactive tie", "wlc", {{2, 0, 514, 0}, {1, 1, 0, 0}, {1, 9, 0, 0}}, 'B'},
		{"wlc: huge", "wlc", {{BIG, MANY - 1, 0, 0}, {BIG, MANY, 0, 0}, {0, 0, 0, 0}}, 'A'},
		{"wlc: many", "wlc", {{BIG, MANY, 0, 0}, {BIG, MANY - 1, 0, 0}, {0, 0, 0, 0}}, 'B'},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		service_make(rows[i].sched);
		for (int s = 0; s < 3; s++)
			server_add(s, rows[i].servers[s].weight);
		loads_set(&rows[i], false);
		cr_assert_eq(choose(false), rows[i].want, "%s", rows[i].name);
		loads_set(&rows[i], true);
		service_drop();
	}
}

Test(sched, lc_and_wlc_follow_changes)
{
	static const struct script rows[] = {
		{"lc", "lc", true, "- +A1 A A +B1 B B B =A0 B =A1 A A B !B A -A - !B B"},
		{"wlc", "wlc", true, "- +A1 A +B2 B B B =B0 A =B9 B -B A A A"},
	};

	scripts_run(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Of every scheduler: what "explain" tries on a copy of the state leaves no trace. */
Test(sched, peek_changes_nothing)
{
	char names[128], *rest = names, *name;

	snprintf(names, sizeof(names), "%s", scheduler_names());
	while ((name = strsep(&rest, " "))) {
		service_make(name);
		cr_assert_null(service_peek(svc, &flow), "%s without servers", name);
		for (int s = 0; s < 5; s++)
			server_add(s, s);
		for (int i = 0; i < 60; i++) {
			uint8_t before[SCHEDULER_STATE_MAX];
			struct dest *first, *second;

			if (i % 7 == 0)
				server_toggle_overload(i % 5);
			memcpy(before, svc->sched_state, sizeof(before));
			first = service_peek(svc, &flow);
			second = service_peek(svc, &flow);
			cr_assert_arr_eq(svc->sched_state, before, sizeof(before), "%s", name);
			cr_assert_eq(first, second, "%s: %c, then %c", name, letter(first),
				     letter(second));
			cr_assert_eq(letter(first), choose(true), "%s: choice %d", name, i);
		}
		service_drop();
	}
}

/* Of every scheduler: its state does not point to a server that is gone (seen under ASan). */
Test(sched, forgets_deleted_servers)
{
	char names[128], *rest = names, *name;

	snprintf(names, sizeof(names), "%s", scheduler_names());
	while ((name = strsep(&rest, " "))) {
		service_make(name);
		for (int s = 0; s < SERVERS; s++)
			server_add(s, 1 + s % 3);
		for (int left = SERVERS; left; left--) {
			char got = choose(false);

			cr_assert_neq(got, '-', "%s: nobody of %d", name, left);
			server_del(got - 'A');
			services_sweep(services, 1);
			cr_assert(services_sweep(services, 1000000), "%s: not freed", name);
			rcu_barrier();
		}
		cr_assert_eq(choose(false), '-', "%s", name);
		service_drop();
	}
}

Test(sched, a_new_scheduler_starts_afresh_and_the_same_goes_on)
{
	struct service_spec spec;
	char got;

	service_make("rr");
	for (int s = 0; s < 3; s++)
		server_add(s, s + 1);
	cr_assert(step("C", false, &got));
	service_get(svc, &spec);
	cr_assert_eq(service_edit(svc, &spec, &sched_rr), 0);
	cr_assert(step("B", false, &got), "the round went on at %c", got);
	cr_assert_eq(service_edit(svc, &spec, &sched_wrr), 0);
	for (const char *want = "CCBCBACCB"; *want; want++)
		cr_assert_eq(got = choose(false), *want, "wrr from its top: %c, not %c", got,
			     *want);
	cr_assert_eq(service_edit(svc, &spec, &sched_rr), 0);
	cr_assert(step("C", false, &got), "a new round began at %c", got);
	service_drop();
}

Test(sched, found_by_name)
{
	char names[128], *rest = names, *name;
	unsigned int n = 0;

	snprintf(names, sizeof(names), "%s", scheduler_names());
	while ((name = strsep(&rest, " "))) {
		const struct scheduler *sched = scheduler_find(name);

		cr_assert_not_null(sched, "%s", name);
		cr_assert_str_eq(sched->name, name);
		cr_assert_leq(sched->state_size, SCHEDULER_STATE_MAX, "%s", name);
		n++;
	}
	cr_assert_geq(n, 4);
	cr_assert_null(scheduler_find("rrr"));
	cr_assert_null(scheduler_find(""));
}
