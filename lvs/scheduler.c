// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The facts that schedulers give for "nfvsadm explain": plain values in a small array, so that
 * nobody above needs to know what a scheduler goes by. Any thread.
 */
#include "lvs/scheduler.h"

static struct sched_fact *fact_new(struct sched_facts *facts, const char *name,
				   enum sched_fact_kind kind)
{
	struct sched_fact *fact = &facts->items[facts->len];

	if (facts->len == SCHED_FACTS_MAX)
		return NULL;
	facts->len++;
	fact->name = name;
	fact->kind = kind;
	return fact;
}

void facts_number(struct sched_facts *facts, const char *name, int64_t number)
{
	struct sched_fact *fact = fact_new(facts, name, FACT_NUMBER);

	if (fact)
		fact->number = number;
}

void facts_yes(struct sched_facts *facts, const char *name, bool yes)
{
	struct sched_fact *fact = fact_new(facts, name, FACT_YES);

	if (fact)
		fact->number = yes;
}

void facts_server(struct sched_facts *facts, const char *name, const struct dest *dest)
{
	struct sched_fact *fact = fact_new(facts, name, FACT_SERVER);

	if (fact)
		fact->dest = dest;
}
