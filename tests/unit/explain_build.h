/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_EXPLAIN_BUILD_H
#define TESTS_EXPLAIN_BUILD_H

/* Judging an explanation: does what it shows lead to the server that it names? By each scheduler's
 * rule, told a second time. */

#include "lvs/direct.h"
#include "sched/schedulers.h"

#include <criterion/criterion.h>
#include <string.h>

static inline const struct sched_fact *fact(const struct explanation *said, const char *name)
{
	for (size_t i = 0; i < said->facts.len; i++)
		if (!strcmp(said->facts.items[i].name, name))
			return &said->facts.items[i];
	cr_assert_fail("%s says nothing about \"%s\"", said->svc->sched->name, name);
	return NULL;
}

static inline bool names(const struct explanation *said, const char *name, const struct dest *dest)
{
	return fact(said, name)->dest == dest;
}

static inline bool yes(const struct explanation *said, const char *name)
{
	return fact(said, name)->number;
}

static inline const struct server_view *view(const struct explanation *said,
					     const struct dest *dest)
{
	for (size_t i = 0; i < said->servers_len; i++)
		if (said->servers[i].dest == dest)
			return &said->servers[i];
	cr_assert_fail("its server is not among those of the service");
	return NULL;
}

/* No server is better by the loads that are shown. */
static inline bool least(const struct explanation *said, const struct server_view *best)
{
	const char *sched = said->svc->sched->name;

	for (size_t i = 0; i < said->servers_len; i++) {
		const struct server_view *other = &said->servers[i];

		if (!other->in_pool || !dest_usable(other->dest))
			continue;
		if (!strcmp(sched, "lc") && other->load < best->load)
			return false;
		if (!strcmp(sched, "wrr-smooth") && other->load > best->load)
			return false;
		if ((!strcmp(sched, "wlc") || !strcmp(sched, "sed")) &&
		    other->load * best->weight < best->load * other->weight)
			return false;
		if (!strcmp(sched, "fo") && other->weight > best->weight)
			return false;
		if (!strcmp(sched, "nq") && !other->active && best->active)
			return false;
		if (!strcmp(sched, "ovf") && other->weight > best->weight &&
		    other->load <= other->weight)
			return false;
	}
	return true;
}

/* Does what is shown lead to the scheduler's choice? */
static inline bool convincing(const struct explanation *said, const struct dest *dest)
{
	const char *sched = said->svc->sched->name;
	const struct server_view *best = view(said, dest);

	if (!best->in_pool || best->flags & (DEST_BACK | DEST_FULL))
		return false;
	/* lblc keeps to a server that is over its threshold, as in IPVS. */
	if (best->flags & DEST_OVERLOAD && strcmp(sched, "lblc"))
		return false;
	if (!strcmp(sched, "dh"))
		return names(said, "slot server", dest);
	if (!strcmp(sched, "sh") || !strcmp(sched, "mh") || !strcmp(sched, "maglev"))
		return yes(said, "fallback") || names(said, "slot server", dest);
	if (!strcmp(sched, "twos") || !strcmp(sched, "p2c"))
		return names(said, "first server", dest) || names(said, "second server", dest);
	if (!strcmp(sched, "lblc"))
		return !yes(said, "kept") || names(said, "its server", dest);
	if (!strcmp(sched, "lblcr"))
		return !fact(said, "kept server")->dest || names(said, "kept server", dest);
	if (!strcmp(sched, "rr") || !strcmp(sched, "wrr"))
		return fact(said, "chosen last")->kind == FACT_SERVER;
	return least(said, best);
}

#endif
