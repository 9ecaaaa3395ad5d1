// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet decision under threads: workers send packets of all kinds through direct_packet()
 * while the control thread adds, edits, deletes and lists services, servers and connections and
 * lets time pass. For ThreadSanitizer; a plain program, because criterion does not start under it.
 * Exits 0 if every translated packet was right and in the end nothing is counted.
 */
#include "tests/unit/pkt_build.h"
#include "tests/unit/stress_build.h"

#include "lvs/direct.h"
#include "lvs/defence.h"
#include "lvs/timeouts.h"
#include "sched/schedulers.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define WORKERS	 3
#define SERVERS	 4
#define SERVICES 5
#define MARK	 7
#define MILLISEC 2000 /* of real time */

static struct services *services;
static struct conns *conns;
static struct proto_timeouts timeouts;
static struct settings settings = SETTINGS_INIT;
static struct locals *locals;

static struct router router = {build_find, build_mtu};
static _Atomic uint64_t clock_ms; /* of packets and connections; control thread writes */
static _Atomic bool stop;

struct worker {
	pthread_t thread;
	uint64_t random;
	uint64_t mangled, wrong, sent;
	struct direct direct;
	struct stats stats;
	struct outbox outbox;
	uint8_t data[2048];
};

static const char *const clients[] = {"10.1.0.2", "10.1.0.3", "10.1.1.4", "10.1.1.5"};
static const char *const servers[SERVERS] = {"10.2.0.1", "10.2.0.2", "10.2.0.3", "10.2.0.4"};
static const char *const client6 = "fd00:1::2", *const server6 = "fd00:2::1";

/* The services that come and go. */
static struct service_spec spec_of(unsigned int i)
{
	struct service_spec specs[SERVICES] = {
		build_service(IPPROTO_TCP, "10.1.0.100", 80),
		build_service(IPPROTO_UDP, "10.1.0.100", 53),
		build_service(IPPROTO_TCP, "10.1.0.101", 0),
		build_fwmark(MARK),
		build_service(IPPROTO_TCP, "fd00:1::100", 80),
	};

	specs[1].flags = SERVICE_ONEPACKET;
	specs[2].flags = specs[3].flags = SERVICE_PERSISTENT;
	specs[2].timeout = specs[3].timeout = 3;
	specs[3].netmask = htonl(0xffffff00);
	return specs[i];
}

static struct build random_request(struct worker *w)
{
	static const uint8_t flags[] = {PKT_SYN, PKT_ACK, PKT_ACK, PKT_FIN | PKT_ACK, PKT_RST};
	struct build b = {.protocol = IPPROTO_TCP,
			  FROM_TO(clients[random_below(&w->random, 4)],
				  (uint16_t)(1000 + random_below(&w->random, 20)), "10.1.0.100",
				  80),
			  .flags = flags[random_below(&w->random, sizeof(flags))],
			  .payload = (uint16_t)random_below(&w->random, 40)};

	switch (random_below(&w->random, SERVICES)) {
	case 1:
		b.protocol = IPPROTO_UDP;
		b.dport = 53;
		break;
	case 2:
		b.daddr = "10.1.0.101";
		b.dport = (uint16_t)(80 + random_below(&w->random, 3));
		break;
	case 3:
		b.protocol = random_below(&w->random, 2) ? IPPROTO_UDP : IPPROTO_TCP;
		b.daddr = "10.1.0.102";
		break;
	case 4:
		b.saddr = client6;
		b.daddr = "fd00:1::100";
	}
	return b;
}

/* What a server might answer to a request like this. */
static struct build random_reply(struct worker *w)
{
	struct build in = random_request(w);
	const char *from =
		in.saddr == client6 ? server6 : servers[random_below(&w->random, SERVERS)];
	struct build out = in;

	out.saddr = from;
	out.sport = in.dport == 80 ? 8080 : in.dport;
	out.daddr = in.saddr;
	out.dport = in.sport;
	return out;
}

static void send_one(struct worker *w)
{
	bool out = !random_below(&w->random, 3), icmp = !random_below(&w->random, 8);
	struct build b = out ? random_reply(w) : random_request(w);
	struct pkt pkt = {.data = w->data, .dir = out ? PKT_OUT : PKT_IN};
	struct build error = {.protocol = b.saddr == client6 || b.saddr == server6 ? IPPROTO_ICMPV6
										   : IPPROTO_ICMP,
			      .saddr = b.daddr,
			      .daddr = b.saddr,
			      .type = b.saddr == client6 || b.saddr == server6 ? 1 : 3,
			      .inner = &b};
	struct verdict verdict;

	if (icmp)
		pkt.dir = out ? PKT_IN : PKT_OUT;
	if (!strcmp(b.daddr, "10.1.0.102"))
		pkt.mark = MARK;
	pkt.len = (uint32_t)build_packet(w->data, icmp ? &error : &b);
	w->outbox.len = w->outbox.errors = 0;
	verdict = direct_packet(&w->direct, &pkt);
	w->sent += w->outbox.len;
	if (!verdict.mangled)
		return;
	w->mangled++;
	if (packet_wrong_sum(w->data))
		w->wrong++;
}

static void *work(void *data)
{
	struct worker *w = data;

	rcu_register_thread();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		w->direct.now = atomic_load_explicit(&clock_ms, memory_order_relaxed);
		rcu_read_lock();
		for (int i = 0; i < 32; i++)
			send_one(w);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

static void pass_time(uint64_t ms)
{
	uint64_t now = atomic_load_explicit(&clock_ms, memory_order_relaxed) + ms;

	atomic_store_explicit(&clock_ms, now, memory_order_relaxed);
	while (conns_expire(conns, now, 64))
		;
}

static struct dest_spec dest_of(unsigned int service, unsigned int server, uint64_t *random)
{
	struct dest_spec spec = build_dest(service == 4 ? server6 : servers[server], 8080,
					   (int32_t)random_below(random, 4));

	if (service == 1 || service == 2)
		spec.port = 0;
	else if (service != 3 && !random_below(random, 2))
		spec.method = random_below(random, FORWARD_BYPASS);
	if (!random_below(random, 3))
		spec.upper = 1 + random_below(random, 20);
	return spec;
}

/* One thing that an administrator does. */
static void administer(uint64_t *random)
{
	static const char *const names[] = {"rr", "wrr", "lc", "wlc"};
	const struct scheduler *sched = scheduler_find(names[random_below(random, 4)]);
	unsigned int i = random_below(random, SERVICES), n = random_below(random, SERVERS);
	struct dest_spec spec = dest_of(i, n, random);
	struct service_spec wanted = spec_of(i);
	struct service *svc = services_get(services, &wanted.key);
	struct dest *dest;

	if (!svc) {
		(void)service_add(services, &wanted, sched, &svc);
		return;
	}
	dest = service_dest(svc, spec.af, &spec.addr, spec.port);
	switch (random_below(random, 40)) {
	case 0:
		service_del(services, svc);
		break;
	case 1:
		wanted.timeout = 1 + random_below(random, 5);
		(void)service_edit(svc, &wanted, sched);
		break;
	case 2:
	case 3:
		if (dest)
			(void)service_dest_del(services, svc, dest);
		break;
	default:
		if (dest)
			(void)service_dest_edit(svc, &spec, &dest);
		else
			(void)service_dest_add(services, svc, &spec, &dest);
	}
}

static void look_at_conn(struct conn *conn, void *data)
{
	uint64_t *sum = data;

	*sum += atomic_load_explicit(&conn->expires, memory_order_relaxed) + conn->dport +
		conn->dest->port + (conn->control ? conn->control->cport : 0);
}

static int look_at_service(struct service *svc, void *data)
{
	uint64_t *sum = data;
	struct dest_spec spec;
	struct dest *dest;

	cds_list_for_each_entry (dest, &svc->dests, list) {
		dest_get(dest, &spec);
		*sum += (uint64_t)spec.weight + dest_total(dest);
	}
	return 0;
}

/* What the listings and "explain" do. */
static void look(const struct direct *direct)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.1.0.2", 1003, "10.1.0.100", 80);
	struct explanation first, second;
	uint64_t sum = 0;

	rcu_read_lock();
	conns_walk(conns, &(struct conns_walk){0}, UINT_MAX, look_at_conn, &sum);
	services_each(services, look_at_service, &sum);
	if (!direct_explain(direct, &flow, 0, &first))
		explanation_free(&first);
	if (!direct_explain(direct, &flow, MARK, &second))
		explanation_free(&second);
	rcu_read_unlock();
}

struct sweep {
	struct defence_counters counters;
	uint64_t now;
};

static void sweep_one(struct conn *conn, void *data)
{
	struct sweep *sweep = data;

	if (defence_drops_entry(&sweep->counters, conn, sweep->now))
		conn_drop(conns, conn, false);
	else if (!(atomic_load(&conn->dest->flags) & DEST_AVAILABLE))
		conn_drop(conns, conn, true);
}

/* Settings change at any time; and what goes through all connections, as daemon/guard.c does. */
static void tune(uint64_t *random, uint64_t now)
{
	static const enum setting_id ids[] = {SETTING_CONN_REUSE_MODE,
					      SETTING_EXPIRE_NODEST_CONN,
					      SETTING_EXPIRE_QUIESCENT_TEMPLATE,
					      SETTING_SLOPPY_TCP,
					      SETTING_DROP_PACKET,
					      SETTING_SECURE_TCP,
					      SETTING_NAT_ICMP_SEND};
	struct sweep sweep = {.now = now};
	struct conns_walk walk = {0};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		atomic_store(&settings.values[ids[i]], random_below(random, 2));
	defence_update(&settings, random_below(random, 2048));
	while (conns_walk(conns, &walk, 64, sweep_one, &sweep))
		;
}

static void control(const struct direct *direct)
{
	struct timespec tick = {.tv_nsec = 1000000};
	uint64_t random = 42;

	for (int i = 0; i < MILLISEC; i++) {
		for (int n = 0; n < 4; n++)
			administer(&random);
		pass_time(50);
		if (!(i % 16))
			look(direct);
		if (!(i % 64)) {
			/* The sweep's 120 s are longer than any reader stays; these are not. */
			synchronize_rcu();
			services_sweep(services, (uint64_t)i * 10000);
		}
		if (!(i % 128))
			timeouts_change(&timeouts,
					&(struct timeouts_spec){
						.tcp = 5 + random_below(&random, 10), .udp = 3});
		if (!(i % 32))
			tune(&random, atomic_load(&clock_ms));
		nanosleep(&tick, NULL);
	}
}

static void check_idle(struct dest *dest, void *data)
{
	int *bad = data;

	if (!dest_total(dest) && !atomic_load(&dest->persistent) && atomic_load(&dest->refs) == 1)
		return;
	fprintf(stderr, "a server: %u active, %u inactive, %u templates, %u references\n",
		dest_active(dest), dest_inactive(dest), atomic_load(&dest->persistent),
		atomic_load(&dest->refs));
	*bad = 1;
}

static int left_over(void)
{
	int bad = 0;

	for (int i = 0; i < 2000; i++)
		pass_time(1000);
	services_each_dest(services, check_idle, &bad);
	if (conns_count(conns)) {
		fprintf(stderr, "%lu connections left\n", (unsigned long)conns_count(conns));
		bad = 1;
	}
	return bad;
}

int main(void)
{
	static struct worker workers[WORKERS];
	uint64_t random = 1;
	int bad = 0;

	rcu_register_thread();
	services = services_new(1);
	conns = conns_new(1, 0);
	locals = locals_new((const struct locals_addr[]){{AF_INET, build_addr("10.2.0.254")},
							 {AF_INET6, build_addr("fd00:2::fe")}},
			    2, 1000, 1020);
	conns_set_locals(conns, locals, 0);
	proto_timeouts_init(&timeouts);
	for (int i = 0; i < 500; i++)
		administer(&random);
	for (int i = 0; i < WORKERS; i++) {
		workers[i].random = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
		workers[i].direct = (struct direct){.services = services,
						    .conns = conns,
						    .timeouts = &timeouts,
						    .settings = &settings,
						    .outbox = &workers[i].outbox,
						    .router = &router,
						    .stats = &workers[i].stats,
						    .mark_mask = 0xffff0000u};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	control(&workers[0].direct);
	atomic_store(&stop, true);
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("worker %d: %lu translated, %lu of them wrong\n", i,
		       (unsigned long)workers[i].mangled, (unsigned long)workers[i].wrong);
		bad |= workers[i].wrong || !workers[i].mangled || !workers[i].sent;
	}
	for (int i = 0; i < REASON_MAX; i++)
		printf("%s: %lu\n", reason_name((enum reason)i),
		       (unsigned long)atomic_load(&workers[0].stats.reasons[i]));
	bad |= left_over();
	conns_free(conns);
	locals_free(locals);
	services_free(services);
	rcu_barrier();
	rcu_unregister_thread();
	return bad;
}
