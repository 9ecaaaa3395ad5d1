// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/explain.c: direct_explain() says what direct_packet() then does, over random histories of
 * flows, edits and passing time, for each scheduler with and without persistence and groups; and
 * asking changes nothing. */
#include "tests/unit/direct_build.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define VIP  "10.1.0.100"
#define VIP2 "10.1.0.101"
#define MARK 7

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(explain, .init = setup, .fini = teardown);

static uint64_t random_state;

/* xorshift64: the same on every machine. */
static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

/* All that asking could change and nobody may notice. */
struct snapshot {
	uint64_t conns, reasons[REASON_MAX];
	struct {
		uint32_t active, inactive, persistent, refs;
		uint64_t conns, in_pkts;
		uint8_t sched_state[SCHEDULER_STATE_MAX];
	} services[4][4];
	unsigned int services_len;
	uint64_t expires; /* of all connections and templates, added up */
};

static int snapshot_conn(struct conn *conn, void *data)
{
	struct snapshot *s = data;

	s->expires += atomic_load(&conn->expires) + atomic_load(&conn->timeout) +
		      atomic_load(&conn->controls) + atomic_load(&conn->flags) +
		      atomic_load(&conn->state);
	return 0;
}

static int snapshot_service(struct service *svc, void *data)
{
	struct snapshot *s = data;
	struct dest *dest;
	int i = 0;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		s->services[s->services_len][i].active = dest_active(dest);
		s->services[s->services_len][i].inactive = dest_inactive(dest);
		s->services[s->services_len][i].persistent = atomic_load(&dest->persistent);
		s->services[s->services_len][i].refs = atomic_load(&dest->refs);
		s->services[s->services_len][i].conns = atomic_load(&dest->traffic.conns);
		s->services[s->services_len][i].in_pkts = atomic_load(&dest->traffic.in_pkts);
		memcpy(s->services[s->services_len][i++].sched_state, svc->sched_state,
		       sizeof(svc->sched_state));
	}
	s->services_len++;
	return 0;
}

static void snapshot_take(struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->conns = conns_count(lab.d.conns);
	for (int i = 0; i < REASON_MAX; i++)
		s->reasons[i] = lab_reason(&lab, (enum reason)i);
	rcu_read_lock();
	conns_each(lab.d.conns, snapshot_conn, s);
	services_each(lab.d.services, snapshot_service, s);
	rcu_read_unlock();
}

static struct explanation ask(const struct flow *flow, uint32_t mark)
{
	static struct snapshot before, after;
	struct explanation first, again;

	snapshot_take(&before);
	rcu_read_lock();
	direct_explain(&lab.d, flow, mark, &first);
	direct_explain(&lab.d, flow, mark, &again);
	rcu_read_unlock();
	snapshot_take(&after);
	cr_assert_not(memcmp(&before, &after, sizeof(before)), "asking changed something");
	cr_assert_not(memcmp(&first, &again, sizeof(first)), "two answers to one question");
	return first;
}

struct setting {
	const char *name, *scheduler;
	bool persistent;
	uint32_t mask; /* of persistence; host order */
	bool groups;   /* the services are firewall-mark groups */
};

static const struct setting settings[] = {
	{"rr", "rr", false, ~0u, false},
	{"wrr", "wrr", false, ~0u, false},
	{"lc", "lc", false, ~0u, false},
	{"wlc", "wlc", false, ~0u, false},
	{"rr persistent", "rr", true, ~0u, false},
	{"wrr persistent", "wrr", true, ~0u, false},
	{"lc persistent", "lc", true, 0xfffffffc, false},
	{"wlc persistent", "wlc", true, 0xffffff00, false},
	{"rr group", "rr", false, ~0u, true},
	{"wrr persistent group", "wrr", true, ~0u, true},
	{"lc persistent group", "lc", true, 0xfffffffe, true},
	{"wlc group", "wlc", false, ~0u, true},
};

#define SERVERS 4

static struct service *build(const struct setting *setting)
{
	struct match matches[] = {
		{AF_INET, IPPROTO_TCP, 80, 80, build_addr(VIP)},
		{AF_INET, IPPROTO_UDP, 53, 60, build_addr(VIP)},
		{AF_INET, IPPROTO_TCP, 8000, 8100, build_addr(VIP2)},
	};
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct service *svc;

	if (setting->groups) {
		spec = build_fwmark(MARK);
		spec.matches = matches;
		spec.matches_len = 3;
	}
	snprintf(spec.scheduler, sizeof(spec.scheduler), "%s", setting->scheduler);
	spec.flags = setting->persistent ? SERVICE_PERSISTENT : 0;
	spec.timeout = 50;
	spec.netmask = htonl(setting->mask);
	svc = lab_service(&lab, spec);
	for (int i = 0; i < SERVERS; i++) {
		char addr[ADDR_STRLEN];

		snprintf(addr, sizeof(addr), "10.2.0.%d", i + 1);
		lab_dest(&lab, svc, addr, 8080, i + 1);
	}
	return svc;
}

/* One server is edited, removed or added again. */
static void disturb(struct service *svc)
{
	struct dest_spec spec = build_dest("10.2.0.1", 8080, (int32_t)random_below(4));
	struct dest *dest, *out;

	spec.addr.ip = htonl(0x0a020001 + random_below(SERVERS));
	spec.upper = random_below(3) ? 0 : 1 + random_below(30);
	dest = service_dest(svc, AF_INET, &spec.addr, spec.port);
	if (!dest)
		cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &out), 0);
	else if (!random_below(3))
		cr_assert_eq(service_dest_del(lab.d.services, svc, dest), 0);
	else
		cr_assert_eq(service_dest_edit(svc, &spec, &out), 0);
}

/* A flow of one of 40 clients to something that is or is not a service. */
static struct flow random_flow(void)
{
	static const struct {
		uint8_t protocol;
		const char *vip;
		uint16_t port;
	} to[] = {{IPPROTO_TCP, VIP, 80}, {IPPROTO_TCP, VIP, 80}, {IPPROTO_TCP, VIP, 81},
		  {IPPROTO_UDP, VIP, 53}, {IPPROTO_UDP, VIP, 61}, {IPPROTO_TCP, VIP2, 8050}};
	uint32_t i = random_below(sizeof(to) / sizeof(to[0]));
	struct flow flow = build_flow(to[i].protocol, "10.1.7.0",
				      (uint16_t)(1024 + random_below(8)), to[i].vip, to[i].port);

	flow.saddr.ip = htonl(0x0a010700 + random_below(40));
	return flow;
}

static void send_flow(const struct flow *flow, uint32_t mark, uint8_t flags)
{
	char saddr[ADDR_STRLEN], daddr[ADDR_STRLEN];

	addr_format(saddr, AF_INET, &flow->saddr);
	addr_format(daddr, AF_INET, &flow->daddr);
	lab.mark = mark; /* the rules set what explain says they do */
	lab_send(&lab, PKT_IN,
		 &(struct build){
			 .protocol = flow->protocol,
			 FROM_TO(saddr, ntohs(flow->sport), daddr, ntohs(flow->dport)),
			 .flags = flags,
		 });
}

/* What happened against what was said. */
static void compare(const char *name, int step, const struct explanation *said, bool gone)
{
	struct flow now = packet_flow(lab.pkt.data);

	if (gone)
		cr_assert_eq(lab.verdict.action, VERDICT_DROP, "%s, step %d", name, step);
	else if (said->dest)
		cr_assert(lab.verdict.mangled && addr_equal(&now.daddr, &said->dest->addr),
			  "%s, step %d: another server", name, step);
	else if (said->svc)
		cr_assert(lab.verdict.set_mark, "%s, step %d: not refused", name, step);
	else
		cr_assert(lab_passed(&lab), "%s, step %d: not passed", name, step);
}

static bool available(const struct dest *dest)
{
	return atomic_load(&dest->flags) & DEST_AVAILABLE;
}

/* Returns how many flows were refused. */
static unsigned int history(const struct setting *setting, uint64_t seed)
{
	unsigned int mangled = 0, refused = 0, passed = 0, templates = 0;
	struct service *svc;

	random_state = seed;
	svc = build(setting);
	for (int step = 0; step < 3000; step++) {
		struct flow flow = random_flow();
		struct explanation said;
		bool gone = false;

		if (!random_below(20))
			disturb(svc);
		if (!random_below(5))
			lab_wait(&lab, random_below(20000));
		said = ask(&flow, random_below(10) ? 0 : MARK);
		cr_assert_eq(said.match && !setting->groups, false);
		/* A SYN starts; on a flow that is known an ACK goes where its SYN went. */
		if (said.conn)
			gone = !available(said.conn->dest);
		send_flow(&flow, said.mark, said.conn ? PKT_ACK : PKT_SYN);
		compare(setting->name, step, &said, gone);
		mangled += lab.verdict.mangled;
		refused += lab.verdict.set_mark;
		passed += lab_passed(&lab);
		templates += !!said.template;
		if (said.template)
			cr_assert_eq(said.template->dest, said.dest);
	}
	cr_assert(mangled > 200 && passed > 100, "%s: a history of nothing", setting->name);
	cr_assert(templates > 50 || !setting->persistent, "%s: no templates", setting->name);
	service_del(lab.d.services, svc);
	lab_wait(&lab, 2000000);
	return refused;
}

Test(explain, foretells_every_packet, .timeout = 60)
{
	unsigned int refused = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		refused += history(&settings[i], 0x9e3779b97f4a7c15ull + i);
	cr_assert_geq(refused, 500);
}

Test(explain, names_the_line_of_a_group)
{
	struct service *svc = build(&settings[8]);
	static const struct {
		const char *name;
		uint8_t protocol;
		const char *vip;
		uint16_t port;
		uint32_t mark;
		int line; /* -1: none */
		uint32_t want;
	} rows[] = {
		{"first line", IPPROTO_TCP, VIP, 80, 0, 0, MARK},
		{"range, first port", IPPROTO_UDP, VIP, 53, 0, 1, MARK},
		{"range, last port", IPPROTO_UDP, VIP, 60, 0, 1, MARK},
		{"below the range", IPPROTO_UDP, VIP, 52, 0, -1, 0},
		{"above the range", IPPROTO_UDP, VIP, 61, 0, -1, 0},
		{"other address", IPPROTO_TCP, VIP2, 8000, 0, 2, MARK},
		{"other protocol", IPPROTO_TCP, VIP, 53, 0, -1, 0},
		{"somebody's mark, no service has it", IPPROTO_TCP, VIP, 80, 9, 0, MARK},
		{"marked already", IPPROTO_TCP, VIP, 80, MARK, -1, MARK},
		{"marked by somebody", IPPROTO_TCP, "10.9.9.9", 1, MARK, -1, MARK},
		{"marked in vain", IPPROTO_TCP, "10.9.9.9", 1, 9, -1, 9},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow =
			build_flow(rows[i].protocol, "10.1.0.2", 4000, rows[i].vip, rows[i].port);
		struct explanation said = ask(&flow, rows[i].mark);

		cr_assert_eq(said.match, rows[i].line < 0 ? NULL : &svc->matches[rows[i].line],
			     "%s", rows[i].name);
		cr_assert_eq(said.mark, rows[i].want, "%s", rows[i].name);
		cr_assert_eq(said.svc, rows[i].want == MARK ? svc : NULL, "%s", rows[i].name);
		cr_assert_eq(!!said.dest, rows[i].want == MARK, "%s", rows[i].name);
	}
}

/* The :21 service is also asked about FTP data, which only a persistent one takes. */
Test(explain, knows_ftp_data)
{
	struct flow control = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, VIP, 21);
	struct flow data = build_flow(IPPROTO_TCP, "10.1.0.2", 4001, VIP, 33333);
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 21);
	struct service *svc = lab_service(&lab, spec);
	struct dest *dest = lab_dest(&lab, svc, "10.2.0.1", 21, 1);

	cr_assert_eq(ask(&control, 0).dest, dest);
	cr_assert_eq(ask(&data, 0).svc, svc);
	cr_assert_null(ask(&data, 0).dest);
	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 50;
	cr_assert_eq(service_edit(svc, &spec, &sched_rr), 0);
	cr_assert_eq(ask(&data, 0).dest, dest);
	send_flow(&control, 0, PKT_SYN);
	cr_assert_eq(ask(&data, 0).template, ask(&control, 0).conn->control);
}
