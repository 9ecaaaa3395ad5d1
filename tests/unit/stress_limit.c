// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Limits under threads: workers begin more connections than there are places for, in rounds, while
 * an observer looks at the counts and the control thread edits. Never may a server have more than
 * its limit, nor after a round a service more than its own; no place may stay empty that
 * somebody asked for, nor anybody be refused because another was faster. For ThreadSanitizer; a
 * plain program, because criterion does not start under it. Exits 0 if all that held.
 */
#include "tests/unit/pkt_build.h"
#include "tests/unit/stress_build.h"

#include "lvs/direct.h"
#include "sched/schedulers.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define WORKERS	 3
#define SERVERS	 3
#define ATTEMPTS 120 /* of each worker in each round, far more than there are places for */
#define ROUNDS	 40
#define ENDLESS	 600 /* ms of the last part */

static struct services *services;
static struct conns *conns;
static struct proto_timeouts timeouts;
static struct settings settings = SETTINGS_INIT;
static struct router router = {build_find, build_mtu};
static pthread_barrier_t barrier;
static _Atomic uint64_t clock_ms;
static _Atomic bool stop, over;
static struct dest *servers[SERVERS];
static const uint32_t limits[SERVERS] = {20, 31, 40};

struct worker {
	pthread_t thread;
	unsigned int number;
	uint64_t random;
	struct direct direct;
	struct stats stats;
	struct outbox outbox;
	uint8_t data[256];
};

static void send_one(struct worker *w, const char *client, uint16_t port, uint8_t flags)
{
	struct build b = {
		.protocol = IPPROTO_TCP, FROM_TO(client, port, "10.1.0.100", 80), .flags = flags};
	struct pkt pkt = {.data = w->data, .dir = PKT_IN};

	pkt.len = (uint32_t)build_packet(w->data, &b);
	w->outbox.len = 0;
	(void)direct_packet(&w->direct, &pkt);
}

static const char *random_client(struct worker *w)
{
	static const char *const clients[] = {"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5",
					      "10.1.0.6", "10.1.0.7", "10.1.0.8", "10.1.0.9"};

	return clients[random_below(&w->random, 8)];
}

/* All places are taken, again and again. */
static void work_round(struct worker *w, unsigned int round)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		rcu_read_lock();
		send_one(w, random_client(w),
			 (uint16_t)(1024 + w->number * ATTEMPTS + i + round * 1000 % 30000),
			 PKT_SYN);
		rcu_read_unlock();
	}
}

/* Connections end as others begin. */
static void work_endlessly(struct worker *w)
{
	static const uint8_t flags[] = {PKT_SYN, PKT_SYN, PKT_ACK, PKT_RST};

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		w->direct.now = atomic_load_explicit(&clock_ms, memory_order_relaxed);
		rcu_read_lock();
		for (int i = 0; i < 16; i++)
			send_one(w, random_client(w),
				 (uint16_t)(1024 + random_below(&w->random, 40)),
				 flags[random_below(&w->random, 4)]);
		rcu_read_unlock();
	}
}

static void *work(void *data)
{
	struct worker *w = data;

	rcu_register_thread();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		w->direct.now = atomic_load_explicit(&clock_ms, memory_order_relaxed);
		work_round(w, round);
		pthread_barrier_wait(&barrier);
	}
	pthread_barrier_wait(&barrier);
	work_endlessly(w);
	rcu_unregister_thread();
	return NULL;
}

static void *observe(void *data)
{
	struct timespec pause = {.tv_nsec = 20000};

	(void)data;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (int i = 0; i < SERVERS; i++)
			if (dest_total(servers[i]) > limits[i])
				atomic_store(&over, true);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void pass_time(uint64_t ms)
{
	uint64_t now = atomic_load_explicit(&clock_ms, memory_order_relaxed) + ms;

	atomic_store_explicit(&clock_ms, now, memory_order_relaxed);
	while (conns_expire(conns, now, 64))
		;
}

/* What a round is about: the service's limit, and whether clients keep their server. */
static void set_up(struct service *svc, uint32_t limit, bool persistent, const char *scheduler)
{
	struct service_spec spec;

	service_get(svc, &spec);
	spec.limit = limit;
	spec.flags = persistent ? SERVICE_PERSISTENT : 0;
	spec.timeout = persistent ? 1 : 0;
	if (service_edit(svc, &spec, scheduler_find(scheduler)))
		abort();
}

static uint32_t counted(void)
{
	uint32_t total = 0;

	for (int i = 0; i < SERVERS; i++)
		total += dest_total(servers[i]);
	return total;
}

/* Refused because some other worker took the last place of the server that was chosen. */
static uint64_t outrun(const struct worker *workers)
{
	uint64_t sum = 0;

	for (int i = 0; i < WORKERS; i++)
		sum += atomic_load(&workers[i].stats.reasons[REASON_SERVER_FULL]);
	return sum;
}

static int rounds(struct service *svc, const struct worker *workers)
{
	static const char *const schedulers[] = {"rr", "wlc", "wrr", "lblc"};
	int bad = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint32_t limit = round % 2 ? 1 + round * 2 : 0, want = limit ? limit : 20 + 31 + 40;
		bool persistent = round % 4 >= 2;

		uint64_t before = outrun(workers);

		set_up(svc, limit, persistent, schedulers[round / 4 % 4]);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		/* Clients that belong to a full server leave other servers' places alone. */
		if (counted() > want || (counted() < want && !persistent)) {
			fprintf(stderr, "round %u: %u connections for %u places\n", round,
				counted(), want);
			bad = 1;
		}
		if (!persistent && outrun(workers) != before) {
			fprintf(stderr, "round %u: a client was not offered to the other servers\n",
				round);
			bad = 1;
		}
		for (int i = 0; i < 100; i++)
			pass_time(2000);
		if (counted() || conns_count(conns)) {
			fprintf(stderr, "round %u: %u connections left\n", round, counted());
			bad = 1;
		}
	}
	return bad;
}

/* An administrator's changes while connections come and go. */
static void endless(struct service *svc)
{
	struct timespec tick = {.tv_nsec = 1000000};
	uint64_t random = 42;
	struct dest_spec spec;

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ENDLESS; i++) {
		struct dest *was = servers[random_below(&random, SERVERS)], *dest = was;

		set_up(svc, random_below(&random, 3) ? 60 : 0, random_below(&random, 2), "wlc");
		dest_get(dest, &spec);
		spec.weight = (int32_t)random_below(&random, 3);
		spec.upper = random_below(&random, 2) ? 10 : 0;
		spec.backup = !random_below(&random, 3);
		if (!random_below(&random, 10))
			(void)service_dest_del(services, svc, dest);
		if (service_dest(svc, spec.af, &spec.addr, spec.port))
			(void)service_dest_edit(svc, &spec, &dest);
		else if (service_dest_add(services, svc, &spec, &dest) || dest != was)
			abort();
		pass_time(50);
		services_rise(services, atomic_load(&clock_ms));
		nanosleep(&tick, NULL);
	}
}

int main(void)
{
	struct service_spec spec = build_service(IPPROTO_TCP, "10.1.0.100", 80);
	static struct worker workers[WORKERS];
	pthread_t observer;
	struct service *svc;
	int bad;

	rcu_register_thread();
	services = services_new(1);
	conns = conns_new(1, 0);
	proto_timeouts_init(&timeouts);
	pthread_barrier_init(&barrier, NULL, WORKERS + 1);
	spec.slow_start = 1;
	if (service_add(services, &spec, scheduler_find("rr"), &svc))
		return 1;
	for (int i = 0; i < SERVERS; i++) {
		char addr[16];
		struct dest_spec dest;

		snprintf(addr, sizeof(addr), "10.2.0.%d", i + 1);
		dest = build_dest(addr, 8080, 1);
		dest.limit = limits[i];
		if (service_dest_add(services, svc, &dest, &servers[i]))
			return 1;
	}
	for (unsigned int i = 0; i < WORKERS; i++) {
		workers[i].number = i;
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
	pthread_create(&observer, NULL, observe, NULL);
	bad = rounds(svc, workers);
	endless(svc);
	atomic_store(&stop, true);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_join(observer, NULL);
	if (atomic_load(&over)) {
		fprintf(stderr, "a server had more connections than its limit\n");
		bad = 1;
	}
	for (int i = 0; i < 2000; i++)
		pass_time(1000);
	if (counted() || conns_count(conns)) {
		fprintf(stderr, "%u connections left in the end\n", counted());
		bad = 1;
	}
	conns_free(conns);
	services_free(services);
	rcu_barrier();
	rcu_unregister_thread();
	return bad;
}
