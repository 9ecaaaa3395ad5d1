// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A schedule compiled ahead, for when no daemon decides: a few slots, given to the servers of a
 * service by weight. Whole shares first, then one more slot each to the largest remainders; then
 * the slots are dealt as smooth weighted round robin does, so that no server has a run of them.
 * With more servers than slots some get none. Pure; any thread.
 */
#include "rules/fallback.h"

/* The server with the largest remainder, the first of equals. It has none from then on. */
static struct fallback_server *largest_rest(struct fallback_server *servers, size_t len)
{
	struct fallback_server *best = servers;

	for (size_t i = 1; i < len; i++)
		if (servers[i].rest > best->rest)
			best = &servers[i];
	best->rest = 0;
	return best;
}

static void share(struct fallback_server *servers, size_t len, uint64_t sum)
{
	uint32_t left = FALLBACK_SLOTS;

	for (size_t i = 0; i < len; i++) {
		uint64_t parts = (uint64_t)servers[i].weight * FALLBACK_SLOTS;

		servers[i].slots = (uint32_t)(parts / sum);
		servers[i].rest = parts % sum;
		servers[i].credit = 0;
		left -= servers[i].slots;
	}
	for (; left; left--)
		largest_rest(servers, len)->slots++;
}

/* Each server earns its slots at every step, and who has most pays for all of them. */
static size_t next(struct fallback_server *servers, size_t len)
{
	size_t best = 0;

	for (size_t i = 0; i < len; i++) {
		servers[i].credit += (int32_t)servers[i].slots;
		if (servers[i].credit > servers[best].credit)
			best = i;
	}
	servers[best].credit -= FALLBACK_SLOTS;
	return best;
}

bool fallback_fill(size_t slots[FALLBACK_SLOTS], struct fallback_server *servers, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += servers[i].weight;
	if (!sum)
		return false;
	share(servers, len, sum);
	for (size_t i = 0; i < FALLBACK_SLOTS; i++)
		slots[i] = next(servers, len);
	return true;
}
