// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is done against floods, as update_defense_level() and ip_vs_random_dropentry() of IPVS do
 * it. The one idea: once a second the three modes and the free memory are made into what workers
 * read without thinking (struct defence). Which connections are worth least is judged here, too;
 * daemon/defence.c goes through them. Control thread, but for the packets that are counted off.
 */
#include "lvs/defence.h"
#include "lvs/proto.h"
#include "lvs/service.h"

#define MODE_READY  1 /* when memory is short */
#define MODE_AT_IT  2 /* it is */
#define MODE_ALWAYS 3

#define IDLE_MS 60000 /* a connection that was used since is spared */

/* Takes one mode from ready to at it or back; is its defence on? */
static bool mode_update(struct settings *settings, enum setting_id id, bool shortage)
{
	uint32_t mode = setting(settings, id);

	if (mode == MODE_READY || mode == MODE_AT_IT) {
		mode = shortage ? MODE_AT_IT : MODE_READY;
		atomic_store_explicit(&settings->values[id], mode, memory_order_relaxed);
	}
	return mode >= MODE_AT_IT;
}

/* The less memory, the more is dropped: in IPVS's whole numbers. */
static void drop_packet_update(struct settings *settings, uint64_t available, bool shortage)
{
	struct defence *defence = &settings->defence;
	uint32_t threshold = setting(settings, SETTING_AMEMTHRESH), rate = 0;

	if (!mode_update(settings, SETTING_DROP_PACKET, shortage)) {
		rate = 0;
	} else if (setting(settings, SETTING_DROP_PACKET) == MODE_ALWAYS) {
		rate = setting(settings, SETTING_AM_DROPRATE);
	} else {
		rate = threshold / (threshold - (uint32_t)available);
		atomic_store_explicit(&defence->drop_counter, (int32_t)rate, memory_order_relaxed);
	}
	atomic_store_explicit(&defence->drop_rate, rate, memory_order_relaxed);
}

void defence_update(struct settings *settings, uint64_t available)
{
	bool shortage = available < setting(settings, SETTING_AMEMTHRESH);
	struct defence *defence = &settings->defence;

	atomic_store_explicit(&defence->drop_entry,
			      mode_update(settings, SETTING_DROP_ENTRY, shortage),
			      memory_order_relaxed);
	drop_packet_update(settings, available, shortage);
	atomic_store_explicit(&defence->secure_tcp,
			      mode_update(settings, SETTING_SECURE_TCP, shortage),
			      memory_order_relaxed);
}

bool defence_drops_packet(struct settings *settings)
{
	struct defence *defence = &settings->defence;
	uint32_t rate = atomic_load_explicit(&defence->drop_rate, memory_order_relaxed);

	if (!rate)
		return false;
	if (atomic_fetch_sub_explicit(&defence->drop_counter, 1, memory_order_relaxed) > 1)
		return false;
	atomic_store_explicit(&defence->drop_counter, (int32_t)rate, memory_order_relaxed);
	return true;
}

/* An old connection that did little (todrop_entry): of those with k packets every k-th goes. */
static bool idle_goes(struct defence_counters *counters, const struct conn *conn, uint64_t now)
{
	uint64_t expires = atomic_load_explicit(&conn->expires, memory_order_relaxed);
	uint32_t timeout = atomic_load_explicit(&conn->timeout, memory_order_relaxed);
	uint8_t packets = atomic_load_explicit(&conn->in_pkts, memory_order_relaxed);

	if (now + timeout < expires + IDLE_MS || !packets || packets > DEFENCE_PACKETS_MAX)
		return false;
	if (--counters->spared[packets] > 0)
		return false;
	counters->spared[packets] = (int8_t)packets;
	return true;
}

/* Of a service that schedules each packet for itself, now: its templates are used and stay
 * un-assured. */
static bool of_one_packet_service(const struct conn *template)
{
	const struct service *svc =
		atomic_load_explicit(&template->dest->svc, memory_order_relaxed);

	if (!svc)
		return false;
	RCU_FOUND(svc);
	return atomic_load_explicit(&svc->flags, memory_order_relaxed) & SERVICE_ONEPACKET;
}

bool defence_drops_entry(struct defence_counters *counters, const struct conn *conn, uint64_t now)
{
	uint8_t flags = atomic_load_explicit(&conn->flags, memory_order_relaxed);
	uint8_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);
	const struct proto *proto = proto_find(conn->protocol);

	if (conn_controls(conn))
		return false;
	if (flags & CONN_TEMPLATE) {
		if (of_one_packet_service(conn))
			return idle_goes(counters, conn, now);
		return !(flags & CONN_ASSURED);
	}
	if (proto->half_open && proto->half_open(state))
		return true;
	if (proto->established != PROTO_STATELESS && state != proto->established)
		return false;
	return idle_goes(counters, conn, now);
}

void conn_drop(struct conns *conns, struct conn *conn, bool assured)
{
	struct conn *template = conn->control;

	conn_expire(conns, conn);
	if (template && (assured || !(atomic_load_explicit(&template->flags, memory_order_relaxed) &
				      CONN_ASSURED)))
		conn_expire(conns, template);
}
