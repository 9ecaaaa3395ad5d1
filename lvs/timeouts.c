// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The timeouts that an administrator can set, by name. The one idea: a timeout is a row of this
 * table, from which the configuration, the control protocol and what workers read are filled.
 * TCP's and SCTP's NONE are not there: no packet leads into it. Pure, but for the last three
 * functions, which are the control thread's.
 */
#include "lvs/timeouts.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>

const struct timeout_key timeout_keys[] = {
	{"tcp", IPPROTO_TCP, TCP_ESTAB, offsetof(struct timeouts_spec, tcp)},
	{"tcpfin", IPPROTO_TCP, TCP_FINWAIT, offsetof(struct timeouts_spec, tcpfin)},
	{"udp", IPPROTO_UDP, 0, offsetof(struct timeouts_spec, udp)},
	{"syn_sent", IPPROTO_TCP, TCP_SSENT, offsetof(struct timeouts_spec, syn_sent)},
	{"syn_recv", IPPROTO_TCP, TCP_SRECV, offsetof(struct timeouts_spec, syn_recv)},
	{"time_wait", IPPROTO_TCP, TCP_TIMEWAIT, offsetof(struct timeouts_spec, time_wait)},
	{"close", IPPROTO_TCP, TCP_CLOSED, offsetof(struct timeouts_spec, close)},
	{"close_wait", IPPROTO_TCP, TCP_CLOSEWAIT, offsetof(struct timeouts_spec, close_wait)},
	{"last_ack", IPPROTO_TCP, TCP_LASTACK, offsetof(struct timeouts_spec, last_ack)},
	{"listen", IPPROTO_TCP, TCP_LISTENING, offsetof(struct timeouts_spec, listen)},
	{"synack", IPPROTO_TCP, TCP_SYNACK, offsetof(struct timeouts_spec, synack)},
	{"sctp_init1", IPPROTO_SCTP, SCTP_INIT1, offsetof(struct timeouts_spec, sctp_init1)},
	{"sctp_init", IPPROTO_SCTP, SCTP_INIT, offsetof(struct timeouts_spec, sctp_init)},
	{"sctp_cookie_sent", IPPROTO_SCTP, SCTP_COOKIE_SENT,
	 offsetof(struct timeouts_spec, sctp_cookie_sent)},
	{"sctp_cookie_replied", IPPROTO_SCTP, SCTP_COOKIE_REPLIED,
	 offsetof(struct timeouts_spec, sctp_cookie_replied)},
	{"sctp_cookie_wait", IPPROTO_SCTP, SCTP_COOKIE_WAIT,
	 offsetof(struct timeouts_spec, sctp_cookie_wait)},
	{"sctp_cookie", IPPROTO_SCTP, SCTP_COOKIE, offsetof(struct timeouts_spec, sctp_cookie)},
	{"sctp_cookie_echoed", IPPROTO_SCTP, SCTP_COOKIE_ECHOED,
	 offsetof(struct timeouts_spec, sctp_cookie_echoed)},
	{"sctp_established", IPPROTO_SCTP, SCTP_ESTAB,
	 offsetof(struct timeouts_spec, sctp_established)},
	{"sctp_shutdown_sent", IPPROTO_SCTP, SCTP_SHUTDOWN_SENT,
	 offsetof(struct timeouts_spec, sctp_shutdown_sent)},
	{"sctp_shutdown_received", IPPROTO_SCTP, SCTP_SHUTDOWN_RECEIVED,
	 offsetof(struct timeouts_spec, sctp_shutdown_received)},
	{"sctp_shutdown_ack_sent", IPPROTO_SCTP, SCTP_SHUTDOWN_ACK_SENT,
	 offsetof(struct timeouts_spec, sctp_shutdown_ack_sent)},
	{"sctp_rejected", IPPROTO_SCTP, SCTP_REJECTED,
	 offsetof(struct timeouts_spec, sctp_rejected)},
	{"sctp_closed", IPPROTO_SCTP, SCTP_CLOSED, offsetof(struct timeouts_spec, sctp_closed)},
};

const size_t timeout_keys_len = sizeof(timeout_keys) / sizeof(timeout_keys[0]);

uint32_t *timeout_at(struct timeouts_spec *spec, const struct timeout_key *key)
{
	return (uint32_t *)((char *)spec + key->offset);
}

uint32_t timeout_value(const struct timeouts_spec *spec, const struct timeout_key *key)
{
	return *(const uint32_t *)((const char *)spec + key->offset);
}

bool timeouts_any(const struct timeouts_spec *spec)
{
	uint32_t any = 0;

	for (size_t i = 0; i < timeout_keys_len; i++)
		any |= timeout_value(spec, &timeout_keys[i]);
	return any;
}

/* Where workers find it. */
static _Atomic uint32_t *place(struct proto_timeouts *timeouts, const struct timeout_key *key)
{
	if (key->protocol == IPPROTO_TCP)
		return &timeouts->tcp[key->state];
	return key->protocol == IPPROTO_SCTP ? &timeouts->sctp[key->state] : &timeouts->udp;
}

void timeouts_set(struct proto_timeouts *timeouts, const struct timeouts_spec *spec)
{
	for (size_t i = 0; i < timeout_keys_len; i++)
		atomic_store_explicit(place(timeouts, &timeout_keys[i]),
				      timeout_value(spec, &timeout_keys[i]), memory_order_relaxed);
}

void timeouts_get(const struct proto_timeouts *timeouts, struct timeouts_spec *spec)
{
	for (size_t i = 0; i < timeout_keys_len; i++)
		*timeout_at(spec, &timeout_keys[i]) =
			proto_find(timeout_keys[i].protocol)
				->timeout(timeouts, timeout_keys[i].state);
}

void timeouts_change(struct proto_timeouts *timeouts, const struct timeouts_spec *spec)
{
	for (size_t i = 0; i < timeout_keys_len; i++)
		if (timeout_value(spec, &timeout_keys[i]))
			atomic_store_explicit(place(timeouts, &timeout_keys[i]),
					      timeout_value(spec, &timeout_keys[i]),
					      memory_order_relaxed);
}
