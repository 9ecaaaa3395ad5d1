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
	[IPPROTO_SCTP] = &proto_sctp,
};

static const uint32_t tcp_seconds[TCP_STATES] = {
	[TCP_NONE] = 2,	     [TCP_ESTAB] = 900,	    [TCP_SSENT] = 120,	[TCP_SRECV] = 60,
	[TCP_FINWAIT] = 120, [TCP_TIMEWAIT] = 120,  [TCP_CLOSED] = 10,	[TCP_CLOSEWAIT] = 60,
	[TCP_LASTACK] = 30,  [TCP_LISTENING] = 120, [TCP_SYNACK] = 120,
};

/* The longest retransmission timeout of RFC 9260, and one. An INIT that nobody answers, or that is
 * refused, is sent again after 3 seconds. */
#define SCTP_RTO     61
#define SCTP_INITIAL 4

static const uint32_t sctp_seconds[SCTP_STATES] = {
	[SCTP_NONE] = 2,
	[SCTP_INIT1] = SCTP_INITIAL,
	[SCTP_INIT] = SCTP_RTO,
	[SCTP_COOKIE_SENT] = SCTP_RTO,
	[SCTP_COOKIE_REPLIED] = SCTP_RTO,
	[SCTP_COOKIE_WAIT] = SCTP_RTO,
	[SCTP_COOKIE] = SCTP_RTO,
	[SCTP_COOKIE_ECHOED] = SCTP_RTO,
	[SCTP_ESTAB] = 900,
	[SCTP_SHUTDOWN_SENT] = SCTP_RTO,
	[SCTP_SHUTDOWN_RECEIVED] = SCTP_RTO,
	[SCTP_SHUTDOWN_ACK_SENT] = SCTP_RTO,
	[SCTP_REJECTED] = SCTP_INITIAL,
	[SCTP_CLOSED] = SCTP_RTO,
};

#define UDP_SECONDS 300

const struct proto *proto_find(uint8_t protocol)
{
	return protos[protocol];
}

void proto_timeouts_init(struct proto_timeouts *timeouts)
{
	for (unsigned int i = 0; i < PROTO_STATES_MAX; i++) {
		atomic_init(&timeouts->tcp[i], i < TCP_STATES ? tcp_seconds[i] : 0);
		atomic_init(&timeouts->sctp[i], i < SCTP_STATES ? sctp_seconds[i] : 0);
	}
	atomic_init(&timeouts->udp, UDP_SECONDS);
}
