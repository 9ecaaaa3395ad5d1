/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LVS_PROTO_H
#define LVS_PROTO_H

#include "lvs/pkt.h"
#include "lvs/settings.h"

/* Seconds after the last packet, by state; changed by the control thread (ipvsadm --set), read by
 * workers, relaxed. Starts as IPVS's table: lvs-semantics, section 3. */
#define PROTO_STATES_MAX 16
struct proto_timeouts {
	_Atomic uint32_t tcp[PROTO_STATES_MAX], sctp[PROTO_STATES_MAX], udp;
};

/* IPVS's default table. Before anybody reads it. */
void proto_timeouts_init(struct proto_timeouts *timeouts);

/* What a packet does to a connection's state. */
enum proto_dir {
	PROTO_INPUT,
	PROTO_OUTPUT,
	PROTO_INPUT_ONLY
};

#define PROTO_STATELESS 0xff

/* A transport protocol that services can have. One member a file: proto_tcp.c ... */
struct proto {
	const char *name; /* as in listings: "TCP" */
	uint8_t protocol;
	uint8_t established; /* the state that assures a template, or PROTO_STATELESS */
	/* May this packet start a connection? */
	bool (*starts)(const struct pkt *pkt);
	/* Does this packet end one at once? What does not may start one, too, while the setting
	 * @sloppy is on. NULL: all start one. */
	bool (*aborts)(const struct pkt *pkt);
	enum setting_id sloppy;
	/* Does this packet ask for a new connection, and is one in this state over, so that the two
	 * together make a new one of the same addresses and ports? Both NULL: never. */
	bool (*opens)(const struct pkt *pkt);
	bool (*over)(uint8_t state);
	/* The state that follows @state. */
	uint8_t (*next)(uint8_t state, enum proto_dir dir, const struct pkt *pkt);
	/* The same while secure_tcp is active; NULL: no different. */
	uint8_t (*next_secure)(uint8_t state, enum proto_dir dir, const struct pkt *pkt);
	/* Has the client not yet shown that it is there? NULL: none knows. */
	bool (*half_open)(uint8_t state);
	/* Does a connection in this state count as active? */
	bool (*active)(uint8_t state);
	/* Seconds that this state lasts. */
	uint32_t (*timeout)(const struct proto_timeouts *timeouts, uint8_t state);
	/* As in listings: "ESTABLISHED"; static storage. */
	const char *(*state_name)(uint8_t state);
};

/* NULL for a protocol without a member. */
const struct proto *proto_find(uint8_t protocol);

extern const struct proto proto_tcp, proto_udp, proto_sctp;

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

/* Likewise of SCTP (IP_VS_SCTP_S_*): as the server has them, but that it needs none before a COOKIE
 * ECHO. */
enum sctp_state {
	SCTP_NONE,
	SCTP_INIT1, /* the client's first INIT */
	SCTP_INIT,
	SCTP_COOKIE_SENT,
	SCTP_COOKIE_REPLIED,
	SCTP_COOKIE_WAIT, /* the server's INIT */
	SCTP_COOKIE,
	SCTP_COOKIE_ECHOED,
	SCTP_ESTAB,
	SCTP_SHUTDOWN_SENT,
	SCTP_SHUTDOWN_RECEIVED,
	SCTP_SHUTDOWN_ACK_SENT,
	SCTP_REJECTED,
	SCTP_CLOSED,
	SCTP_STATES
};

#endif
