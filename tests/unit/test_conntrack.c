// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon/conntrack.c: how idle an entry is, by what it has left; and the kernel's own entries, of
 * connections through the loopback of a network namespace. */
#include "daemon/conntrack.h"
#include "lib/sysctl.h"
#include "tests/unit/netns_build.h"

#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>

#define MASK 0xffff0000u

/* Port 80 is a service with its server at 8080; 53, UDP, likewise at 5353. */
static const char rules[] = "table inet test {\n"
			    "	chain marks {\n"
			    "		type filter hook output priority -150\n"
			    "		tcp dport 80 ct mark set 0x20007\n"
			    "		udp dport 53 ct mark set 0x40000\n"
			    "		udp dport 54 ct mark set 0x7\n"
			    "	}\n"
			    "	chain translation {\n"
			    "		type nat hook output priority -100\n"
			    "		tcp dport 80 redirect to :8080\n"
			    "		udp dport 53 redirect to :5353\n"
			    "	}\n"
			    "}\n";

static struct conntrack *opened(void)
{
	struct error err = {""};
	struct conntrack *ct = NULL;

	cr_assert_eq(conntrack_open(&ct, &err), 0, "%s", err.text);
	return ct;
}

static void set(const char *name, const char *value)
{
	char full[SYSCTL_NAME_MAX];

	snprintf(full, sizeof(full), "net/netfilter/nf_conntrack_%s", name);
	cr_assert_eq(sysctl_write(full, value), 0, "%s", name);
}

static void timeouts_set(void)
{
	set("tcp_timeout_established", "432000");
	set("tcp_timeout_fin_wait", "120");
	set("tcp_timeout_max_retrans", "300");
	set("tcp_timeout_unacknowledged", "200");
	set("udp_timeout", "30");
	set("udp_timeout_stream", "120");
}

Test(conntrack, idle_is_what_has_passed_of_the_timeout)
{
	static const struct {
		char name[24];
		uint8_t protocol, state;
		bool assured, offloaded;
		uint32_t remaining, idle;
	} rows[] = {
		{"just now", IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED, true, false, 432000, 0},
		{"half a second", IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED, true, false, 431999, 0},
		{"ten seconds", IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED, true, false, 431989, 10},
		{"retransmitted", IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED, true, false, 289, 10},
		{"unacknowledged", IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED, true, false, 189, 10},
		{"closing", IPPROTO_TCP, TCP_CONNTRACK_FIN_WAIT, true, false, 19, 100},
		{"offloaded", IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED, true, true, 86000, 0},
		{"no state", IPPROTO_TCP, TCP_CONNTRACK_NONE, true, false, 10, 0},
		{"a later state", IPPROTO_TCP, 200, true, false, 10, 0},
		{"one datagram", IPPROTO_UDP, 0, false, false, 19, 10},
		{"a stream", IPPROTO_UDP, 0, true, false, 19, 100},
		{"longer than known", IPPROTO_UDP, 0, true, false, 500, 0},
		{"sctp", IPPROTO_SCTP, 0, true, false, 10, 0},
	};
	struct conntrack *ct;

	if (!netns_enter())
		return;
	netns_rules(rules);
	timeouts_set();
	ct = opened();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct tracked tracked = {.flow.protocol = rows[i].protocol,
						.tcp_state = rows[i].state,
						.assured = rows[i].assured,
						.offloaded = rows[i].offloaded,
						.remaining = rows[i].remaining};

		cr_assert_eq(conntrack_idle(ct, &tracked), rows[i].idle, "%s: %u", rows[i].name,
			     conntrack_idle(ct, &tracked));
	}
	conntrack_close(ct);
}

/* An entry may have the old timeout or the new one; neither must make it look too idle. */
Test(conntrack, changed_timeouts_are_followed)
{
	struct tracked tracked = {.flow.protocol = IPPROTO_UDP, .assured = true, .remaining = 590};
	const struct flow none = {.af = AF_INET, .protocol = IPPROTO_UDP};
	struct tracked unused;
	struct conntrack *ct;

	if (!netns_enter())
		return;
	netns_rules(rules);
	set("udp_timeout_stream", "6000");
	ct = opened();
	cr_assert_eq(conntrack_get(ct, &none, &unused), -ENOENT);
	set("udp_timeout_stream", "600");
	usleep(2000000);
	cr_assert_eq(conntrack_get(ct, &none, &unused), -ENOENT);
	cr_assert_eq(conntrack_idle(ct, &tracked), 9);
	tracked.remaining = 5000;
	cr_assert_eq(conntrack_idle(ct, &tracked), 0);
	set("udp_timeout_stream", "6000");
	usleep(2000000);
	cr_assert_eq(conntrack_get(ct, &none, &unused), -ENOENT);
	tracked.remaining = 590;
	cr_assert_eq(conntrack_idle(ct, &tracked), 9);
	conntrack_close(ct);
}

static void tcp_life(struct conntrack *ct, uint8_t af)
{
	struct sockaddr_storage at;
	int listener = netns_socket(af, SOCK_STREAM, 8080, &at), client, server;
	struct tracked tracked;
	struct flow flow;

	client = netns_connect(af, SOCK_STREAM, 80, &flow);
	server = accept(listener, NULL, NULL);
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), 0);
	cr_assert_eq(tracked.flow.sport, flow.sport);
	cr_assert(addr_equal(&tracked.flow.daddr, &flow.daddr));
	cr_assert(addr_equal(&tracked.server, &flow.daddr));
	cr_assert_eq(tracked.server_port, htons(8080));
	cr_assert_eq(tracked.mark, 0x20007);
	cr_assert_eq(tracked.tcp_state, TCP_CONNTRACK_ESTABLISHED);
	cr_assert(tracked.assured && !tracked.offloaded);
	cr_assert_eq(conntrack_idle(ct, &tracked), 0);
	cr_assert(!tracked.client_closed_first);
	close(client);
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), 0);
	cr_assert(tracked.client_closed_first);
	close(server);
	cr_assert_eq(conntrack_delete(ct, &flow), 0);
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), -ENOENT);
	cr_assert_eq(conntrack_delete(ct, &flow), -ENOENT);
	close(listener);
}

static void nothing(const struct tracked *tracked, void *data)
{
	(void)tracked;
	++*(int *)data;
}

Test(conntrack, an_entry_is_read_and_forgotten)
{
	struct conntrack *ct;
	int entries = 0;

	if (!netns_enter())
		return;
	netns_rules(rules);
	set("acct", "1");
	ct = opened();
	tcp_life(ct, AF_INET);
	tcp_life(ct, AF_INET6);
	cr_assert_eq(conntrack_dump(ct, 0, MASK, nothing, &entries), 0);
	cr_assert_eq(entries, 0);
	conntrack_close(ct);
}

/* What the kernel finds by the tuple of the answer is not the flow that was asked for. */
Test(conntrack, the_answers_direction_is_no_flow)
{
	struct sockaddr_storage at;
	struct flow flow, back;
	struct tracked tracked;
	struct conntrack *ct;

	if (!netns_enter())
		return;
	netns_rules(rules);
	ct = opened();
	netns_socket(AF_INET, SOCK_STREAM, 8080, &at);
	netns_connect(AF_INET, SOCK_STREAM, 80, &flow);
	back = (struct flow){.af = AF_INET,
			     .protocol = IPPROTO_TCP,
			     .saddr = flow.daddr,
			     .daddr = flow.saddr,
			     .sport = htons(8080),
			     .dport = flow.sport};
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), 0);
	cr_assert_eq(conntrack_get(ct, &back, &tracked), -ENOENT);
	back.af = AF_UNSPEC;
	cr_assert_eq(conntrack_delete(ct, &back), -EAFNOSUPPORT);
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), 0);
	conntrack_close(ct);
}

struct found {
	struct flow flow[64];
	size_t len;
};

static void find(const struct tracked *tracked, void *data)
{
	struct found *found = data;

	cr_assert(tracked->mark & MASK);
	cr_assert_lt(found->len, 64);
	found->flow[found->len++] = tracked->flow;
}

Test(conntrack, a_dump_is_of_both_families_and_by_mark)
{
	static const struct {
		uint32_t mark;
		size_t len;
		uint8_t protocol;
	} rows[] = {{0, 24, 0},
		    {0x20000, 4, IPPROTO_TCP},
		    {0x40000, 20, IPPROTO_UDP},
		    {0x60000, 0, 0},
		    {0x20007, 4, IPPROTO_TCP}};
	struct sockaddr_storage at;
	struct conntrack *ct;
	struct flow flow;

	if (!netns_enter())
		return;
	netns_rules(rules);
	ct = opened();
	for (int i = 0; i < 2; i++) {
		uint8_t af = i ? AF_INET6 : AF_INET;

		netns_socket(af, SOCK_STREAM, 8080, &at);
		netns_socket(af, SOCK_DGRAM, 5353, &at);
		for (int n = 0; n < 2; n++)
			netns_connect(af, SOCK_STREAM, 80, &flow);
		for (int n = 0; n < 10; n++) {
			send(netns_connect(af, SOCK_DGRAM, 53, &flow), "x", 1, 0);
			send(netns_connect(af, SOCK_DGRAM, 54, &flow), "x", 1, 0);
		}
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct found found = {.len = 0};

		cr_assert_eq(conntrack_dump(ct, rows[i].mark, MASK, find, &found), 0);
		cr_assert_eq(found.len, rows[i].len, "row %zu: %zu", i, found.len);
		for (size_t n = 0; rows[i].protocol && n < found.len; n++)
			cr_assert_eq(found.flow[n].protocol, rows[i].protocol, "row %zu", i);
	}
	conntrack_close(ct);
}

Test(conntrack, usage_is_that_of_the_namespace)
{
	uint64_t count = 77, max = 0;
	struct flow flow;

	if (!netns_enter())
		return;
	netns_rules(rules);
	cr_assert_eq(conntrack_usage(&count, &max), 0);
	cr_assert_eq(count, 0);
	cr_assert_gt(max, 0);
	send(netns_connect(AF_INET, SOCK_DGRAM, 53, &flow), "x", 1, 0);
	cr_assert_eq(conntrack_usage(&count, &max), 0);
	cr_assert_geq(count, 1);
}

/* The kernel's own clock: two seconds without a packet. */
Test(conntrack, an_entry_grows_idle)
{
	struct sockaddr_storage at;
	struct tracked tracked;
	struct conntrack *ct;
	struct flow flow;
	uint32_t idle;
	int client;

	if (!netns_enter())
		return;
	netns_rules(rules);
	ct = opened();
	netns_socket(AF_INET, SOCK_DGRAM, 5353, &at);
	client = netns_connect(AF_INET, SOCK_DGRAM, 53, &flow);
	send(client, "x", 1, 0);
	usleep(2300000);
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), 0);
	idle = conntrack_idle(ct, &tracked);
	cr_assert(idle == 1 || idle == 2, "%u", idle);
	send(client, "x", 1, 0);
	cr_assert_eq(conntrack_get(ct, &flow, &tracked), 0);
	cr_assert_eq(conntrack_idle(ct, &tracked), 0);
	conntrack_close(ct);
}
