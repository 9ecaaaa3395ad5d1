// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/proto.c, proto_tcp.c, proto_udp.c, proto_sctp.c: the tables of lvs-semantics, section 3, as
 * they stand there.
 */
#include "lvs/proto.h"
#include "lvs/timeouts.h"

#include <criterion/criterion.h>
#include <string.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* In the order of the columns: abbreviation, name in listings, default timeout, active. */
static const struct {
	const char *brief, *name;
	uint32_t timeout;
	bool active;
} states[] = {
	{"NO", "NONE", 2, false},	{"ES", "ESTABLISHED", 900, true},
	{"SS", "SYN_SENT", 120, true},	{"SR", "SYN_RECV", 60, true},
	{"FW", "FIN_WAIT", 120, false}, {"TW", "TIME_WAIT", 120, false},
	{"CL", "CLOSE", 10, false},	{"CW", "CLOSE_WAIT", 60, false},
	{"LA", "LAST_ACK", 30, false},	{"LI", "LISTEN", 120, false},
	{"SA", "SYNACK", 120, true},
};

static const struct {
	enum proto_dir dir;
	const char *dir_name;
	uint8_t flags;
	const char *event, *next;
} transitions[] = {
	{PROTO_INPUT, "INPUT", PKT_SYN, "SYN", "SR ES ES SR SR SR SR SR SR SR SR"},
	{PROTO_INPUT, "INPUT", PKT_FIN, "FIN", "CL CW SS TW TW TW CL CW LA LI TW"},
	{PROTO_INPUT, "INPUT", PKT_ACK, "ACK", "ES ES SS ES FW TW CL CW CL LI ES"},
	{PROTO_INPUT, "INPUT", PKT_RST, "RST", "CL CL CL SR CL CL CL CL LA LI SR"},
	{PROTO_OUTPUT, "OUTPUT", PKT_SYN, "SYN", "SS ES SS SR SS SS SS SS SS LI SR"},
	{PROTO_OUTPUT, "OUTPUT", PKT_FIN, "FIN", "TW FW SS TW FW TW CL TW LA LI TW"},
	{PROTO_OUTPUT, "OUTPUT", PKT_ACK, "ACK", "ES ES SS ES FW TW CL CW LA ES ES"},
	{PROTO_OUTPUT, "OUTPUT", PKT_RST, "RST", "CL CL SS CL CL TW CL CL CL CL CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", PKT_SYN, "SYN", "SR ES ES SR SR SR SR SR SR SR SR"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", PKT_FIN, "FIN", "CL FW SS TW FW TW CL CW LA LI TW"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", PKT_ACK, "ACK", "ES ES SS ES FW TW CL CW CL LI ES"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", PKT_RST, "RST", "CL CL CL SR CL CL CL CL LA LI CL"},
	{PROTO_INPUT, "INPUT", 0, "none", "CL CL CL CL CL CL CL CL CL CL CL"},
	{PROTO_OUTPUT, "OUTPUT", 0, "none", "CL CL CL CL CL CL CL CL CL CL CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", 0, "none", "CL CL CL CL CL CL CL CL CL CL CL"},
};

static uint8_t next(uint8_t state, enum proto_dir dir, uint8_t flags)
{
	struct pkt pkt = {.tcp_flags = flags};

	return proto_tcp.next(state, dir, &pkt);
}

Test(proto, tcp_every_cell)
{
	cr_assert_eq(ROWS(states), TCP_STATES);
	for (size_t i = 0; i < ROWS(transitions); i++) {
		cr_assert_eq(strlen(transitions[i].next), TCP_STATES * 3 - 1);
		for (uint8_t state = 0; state < TCP_STATES; state++) {
			uint8_t got = next(state, transitions[i].dir, transitions[i].flags);

			cr_assert_lt(got, TCP_STATES);
			cr_assert(!strncmp(states[got].brief, transitions[i].next + state * 3, 2),
				  "%s %s in %s: %s", transitions[i].dir_name, transitions[i].event,
				  states[state].brief, states[got].brief);
		}
	}
}

/* With secure_tcp these rows differ, and no others. */
Test(proto, tcp_every_cell_while_secure)
{
	static const struct {
		enum proto_dir dir;
		uint8_t flags;
		const char *next;
	} rows[] = {
		{PROTO_INPUT, PKT_SYN, "SR ES ES SR SR SR SR SR SR SR SA"},
		{PROTO_INPUT, PKT_FIN, "CL CW SS TW TW TW CL CW LA LI SA"},
		{PROTO_INPUT, PKT_ACK, "ES ES SS SR FW TW CL CW CL LI SA"},
		{PROTO_INPUT, PKT_RST, "CL CL CL SR CL CL CL CL LA LI CL"},
		{PROTO_OUTPUT, PKT_SYN, "SS ES SS SA SS SS SS SS SS LI SA"},
		{PROTO_INPUT_ONLY, PKT_SYN, "SA ES ES SR SA SA SA SA SA SA SA"},
	};

	for (size_t i = 0; i < ROWS(transitions); i++) {
		const char *want = transitions[i].next;

		for (size_t k = 0; k < ROWS(rows); k++)
			if (rows[k].dir == transitions[i].dir &&
			    rows[k].flags == transitions[i].flags)
				want = rows[k].next;
		for (uint8_t state = 0; state < TCP_STATES; state++) {
			struct pkt pkt = {.tcp_flags = transitions[i].flags};
			uint8_t got = proto_tcp.next_secure(state, transitions[i].dir, &pkt);

			cr_assert(!strncmp(states[got].brief, want + state * 3, 2),
				  "%s %s in %s: %s", transitions[i].dir_name, transitions[i].event,
				  states[state].brief, states[got].brief);
		}
	}
}

/* RST before SYN before FIN before ACK, whatever else is set. */
Test(proto, tcp_priority_of_flags)
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		uint8_t decides = flags & PKT_RST   ? PKT_RST
				  : flags & PKT_SYN ? PKT_SYN
				  : flags & PKT_FIN ? PKT_FIN
						    : flags & PKT_ACK;

		for (int dir = PROTO_INPUT; dir <= PROTO_INPUT_ONLY; dir++)
			for (uint8_t state = 0; state < TCP_STATES; state++)
				cr_assert_eq(next(state, dir, (uint8_t)flags),
					     next(state, dir, decides), "flags %02x in %s", flags,
					     states[state].brief);
	}
}

Test(proto, tcp_starts_with_syn)
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		struct pkt pkt = {.tcp_flags = (uint8_t)flags};

		cr_assert_eq(proto_tcp.starts(&pkt), (flags & PKT_SYN) && !(flags & PKT_RST),
			     "flags %02x", flags);
	}
}

Test(proto, tcp_states)
{
	struct proto_timeouts timeouts;

	proto_timeouts_init(&timeouts);
	for (uint8_t state = 0; state < TCP_STATES; state++) {
		cr_assert_str_eq(proto_tcp.state_name(state), states[state].name);
		cr_assert_eq(proto_tcp.active(state), states[state].active, "%s",
			     states[state].name);
		cr_assert_eq(proto_tcp.timeout(&timeouts, state), states[state].timeout, "%s",
			     states[state].name);
	}
	cr_assert_str_eq(proto_tcp.name, "TCP");
	cr_assert_str_eq(proto_tcp.state_name(proto_tcp.established), "ESTABLISHED");
}

/* Likewise of SCTP. */
static const struct {
	const char *brief, *name;
	uint32_t timeout;
	bool active;
} sctp_states[] = {
	{"NO", "NONE", 2, false},	  {"I1", "INIT1", 4, false},
	{"IN", "INIT", 61, false},	  {"CS", "C-SENT", 61, false},
	{"CR", "C-REPLIED", 61, false},	  {"CW", "C-WAIT", 61, false},
	{"CO", "COOKIE", 61, false},	  {"CE", "C-ECHOED", 61, false},
	{"ES", "ESTABLISHED", 900, true}, {"SS", "S-SENT", 61, false},
	{"SR", "S-RECEIVED", 61, false},  {"SA", "S-ACK-SENT", 61, false},
	{"RJ", "REJECTED", 4, false},	  {"CL", "CLOSED", 61, false},
};

static const struct {
	enum proto_dir dir;
	const char *dir_name;
	uint8_t chunk;
	const char *next;
} sctp_transitions[] = {
	{PROTO_INPUT, "INPUT", CHUNK_DATA, "ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_INIT, "I1 IN IN CS CR CW CO CE ES SS SR SA IN IN"},
	{PROTO_INPUT, "INPUT", CHUNK_INIT_ACK, "CW CW CW CS CR CO CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_COOKIE_ECHO, "CR IN IN CR CR CW CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_COOKIE_ACK, "ES I1 IN CS CR CW CO ES ES SS SR SA RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_SHUTDOWN, "SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_SHUTDOWN_ACK, "CL IN IN CS CR CW CO CE ES CL SR CL RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_SHUTDOWN_COMPLETE,
	 "CL CL CL CS CR CW CO CE ES SS SR CL RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_ERROR, "CL I1 IN CS CR CW CO CL ES SS SR SA RJ CL"},
	{PROTO_INPUT, "INPUT", CHUNK_ABORT, "CL CL CL CL CL RJ CL CL CL CL CL CL CL CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_DATA, "ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_INIT, "CW CW CW CW CW CW CW CW ES CW CW CW CW CW"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_INIT_ACK, "CS CS CS CS CR CW CO CE ES SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_COOKIE_ECHO, "CE CE CE CE CE CE CE CE ES SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_COOKIE_ACK, "ES ES ES ES ES ES ES ES ES SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_SHUTDOWN, "SS SS SS SS SS SS SS SS SS SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_SHUTDOWN_ACK, "SA SA SA SA SA CW CO CE ES SA SA SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_SHUTDOWN_COMPLETE,
	 "CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_ERROR, "CL CL CL CL CL CW CO CE ES SS SR SA RJ CL"},
	{PROTO_OUTPUT, "OUTPUT", CHUNK_ABORT, "CL RJ CL CL CL CL CL CL CL CL CL CL CL CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_DATA, "ES I1 IN CS CR ES CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_INIT, "I1 IN IN IN IN IN CO CE ES SS SR SA IN IN"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_INIT_ACK,
	 "CE CE CE CE CE CE CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_COOKIE_ECHO,
	 "ES ES ES ES ES ES CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_COOKIE_ACK,
	 "ES I1 IN ES ES CW ES ES ES SS SR SA RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_SHUTDOWN,
	 "SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_SHUTDOWN_ACK,
	 "CL IN IN CS CR CW CO CE CL CL SR CL RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_SHUTDOWN_COMPLETE,
	 "CL CL CL CL CL CW CO CE ES SS CL CL RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_ERROR, "CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
	{PROTO_INPUT_ONLY, "INPUT-ONLY", CHUNK_ABORT, "CL CL CL CL CL RJ CL CL CL CL CL CL CL CL"},
};

static uint8_t sctp_next(uint8_t state, enum proto_dir dir, unsigned int chunk, bool aborts)
{
	struct pkt pkt = {.chunk = (uint8_t)chunk, .chunk_abort = aborts};

	return proto_sctp.next(state, dir, &pkt);
}

Test(proto, sctp_every_cell)
{
	cr_assert_eq(ROWS(sctp_states), SCTP_STATES);
	for (size_t i = 0; i < ROWS(sctp_transitions); i++) {
		cr_assert_eq(strlen(sctp_transitions[i].next), SCTP_STATES * 3 - 1);
		for (uint8_t state = 0; state < SCTP_STATES; state++) {
			uint8_t got = sctp_next(state, sctp_transitions[i].dir,
						sctp_transitions[i].chunk, false);

			cr_assert_lt(got, SCTP_STATES);
			cr_assert(!strncmp(sctp_states[got].brief,
					   sctp_transitions[i].next + state * 3, 2),
				  "%s chunk %u in %s: %s", sctp_transitions[i].dir_name,
				  sctp_transitions[i].chunk, sctp_states[state].brief,
				  sctp_states[got].brief);
		}
	}
}

/* A chunk without a row is as DATA; an ABORT behind the first chunk as that alone. */
Test(proto, sctp_other_chunks)
{
	for (unsigned int chunk = 0; chunk < 256; chunk++) {
		bool known = false;

		for (size_t i = 0; i < ROWS(sctp_transitions); i++)
			known |= sctp_transitions[i].chunk == chunk;
		for (int dir = PROTO_INPUT; dir <= PROTO_INPUT_ONLY; dir++)
			for (uint8_t state = 0; state < SCTP_STATES; state++) {
				cr_assert(known || sctp_next(state, dir, chunk, false) ==
							   sctp_next(state, dir, CHUNK_DATA, false),
					  "chunk %u in %s", chunk, sctp_states[state].brief);
				cr_assert_eq(sctp_next(state, dir, chunk, true),
					     sctp_next(state, dir, CHUNK_ABORT, false));
			}
	}
}

Test(proto, sctp_starts_with_init)
{
	for (unsigned int chunk = 0; chunk < 256; chunk++) {
		struct pkt pkt = {.chunk = (uint8_t)chunk};

		cr_assert_eq(proto_sctp.starts(&pkt), chunk == 1, "chunk %u", chunk);
	}
}

Test(proto, sctp_states)
{
	struct proto_timeouts timeouts;

	proto_timeouts_init(&timeouts);
	for (uint8_t state = 0; state < SCTP_STATES; state++) {
		cr_assert_str_eq(proto_sctp.state_name(state), sctp_states[state].name);
		cr_assert_eq(proto_sctp.active(state), sctp_states[state].active, "%s",
			     sctp_states[state].name);
		cr_assert_eq(proto_sctp.timeout(&timeouts, state), sctp_states[state].timeout, "%s",
			     sctp_states[state].name);
	}
	cr_assert_str_eq(proto_sctp.name, "SCTP");
	cr_assert_str_eq(proto_sctp.state_name(proto_sctp.established), "ESTABLISHED");
}

/* What makes a new connection of an old one: conn_reuse_mode 1. */
Test(proto, over_and_opened_anew)
{
	for (uint8_t state = 0; state < TCP_STATES; state++)
		cr_assert_eq(proto_tcp.over(state), state == TCP_TIMEWAIT || state == TCP_CLOSED,
			     "%s", states[state].name);
	for (uint8_t state = 0; state < SCTP_STATES; state++)
		cr_assert_eq(proto_sctp.over(state), state == SCTP_CLOSED, "%s",
			     sctp_states[state].name);
	for (unsigned int value = 0; value < 256; value++) {
		struct pkt pkt = {.tcp_flags = (uint8_t)value, .chunk = (uint8_t)value};

		cr_assert_eq(proto_tcp.opens(&pkt), !!(value & PKT_SYN), "flags %02x", value);
		cr_assert_eq(proto_sctp.opens(&pkt), value == 1, "chunk %u", value);
	}
	cr_assert(!proto_udp.opens && !proto_udp.over);
}

Test(proto, udp)
{
	struct proto_timeouts timeouts;
	struct pkt pkt = {.flow = {.protocol = IPPROTO_UDP}};

	proto_timeouts_init(&timeouts);
	cr_assert(proto_udp.starts(&pkt));
	for (int dir = PROTO_INPUT; dir <= PROTO_INPUT_ONLY; dir++)
		cr_assert_eq(proto_udp.next(0, dir, &pkt), 0);
	cr_assert_not(proto_udp.active(0));
	cr_assert_eq(proto_udp.timeout(&timeouts, 0), 300);
	cr_assert_str_eq(proto_udp.state_name(0), "UDP");
	cr_assert_str_eq(proto_udp.name, "UDP");
	cr_assert_eq(proto_udp.established, PROTO_STATELESS);
}

Test(proto, found_by_number)
{
	for (unsigned int n = 0; n < 256; n++) {
		const struct proto *proto = proto_find((uint8_t)n);

		cr_assert_eq(proto,
			     n == IPPROTO_TCP	 ? &proto_tcp
			     : n == IPPROTO_UDP	 ? &proto_udp
			     : n == IPPROTO_SCTP ? &proto_sctp
						 : NULL,
			     "%u", n);
		if (proto)
			cr_assert_eq(proto->protocol, n);
	}
}

/* ipvsadm --set: 0 keeps; each touches one state. */
Test(proto, timeouts_are_set)
{
	static const struct {
		const char *name;
		uint32_t tcp, tcpfin, udp;
		uint32_t want_tcp, want_tcpfin, want_udp;
	} rows[] = {
		{"nothing", 0, 0, 0, 900, 120, 300},
		{"tcp", 7200, 0, 0, 7200, 120, 300},
		{"tcpfin", 0, 30, 0, 900, 30, 300},
		{"udp", 0, 0, 10, 900, 120, 10},
		{"all", 1, 2, 3, 1, 2, 3},
		{"the largest", 2678400, 2678400, 2678400, 2678400, 2678400, 2678400},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct proto_timeouts timeouts;

		proto_timeouts_init(&timeouts);
		timeouts_change(&timeouts, &(struct timeouts_spec){.tcp = rows[i].tcp,
								   .tcpfin = rows[i].tcpfin,
								   .udp = rows[i].udp});
		for (uint8_t state = 0; state < TCP_STATES; state++) {
			uint32_t want = state == TCP_ESTAB     ? rows[i].want_tcp
					: state == TCP_FINWAIT ? rows[i].want_tcpfin
							       : states[state].timeout;

			cr_assert_eq(proto_tcp.timeout(&timeouts, state), want, "%s: %s",
				     rows[i].name, states[state].name);
		}
		cr_assert_eq(proto_udp.timeout(&timeouts, 0), rows[i].want_udp, "%s", rows[i].name);
	}
}
