// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP as IPVS follows it: not a full state machine, but three tables, one for each way in which the
 * director sees a connection, that say what a SYN, FIN, ACK or RST makes of each state. They are
 * IPVS's to the cell, oddities included, because listings, timers and active counts show them.
 * Workers, under the lock of the connection for what is stored.
 */
#include "lvs/proto.h"

#include <stdatomic.h>

enum event {
	EVENT_SYN,
	EVENT_FIN,
	EVENT_ACK,
	EVENT_RST,
	EVENTS,
	EVENT_NONE = EVENTS
};

#define NO TCP_NONE
#define ES TCP_ESTAB
#define SS TCP_SSENT
#define SR TCP_SRECV
#define FW TCP_FINWAIT
#define TW TCP_TIMEWAIT
#define CL TCP_CLOSED
#define CW TCP_CLOSEWAIT
#define LA TCP_LASTACK
#define LI TCP_LISTENING
#define SA TCP_SYNACK

/* A column is the present state, in the order of enum tcp_state; the cell is the next. */
/* clang-format off */
static const uint8_t table[][EVENTS][TCP_STATES] = {
	[PROTO_INPUT] = {	/* NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[EVENT_SYN] =	{  SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[EVENT_FIN] =	{  CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[EVENT_ACK] =	{  ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[EVENT_RST] =	{  CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	},
	[PROTO_OUTPUT] = {
		[EVENT_SYN] =	{  SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[EVENT_FIN] =	{  TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[EVENT_ACK] =	{  ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[EVENT_RST] =	{  CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[PROTO_INPUT_ONLY] = {
		[EVENT_SYN] =	{  SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[EVENT_FIN] =	{  CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[EVENT_ACK] =	{  ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[EVENT_RST] =	{  CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
};

/* With secure_tcp the client's ACK alone establishes nothing where answers are seen: a packet of the
 * server has to follow. */
static const uint8_t secure_table[][EVENTS][TCP_STATES] = {
	[PROTO_INPUT] = {	/* NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[EVENT_SYN] =	{  SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA },
		[EVENT_FIN] =	{  CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA },
		[EVENT_ACK] =	{  ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA },
		[EVENT_RST] =	{  CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
	[PROTO_OUTPUT] = {
		[EVENT_SYN] =	{  SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA },
		[EVENT_FIN] =	{  TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[EVENT_ACK] =	{  ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[EVENT_RST] =	{  CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[PROTO_INPUT_ONLY] = {
		[EVENT_SYN] =	{  SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA },
		[EVENT_FIN] =	{  CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[EVENT_ACK] =	{  ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[EVENT_RST] =	{  CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
};
/* clang-format on */

static enum event event_of(uint8_t flags)
{
	if (flags & PKT_RST)
		return EVENT_RST;
	if (flags & PKT_SYN)
		return EVENT_SYN;
	if (flags & PKT_FIN)
		return EVENT_FIN;
	if (flags & PKT_ACK)
		return EVENT_ACK;
	return EVENT_NONE;
}

static bool tcp_starts(const struct pkt *pkt)
{
	return (pkt->tcp_flags & (PKT_SYN | PKT_RST)) == PKT_SYN;
}

static bool tcp_aborts(const struct pkt *pkt)
{
	return pkt->tcp_flags & PKT_RST;
}

static bool tcp_opens(const struct pkt *pkt)
{
	return pkt->tcp_flags & PKT_SYN;
}

static bool tcp_over(uint8_t state)
{
	return state == TCP_TIMEWAIT || state == TCP_CLOSED;
}

static uint8_t tcp_next(uint8_t state, enum proto_dir dir, const struct pkt *pkt)
{
	enum event event = event_of(pkt->tcp_flags);

	return event == EVENT_NONE ? TCP_CLOSED : table[dir][event][state];
}

static uint8_t tcp_next_secure(uint8_t state, enum proto_dir dir, const struct pkt *pkt)
{
	enum event event = event_of(pkt->tcp_flags);

	return event == EVENT_NONE ? TCP_CLOSED : secure_table[dir][event][state];
}

static bool tcp_half_open(uint8_t state)
{
	return state == TCP_SRECV || state == TCP_SYNACK;
}

static bool tcp_active(uint8_t state)
{
	return state == TCP_ESTAB || state == TCP_SSENT || state == TCP_SRECV ||
	       state == TCP_SYNACK;
}

static uint32_t tcp_timeout(const struct proto_timeouts *timeouts, uint8_t state)
{
	return atomic_load_explicit(&timeouts->tcp[state], memory_order_relaxed);
}

static const char *tcp_state_name(uint8_t state)
{
	static const char *const names[TCP_STATES] = {
		[TCP_NONE] = "NONE",	    [TCP_ESTAB] = "ESTABLISHED",
		[TCP_SSENT] = "SYN_SENT",   [TCP_SRECV] = "SYN_RECV",
		[TCP_FINWAIT] = "FIN_WAIT", [TCP_TIMEWAIT] = "TIME_WAIT",
		[TCP_CLOSED] = "CLOSE",	    [TCP_CLOSEWAIT] = "CLOSE_WAIT",
		[TCP_LASTACK] = "LAST_ACK", [TCP_LISTENING] = "LISTEN",
		[TCP_SYNACK] = "SYNACK",
	};

	return names[state];
}

const struct proto proto_tcp = {
	.name = "TCP",
	.protocol = IPPROTO_TCP,
	.established = TCP_ESTAB,
	.starts = tcp_starts,
	.aborts = tcp_aborts,
	.sloppy = SETTING_SLOPPY_TCP,
	.opens = tcp_opens,
	.over = tcp_over,
	.next = tcp_next,
	.next_secure = tcp_next_secure,
	.half_open = tcp_half_open,
	.active = tcp_active,
	.timeout = tcp_timeout,
	.state_name = tcp_state_name,
};
