// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much room is left where the kernel remembers the connections that it carries. Of conntrack it
 * says so itself; the map at the devices would have to be read as a whole, so what counts is how
 * many connections there should be in it. The control thread, once a second.
 */
#include "daemon/room.h"
#include "daemon/conntrack.h"
#include "lib/log.h"

#define USAGE_HIGH 80u /* percent: a warning; below the other: */
#define USAGE_CALM 70u /* the next one may come */

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

/* Where conntrack is full the kernel drops what would begin a connection, anybody's. */
static void watch_conntrack(bool *warned)
{
	uint64_t count, max;

	if (conntrack_usage(&count, &max) || !max || !runs_out(count, max, warned))
		return;
	log_warn("conntrack has %llu of at most %llu entries; when it is full the kernel drops new "
		 "connections: see director.conntrack_max, or sysctl -w "
		 "net.netfilter.nf_conntrack_max=%llu",
		 (unsigned long long)count, (unsigned long long)max, (unsigned long long)max * 2);
}

void room_watch(struct room *room, const struct services *services, uint32_t flows_max,
		bool tracked)
{
	if (flows_max) {
		watch_flows(services, AF_INET, flows_max, &room->warned4);
		watch_flows(services, AF_INET6, flows_max, &room->warned6);
	}
	if (tracked)
		watch_conntrack(&room->warned);
}
