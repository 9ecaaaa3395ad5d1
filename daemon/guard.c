// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What goes through the connections to end some of them. The one idea: a portion at each tick, none
 * longer than a few milliseconds, for IPVS's once a second would keep the control socket waiting.
 * What is worth ending is lvs/defence.c's to know. Control thread.
 */
#include "daemon/guard.h"
#include "daemon/deciding.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define LOOK_MS	      1000u
#define TICKS	      10u /* in a second */
#define PARTS	      32u /* of the table, one a second */
#define SAMPLE	      32u /* in a row, before another place is chosen */
#define FLUSH_PORTION 2048u
#define FLUSH_ROUNDS  16u

/* Free memory and buffers in pages: what IPVS takes for available. */
static uint64_t memory_available(void)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *meminfo = fopen("/proc/meminfo", "re");
	uint64_t kilobytes = 0, number;
	char line[128];

	if (!meminfo)
		return UINT64_MAX; /* no reason to be alarmed */
	while (fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "MemFree: %" SCNu64, &number) == 1 ||
		    sscanf(line, "Buffers: %" SCNu64, &number) == 1)
			kilobytes += number;
	fclose(meminfo);
	return kilobytes * 1024 / (uint64_t)page;
}

struct sweep {
	struct conns *conns;
	struct defence_counters *counters;
	uint64_t now;
	unsigned int left; /* to be looked at */
};

static void sweep_one(struct conn *conn, void *data)
{
	struct sweep *sweep = data;

	sweep->left--;
	if (defence_drops_entry(sweep->counters, conn, sweep->now))
		conn_drop(sweep->conns, conn, false);
}

/* A tick's share of the part of the table that IPVS would go through in a second: short runs from
 * random places on, and around its end. */
static void sweep(struct guard *guard, struct conns *conns, uint64_t now)
{
	struct sweep data = {.conns = conns, .counters = &guard->counters, .now = now};
	uint64_t share, place;

	guard->due += conns_count(conns);
	share = guard->due / (PARTS * TICKS);
	guard->due %= PARTS * TICKS;
	while (share) {
		struct conns_walk walk = {0}, around = {0};

		data.left = share < SAMPLE ? (unsigned int)share : SAMPLE;
		share -= data.left;
		if (getrandom(&place, sizeof(place), 0) != sizeof(place))
			return;
		conns_walk_at(conns, &walk, place);
		conns_walk(conns, &walk, data.left, sweep_one, &data);
		conns_walk(conns, &around, data.left, sweep_one, &data);
	}
}

/* A connection without a server ends, and with the last of them its template. */
static void flush_one(struct conn *conn, void *data)
{
	if (!(atomic_load_explicit(&conn->dest->flags, memory_order_relaxed) & DEST_AVAILABLE))
		conn_drop(data, conn, true);
}

/* As long as servers are removed, one walk follows the other. */
static void flush(struct guard *guard, struct conns *conns)
{
	for (unsigned int round = 0; guard->flushing && round < FLUSH_ROUNDS; round++) {
		if (conns_walk(conns, &guard->walk, FLUSH_PORTION, flush_one, conns))
			continue;
		guard->walk = (struct conns_walk){0};
		guard->flushing = guard->again;
		guard->again = false;
	}
}

void guard_tick(struct guard *guard, struct director *director, uint64_t now)
{
	const struct settings *settings = deciding_settings(director_deciding(director));
	uint64_t removals = services_removals(director_services(director));
	struct conns *conns = director_conns(director);

	if (now >= guard->next_look) {
		guard->next_look = now + LOOK_MS;
		deciding_defend(director_deciding(director), memory_available());
	}
	if (atomic_load_explicit(&settings->defence.drop_entry, memory_order_relaxed))
		sweep(guard, conns, now);
	if (removals != guard->removals && setting(settings, SETTING_EXPIRE_NODEST_CONN)) {
		guard->again = guard->flushing;
		guard->flushing = true;
	}
	guard->removals = removals;
	flush(guard, conns);
}
