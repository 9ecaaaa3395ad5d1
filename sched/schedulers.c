// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All schedulers, in one explicit list (schedulers.h) from which both the array and the text for
 * messages are made. Looked up when a configuration is read or a service made, never for a packet.
 * Any thread.
 */
#include "sched/schedulers.h"

#include <string.h>

#define MEMBER(member, name) &sched_##member,
#define WORD(member, name)   " " name

static const struct scheduler *const schedulers[] = {SCHEDULERS(MEMBER) NULL};

const struct scheduler *scheduler_find(const char *name)
{
	for (size_t i = 0; schedulers[i]; i++)
		if (!strcmp(schedulers[i]->name, name))
			return schedulers[i];
	return NULL;
}

const struct scheduler *scheduler_at(size_t n)
{
	return n < sizeof(schedulers) / sizeof(schedulers[0]) ? schedulers[n] : NULL;
}

const char *scheduler_names(void)
{
	static const char words[] = SCHEDULERS(WORD);

	return words + 1;
}

const char *const scheduler_general_flags[SCHEDULER_FLAGS] = {"flag-1", "flag-2", "flag-3"};

uint32_t scheduler_flag(const struct scheduler *sched, const char *name)
{
	for (unsigned int i = 0; i < SCHEDULER_FLAGS; i++)
		if (sched->flags[i] &&
		    (!strcmp(name, sched->flags[i]) || !strcmp(name, scheduler_general_flags[i])))
			return SERVICE_SCHED1 << i;
	return 0;
}
