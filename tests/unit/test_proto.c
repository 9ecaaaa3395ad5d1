// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/proto.c, proto_tcp.c, proto_udp.c: the tables of lvs-semantics, section 3, as they stand
 * there.
 */
#include "lvs/proto.h"

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
			     n == IPPROTO_TCP	? &proto_tcp
			     : n == IPPROTO_UDP ? &proto_udp
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
		proto_timeouts_set(&timeouts, rows[i].tcp, rows[i].tcpfin, rows[i].udp);
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
