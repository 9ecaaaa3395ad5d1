// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much room is left where the kernel remembers the connections that it carries. Of conntrack it
 * says so itself; the map at the devices would have to be read as a whole, so what counts is how
 * many connections there should be in it. The control thread.
 */
#include "daemon/room.h"
#include "daemon/conntrack.h"
#include "lib/log.h"

#define USAGE_HIGH 80u /* percent: a warning; below the other: */
#define USAGE_CALM 70u /* the next one may come */
#define USAGE_FULL 98u /* what is new is refused, until below the other: */
#define USAGE_FREE 95u
#define LOOK_MS	   1000u /* while there is enough */

struct family_count {
	uint8_t af;
	uint64_t conns;
};

static int count_learned(struct service *svc, void *data)
{
	struct family_count *count = data;
	struct dest *dest;

	if (svc->learned && svc->key.af == count->af)
		cds_list_for_each_entry (dest, &svc->dests, list)
			if (atomic_load_explicit(&dest->carried, memory_order_relaxed))
				count->conns += dest_total(dest);
	return 0;
}

uint64_t room_flows(const struct services *services, uint8_t af)
{
	struct family_count count = {.af = af};

	rcu_read_lock();
	services_each(services, count_learned, &count);
	rcu_read_unlock();
	return count.conns;
}

static bool runs_out(uint64_t count, uint64_t max, bool *warned)
{
	if (count * 100 < max * USAGE_CALM)
		*warned = false;
	if (*warned || count * 100 < max * USAGE_HIGH)
		return false;
	*warned = true;
	return true;
}

static void watch_flows(const struct services *services, uint8_t af, uint32_t max, bool *warned)
{
	const uint64_t count = room_flows(services, af);

	if (runs_out(count, max, warned))
		log_warn("%llu connections to dr servers of %s, and the devices have room for %u; "
			 "what comes on top passes through nfvsd: see director.flows_max",
			 (unsigned long long)count, af == AF_INET6 ? "IPv6" : "IPv4", max);
}

/* What is new is refused a little before there is no room at all: the packet that is to be refused
 * needs an entry itself as long as it is looked at. */
static void fill(struct room *room, uint64_t count, uint64_t max)
{
	room->full = count * 100 >= max * (room->full ? USAGE_FREE : USAGE_FULL);
	if (!room->warned)
		room->refused = false;
	if (!room->full || room->refused)
		return;
	room->refused = true;
	log_warn("conntrack is full: new connections that it would carry are refused until less "
		 "than %u %% of it is in use",
		 USAGE_FREE);
}

static void watch_conntrack(struct room *room)
{
	uint64_t count, max;

	if (conntrack_usage(&count, &max) || !max) {
		room->full = false;
		return;
	}
	if (runs_out(count, max, &room->warned))
		log_warn("conntrack has %llu of at most %llu entries; when it is full new "
			 "connections are refused: see director.conntrack_max, or sysctl -w "
			 "net.netfilter.nf_conntrack_max=%llu",
			 (unsigned long long)count, (unsigned long long)max,
			 (unsigned long long)max * 2);
	fill(room, count, max);
}

bool room_conntrack_full(struct room *room, bool tracked, uint64_t now)
{
	if (!tracked)
		room->full = false;
	else if (room->warned || now >= room->next_look) {
		room->next_look = now + LOOK_MS;
		watch_conntrack(room);
	}
	return room->full;
}

void room_watch_flows(struct room *room, const struct services *services, uint32_t flows_max)
{
	watch_flows(services, AF_INET, flows_max, &room->warned4);
	watch_flows(services, AF_INET6, flows_max, &room->warned6);
}
