/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_PROTO_H
#define LVS_PROTO_H

#include "lvs/pkt.h"

/* Seconds after the last packet, by state; changed by the control thread (ipvsadm --set), read by
 * workers, relaxed. Starts as IPVS's table: lvs-semantics, section 3. */
#define PROTO_STATES_MAX 16
struct proto_timeouts {
	_Atomic uint32_t tcp[PROTO_STATES_MAX], udp;
};

/* IPVS's default table, then @tcp, @tcpfin, @udp (seconds, 0 keeps) over it. Control thread. */
void proto_timeouts_init(struct proto_timeouts *timeouts);
void proto_timeouts_set(struct proto_timeouts *timeouts, uint32_t tcp, uint32_t tcpfin,
			uint32_t udp);

/* What a packet does to a connection's state. */
enum proto_dir {
	PROTO_INPUT,
	PROTO_OUTPUT,
	PROTO_INPUT_ONLY
};

#define PROTO_STATELESS 0xff

/* A transport protocol that services can have. One member a file: proto_tcp.c, proto_udp.c. */
struct proto {
	const char *name; /* as in listings: "TCP" */
	uint8_t protocol;
	uint8_t established; /* the state that assures a template, or PROTO_STATELESS */
	/* May this packet start a connection? */
	bool (*starts)(const struct pkt *pkt);
	/* The state that follows @state. */
	uint8_t (*next)(uint8_t state, enum proto_dir dir, const struct pkt *pkt);
	/* Does a connection in this state count as active? */
	bool (*active)(uint8_t state);
	/* Seconds that this state lasts. */
	uint32_t (*timeout)(const struct proto_timeouts *timeouts, uint8_t state);
	/* As in listings: "ESTABLISHED"; static storage. */
	const char *(*state_name)(uint8_t state);
};

/* NULL for a protocol without a member. */
const struct proto *proto_find(uint8_t protocol);

extern const struct proto proto_tcp, proto_udp;

/* IPVS's numbers of the TCP states (IP_VS_TCP_S_*). */
enum tcp_state {
	TCP_NONE,
	TCP_ESTAB,
	TCP_SSENT,
	TCP_SRECV,
	TCP_FINWAIT,
	TCP_TIMEWAIT,
	TCP_CLOSED,
	TCP_CLOSEWAIT,
	TCP_LASTACK,
	TCP_LISTENING,
	TCP_SYNACK,
	TCP_STATES
};

#endif
