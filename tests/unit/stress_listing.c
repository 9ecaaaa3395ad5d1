// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Listing and killing while packets come: a worker finds and makes connections all the time, while
 * others walk through all of them, list those that a filter selects, and kill. The longest stall of
 * the worker is printed: NFVS_STRESS_CONNS=1000000 measures it for a million (100,000 unless given,
 * 5,000 under a sanitizer). Exits 0 if every walk met each connection that stayed exactly once, and
 * nothing is left.
 */
#include "daemon/listing.h"
#include "lib/log.h"
#include "lvs/reset.h"
#include "tests/unit/lvs_build.h"
#include "tests/unit/stress_build.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#ifdef LVS_TSAN
#define CONNS 5000u
#else
#define CONNS 100000u
#endif
#define MOVING 1000u /* connections that come and go meanwhile */
#define STALLS 7     /* longest first */

static struct director *director;
static struct conns *conns;
static struct dest *dest;
static unsigned int staying;
static _Atomic bool stop;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct flow flow_of(unsigned int i, bool moving)
{
	struct flow flow = build_flow(IPPROTO_TCP, "10.0.0.0", 0, "10.200.0.1", 80);

	flow.saddr.ip = htonl((moving ? 0x0b000000 : 0x0a000000) + i / 50000);
	flow.sport = htons((uint16_t)(1000 + i % 50000));
	return flow;
}

static struct conn *make(unsigned int i, bool moving)
{
	const struct flow flow = flow_of(i, moving);
	struct conn *conn = conn_find(conns, &flow, PKT_IN);

	if (!conn && conn_add(conns, &flow, dest, dest->port, 0, 0, NULL, director_now(), &conn))
		return NULL;
	return conn;
}

struct worker {
	pthread_t thread;
	uint64_t random;
	_Atomic uint64_t stalls[STALLS];
	_Atomic bool lost;
};

/* How often somebody else took this thread's processor away. */
static long preemptions(void)
{
	struct rusage usage = {0};

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static void note_stall(struct worker *w, uint64_t ns)
{
	for (unsigned int i = 0; i < STALLS && ns; i++)
		if (ns > atomic_load_explicit(&w->stalls[i], memory_order_relaxed))
			ns = atomic_exchange_explicit(&w->stalls[i], ns, memory_order_relaxed);
}

/* What a batch of packets does. */
static void *work(void *data)
{
	struct worker *w = data;
	long preempted;
	uint64_t before;

	rcu_register_thread();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		preempted = preemptions();
		before = now_ns();
		rcu_read_lock();
		for (int i = 0; i < 32; i++) {
			struct conn *conn = make(random_below(&w->random, staying), false);

			if (conn)
				conn_touch(conn, director_now());
			else
				w->lost = true;
		}
		if (!random_below(&w->random, 4)) {
			struct conn *conn = make(random_below(&w->random, MOVING), true);

			if (conn && random_below(&w->random, 2))
				conn_expire(conns, conn);
		}
		rcu_read_unlock();
		before = now_ns() - before;
		if (preempted == preemptions()) /* else it is the machine that is busy */
			note_stall(w, before);
	}
	rcu_unregister_thread();
	return NULL;
}

static void print_stalls(const char *when, struct worker *w)
{
	printf("%s, longest batches in us:", when);
	for (unsigned int i = 0; i < STALLS; i++)
		printf(" %llu", (unsigned long long)atomic_exchange(&w->stalls[i], 0) / 1000);
	putchar('\n');
}

/* Lists what @filter selects; the number of rows, and in @ns how long it took. */
static unsigned int list(const struct filter *filter, struct worker *w, uint64_t *ns)
{
	struct listing *listing = listing_connections(director, filter);
	struct lines lines = {0};
	unsigned int rows = 0;
	uint64_t before = now_ns();
	bool more = true;

	if (!listing || listing_collect(listing))
		return 0;
	*ns = now_ns() - before;
	print_stalls("while they were collected", w);
	while (more) {
		lines.len = 0;
		more = listing_format(listing, &lines, 1000);
		for (size_t i = 0; i < lines.len; i++)
			rows += lines.data[i] == '\n';
	}
	lines_clear(&lines);
	listing_free(listing);
	print_stalls("while they became text", w);
	return rows;
}

static bool fill(void)
{
	bool ok = true;

	for (unsigned int i = 0; ok && i < staying; i += 1000) {
		rcu_read_lock();
		for (unsigned int j = i; ok && j < i + 1000 && j < staying; j++) {
			struct conn *conn = make(j, false);

			ok = conn;
			if (!ok)
				break;
			conn_lock(conn);
			conn_set_timeout(conns, conn, 3600000, director_now());
			conn_unlock(conn);
		}
		rcu_read_unlock();
		conns_expire(conns, director_now(), 1000); /* lets the hashes grow */
	}
	return ok;
}

static bool listings_right(struct worker *w)
{
	struct filter all = {.set = FILTER_CLIENT, .af = AF_INET, .netmask = htonl(0xff000000)};
	struct filter none = {.set = FILTER_PORT, .client_port = htons(1)};
	unsigned int rows, found;
	uint64_t ns = 0, ns_none = 0;

	all.client = build_addr("10.0.0.0");
	rows = list(&all, w, &ns);
	found = list(&none, w, &ns_none);
	printf("collected %u of %u in %llu ms, and %u in %llu ms\n", rows, staying,
	       (unsigned long long)ns / 1000000, found, (unsigned long long)ns_none / 1000000);
	return rows == staying && !found;
}

static bool kills_right(struct worker *w)
{
	struct killer *killer = killer_new(director, NULL, NULL);
	struct kill kill = {.filter = {.set = FILTER_CLIENT,
				       .af = AF_INET,
				       .client = build_addr("10.0.0.0"),
				       .netmask = htonl(0xff000000)},
			    .how = ENDING_RESET};
	uint64_t before = now_ns();

	killer_run(killer, &kill);
	printf("killed %llu in %llu ms\n", (unsigned long long)kill.ended,
	       (unsigned long long)(now_ns() - before) / 1000000);
	print_stalls("while all were killed", w);
	killer_free(killer);
	return kill.ended == staying;
}

static bool start(void)
{
	const struct director_conf conf = {
		.workers = 1, .queue_length = 1024, .table = "test", .mark_mask = 0xffff0000};
	const struct service_spec web = build_service(IPPROTO_TCP, "10.200.0.1", 80);
	const struct dest_spec spec = build_dest("10.201.0.1", 8080, 1);
	struct error err = {""};

	log_init(LOG_ERR);
	director = director_new(&conf, 1, &err);
	if (!director || director_service_add(director, &web, &err) ||
	    director_dest_add(director, &web.key, &spec, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return false;
	}
	conns = director_conns(director);
	rcu_read_lock();
	dest = service_dest(services_get(director_services(director), &web.key), spec.af,
			    &spec.addr, spec.port);
	rcu_read_unlock();
	return fill();
}

int main(void)
{
	const char *count = getenv("NFVS_STRESS_CONNS");
	struct worker worker = {.random = 88172645463325252ull};
	const struct timespec moment = {.tv_nsec = 200000000};
	bool ok;

	staying = count ? (unsigned int)strtoul(count, NULL, 10) : CONNS;
	rcu_register_thread();
	ok = start();
	if (ok) {
		pthread_create(&worker.thread, NULL, work, &worker);
		nanosleep(&moment, NULL);
		print_stalls("before", &worker);
		ok = listings_right(&worker);
		ok = kills_right(&worker) && ok;
		atomic_store(&stop, true);
		pthread_join(worker.thread, NULL);
		ok = ok && !worker.lost;
	}
	director_free(director);
	rcu_barrier();
	rcu_unregister_thread();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
