// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether the rules can choose a service's servers exactly as its scheduler would: one list of what
 * is in the way, asked for a running service, for one in a file, and for what an administrator is
 * about to change. The one idea: rules count turns and nothing else, so whatever looks at anything
 * but weights needs the daemon. Any thread.
 */
#include "conf/turns.h"
#include "sched/schedulers.h"

#include <stdio.h>

void turns_case(struct turns_case *which, const struct service_spec *spec, enum schedule director)
{
	*which = (struct turns_case){.spec = spec,
				     .wanted = spec->schedule ? spec->schedule : director};
}

bool turns_see(struct turns_case *which, const struct dest_spec *server)
{
	uint32_t slow =
		server->says & SAYS_SLOW_START ? server->slow_start : which->spec->slow_start;

	if (server->upper)
		which->server = "a server has a threshold (upper)";
	else if (server->limit)
		which->server = "a server has a limit";
	else if (server->backup)
		which->server = "it has a backup server";
	which->slow |= slow;
	if (server->weight <= 0 || which->len > TURNS_MAX)
		return false;
	which->weights[which->len++] = server->weight;
	return true;
}

/* What the rules cannot know, whatever the scheduler. */
static const char *state_obstacle(const struct turns_case *which)
{
	const struct service_spec *spec = which->spec;

	if (spec->flags & SERVICE_PERSISTENT)
		return "it is persistent";
	if (spec->limit)
		return "it has a limit";
	return which->server;
}

const char *turns_obstacle(const struct turns_case *which, char buf[SCHEDULE_WHY_MAX])
{
	const struct scheduler *sched = scheduler_find(which->spec->scheduler);
	uint64_t turns;

	if (which->wanted == SCHEDULE_DAEMON || which->wanted == SCHEDULE_UNSET)
		return "the configuration says so";
	if (which->packet_reason) {
		snprintf(buf, SCHEDULE_WHY_MAX, "its datapath is packet: %s", which->packet_reason);
		return buf;
	}
	if (which->learned)
		return "its servers have the method dr";
	if (!sched || !sched->turns)
		return "its scheduler is neither rr nor wrr";
	if (state_obstacle(which))
		return state_obstacle(which);
	if (which->slow && sched->weights != WEIGHTS_FIXED)
		return "it has a slow start";
	if (which->len > TURNS_MAX)
		return "more than 256 of its servers have weight";
	turns = sched->turns(which->weights, which->len, NULL, 0);
	if (turns <= TURNS_MAX)
		return NULL;
	snprintf(buf, SCHEDULE_WHY_MAX, "%s takes %llu turns here, the kernel's schedule has %u",
		 sched->name, (unsigned long long)turns, TURNS_MAX);
	return buf;
}

size_t turns_fill(const struct turns_case *which, uint16_t turns[TURNS_MAX])
{
	const struct scheduler *sched = scheduler_find(which->spec->scheduler);

	return sched->turns(which->weights, which->len, turns, TURNS_MAX);
}
