// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SCTP as IPVS follows it: as for TCP three tables, one for each way in which the director sees an
 * association, that say what the first chunk of a packet makes of each state, to the cell IPVS's.
 * Those who open an association from the inside (COOKIE_WAIT and on) have their states too. Of an
 * association over several addresses each pair of them is a connection of its own.
 * Workers, under the lock of the connection for what is stored.
 */
#include "lvs/proto.h"

#include <stdatomic.h>

enum event {
	EVENT_DATA,
	EVENT_INIT,
	EVENT_INIT_ACK,
	EVENT_COOKIE_ECHO,
	EVENT_COOKIE_ACK,
	EVENT_SHUTDOWN,
	EVENT_SHUTDOWN_ACK,
	EVENT_COMPLETE,
	EVENT_ERROR,
	EVENT_ABORT,
	EVENTS
};

#define NO SCTP_NONE
#define I1 SCTP_INIT1
#define IN SCTP_INIT
#define CS SCTP_COOKIE_SENT
#define CR SCTP_COOKIE_REPLIED
#define CW SCTP_COOKIE_WAIT
#define CO SCTP_COOKIE
#define CE SCTP_COOKIE_ECHOED
#define ES SCTP_ESTAB
#define SS SCTP_SHUTDOWN_SENT
#define SR SCTP_SHUTDOWN_RECEIVED
#define SA SCTP_SHUTDOWN_ACK_SENT
#define RJ SCTP_REJECTED
#define CL SCTP_CLOSED

/* A column is the present state, in the order of enum sctp_state; the cell is the next. */
/* clang-format off */
static const uint8_t table[][EVENTS][SCTP_STATES] = {
	[PROTO_INPUT] = {		/* NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
		[EVENT_DATA] =		{ ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_INIT] =		{ I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN },
		[EVENT_INIT_ACK] =	{ CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_COOKIE_ECHO] =	{ CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_COOKIE_ACK] =	{ ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL },
		[EVENT_SHUTDOWN] =	{ SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL },
		[EVENT_SHUTDOWN_ACK] =	{ CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL },
		[EVENT_COMPLETE] =	{ CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL },
		[EVENT_ERROR] =		{ CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL },
		[EVENT_ABORT] =		{ CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL },
	},
	[PROTO_OUTPUT] = {
		[EVENT_DATA] =		{ ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_INIT] =		{ CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW },
		[EVENT_INIT_ACK] =	{ CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_COOKIE_ECHO] =	{ CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_COOKIE_ACK] =	{ ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL },
		[EVENT_SHUTDOWN] =	{ SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL },
		[EVENT_SHUTDOWN_ACK] =	{ SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL },
		[EVENT_COMPLETE] =	{ CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_ERROR] =		{ CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_ABORT] =		{ CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL },
	},
	[PROTO_INPUT_ONLY] = {
		[EVENT_DATA] =		{ ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_INIT] =		{ I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN },
		[EVENT_INIT_ACK] =	{ CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_COOKIE_ECHO] =	{ ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_COOKIE_ACK] =	{ ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL },
		[EVENT_SHUTDOWN] =	{ SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL },
		[EVENT_SHUTDOWN_ACK] =	{ CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL },
		[EVENT_COMPLETE] =	{ CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL },
		[EVENT_ERROR] =		{ CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[EVENT_ABORT] =		{ CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL },
	},
};
/* clang-format on */

static enum event event_of(const struct pkt *pkt)
{
	if (pkt->chunk_abort)
		return EVENT_ABORT;
	switch (pkt->chunk) {
	case CHUNK_INIT:
		return EVENT_INIT;
	case CHUNK_INIT_ACK:
		return EVENT_INIT_ACK;
	case CHUNK_ABORT:
		return EVENT_ABORT;
	case CHUNK_SHUTDOWN:
		return EVENT_SHUTDOWN;
	case CHUNK_SHUTDOWN_ACK:
		return EVENT_SHUTDOWN_ACK;
	case CHUNK_ERROR:
		return EVENT_ERROR;
	case CHUNK_COOKIE_ECHO:
		return EVENT_COOKIE_ECHO;
	case CHUNK_COOKIE_ACK:
		return EVENT_COOKIE_ACK;
	case CHUNK_SHUTDOWN_COMPLETE:
		return EVENT_COMPLETE;
	}
	return EVENT_DATA; /* and SACK, HEARTBEAT, ECNE and what may still be invented */
}

static bool sctp_starts(const struct pkt *pkt)
{
	return pkt->chunk == CHUNK_INIT;
}

static bool sctp_aborts(const struct pkt *pkt)
{
	return pkt->chunk == CHUNK_ABORT;
}

static bool sctp_half_open(uint8_t state)
{
	return state == SCTP_INIT1 || state == SCTP_INIT;
}

static bool sctp_over(uint8_t state)
{
	return state == SCTP_CLOSED;
}

static uint8_t sctp_next(uint8_t state, enum proto_dir dir, const struct pkt *pkt)
{
	return table[dir][event_of(pkt)][state];
}

static bool sctp_active(uint8_t state)
{
	return state == SCTP_ESTAB;
}

static uint32_t sctp_timeout(const struct proto_timeouts *timeouts, uint8_t state)
{
	return atomic_load_explicit(&timeouts->sctp[state], memory_order_relaxed);
}

static const char *sctp_state_name(uint8_t state)
{
	static const char *const names[SCTP_STATES] = {
		[SCTP_NONE] = "NONE",
		[SCTP_INIT1] = "INIT1",
		[SCTP_INIT] = "INIT",
		[SCTP_COOKIE_SENT] = "C-SENT",
		[SCTP_COOKIE_REPLIED] = "C-REPLIED",
		[SCTP_COOKIE_WAIT] = "C-WAIT",
		[SCTP_COOKIE] = "COOKIE",
		[SCTP_COOKIE_ECHOED] = "C-ECHOED",
		[SCTP_ESTAB] = "ESTABLISHED",
		[SCTP_SHUTDOWN_SENT] = "S-SENT",
		[SCTP_SHUTDOWN_RECEIVED] = "S-RECEIVED",
		[SCTP_SHUTDOWN_ACK_SENT] = "S-ACK-SENT",
		[SCTP_REJECTED] = "REJECTED",
		[SCTP_CLOSED] = "CLOSED",
	};

	return names[state];
}

const struct proto proto_sctp = {
	.name = "SCTP",
	.protocol = IPPROTO_SCTP,
	.established = SCTP_ESTAB,
	.starts = sctp_starts,
	.aborts = sctp_aborts,
	.sloppy = SETTING_SLOPPY_SCTP,
	.opens = sctp_starts,
	.over = sctp_over,
	.next = sctp_next,
	.half_open = sctp_half_open,
	.active = sctp_active,
	.timeout = sctp_timeout,
	.state_name = sctp_state_name,
};
