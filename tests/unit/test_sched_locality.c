// SPDX-License-Identifier: GPL-2.0-or-later
/* sched/locality.c, lblc.c, lblcr.c: those that remember destination addresses. */
#include "sched/locality.h"
#include "tests/unit/sched_build.h"

#define MINUTE 60000u
#define DAY    86400000ull

TestSuite(sched_locality, .init = lab_open, .fini = lab_close, .timeout = 60);

/* Site n is an address; the one that is chosen for it now. */
static char ask(unsigned int n)
{
	struct flow flow = flow_site(n);

	return choose(&flow, false);
}

static struct locality *table(void)
{
	return locality_of(lab.svc->sched_state);
}

static struct site *site_of(unsigned int n)
{
	struct flow flow = flow_site(n);

	return locality_find(table(), &flow);
}

/* The members of a site, newest first; "-" for one that is gone. */
static const char *members(unsigned int n)
{
	static char text[SERVERS + 1];
	const struct site *site = site_of(n);
	struct member *member;
	size_t len = 0;

	if (!site)
		return "none";
	cds_list_for_each_entry (member, &site->members, node)
		text[len++] = letter(member->place->dest);
	text[len] = '\0';
	return text;
}

#define MEMBERS(n, want) cr_assert_str_eq(members(n), want, "%s", members(n))
#define ASK(n, want)                                       \
	do {                                               \
		char got = ask(n);                         \
                                                           \
		cr_assert_eq(got, want, "%c chosen", got); \
	} while (0)

static void make(const char *sched, int32_t a, int32_t b, int32_t c)
{
	service_make(sched, 0);
	server_add(0, a);
	server_add(1, b);
	server_add(2, c);
}

static void drop(void)
{
	for (int s = 0; s < SERVERS; s++)
		if (lab.servers[s])
			server_load(s, 0, 0);
	service_drop();
}

/* One choice of each in all states that decide whether a remembered server is kept. */
Test(sched_locality, keeps_its_server)
{
	static const struct {
		const char *name;
		uint32_t a_active; /* A, the remembered one: weight 4 */
		int32_t a_weight;
		bool a_overloaded, a_full;
		uint32_t b_active; /* B: weight 6 */
		char lblc, lblcr;
	} rows[] = {
		{"idle", 0, 4, false, false, 0, 'A', 'A'},
		{"as many as its weight", 4, 4, false, false, 0, 'A', 'A'},
		{"one more, and another idle", 5, 4, false, false, 0, 'B', 'B'},
		{"one more, another at a third", 5, 4, false, false, 2, 'B', 'B'},
		{"one more, another at half", 5, 4, false, false, 3, 'A', 'A'},
		{"many more, nobody idle", 50, 4, false, false, 3, 'A', 'A'},
		{"quiesced", 0, 0, false, false, 5, 'B', 'B'},
		{"weight 1", 0, 1, false, false, 5, 'A', 'A'},
		{"over its threshold", 0, 4, true, false, 5, 'A', 'B'},
		{"at its limit", 0, 4, false, true, 5, 'B', 'B'},
	};

	for (int i = 0; i < 2 * (int)LEN(rows); i++) {
		const char *sched = i % 2 ? "lblcr" : "lblc";

		make(sched, 4, 0, 0);
		server_del(2);
		ASK(0, 'A');
		server_edit(1, 6);
		server_load(0, rows[i / 2].a_active, 0);
		server_load(1, rows[i / 2].b_active, 0);
		server_edit(0, rows[i / 2].a_weight);
		if (rows[i / 2].a_overloaded)
			server_toggle_overload(0);
		if (rows[i / 2].a_full)
			atomic_fetch_xor(&lab.servers[0]->flags, DEST_FULL);
		cr_assert_eq(ask(0), i % 2 ? rows[i / 2].lblcr : rows[i / 2].lblc, "%s: %s", sched,
			     rows[i / 2].name);
		drop();
	}
}

/* What is not known is given by wlc, each address by itself; and looking changes nothing. */
Test(sched_locality, remembers)
{
	static const char *const scheds[] = {"lblc", "lblcr"};

	for (size_t i = 0; i < LEN(scheds); i++) {
		struct flow flow = flow_site(0);

		make(scheds[i], 1, 2, 3);
		cr_assert_eq(letter(service_peek(lab.svc, &flow)), 'C');
		cr_assert_eq(table()->sites, 0);
		ASK(0, 'C');
		server_load(2, 1, 0);
		ASK(1, 'B');
		server_load(1, 2, 1);
		ASK(2, 'A');
		ASK(0, 'C');
		ASK(1, 'B');
		ASK(2, 'A');
		cr_assert_eq(table()->sites, 3);
		/* Nobody is left: nothing new is remembered, and nothing forgotten. */
		for (int s = 0; s < 3; s++)
			server_edit(s, 0);
		ASK(0, '-');
		ASK(3, '-');
		cr_assert_eq(table()->sites, 3);
		for (int s = 0; s < 3; s++)
			server_edit(s, s + 1);
		MEMBERS(0, "C");
		MEMBERS(1, "B");
		MEMBERS(3, "none");
		drop();
	}
}

/* IPVS takes a removed server out of its trash, and what was remembered of it holds again. */
Test(sched_locality, a_server_comes_back)
{
	make("lblc", 1, 1, 1);
	ASK(0, 'C');
	server_load(2, 5, 0);
	ASK(1, 'B');
	server_load(2, 0, 0);
	server_del(2);
	ASK(2, 'B');
	MEMBERS(0, "-");
	server_add(2, 1);
	MEMBERS(0, "C");
	server_load(2, 1, 0);
	ASK(0, 'C');
	server_load(2, 0, 0);
	server_del(2);
	ASK(0, 'B'); /* another took its place */
	server_add(2, 1);
	MEMBERS(0, "B");
	server_load(1, 1, 0);
	ASK(0, 'B');
	/* And with its memory gone, as another object. */
	ASK(3, 'C');
	server_del(2);
	services_sweep(lab.services, 1);
	cr_assert(services_sweep(lab.services, 1000000));
	rcu_barrier();
	server_add(2, 1);
	server_load(2, 1, 0);
	MEMBERS(3, "C");
	ASK(3, 'C');
	drop();
}

/* A set grows by the server that wlc would take, when its best has too much to do. */
Test(sched_locality, a_set_grows)
{
	make("lblcr", 2, 2, 2);
	ASK(0, 'C');
	server_load(2, 3, 0);
	ASK(0, 'B');
	MEMBERS(0, "BC");
	server_load(1, 3, 0);
	ASK(0, 'A');
	MEMBERS(0, "ABC");
	server_load(0, 3, 0);
	ASK(0, 'A'); /* the first of equals: the newest member */
	server_load(1, 2, 0);
	ASK(0, 'B');
	server_load(1, 3, 0);
	server_load(0, 9, 0);
	ASK(0, 'B');
	server_edit(1, 0);
	ASK(0, 'C');
	MEMBERS(0, "ABC");
	server_edit(1, 2);
	server_toggle_overload(1);
	ASK(0, 'C');
	/* The same server again is no other member. */
	server_toggle_overload(1);
	server_load(0, 3, 0);
	server_load(2, 3, 0);
	server_add(3, 100);
	server_load(3, 49, 0);
	ASK(0, 'D');
	MEMBERS(0, "DABC");
	server_load(3, 101, 0);
	server_edit(0, 7);
	ASK(0, 'A');
	MEMBERS(0, "DABC");
	drop();
}

/* And loses the most loaded, once it has not changed for longer than the setting. */
Test(sched_locality, a_set_shrinks)
{
	make("lblcr", 2, 2, 2);
	lab.time.now = 1000;
	ASK(0, 'C');
	server_load(2, 3, 0);
	ASK(0, 'B');
	server_load(1, 3, 0);
	ASK(0, 'A');
	MEMBERS(0, "ABC");
	server_load(0, 1, 0);
	server_load(1, 2, 0);
	server_load(2, 2, 0);
	lab.time.now = 1000 + DAY;
	ASK(0, 'A');
	MEMBERS(0, "ABC");
	lab.time.now++;
	ASK(0, 'A');
	MEMBERS(0, "AC"); /* of equals the first */
	lab.time.now += DAY;
	ASK(0, 'A');
	MEMBERS(0, "AC");
	atomic_store(&lab.settings.values[SETTING_LBLCR_EXPIRATION], 60);
	server_edit(2, 0);
	ASK(0, 'A');
	MEMBERS(0, "C"); /* a quiesced one has no load for its weight */
	lab.time.now += DAY;
	ASK(0, 'A'); /* so it is none too many, but it cannot be chosen */
	MEMBERS(0, "AC");
	drop();
}

/* A server that is gone counts as a member without load; by its weight it can be the first. */
Test(sched_locality, a_set_loses_who_is_gone)
{
	make("lblcr", 2, 2, 2);
	ASK(0, 'C');
	server_load(2, 3, 0);
	ASK(0, 'B');
	MEMBERS(0, "BC");
	server_load(2, 0, 0);
	server_del(1);
	MEMBERS(0, "-C");
	lab.time.now += DAY + 1;
	ASK(0, 'C');
	MEMBERS(0, "C"); /* both idle: the first of equals */
	cr_assert_eq(table()->gone, 0);
	drop();
}

static void tick(unsigned int minutes)
{
	while (minutes--) {
		lab.time.now += MINUTE;
		rcu_read_lock();
		services_minute(lab.services, &lab.time);
		rcu_read_unlock();
	}
}

/* The thirtieth minute, and every 29th from then on, looks at all. */
Test(sched_locality, forgets_after_a_day)
{
	static const struct {
		const char *sched;
		enum setting_id id;
	} rows[] = {{"lblc", SETTING_LBLC_EXPIRATION}, {"lblcr", SETTING_LBLCR_EXPIRATION}};

	for (size_t i = 0; i < LEN(rows); i++) {
		lab.time.now = 0;
		make(rows[i].sched, 1, 1, 1);
		atomic_store(&lab.settings.values[rows[i].id], 30 * 60);
		ASK(0, 'C');
		ASK(1, 'C');
		tick(1);
		ASK(1, 'C'); /* used: 29 minutes old when all are looked at */
		tick(28);
		cr_assert_eq(table()->sites, 2, "%s", rows[i].sched);
		tick(1);
		cr_assert_eq(table()->sites, 1, "%s: %u", rows[i].sched, table()->sites);
		MEMBERS(0, "none");
		MEMBERS(1, "C");
		cr_assert_eq(table()->rover, 0, "once around: %u", table()->rover);
		tick(29);
		cr_assert_eq(table()->sites, 1);
		tick(1);
		cr_assert_eq(table()->sites, 0);
		atomic_store(&lab.settings.values[rows[i].id], 86400);
		ASK(0, 'C');
		tick(30 * 48 - 1);
		cr_assert_eq(table()->sites, 1);
		tick(1); /* 24 hours */
		cr_assert_eq(table()->sites, 0);
		drop();
	}
}

/* There is an end to it; and what is too much goes, from bucket to bucket. */
Test(sched_locality, is_bounded)
{
	static const char *const scheds[] = {"lblc", "lblcr"};

	for (size_t i = 0; i < LEN(scheds); i++) {
		uint32_t before;

		lab.time.now = 0;
		make(scheds[i], 1, 1, 1);
		for (unsigned int n = 0; n < LOCALITY_MANY * 3 / 2 + 5; n++) {
			ASK(n, 'C');
			/* One more would be too many, and no minute of the thirty. */
			if (table()->sites == LOCALITY_MANY) {
				uint32_t runs = table()->runs;

				services_minute(lab.services, &lab.time);
				cr_assert_eq(table()->runs, runs + 1);
				table()->runs = runs;
			}
		}
		cr_assert_eq(table()->sites, 24576);
		MEMBERS(24575, "C");
		MEMBERS(24576, "none");
		/* lblc does not give a known one another server either; lblcr does. */
		server_load(2, 2, 0);
		ASK(7, 'B');
		MEMBERS(7, i ? "BC" : "C");
		server_load(2, 0, 0);
		tick(5);
		cr_assert_eq(table()->sites, 24576, "none idle for six minutes");
		ASK(3, 'C');
		tick(1);
		/* The goal is 8192 at most; whole buckets of 24 are taken, but for the one in use.
		 */
		cr_assert_eq(table()->sites, 24576 - (342 * 24 - 1), "%u", table()->sites);
		before = table()->sites;
		cr_assert_eq(table()->rover, 342, "%u", table()->rover);
		tick(1);
		cr_assert_leq(table()->sites, LOCALITY_MANY + 1);
		cr_assert_leq(table()->sites, before);
		MEMBERS(3, "C");
		tick(5);
		cr_assert_geq(table()->sites, LOCALITY_MANY - 100, "not more than need be");
		cr_assert_leq(table()->sites, LOCALITY_MANY);
		ASK(99999, 'C');
		MEMBERS(99999, "C");
		drop();
	}
}

/* Not one bucket more than it takes: 12 too many make a goal of 16, which is what the next has. */
Test(sched_locality, takes_no_more_than_its_goal)
{
	struct cds_hlist_node *at;
	uint32_t next = 0;

	make("lblc", 1, 1, 1);
	for (unsigned int n = 0; n < LOCALITY_MANY + 12; n++)
		ASK(n, 'C');
	for (at = table()->buckets[1].next; at; at = at->next)
		next++;
	cr_assert_eq(next, 16, "%u", next);
	lab.time.now = 6 * MINUTE - 1;
	services_minute(lab.services, &lab.time);
	cr_assert_eq(table()->sites, LOCALITY_MANY + 12);
	cr_assert_eq(table()->rover, 0, "all were looked at: %u", table()->rover);
	lab.time.now++;
	services_minute(lab.services, &lab.time);
	cr_assert_eq(table()->sites, LOCALITY_MANY - 4, "%u", table()->sites);
	cr_assert_eq(table()->rover, 1, "%u", table()->rover);
	drop();
}

/* Many servers and sites, at random: no place is lost, none kept. Also for the sanitizers. */
Test(sched_locality, keeps_its_books)
{
	static const char *const scheds[] = {"lblc", "lblcr"};
	unsigned int seed = 7;

	for (int run = 0; run < 20; run++) {
		service_make(scheds[run % 2], 0);
		lab.time.now = 0;
		atomic_store(&lab.settings.values[SETTING_LBLC_EXPIRATION], 600);
		atomic_store(&lab.settings.values[SETTING_LBLCR_EXPIRATION], 600);
		for (int step = 0; step < 2000; step++) {
			int s = rand_r(&seed) % SERVERS, what = rand_r(&seed) % 40;
			uint32_t gone = 0, members = 0, refs = 0;
			struct place *place;

			if (what == 0 && lab.servers[s]) {
				server_load(s, 0, 0);
				server_del(s);
			} else if (what <= 1 && !lab.servers[s]) {
				server_add(s, rand_r(&seed) % 5);
			} else if (what < 8 && lab.servers[s]) {
				server_load(s, rand_r(&seed) % 6, 0);
			} else if (what == 8) {
				tick(1);
			} else {
				ask(rand_r(&seed) % 50);
			}
			cds_list_for_each_entry (place, &table()->places, node) {
				gone += !place->dest;
				refs += place->members;
				cr_assert_gt(place->members, 0);
			}
			for (unsigned int n = 0; n < 50; n++)
				members += site_of(n) ? site_of(n)->len : 0;
			cr_assert_eq(gone, table()->gone, "step %d", step);
			cr_assert_eq(refs, members, "step %d", step);
		}
		drop();
	}
}
