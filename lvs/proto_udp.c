// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP as IPVS follows it: any datagram starts a flow, there is one state, it never counts as active
 * and ends when nothing came for a while. Workers.
 */
#include "lvs/proto.h"

#include <stdatomic.h>

static bool udp_starts(const struct pkt *pkt)
{
	(void)pkt;
	return true;
}

static uint8_t udp_next(uint8_t state, enum proto_dir dir, const struct pkt *pkt)
{
	(void)dir;
	(void)pkt;
	return state;
}

static bool udp_active(uint8_t state)
{
	(void)state;
	return false;
}

static uint32_t udp_timeout(const struct proto_timeouts *timeouts, uint8_t state)
{
	(void)state;
	return atomic_load_explicit(&timeouts->udp, memory_order_relaxed);
}

static const char *udp_state_name(uint8_t state)
{
	(void)state;
	return "UDP";
}

const struct proto proto_udp = {
	.name = "UDP",
	.protocol = IPPROTO_UDP,
	.established = PROTO_STATELESS,
	.starts = udp_starts,
	.next = udp_next,
	.active = udp_active,
	.timeout = udp_timeout,
	.state_name = udp_state_name,
};
