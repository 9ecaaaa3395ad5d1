// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transport protocols that services can have, in one explicit array indexed by their number,
 * because every packet asks; and how long their states last. Workers look up and read timeouts, the
 * control thread changes timeouts.
 */
#include "lvs/proto.h"

#include <stdatomic.h>

static const struct proto *const protos[UINT8_MAX + 1] = {
	[IPPROTO_TCP] = &proto_tcp,
	[IPPROTO_UDP] = &proto_udp,
};

static const uint32_t tcp_seconds[TCP_STATES] = {
	[TCP_NONE] = 2,	     [TCP_ESTAB] = 900,	    [TCP_SSENT] = 120,	[TCP_SRECV] = 60,
	[TCP_FINWAIT] = 120, [TCP_TIMEWAIT] = 120,  [TCP_CLOSED] = 10,	[TCP_CLOSEWAIT] = 60,
	[TCP_LASTACK] = 30,  [TCP_LISTENING] = 120, [TCP_SYNACK] = 120,
};

#define UDP_SECONDS 300

const struct proto *proto_find(uint8_t protocol)
{
	return protos[protocol];
}

void proto_timeouts_init(struct proto_timeouts *timeouts)
{
	for (unsigned int i = 0; i < PROTO_STATES_MAX; i++)
		atomic_init(&timeouts->tcp[i], i < TCP_STATES ? tcp_seconds[i] : 0);
	atomic_init(&timeouts->udp, UDP_SECONDS);
}

static void set(_Atomic uint32_t *timeout, uint32_t seconds)
{
	if (seconds)
		atomic_store_explicit(timeout, seconds, memory_order_relaxed);
}

void proto_timeouts_set(struct proto_timeouts *timeouts, uint32_t tcp, uint32_t tcpfin,
			uint32_t udp)
{
	set(&timeouts->tcp[TCP_ESTAB], tcp);
	set(&timeouts->tcp[TCP_FINWAIT], tcpfin);
	set(&timeouts->udp, udp);
}
