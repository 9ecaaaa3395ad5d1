// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All schedulers, in one explicit list from which both the array and the text for messages are
 * made. Looked up when a configuration is read or a service made, never for a packet. Any thread.
 */
#include "sched/schedulers.h"

#include <string.h>

/* X(name) for each member sched_name. */
#define SCHEDULERS(X) X(rr) X(wrr) X(lc) X(wlc)

#define MEMBER(name) &sched_##name,
#define WORD(name)   " " #name

static const struct scheduler *const schedulers[] = {SCHEDULERS(MEMBER)};

const struct scheduler *scheduler_find(const char *name)
{
	for (size_t i = 0; i < sizeof(schedulers) / sizeof(schedulers[0]); i++)
		if (!strcmp(schedulers[i]->name, name))
			return schedulers[i];
	return NULL;
}

const char *scheduler_names(void)
{
	static const char words[] = SCHEDULERS(WORD);

	return words + 1;
}
