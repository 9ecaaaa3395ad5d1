/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_EXPLAIN_BUILD_H
#define TESTS_EXPLAIN_BUILD_H

/*
 * Judging an explanation: which server follows from what it shows, the facts and the servers with
 * their weights and loads, by each scheduler's rule told a second time. Nothing else is looked at,
 * but a table's slots, of which only the one that counts is shown.
 */

#include "lvs/direct.h"
#include "sched/schedulers.h"
#include "sched/slots.h"

#include <criterion/criterion.h>
#include <string.h>

static inline const struct sched_fact *fact(const struct explanation *said, const char *name,
					    enum sched_fact_kind kind)
{
	for (size_t i = 0; i < said->facts.len; i++) {
		if (strcmp(said->facts.items[i].name, name))
			continue;
		cr_assert_eq(said->facts.items[i].kind, kind, "%s", name);
		return &said->facts.items[i];
	}
	cr_assert_fail("%s says nothing about \"%s\"", said->svc->sched->name, name);
	return NULL;
}

static inline const struct dest *named(const struct explanation *said, const char *name)
{
	return fact(said, name, FACT_SERVER)->dest;
}

static inline int64_t number(const struct explanation *said, const char *name)
{
	return fact(said, name, FACT_NUMBER)->number;
}

static inline bool yes(const struct explanation *said, const char *name)
{
	return fact(said, name, FACT_YES)->number;
}

/* Those that the scheduler chooses among, in the order of its list. */
struct shown {
	const struct server_view *views[64];
	size_t len;
};

static inline struct shown shown_of(const struct explanation *said)
{
	struct shown shown = {.len = 0};

	for (size_t i = 0; i < said->servers_len; i++)
		if (said->servers[i].in_pool)
			shown.views[shown.len++] = &said->servers[i];
	return shown;
}

static inline bool loaded(const struct server_view *view)
{
	return view->flags & (DEST_OVERLOAD | DEST_FULL);
}

static inline bool usable(const struct server_view *view)
{
	return !loaded(view) && view->weight > 0;
}

/* Where it is among these; -1: nowhere, or NULL. */
static inline int place_of(const struct shown *shown, const struct dest *dest)
{
	for (size_t i = 0; i < shown->len; i++)
		if (shown->views[i]->dest == dest)
			return (int)i;
	return -1;
}

/* Is @a better than @b, by the rule of this scheduler? Both are usable. */
static inline bool better(const char *sched, const struct server_view *a,
			  const struct server_view *b)
{
	if (!strcmp(sched, "lc"))
		return a->load < b->load;
	if (!strcmp(sched, "wrr-smooth"))
		return a->load > b->load;
	if (!strcmp(sched, "fo") || !strcmp(sched, "ovf"))
		return a->weight > b->weight;
	if (!strcmp(sched, "nq") && !a->active != !b->active)
		return !a->active;
	if (!strcmp(sched, "nq") && !a->active)
		return false; /* two that are idle: the first */
	return a->load * b->weight < b->load * a->weight;
}

static inline const struct dest *by_loads(const char *sched, const struct shown *shown)
{
	const struct server_view *best = NULL;

	for (size_t i = 0; i < shown->len; i++) {
		const struct server_view *view = shown->views[i];

		if (!usable(view) || (!strcmp(sched, "ovf") && view->load > view->weight))
			continue;
		if (!best || better(sched, view, best))
			best = view;
	}
	return best ? best->dest : NULL;
}

static inline const struct dest *by_turn(const struct explanation *said, const struct shown *shown)
{
	int last = place_of(shown, named(said, "chosen last"));

	for (size_t i = 1; i <= shown->len; i++) {
		size_t at = ((size_t)(last + (int)i)) % shown->len;

		if (usable(shown->views[at]))
			return shown->views[at]->dest;
	}
	return NULL;
}

/* IPVS's loop, with no bound but that its state repeats. */
static inline const struct dest *by_bar(const struct explanation *said, const struct shown *shown)
{
	int at = place_of(shown, named(said, "chosen last")), start = at, stop = -1;
	int64_t bar = number(said, "current weight"), top = number(said, "greatest weight");
	int64_t step = number(said, "weight step");
	bool last_pass = false, restarted = false;

	while (top > 0) {
		while (++at < (int)shown->len) {
			if (!loaded(shown->views[at]) && shown->views[at]->weight >= bar)
				return shown->views[at]->dest;
			if (at == stop)
				return NULL;
		}
		at = -1;
		bar -= step;
		if (bar <= 0) {
			bar = top;
			if (last_pass || start < 0)
				return NULL;
			restarted = true;
		}
		last_pass = bar <= step;
		if (last_pass && restarted)
			stop = start;
	}
	return NULL;
}

static inline const struct dest *by_slot(const struct explanation *said, const struct shown *shown)
{
	const struct slots *slots =
		((const struct slots_state *)(const void *)said->svc->sched_state)->slots;
	const struct dest *owner = named(said, "slot server");
	bool fallback = yes(said, "fallback");
	int64_t owned = 0, at;

	cr_assert_eq(slots->len, number(said, "slots"));
	for (uint32_t i = 0; i < slots->len; i++)
		owned += slots->at[i] == owner;
	cr_assert_eq(owned, number(said, "slots of this server"));
	cr_assert_eq(slots->at[number(said, "slot")], owner);
	if (owner && usable(shown->views[place_of(shown, owner)])) {
		cr_assert_not(fallback);
		return owner;
	}
	if (!fallback)
		return NULL;
	cr_assert_gt(number(said, "slots looked at"), 1);
	at = number(said, "fallback slot");
	if (!slots->at[at] || !usable(shown->views[place_of(shown, slots->at[at])]))
		return NULL;
	return slots->at[at];
}

/* The owner of a lot, of which 0 is as good as 1; @without: one that takes no part. */
static inline const struct server_view *by_lot(const struct shown *shown, int64_t lot,
					       const struct server_view *without)
{
	int64_t end = 0;

	for (size_t i = 0; i < shown->len; i++) {
		if (!usable(shown->views[i]) || shown->views[i] == without)
			continue;
		end += shown->views[i]->weight;
		if (lot <= end)
			return shown->views[i];
	}
	return NULL;
}

static inline const struct dest *by_lots(const struct explanation *said, const struct shown *shown)
{
	bool p2c = !strcmp(said->svc->sched->name, "p2c");
	const struct server_view *a, *b;

	a = by_lot(shown, number(said, "first lot"), NULL);
	b = by_lot(shown, number(said, "second lot"), p2c ? a : NULL);
	cr_assert_eq(named(said, "first server"), a ? a->dest : NULL);
	cr_assert_eq(named(said, "second server"), b ? b->dest : NULL);
	if (!a || !b)
		return a ? a->dest : NULL;
	return b->load * a->weight < a->load * b->weight ? b->dest : a->dest;
}

static inline const struct dest *by_memory(const struct explanation *said,
					   const struct shown *shown)
{
	const struct dest *kept;

	if (!strcmp(said->svc->sched->name, "lblcr")) {
		kept = named(said, "kept server");
		cr_assert(!kept || (yes(said, "address known") && number(said, "its servers")));
	} else {
		kept = yes(said, "kept") ? named(said, "its server") : NULL;
		cr_assert(!named(said, "its server") || yes(said, "address known"));
		cr_assert_eq(!kept, !yes(said, "kept"));
	}
	cr_assert(!yes(said, "address known") || number(said, "addresses known"));
	return kept ? kept : by_loads("wlc", shown);
}

/* What each server's load has to be. */
static inline void loads_judge(const struct explanation *said)
{
	const char *name = said->svc->sched->load_name;

	for (size_t i = 0; name && i < said->servers_len; i++) {
		const struct server_view *view = &said->servers[i];

		if (!strcmp(name, "overhead"))
			cr_assert_eq(view->load, 257 * (int64_t)view->active + view->inactive);
		else if (!strcmp(name, "delay"))
			cr_assert_eq(view->load, (int64_t)view->active + 1);
		else if (!strcmp(name, "of weight"))
			cr_assert_eq(view->load, view->active);
		else if (!strcmp(name, "credit"))
			cr_assert_eq(view->load, view->dest->credit + view->weight);
		else
			cr_assert_fail("a load of another kind: %s", name);
	}
}

/* The server that follows; NULL: nobody. */
static inline const struct dest *concluded(const struct explanation *said)
{
	const char *sched = said->svc->sched->name;
	struct shown shown = shown_of(said);

	loads_judge(said);
	if (!shown.len)
		return NULL;
	if (!strcmp(sched, "rr"))
		return by_turn(said, &shown);
	if (!strcmp(sched, "wrr"))
		return by_bar(said, &shown);
	if (!strcmp(sched, "dh") || !strcmp(sched, "sh") || !strcmp(sched, "mh") ||
	    !strcmp(sched, "maglev"))
		return by_slot(said, &shown);
	if (!strcmp(sched, "twos") || !strcmp(sched, "p2c"))
		return by_lots(said, &shown);
	if (!strcmp(sched, "lblc") || !strcmp(sched, "lblcr"))
		return by_memory(said, &shown);
	cr_assert(said->svc->sched->load || !strcmp(sched, "fo"), "%s goes by nothing?", sched);
	return by_loads(sched, &shown);
}

#endif
