// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/explain.c: direct_explain() says what direct_packet() then does, over random histories of
 * flows, edits, limits, settings and passing time, for each scheduler with and without persistence
 * and groups; and asking changes nothing. */
#include "tests/unit/direct_build.h"
#include "tests/unit/explain_build.h"
#include "tests/unit/explain_snapshot.h"

#include "lvs/reset.h"

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

/* How often each scheduler was judged: somebody, nobody. */
static unsigned int judged[32][2];

/* What is shown leads to the choice, or to nobody. */
static void judge(const struct explanation *said, const struct fate *fate)
{
	for (size_t n = 0; scheduler_at(n); n++)
		if (said->svc && said->svc->sched == scheduler_at(n)) {
			judged[n][0] += fate->outcome == OUTCOME_SCHEDULED;
			judged[n][1] += fate->outcome == OUTCOME_REFUSED;
		}
	if (fate->outcome == OUTCOME_SCHEDULED)
		cr_assert_eq(concluded(said), fate->dest, "%s", said->svc->sched->name);
	if (fate->outcome == OUTCOME_REFUSED)
		cr_assert_null(concluded(said), "%s", said->svc->sched->name);
}

/* Its servers are freed. */
static struct explanation look(const struct flow *flow, uint32_t mark)
{
	struct explanation said;

	rcu_read_lock();
	cr_assert_eq(direct_explain(&lab.d, flow, mark, &said), 0);
	rcu_read_unlock();
	judge(&said, &said.fate);
	if (said.reopens)
		judge(&said, &said.anew);
	explanation_free(&said);
	said.servers = NULL;
	return said;
}

static struct explanation ask(const struct flow *flow, uint32_t mark)
{
	static struct snapshot before, after;
	struct explanation first, again;

	snapshot_take(&lab, &before);
	first = look(flow, mark);
	again = look(flow, mark);
	snapshot_take(&lab, &after);
	cr_assert_not(memcmp(&before, &after, sizeof(before)), "asking changed something");
	cr_assert(first.fate.outcome == again.fate.outcome && first.fate.dest == again.fate.dest &&
			  first.anew.dest == again.anew.dest && first.mark == again.mark,
		  "two answers to one question");
	return first;
}

struct kind {
	const char *name;
	bool persistent;
	uint32_t mask; /* of persistence; host order */
	bool groups;   /* the services are firewall-mark groups */
};

static const struct kind kinds[] = {
	{"plain", false, ~0u, false},
	{"persistent", true, 0xfffffffc, false},
	{"group", false, ~0u, true},
	{"persistent group", true, 0xfffffffe, true},
};

#define SERVERS 4

static struct service *build(const struct kind *kind, const char *scheduler)
{
	struct match matches[] = {
		{AF_INET, IPPROTO_TCP, 80, 80, build_addr(VIP)},
		{AF_INET, IPPROTO_UDP, 53, 60, build_addr(VIP)},
		{AF_INET, IPPROTO_TCP, 8000, 8100, build_addr(VIP2)},
	};
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct service *svc;

	if (kind->groups) {
		spec = build_fwmark(MARK);
		spec.matches = matches;
		spec.matches_len = 3;
	}
	snprintf(spec.scheduler, sizeof(spec.scheduler), "%s", scheduler);
	spec.flags = kind->persistent ? SERVICE_PERSISTENT : 0;
	spec.timeout = 50;
	spec.netmask = htonl(kind->mask);
	svc = lab_service(&lab, spec);
	for (int i = 0; i < SERVERS; i++) {
		char addr[ADDR_STRLEN];

		snprintf(addr, sizeof(addr), "10.2.0.%d", i + 1);
		lab_dest(&lab, svc, addr, 8080, i + 1);
	}
	return svc;
}

/* One server is edited, removed or added again. */
static void disturb_server(struct service *svc)
{
	struct dest_spec spec = build_dest("10.2.0.1", 8080, (int32_t)random_below(4));
	struct dest *dest, *out;

	spec.addr.ip = htonl(0x0a020001 + random_below(SERVERS));
	spec.upper = random_below(3) ? 0 : 1 + random_below(30);
	spec.limit = random_below(4) ? 0 : 1 + random_below(30);
	spec.backup = !random_below(5);
	spec.says = SAYS_LIMIT | SAYS_BACKUP;
	dest = service_dest(svc, AF_INET, &spec.addr, spec.port);
	if (!dest)
		cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &out), 0);
	else if (!random_below(3))
		cr_assert_eq(service_dest_del(lab.d.services, svc, dest), 0);
	else
		cr_assert_eq(service_dest_edit(svc, &spec, &out), 0);
}

/* Flags come and go; sometimes there is another scheduler for a while. */
static void disturb_scheduler(struct service *svc, const struct scheduler *usual)
{
	static const uint32_t bits[] = {SERVICE_SCHED1, SERVICE_SCHED2, SERVICE_SCHED3};
	const struct scheduler *sched = usual;
	struct service_spec spec;

	service_get(svc, &spec);
	spec.flags ^= bits[random_below(3)];
	if (!random_below(6))
		while (!(sched = scheduler_at(random_below(32))))
			;
	cr_assert_eq(service_edit(svc, &spec, sched), 0);
}

/* A minute's work of the schedulers, a setting, a limit, a drain. */
static void disturb(struct service *svc, const struct scheduler *usual)
{
	static const enum setting_id switches[] = {SETTING_EXPIRE_NODEST_CONN,
						   SETTING_EXPIRE_QUIESCENT_TEMPLATE,
						   SETTING_CONN_REUSE_MODE};
	const struct sched_time time = {lab.d.now, lab.d.settings};
	struct dest *dest;

	switch (random_below(10)) {
	case 0:
		services_minute(lab.d.services, &time);
		break;
	case 1:
		atomic_store(&lab.settings.values[switches[random_below(3)]], random_below(2));
		break;
	case 2:
		pthread_spin_lock(&svc->lock);
		atomic_store(&svc->limit, random_below(3) ? 0 : 20 + random_below(60));
		svc->room = 0;
		pthread_spin_unlock(&svc->lock);
		break;
	case 3:
		cds_list_for_each_entry (dest, &svc->dests, list)
			dest_drain(dest, !random_below(6));
		break;
	case 4:
		disturb_scheduler(svc, usual);
		break;
	default:
		disturb_server(svc);
	}
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
				      (uint16_t)(1024 + random_below(2)), to[i].vip, to[i].port);

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
static void compare(const char *name, int step, const struct fate *said)
{
	static const enum reason reasons[] = {[OUTCOME_DROPPED] = REASON_SERVER_GONE,
					      [OUTCOME_RESET] = REASON_KILLED,
					      [OUTCOME_REFUSED] = REASON_NO_SERVER,
					      [OUTCOME_SERVICE_FULL] = REASON_SERVICE_FULL,
					      [OUTCOME_SERVER_FULL] = REASON_SERVER_FULL};
	static uint64_t counts[REASON_MAX];
	struct flow now = packet_flow(lab.pkt.data);
	uint64_t count = 0;

	if (said->outcome < sizeof(reasons) / sizeof(reasons[0]) && reasons[said->outcome]) {
		count = lab_reason(&lab, reasons[said->outcome]);
		cr_assert_gt(count, counts[reasons[said->outcome]], "%s, step %d: outcome %d", name,
			     step, said->outcome);
	}
	for (int i = 0; i < REASON_MAX; i++)
		counts[i] = lab_reason(&lab, (enum reason)i);
	switch (said->outcome) {
	case OUTCOME_CONNECTION:
	case OUTCOME_TEMPLATE:
	case OUTCOME_SCHEDULED:
		cr_assert(lab.verdict.mangled && addr_equal(&now.daddr, &said->dest->addr),
			  "%s, step %d: another server", name, step);
		break;
	case OUTCOME_DROPPED:
	case OUTCOME_RESET:
		cr_assert_eq(lab.verdict.action, VERDICT_DROP, "%s, step %d", name, step);
		break;
	case OUTCOME_REFUSED:
	case OUTCOME_SERVICE_FULL:
	case OUTCOME_SERVER_FULL:
		cr_assert(lab.verdict.set_mark, "%s, step %d: not refused", name, step);
		break;
	case OUTCOME_PASSED:
		cr_assert(lab_passed(&lab), "%s, step %d: not passed", name, step);
		break;
	case OUTCOME_BYPASSED:
		cr_assert_fail("%s, step %d: there is no bypass here", name, step);
	}
}

/* How often each came true; the last is that of connections opened anew. */
static unsigned int tally[OUTCOME_SERVER_FULL + 2];

/* A packet of the flow that explain was asked about: one that opens it, or of its midst. */
static void go(const char *name, int step, const struct flow *flow, const struct explanation *said)
{
	static const uint8_t midst[] = {PKT_ACK, PKT_ACK, PKT_ACK, PKT_FIN | PKT_ACK,
					PKT_RST | PKT_ACK};
	const struct fate *fate = &said->fate;
	uint8_t flags = PKT_SYN;

	if (said->reopens && random_below(2)) {
		fate = &said->anew;
		tally[OUTCOME_SERVER_FULL + 1]++;
	} else if (said->conn) {
		flags = fate->outcome == OUTCOME_RESET ? PKT_ACK
						       : midst[random_below(sizeof(midst))];
	}
	send_flow(flow, said->mark, flags);
	compare(name, step, fate);
	tally[fate->outcome]++;
	if (fate->template)
		cr_assert_eq(fate->template->dest, fate->dest);
}

static void history(const struct kind *kind, const char *scheduler, int steps)
{
	struct service *svc = build(kind, scheduler);
	char name[64];

	snprintf(name, sizeof(name), "%s, %s", scheduler, kind->name);
	lab.settings = (struct settings)SETTINGS_INIT;
	for (int step = 0; step < steps; step++) {
		struct flow flow = random_flow();
		uint32_t mark = random_below(10) ? 0 : MARK;
		struct explanation said;

		if (!random_below(15))
			disturb(svc, scheduler_find(scheduler));
		if (!random_below(5))
			lab_wait(&lab, random_below(20000));
		if (!random_below(40))
			flow.sport = htons(20);
		said = random_below(8) ? look(&flow, mark) : ask(&flow, mark);
		cr_assert_eq(said.match && !kind->groups, false);
		if (said.conn && !random_below(12) && conn_kill(lab.d.conns, said.conn, lab.d.now))
			said = look(&flow, mark);
		go(name, step, &flow, &said);
	}
	service_del(lab.d.services, svc);
	lab_wait(&lab, 2000000);
}

Test(explain, foretells_every_packet, .timeout = 300)
{
	const struct scheduler *sched;

	random_state = 0x9e3779b97f4a7c15ull;
	for (size_t n = 0; (sched = scheduler_at(n)); n++)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			history(&kinds[i], sched->name, 1000);
	for (size_t n = 0; (sched = scheduler_at(n)); n++) {
		cr_log_info("%s: %u chosen, %u refused", sched->name, judged[n][0], judged[n][1]);
		cr_expect(judged[n][0] > 200 && judged[n][1] > 0, "%s: %u, %u", sched->name,
			  judged[n][0], judged[n][1]);
	}
	for (size_t i = 0; i < sizeof(tally) / sizeof(tally[0]); i++)
		cr_expect(tally[i] > 50 || i == OUTCOME_BYPASSED, "outcome %zu: %u times", i,
			  tally[i]);
}

Test(explain, names_the_line_of_a_group)
{
	struct service *svc = build(&kinds[2], "rr");
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
		cr_assert_eq(!!said.fate.dest, rows[i].want == MARK, "%s", rows[i].name);
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

	cr_assert_eq(ask(&control, 0).fate.dest, dest);
	cr_assert_eq(ask(&data, 0).svc, svc);
	cr_assert_null(ask(&data, 0).fate.dest);
	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 50;
	cr_assert_eq(service_edit(svc, &spec, &sched_rr), 0);
	cr_assert_eq(ask(&data, 0).fate.dest, dest);
	send_flow(&control, 0, PKT_SYN);
	cr_assert_eq(ask(&data, 0).fate.template, ask(&control, 0).conn->control);
}

/* What each server is shown as. */
Test(explain, shows_the_servers)
{
	struct service_spec wlc = build_service(IPPROTO_TCP, VIP, 80);
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, VIP, 80);
	struct dest_spec spec = build_dest("10.2.0.4", 8080, 5);
	struct explanation said;
	struct service *svc;
	struct dest *backup;

	snprintf(wlc.scheduler, sizeof(wlc.scheduler), "wlc");
	svc = lab_service(&lab, wlc);
	spec.backup = true;
	spec.says = SAYS_BACKUP;
	cr_assert_eq(service_dest_add(lab.d.services, svc, &spec, &backup), 0);
	dest_drain(lab_dest(&lab, svc, "10.2.0.3", 8080, 0), true);
	atomic_fetch_or(&lab_dest(&lab, svc, "10.2.0.2", 8080, 2)->flags, DEST_OVERLOAD);
	lab_dest(&lab, svc, "10.2.0.1", 8080, 3);
	send_flow(&flow, 0, PKT_SYN);
	rcu_read_lock();
	cr_assert_eq(direct_explain(&lab.d, &flow, 0, &said), 0);
	rcu_read_unlock();
	cr_assert(said.servers_len == 4 && said.conn && !said.full && !said.facts.len);
	for (size_t i = 0; i < 4; i++) {
		static const struct server_view want[] = {
			{.weight = 3, .active = 1, .inactive = 0, .in_pool = true},
			{.weight = 2, .flags = DEST_OVERLOAD, .in_pool = true},
			{.weight = 0, .flags = DEST_DRAINING, .in_pool = true},
			{.weight = 5, .flags = DEST_BACK},
		};
		const struct server_view *got = &said.servers[i];

		cr_expect(got->weight == want[i].weight && got->full_weight == want[i].weight &&
				  got->active == want[i].active &&
				  got->inactive == want[i].inactive &&
				  got->flags == (want[i].flags | DEST_AVAILABLE) &&
				  got->in_pool == want[i].in_pool &&
				  got->load == svc->sched->load(got->dest),
			  "server %zu", i);
	}
	explanation_free(&said);
}

/* cache_bypass: a group without a usable server lets its packets go on. */
Test(explain, knows_the_bypass)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 4000, "192.0.2.1", 80);
	struct dest_spec spec = build_dest("0.0.0.0", 0, 1);
	struct service_key nobody = {.af = AF_INET};
	struct bypass bypass;

	lab_service(&lab, build_fwmark(MARK));
	cr_assert_eq(ask(&flow, MARK).fate.outcome, OUTCOME_REFUSED);
	bypass.v4 = bypass.v6 = dest_new(&spec, &nobody);
	lab.d.bypass = &bypass;
	cr_assert_eq(ask(&flow, MARK).fate.outcome, OUTCOME_REFUSED);
	atomic_store(&lab.settings.values[SETTING_CACHE_BYPASS], 1);
	cr_assert_eq(ask(&flow, MARK).fate.outcome, OUTCOME_BYPASSED);
	flow.daddr = build_addr("224.0.0.1");
	cr_assert_eq(ask(&flow, MARK).fate.outcome, OUTCOME_REFUSED);
	dest_put(bypass.v4);
}
